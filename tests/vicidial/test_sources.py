"""The three ways to the call log give the same calls, as far as stock VICIdial lets them.

One world of calls is made in a simulator (the call export and `get_call_log` read it over HTTP) and held in a MariaDB
with VICIdial's tables. Where the sources must differ, the tests say why.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import hypothesis
from hypothesis import strategies as st

from syncd.sdk import records
from syncd.simulators import vicidial
from syncd.simulators.vicidial import rows
from tests.vicidial import site
from tests.vicidial import tables as vicidial_tables
from tests.vicidial.tables import Tables

ZONE = ZoneInfo("America/New_York")
BACK = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)  # the clock was set back: 02:00 EDT was 01:00 EST
SOURCES = ("sql", "get_call_log", "call_report_export")
# What the rows of a source do not say at all.
LACKS = {"sql": set[str](), "get_call_log": {"called_count"}, "call_report_export": set[str]()}
IN_GROUP_LACKS = {"call_report_export": {"term_reason"}}  # the export's in-group rows do not line up with its header

STATE = {
    "user_groups": [
        {"user_group": "ADMIN", "allowed_campaigns": ["-ALL-CAMPAIGNS-"], "allowed_reports": "ALL REPORTS"}
    ],
    "users": [
        {"user": "6666", "pass": "1234", "user_level": 9, "user_group": "ADMIN", "vdc_agent_api_access": 1,
         "modify_leads": 1, "view_reports": 1, "export_reports": 1},
        {"user": "1001", "full_name": "Agent One", "user_group": "ADMIN"},
    ],
    "campaigns": [{"campaign_id": "SALES"}],
    "in_groups": [{"group_id": "HOTLINE"}],
    "lists": [{"list_id": "101", "campaign_id": "SALES"}, {"list_id": "102", "campaign_id": "SALES"}],
    "own_statuses": ["HOT"],
    "leads": [
        {"lead_id": 1, "list_id": 101, "phone_number": "7275550001", "vendor_lead_code": "K1"},
        {"lead_id": 2, "list_id": 101, "phone_number": "7275550002", "vendor_lead_code": "K2"},
        {"lead_id": 3, "list_id": 101, "phone_number": "7275550003", "vendor_lead_code": "K3"},
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One leg of a call. `at`: its true start; `epoch`: the Unix time in its uniqueid, its own start by default."""

    number: int
    at: datetime
    leg: str = "out"
    status: str = "NI"
    user: str | None = "1001"
    lead_id: int = 1
    uniqueid: str = ""
    length: int = 30

    @property
    def row(self) -> rows.Call:
        """As a row of its log."""
        return rows.Call(
            uniqueid=self.uniqueid or f"{int(self.at.timestamp())}.{self.number}",
            lead_id=self.lead_id,
            campaign_id="SALES" if self.leg == "out" else "HOTLINE",
            call_date=f"{self.at.astimezone(ZONE):%Y-%m-%d %H:%M:%S}",
            status=self.status,
            user=self.user,
            list_id="101",
            length_in_sec=self.length,
            phone_number=f"727555000{self.lead_id}",
            user_group="ADMIN" if self.user == "1001" else None,
            term_reason="CALLER",
            called_count=1,
            queue_seconds=3.0 if self.leg == "in" else 0.0,
            closecallid=self.number if self.leg == "in" else 0,
        )

    @property
    def id(self) -> str:
        """The key that every source must give it."""
        row = self.row
        return f"{self.leg}|{row.uniqueid}|{row.campaign_id}|{records.text(self.at)}"


class Site:
    """One world, behind all three sources."""

    def __init__(self, sim: vicidial.Simulator, tables: Tables) -> None:
        self.sim = sim
        self.tables = tables
        self.epochs: dict[tuple[str, str], int] = {}

    def add(self, *calls: Call) -> None:
        """Book calls."""
        with self.sim.lock:
            for call in calls:
                self.sim.world.add_call(call.row)
                self.epochs[call.row.uniqueid, call.row.call_date] = int(call.at.timestamp())

    def ask(self, door: str, **arguments: object) -> None:
        """Something happens in VICIdial."""
        site.door(self.sim.url, door, **arguments)

    def read(self, source: str, since: datetime, until: datetime, **options: object) -> dict[str, records.Record]:
        """The calls of one source, by id."""
        with vicidial_tables.connected(
            self.sim.url, self.tables, call_source=source, time_zone=str(ZONE), hours_per_read=24, **options
        ) as dialer:
            pages = list(dialer.pull("calls", records.Cursor(since), until, ()))
        found = [record for page in pages for record in page.records]
        assert pages[-1].cursor.at == until
        by_id = {record.id: record for record in found}
        assert len(by_id) == len(found)
        return by_id

    def read_all(self, since: datetime, until: datetime) -> dict[str, dict[str, records.Record]]:
        """The calls of each source, the same in all that they say; each is here that any has."""
        self.tables.hold(self.sim.world, self.epochs)
        found = {source: self.read(source, since, until) for source in SOURCES}
        for source, calls in found.items():
            for call_id, record in calls.items():
                told = dict(found["sql"][call_id].fields)
                for name in LACKS[source] | (
                    IN_GROUP_LACKS.get(source, set()) if record.fields["leg"] == "in" else set()
                ):
                    del told[name]
                assert record.fields == told, source
        return found


@contextmanager
def opened(tables: Tables) -> Iterator[Site]:
    """A world without calls."""
    with vicidial.serve(STATE, profile="guide") as sim:
        yield Site(sim, tables)


def test_the_sources_differ_only_where_stock_vicidial_makes_them(tables: Tables) -> None:
    noon = datetime(2026, 10, 30, 16, 0, tzinfo=UTC)
    plain, answered = Call(1, noon), Call(2, noon + timedelta(minutes=1), "in", "SALE")
    first = Call(3, noon + timedelta(minutes=2), status="XFER")
    second = Call(4, noon + timedelta(minutes=5), "in", "DNC", uniqueid=first.row.uniqueid)
    nobody = Call(5, noon + timedelta(minutes=6), status="NA", user="VDAD")
    no_user = Call(6, noon + timedelta(minutes=7), status="DROP", user=None)
    on_deleted = Call(7, noon + timedelta(minutes=8), lead_id=2)
    own_status = Call(8, noon + timedelta(minutes=9), status="HOT")
    old = Call(9, noon + timedelta(minutes=10))
    late = Call(10, noon + timedelta(days=2, minutes=11), status="CALLBK", lead_id=3)
    summer, winter = (Call(11 + fold, BACK + timedelta(minutes=-30 + 60 * fold)) for fold in (0, 1))
    handed_on = Call(13, BACK + timedelta(minutes=20), "in", uniqueid=summer.row.uniqueid)  # 50 minutes on the line
    live = [
        Call(20, noon + timedelta(days=2, hours=3), status="INCALL"),
        Call(21, noon + timedelta(days=2, hours=3, minutes=1), "in", "QUEUE"),
        Call(22, noon + timedelta(days=2, hours=3, minutes=2), status="DISPO"),
    ]
    year_ago = Call(30, noon - timedelta(days=365), lead_id=3)
    again = Call(31, noon + timedelta(days=2), uniqueid=year_ago.row.uniqueid)
    with opened(tables) as site_:
        site_.add(year_ago, old)
        site_.ask("archive", before="2026-10-30 23:00:00")
        site_.add(plain, answered, first, second, nobody, no_user, on_deleted, own_status, late, summer, winter)
        site_.add(handed_on, *live, again)
        site_.ask("archive", before="2026-10-01 00:00:00")  # copies everything, as it is before a manager corrects it
        site_.ask("redispo", uniqueid=late.row.uniqueid, status="SALE")
        site_.ask("delete", lead_id=2)
        found = site_.read_all(noon - timedelta(hours=1), noon + timedelta(days=3))
        long_ago = site_.read_all(year_ago.at - timedelta(hours=1), year_ago.at + timedelta(hours=1))
    calls = {plain, answered, first, second, nobody, no_user, on_deleted, own_status, old, late, summer, winter, again}
    every = {call.id for call in {*calls, handed_on, *live}}
    assert {source: every - set(found[source]) for source in SOURCES} == {
        "sql": set(),
        # the site's addition reads the live tables alone
        "get_call_log": {old.id},
        # joined with users and leads; and it asks for defined statuses only, among which DISPO is not
        "call_report_export": {no_user.id, on_deleted.id, live[2].id},
    }
    assert not set(found["sql"]) - every
    assert [set(long_ago[source]) for source in SOURCES] == [{year_ago.id}, set(), {year_ago.id}]
    for source in SOURCES:
        assert found[source][late.id].fields["status"] == "SALE"
        assert {one for one, record in found[source].items() if record.archived} == set(found[source]) & {old.id}
    assert found["sql"][on_deleted.id].fields["vendor_lead_code"] == ""


LEGS = st.sampled_from(("out", "in"))
STATUSES = st.sampled_from(("NI", "SALE", "DNC", "NA", "INCALL", "DISPO", "HOT"))
CALLS = st.lists(
    st.builds(
        Call,
        number=st.just(0),
        # from the summer hour before to the winter hour after the clock is set back, and the day before
        at=st.integers(-5400, 5400).map(lambda seconds: BACK + timedelta(seconds=seconds))
        | st.integers(-40, 0).map(lambda hours: BACK + timedelta(hours=hours)),
        leg=LEGS,
        status=STATUSES,
        user=st.sampled_from(("1001", "VDAD", None)),
        lead_id=st.integers(1, 3),
        length=st.integers(0, 5000),
    ),
    max_size=12,
)


@hypothesis.settings(max_examples=25, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(
    calls=CALLS,
    later=st.lists(st.tuples(st.integers(0, 11), STATUSES), max_size=4),
    deleted=st.none() | st.integers(1, 3),
    archived_at=st.none() | st.integers(0, 4),
    kept_hours=st.integers(0, 40),
    rows_per_read=st.integers(10, 13),
)
def test_whatever_happened_each_source_gives_all_that_it_can(
    tables: Tables,
    calls: list[Call],
    later: list[tuple[int, str]],
    deleted: int | None,
    archived_at: int | None,
    kept_hours: int,
    rows_per_read: int,
) -> None:
    booked = [replace(call, number=number) for number, call in enumerate(calls, 1)]
    statuses = {call.id: call.status for call in booked}
    copied: dict[str, str] = {}
    gone: set[str] = set()
    with opened(tables) as site_:
        site_.add(*booked)
        for step in range(5):
            if step == archived_at:
                before = f"{(BACK - timedelta(hours=kept_hours)).astimezone(ZONE):%Y-%m-%d %H:%M:%S}"
                site_.ask("archive", before=before)
                copied = dict(statuses)
                gone = {call.id for call in booked if call.row.call_date < before}
            if step < len(later) and later[step][0] < len(booked):
                changed = booked[later[step][0]]
                if changed.id not in gone:
                    site_.ask("redispo", uniqueid=changed.row.uniqueid, status=later[step][1])
                    statuses[changed.id] = later[step][1]
        if deleted is not None:
            site_.ask("delete", lead_id=deleted)
        tables.hold(site_.sim.world, site_.epochs)
        since, until = BACK - timedelta(days=2), BACK + timedelta(days=2)
        found = {
            source: site_.read(source, since, until, database={"rows_per_read": rows_per_read}) for source in SOURCES
        }
    unseen = {call.id for call in booked if call.user is None or call.lead_id == deleted}
    wrapping_up = {call_id for call_id, status in statuses.items() if status == "DISPO"}
    # While an agent wraps a call up, the export does not show it, but shows an older copy of it in the archive.
    stale = {call_id for call_id in wrapping_up - gone - unseen if copied.get(call_id, "DISPO") != "DISPO"}
    every = {call.id: status for call, status in zip(booked, statuses.values(), strict=True)}
    assert told(found["sql"]) == every
    assert told(found["get_call_log"]) == {one: status for one, status in every.items() if one not in gone}
    assert told(found["call_report_export"]) == {
        one: copied[one] if one in stale else status
        for one, status in every.items()
        if one not in unseen and (one in stale or one not in wrapping_up)
    }
    for source, calls_ in found.items():
        old = gone | (stale if source == "call_report_export" else set())
        assert {one for one, record in calls_.items() if record.archived} == old & set(calls_)


def told(found: dict[str, records.Record]) -> dict[str, str | None]:
    """The status of each call."""
    return {call_id: record.fields["status"] for call_id, record in found.items()}
