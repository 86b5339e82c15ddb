"""The Agent API for agents at work: every answer as agc/api.php of trunk 3884 words it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from string import Template
from typing import Any

import pytest

from syncd.simulators import vicidial
from tests.simulators.asking import AGENT, DATA, Door

LEAD = 5001  # 7275550501
NUMBER = "7275551212"
DIAL = {"value": NUMBER, "phone_code": "1", "search": "YES", "preview": "NO", "focus": "YES"}
CALL = {"status": "INCALL", "lead_id": LEAD}
Case = dict[str, Any]


@pytest.fixture(scope="module")
def sim() -> Iterator[vicidial.Simulator]:
    """One server for all: each test logs its agent in anew."""
    with vicidial.serve() as found:
        found.world.clock.freeze(frozen=True)
        found.world.floor.outbound_cid_any = "API_ONLY"
        yield found


@pytest.fixture
def door(sim: vicidial.Simulator) -> Door:
    """Its door, with nobody logged in."""
    with sim.lock:
        sim.world.floor.agents.clear()
        sim.world.floor.manual_dial_queue.clear()
        sim.world.floor.waiting_calls.clear()
    return Door(sim.url)


def ask(door: Door, function: str, **parameters: str) -> str:
    login = {"source": "syncd", "user": "6666", "pass": "1234", "agent_user": "1001", "function": function}
    status, body = door.post(AGENT, {**login, **parameters})
    assert status == 200
    return body


def agent(door: Door, name: str = "1001") -> dict[str, Any]:
    found: list[dict[str, Any]] = door.sim("world", include=["agents"])["agents"]
    return next(row for row in found if row["user"] == name)


NOT_LOGGED_IN = "ERROR: agent_user is not logged in - 1001"
# As agc/api.php words them; `agent`: what the agent does (null: is not logged in), ${…}: what the test knows.
CASES: list[Case] = json.loads((DATA / "agent_api.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case['function']}" for number, case in enumerate(CASES)])
def test_a_function_answers(door: Door, case: Case) -> None:
    known = {"epoch": str(door.sim("clock")["epoch"])}
    if case["agent"] is not None:
        known |= door.sim("agent", user="1001", **{"campaign_id": "TESTCAMP", **case["agent"]})
    assert ask(door, case["function"], **case["params"]) == Template(case["response"]).substitute(known)


def test_functions_that_the_user_may_not_call_are_refused_after_their_parameters(door: Door) -> None:
    few = {"user": "7003", "pass": "fewfuncs"}
    reason = "auth USER DOES NOT HAVE PERMISSION TO USE THIS FUNCTION"
    assert ask(door, "pause_code", value="A", **few) == f"ERROR: {reason} - A|7003|pause_code|ADMIN\n"
    assert ask(door, "pause_code", value="", **few) == "ERROR: pause_code not valid - |1001\n"


def test_a_user_without_the_right_to_the_api_is_refused_though_the_password_is_right(door: Door) -> None:
    answer = ask(door, "pause_code", value="A", user="1002", **{"pass": "a2"})
    assert answer == "ERROR: Invalid Username/Password: |1002|a2|1|0|GOOD|\n"
    assert ask(door, "pause_code", value="A", source="s") == "ERROR: Invalid Source - s\n"


def test_a_number_is_queued_once_in_a_campaign_that_queues_manual_calls(door: Door) -> None:
    door.sim("agent", user="1001", campaign_id="OTHER", status="INCALL", lead_id=LEAD)
    assert ask(door, "external_dial", **DIAL).startswith("SUCCESS: external_dial function set - ")
    again = ask(door, "external_dial", **DIAL)
    assert again == f"ERROR: phone_number is already in this agents manual dial queue - 1001|{NUMBER}\n"
    [queued] = door.sim("world", include=["manual_dial_queue"])["manual_dial_queue"]
    assert queued["external_dial"].startswith(f"{NUMBER}!1!YES!NO!YES!!")


def test_who_may_not_dial_by_hand_and_what_the_system_forbids(door: Door, sim: vicidial.Simulator) -> None:
    door.sim("agent", user="7004", campaign_id="TESTCAMP")
    refused = ask(door, "external_dial", **{**DIAL, "agent_user": "7004"})
    assert refused == "ERROR: agent_user is not allowed to place manual dial calls - 7004\n"
    door.sim("agent", user="1001", campaign_id="TESTCAMP")
    with sim.lock:
        sim.world.floor.outbound_cid_any = "DISABLED"
    try:
        refused = ask(door, "external_dial", **{**DIAL, "outbound_cid": "7275550199"})
    finally:
        with sim.lock:
            sim.world.floor.outbound_cid_any = "API_ONLY"
    assert refused == "ERROR: outbound_cid is not allowed on this system - 1001|7275550199|DISABLED\n"


def test_an_in_group_call_is_not_for_an_agent_whose_campaign_dials_by_hand(door: Door, sim: vicidial.Simulator) -> None:
    door.sim("agent", user="1001", campaign_id="TESTCAMP")
    with sim.lock:
        sim.world.campaigns["TESTCAMP"].dial_method = "MANUAL"
    try:
        answer = ask(door, "change_ingroups", value="CHANGE", blended="YES")
    finally:
        with sim.lock:
            sim.world.campaigns["TESTCAMP"].dial_method = "RATIO"
    assert answer == "ERROR: campaign dial_method does not allow outbound autodial - 1001|YES\n"


def test_a_lead_that_an_agent_is_given_is_in_the_list_of_manual_calls(door: Door) -> None:
    door.sim("agent", user="1001", campaign_id="TESTCAMP")
    given = {
        "value": "",
        "phone_number": "7275559901",
        "phone_code": "1",
        "first_name": "Ann+O'Neil",
        "vendor_id": "K9",
    }
    answer = ask(door, "external_add_lead", **given)
    lead = door.leads()["7275559901"]
    assert answer == f"SUCCESS: lead added - 7275559901|TESTCAMP|998|{lead['lead_id']}|1001\n"
    kept = {name: lead[name] for name in ("list_id", "status", "user", "vendor_lead_code", "first_name")}
    assert kept == {
        "list_id": "998", "status": "NEW", "user": "6666", "vendor_lead_code": "K9", "first_name": "Ann O'Neil",
    }  # fmt: skip
    again = ask(door, "external_add_lead", **given)
    assert again.startswith("SUCCESS: lead added - ")  # nothing looks for duplicates


def test_calls_that_wait_for_an_agent_are_counted_and_no_line_end_follows(door: Door) -> None:
    door.sim("agent", user="1001", campaign_id="TESTCAMP", in_groups=["SALESLINE", "AGENTDIRECT"])
    for place, waiting in (("TESTCAMP", 2), ("SALESLINE", 3), ("SUPPORT", 5)):
        door.sim("queue", campaign_id=place, waiting=waiting)
    door.sim("queue", campaign_id="AGENTDIRECT_2", waiting=1, agent_only="1001")
    door.sim("queue", campaign_id="AGENTDIRECT_3", waiting=1, agent_only="1002")
    assert ask(door, "calls_in_queue_count", value="DISPLAY") == "SUCCESS: calls_in_queue_count - 6"


def test_an_agent_is_found_by_the_name_that_another_system_uses(door: Door, sim: vicidial.Simulator) -> None:
    with sim.lock:
        sim.world.users["1002"].custom_three = "crm1002"
    door.sim("agent", user="1002", campaign_id="TESTCAMP")
    answer = ask(door, "external_pause", value="RESUME", agent_user="", alt_user="crm1002")
    assert answer.endswith("|1002\n")
    assert agent(door, "1002")["status"] == "READY"


def test_a_request_without_a_value_has_the_last_posted_parameters(door: Door) -> None:
    door.sim("agent", user="1001", campaign_id="TESTCAMP")
    assert ask(door, "external_status", last="NI") == "SUCCESS: external_status function set - NI|1001\n"
    form = "source=syncd&user=6666&pass=1234&function=external_status&agent_user=1001&last=NI"
    assert door.request("GET", f"{AGENT}?{form}") == (200, "ERROR: external_status not valid - |1001\n")


def test_what_an_agent_is_told_is_cut_to_the_columns_width(door: Door) -> None:
    door.sim("agent", user="1001", campaign_id="TESTCAMP", **CALL)
    ask(door, "external_hangup", value="12")
    ask(door, "external_pause", value="PAUSE")
    ask(door, "send_dtmf", value="1" * 120)
    told = agent(door)["external"]
    assert told["external_hangup"] == "1"
    assert told["external_dtmf"] == "1" * 100
    assert told["external_pause"].startswith("PAUSE!")
    assert agent(door)["status"] == "INCALL"  # paused after the call


def test_a_lead_that_was_deleted_under_an_agents_eyes_is_printed_as_nothing(door: Door) -> None:
    lead_id = door.add_lead("7275559902")
    door.sim("agent", user="1001", campaign_id="TESTCAMP", status="INCALL", lead_id=lead_id)
    door.sim("delete", lead_id=lead_id)
    answer = ask(door, "st_get_agent_active_lead", value="crm-1001", vendor_id="1")
    assert answer == f"SUCCESS: st_get_agent_active_lead lead found - 1001||{lead_id}||||\n"


def test_ten_refusals_of_both_apis_together_lock_the_account() -> None:
    with vicidial.serve() as sim:
        door = Door(sim.url)
        for _ in range(5):
            assert "Login incorrect" in door.ask("add_lead", **{"pass": "wrong"})
            assert "|0|1|BAD|0|api|SELECT" in ask(door, "external_pause", value="PAUSE", **{"pass": "wrong"})
        locked = ask(door, "external_pause", value="PAUSE")
        assert locked == "ERROR: Invalid Username/Password: |6666|1234|0|1|LOCK|\n"


@pytest.mark.parametrize("kind", ["login_incorrect", "locked"])
def test_a_login_is_refused_to_order_in_the_words_of_this_api(kind: str) -> None:
    with vicidial.serve(faults=kind) as sim:
        answer = ask(Door(sim.url), "external_pause", value="PAUSE")
    assert answer.startswith(
        "ERROR: Invalid Username/Password: |6666|1234|0|1|" + ("LOCK" if kind == "locked" else "B")
    )


def test_faults_of_writes_hit_orders_and_not_looks() -> None:
    with vicidial.serve(faults="empty") as sim:
        door = Door(sim.url)
        door.sim("agent", user="1001")
        assert ask(door, "recording", value="STATUS").startswith("NOTICE: not recording")
        assert ask(door, "calls_in_queue_count", value="DISPLAY").startswith("SUCCESS")
        assert ask(door, "external_pause", value="RESUME") == ""
        assert agent(door)["status"] == "READY"
        assert door.sim("requests")["functions"] == {
            "agent.recording": 1, "agent.calls_in_queue_count": 1, "agent.external_pause": 1,
        }  # fmt: skip


LOGIN = {"phone_login": "gs102", "phone_pass": "test", "campaign": "TESTCAMP"}


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({"phone_pass": ""}, "ERROR: login not valid - 1001|gs102|TESTCAMP\n"),
        ({"phone_pass": "no"}, "ERROR: login phone not valid - 1001|gs102|no\n"),
        ({"campaign": "NONE"}, "ERROR: login campaign not valid - 1001|NONE\n"),
        ({"agent_user": "1003"}, "ERROR: no user found - 1003\n"),
    ],
)
def test_a_guides_login_is_strict(guide: Door, changed: Mapping[str, str], answer: str) -> None:
    assert ask(guide, "login", **{**LOGIN, **changed}) == answer


def test_who_was_logged_in_by_the_guides_login_is_told_nothing_without_the_session_id(guide: Door) -> None:
    assert ask(guide, "login", **LOGIN) == "SUCCESS: login function set - 1001|8600051|TESTCAMP\n"
    assert ask(guide, "login", **LOGIN) == "ERROR: login agent_user is already logged in - 1001\n"
    assert ask(guide, "external_pause", value="PAUSE") == "ERROR: session_id not valid - 1001|\n"
    assert ask(guide, "logout", value="LOGOUT", session_id="1") == "ERROR: session_id not valid - 1001|1\n"
    assert ask(guide, "logout", value="LOGOUT", session_id="8600051").startswith("SUCCESS: logout function set - ")
    assert ask(guide, "logout", value="LOGOUT", session_id="8600051") == f"{NOT_LOGGED_IN}\n"


def test_mistakes_at_the_doors_of_the_floor_are_said(door: Door) -> None:
    for path, arguments, said in (
        ("agent", '{"user": "9"}', "no user 9"),
        ("agent", '{"user": "1001", "campaign_id": "X"}', "no campaign X"),
        ("agent", '{"user": "1001", "status": "ASLEEP"}', "status ASLEEP"),
        ("agent", '{"user": "1001", "lead_id": 4}', "no lead 4"),
        ("queue", '{"campaign_id": "X", "waiting": 1}', "no campaign or in-group X"),
    ):
        status, body = door.request("POST", f"/_sim/{path}", arguments)
        assert status == 400
        assert said in body
