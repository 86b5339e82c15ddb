"""A lead that was taken out of dialling stays out, whatever an agent who still had it on the line does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from syncd.core import model
from syncd.engine import backfill, run
from syncd.sdk.testing import memory
from syncd.store import backfill as stored
from syncd.store import streams, tables
from tests.engine import site as sites


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    made.upgrade()
    yield made
    made.close()


def sync(site: sites.Site) -> None:
    site.advance(70)
    engine, client = site.start()
    for report in run.run_all(engine, [client]):
        assert report.result == "ok", report


def test_a_disposition_that_makes_a_removed_lead_dialable_again_is_undone(site: sites.Site) -> None:
    site.person("1", first_name="Ann", phone="727 555 0001")
    sync(site)
    lead = site.leads_of("1")[0]
    site.person("1", do_not_call="true")
    sync(site)
    assert site.dialer.table("leads")[lead.id].fields["removed"] == "opt_out"
    site.call("1", "NA", lead=lead)
    site.dialer.put("leads", lead.id, removed=None)  # the agent's disposition overwrites the status
    sync(site)
    sync(site)
    assert site.dialer.table("leads")[lead.id].fields["removed"] == "opt_out"
    writes = site.dialer.writes
    sync(site)
    assert site.dialer.writes == writes, "once is enough"


def removed(site: sites.Site, lead_id: str) -> str | None:
    return site.dialer.table("leads")[lead_id].fields.get("removed")


def guarded(site: sites.Site, people: int, limit: int) -> None:
    leads, *others = site.pipelines
    site.pipelines = (replace(leads, guard=model.GuardLimits(max_removes=limit)), *others)
    for number in range(1, people + 1):
        site.person(str(number), first_name="Ann", phone=f"727 555 {number:04}")
    sync(site)


def test_calls_of_who_is_out_of_dialling_are_no_mass_change(site: sites.Site) -> None:
    guarded(site, 6, limit=2)
    lead = site.leads_of("1")[0]
    site.crm.put("leads", "1", True)
    sync(site)
    for status in ("NA", "B", "NA", "AA", "NA", "B"):  # a customer who left and calls in again and again
        site.call("1", status, lead=lead)
        site.dialer.put("leads", lead.id, removed=None)
        sync(site)
        sync(site)
        assert removed(site, lead.id) == "deleted"


def test_who_was_out_stays_out_although_the_guard_has_stopped_everything_else(site: sites.Site) -> None:
    guarded(site, 6, limit=2)
    lead = site.leads_of("1")[0]
    site.crm.put("leads", "1", True)
    sync(site)
    for number in (2, 3, 4):
        site.crm.put("leads", str(number), True)
    site.call("1", "NA", lead=lead)
    site.dialer.put("leads", lead.id, removed=None)
    site.advance(70)
    engine, client = site.start()
    for _ in range(2):
        run.run_all(engine, [client])
    assert streams.pipeline_states(site.db, sites.CLIENT)["leads"].paused == "guard"
    assert removed(site, lead.id) == "deleted"
    assert [removed(site, site.leads_of(number)[0].id) for number in "234"] == [None, None, None]


def test_a_backfill_of_calls_that_were_read_takes_nobody_out_again(site: sites.Site) -> None:
    site.person("1", first_name="Ann", phone="727 555 0001")
    sync(site)
    lead = site.leads_of("1")[0]
    calls = [site.call("1", "NA", lead=lead) for _ in range(3)]
    sync(site)
    site.crm.put("leads", "1", True)
    sync(site)
    site.dialer.put("leads", lead.id, removed=None)  # somebody wants the person to be dialled after all
    side = model.Side("dialer", "calls")
    wanted = stored.Wanted(sites.CLIENT, "calls", str(side), memory.START, site.now())
    number = stored.create(site.db, wanted, by="ann@host", now=site.now())
    engine, client = site.start()
    backfill.Slices(engine).run(client, side, number)
    row = stored.one(site.db, number)
    assert (row.state, row.counts["read"]) == ("done", len(calls))
    sync(site)
    assert removed(site, lead.id) is None


def test_a_page_of_calls_takes_a_lead_out_once(site: sites.Site) -> None:
    site.person("1", first_name="Ann", phone="727 555 0001")
    sync(site)
    lead = site.leads_of("1")[0]
    site.person("1", first_name="Ann", phone="727 555 0001", do_not_call="true")
    sync(site)
    for _ in range(3):  # as many as a page holds
        site.call("1", "NA", lead=lead)
    sync(site)
    sync(site)
    with site.db.read() as connection:
        told = sa.select(tables.event.c.step).join(tables.intent, tables.event.c.intent_id == tables.intent.c.id)
        steps = connection.execute(told.where(tables.intent.c.kind == "remove")).scalars().all()
    assert sorted(steps) == sorted(["staged", "sending", "removed"] * 2), "the opt-out, and all these calls together"
