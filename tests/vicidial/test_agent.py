"""The Agent API's client against the simulator: what is done, what is refused and why, and what stays in doubt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from syncd.sdk import errors, protocol
from syncd.simulators import vicidial
from syncd_vicidial import VicidialConnector
from syncd_vicidial.agent import AgentApi, catalogue, replies
from tests.vicidial import site

CALL = {"status": "INCALL", "lead_id": 5001}
NUMBER = "7275551212"
OUT: Mapping[str, Any] = {"logged_in": False}
Values = Mapping[str, str]


@pytest.fixture
def sim() -> Iterator[vicidial.Simulator]:
    with vicidial.serve() as found:
        yield found


@pytest.fixture
def dialer(sim: vicidial.Simulator) -> Iterator[VicidialConnector]:
    with site.connected(sim.url) as found:
        yield found


@pytest.fixture
def agents(dialer: VicidialConnector) -> AgentApi:
    return dialer.agents


def at_work(sim: vicidial.Simulator, **doing: Any) -> None:
    site.door(sim.url, "agent", user="1001", **{"campaign_id": "TESTCAMP", **doing})


def told(sim: vicidial.Simulator) -> dict[str, str]:
    """What the agent's screen was told."""
    [agent] = site.door(sim.url, "world", include=["agents"])["agents"]
    external: dict[str, str] = agent["external"]
    return external


def functions(sim: vicidial.Simulator) -> dict[str, int]:
    found: dict[str, int] = site.door(sim.url, "requests")["functions"]
    return found


DONE: list[tuple[str, Mapping[str, Any], Values, Values, Values]] = [
    # action, what the agent does, values, what is returned, what the screen was told
    ("external_hangup", CALL, {}, {}, {"external_hangup": "1"}),
    ("external_status", CALL, {"status": "SALE"}, {"status": "SALE", "callback": "false"}, {"external_status": "SALE"}),
    (
        "external_status",
        CALL,
        {"status": "CALLBK", "callback_datetime": "2027-01-25T12:00:00Z", "callback_comments": "asks for Ann"},
        {"callback": "true"},
        {"external_status": "CALLBK!2027-01-25 07:00:00!ANYONE!asks for Ann!"},
    ),
    (
        "external_status",
        CALL,
        {
            "status": "CBHOLD",
            "callback_datetime": "2027-01-25 12:00",
            "callback_type": "USERONLY",
            "qm_dispo_code": "9",
        },
        {"callback": "true"},
        {"external_status": "CBHOLD!2027-01-25 12:00:00!USERONLY!!9"},
    ),
    ("pause_code", {}, {"code": "LUNCH"}, {}, {"external_pause_code": "LUNCH"}),
    ("park_call", CALL, {"value": "SWAP_PARK_CUSTOMER"}, {}, {"external_park": "SWAP_PARK_CUSTOMER"}),
    ("send_dtmf", CALL, {"digits": "Q12PS"}, {}, {"external_dtmf": "Q12PS"}),
    (
        "set_timer_action",
        CALL,
        {"value": "MESSAGE_ONLY", "notes": "offer the plan", "seconds": "15"},
        {},
        {"external_timer_action_message": "offer the plan", "external_timer_action_seconds": "15"},
    ),
    ("recording", CALL, {"value": "START", "stage": "_X"}, {"state": "told"}, {"external_recording": "START_X"}),
    ("recording", {**CALL, "recording_id": 1}, {"value": "STOP"}, {"state": "told"}, {"external_recording": "STOP"}),
    ("recording", {}, {"value": "STATUS"}, {"state": "none", "session": "8600051", "status": "PAUSED"}, {}),
    ("recording", {"recording_id": 7}, {"value": "STATUS"}, {"state": "active", "recording_id": "7"}, {}),
    (
        "transfer_conference",
        CALL,
        {"value": "BLIND_TRANSFER", "phone_number": NUMBER, "dial_override": "yes"},
        {"in_group": ""},
        {},
    ),
    (
        "transfer_conference",
        CALL,
        {"value": "LOCAL_CLOSER", "ingroup_choices": "DEFAULTINGROUP"},
        {"in_group": "SALESLINE"},
        {},
    ),
    (
        "transfer_conference",
        CALL,
        {"value": "PARK_CUSTOMER_DIAL", "consultative": "yes", "ingroup_choices": "SUPPORT"},
        {"in_group": "SUPPORT"},
        {},
    ),
    (
        "transfer_conference",
        CALL,
        {"value": "DIAL_WITH_CUSTOMER", "multi_dial_phones": "7275551212,7275551213,7275551212"},
        {"in_group": ""},
        {"multi_dial_phones": "7275551212,7275551213"},
    ),
    ("transfer_conference", CALL, {"value": "HANGUP_XFER", "tw_check": "yes"}, {"in_group": ""}, {}),
    (
        "change_ingroups",
        {"in_groups": ["SALESLINE"]},
        {"value": "ADD", "blended": "no", "ingroup_choices": "SUPPORT", "set_as_default": "yes"},
        {"in_groups": "SALESLINE SUPPORT", "blended": "false", "default": "true"},
        {"external_ingroups": " SALESLINE SUPPORT -"},
    ),
    (
        "change_ingroups",
        {"in_groups": ["SALESLINE", "SUPPORT"]},
        {"value": "REMOVE", "blended": "yes", "ingroup_choices": "SALESLINE, CLOSED"},
        {"in_groups": "SUPPORT"},
        {"external_ingroups": " SUPPORT -"},
    ),
    ("change_ingroups", {"in_groups": ["SALESLINE"]}, {"value": "CHANGE", "blended": "no"}, {"in_groups": ""}, {}),
]


@pytest.mark.parametrize("row", DONE, ids=[f"{number}-{row[0]}" for number, row in enumerate(DONE)])
def test_an_action_is_done(sim: vicidial.Simulator, dialer: VicidialConnector, row: Any) -> None:
    action, doing, values, returned, screen = row
    at_work(sim, **doing)
    found = dialer.command_agent(action, "1001", values)
    assert found.items() >= {"user": "1001", **returned}.items()
    assert "notice" not in found
    assert told(sim).items() >= screen.items()


def test_pause_resume_and_logout_tell_the_servers_time(sim: vicidial.Simulator, agents: AgentApi) -> None:
    at_work(sim)
    now = datetime.fromtimestamp(site.door(sim.url, "clock", freeze=True)["epoch"], UTC)
    assert agents.external_pause("1001", value="RESUME").at == now
    assert told(sim)["external_pause"] == f"RESUME!{int(now.timestamp())}"
    assert agents.external_pause("1001", value="PAUSE").at == now
    assert agents.logout("1001").at == now
    with pytest.raises(replies.NotLoggedIn):
        agents.logout("1001")


def test_a_number_and_a_lead_are_dialled(sim: vicidial.Simulator, agents: AgentApi) -> None:
    at_work(sim)
    agents.external_dial("1001", phone_number=NUMBER, vendor_id="K1", dial_prefix="9", group_alias="MAINLINE")
    asked = told(sim)["external_dial"].split("!")
    assert asked[:6] == [NUMBER, "1", "YES", "NO", "NO", "K1"]
    assert asked[7:] == ["9", "MAINLINE", "7275550100", "", "", "", ""]
    agents.external_dial("1001", lead_id="5001", preview=True)
    asked = told(sim)["external_dial"].split("!")
    assert asked[:4] == ["7275550501", "1", "YES", "YES"]
    assert asked[11] == "5001"
    agents.external_dial("1001", lead_id="5001", phone_number="7275550501", alt_dial="SEARCH")
    assert told(sim)["external_dial"].endswith("!5001!MAIN!")
    agents.external_dial("1001", next_lead=True)
    assert told(sim)["external_dial"].startswith("MANUALNEXT!")


def test_an_in_group_that_does_not_exist_is_told_of_a_call_that_goes_out_without_it(
    sim: vicidial.Simulator, agents: AgentApi
) -> None:
    at_work(sim)
    notice = agents.external_dial("1001", phone_number=NUMBER, dial_ingroup="FAKE").notice
    assert notice == "there is no in-group FAKE: the call goes out without it"


def test_a_lead_is_put_into_the_list_of_manual_calls(sim: vicidial.Simulator, dialer: VicidialConnector) -> None:
    at_work(sim)
    values = {"phone_number": NUMBER, "first_name": "Ann", "last_name": "Müller", "comments": "a\\b"}
    found = dialer.command_agent("external_add_lead", "1001", values)
    lead = site.leads(sim.url)[-1]
    assert found["lead_id"] == str(lead["lead_id"])
    assert (found["list_id"], found["campaign"]) == ("998", "TESTCAMP")
    assert found["notice"] == "VICIdial changed last_name"
    assert (lead["phone_number"], lead["first_name"], lead["comments"]) == (NUMBER, "Ann", "a\\b")


def test_waiting_calls_are_counted(sim: vicidial.Simulator, agents: AgentApi) -> None:
    at_work(sim, in_groups=["SALESLINE"])
    site.door(sim.url, "queue", campaign_id="SALESLINE", waiting=12)
    assert agents.calls_in_queue_count("1001").count == 12


def test_the_lead_on_the_screen_is_told_column_by_column(sim: vicidial.Simulator, agents: AgentApi) -> None:
    at_work(sim, **CALL)
    lead = agents.st_get_agent_active_lead("1001", crm_user="crm-1001")
    assert (lead.lead_id, lead.phone_number, lead.source_id) == ("5001", "7275550501", "salesforce")
    awkward = {"vendor_lead_code": "a|b", "province": "x|y", "source_id": "s\nERROR: no active lead found - 1001"}
    site.door(sim.url, "edit", lead_id=5001, fields=awkward)
    lead = agents.st_get_agent_active_lead("1001", crm_user="crm-1001")
    assert (lead.vendor_lead_code, lead.province, lead.security_phrase) == ("a|b", "x|y", "")
    assert lead.source_id.startswith("s\nERROR")
    with pytest.raises(errors.Rejected, match="another agent"):
        agents.st_get_agent_active_lead("1002", crm_user="crm-1001")


REFUSED: list[tuple[str, Mapping[str, Any], Values, type[errors.SyncdError], str]] = [
    *((name, OUT, values, replies.NotLoggedIn, "agent 1001: is not logged in") for name, values in (
        ("external_hangup", {}), ("external_status", {"status": "A"}), ("external_pause", {"value": "PAUSE"}),
        ("external_dial", {"phone_number": NUMBER}), ("external_add_lead", {"phone_number": NUMBER}),
        ("transfer_conference", {"value": "HANGUP_BOTH"}), ("park_call", {"value": "PARK_XFER"}),
        ("pause_code", {"code": "A"}), ("recording", {"value": "STATUS"}), ("recording", {"value": "STOP"}),
        ("calls_in_queue_count", {}), ("st_get_agent_active_lead", {"crm_user": "crm-1001"}),
        ("change_ingroups", {"value": "CHANGE", "blended": "no"}), ("set_timer_action", {"value": "NONE"}),
        ("send_dtmf", {"digits": "1"}), ("logout", {}),
    )),
    ("external_pause", {"status": "READY"}, {"value": "RESUME"}, replies.WrongMoment, "not paused"),
    ("pause_code", {"status": "READY"}, {"code": "A"}, replies.WrongMoment, "not paused"),
    ("external_dial", {"status": "READY"}, {"phone_number": NUMBER}, replies.WrongMoment, "not paused"),
    ("park_call", {}, {"value": "PARK_XFER"}, replies.WrongMoment, "no lead"),
    ("transfer_conference", {"lead_id": 5001}, {"value": "HANGUP_BOTH"}, replies.WrongMoment, "no live call"),
    (
        "transfer_conference", {**CALL, "three_way_calls": 1},
        {"value": "DIAL_WITH_CUSTOMER", "phone_number": NUMBER, "tw_check": "yes"}, replies.WrongMoment, "three-way",
    ),
    (
        "transfer_conference", {**CALL, "press_calls": 1},
        {"value": "DIAL_WITH_CUSTOMER", "multi_dial_phones": NUMBER, "md_check": "yes"}, replies.WrongMoment, "alive",
    ),
    ("recording", CALL, {"value": "STOP"}, replies.WrongMoment, "nothing is being recorded"),
    ("st_get_agent_active_lead", {}, {"crm_user": "crm-1001"}, replies.WrongMoment, "no lead"),
    ("st_get_agent_active_lead", {}, {}, errors.Rejected, "nobody is known"),
    ("external_dial", {}, {"phone_number": NUMBER, "group_alias": "NONE"}, errors.Rejected, "no such group alias"),
    ("external_dial", {}, {"phone_number": NUMBER, "group_alias": "BROKEN"}, errors.Rejected, "no usable number"),
    ("external_dial", {}, {"phone_number": NUMBER, "outbound_cid": "7275550199"}, errors.Rejected, "Any CID"),
    ("external_dial", {}, {"lead_id": "5001", "alt_dial": "ALT"}, errors.Rejected, "no such number"),
    ("external_dial", {}, {"lead_id": "5001", "alt_dial": "SEARCH", "phone_number": NUMBER}, errors.Rejected, "number"),
    ("external_dial", {}, {"lead_id": "77"}, errors.Missing, "no lead 77"),
    ("external_dial", {}, {"phone_number": "7275550666"}, errors.Screened, "do-not-call"),
    ("external_dial", {}, {"phone_number": "9995550123"}, errors.Screened, "do-not-call"),
    ("external_add_lead", {}, {"phone_number": "9995550123"}, errors.Screened, "do-not-call"),
    ("external_add_lead", {}, {"phone_number": "7275550777"}, errors.Screened, "do-not-call"),
    (
        "transfer_conference", CALL, {"value": "BLIND_TRANSFER", "phone_number": "7275550666"}, errors.Screened,
        "do-not-call",
    ),
    (
        "transfer_conference", CALL, {"value": "DIAL_WITH_CUSTOMER", "multi_dial_phones": f"{NUMBER},7275550666"},
        errors.Screened, "do-not-call",
    ),
    (
        "transfer_conference", CALL, {"value": "LOCAL_CLOSER", "ingroup_choices": "CLOSED"}, errors.Rejected,
        "no such in-group",
    ),
    ("change_ingroups", {"campaign_id": "OTHER"}, {"value": "CHANGE", "blended": "no"}, errors.Rejected, "no inbound"),
    (
        "change_ingroups", {}, {"value": "ADD", "blended": "no", "ingroup_choices": "FAKE"}, errors.Rejected,
        "no such in-group",
    ),
]  # fmt: skip


@pytest.mark.parametrize("row", REFUSED, ids=[f"{number}-{row[0]}" for number, row in enumerate(REFUSED)])
def test_an_action_is_refused_by_what_is_wrong(sim: vicidial.Simulator, dialer: VicidialConnector, row: Any) -> None:
    action, doing, values, expected, said = row
    if doing is not OUT:
        at_work(sim, **doing)
    with pytest.raises(expected, match=said) as caught:
        dialer.command_agent(action, "1001", values)
    assert NUMBER not in str(caught.value)
    if doing is not OUT:
        assert not told(sim).keys() - {"external_recording"}


def test_a_number_waits_once_in_an_agents_queue(sim: vicidial.Simulator, agents: AgentApi) -> None:
    at_work(sim, campaign_id="OTHER", status="READY")
    agents.external_dial("1001", phone_number=NUMBER)
    with pytest.raises(replies.WrongMoment, match="waits in the agent's queue"):
        agents.external_dial("1001", phone_number=NUMBER)


def test_who_may_not_is_told_which_setting_is_missing(sim: vicidial.Simulator) -> None:
    at_work(sim)
    site.door(sim.url, "agent", user="7004", campaign_id="TESTCAMP")
    with site.connected(sim.url) as dialer, pytest.raises(errors.Rejected, match="Agent Call Manual"):
        dialer.agents.external_dial("7004", phone_number=NUMBER)
    with site.connected(sim.url, user="7001", password="nomod") as dialer:
        with pytest.raises(errors.AuthFailed) as caught:
            dialer.agents.change_ingroups("1001", value="CHANGE", blended=False)
        assert "change_agent_campaign" in caught.value.fix
        with pytest.raises(errors.AuthFailed) as caught:
            dialer.agents.set_timer_action("1001", value="NONE")
        assert "modify_campaigns" in caught.value.fix
    with site.connected(sim.url, user="7003", password="fewfuncs") as dialer:
        with pytest.raises(errors.AuthFailed) as caught:
            dialer.agents.pause_code("1001", code="A")
        assert "api_allowed_functions" in caught.value.fix
    with site.connected(sim.url, user="1002", password="a2") as dialer:
        with pytest.raises(errors.AuthFailed, match="may not use VICIdial's Agent API") as caught:
            dialer.agents.pause_code("1001", code="A")
        assert not isinstance(caught.value, errors.LoginRefused)  # the login is right, no pause helps


def test_nobody_is_dialled_whose_lead_says_do_not_call(sim: vicidial.Simulator, agents: AgentApi) -> None:
    at_work(sim)
    site.door(sim.url, "edit", lead_id=5002, fields={"status": "DNC"})
    for target in ({"lead_id": "5002"}, {"phone_number": "7275550502"}):
        with pytest.raises(errors.Screened) as caught:
            agents.external_dial("1001", **target)  # type: ignore[arg-type]  # a row of texts
        assert caught.value.reason == "dnc_status"
    with pytest.raises(errors.Screened):
        agents.external_add_lead("1001", phone_number="7275550502")
    assert told(sim) == {}
    assert len(site.leads(sim.url)) == 3


def test_where_lists_are_not_to_be_asked_the_dialer_is_told_so(sim: vicidial.Simulator) -> None:
    at_work(sim)
    with site.connected(sim.url, dnc_check="N") as dialer:
        dialer.agents.external_add_lead("1001", phone_number="7275550666")
    assert site.leads(sim.url)[-1]["phone_number"] == "7275550666"


BAD: list[tuple[str, str, Values, str]] = [
    ("external_pause", "1001", {}, "value: is missing"),
    ("external_pause", "1001", {"value": "pause"}, "value: no such choice – one of PAUSE, RESUME"),
    ("external_pause", "1001", {"value": "PAUSE", "code": "A"}, "code: external_pause takes no code"),
    ("external_pause", "10 01", {"value": "PAUSE"}, "user: an agent's user has 2 to 20"),
    ("external_paus", "1001", {}, "no such action: external_paus, did you mean external_pause?"),
    ("fly", "1001", {}, "no such action: fly – there are: login, logout"),
    ("external_status", "1001", {"status": "SALE|X"}, "status: not accepted; expected: name 1-6"),
    ("external_status", "1001", {"status": "TOOLONG"}, "status: not accepted"),
    ("external_status", "1001", {"status": "CALLBK", "callback_datetime": "tomorrow"}, "date and time"),
    ("external_status", "1001", {"status": "CALLBK", "callback_datetime": "2027-13-01 12:00"}, "date and time"),
    ("external_status", "1001", {"status": "CALLBK", "callback_comments": "x" * 201}, "text 200"),
    ("external_status", "1001", {"status": "CALLBK", "callback_type": "ANYONE"}, "needs callback_datetime"),
    ("external_status", "1001", {"status": "NI", "callback_datetime": "2027-01-01 12:00"}, "no status that books"),
    ("pause_code", "1001", {"code": "LUNCHES"}, "code: not accepted"),
    ("send_dtmf", "1001", {"digits": "12#"}, "digits: not accepted; expected: tones"),
    ("external_dial", "1001", {}, "nobody to call, or more than one"),
    ("external_dial", "1001", {"phone_number": NUMBER, "lead_id": "1"}, "nobody to call, or more than one"),
    ("external_dial", "1001", {"phone_number": "+17275551212"}, "phone_number: not accepted; expected: digits 2-16"),
    ("external_dial", "1001", {"phone_number": NUMBER, "alt_dial": "ALT"}, "alt_dial: says which number of a lead"),
    ("external_dial", "1001", {"lead_id": "1", "alt_dial": "SEARCH"}, "phone_number: is missing"),
    (
        "external_dial",
        "1001",
        {"lead_id": "1234567890", "vendor_id": "V" * 20, "group_alias": "A" * 30, "dial_ingroup": "I" * 20},
        "longer than the 100 characters",
    ),
    ("external_add_lead", "1001", {"phone_number": NUMBER, "source_id": "syncd:acme:leads"}, "marks the leads"),
    ("external_add_lead", "1001", {"phone_number": NUMBER, "comments": 'say "hi"'}, "comments: not accepted"),
    ("external_add_lead", "1001", {"phone_number": NUMBER, "date_of_birth": "1999-02-31"}, "would keep nothing"),
    ("external_add_lead", "1001", {"phone_number": "12345"}, "digits 6-16"),
    ("transfer_conference", "1001", {"value": "BLIND_TRANSFER"}, "phone_number: is missing"),
    ("transfer_conference", "1001", {"value": "LOCAL_CLOSER"}, "ingroup_choices: is missing"),
    ("transfer_conference", "1001", {"value": "HANGUP_XFER", "consultative": "yes"}, "not with HANGUP_XFER"),
    (
        "transfer_conference",
        "1001",
        {
            "value": "PARK_CUSTOMER_DIAL", "consultative": "yes", "ingroup_choices": "I" * 20, "phone_number": "1" * 18,
            "group_alias": "A" * 30,
        },
        "longer than the 120 characters",
    ),
    ("recording", "1001", {"value": "STOP", "stage": "X"}, "stage: means nothing with STOP"),
    ("change_ingroups", "1001", {"value": "ADD", "blended": "no"}, "ingroup_choices: is missing"),
    ("change_ingroups", "1001", {"value": "ADD", "blended": "NO"}, "blended: no such choice"),
    ("set_timer_action", "1001", {"value": "NONE", "seconds": "soon"}, "seconds: not accepted"),
    ("login", "1001", {"phone_login": "gs102", "campaign": "TESTCAMP"}, "phone_pass: is missing"),
]  # fmt: skip


@pytest.mark.parametrize("row", BAD, ids=[f"{number}-{row[0]}" for number, row in enumerate(BAD)])
def test_what_is_wrong_is_said_before_anything_is_sent(
    sim: vicidial.Simulator, dialer: VicidialConnector, row: tuple[str, str, Values, str]
) -> None:
    action, user, values, said = row
    with pytest.raises(errors.Rejected) as caught:
        dialer.command_agent(action, user, values)
    assert said in str(caught.value)
    assert functions(sim) == {}
    private = {name for name in values if name in ("phone_number", "comments", "callback_comments", "digits")}
    assert not [name for name in private if values[name] and values[name] in str(caught.value)]


def test_everything_that_is_wrong_is_said_at_once(dialer: VicidialConnector) -> None:
    with pytest.raises(errors.Rejected) as caught:
        dialer.command_agent("external_dial", "x", {"lead_id": "a", "search": "maybe"})
    assert [problem.where for problem in caught.value.problems] == ["user", "lead_id", "search"]


def test_a_callback_that_the_server_does_not_book_is_no_success(sim: vicidial.Simulator) -> None:
    at_work(sim, **CALL)
    flags = {"CBTEST": "callback", "NI": "callback"}
    values = {"callback_datetime": "2027-01-25 12:00"}
    with site.connected(sim.url, status_flags=flags) as dialer:
        assert dialer.command_agent("external_status", "1001", {**values, "status": "CBTEST"})["callback"] == "true"
        with pytest.raises(errors.Ambiguous, match="booked no callback"):
            dialer.command_agent("external_status", "1001", {**values, "status": "NI"})
    with site.connected(sim.url, time_zone=None) as dialer, pytest.raises(errors.Rejected, match="time_zone"):
        dialer.agents.external_status("1001", status="CALLBK", callback_datetime=datetime(2027, 1, 25, 12, tzinfo=UTC))


LOST = ["reset_after", "timeout_after", "error_after", "error_503", "html", "html_after", "truncated", "empty"]


@pytest.mark.parametrize("fault", LOST)
def test_an_action_whose_answer_is_lost_may_have_been_done_and_is_not_repeated(fault: str) -> None:
    with vicidial.serve(faults=f"{fault}@1") as sim, site.connected(sim.url, read_seconds=0.2) as dialer:
        at_work(sim)
        with pytest.raises(errors.Ambiguous) as caught:
            dialer.agents.pause_code("1001", code="LUNCH")
        assert "may have been done for agent 1001" in str(caught.value)
        assert "look before you repeat it" in str(caught.value)
        # an empty answer is asked about, without an agent, to tell it from that to an unknown function
        assert functions(sim) == {"agent.pause_code": 2 if fault == "empty" else 1}


def test_a_question_whose_answer_is_lost_is_asked_later() -> None:
    for fault in ("reset_before", "timeout_before", "error_before", "html", "truncated", "empty"):
        with vicidial.serve(faults=f"all.{fault}@1") as sim, site.connected(sim.url, read_seconds=0.2) as dialer:
            at_work(sim)
            with pytest.raises(errors.RetryLater):
                dialer.agents.calls_in_queue_count("1001")
            assert dialer.agents.calls_in_queue_count("1001").count == 0


def test_what_surely_was_not_sent_is_told_apart() -> None:
    with vicidial.serve(faults="all.busy") as sim, site.connected(sim.url) as dialer:
        with pytest.raises(errors.RetryLater) as caught:
            dialer.agents.pause_code("1001", code="A")
        assert caught.value.after_seconds == 10
        sim.close()
        with pytest.raises(errors.RetryLater):
            dialer.agents.pause_code("1001", code="A")


def test_a_wrong_path_says_which_option_to_look_at(sim: vicidial.Simulator) -> None:
    said = "check the options url and agent_api_path"
    with site.connected(sim.url, agent_api_path="/agent.php") as dialer, pytest.raises(errors.RetryLater, match=said):
        dialer.agents.pause_code("1001", code="A")


def test_a_function_that_the_server_does_not_have_is_told_apart_from_a_lost_answer() -> None:
    with site.answering(lambda _: (200, "")) as url, site.connected(url) as dialer:
        with pytest.raises(errors.AuthFailed, match="has no function pause_code"):
            dialer.agents.pause_code("1001", code="A")
        with pytest.raises(errors.AuthFailed, match="has no function calls_in_queue_count"):
            dialer.agents.calls_in_queue_count("1001")
    with vicidial.serve() as sim, site.connected(sim.url) as dialer:
        with pytest.raises(errors.AuthFailed, match="has no function login") as caught:
            dialer.agents.login("1001", phone_login="gs102", phone_pass=SecretStr("test"), campaign="TESTCAMP")
        assert "a browser" in caught.value.fix


CASES: list[dict[str, Any]] = json.loads((site.DATA / "agent_api.json").read_text("utf-8"))
VALID: Mapping[str, Callable[[AgentApi], object]] = {
    "external_hangup": lambda api: api.external_hangup("1001"),
    "external_status": lambda api: api.external_status("1001", status="XYZ"),
    "external_pause": lambda api: api.external_pause("1001", value="PAUSE"),
    "external_dial": lambda api: api.external_dial("1001", next_lead=True),
    "external_add_lead": lambda api: api.external_add_lead("1001", phone_number="12345678"),
    "transfer_conference": lambda api: api.transfer_conference("1001", value="HANGUP_XFER"),
    "park_call": lambda api: api.park_call("1001", value="GRAB_IVR_CUSTOMER"),
    "pause_code": lambda api: api.pause_code("1001", code="XYZ"),
    "recording": lambda api: api.recording("1001", value="START", stage="XYZ"),
    "change_ingroups": lambda api: api.change_ingroups("1001", value="ADD", blended=True, ingroup_choices=["XYZ"]),
    "set_timer_action": lambda api: api.set_timer_action("1001", value="WEBFORM2"),
    "send_dtmf": lambda api: api.send_dtmf("1001", digits="77"),
    "logout": lambda api: api.logout("1001"),
    "calls_in_queue_count": lambda api: api.calls_in_queue_count("1001"),
    "st_get_agent_active_lead": lambda api: api.st_get_agent_active_lead("1001"),
}
OWN_WORDS = {
    "pause_code": "SUCCESS: pause_code function sent - 1001\n",  # all that VICIdial says
    "logout": "SUCCESS: logout function set - LOGOUT|",
    "external_pause": "SUCCESS: external_pause function set - PAUSE|",
    "st_get_agent_active_lead": "SUCCESS: st_get_agent_active_lead lead found - 1001|",
    "external_hangup": "SUCCESS: external_hangup function set - 1|1001\n",
    "external_dial": "SUCCESS: external_dial function set - MANUALNEXT|1001|",
}


@pytest.mark.parametrize("function", VALID)
def test_no_answer_is_taken_for_the_success_of_something_else(function: str) -> None:
    answer = ""

    def reply(form: Mapping[str, str]) -> site.Reply:
        phone = form.get("phone_number")
        screened = {"check_phone_number": f"PHONE: {phone}|1|\n", "lead_search": f"{phone}|0|\n"}
        stock = {"version": site.VERSION, "dnc_check": "ERROR: NO FUNCTION SPECIFIED\n"}
        return 200, {**screened, **stock}.get(form["function"], answer)

    own = OWN_WORDS.get(function, "no answer of the list")
    with site.answering(reply) as url, site.connected(url) as dialer:
        for case in CASES:
            answer = case["response"].replace("${epoch}", "1795168800").replace("${callerid}", "V1120100000000005001")
            if answer.startswith(own):
                VALID[function](dialer.agents)
                continue
            with pytest.raises(errors.SyncdError) as caught:
                VALID[function](dialer.agents)
            if answer.startswith("SUCCESS") and function not in ("calls_in_queue_count", "st_get_agent_active_lead"):
                assert isinstance(caught.value, errors.Ambiguous)
        for answer in ("SUCCESS\n", "OK\n", "<html></html>", "ERROR: THE MOON IS FULL - 1\n", "success: done\n"):  # noqa: B007  # `reply` reads it
            with pytest.raises((errors.Ambiguous, errors.RetryLater)):
                VALID[function](dialer.agents)


def test_every_action_is_listed_with_what_it_takes(dialer: VicidialConnector) -> None:
    assert isinstance(dialer, protocol.CommandsAgents)
    listed = {one.name: one for one in dialer.agent_actions()}
    assert listed.keys() == {*VALID, "login"}
    for one in listed.values():
        assert callable(getattr(dialer.agents, one.name))
        assert one.help
        assert "\n" not in one.help
        assert all(parameter.help and parameter.type for parameter in one.parameters)
    personal = {name for one in listed.values() for name in (p.name for p in one.parameters if p.private)}
    assert personal >= {"phone_number", "multi_dial_phones", "phone_pass", "first_name", "email", "digits"}
    assert catalogue.ACTIONS["login"].parameters[1].private == "secret"


def test_a_wrong_password_costs_one_attempt_whatever_the_action_would_ask(sim: vicidial.Simulator) -> None:
    at_work(sim)
    with site.connected(sim.url, password="wrong") as dialer:
        for action, values in (("external_dial", {"phone_number": NUMBER}), ("pause_code", {"code": "A"})):
            with pytest.raises(errors.LoginRefused) as caught:
                dialer.command_agent(action, "1001", values)
            assert sim.world.users["6666"].failed_login_count == 1, "and the next one is not even sent"
            assert "wrong" not in f"{caught.value!r} {caught.value} {caught.value.fix}".split()
            assert "SELECT" not in str(caught.value)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("BAD|0|api|SELECT count(*) from vicidial_users", "refuses the login"),
        ("LOCK", "locked"),
        ("IPBLOCK", "address"),
    ],
)
def test_a_refused_login_is_told_by_its_verdict_and_repeats_nothing(verdict: str, said: str) -> None:
    text = f"ERROR: Invalid Username/Password: |6666|sesame|0|1|{verdict}|\n"
    with site.answering(lambda _: (200, text)) as url, site.connected(url, password="sesame") as dialer:
        with pytest.raises(errors.LoginRefused, match=said) as caught:
            dialer.agents.pause_code("1001", code="A")
        assert "sesame" not in f"{caught.value!r} {caught.value} {caught.value.fix}"
        assert "SELECT" not in str(caught.value)


def test_a_login_that_is_good_for_agents_is_not_taken_for_good_elsewhere(sim: vicidial.Simulator) -> None:
    at_work(sim)
    with sim.lock:
        sim.world.users["7004"].user_level = 5  # enough for the Agent API, not for the other
    with site.connected(sim.url, user="7004", password="noreports") as dialer:
        dialer.agents.pause_code("1001", code="A")
        dialer.write("leads", [site.create(f"72755501{number:02}") for number in range(20)])
        assert functions(sim)["add_lead"] == 1


def test_everything_is_posted_and_a_value_always_goes_with_it(sim: vicidial.Simulator) -> None:
    seen: list[Mapping[str, str]] = []

    def reply(form: Mapping[str, str]) -> site.Reply:
        seen.append(form)
        return 200, "ERROR: agent_user is not logged in - 1001\n"

    with site.answering(reply) as url, site.connected(url) as dialer:
        for run in VALID.values():
            with pytest.raises(errors.SyncdError):
                run(dialer.agents)
    asked = [form for form in seen if form["function"] in VALID]
    assert len(asked) == len(VALID) - 1  # a number is looked up before a lead is added: here that fails
    assert all("value" in form and form["agent_user"] == "1001" for form in asked)


GUIDE = {"phone_login": "gs102", "phone_pass": "test", "campaign": "TESTCAMP"}


def test_the_guides_login_gives_a_session_id_that_later_requests_carry() -> None:
    with vicidial.serve(profile="guide") as sim, site.connected(sim.url) as dialer, site.connected(sim.url) as other:
        session = dialer.agents.login("1001", phone_login="gs102", phone_pass=SecretStr("test"), campaign="TESTCAMP")
        assert (session.session_id, session.campaign) == ("8600051", "TESTCAMP")
        dialer.agents.external_pause("1001", value="RESUME")
        with pytest.raises(errors.Rejected, match="session id"):
            other.command_agent("external_pause", "1001", {"value": "PAUSE"})
        other.command_agent("external_pause", "1001", {"value": "PAUSE", "session_id": "8600051"})
        dialer.agents.logout("1001")
        with pytest.raises(replies.NotLoggedIn):
            dialer.agents.external_pause("1001", value="PAUSE")


def test_a_refused_login_of_the_guide_repeats_no_password() -> None:
    with vicidial.serve(profile="guide") as sim, site.connected(sim.url) as dialer:
        with pytest.raises(errors.Rejected) as caught:
            dialer.command_agent("login", "1001", {**GUIDE, "phone_pass": "sesame"})
        assert "sesame" not in f"{caught.value!r} {caught.value}"
        with pytest.raises(errors.Rejected):
            dialer.command_agent("login", "1001", {**GUIDE, "campaign": "NONE"})


@pytest.mark.parametrize(
    ("answer", "session_id"),
    [
        ("SUCCESS: login function set - 1001|8600051|TESTCAMP\n", "8600051"),
        ("SUCCESS: session_id=8600051\n", "8600051"),
        ("SUCCESS: agent 1001 is in session 8600051 of TESTCAMP\n", "8600051"),
        ("SUCCESS: logged in\n", None),
        ("SUCCESS: login - 1001|8600051|8600052\n", None),
        ("8600051\n", None),
    ],
)
def test_a_session_id_is_found_or_not_guessed(answer: str, session_id: str | None) -> None:
    with site.answering(lambda _: (200, answer)) as url, site.connected(url) as dialer:
        if session_id is not None:
            assert dialer.command_agent("login", "1001", GUIDE)["session_id"] == session_id
            return
        with pytest.raises(errors.Ambiguous):
            dialer.command_agent("login", "1001", GUIDE)


def test_the_sites_own_names_are_used() -> None:
    seen: list[Mapping[str, str]] = []

    def reply(form: Mapping[str, str]) -> site.Reply:
        seen.append(form)
        return 200, "SUCCESS: session=77123\n"

    names = {"agent_login": "x_login", "agent_logout": "x_logout"}
    options = {"functions": names, "agent_api_path": "/x/agent.php", "agent_session_parameter": "sid"}
    with site.answering(reply) as url, site.connected(url, **options) as dialer:
        dialer.command_agent("login", "1001", GUIDE)
        dialer.agents.logout("1001")
    assert [(form["function"], form.get("sid")) for form in seen] == [("x_login", None), ("x_logout", "77123")]
