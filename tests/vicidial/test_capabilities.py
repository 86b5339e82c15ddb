"""What a server can do and its user may: found, not assumed; asked once, remembered, and overridable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from syncd.sdk import errors, records
from syncd.simulators import vicidial
from syncd.store import memo, upgrade
from syncd.store.database import Database
from syncd_vicidial import VicidialConnector, permissions, probes
from syncd_vicidial.options import Options
from tests.vicidial import site


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{tmp_path}/syncd.db")) as db:
        upgrade.upgrade(db, now=datetime.now(UTC))
        yield db


def probed(sim: vicidial.Simulator) -> dict[str, int]:
    """How often which function has been asked for."""
    return {name: count for name, count in site.door(sim.url, "requests")["functions"].items() if name != "version"}


@pytest.mark.parametrize("profile", ["stock", "guide"])
def test_each_function_of_the_guide_is_there_or_not(profile: str) -> None:
    with vicidial.serve(profile=profile) as sim, site.connected(sim.url) as dialer:
        found = {name: dialer.capabilities.has(name) for name in probes.ADDITIONS}
    assert found == dict.fromkeys(found, profile == "guide")
    assert len(found) == 6


def test_every_stock_function_is_there_and_what_the_user_may_is_found() -> None:
    with vicidial.serve() as sim, site.connected(sim.url) as dialer:
        found = {name: dialer.capabilities.of(name).state for name in (*probes.STOCK, permissions.EXPORT)}
    refused = {"delete_dnc_phone", "agent_campaigns"}
    assert found == {name: "may_not" if name in refused else "may" for name in found}


@pytest.mark.parametrize(
    ("user", "password", "function", "state"),
    [
        ("7001", "nomod", "add_lead", "may_not"),
        ("7001", "nomod", "recording_lookup", "may"),
        ("7003", "fewfuncs", "add_lead", "may"),
        ("7003", "fewfuncs", "recording_lookup", "not_allowed"),
        ("7004", "noreports", "recording_lookup", "may_not"),
        ("7004", "noreports", permissions.EXPORT, "may_not"),
        ("7002", "restricted", "call_status_stats", "may_not"),
    ],
)
def test_a_user_of_few_rights_may_little(user: str, password: str, function: str, state: str) -> None:
    with vicidial.serve() as sim, site.connected(sim.url, user=user, password=password) as dialer:
        assert dialer.capabilities.of(function).state == state
        assert dialer.capabilities.may(function) == (state == "may")
        assert dialer.capabilities.has(function)


@pytest.mark.parametrize("profile", ["stock", "guide"])
def test_asking_changes_nothing(profile: str) -> None:
    with vicidial.serve(profile=profile) as sim, site.connected(sim.url) as dialer:
        for fields in ({}, {"modify_users": 1, "modify_campaigns": 1, "delete_from_dnc": 1}):
            site.door(sim.url, "user", user="6666", fields=fields)
            before = site.door(sim.url, "world")
            for function in (*probes.ADDITIONS, *probes.STOCK, permissions.EXPORT):
                dialer.capabilities.ask(function)
            assert {**site.door(sim.url, "world"), "now": ""} == {**before, "now": ""}
        with sim.world.lock:
            assert sim.world.floor.agents == {}


def test_a_server_is_asked_once_whatever_starts_again_and_by_whatever_client(db: Database) -> None:
    with vicidial.serve(profile="guide") as sim:
        for _ in range(3):
            with site.connected(sim.url) as dialer:
                dialer.remember(memo.Memo(db))
                for _ in range(2):
                    assert dialer.capabilities.has("get_recording")
        assert probed(sim) == {"get_recording": 1}


def test_another_version_is_asked_anew(db: Database) -> None:
    with vicidial.serve() as sim, site.connected(sim.url) as dialer:
        dialer.remember(memo.Memo(db))
        assert not dialer.capabilities.has("get_recording")
        sim.guide = True
        dialer.clock()
        assert not dialer.capabilities.has("get_recording"), "as far as anybody can tell it is the same server"
        sim.world.build = "260101-0000"
        dialer.clock()  # as each run does
        assert dialer.capabilities.has("get_recording")
        assert any("260101-0000" in line for line in dialer.recalls())


def test_what_was_missing_is_looked_for_again_after_a_day(db: Database) -> None:
    now = datetime.now(UTC)
    with vicidial.serve() as sim, site.connected(sim.url) as dialer:
        dialer.remember(memo.Memo(db, lambda: now))
        assert not dialer.capabilities.has("get_recording")
        sim.guide = True
        now += timedelta(hours=23)
        assert not dialer.capabilities.has("get_recording")
        now += timedelta(hours=2)
        assert dialer.capabilities.has("get_recording")
        assert probed(sim) == {"get_recording": 2}


def test_what_a_refusal_shows_to_be_wrong_is_forgotten(db: Database) -> None:
    with vicidial.serve() as sim, site.connected(sim.url) as dialer:
        dialer.remember(memo.Memo(db))
        assert dialer.capabilities.may("update_lead")
        site.door(sim.url, "user", user="6666", fields={"modify_leads": 0})
        assert dialer.capabilities.may("update_lead"), "nobody has noticed yet"
        change = records.Change("update", site.key(), id="5001", fields={"first_name": "Ann"})
        assert isinstance(dialer.write("leads", [change])[0].error, errors.AuthFailed)
        assert not dialer.capabilities.may("update_lead")


@pytest.mark.parametrize("said", ["", "OK", "<html>Welcome</html>", "ERROR: add_lead THE MOON IS FULL"])
def test_nothing_is_learnt_from_an_answer_that_is_not_understood(db: Database, said: str) -> None:
    def reply(form: Mapping[str, str]) -> site.Reply:
        return 200, site.VERSION if form["function"] == "version" else said

    with site.answering(reply) as url, site.connected(url) as dialer:
        dialer.remember(memo.Memo(db))
        with pytest.raises(errors.RetryLater):
            dialer.capabilities.has("recording_lookup")
        assert dialer.recalls() == []


def test_a_refused_login_ends_the_questions() -> None:
    with vicidial.serve() as sim, site.connected(sim.url, password="wrong") as dialer:
        for function in ("get_recording", "add_lead", permissions.EXPORT):
            with pytest.raises(errors.LoginRefused):
                dialer.capabilities.has(function)
        assert site.door(sim.url, "user", user="6666")["refused_logins"] == 1


def test_the_options_name_a_function_or_do_without_it(db: Database) -> None:
    functions = {"get_recording": "my_recording", "get_call_log": False}
    with vicidial.serve(profile="guide") as sim, site.connected(sim.url, functions=functions) as dialer:
        dialer.remember(memo.Memo(db))
        assert not dialer.capabilities.has("get_recording"), "there is none of that name"
        assert not dialer.capabilities.has("get_call_log")
        assert probed(sim) == {"my_recording": 1}
        said = " ".join(dialer.recalls())
    assert "that it has not: get_recording" in said
    assert "not to be used: get_call_log" in said
    with vicidial.serve(profile="guide") as sim, site.connected(sim.url, functions={"get_call_log": False}) as dialer:
        until = datetime.now(UTC)
        list(dialer.pull("calls", records.Cursor(until - timedelta(hours=1)), until, ()))
        assert set(probed(sim)) == {"/vicidial/call_report_export.php"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"functions": {"get_calllog": "x"}},
        {"functions": {"get_call_log": True}},
        {"functions": {"get_call_log": "two words"}},
        {"functions": {"get_call_log": False}, "call_source": "get_call_log"},
        {"login_form": "md4"},
    ],
)
def test_an_override_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate({"url": "http://localhost", "user": "6666", "password": "1234", **wrong})


def changed_phone(dialer: VicidialConnector, phone: str) -> errors.SyncdError | None:
    fields = {"phone_number": phone, "phone_code": "1"}
    return dialer.write("leads", [records.Change("update", site.key(), id="5001", fields=fields)])[0].error


def test_a_changed_number_is_looked_up_by_the_sites_own_dnc_check_as_well() -> None:
    with vicidial.serve(profile="guide") as sim, site.connected(sim.url, campaign_id="TESTCAMP") as dialer:
        assert changed_phone(dialer, "7275550001") is None
        assert probed(sim)["dnc_check"] == 2, "whether it is there, and for the number"
        assert probed(sim)["check_phone_number"] == 1
        for phone in ("7275550666", "7275550777", "9995550001"):
            assert isinstance(changed_phone(dialer, phone), errors.Screened)
        assert probed(sim)["check_phone_number"] == 1, "what the site's own says is enough"
    with vicidial.serve() as sim, site.connected(sim.url, campaign_id="TESTCAMP") as dialer:
        assert isinstance(changed_phone(dialer, "7275550666"), errors.Screened)
        assert changed_phone(dialer, "7275550001") is None
        assert probed(sim)["dnc_check"] == 1, "it is not there"


def test_a_dnc_check_that_says_something_else_lets_no_number_pass() -> None:
    answers = ("", "SUCCESS: dnc_check - 7275550001\n", "SUCCESS: dnc_check PHONE NUMBER IS CLEAN - 1\nERROR: x\n")
    for said in answers:

        def reply(form: Mapping[str, str], said: str = said) -> site.Reply:
            known = {
                "version": site.VERSION,
                "check_phone_number": f"AREACODE: 1|#PHONE: {form.get('phone_number')}|1||||\n",
            }
            probe = "ERROR: dnc_check INVALID PHONE NUMBER LENGTH - \n" if not form.get("phone_number") else said
            return 200, known.get(form["function"], probe)

        with site.answering(reply) as url, site.connected(url) as dialer:
            assert isinstance(changed_phone(dialer, "7275550001"), errors.RetryLater), said
