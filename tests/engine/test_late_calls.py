"""A call's entry that is applied after syncd gave up on it: it undoes nothing, is not made twice, is done with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
import sqlalchemy as sa

from syncd.engine import parts, run
from syncd.sdk import records
from syncd.sdk.testing import faulty, memory
from syncd.store import tables
from tests.engine import site as sites

ENTRY = 2  # the second write; the first one is the lead
LOOKED_UP: Mapping[str, records.StreamSpec] = {
    **memory.CRM, "calls": replace(memory.CRM["calls"], upserts=False),
}  # fmt: skip


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    made.upgrade()
    yield made
    made.close()


def late_entry(site: sites.Site) -> tuple[run.Engine, parts.Client, str]:
    """Somebody was called, and the call's entry is on its way for another 30 seconds."""
    engine, client = site.start(faults=faulty.Faults("late", ENTRY))
    site.person("1", first_name="Ann", phone="7275550001")
    site.advance(10)
    run.run_all(engine, [client])
    call = site.call("1", "NA")
    site.advance(10)
    run.run_all(engine, [client])
    return engine, client, call


def statuses(site: sites.Site) -> list[str | None]:
    return [one.fields.get("status") for one in site.crm.table("calls").values()]


def test_a_late_upsert_does_not_undo_the_call_s_correction(site: sites.Site) -> None:
    engine, client, call = late_entry(site)
    site.dialer.put("calls", call, status="SALE")
    for seconds in (10, 10, 30, 100, 100):
        run.run_all(engine, [client])
        site.advance(seconds)
    assert statuses(site) == ["SALE"]


def test_where_the_key_is_looked_up_a_late_entry_is_found_corrected_and_done_with(site: sites.Site) -> None:
    site.crm = memory.World(LOOKED_UP)
    engine, client, call = late_entry(site)
    site.dialer.put("calls", call, status="SALE")
    for seconds in (10, 10, 30, 100, 100):
        run.run_all(engine, [client])
        site.advance(seconds)
    assert statuses(site) == ["SALE"]
    with site.db.read() as connection:
        waits = connection.execute(sa.select(tables.intent).where(tables.intent.c.look_at.is_not(None))).all()
    assert not waits
