"""The simulated HubSpot portal refuses what the real one refuses, and keeps what it is told."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from syncd.simulators import hubspot
from syncd.simulators.hubspot import server
from tests.simulators.asking import Door

OBJECTS = "/crm/v3/objects/contacts"
DATED = "/crm/objects/2026-03/contacts"


def ask(sim: server.Simulator, method: str, path: str, body: Any = None, token: str = "pat-sim") -> tuple[int, Any]:
    """Status and JSON of one request."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    status, text = Door(sim.url).request(method, path, None if body is None else json.dumps(body), headers)
    return status, json.loads(text) if text else None


def add(sim: server.Simulator, *rows: dict[str, str], kind: str = "contacts") -> list[str]:
    """Ids of objects that somebody made in the portal."""
    ids: list[str] = Door(sim.url).sim("add", type=kind, rows=list(rows))["ids"]
    return ids


def matching(sim: server.Simulator, *filters: dict[str, Any], **more: Any) -> tuple[int, list[str]]:
    """Total and ids of a search with one group of filters."""
    body = {"filterGroups": [{"filters": list(filters)}], "limit": 200, **more}
    status, answer = ask(sim, "POST", DATED + "/search", body)
    assert status == 200, answer
    return answer["total"], [one["id"] for one in answer["results"]]


def test_both_forms_of_a_path_reach_the_same_objects_page_by_page() -> None:
    with hubspot.serve() as sim:
        ids = add(sim, *({"firstname": f"n{number}"} for number in range(5)))
        for base in (OBJECTS, DATED):
            status, first = ask(sim, "GET", base + "?limit=3&properties=firstname")
            assert status == 200
            _, second = ask(sim, "GET", f"{base}?limit=3&after={first['paging']['next']['after']}")
            assert [one["id"] for one in first["results"] + second["results"]] == ids
            assert first["results"][0]["properties"]["firstname"] == "n0"
            assert "paging" not in second


def test_filters_are_a_tree_of_typed_comparisons() -> None:
    with hubspot.serve() as sim:
        ids = add(sim, {"call_attempts": "9", "city": "Tampa"}, {"call_attempts": "10"}, {"city": "TAMPA"})
        assert matching(sim, {"propertyName": "call_attempts", "operator": "GT", "value": "9"}) == (1, [ids[1]])
        assert matching(sim, {"propertyName": "city", "operator": "EQ", "value": "tampa"})[1] == [ids[0], ids[2]]
        assert matching(sim, {"propertyName": "city", "operator": "NOT_HAS_PROPERTY"})[1] == [ids[1]]
        both: list[dict[str, Any]] = [
            {"propertyName": "city", "operator": "IN", "values": ["tampa"]},
            {"propertyName": "call_attempts", "operator": "HAS_PROPERTY"},
        ]
        assert matching(sim, *both)[1] == [ids[0]]
        groups = [{"filters": [one]} for one in both]
        assert matching(sim, filterGroups=groups)[0] == 3


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"filterGroups": [{"filters": [{"propertyName": "nope", "operator": "EQ", "value": "1"}]}]}, "no property"),
        ({"filterGroups": [{"filters": [{"propertyName": "city", "operator": "LIKE", "value": "1"}]}]}, "operator"),
        ({"filterGroups": [{"filters": []}]}, "1 to 6 filters"),
        ({"filterGroups": [{"filters": [{"propertyName": "city", "operator": "EQ"}]}]}, "needs a value"),
        ({"limit": 201}, "limit must be 1 to 200"),
        ({"limit": 200, "after": "9801"}, "at most 10000 results"),
        ({"sorts": [{"propertyName": "city"}, {"propertyName": "city"}]}, "at most one sort"),
        ({"colour": "red"}, "unknown keys"),
    ],
)
def test_a_search_that_the_real_one_refuses_is_refused(change: dict[str, Any], complaint: str) -> None:
    with hubspot.serve() as sim:
        status, answer = ask(sim, "POST", OBJECTS + "/search", change)
        assert (status, answer["category"]) == (400, "VALIDATION_ERROR")
        assert complaint in answer["message"]


def test_search_sees_a_change_only_after_the_lag_and_reading_by_id_at_once() -> None:
    with hubspot.serve(index_lag=60) as sim:
        door, tampa = Door(sim.url), {"propertyName": "city", "operator": "EQ", "value": "Tampa"}
        door.sim("clock", freeze=True)
        (one,) = add(sim, {"city": "Tampa"})
        assert matching(sim, tampa)[0] == 0
        door.sim("clock", offset_seconds=61)
        assert matching(sim, tampa)[1] == [one]
        door.sim("edit", type="contacts", id=one, fields={"city": "Miami"})
        assert matching(sim, tampa)[1] == [one]
        read = ask(sim, "POST", DATED + "/batch/read", {"inputs": [{"id": one}], "properties": ["city"]})[1]
        assert read["results"][0]["properties"]["city"] == "Miami"
        door.sim("clock", offset_seconds=122)
        assert matching(sim, tampa)[0] == 0


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"nope": "1"}, "PROPERTY_DOESNT_EXIST"),
        ({"createdate": "2026-01-01"}, "READ_ONLY_VALUE"),
        ({"hs_lead_status": "MAYBE"}, "INVALID_OPTION"),
        ({"do_not_call": "yes"}, "INVALID_OPTION"),
        ({"call_attempts": "many"}, "INVALID_INTEGER"),
        ({"birthday": "tomorrow"}, "INVALID_DATE"),
        ({"last_call": "yesterday"}, "INVALID_LONG"),
        ({"email": "a@example.com"}, "CONFLICTING_UNIQUE_VALUE"),
    ],
)
def test_a_value_that_the_portal_does_not_take_refuses_the_batch_or_its_row(fields: dict[str, str], code: str) -> None:
    with hubspot.serve() as sim:
        ids = add(sim, {"email": "a@example.com"}, {}, {})
        rows: list[dict[str, Any]] = [
            {"id": ids[1], "properties": fields},
            {"id": ids[2], "properties": {"city": "Tampa"}},
        ]
        status, answer = ask(sim, "POST", DATED + "/batch/update", {"inputs": rows})
        assert (status, answer["errors"][0]["code"]) == (400, code)
        traced = [{**row, "objectWriteTraceId": str(place)} for place, row in enumerate(rows)]
        status, answer = ask(sim, "POST", DATED + "/batch/update", {"inputs": traced})
        assert (status, [one["id"] for one in answer["results"]]) == (207, [ids[2]])
        assert answer["errors"][0]["context"]["objectWriteTraceId"] == ["0"]
        assert answer["errors"][0]["errors"][0]["code"] == code


def test_a_validation_rule_refuses_the_whole_batch_with_its_text() -> None:
    rule = {"type": "contacts", "property": "city", "pattern": "[A-Z].*", "message": "Cities start with a capital"}
    with hubspot.serve({"rules": [rule]}) as sim:
        ids = add(sim, {}, {})
        rows = [
            {"id": one, "properties": {"city": city}, "objectWriteTraceId": one}
            for one, city in zip(ids, ("Tampa", "x"), strict=True)
        ]
        status, answer = ask(sim, "POST", DATED + "/batch/update", {"inputs": rows})
        assert (status, answer["errors"][0]["code"]) == (400, "FAILED_VALIDATION")
        assert answer["errors"][0]["message"] == rule["message"]
        assert "city" not in Door(sim.url).sim("world")["objects"]["contacts"][ids[0]]


def test_a_batch_has_at_most_100_inputs_and_no_id_twice() -> None:
    with hubspot.serve() as sim:
        many = [{"id": str(number)} for number in range(101)]
        assert ask(sim, "POST", OBJECTS + "/batch/read", {"inputs": many})[0] == 400
        twice = [{"id": "1", "properties": {}}] * 2
        assert ask(sim, "POST", OBJECTS + "/batch/update", {"inputs": twice})[0] == 400


def test_an_upsert_by_a_unique_property_makes_one_call() -> None:
    definition = {
        "name": "vicidial_call_id", "label": "Call", "type": "string", "fieldType": "text", "groupName": "call",
        "hasUniqueValue": True,
    }  # fmt: skip
    with hubspot.serve() as sim:
        row = {"id": "k1", "idProperty": "vicidial_call_id", "properties": {"hs_timestamp": "2026-01-01T00:00:00Z"}}
        path = "/crm/objects/2026-03/calls/batch/upsert"
        assert ask(sim, "POST", path, {"inputs": [row]})[0] == 400
        assert ask(sim, "POST", "/crm/properties/2026-03/calls", definition)[0] == 201
        assert ask(sim, "POST", "/crm/properties/2026-03/calls", definition)[0] == 409
        made = [ask(sim, "POST", path, {"inputs": [row]})[1]["results"][0] for _ in range(2)]
        assert [one["new"] for one in made] == [True, False]
        assert made[0]["id"] == made[1]["id"]


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"hs_task_subject": "Call back"}, "hs_timestamp is required"),
        ({"hs_timestamp": ""}, "hs_timestamp is required"),
        ({"hs_timestamp": "tomorrow"}, "not a valid long"),
        ({"hs_timestamp": "1", "hs_task_status": "CANCELLED"}, "allowed options"),
        ({"hs_timestamp": "1", "hs_task_type": "VISIT"}, "allowed options"),
        ({"hs_timestamp": "1", "hubspot_owner_id": "1"}, "allowed options"),
        ({"hs_timestamp": "1", "hs_call_title": "of calls only"}, "does not exist"),
    ],
)
def test_a_task_that_the_real_one_refuses_is_refused(fields: dict[str, str], complaint: str) -> None:
    with hubspot.serve() as sim:
        body = {"inputs": [{"properties": fields, "objectWriteTraceId": "0"}]}
        status, answer = ask(sim, "POST", "/crm/objects/2026-03/0-27/batch/create", body)
        assert (status, complaint in str(answer["errors"][0])) == (207, True)
        assert Door(sim.url).sim("world")["counts"]["tasks"] == 0


def test_archived_and_merged_objects_leave_and_a_loser_s_id_leads_to_the_winner() -> None:
    with hubspot.serve() as sim:
        winner, loser, gone = add(sim, {"city": "Tampa"}, {"phone": "1"}, {})
        ask(sim, "POST", OBJECTS + "/merge", {"primaryObjectId": winner, "objectIdToMerge": loser})
        assert ask(sim, "POST", OBJECTS + "/batch/archive", {"inputs": [{"id": gone}]})[0] == 204
        assert [one["id"] for one in ask(sim, "GET", OBJECTS)[1]["results"]] == [winner]
        archived = ask(sim, "GET", OBJECTS + "?archived=true")[1]["results"]
        assert [(one["id"], one["archived"]) for one in archived] == [(gone, True)]
        status, answer = ask(
            sim, "POST", OBJECTS + "/batch/read",
            {"inputs": [{"id": loser}, {"id": gone}], "properties": ["hs_merged_object_ids"]},
        )  # fmt: skip
        assert (status, answer["results"][0]["id"], answer["errors"][0]["context"]["ids"]) == (207, winner, [gone])
        assert answer["results"][0]["properties"]["hs_merged_object_ids"] == loser


def test_a_default_association_needs_both_ends_and_is_made_once() -> None:
    with hubspot.serve() as sim:
        (contact,) = add(sim, {})
        (call,) = add(sim, {"hs_timestamp": "1"}, kind="calls")
        path = f"/crm/v4/objects/calls/{call}/associations/default/contacts/"
        assert [ask(sim, "PUT", path + contact)[0] for _ in range(2)] == [200, 200]
        assert ask(sim, "PUT", path + "404")[0] == 404
        pairs = [{"from": {"id": call}, "to": {"id": one}} for one in (contact, "404")]
        status, answer = ask(
            sim, "POST", "/crm/associations/2026-03/calls/contacts/batch/associate/default", {"inputs": pairs}
        )
        assert (status, len(answer["results"]), answer["errors"][0]["context"]["notFound"]) == (207, 1, ["404"])
        assert Door(sim.url).sim("world")["associations"] == [["calls", call, "contacts", contact]]


def test_tokens_scopes_and_limits_are_looked_at_first() -> None:
    with hubspot.serve({"tokens": {"pat-sim": [], "other": ["crm.objects.contacts.read"]}}, daily=3) as sim:
        assert ask(sim, "GET", OBJECTS, token="wrong")[0] == 401
        assert ask(sim, "GET", OBJECTS)[0] == 403
        assert ask(sim, "GET", OBJECTS, token="other")[0] == 200
        assert ask(sim, "POST", OBJECTS + "/batch/update", {"inputs": [{}]}, token="other")[0] == 403
        status, answer = ask(sim, "GET", OBJECTS, token="other")
        assert (status, answer["policyName"]) == (429, "DAILY")


@pytest.mark.parametrize(
    ("fault", "status"),
    [("unauthorized", 401), ("forbidden", 403), ("busy", 429), ("busy_bare", 429), ("used_up", 429)],
)
def test_a_bad_day_is_answered_before_anything_is_applied(fault: str, status: int) -> None:
    with hubspot.serve(fault_spec=fault) as sim:
        body = {"inputs": [{"properties": {"city": "Tampa"}}]}
        assert ask(sim, "POST", OBJECTS + "/batch/create", body)[0] == status
        assert Door(sim.url).sim("world")["counts"]["contacts"] == 0


def test_the_first_input_of_a_batch_fails_and_a_cursor_dies_when_ordered() -> None:
    with hubspot.serve(fault_spec="partial@1") as sim:
        rows = [{"properties": {"city": city}} for city in ("Tampa", "Miami")]
        status, answer = ask(sim, "POST", OBJECTS + "/batch/create", {"inputs": rows})
        assert (status, answer["results"][0]["properties"]["city"]) == (207, "Miami")
        Door(sim.url).sim("faults", spec="dead_cursor")
        assert ask(sim, "GET", OBJECTS)[0] == 200
        assert ask(sim, "GET", OBJECTS + "?after=1")[0] == 400


def test_the_command_starts_it_and_says_when_it_is_ready() -> None:
    command = (sys.executable, "-m", "syncd.simulators.hubspot", "--listen", "127.0.0.1:0", "--index-lag", "2")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = re.fullmatch(r"ready (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
        assert ready is not None
        assert Door(ready[1]).sim("clock")["now"] > 0
        process.terminate()
        assert process.wait(10) == 0
