"""Live statistics: what a server tells is put together, and what it does not tell never becomes a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from syncd.sdk import errors
from syncd.sdk.protocol import Statistics
from syncd.simulators import vicidial
from tests.vicidial import site

HOURS = ",".join(f"{hour:02}-{3 if hour == 9 else 0}" for hour in range(24))
ANSWERS = {
    "campaigns_list": "campaign_id|campaign_name|active\nSALES|Sales | more|Y\nOLD|Old|N\n",
    "logged_in_agents": "user|campaign_id|status|lead_id|full_name\n1|SALES|READY|0|A|B\n2|SALES|PAUSED|7|C\n",
    "call_status_stats": f"SALES|3|2|{HOURS}|DROP-1,NA-1,SALE-1|\nLINE|3|3|{HOURS}|DROP-1,XFER-2|\n",
    "in_group_status": "ingroups|total_calls|calls_waiting|agents_logged_in|agents_in_calls|agents_waiting|"
    "agents_paused|agents_in_dispo|agents_in_dial\n{in_groups}|4|1|5|3|1|1|0|0\n",
    "campaign_call_stats": "ERROR: NO FUNCTION SPECIFIED\n",
    "version": site.VERSION,
}
WHOLE = [
    Statistics("SALES", "out", 1, 1, 2, 0, 0, 50.0, None, 3),
    Statistics("LINE", "in", 1, 1, 5, 3, 1, 33.33, None, 3),
]


@pytest.fixture
def sim() -> Iterator[vicidial.Simulator]:
    with vicidial.serve() as sim:
        sim.world.campaigns["TESTCAMP"].closer_campaigns = " SALESLINE SUPPORT -"
        yield sim


def read(url: str, **options: object) -> dict[str, Statistics]:
    with site.connected(url, **options) as connector:
        found = connector.statistics()
    assert len({one.group for one in found}) == len(found)
    return {one.group: one for one in found}


def answered(changed: Mapping[str, str], **options: object) -> list[Statistics]:
    """What is made of these answers, and of good ones to all other functions."""

    def reply(form: Mapping[str, str]) -> site.Reply:
        text = {**ANSWERS, **changed}[form["function"]]
        return 200, text.replace("{in_groups}", form.get("in_groups", "").replace("|", " "))

    with site.answering(reply) as url:
        return list(read(url, **options).values())


def work(sim: vicidial.Simulator) -> None:
    """Two agents, calls that wait, and calls of today, one of them lost."""
    site.door(sim.url, "agent", user="1001", campaign_id="TESTCAMP", status="READY", in_groups=["SALESLINE"])
    site.door(sim.url, "agent", user="1002", campaign_id="TESTCAMP", status="PAUSED")
    site.door(sim.url, "queue", campaign_id="TESTCAMP", waiting=2)
    site.door(sim.url, "queue", campaign_id="SALESLINE", waiting=3)
    lead = site.leads(sim.url)[0]["lead_id"]
    for user, status, more in (
        ("1001", "SALE", {"queue_seconds": 4}),
        ("1002", "NI", {"queue_seconds": 8}),
        ("VDAD", "DROP", {}),
        ("VDAD", "NA", {}),
        ("1001", "NI", {"in_group": "SALESLINE"}),
    ):
        site.door(sim.url, "call", lead_id=lead, user=user, status=status, campaign_id="TESTCAMP", **more)


def test_stock_functions_together_tell_of_campaigns_and_in_groups(sim: vicidial.Simulator) -> None:
    work(sim)
    found = read(sim.url)
    assert found["TESTCAMP"] == Statistics("TESTCAMP", "out", 2, 1, 2, 0, 1, 33.33, None, 4)
    assert found["OTHER"] == Statistics("OTHER", "out", 0, 0, 0, 0, 0, None, None, 0)
    assert found["SALESLINE"] == Statistics("SALESLINE", "in", 3, 1, 1, 0, 0, 0.0, None, 1)
    assert found["SUPPORT"] == Statistics("SUPPORT", "in", 0, 0, 0, 0, 0, None, None, 0)
    assert sim.passwords_in_get == 0


def test_a_quiet_server_is_asked_few_questions_and_for_its_lists_once(sim: vicidial.Simulator) -> None:
    with site.connected(sim.url) as connector:
        connector.statistics()
        first = dict(sim.functions)
        connector.statistics()
    assert first == {
        "version": 1, "campaigns_list": 1, "campaign_call_stats": 1, "in_group_status": 2, "call_status_stats": 1,
        "logged_in_agents": 1,
    }  # fmt: skip
    again = {name: sim.functions[name] - count for name, count in first.items()}
    once = dict.fromkeys(("version", "campaigns_list", "campaign_call_stats"), 0)
    assert again == {**dict.fromkeys(first, 1), **once, "in_group_status": 2}


def test_the_options_choose_campaigns_and_in_groups_and_what_is_not_there_is_unknown(sim: vicidial.Simulator) -> None:
    found = read(sim.url, campaigns=["OTHER", "NOWHERE"], in_groups=["SUPPORT"])
    assert list(found) == ["OTHER", "SUPPORT", "NOWHERE"]
    assert found["NOWHERE"] == Statistics("NOWHERE", "out")
    assert found["SUPPORT"].calls_today == 0
    assert list(read(sim.url, campaigns=["OTHER"], in_groups=[])) == ["OTHER"]


def test_a_sites_own_campaign_call_stats_comes_first(sim: vicidial.Simulator) -> None:
    sim.guide = True
    work(sim)
    found = read(sim.url)
    assert found["TESTCAMP"] == Statistics("TESTCAMP", "out", 2, 1, 2, 0, 1, 25.0, 6.0, 4)
    assert found["SALESLINE"].calls_waiting == 3


def test_recorded_like_answers_are_understood() -> None:
    assert answered({}) == WHOLE
    assert answered({"logged_in_agents": "ERROR: logged_in_agents NO LOGGED IN AGENTS: 6666|\n"})[0] == Statistics(
        "SALES", "out", 1, 0, 0, 0, 0, 50.0, None, 3
    )


@pytest.mark.parametrize("function", list(ANSWERS))
@pytest.mark.parametrize(
    "text", ["", "<html><body>Fatal</body></html>\n", "whatever\n", "ERROR: something new - 1|2\n"]
)
def test_an_answer_that_is_none_is_an_error_and_no_number(function: str, text: str) -> None:
    with pytest.raises(errors.RetryLater):
        answered({function: text})


@pytest.mark.parametrize("function", ["campaigns_list", "logged_in_agents", "call_status_stats", "in_group_status"])
def test_half_a_row_is_an_error_and_no_number(function: str) -> None:
    with pytest.raises(errors.RetryLater):
        answered({function: ANSWERS[function][:-5]})


def test_half_a_row_with_a_line_end_leaves_its_group_unknown_or_is_an_error() -> None:
    half = ANSWERS["call_status_stats"].replace("DROP-1,NA-1,SALE-1|\n", "DROP-1,NA-1|\n")
    assert answered({"call_status_stats": half})[0] == Statistics("SALES", "out", 1, 1, 2, 0, 0)
    with pytest.raises(errors.RetryLater):
        answered({"logged_in_agents": ANSWERS["logged_in_agents"] + "3|SALES\n"})
    with pytest.raises(errors.RetryLater):
        answered({"in_group_status": ANSWERS["in_group_status"].replace("|4|1|5|", "|4||5|")})


@pytest.mark.parametrize(
    ("function", "lost"),
    [
        ("logged_in_agents", {"agents_available", "agents_logged_in", "agents_in_calls", "agents_paused"}),
        ("in_group_status", {"calls_waiting"}),
        ("call_status_stats", {"calls_today", "abandon_percent"}),
    ],
)
def test_a_function_that_the_server_lacks_leaves_its_figures_unknown(function: str, lost: set[str]) -> None:
    told = answered({function: "ERROR: NO FUNCTION SPECIFIED\n"}, in_groups=["LINE"])[0]
    assert {name for name in lost if getattr(told, name) is not None} == set()
    assert {name for name in Statistics.__dataclass_fields__ if getattr(told, name) != getattr(WHOLE[0], name)} == lost


def test_what_an_addition_prints_is_taken_by_name_and_only_if_it_is_a_number() -> None:
    text = "abandon_rate|news|calls_in_queue|agents_available|average_speed_of_answer\n12.5%|x|n/a|-1|00:12\n"
    assert answered({"campaign_call_stats": text})[0] == Statistics("SALES", "out", None, 1, 2, 0, 0, 12.5, None, 3)
    none = "ERROR: campaign_call_stats CAMPAIGN DOES NOT EXIST: |6666|SALES\n"
    assert answered({"campaign_call_stats": none})[0].calls_waiting is None


SITE = "campaign_id|calls_in_queue|agents_available|abandon_rate|average_speed_of_answer|calls_today\n"
GONE = "ERROR: NO FUNCTION SPECIFIED\n"
UNKNOWN = "ERROR: my_stats CAMPAIGN DOES NOT EXIST: |6666|\n"


@pytest.mark.parametrize(
    ("of_none", "of_sales", "waiting"),
    [
        (UNKNOWN, f"{SITE}SALES|4|3|1.5|2|9\n", 4),
        (SITE, f"{SITE}SALES|4|3|1.5|2|9\n", 4),  # of no campaign there is no row
        (UNKNOWN, UNKNOWN, None),
        (GONE, GONE, 1),
        (UNKNOWN, GONE, 1),
        ("ERROR: my_stats USER DOES NOT HAVE PERMISSION TO USE THIS FUNCTION: |6666|my_stats|\n", GONE, 1),
        (UNKNOWN, "ERROR: my_stats USER DOES NOT HAVE PERMISSION TO VIEW STATS: |6666|my_stats|\n", 1),
        (UNKNOWN, "ERROR: something new - 1|2\n", "my_stats gives an answer that is not understood"),
        ("something new\n", "", "the server does not say whether it has my_stats"),
    ],
)
def test_a_site_may_call_it_by_another_name(of_none: str, of_sales: str, waiting: int | str | None) -> None:
    """That function alone is asked, first of no campaign; where it has no answer of its own, stock functions are."""

    def reply(form: Mapping[str, str]) -> site.Reply:
        if form["function"] == "my_stats":
            return 200, of_sales if form["campaign_id"] == "SALES" else of_none
        assert form["function"] != "campaign_call_stats"
        return 200, ANSWERS[form["function"]].replace("{in_groups}", form.get("in_groups", "").replace("|", " "))

    named = {"campaign_call_stats": "my_stats"}
    with site.answering(reply) as url, site.connected(url, functions=named, in_groups=[]) as dialer:
        for _ in range(2):  # what is known by now is read again in the same way
            if isinstance(waiting, str):
                with pytest.raises(errors.RetryLater, match=waiting):
                    dialer.statistics()
                continue
            assert [(one.group, one.calls_waiting) for one in dialer.statistics()] == [("SALES", waiting)]


def checked(sim: vicidial.Simulator, **options: object) -> dict[str, str]:
    """Place → what `config check` says of statistics."""
    with site.connected(sim.url, **options) as dialer:
        assert not [one for one in dialer.check() if one.fatal]
        return {one.where: f"{'error' if one.fatal else 'warning'}: {one.what}" for one in dialer.check_statistics()}


def test_the_functions_that_they_need_are_checked(sim: vicidial.Simulator) -> None:
    assert checked(sim) == {}
    renamed = {"campaign_call_stats": "my_stats"}
    said = "warning: the server has no function my_stats: statistics are put together from stock functions"
    assert checked(sim, functions=renamed) == {"functions.campaign_call_stats": said}
    site.door(sim.url, "user", user="6666", fields={"user_level": 8})
    said = "error: user 6666 lacks a permission for call_status_stats, which statistics need"
    assert checked(sim) == {"user": said}
    sim.guide = True
    assert checked(sim) == {"user": said}, "of in-groups the addition tells nothing"
    assert checked(sim, in_groups=[]) == {}


def test_a_check_of_them_tries_a_refused_login_once(sim: vicidial.Simulator) -> None:
    with site.connected(sim.url, password="wrong") as dialer:
        (problem,) = dialer.check_statistics()
    assert problem.where == "user"
    assert problem.fatal
    assert site.door(sim.url, "user", user="6666")["refused_logins"] == 1


def test_a_campaign_and_an_in_group_of_one_name_have_no_calls_of_their_own() -> None:
    both = f"SALES|3|2|{HOURS}|DROP-1,NA-1,SALE-1|\n" * 2
    assert answered({"call_status_stats": both}, in_groups=[])[0].calls_today is None


@pytest.mark.parametrize(
    ("user", "password", "said"), [("7001", "nomod", "call_status_stats"), ("7004", "noreports", "campaigns_list")]
)
def test_a_missing_permission_names_the_function(sim: vicidial.Simulator, user: str, password: str, said: str) -> None:
    with pytest.raises(errors.AuthFailed, match=said) as raised:
        read(sim.url, user=user, password=password)
    assert not isinstance(raised.value, errors.LoginRefused)
    assert "view_reports" in raised.value.fix
