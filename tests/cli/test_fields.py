"""`syncd fields` asks a far system for the names that a mapping may use."""

from __future__ import annotations

from tests.cli import shop as shops


def test_the_fields_of_both_systems_are_listed_with_what_is_known_of_them(bare: shops.Shop) -> None:
    rows = {row["name"]: row for row in bare.syncd("fields", "acme", "dialer", "leads", "--json").json()}
    assert rows["gender"] == {
        "stream": "leads", "name": "gender", "type": "text 1", "writable": True, "label": "", "values": ["M", "F", "U"],
    }  # fmt: skip
    assert not rows["called_count"]["writable"]
    crm = bare.syncd("fields", "acme", "crm", "--json").json()
    assert {(row["stream"], row["name"]) for row in crm} >= {("leads", "do_not_call"), ("calls", "seconds")}
    calls = {row["name"]: row for row in bare.syncd("fields", "acme", "dialer", "calls", "--json").json()}
    assert "the CRM record" in calls["crm_id"]["label"]
    assert not any(row["writable"] for row in calls.values())


def test_without_json_it_is_a_table_for_each_stream(bare: shops.Shop) -> None:
    ran = bare.syncd("fields", "acme", "crm")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "acme crm.leads"
    assert lines[1].split() == ["field", "type", "written", "label", "values"]
    assert "acme crm.calls" in lines


def test_what_cannot_be_asked_is_said(bare: shops.Shop) -> None:
    assert "there is no client 'acne', did you mean acme?" in bare.syncd("fields", "acne", "crm").err
    ran = bare.syncd("fields", "acme", "crm", "people")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no stream of acme crm 'people' – there are: leads, calls" in ran.err
    settings = bare.settings()
    settings["clients"]["acme"]["crm"]["url"] = f"sqlite:///{bare.folder}/none/crm.db"
    bare.write(settings)
    ran = bare.syncd("fields", "acme", "crm")
    assert ran.code == 2
    assert "clients.acme.crm" in ran.err
    assert "Traceback" not in ran.err
