"""How often a backfill reads a record: once, also where many share a time, live runs come between, or it goes on in
another process."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from syncd.core import mapping, model
from syncd.engine import backfill, parts, run
from syncd.sdk import protocol, records, registry
from syncd.sdk.testing import memory
from syncd.simulators import hubspot, salesforce
from syncd.simulators.salesforce import logins, times
from syncd.store import backfill as stored
from syncd.store import tables
from tests.engine import site as sites

CRM = model.Side("crm", "leads")
STAMP = datetime(2026, 1, 5, 12, tzinfo=UTC)


@dataclass
class Counting:
    """A connector that counts how often each record is read through it."""

    inner: Any
    reads: Counter[str] = field(default_factory=Counter)
    pulls: int = 0

    @property
    def streams(self) -> Mapping[str, records.StreamSpec]:
        """The inner one's."""
        found: Mapping[str, records.StreamSpec] = self.inner.streams
        return found

    def pull(
        self, stream: str, since: records.Cursor | None, until: datetime, fields: Sequence[str]
    ) -> Iterator[records.Page]:
        """Count what passes."""
        self.pulls += 1
        for page in self.inner.pull(stream, since, until, fields):
            self.reads.update(record.id for record in page.records)
            yield page

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass
class Far:
    """A CRM of many people without phones, all changed at one moment."""

    kind: str
    options: Mapping[str, Any]
    phone: str
    requests: Callable[[], int] = lambda: 0

    def connector(self) -> Counting:
        """A connector to it."""
        factory = registry.load(self.kind)
        made: protocol.Connector = factory(factory.Options.model_validate(self.options), client="acme")  # type: ignore[call-arg]  # the protocol has no constructor
        return Counting(made)


@contextmanager
def sql(folder: Path, count: int, stamp: str | None = "2026-01-05 12:00:00") -> Iterator[Far]:
    """Rows of a SQLite table."""
    with closing(sqlite3.connect(folder / "crm.db")) as crm, crm:
        crm.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, phone TEXT, modified TEXT, deleted_at TEXT)")
        crm.execute("CREATE INDEX people_modified ON people (modified, id)")
        rows = ((number, None, stamp) for number in range(count))
        crm.executemany("INSERT INTO people (id, phone, modified) VALUES (?, ?, ?)", rows)
    table = {"table": "people", "id": "id", "modified": "modified", "deleted": "deleted_at"}
    yield Far("sql", {"url": f"sqlite:///{folder / 'crm.db'}", "leads": table}, "phone")


@contextmanager
def portal(folder: Path, count: int) -> Iterator[Far]:
    """HubSpot's contacts, within one millisecond."""
    del folder
    with hubspot.serve({}) as sim:
        with sim.world.lock:
            sim.world.frozen_at = STAMP.timestamp()
            for _ in range(count):
                sim.world.insert(sim.world.kinds["contacts"], {"firstname": "Ann"})
            sim.world.frozen_at = None
        options = {"token": "pat-sim", "url": sim.url, "requests_per_10_seconds": 100_000, "searches_per_second": 1000}
        yield Far("hubspot", options, "phone", lambda: sum(sim.functions.values()))


@contextmanager
def org(folder: Path, count: int, **more: Any) -> Iterator[Far]:
    """Salesforce's leads."""
    del folder
    with salesforce.serve({}) as sim:
        for _ in range(count):
            sim.world.enter("Lead", {"LastName": "Ann", "Company": "C"}, times.stamp(STAMP))
        login = {"client_id": logins.APP["id"], "client_secret": logins.APP["secret"]}
        yield Far("salesforce", {"url": sim.url, **login, **more}, "Phone", lambda: sum(sim.functions.values()))


@dataclass
class Reads:
    """What a backfill read, and by how many requests."""

    counting: Counting
    slices: int
    requests: int
    row: stored.Backfill


def read(folder: Path, far: Far, *, between: bool, restarts: Sequence[int] = (), store_url: str = "") -> Reads:
    """Run a backfill of everything to its end, with a live run before each slice and in new processes if asked for."""
    made = sites.Site(store_url or f"sqlite:///{folder / 'syncd.db'}")
    made.upgrade()
    rules = (mapping.Rule("phone_number", (far.phone,), transforms=("phone",)),)
    fields = mapping.FieldMapping(rules, phone_fields=sites.PHONE_FIELDS)
    pipe = replace(sites.leads_pipeline(), opt_out=None, fields=fields, start="now")
    counting = far.connector()
    live = counting.inner
    client = parts.Client(sites.CLIENT, counting, memory.MemoryDialer(), (pipe,), "identity")  # type: ignore[arg-type]  # Counting passes the rest on
    beside = replace(client, crm=live)
    engine = run.Engine(made.db)
    engine.register(client)
    engine.run_stream(beside, CRM)
    wanted = stored.Wanted(sites.CLIENT, "leads", str(CRM), STAMP - timedelta(days=1), live.clock())
    number = stored.create(made.db, wanted, by="ann@host", now=datetime.now(UTC))
    slices, ran, requests = backfill.Slices(engine), 0, 0
    while stored.one(made.db, number).is_open:
        assert ran < 500, "it does not end"
        if between:
            engine.run_stream(beside, CRM)
        if ran in restarts:
            slices = backfill.Slices(engine)  # another process knows nothing but the store
        before = far.requests()
        assert slices.run(client, CRM, number).result == "ok"
        requests += far.requests() - before
        ran += 1
    row = stored.one(made.db, number)
    with made.db.read() as connection:
        decided = connection.execute(sa.select(sa.func.count()).select_from(tables.decision)).scalar_one()
        assert decided == row.counts["read"] == row.counts["skip.no_phone"]
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.backfill_record)).scalar_one() == 0
    live.close()
    made.close()
    return Reads(counting, ran, requests, row)


@pytest.mark.parametrize("between", [False, True], ids=["alone", "between live runs"])
def test_fifteen_thousand_records_with_one_timestamp_are_all_read_once(tmp_path: Path, between: bool) -> None:
    with sql(tmp_path, 15_000) as far:
        found = read(tmp_path, far, between=between, restarts=(7, 20))
    assert found.slices >= 15_000 // backfill.SLICE
    assert found.row.counts["read"] == 15_000
    assert Counter(found.counting.reads.values()) == {1: 15_000}


def test_rows_without_a_time_are_read_once(tmp_path: Path, store_url: str) -> None:
    with sql(tmp_path, 2_000, stamp=None) as far:
        found = read(tmp_path, far, between=True, restarts=(2,), store_url=store_url)
    assert Counter(found.counting.reads.values()) == {1: 2_000}


@pytest.mark.parametrize("between", [False, True], ids=["alone", "between live runs"])
def test_people_of_hubspot_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, between: bool) -> None:
    monkeypatch.setattr(backfill, "SLICE", 300)  # one and a half pages
    with portal(tmp_path, 1_700) as far:
        found = read(tmp_path, far, between=between, restarts=() if between else (2,))
    assert Counter(found.counting.reads.values()) == {1: 1_700}
    assert found.requests < 60


def test_what_another_process_had_left_of_a_page_is_read_again_and_planned_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "SLICE", 300)
    with portal(tmp_path, 1_000) as far:
        found = read(tmp_path, far, between=True, restarts=(1,))
    assert found.row.counts["read"] == 1_000
    assert Counter(found.counting.reads.values()) == {1: 800, 2: 200}


def test_leads_of_salesforce_are_read_once(tmp_path: Path) -> None:
    with org(tmp_path, 4_100, where="Company = 'C'", bulk_above=2000) as far:
        found = read(tmp_path, far, between=True)
    assert Counter(found.counting.reads.values()) == {1: 4_100}
    assert found.requests < 60
