"""`syncd config check` looks each name of a field up on the far side and says where in the file it stands."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.cli import shop as shops

FILE = """\
store: sqlite:///{folder}/syncd.db
clients:
  acme:
    crm:
      type: sql
      url: sqlite:///{folder}/crm.db
      leads: {{table: people, id: id, modified: modified}}
      calls: {{table: calls, key: call_key}}
    dialer:
      type: vicidial
      url: {url}
      user: "6666"
      password: "1234"
      time_zone: America/New_York
    pipelines:
      leads:
        start: all
        where: {{consnt: true}}
        opt_out: {{do_not_cal: true}}
        fields:
          phone_number: {{from: [phone, mobile_phone]}}
          emal: first_name
          last_name: {{from: frst_name}}
          called_count: {{value: 3}}
          list_id:
            rules:
              - {{when: {{Stat: FL}}, value: 101}}
            default: 101
      calls:
        start: all
        fields:
          prson: crm_id
          status: usr
      dispositions:
        start: all
        fields:
          lead_statu: status
"""


FLAGS = """\
      calls:
        start: all
        where: [sale, mashine]
        fields:
          status: {rules: [{when: [callback, sael], value: good}, {when: {flags: {not: Dnc}, usr: x}, value: bad}]}
"""


def problems(shop: shops.Shop, text: str) -> list[str]:
    shop.config.write_text(text, "utf-8")
    shop.config.chmod(0o600)
    ran = shop.syncd("config", "check")
    found = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert ran.code == (2 if found else 0), ran.err
    return [line.removeprefix(f"error: {shop.config}:") for line in found]


def test_every_name_that_a_far_side_does_not_have_is_told_in_its_place_with_what_was_meant(bare: shops.Shop) -> None:
    found = problems(bare, FILE.format(folder=bare.folder, url=bare.sim.url))
    pipelines = "clients.acme.pipelines"
    assert [line.partition(" – ")[0].partition(", did you")[0] for line in found] == [
        f"18:17 {pipelines}.leads.where.consnt: crm.leads has no field 'consnt'",
        f"19:19 {pipelines}.leads.opt_out.do_not_cal: crm.leads has no field 'do_not_cal'",
        f"21:40 {pipelines}.leads.fields.phone_number.from.1: crm.leads has no field 'mobile_phone'",
        f"22:11 {pipelines}.leads.fields.emal: dialer.leads has no field 'emal'",
        f"23:29 {pipelines}.leads.fields.last_name.from: crm.leads has no field 'frst_name'",
        f"24:11 {pipelines}.leads.fields.called_count: dialer.leads: called_count cannot be written",
        f"27:25 {pipelines}.leads.fields.list_id.rules.0.when.Stat: crm.leads has no field 'Stat'",
        f"32:11 {pipelines}.calls.fields.prson: crm.calls has no field 'prson'",
        f"33:19 {pipelines}.calls.fields.status: dialer.calls has no field 'usr'",
        f"37:11 {pipelines}.dispositions.fields.lead_statu: crm.leads has no field 'lead_statu'",
    ]
    meant = ("do_not_call", "email", "first_name", "person", "user", "lead_status")
    assert [name for name in meant if not any(line.endswith(f", did you mean {name}?") for line in found)] == []


def test_a_fixed_value_that_the_field_cannot_hold_is_told_in_its_place(bare: shops.Shop) -> None:
    gender = "{from: first_name, map: {female: W, male: M}, default: u, rules: [{when: {id: 1}, value: X}]}"
    text = FILE.partition("        where:")[0] + "        fields:\n          phone_number: phone\n"
    text = text.format(folder=bare.folder, url=bare.sim.url)
    text += f"          gender: {gender}\n          comments: {{template: '{{{{ first_name }}}} {{{{ cty }}}}'}}\n"
    found = problems(bare, text)
    place = "clients.acme.pipelines.leads.fields"
    there = "dialer.leads: gender cannot hold this value – there are: F, M, U"
    columns = "deleted_at, do_not_call, first_name, id, lead_status, modified, phone"
    assert [line for line in found if "fields" in line] == [
        f"20:52 {place}.gender.map.female: {there}",
        f"20:108 {place}.gender.rules.0.value: {there}",
        f"21:32 {place}.comments.template: crm.leads has no field 'cty' – there are: {columns}",
    ]
    warned = bare.syncd("config", "check").err
    assert f":20:74 {place}.gender.default: the far side writes this value otherwise, did you mean U?" in warned


def test_an_agent_whom_the_field_cannot_hold_is_told_in_the_map(bare: shops.Shop) -> None:
    settings = bare.settings()
    acme = settings["clients"]["acme"]
    acme["agents"] = {"M": "o1", "X": "o2", "ann@example.com": "o3"}
    acme["pipelines"]["leads"]["fields"]["gender"] = {"from": "first_name", "agents": "user"}
    bare.write(settings)
    found = [line for line in bare.syncd("config", "check").err.splitlines() if ".agents" in line]
    assert [line.partition(" clients")[2] for line in found] == [
        ".acme.agents.X: dialer.leads: gender cannot hold this value – there are: F, M, U"
    ]


def test_a_column_of_the_view_that_the_written_table_lacks_cannot_be_written(bare: shops.Shop) -> None:
    with closing(sqlite3.connect(bare.folder / "crm.db")) as connection, connection:
        connection.execute("CREATE VIEW seen AS SELECT *, lead_status AS shown FROM people")
    settings = bare.settings()
    acme = settings["clients"]["acme"]
    acme["crm"]["leads"] |= {"table": "seen", "write_table": "people"}
    acme["pipelines"]["dispositions"]["fields"] = {"lead_status": "status", "shown": "status"}
    bare.write(settings)
    ran = bare.syncd("config", "check")
    assert ran.code == 2
    (said,) = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert "clients.acme.pipelines.dispositions.fields.shown: crm.leads: shown cannot be written" in said


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("modified", "modfied", ":7:48 clients.acme.crm.leads.modified: people: no column 'modfied'"),
        ("table", "poeple", ":7:22 clients.acme.crm.leads.table: poeple: no such table or view"),
    ],
)
def test_what_the_crm_says_stands_in_the_place_of_the_option(
    bare: shops.Shop, option: str, value: str, said: str
) -> None:
    right = {"table": "people", "modified": "modified"}[option]
    text = FILE.format(folder=bare.folder, url=bare.sim.url).replace(f"{option}: {right}", f"{option}: {value}")
    found = [f":{line}" for line in problems(bare, text)]
    assert [line for line in found if line.startswith(said)], found


def test_what_the_dialer_says_stands_in_the_place_of_the_option(bare: shops.Shop) -> None:
    text = FILE.format(folder=bare.folder, url=bare.sim.url).replace('"1234"', '"wrong"')
    found = problems(bare, text)
    assert any(line.startswith(("12:13 clients.acme.dialer.user:", "13:17 clients.acme.dialer.pass")) for line in found)
    assert "wrong" not in "".join(found)


def test_letters_that_the_dialer_would_drop_are_worth_a_warning_until_the_option_is_said(bare: shops.Shop) -> None:
    ran = bare.syncd("config", "check")
    (said,) = [line for line in ran.err.splitlines() if "ASCII" in line]
    assert said.startswith("warning: ")
    assert " clients.acme.pipelines.leads.fields.first_name: letters that are not ASCII" in said
    assert "use_non_latin" in said
    assert ran.code == 0
    settings = bare.settings()
    settings["clients"]["acme"]["dialer"]["use_non_latin"] = False
    bare.write(settings)
    assert "ASCII" not in bare.syncd("config", "check").err


def test_a_flag_that_no_status_has_is_found_before_it_never_holds(shop: shops.Shop) -> None:
    text = FILE.format(folder=shop.folder, url=shop.sim.url)
    text = text[: text.index("      leads:\n        start")] + FLAGS
    place = "clients.acme.pipelines.calls"
    assert problems(shop, text) == [
        f"18:9 {place}.where: no flag 'mashine', did you mean machine?",
        f"20:29 {place}.fields.status.rules.0.when: no flag 'sael', did you mean sale?",
        f"20:94 {place}.fields.status.rules.1.when.usr: dialer.calls has no field 'usr', did you mean user?",
    ]
