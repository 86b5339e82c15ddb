"""The forms that a column with the time of the last change may have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.sdk import errors
from syncd.sdk.records import Cursor
from syncd_sql import stamps
from syncd_sql.options import Unit
from syncd_sql.tables import Column, Kind
from tests.sql.conftest import NOW, Crm, at, ids, pages, pulled

ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")]
# Around the clock changes of 2026 in all of these zones, where something can go wrong, and elsewhere.
CHANGES = [
    datetime.fromisoformat(f"2026-{change}:00Z")
    for change in ("03-08T07", "03-29T01", "04-04T15", "07-01T00", "10-03T15", "10-25T01", "11-01T06")
]
moments = st.builds(
    lambda base, micros: base + timedelta(microseconds=micros),
    st.sampled_from(CHANGES),
    st.integers(-4 * 3600 * 10**6, 4 * 3600 * 10**6),
)
SPELLINGS: list[Callable[[datetime, ZoneInfo], str]] = [
    lambda moment, zone: moment.astimezone(zone).replace(tzinfo=None).isoformat(" "),
    lambda moment, zone: moment.astimezone(zone).replace(tzinfo=None).isoformat("T"),
    lambda moment, zone: moment.astimezone(zone).replace(tzinfo=None).isoformat(" ", "minutes"),
    lambda moment, zone: moment.astimezone(zone).date().isoformat(),
    lambda moment, zone: moment.isoformat("T").replace("+00:00", "Z"),
    lambda moment, zone: moment.isoformat(" ", "milliseconds"),
]


def codec(kind: Kind, zone: ZoneInfo, backend: str = "mysql", unit: Unit | None = None) -> stamps.Stamps:
    return stamps.of(Column("modified", kind, kind), table="leads", backend=backend, zone=zone, unit=unit)


def in_order(found: stamps.Stamps, raw: Any, others: list[datetime]) -> None:
    """The promise of every representation: no row that a pull must see lies outside its bounds."""
    moment = found.moment(raw)
    assert moment is not None
    lower: Any
    upper: Any
    for other in others:
        lower, upper = found.lower(min(other, moment)), found.upper(max(other, moment))
        assert lower <= raw <= upper


@given(moments, st.lists(moments, max_size=3), st.sampled_from(ZONES), st.sampled_from(SPELLINGS))
def test_text_in_any_accepted_spelling_lies_within_its_bounds(
    moment: datetime, others: list[datetime], zone: ZoneInfo, spelling: Callable[[datetime, ZoneInfo], str]
) -> None:
    in_order(codec("text", zone), spelling(moment, zone), [moment, *others])


@given(moments, st.lists(moments, max_size=3), st.sampled_from(ZONES))
def test_wall_times_lie_within_their_bounds_through_clock_changes(
    moment: datetime, others: list[datetime], zone: ZoneInfo
) -> None:
    # Any wall time may stand in a column, those that a clock change skips as well.
    in_order(codec("wall", zone), moment.replace(tzinfo=None), [moment, *others])
    in_order(codec("date", zone), moment.date(), [moment, *others])


@given(moments, moments, st.sampled_from(ZONES))
def test_a_wall_time_written_after_a_moment_is_read_after_it(first: datetime, later: datetime, zone: ZoneInfo) -> None:
    first, later = sorted((first, later))
    written: Any = later.astimezone(zone).replace(tzinfo=None)
    bound: Any = codec("wall", zone).lower(first)
    assert bound <= written, "a row that was written after the cursor would never be read"


@given(moments, st.lists(moments, max_size=3))
@pytest.mark.parametrize(("unit", "per_second"), [("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6)])
def test_numbers_lie_within_their_bounds(unit: Unit, per_second: int, moment: datetime, others: list[datetime]) -> None:
    exact = Decimal((moment - stamps.EPOCH) // timedelta(microseconds=1)) * per_second / 10**6
    for raw in (int(exact), exact, float(exact)):
        in_order(codec("integer", ZONES[0], unit=unit), raw, [moment, *others])


@pytest.mark.parametrize(
    "text",
    [
        "20.11.2026 10:00",
        "2026-11-20T10:00:00+01:00",
        "20261120",
        "2026-W47-5",
        "2026-11-20 25:00",
        "2026-13-01",
        "soon",
    ],
)
def test_text_that_does_not_sort_by_time_has_no_moment(text: str) -> None:
    assert codec("text", ZONES[0]).moment(text) is None


@pytest.mark.parametrize(
    ("declared", "first", "second"),
    [
        ("TEXT", "2026-11-20 14:59:50", "2026-11-20 14:59:51"),
        ("TEXT", "2026-11-20T14:59:50Z", "2026-11-20T14:59:51Z"),
        ("TEXT", "2026-11-20T14:59:50.25Z", "2026-11-20T14:59:50.5Z"),
        ("DATETIME", "2026-11-20 14:59:50.123456", "2026-11-20 14:59:50.123457"),
        ("TIMESTAMP", "2026-11-20T14:59:50+00:00", "2026-11-20T14:59:51+00:00"),
        (
            "INTEGER",
            (NOW - stamps.EPOCH) // timedelta(seconds=1) - 10,
            (NOW - stamps.EPOCH) // timedelta(seconds=1) - 9,
        ),
        ("REAL", (NOW - stamps.EPOCH) / timedelta(seconds=1) - 9.5, (NOW - stamps.EPOCH) / timedelta(seconds=1) - 9.25),
    ],
)
def test_sqlite_columns_of_many_forms_are_read(sqlite: Crm, declared: str, first: object, second: object) -> None:
    sqlite.run(f"CREATE TABLE leads (id int PRIMARY KEY, modified {declared})")
    sqlite.run("INSERT INTO leads VALUES (2, :first), (1, :second)", first=first, second=second)
    connector = sqlite.connector(page_size=1)
    found = pages(connector)
    assert [ids(page.records) for page in found] == [["2"], ["1"]]
    assert at(-10) <= found[0].cursor.at < found[1].cursor.at <= at(-9)
    assert ids(pulled(connector, Cursor(at(-10)))) == ["2", "1"]
    assert pulled(connector, Cursor(NOW)) == []


def test_milliseconds_in_a_column_declared_otherwise(sqlite: Crm) -> None:
    sqlite.run("CREATE TABLE leads (id int PRIMARY KEY, modified DATETIME)")
    sqlite.run("INSERT INTO leads VALUES (1, :at)", at=(at(-9) - stamps.EPOCH) // timedelta(milliseconds=1))
    connector = sqlite.connector(leads={"modified_unit": "milliseconds"})
    assert [one.modified for one in pulled(connector)] == [at(-9)]
    assert pulled(connector, Cursor(NOW)) == []


def test_values_of_a_strange_kind_are_read_in_every_run(sqlite: Crm) -> None:
    sqlite.run(
        "CREATE TABLE leads (id int PRIMARY KEY, modified DATETIME)", "CREATE TABLE counted (id int, modified int)"
    )
    for one, value in enumerate([1763650000, "n/a", "20/11/2026", "2026-11-20 10:00:00"]):
        sqlite.run("INSERT INTO leads VALUES (:one, :value)", one=one, value=value)
    sqlite.run("INSERT INTO counted VALUES (7, 'yesterday')")
    assert sorted(ids(pulled(sqlite.connector()))) == ["0", "1", "2", "3"]
    assert set(ids(pulled(sqlite.connector(), Cursor(NOW)))) >= {"0", "1"}
    assert ids(pulled(sqlite.connector(leads={"table": "counted"}), Cursor(NOW))) == ["7"]


@pytest.mark.parametrize("spelling", range(5))
def test_a_run_reads_no_more_than_it_must_where_spelling_is_uniform(sqlite: Crm, spelling: int) -> None:
    sqlite.run("CREATE TABLE leads (id int PRIMARY KEY, modified TEXT)")
    rows = [{"id": one, "at": SPELLINGS[spelling](at(-one * 3600), ZONES[0])} for one in range(10)]
    sqlite.many("INSERT INTO leads VALUES (:id, :at)", rows)
    expected = {str(one) for one in range(10)} if spelling == 3 else {"0", "1", "2"}
    assert set(ids(pulled(sqlite.connector(), Cursor(at(-7200))))) == expected


def test_mixed_spellings_of_a_day_lose_nothing_from_any_page_on(sqlite: Crm) -> None:
    sqlite.run("CREATE TABLE leads (id int PRIMARY KEY, modified TEXT)")
    rows = [
        {"id": index, "at": SPELLINGS[index % 5](at(-index * 977), ZoneInfo("America/New_York"))} for index in range(40)
    ]
    sqlite.many("INSERT INTO leads VALUES (:id, :at)", rows)
    connector = sqlite.connector(page_size=3, time_zone="America/New_York")
    everything = {str(one) for one in range(40)}
    read: set[str] = set()
    for page in pages(connector):
        read |= set(ids(page.records))
        assert read | set(ids(pulled(connector, page.cursor))) == everything
    assert read == everything


def test_naive_columns_are_in_the_configured_zone(crm: Crm) -> None:
    crm.leads([(1, datetime(2026, 7, 1, 12, tzinfo=UTC)), (2, datetime(2026, 11, 20, 12, tzinfo=UTC))])
    found = pulled(crm.connector(time_zone="Europe/Berlin"), fields=["modified"])
    assert [one.modified for one in found] == [
        datetime(2026, 7, 1, 10, tzinfo=UTC),
        datetime(2026, 11, 20, 11, tzinfo=UTC),
    ]
    assert found[0].fields == {"modified": "2026-07-01T10:00:00Z"}


def test_rows_of_the_hour_that_comes_twice_are_read_while_it_passes(crm: Crm) -> None:
    """In Berlin, 2026-10-25 has 02:00 to 03:00 twice, from 00:00 and from 01:00 UTC on."""
    crm.leads([])
    zone = ZoneInfo("Europe/Berlin")
    connector = crm.connector(time_zone="Europe/Berlin")
    cursor: Cursor | None = None
    seen: set[str] = set()
    for step in range(40):
        now = datetime(2026, 10, 24, 23, 30, tzinfo=UTC) + timedelta(minutes=5 * step)
        wall = now.astimezone(zone).replace(tzinfo=UTC)
        crm.run("INSERT INTO leads VALUES (:id, :at)", id=step, at=crm.stamp(wall))
        for page in pages(connector, cursor, now):
            seen |= set(ids(page.records))
            cursor = page.cursor
        assert str(step) in seen, f"{wall} was not read at {now}"


def test_columns_with_a_zone_are_read_whatever_the_session_shows(server: Crm) -> None:
    server.run("CREATE TABLE leads (id int PRIMARY KEY, modified {aware})")
    zone = "SET time_zone = '-07:00'" if server.kind == "mysql" else "SET TIME ZONE -7"
    # Written in a session whose clock shows 07:59:50.5.
    server.run(zone, "INSERT INTO leads VALUES (1, '2026-11-20 07:59:50.5'), (2, NULL)")
    connector = server.connector(time_zone="Asia/Tokyo")
    assert [(one.id, one.modified) for one in pulled(connector, fields=["modified"])] == [("2", None), ("1", at(-9.5))]
    assert ids(pulled(connector, Cursor(at(-9.5)))) == ["2", "1"]
    assert ids(pulled(connector, Cursor(at(-9)))) == ["2"]


def test_dates_numbers_and_text_serve_as_stamps_on_servers(server: Crm) -> None:
    server.run(
        "CREATE TABLE leads (id int PRIMARY KEY, day date, number {double}, exact decimal(20,3), text varchar(30))"
    )
    epoch = (at(-9.5) - stamps.EPOCH) / timedelta(seconds=1)
    server.run(
        "INSERT INTO leads VALUES (1, :day, :epoch, :exact, '2026-11-20T14:59:50.5Z')",
        day=date(2026, 11, 20),
        epoch=epoch,
        exact=Decimal(str(epoch)) * 1000,
    )
    expected = {
        "day": ("", datetime(2026, 11, 20, tzinfo=UTC)),
        "number": ("seconds", at(-9.5)),
        "exact": ("milliseconds", at(-9.5)),
        "text": ("", at(-9.5)),
    }
    for column, (unit, moment) in expected.items():
        connector = server.connector(leads={"modified": column, "modified_unit": unit or None})
        assert [one.modified for one in pulled(connector)] == [moment]
        assert ids(pulled(connector, Cursor(moment))) == ["1"]
        assert pulled(connector, Cursor(at(86400)), at(86401)) == []


def test_a_date_that_python_lacks_does_not_stop_a_page(postgres: Crm) -> None:
    postgres.run("CREATE TABLE leads (id int PRIMARY KEY, modified {aware}, until date)")
    postgres.run("INSERT INTO leads VALUES (1, :at, 'infinity'), (2, 'infinity', '2026-11-20')", at=at(-9))
    assert [(one.id, one.fields) for one in pulled(postgres.connector(), fields=["until"])] == [
        ("1", {"until": "infinity"})
    ]
    assert ids(postgres.connector().get("leads", ["2"])) == ["2"]


def test_a_column_that_holds_no_time_is_refused(server: Crm) -> None:
    server.run("CREATE TABLE leads (id int PRIMARY KEY, modified {bool})")
    with pytest.raises(errors.UserError, match=r"leads\.modified.*cannot hold the time"):
        pulled(server.connector())


def test_a_unit_for_a_column_of_times_is_refused(server: Crm) -> None:
    server.leads([])
    with pytest.raises(errors.UserError, match="in milliseconds"):
        pulled(server.connector(leads={"modified_unit": "milliseconds"}))
