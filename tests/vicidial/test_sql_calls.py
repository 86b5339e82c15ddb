"""Calls out of VICIdial's own tables: in narrow reads that lose none, whatever the clock did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pydantic
import pytest

from syncd.sdk import records
from syncd.simulators import vicidial
from syncd_vicidial import VicidialConnector
from syncd_vicidial.options import Options
from tests.vicidial import tables as vicidial_tables
from tests.vicidial.tables import Tables

NEW_YORK = ZoneInfo("America/New_York")
BACK = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)  # the clock was set back
FORWARD = datetime(2026, 3, 8, 7, 0, tzinfo=UTC)  # the clock was set forward: 01:59 EST, 03:00 EDT


@contextmanager
def opened(tables: Tables, *, rows: int = 10, **options: Any) -> Iterator[VicidialConnector]:
    given = {"time_zone": "America/New_York", "database": {"rows_per_read": rows}, **options}
    with vicidial.serve() as sim, vicidial_tables.connected(sim.url, tables, **given) as dialer:
        yield dialer


def row(
    number: int, wall: str, *, epoch: datetime | None = None, uniqueid: str = "", **more: object
) -> dict[str, object]:
    return {
        "uniqueid": uniqueid or f"x.{number}", "lead_id": 7, "campaign_id": "SALES", "status": "NI", "user": "1001",
        "call_date": wall, "start_epoch": int(epoch.timestamp()) if epoch else None, **more,
    }  # fmt: skip


def wall(moment: datetime) -> str:
    return f"{moment.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S}"


def pages(dialer: VicidialConnector, since: datetime, until: datetime) -> list[records.Page]:
    """All pages, checked as the engine checks them."""
    found = list(dialer.pull("calls", records.Cursor(since), until, ()))
    cursors = [page.cursor for page in found]
    assert cursors == sorted(set(cursors))
    assert since <= cursors[0].at
    assert cursors[-1].at == until
    return found


def starts(found: list[records.Page]) -> dict[str, str | None]:
    """uniqueid → start."""
    calls = [record for page in found for record in page.records]
    by_id = {str(record.fields["uniqueid"]): record.fields["call_date"] for record in calls}
    assert len(by_id) == len(calls)
    return by_id


def test_however_many_calls_there_are_a_page_is_small_and_none_is_lost(tables: Tables) -> None:
    noon = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    moments = [noon + timedelta(seconds=number * 7 % 3000) for number in range(300)]
    moments += [noon + timedelta(seconds=1234)] * 35  # more in a second than one read takes
    calls = [row(number, wall(moment), epoch=moment) for number, moment in enumerate(moments)]
    tables.insert("vicidial_log", *calls[::2])
    tables.insert("vicidial_closer_log", *(one | {"closecallid": place + 1} for place, one in enumerate(calls[1::2])))
    with opened(tables) as dialer:
        found = pages(dialer, noon - timedelta(hours=1), noon + timedelta(hours=1))
    assert starts(found) == {f"x.{number}": records.text(moment) for number, moment in enumerate(moments)}
    sizes = sorted(len(page.records) for page in found)
    assert sizes[-2] <= 20  # ten rows of each table
    assert sizes[-1] >= 35
    for page in found:
        assert all(str(record.fields["call_date"]) <= (records.text(page.cursor.at) or "") for record in page.records)


def test_a_read_that_begins_where_a_page_ended_misses_none(tables: Tables) -> None:
    moments = [BACK + timedelta(minutes=minute) for minute in range(-130, 130, 3)]
    tables.insert("vicidial_log", *(row(number, wall(moment), epoch=moment) for number, moment in enumerate(moments)))
    every = {f"x.{number}": records.text(moment) for number, moment in enumerate(moments)}
    since, until = BACK - timedelta(hours=4), BACK + timedelta(hours=4)
    with opened(tables) as dialer:
        found = pages(dialer, since, until)
        assert starts(found) == every
        for number, page in enumerate(found[:-1]):
            begun = {str(one.fields["uniqueid"]) for before in found[: number + 1] for one in before.records}
            rest = starts(pages(dialer, page.cursor.at, until))
            assert begun | set(rest) == set(every), page.cursor


def test_the_hour_that_comes_twice_is_told_apart_by_start_epoch_then_uniqueid_then_order(tables: Tables) -> None:
    first, second = BACK - timedelta(minutes=20), BACK + timedelta(minutes=40)
    assert wall(first) == wall(second)
    year_ago = int((first - timedelta(days=365)).timestamp())
    in_first, in_second = int(first.timestamp()), int(second.timestamp())
    tables.insert(
        "vicidial_log",
        row(1, wall(first), epoch=first, uniqueid=f"{in_second}.1"),  # start_epoch goes before uniqueid
        row(2, wall(first), epoch=second, uniqueid=f"{year_ago}.2"),
        row(3, wall(first), uniqueid=f"{in_first}.3"),
        row(4, wall(first), uniqueid=f"{in_second}.4"),
        row(5, wall(first), uniqueid=f"pbx7-{in_second - 3000}.5"),  # waited for 50 minutes, since before the change
        row(6, wall(first), uniqueid=f"{year_ago}.6"),  # used a second time, so that nothing tells
    )
    tables.insert(
        "vicidial_closer_log",
        *(
            row(number, wall(first), uniqueid=f"in.{number}", closecallid=number, epoch=moment)
            for number, moment in ((10, first), (11, None), (12, second), (13, None), (9, None))
        ),
    )
    with opened(tables) as dialer:
        found = starts(pages(dialer, BACK - timedelta(hours=2), BACK + timedelta(hours=2)))
    winter = {f"{year_ago}.2", f"{in_second}.4", f"pbx7-{in_second - 3000}.5", "in.12", "in.13"}
    assert {one for one, start in found.items() if start == records.text(second)} == winter
    assert {one for one, start in found.items() if start == records.text(first)} == set(found) - winter
    assert len(found) == 11


def test_the_hour_that_is_skipped_is_read_where_rows_have_it(tables: Tables) -> None:
    before, after = FORWARD - timedelta(minutes=5), FORWARD + timedelta(minutes=5)
    slow = FORWARD + timedelta(minutes=30)  # of a server whose clock was set by hand, an hour late
    tables.insert(
        "vicidial_log",
        row(1, wall(before), epoch=before),
        row(2, "2026-03-08 02:30:00", epoch=slow),
        row(3, "2026-03-08 02:30:00"),
        row(4, wall(after), epoch=after),
    )
    expected = {"x.1": before, "x.2": slow, "x.3": slow, "x.4": after}
    for hours in (1, 2, 24):
        with opened(tables, hours_per_read=hours) as dialer:
            found = starts(pages(dialer, FORWARD - timedelta(hours=3), FORWARD + timedelta(hours=3)))
        assert found == {one: records.text(moment) for one, moment in expected.items()}


def test_only_campaigns_and_in_groups_that_are_named_are_read(tables: Tables) -> None:
    noon = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    tables.insert("vicidial_log", *(row(place, wall(noon), campaign_id=one) for place, one in enumerate("AB")))
    tables.insert(
        "vicidial_closer_log",
        *(row(place + 5, wall(noon), campaign_id=one, closecallid=place + 1) for place, one in enumerate("AB")),
    )
    named: tuple[tuple[dict[str, Any], set[str]], ...] = (
        ({"campaigns": ("A",)}, {"x.0", "x.5", "x.6"}),
        ({"campaigns": ("A",), "in_groups": ("B",)}, {"x.0", "x.6"}),
        ({}, {"x.0", "x.1", "x.5", "x.6"}),
    )
    for options, expected in named:
        with opened(tables, **options) as dialer:
            assert set(starts(pages(dialer, noon - timedelta(hours=1), noon + timedelta(hours=1)))) == expected


def test_a_row_without_what_makes_a_call_is_left_out_and_the_others_are_read(tables: Tables) -> None:
    noon = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    tables.insert("vicidial_log", row(1, wall(noon)), row(2, wall(noon), lead_id=0))
    tables.insert("vicidial_closer_log", row(3, wall(noon), closecallid=1) | {"uniqueid": ""})
    tables.insert("vicidial_log", {"uniqueid": "x.4", "lead_id": 7, "call_date": wall(noon)})  # all else is NULL
    with opened(tables) as dialer:
        found = pages(dialer, noon - timedelta(hours=1), noon + timedelta(hours=1))
    calls = {str(one.fields["uniqueid"]): one for page in found for one in page.records}
    assert set(calls) == {"x.1", "x.4"}
    assert calls["x.4"].id == "out|x.4||2026-11-20T17:00:00Z"
    assert "length_in_sec" not in calls["x.4"].fields


def test_calls_come_from_sql_only_where_it_is_said(tables: Tables) -> None:
    noon = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    tables.insert("vicidial_log", row(1, wall(noon)))
    with opened(tables, call_source="auto") as dialer:
        assert "x.1" not in starts(pages(dialer, noon - timedelta(hours=1), noon + timedelta(hours=1)))
    given = {"url": "http://localhost", "user": "6666", "password": "1234", "call_source": "sql"}
    with pytest.raises(pydantic.ValidationError, match="needs `database`"):
        Options.model_validate(given)


def test_the_database_is_encrypted_unless_it_is_on_this_machine_or_somebody_says_no() -> None:
    def encrypted(**database: object) -> bool:
        given = {"url": "http://localhost", "user": "6666", "password": "1234"}
        options = Options.model_validate({**given, "database": {"user": "u", "password": "sesame", **database}})
        assert options.database is not None
        assert "sesame" not in repr(options)
        return options.database.is_encrypted

    assert [encrypted(), encrypted(host="127.0.0.1"), encrypted(host="db", socket="/run/x.sock")] == [False] * 3
    assert [encrypted(host="db.example.com"), encrypted(tls=True)] == [True, True]
    assert not encrypted(host="db.example.com", tls=False)
