"""What a file compiles to: the core's pipelines and two connectors for each client."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from syncd.config import compile as compiler
from syncd.core import condition, mapping, model
from syncd.sdk import records

from .conftest import HEAD, Load


def pipelines(good: Load, text: str, client: str = "    phone_region: NO\n") -> dict[str, model.Pipeline]:
    (plan,) = compiler.clients(good(HEAD + client + text))
    return {pipe.name: pipe for pipe in plan.pipelines}


def leads(good: Load, rest: str = "", fields: str = "") -> model.Pipeline:
    text = f"    pipelines: {{leads: {{start: now{rest}, fields: {{phone_number: phone{fields}}}}}}}\n"
    return pipelines(good, text)["leads"]


def mapped(pipe: model.Pipeline, **fields: str | None) -> records.Fields:
    return pipe.fields({"phone": "22 12 34 56", **fields}).fields


@pytest.mark.parametrize(
    "marking",
    [
        "dnc: {start: now, fields: {barred: {value: true}}}",
        "dispositions: {start: now, fields: {barred: {rules: [{when: {status: [DNC, DNCL]}, value: true}]}}}",
        "dispositions: {start: now, fields: {barred: {rules: [{when: dnc, value: true}]}}}",
    ],
)
def test_leads_that_do_not_look_at_the_mark_that_others_set_are_worth_a_warning(good: Load, marking: str) -> None:
    def warnings(rest: str) -> list[str]:
        text = f"    pipelines:\n      leads: {{start: now{rest}, fields: {{phone_number: phone}}}}\n      {marking}\n"
        return [str(one) for one in good(HEAD + text).warnings]

    (said,) = warnings("")
    assert " clients.acme.pipelines.leads: people whom the CRM marks as do-not-call by barred are dialled – add" in said
    assert warnings(", opt_out: {barred: true}") == warnings(", where: {barred: {not: x}}") == []
    assert len(warnings(", opt_out: {other: true}")) == 1


def test_each_pipeline_goes_its_own_way(good: Load) -> None:
    found = pipelines(
        good,
        """\
    pipelines:
      calls: {start: all, every: 2m, fields: {person: crm_id}}
      dispositions: {start: now, mode: shadow, on_conflict: hold, fields: {last: call_date}}
      leads: {start: now, shared_phone: allow, opt_out: {dnc: true}, fields: {phone_number: phone}}
""",
    )
    assert {name: f"{pipe.source} {pipe.target}" for name, pipe in found.items()} == {
        "leads": "crm.leads dialer.leads",
        "calls": "dialer.calls crm.calls",
        "dispositions": "dialer.calls crm.leads",
    }
    assert [pipe.kind for pipe in found.values()] == ["leads", "calls", "dispositions"]
    assert {pipe.client for pipe in found.values()} == {"acme"}
    assert (found["calls"].every_seconds, found["calls"].start, found["calls"].opt_out) == (120.0, "all", None)
    assert (found["dispositions"].shadow, found["dispositions"].on_conflict) == (True, "hold")
    assert (found["leads"].shadow, found["leads"].shared_phone) == (False, "allow")
    assert found["leads"].guard == model.GuardLimits(max_updates=1000)


def test_the_crms_do_not_call_mark_counts_for_dispositions_too(good: Load) -> None:
    text = """\
    pipelines:
      leads: {start: now, opt_out: {dnc: true}, fields: {phone_number: phone}}
      dispositions: {start: now, fields: {last: call_date}}
"""
    found = pipelines(good, text)
    assert found["dispositions"].opt_out == found["leads"].opt_out
    assert found["leads"].opt_out == condition.Condition((condition.Test("dnc", "true"),))
    assert found["leads"].reads == ("dnc", "phone")
    assert found["dispositions"].reads == ("call_date",)  # the mark is the CRM's, not a field of a call


def test_a_phone_is_read_by_the_clients_country_although_it_is_written_no(good: Load) -> None:
    pipe = leads(good)
    assert mapped(pipe) == {"phone_code": "47", "phone_number": "22123456"}
    assert pipe.marked


def test_a_mapped_marker_field_leaves_leads_unmarked(good: Load) -> None:
    assert not leads(good, fields=", source_id: origin").marked


def test_values_are_what_the_file_says_whatever_yaml_would_make_of_them(good: Load) -> None:
    pipe = leads(
        good,
        fields=", a: {value: 012}, b: {value: 12:30:45}, c: {value: no}, d: {value: true}, e: {value: 1.10}, "
        "f: {value: 2026-11-20}, g: {value: '5'}, h: {value: 1e3}, i: {value: \"true\"}",
    )
    written = mapped(pipe)
    assert [written[name] for name in "abcdefghi"] == [
        "012", "12:30:45", "no", "true", "1.10", "2026-11-20", "5", "1e3", "true",
    ]  # fmt: skip


def test_rules_route_leads_to_lists(good: Load) -> None:
    pipe = leads(good, fields=", list_id: {rules: [{when: {state: [FL, GA], vip: true}, value: 101}], default: 999}")
    assert mapped(pipe, state="fl", vip="1")["list_id"] == "101"
    assert mapped(pipe, state="FL", vip="0")["list_id"] == "999"
    assert mapped(pipe, state="NY", vip="yes")["list_id"] == "999"


def test_a_field_is_mapped_transformed_looked_up_and_cleared(good: Load) -> None:
    pipe = leads(
        good,
        fields=", city: {from: [town, city], transform: [words, title], clear: true}, "
        "gender: {from: sex, map: {f: F, no: N}, unmapped: blank, default: U}",
    )
    assert mapped(pipe, city=" new  york ", sex="No")["city"] == "New York"
    assert mapped(pipe, sex="No")["gender"] == "N"
    assert mapped(pipe, sex="x") == {"phone_code": "47", "phone_number": "22123456", "city": None, "gender": "U"}


@pytest.mark.parametrize(
    ("where", "passing", "failing"),
    [
        ("{a: x}", {"a": "X "}, {"a": "y"}),
        ("{a: [x, no]}", {"a": "NO"}, {"a": None}),
        ("{a: true}", {"a": "Yes"}, {"a": "0"}),
        ("{a: false}", {"a": ""}, {"a": "true"}),
        ("{a: {not: x}}", {"a": ""}, {"a": "x"}),
        ("{a: {not: [x, y]}}", {"a": "z"}, {"a": "Y"}),
        ("{a: {set: true}}", {"a": "1"}, {"a": " "}),
        ("{a: {set: false}}", {}, {"a": "1"}),
        ("{a: {blank: true}}", {"a": None}, {"a": "1"}),
        ("{a: {not: x, set: yes}}", {"a": "y"}, {"a": ""}),
        ("{a: 1, b: 012}", {"a": "1", "b": "012"}, {"a": "1", "b": "12"}),
        ('{a: "true"}', {"a": "TRUE"}, {"a": "1"}),
    ],
)
def test_conditions_say_what_they_look_like(
    good: Load, where: str, passing: records.Fields, failing: records.Fields
) -> None:
    pipe = leads(good, rest=f", where: {where}")
    assert pipe.where(passing)
    assert not pipe.where(failing)


@pytest.mark.parametrize(
    ("start", "zone", "expected"),
    [
        ("2026-11-20", "", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20", "America/New_York", datetime(2026, 11, 20, 5, tzinfo=UTC)),
        ("2026-11-20 12:30", "America/New_York", datetime(2026, 11, 20, 17, 30, tzinfo=UTC)),
        ("2026-11-20T12:30:00+01:00", "America/New_York", datetime(2026, 11, 20, 11, 30, tzinfo=UTC)),
        ("2026-11-20T12:30:00Z", "", datetime(2026, 11, 20, 12, 30, tzinfo=UTC)),
        ("All", "", "all"),
    ],
)
def test_a_start_without_a_zone_is_in_the_clients(good: Load, start: str, zone: str, expected: object) -> None:
    text = f"    pipelines: {{leads: {{start: {start!r}, fields: {{phone_number: phone}}}}}}\n"
    client = f"    time_zone: {zone}\n" if zone else ""
    assert pipelines(good, text, client)["leads"].start == expected


def test_durations_and_the_guard_are_read_as_people_write_them(good: Load) -> None:
    text = "every: 1.5h, guard: {max_removes: ~, max_removes_share: 20%, max_updates: 5, max_updates_share: 0.25}"
    pipe = leads(good, rest=f", {text}")
    assert pipe.every_seconds == 5400.0
    assert pipe.guard == model.GuardLimits(None, 0.2, 5, 0.25)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("s: status", {"sale", "dnc", "dncl", "dncc"}),
        ("s: {from: status, map: {SALE: Sold, DNC: Never}, unmapped: pass}", {"sold", "never", "dncl", "dncc"}),
        ("s: {from: status, map: {SALE: Sold, DNC: Never}}", {"sold", "never"}),
        ("s: {from: status, rules: [{when: {status: [DNC, DNCL, DNCC]}, value: Never}]}", {"sale", "never"}),
        ("s: {from: status, map: {SALE: Done, NI: Done, DNC: Never}}", {"never"}),
        ("s: {from: status, map: {DNC: 'yes'}, unmapped: blank, default: 'no'}", {"yes"}),
        ("s: {rules: [{when: {status: DNC}, value: 'yes'}], default: 'no'}", set()),
        ("s: call_date", set()),
        ("s: {rules: [{when: sale, value: Won}, {when: [dnc, unworkable], value: Never}], default: open}", {"won"}),
        ("s: {rules: [{when: sale, value: Won}, {when: dnc, value: Never}], default: open}", {"won", "never"}),
        ("s: {rules: [{when: {flags: dnc}, value: 'yes'}, {when: callback, value: 'yes'}]}", set()),
    ],
)
def test_protected_statuses_are_known_as_the_mapping_writes_them(good: Load, fields: str, expected: set[str]) -> None:
    text = f"    pipelines: {{dispositions: {{start: now, fields: {{{fields}}}}}}}\n"
    assert pipelines(good, text)["dispositions"].protect == expected


def test_a_rule_may_name_flags_of_a_calls_status(good: Load) -> None:
    text = """\
    pipelines:
      calls:
        start: now
        where: [human_answered, machine]
        fields:
          result:
            rules:
              - {when: sale, value: Won}
              - {when: {flags: callback, user: bo}, value: Bo calls back}
              - {when: {flags: {not: [completed, retry]}}, value: Open}
              - {when: {flags: completed human_answered}, value: Talked}
            default: Closed
"""
    pipe = pipelines(good, text)["calls"]

    def result(flags: str, user: str = "ann") -> str | None:
        return pipe.fields({"flags": flags, "user": user}).fields["result"]

    assert [result("completed human_answered sale"), result("callback retry", "Bo"), result("callback retry")] == [
        "Won",
        "Bo calls back",
        "Closed",
    ]
    assert [result(""), result("not_interested"), result("salesman completed")] == ["Open", "Open", "Closed"]
    assert [result("completed dnc human_answered"), result("completed")] == ["Talked", "Closed"]
    assert [pipe.where({"flags": flags}) for flags in ("machine", "retry human_answered", "retry", "")] == [
        True,
        True,
        False,
        False,
    ]
    assert set(pipe.reads) == {"flags", "user"}


def test_protected_statuses_can_be_chosen(good: Load) -> None:
    text = "    pipelines: {dispositions: {start: now, protect: [sale, PAID], fields: {s: status}}}\n"
    assert pipelines(good, text)["dispositions"].protect == {"sale", "paid"}


def test_the_identity_changes_with_the_systems_and_with_nothing_else(good: Load) -> None:
    def identity(
        dialer: str = "one.example", crm: str = "u:p@db.example/crm", table: str = "people", more: str = ""
    ) -> str:
        text = f"""\
clients:
  acme:
    crm: {{type: sql, url: "mysql://{crm}", leads: {{table: {table}, id: id, modified: changed}}{more}}}
    dialer: {{type: vicidial, url: "http://{dialer}", user: api, password: abc{more and ", connections: 2"}}}
    pipelines: {{leads: {{start: now, fields: {{phone_number: phone}}}}}}
"""
        (plan,) = compiler.clients(good(text))
        return plan.identity

    assert identity() == identity(
        "ONE.example/", "other:secret@DB.example/crm", more=", page_size: 7, time_zone: Europe/Rome"
    )
    different = {identity(), identity("two.example"), identity(crm="u:p@db.example/new"), identity(table="leads")}
    assert len(different) == 4


def test_each_call_makes_connectors_of_its_own(good: Load) -> None:
    settings = good(HEAD + "    pipelines: {leads: {start: now, fields: {phone_number: phone}}}\n")
    (first,), (second,) = compiler.clients(settings), compiler.clients(settings)
    assert first.crm is not second.crm
    assert first.identity == second.identity


AGENTS = "    agents: {6666: ann@example.com, 7777: '005B'}\n"


def test_agents_are_translated_into_owners_and_back(good: Load) -> None:
    text = """\
    pipelines:
      leads: {start: now, fields: {phone_number: phone, owner: {from: OwnerId, agents: user}}}
      calls: {start: now, fields: {OwnerId: {from: user, agents: owner}, by: {from: user, agents: owner, default: x}}}
"""
    found = pipelines(good, text, AGENTS)
    calls = found["calls"].fields
    assert calls({"user": "6666"}).fields == {"OwnerId": "ann@example.com", "by": "ann@example.com"}
    assert calls({"user": "8888"}) == mapping.Mapped({"by": "x"})
    assert mapped(found["leads"], OwnerId="005b")["owner"] == "7777"
    assert "owner" not in mapped(found["leads"], OwnerId="005C")
    other = pipelines(good, text, AGENTS.replace("005B", "005C"))
    assert other["calls"].fields.version != calls.version


@pytest.mark.parametrize(("unmapped", "problems"), [("pass", 0), ("hold", 1)])
def test_an_agent_who_is_not_in_the_map_is_what_unmapped_says(good: Load, unmapped: str, problems: int) -> None:
    spec = f"{{from: user, agents: owner, unmapped: {unmapped}}}"
    text = f"    pipelines: {{calls: {{start: now, fields: {{a: {spec}}}}}}}\n"
    result = pipelines(good, text, AGENTS)["calls"].fields({"user": "8888"})
    assert (len(result.problems), result.fields) == (problems, {} if problems else {"a": "8888"})


def test_a_template_names_its_sources_and_is_filled(good: Load) -> None:
    pipe = leads(good, fields=", comments: {template: '{{ first }} of {{ city }}', transform: upper}")
    assert pipe.reads == ("city", "first", "phone")
    assert mapped(pipe, first="Ann", city="Oslo")["comments"] == "ANN OF OSLO"


def test_edits_look_at_the_called_lead_and_have_a_policy_for_each_field(good: Load) -> None:
    text = """\
    pipelines:
      edits:
        start: now
        where: {status: [SALE]}
        on_conflict: crm
        policy: {email: newest}
        fields: {email: email, name: first_name}
"""
    edits = pipelines(good, text)["edits"]
    assert (str(edits.source), str(edits.looks_at), str(edits.target)) == ("dialer.calls", "dialer.leads", "crm.leads")
    assert edits.reads == ("email", "first_name", "status")
    assert edits.edit_policy == {"email": "newest", "name": "crm"}
