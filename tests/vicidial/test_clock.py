"""A server whose clock is an hour off: noticed, explained, and no call lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from syncd.sdk import errors, records
from syncd.simulators import vicidial
from syncd_vicidial import VicidialConnector
from tests.vicidial import site

AHEAD, BEHIND = "Etc/GMT+4", "Etc/GMT+6"  # of Etc/GMT+5, which the options name


@pytest.fixture(params=["stock", "guide"])
def sim(request: pytest.FixtureRequest) -> Iterator[vicidial.Simulator]:
    with vicidial.serve(profile=request.param) as sim:
        site.door(sim.url, "call", lead_id=5001, user="1001", status="NI", length_in_sec=30)
        yield sim


def calls(dialer: VicidialConnector) -> dict[str, datetime]:
    """As a run reads the last two hours: the id of each call, and its start."""
    until = dialer.clock()
    pages = dialer.pull("calls", records.Cursor(until - timedelta(hours=2)), until, ["call_date"])
    return {one.id: records.instant(one.fields["call_date"] or "") for page in pages for one in page.records}


@pytest.mark.parametrize("zone", [AHEAD, BEHIND])
def test_in_another_zone_no_call_is_read_until_the_two_agree(sim: vicidial.Simulator, zone: str) -> None:
    """Read an hour off, each would come a second time, under another id, once that is mended."""
    with site.connected(sim.url) as dialer:
        right = calls(dialer)
        site.door(sim.url, "clock", zone=zone)
        for stream in ("calls", "callbacks"):
            until = dialer.clock()
            with pytest.raises(errors.RetryLater) as raised:
                dialer.pull(stream, None, until, ())
            assert "time_zone: the server's clock is at UTC-" in str(raised.value)
            assert "Etc/GMT+5 is at UTC-5 h" in str(raised.value)
            assert "name the time zone of the server" in str(raised.value)
        site.door(sim.url, "clock", zone="Etc/GMT+5")
        assert calls(dialer) == right
    [started] = [at for at in right.values() if at > datetime.now(UTC) - timedelta(minutes=1)]
    assert started <= datetime.now(UTC)


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_clock_that_is_wrong_itself_is_told_and_every_call_is_read_by_it(
    sim: vicidial.Simulator, seconds: int
) -> None:
    site.door(sim.url, "clock", offset_seconds=seconds)
    site.door(sim.url, "call", lead_id=5001, user="1001", status="SALE", length_in_sec=30)
    with site.connected(sim.url) as dialer:
        [problem] = dialer.check()
        found = calls(dialer)
        there = "ahead of" if seconds > 0 else "behind"
        assert not problem.fatal
        assert f"s {there} this machine's: calls and callbacks have wrong times" in str(problem)
        recent = [at for at in found.values() if abs((at - dialer.clock()).total_seconds()) < 60]
    assert len(recent) == 1


def test_a_server_that_does_not_tell_its_wall_clock_is_read() -> None:
    said = "VERSION: 2.14-194|BUILD: 241004-1518|EPOCH: 1795168800|\n"
    none = "There are no calls during this time period for these parameters\n"
    with site.answering(lambda form: (200, said if "function" in form else none)) as url:
        options = {"functions": {"get_call_log": False}}
        with site.connected(url, **options) as dialer:
            assert calls(dialer) == {}
