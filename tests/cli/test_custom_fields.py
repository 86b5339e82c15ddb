"""The command knows VICIdial's custom fields, and which leads hold something else than the CRM."""

from __future__ import annotations

from typing import Any

from tests.cli import shop as shops


def mapped(shop: shops.Shop, lists: list[str], **fields: object) -> None:
    """Make these the further fields of leads, which go into the first list or, by name, into the others."""
    settings = shop.settings()
    leads: dict[str, Any] = settings["clients"]["acme"]["pipelines"]["leads"]
    rules = [{"when": {"first_name": f"Person {number}"}, "value": one} for number, one in enumerate(lists)][1:]
    leads["fields"] |= {"list_id": {"rules": rules, "default": lists[0]} if rules else {"value": lists[0]}, **fields}
    settings["clients"]["acme"]["dialer"]["use_non_latin"] = False
    shop.write(settings)


def test_custom_fields_are_listed_with_their_lists(bare: shops.Shop) -> None:
    rows = {row["name"]: row for row in bare.syncd("fields", "acme", "dialer", "leads", "--json").json()}
    assert rows["crm_stage"] == {
        "stream": "leads", "name": "crm_stage", "type": "custom text", "writable": True, "label": "of list 101",
        "values": [],
    }  # fmt: skip


def test_a_custom_field_in_a_mapping_is_checked(bare: shops.Shop) -> None:
    mapped(bare, ["101"], crm_stage="lead_status")
    assert bare.syncd("config", "check").code == 0

    mapped(bare, ["101"], crm_stag="lead_status")
    ran = bare.syncd("config", "check", "--json")
    assert ran.code == 2
    [problem] = ran.json()["problems"]
    assert "dialer.leads has no field 'crm_stag'" in problem["what"]
    assert "crm_stage" in problem["fix"]
    assert "syncd.yaml:" in problem["where"]

    mapped(bare, ["101", "102"], crm_stage="lead_status")
    ran = bare.syncd("config", "check", "--json")
    assert ran.code == 0
    [problem] = ran.json()["problems"]
    assert not problem["fatal"]
    assert "list 102 (Other leads) has no custom field crm_stage" in problem["what"]
    assert problem["where"].endswith("leads.fields.crm_stage")

    mapped(bare, ["102"], crm_stage="lead_status")
    ran = bare.syncd("config", "check", "--json")
    assert ran.code == 2
    [problem] = ran.json()["problems"]
    assert "list 101 (Leads) has it" in problem["what"]


def test_leads_that_hold_something_else_than_the_crm_are_listed_without_their_values(shop: shops.Shop) -> None:
    mapped(shop, ["101", "102"], crm_stage="lead_status")
    shop.people(3)
    shop.crm("UPDATE people SET first_name = 'Zoë', lead_status = 'new' WHERE id = 3")
    shop.crm("UPDATE people SET lead_status = 'new' WHERE id = 1")
    assert shop.syncd("run", "--once").code == 0
    found = {one["record"]: one["fields"] for one in shop.syncd("altered", "acme", "--json").json()}
    assert found == {"3": ["first_name"], "1": ["crm_stage"]}
    ran = shop.syncd("altered", "acme")
    assert ran.out.splitlines()[0].split() == ["record", "lead", "fields"]
    assert "2 leads hold something else than the CRM" in ran.out
    assert "Zo" not in ran.out
    [(story,)] = shop.query(
        "SELECT group_concat(e.step || ' ' || e.detail, ' | ') FROM event e JOIN intent i ON i.id = e.intent_id "
        "WHERE i.subject = '3'"
    )
    assert story.endswith("created  | altered first_name")
