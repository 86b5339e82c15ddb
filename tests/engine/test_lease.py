"""One run of a stream at a time, whoever asks, and no request that could outlive its lease."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from syncd.engine import run
from syncd.sdk import errors
from syncd.sdk.testing import memory
from syncd.store import lease, tables
from syncd.store.database import Database
from tests.engine import site as sites


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    made.upgrade()
    yield made
    made.close()


def take(db: Database, site: sites.Site, owner: str, seconds: float = 60.0) -> lease.Run:
    return lease.acquire(db, "acme", "crm.leads", owner=owner, lease_seconds=seconds, now=site.now())


def test_a_second_program_waits_until_the_lease_has_ended(site: sites.Site) -> None:
    take(site.db, site, "one")
    with pytest.raises(lease.Busy, match="one"):
        take(site.db, site, "two")
    site.expire_leases()
    take(site.db, site, "two")


def test_a_run_that_lost_its_lease_can_neither_write_nor_send(site: sites.Site) -> None:
    first = take(site.db, site, "one", seconds=1.0)
    site.expire_leases()
    take(site.db, site, "two")
    with pytest.raises(errors.LeaseLost), first.write("anything"):
        pytest.fail("the fence must be before the first statement")
    with pytest.raises(errors.LeaseLost):
        first.outlives(5.0)


def test_a_request_with_a_long_time_out_gets_a_lease_that_is_longer(site: sites.Site) -> None:
    mine = take(site.db, site, "one", seconds=1.0)
    mine.outlives(3600.0)
    with site.db.read() as connection:
        ends = connection.execute(sa.select(sa.type_coerce(tables.lease.c.expires_at, sa.BigInteger))).scalar_one()
        now = connection.execute(sa.select(site.db.clock_micros())).scalar_one()
    assert ends - now > 3600 * 1_000_000


def test_on_sqlite_the_process_that_holds_the_lock_takes_a_dead_ones_lease_at_once(site: sites.Site) -> None:
    if not site.db.sqlite:
        pytest.skip("PostgreSQL has no lock that says who is dead")
    take(site.db, site, "dead")
    site.db.lock()
    take(site.db, site, "living")
    other = Database(site.url)
    with pytest.raises(errors.UserError, match="another syncd"):
        other.lock()
    other.close()


def test_a_run_that_ended_in_a_bug_does_not_keep_its_own_program_waiting(site: sites.Site) -> None:
    engine, client = site.start()
    site.crm.streams = {}  # the connector has lost its streams: a KeyError, as from a bug
    with pytest.raises(KeyError):
        engine.run_stream(client, client.pipelines[0].source)
    site.crm.streams = memory.CRM
    assert run.run_all(engine, [client])[0].result == "ok"
