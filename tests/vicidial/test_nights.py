"""The nights on which clocks are set, a leap day and the end of a year: each call is read once, with its true time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from syncd.sdk import records
from syncd.simulators import vicidial
from syncd.simulators.vicidial import rows
from syncd_vicidial import VicidialConnector
from tests.vicidial import site

ZONE = "America/New_York"
NIGHTS = {
    "clocks go forward": "2026-03-07",
    "clocks go back": "2026-10-31",
    "a leap day": "2028-02-28",
    "after a leap day": "2028-02-29",
    "the end of a year": "2026-12-31",
}
POLL = timedelta(minutes=20)


def calls(sim: vicidial.Simulator, evening: datetime, hours: int) -> list[datetime]:
    """A call every seven minutes; returns when each began."""
    lead = next(iter(sim.world.leads.values()))
    found = []
    for number in range(hours * 60 // 7):
        start = evening + timedelta(minutes=7 * number)
        epoch = int(start.timestamp())
        call = rows.Call(
            uniqueid=f"{epoch}.{number}",
            lead_id=lead.lead_id,
            campaign_id="SALESLINE" if number % 4 == 0 else "TESTCAMP",
            call_date=sim.world.clock.text(epoch),
            status="NI",
            user="1001",
            list_id="101",
            phone_number=lead.phone_number,
            user_group="SALES",
            closecallid=number + 100 if number % 4 == 0 else 0,
        )
        sim.world.add_call(call)
        found.append(start)
    return found


def poll(dialer: VicidialConnector, since: datetime, until: datetime, found: dict[str, datetime]) -> None:
    for page in dialer.pull("calls", records.Cursor(since), until, ()):
        assert page.cursor.at <= until
        for record in page.records:
            found[record.id] = records.instant(record.fields["call_date"] or "")


@pytest.mark.parametrize("night", NIGHTS)
@pytest.mark.parametrize(("source", "profile"), [("get_call_log", "guide"), ("call_report_export", "stock")])
def test_each_call_of_the_night_is_read_once_with_its_true_time(night: str, source: str, profile: str) -> None:
    evening = datetime.fromisoformat(f"{NIGHTS[night]}T22:00:00").replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
    with vicidial.serve(profile=profile) as sim:
        sim.world.clock.set_zone(ZONE)
        sim.world.clock.freeze(frozen=True)
        expected = calls(sim, evening, hours=7)
        with site.connected(sim.url, time_zone=ZONE, call_source=source, archive_after_days=None) as dialer:
            back = timedelta(seconds=min(seconds for every, seconds in dialer.streams["calls"].overlaps if not every))
            found: dict[str, datetime] = {}
            checkpoint = evening
            while checkpoint < evening + timedelta(hours=7):
                until = checkpoint + POLL
                sim.world.clock.offset_seconds += until.timestamp() - sim.world.clock.epoch()
                poll(dialer, checkpoint - back, until, found)
                checkpoint = until
    assert sorted(found.values()) == expected
    assert len(found) == len(expected)
