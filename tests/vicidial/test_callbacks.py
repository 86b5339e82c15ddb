"""Callbacks over HTTP against the simulated server: booked, moved, taken back, refused; and their hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from syncd.sdk import errors, records
from syncd.simulators import vicidial
from syncd_vicidial import VicidialConnector, callbacks
from tests.vicidial import site

NEW_YORK = ZoneInfo("America/New_York")
NAMES = frozenset(callbacks.NAMES)
TEN = "2030-12-02T15:00:00Z"  # 10:00 in New York
ELEVEN = "2030-12-02T16:00:00Z"


@pytest.fixture
def sim() -> Iterator[vicidial.Simulator]:
    """A simulated stock server in New York, whose campaign dials at any hour."""
    with vicidial.serve() as running:
        running.world.clock.set_zone("America/New_York")
        running.world.campaigns["TESTCAMP"].local_call_time = "24hours"
        yield running


@pytest.fixture
def dialer(sim: vicidial.Simulator) -> Iterator[VicidialConnector]:
    """A connector on it."""
    with site.connected(sim.url, campaign_id="TESTCAMP", time_zone="America/New_York") as connector:
        yield connector


def made(dialer: VicidialConnector, **fields: str | None) -> str:
    [outcome] = dialer.write("leads", [site.create("7275550111", "101", "K1", **fields)])
    assert outcome.error is None
    assert outcome.id is not None
    return outcome.id


def changed(dialer: VicidialConnector, lead_id: str, **fields: str | None) -> records.Outcome:
    [outcome] = dialer.write("leads", [records.Change("update", site.key(), id=lead_id, fields=fields)])
    return outcome


def booked(sim: vicidial.Simulator) -> list[tuple[str, str, str, str]]:
    rows = site.door(sim.url, "world", include=["callbacks"])["callbacks"]
    return [(row["callback_time"], row["recipient"], row["user"], row["comments"]) for row in rows]


def status(sim: vicidial.Simulator, lead_id: str) -> str:
    (found,) = (one for one in site.leads(sim.url) if str(one["lead_id"]) == lead_id)
    return str(found["status"])


def test_a_callback_is_booked_with_the_lead_moved_given_to_somebody_else_and_taken_back(
    sim: vicidial.Simulator, dialer: VicidialConnector
) -> None:
    lead_id = made(
        dialer, callback_at=TEN, callback_user="1001", callback_comments="asks; for Ann", hopper_priority="9"
    )
    assert booked(sim) == [("2030-12-02 10:00:00", "USERONLY", "1001", "asks for Ann")]
    assert status(sim, lead_id) == "CBHOLD"
    assert site.door(sim.url, "world", include=[])["counts"]["hopper"] == 0, "it is not dialled before"
    wanted = {"callback_at": ELEVEN, "callback_user": "1001", "callback_comments": "asks; for Ann"}
    assert changed(dialer, lead_id, **wanted).error is None
    assert booked(sim) == [("2030-12-02 11:00:00", "USERONLY", "1001", "asks for Ann")]
    [record] = dialer.get("leads", [lead_id], tuple(wanted))
    assert {name: record.fields[name] for name in wanted} == dialer.canonical("leads", wanted)
    assert changed(dialer, lead_id, callback_at=ELEVEN, callback_user=None, callback_comments=None).error is None
    assert booked(sim) == [("2030-12-02 11:00:00", "ANYONE", "", "")], "for anyone, and the old comments are gone"
    assert changed(dialer, lead_id, callback_at=None, first_name="Ann").error is None
    assert (booked(sim), status(sim, lead_id)) == ([], "NEW")
    assert site.leads(sim.url)[-1]["first_name"] == "Ann"


def test_a_lead_that_is_there_waits_for_its_callback_and_comes_back_when_it_is_due(
    sim: vicidial.Simulator, dialer: VicidialConnector
) -> None:
    lead_id = made(dialer, hopper_priority="9")
    assert site.door(sim.url, "world", include=[])["counts"]["hopper"] == 1
    assert changed(dialer, lead_id, callback_at=TEN).error is None
    assert status(sim, lead_id) == "CBHOLD"
    assert site.door(sim.url, "world", include=[])["counts"]["hopper"] == 0
    for comes, seconds in ((0, -1.0), (1, 0.0)):
        site.door(
            sim.url, "clock", offset_seconds=records.instant(TEN).timestamp() + seconds - datetime.now(UTC).timestamp()
        )
        site.door(sim.url, "clock", freeze=True)
        assert site.door(sim.url, "hopper_run")["live"] == comes
    world = site.door(sim.url, "world", include=["hopper"])
    assert [entry["priority"] for entry in world["hopper"]] == [50]
    assert status(sim, lead_id) == "CALLBK"
    [record] = dialer.get("leads", [lead_id], ("callback_at",))
    assert record.fields["callback_at"] == TEN, "due, but nobody has called yet"
    assert changed(dialer, lead_id, callback_at=TEN).error is None
    assert len(booked(sim)) == 1, "a repeated request does not take away what is due"


@pytest.mark.parametrize("at", ["2020-01-01T00:00:00Z", None])
def test_a_time_in_the_past_books_nothing_and_ends_what_it_replaces(
    sim: vicidial.Simulator, dialer: VicidialConnector, at: str | None
) -> None:
    lead_id = made(dialer, callback_at=at)
    assert (booked(sim), status(sim, lead_id)) == ([], "NEW")
    assert changed(dialer, lead_id, callback_at=TEN).error is None
    outcome = changed(dialer, lead_id, callback_at=at, status="WARM")
    assert outcome.error is None
    assert (callbacks.PAST in outcome.notes) is (at is not None)
    assert (booked(sim), status(sim, lead_id)) == ([], "WARM")


@pytest.mark.parametrize(
    ("fields", "options", "what"),
    [
        ({"callback_user": "nobody"}, {}, "callback_user: no callback is booked: VICIdial has no such user"),
        ({}, {"campaign_id": "NOPE"}, "campaign_id: no callback is booked: VICIdial has no such campaign"),
    ],
)
def test_what_vicidial_refuses_leaves_the_lead_as_it_was(
    sim: vicidial.Simulator, fields: dict[str, str], options: dict[str, Any], what: str
) -> None:
    given = {"campaign_id": "TESTCAMP", "time_zone": "America/New_York", **options}
    with site.connected(sim.url, **given) as dialer:
        [outcome] = dialer.write("leads", [site.create("7275550111", callback_at=TEN, **fields)])
        assert isinstance(outcome.error, errors.Rejected)
        assert what in str(outcome.error)
        assert outcome.id is not None
        assert (outcome.unapplied, booked(sim), status(sim, outcome.id)) == (NAMES, [], "NEW")
        site.door(sim.url, "edit", lead_id=outcome.id, fields={"status": "NA", "called_count": "2"})
        again = changed(dialer, outcome.id, callback_at=TEN, first_name="Ann", **fields)
        assert isinstance(again.error, errors.Rejected)
        assert (again.id, again.unapplied) == (outcome.id, NAMES)
        assert (booked(sim), status(sim, outcome.id)) == ([], "NA")
        assert site.leads(sim.url)[-1]["first_name"] == "Ann", "the other fields are applied"


def test_an_unknown_user_is_refused_also_where_a_callback_stands(
    sim: vicidial.Simulator, dialer: VicidialConnector
) -> None:
    """update_lead changes a callback in place without a look at the user; nobody would ever see such a callback."""
    lead_id = made(dialer, callback_at=TEN, callback_user="1001")
    outcome = changed(dialer, lead_id, callback_at=ELEVEN, callback_user="nobody")
    assert isinstance(outcome.error, errors.Rejected)
    assert (booked(sim), status(sim, lead_id)) == ([], "NEW"), "nor is anybody called at the time before"


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"callback_at": "2030-12-02 10:00"}, "callback_at: is no instant with a time zone"),
        ({"callback_at": "tomorrow"}, "callback_at: is no instant with a time zone"),
        ({"callback_at": TEN, "callback_user": "anna.smith"}, "callback_user: a VICIdial user has"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_there_is_a_lead(
    sim: vicidial.Simulator, dialer: VicidialConnector, fields: dict[str, str], what: str
) -> None:
    before = len(site.leads(sim.url))
    [outcome] = dialer.write("leads", [site.create("7275550111", **fields)])
    assert isinstance(outcome.error, errors.Rejected)
    assert what in str(outcome.error)
    assert outcome.id is None
    assert len(site.leads(sim.url)) == before


@pytest.mark.parametrize(("reason", "wanted"), [("opt_out", "DNC"), ("deleted", "SYNCDX")])
def test_a_lead_that_leaves_dialling_has_no_callback_that_would_bring_it_back(
    sim: vicidial.Simulator, dialer: VicidialConnector, reason: str, wanted: str
) -> None:
    lead_id = made(dialer, callback_at=TEN)
    [outcome] = dialer.write("leads", [records.Change("remove", site.key(), id=lead_id, reason=reason)])
    assert outcome.error is None
    assert (booked(sim), status(sim, lead_id)) == ([], wanted)
    refused = changed(dialer, lead_id, callback_at=ELEVEN, first_name="Ann")
    assert "the lead is out of dialling" in str(refused.error)
    assert (booked(sim), status(sim, lead_id)) == ([], wanted)
    assert site.leads(sim.url)[-1]["first_name"] == "Ann"


def test_a_mapped_status_that_means_do_not_call_ends_the_callback(
    sim: vicidial.Simulator, dialer: VicidialConnector
) -> None:
    lead_id = made(dialer, callback_at=TEN)
    assert changed(dialer, lead_id, status="DNC").error is None
    assert (booked(sim), status(sim, lead_id)) == ([], "DNC")
    other = made(dialer)
    both = changed(dialer, other, status="DNC", callback_at=TEN)
    assert "the lead is out of dialling" in str(both.error)
    assert (booked(sim), status(sim, other)) == ([], "DNC")


def test_trouble_between_the_old_callback_and_the_new_one_is_looked_up(
    sim: vicidial.Simulator, dialer: VicidialConnector
) -> None:
    lead_id = made(dialer, callback_at=TEN, callback_user="1001")
    site.door(sim.url, "faults", spec="busy@2")
    outcome = changed(dialer, lead_id, callback_at=TEN, callback_user="6666")
    assert isinstance(outcome.error, errors.Ambiguous), "nobody may take it that nothing has happened"
    assert changed(dialer, lead_id, callback_at=TEN, callback_user="6666").error is None
    assert booked(sim) == [("2030-12-02 10:00:00", "USERONLY", "6666", "")]


@pytest.mark.parametrize(
    ("at", "wall", "back"),
    [
        ("2026-07-01T14:30:00Z", "2026-07-01 10:30:00", "2026-07-01T14:30:00Z"),
        ("2026-07-01T14:30:00.5Z", "2026-07-01 10:30:01", "2026-07-01T14:30:01Z"),
        ("2026-11-01T05:30:00Z", "2026-11-01 01:30:00", "2026-11-01T05:30:00Z"),  # the first of the two hours
        ("2026-11-01T06:30:00Z", "2026-11-01 02:00:00", "2026-11-01T07:00:00Z"),  # the second: 1:30 would be too early
        ("2026-11-01T06:59:59Z", "2026-11-01 02:00:00", "2026-11-01T07:00:00Z"),
        ("2026-03-08T06:59:00Z", "2026-03-08 01:59:00", "2026-03-08T06:59:00Z"),
        ("2026-03-08T07:00:00Z", "2026-03-08 03:00:00", "2026-03-08T07:00:00Z"),
    ],
)
def test_no_hour_of_the_year_calls_too_early(at: str, wall: str, back: str) -> None:
    assert callbacks.wall(records.instant(at), NEW_YORK) == wall
    due = callbacks.instant(wall, NEW_YORK)
    assert due == records.instant(back)
    assert due is not None
    assert due >= records.instant(at)


def test_a_time_that_the_clock_leaves_out_is_due_when_the_clock_has_passed_it() -> None:
    assert callbacks.instant("2026-03-08 02:30:00", NEW_YORK) == records.instant("2026-03-08T07:00:00Z")
    assert callbacks.instant("0000-00-00 00:00:00", NEW_YORK) is None


@pytest.mark.parametrize(
    ("answer", "times"),
    [
        (
            "7|CURRENT|ANYONE|ACTIVE|CALLBK|2030-12-02 10:00:00|x|1001|101|C|G|||one|two\n7 times\n",
            ["2030-12-02 10:00:00"],
        ),
        ("7|ARCHIVE|ANYONE|LIVE|CALLBK|a|x|1|101|C|G|||\n7|CURRENT|ANYONE|LIVE|CALLBK|b|x|1|101|C|G|||\n", ["b"]),
    ],
)
def test_comments_with_lines_and_pipes_do_not_hide_a_callback(answer: str, times: list[str]) -> None:
    header = "lead_id|callback_type|recipient|callback_status|…|comments\n"
    with site.answering(lambda _: (200, header + answer)) as url, site.connected(url) as dialer:
        assert [row.time for row in dialer._callbacks.of("7")] == times


@pytest.mark.parametrize(
    "answer", ["", "lead_id|callback_type|x\n7|CURRENT|ANY", "<html>", "lead_id|callback_type|x\n7|a\n"]
)
def test_a_cut_answer_is_not_taken_for_no_callback(answer: str) -> None:
    with (
        site.answering(lambda _: (200, answer)) as url,
        site.connected(url) as dialer,
        pytest.raises(errors.RetryLater),
    ):
        dialer._callbacks.of("7")
