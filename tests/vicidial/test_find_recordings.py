"""Recordings of calls: found by uniqueid or by lead and time, never invented."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from syncd.sdk import errors, protocol, records
from syncd.simulators import vicidial
from syncd_vicidial import VicidialConnector, answers
from syncd_vicidial.options import Options
from tests.vicidial import site

RECORDED = {case["name"]: site.recorded(case) for case in site.cases("calls") if case["name"].startswith("recordings")}
URL = "http://10.10.10.15/RECORDINGS/20261120-110005_7275550501_1001-all.wav"
CALL = records.Record(
    "call",
    {
        "uniqueid": "1795000002.102",
        "lead_id": "5001",
        "call_date": "2026-11-20T16:00:00Z",
        "length_in_sec": "300",
        "user": "1001",
    },
)
NONE = "ERROR: recording_lookup NO RECORDINGS FOUND - 6666||5001|||\n"


def asked(text: str, **options: object) -> list[list[records.Record] | errors.SyncdError]:
    stock = {"functions": {"get_recording": False}}
    with site.answering(lambda _: (200, text)) as url, site.connected(url, **stock, **options) as dialer:
        assert isinstance(dialer, protocol.FindsRecordings)
        return list(dialer.recordings([CALL]))


@pytest.mark.parametrize("name", ["recordings", "recordings-by-uniqueid"])
def test_a_recorded_answer_is_a_recording_with_and_without_the_column_that_the_header_lacks(name: str) -> None:
    ((found,),) = asked(RECORDED[name])  # type: ignore[misc]  # a list with one record
    assert found.fields == {
        "url": URL,
        "recording_id": "1",
        "filename": "20261120-110005_7275550501_1001-all.wav",
        "started_at": "2026-11-20T16:00:05Z",
        "length_in_sec": "295" if name == "recordings" else "",
        "user": "1001",
    }


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", errors.RetryLater),
        ("<html><body>Service unavailable</body></html>", errors.RetryLater),
        ("SUCCESS: fine\n", errors.RetryLater),
        (RECORDED["recordings"].rstrip("\n"), errors.RetryLater),
        (RECORDED["recordings"][:50] + "\n", errors.RetryLater),
        ("start_time|user|recording_id|lead_id|location\nyesterday|1001|1|5001|9|http://x/\n", errors.RetryLater),
        (
            "ERROR: auth USER DOES NOT HAVE PERMISSION TO USE THIS FUNCTION - |6666|recording_lookup|\n",
            errors.AuthFailed,
        ),
        ("ERROR: recording_lookup USER DOES NOT HAVE PERMISSION TO GET RECORDING INFO: |6666|\n", errors.AuthFailed),
        ("ERROR: Login incorrect, please try again: |6666|1234|BAD|\n", answers.LoginRefused),
        ("ERROR: NO FUNCTION SPECIFIED\n", errors.AuthFailed),
    ],
)
def test_an_answer_that_says_neither_is_an_error_and_no_empty_list(text: str, kind: type[Exception]) -> None:
    (found,) = asked(text)
    assert type(found) is kind
    assert "1234" not in str(found)


def test_no_recording_is_an_empty_list_and_a_blank_location_a_recording_without_a_link() -> None:
    assert asked(NONE) == [[]]
    ((found,),) = asked(RECORDED["recordings"].replace(URL, ""))  # type: ignore[misc]
    assert (found.fields["url"], found.fields["filename"]) == ("", "")


def test_in_the_hour_that_the_clock_shows_twice_the_calls_own_time_decides() -> None:
    text = RECORDED["recordings"].replace("2026-11-20 11:00:05", "2026-11-01 01:30:05")
    for hour in (5, 6):  # 01:30 in New York twice
        start = datetime(2026, 11, 1, hour, 30, tzinfo=UTC)
        told = {"uniqueid": f"{int(start.timestamp())}.102", "call_date": records.text(start)}
        call = records.Record("call", {**CALL.fields, **told})
        zone = "America/New_York"
        stock = {"time_zone": zone, "functions": {"get_recording": False}}
        with site.answering(lambda _: (200, text)) as url, site.connected(url, **stock) as dialer:
            (found,) = dialer.recordings([call])
        assert starts(found) == [f"2026-11-01T0{hour}:30:05Z"]


def test_the_first_rule_that_fits_rewrites_a_link() -> None:
    rules = [
        {"from": "http://10.9.", "to": "https://no.example.com/"},
        {"from": "http://10.10.10.15/", "to": "https://dialer.example.com/"},
        {"from": "http://", "to": "https://"},
    ]
    ((found,),) = asked(RECORDED["recordings"], recording_links=rules)  # type: ignore[misc]
    assert found.fields["url"] == URL.replace("http://10.10.10.15", "https://dialer.example.com")
    with pytest.raises(ValueError, match="recording_links"):
        Options.model_validate(
            {"url": "http://x", "user": "6666", "password": "x", "recording_links": [{"from": "a", "to": "b"}]}
        )


@pytest.mark.parametrize(
    ("functions", "has", "asked_for"),
    [
        ({}, ["get_recording"], "get_recording"),
        ({"get_recording": "get_rec"}, ["get_rec"], "get_rec"),
        ({"get_recording": False}, ["get_recording"], "recording_lookup"),
        ({}, [], "recording_lookup"),
    ],
)
def test_a_sites_own_get_recording_is_asked_where_the_server_has_it(
    functions: Mapping[str, str | bool], has: Sequence[str], asked_for: str
) -> None:
    seen: list[str] = []

    def reply(form: Mapping[str, str]) -> site.Reply:
        seen.append(form["function"])
        if form["function"] == "version":
            return 200, site.VERSION
        if form["function"] not in (*has, "recording_lookup"):
            return 200, "ERROR: NO FUNCTION SPECIFIED\n"
        return 200, RECORDED["recordings"]

    with site.answering(reply) as url, site.connected(url, functions=functions) as dialer:
        for _ in range(2):
            assert len(dialer.recordings([CALL])[0]) == 1  # type: ignore[arg-type]
        assert dialer.check_recordings() == []
    assert seen[-3:] == [asked_for] * 3
    assert len(seen) == (3 if functions.get("get_recording") is False else 5)


def test_a_server_that_does_not_say_what_it_has_gives_every_call_the_error() -> None:
    with site.answering(lambda _: (200, "")) as url, site.connected(url) as dialer:
        found = dialer.recordings([CALL, CALL])
    assert [type(one) for one in found] == [errors.RetryLater] * 2


@pytest.fixture
def sim() -> Iterator[vicidial.Simulator]:
    with vicidial.serve() as running:
        yield running


@pytest.fixture
def dialer(sim: vicidial.Simulator) -> Iterator[VicidialConnector]:
    with site.connected(sim.url) as connector:
        yield connector


def calls(dialer: VicidialConnector) -> list[records.Record]:
    until = datetime.now(UTC) + timedelta(minutes=1)
    since = records.Cursor(until - timedelta(hours=3))
    return [record for page in dialer.pull("calls", since, until, ()) for record in page.records]


def starts(found: list[records.Record] | errors.SyncdError) -> list[str | None]:
    assert not isinstance(found, errors.SyncdError), found
    return [one.fields["started_at"] for one in found]


def at(minutes: float) -> str:
    """A time of the server, five hours behind UTC, some minutes ago."""
    return (datetime.now(UTC) - timedelta(hours=5, minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S")


def test_calls_of_one_second_and_both_legs_of_a_transfer_get_their_own(
    sim: vicidial.Simulator, dialer: VicidialConnector
) -> None:
    start = at(30)
    epoch = int(datetime.now(UTC).timestamp()) - 1800
    for lead, number in ((5001, 1), (5002, 2)):
        site.door(
            sim.url, "call", lead_id=lead, user="1001", status="SALE", call_date=start, length_in_sec=60,
            uniqueid=f"{epoch}.{number}", recording=True,
        )  # fmt: skip
    leg = {"lead_id": 5001, "uniqueid": f"{epoch}.1", "user": "1002", "status": "SALE", "in_group": "SALESLINE"}
    site.door(sim.url, "call", **leg, call_date=start, length_in_sec=40, recording=True)
    every = [one for one in calls(dialer) if (one.fields["uniqueid"] or "").startswith(str(epoch))]
    assert len(every) == 3
    found = dialer.recordings(every)
    for call, recordings in zip(every, found, strict=True):
        assert not isinstance(recordings, errors.SyncdError)
        assert [one.fields["user"] for one in recordings] == [call.fields["user"]]
        assert len({one.fields["recording_id"] for one in recordings}) == 1


def test_a_call_gets_no_recording_of_one_that_had_its_uniqueid_a_year_ago(
    sim: vicidial.Simulator, dialer: VicidialConnector
) -> None:
    """Asterisk's uniqueids begin anew where a clock was wrong or a server was built again."""
    for minutes in (30, 30 + 365 * 24 * 60):
        site.door(
            sim.url, "call", lead_id=5001, user="1001", status="NI", call_date=at(minutes), length_in_sec=60,
            uniqueid="1795000777.1", recording=True,
        )  # fmt: skip
    until = datetime.now(UTC)
    every = []
    for days in (0, 365):
        window = until - timedelta(days=days)
        pages = dialer.pull("calls", records.Cursor(window - timedelta(hours=2)), window, ())
        every += [one for page in pages for one in page.records if one.fields["uniqueid"] == "1795000777.1"]
    assert len({one.id for one in every}) == 2, "two calls, each with a key of its own"
    assert [starts(found) for found in dialer.recordings(every)] == [[one.fields["call_date"]] for one in every]


def test_a_recording_that_lost_its_call_is_found_by_lead_and_time(
    sim: vicidial.Simulator, dialer: VicidialConnector
) -> None:
    for minutes in (90, 30):
        site.door(
            sim.url, "call", lead_id=5001, user="1001", status="NI", call_date=at(minutes), length_in_sec=60,
            recording={"vicidial_id": "1.1"},
        )  # fmt: skip
    every = [one for one in calls(dialer) if one.fields["status"] == "NI" and one.fields["lead_id"] == "5001"]
    found = dialer.recordings(every)
    assert [starts(one) for one in found] == [[call.fields["call_date"]] for call in every]


def test_one_answer_in_trouble_leaves_the_others(sim: vicidial.Simulator, dialer: VicidialConnector) -> None:
    for minutes in (50, 40, 30):
        site.door(
            sim.url,
            "call",
            lead_id=5001,
            user="1001",
            status="NI",
            call_date=at(minutes),
            length_in_sec=9,
            recording=True,
        )
    every = [one for one in calls(dialer) if one.fields["status"] == "NI" and one.fields["lead_id"] == "5001"]
    site.door(sim.url, "faults", spec="all.html@2")
    found = dialer.recordings(every)
    assert sorted(isinstance(one, errors.SyncdError) for one in found) == [False, False, True]
    assert dialer.check_recordings() == []


def test_check_says_what_the_user_lacks(sim: vicidial.Simulator, dialer: VicidialConnector) -> None:
    with sim.world.lock:
        sim.world.users["6666"].api_allowed_functions = ["lead_search"]
    (problem,) = dialer.check_recordings()
    assert "recording_lookup" in str(problem)
