"""What a source of calls tells beside the calls: copies of archives, deleted leads, statuses that nobody explained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from syncd.core import model
from syncd.engine import operate, parts, run
from syncd.store import held, streams, tables
from tests.engine import site as sites


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sites.Site]:
    """A store for all tests, one after the other."""
    made = sites.Site(f"sqlite:///{tmp_path_factory.mktemp('store')}/syncd.db")
    made.upgrade()
    yield made
    made.close()


@pytest.fixture
def site(stored: sites.Site) -> sites.Site:
    """Ann has a lead."""
    stored.forget()
    stored.person("1", first_name="Ann", phone="727 555 0001")
    stored.advance(10)
    sync(stored)
    stored.advance(60)
    return stored


def life(site: sites.Site) -> tuple[run.Engine, parts.Client]:
    return site.start()


def sync(site: sites.Site) -> list[parts.Report]:
    engine, client = life(site)
    return run.run_all(engine, [client])


def activities(site: sites.Site) -> list[str | None]:
    return [record.fields["status"] for record in site.crm.table("calls").values()]


def status(site: sites.Site) -> str | None:
    return site.crm.table("leads")["1"].fields.get("lead_status")


def archive(site: sites.Site, call_id: str, **fields: str) -> None:
    """Only a copy of the call is left, as it was when the copy was made."""
    call = site.dialer.table("calls")[call_id]
    moved = replace(call, fields={**call.fields, **fields}, modified=site.now(), archived=True)
    site.dialer.table("calls")[call_id] = moved
    site.advance(30)


def test_an_old_copy_of_a_call_takes_nothing_back(site: sites.Site) -> None:
    call = site.call("1", "SALE", flags="sale")
    site.advance(30)
    sync(site)
    archive(site, call, status="CALLBK", flags="callback")
    assert {report.result for report in sync(site)} == {"ok"}
    assert (activities(site), status(site)) == (["SALE"], "SALE")


def test_a_call_that_is_known_from_an_archive_only_is_written_and_corrected_by_the_call_itself(
    site: sites.Site,
) -> None:
    call = site.call("1", "NI")
    archive(site, call)
    sync(site)
    assert (activities(site), status(site)) == (["NI"], "NI")
    site.dialer.put("calls", call, status="SALE", flags="sale")
    site.advance(30)
    sync(site)
    assert (activities(site), status(site)) == (["SALE"], "SALE")


def test_a_call_that_ended_while_nobody_looked_is_read_from_the_archive(site: sites.Site) -> None:
    call = site.call("1", "INCALL", flags="live")
    site.advance(30)
    sync(site)
    assert activities(site) == []
    archive(site, call, status="DNC", flags="dnc")
    sync(site)
    assert (activities(site), status(site)) == (["DNC"], "DNC")


def test_a_held_call_is_read_again_from_the_archive(site: sites.Site) -> None:
    person = site.crm.table("leads").pop("1")
    call = site.call("1", "SALE", flags="sale")
    archive(site, call)
    sync(site)
    site.crm.table("leads")["1"] = person
    retry(site)
    sync(site)
    assert status(site) == "SALE"


def retry(site: sites.Site) -> list[operate.Retried]:
    engine, client = life(site)
    return operate.retry(engine, client, held.listed(engine.db))


def test_a_call_of_a_lead_that_was_deleted_is_ours_by_the_leads_id(site: sites.Site) -> None:
    call = site.call("1", "SALE", flags="sale")
    lead = site.leads_of("1")[0]
    del site.dialer.table("leads")[lead.id]
    site.dialer.put("calls", call, vendor_lead_code="")
    site.advance(30)
    assert {report.result for report in sync(site)} == {"ok"}
    assert (activities(site), status(site)) == (["SALE"], "SALE")


@pytest.mark.parametrize("key", ["", "somebody"])
def test_a_call_of_a_lead_that_is_there_and_is_not_ours_stops_everything(site: sites.Site, key: str) -> None:
    call = site.call("1", "SALE", flags="sale")
    lead = site.leads_of("1")[0]
    site.dialer.put("leads", lead.id, vendor_lead_code="somebody else")
    site.dialer.put("calls", call, vendor_lead_code=key)
    site.advance(30)
    sync(site)
    assert activities(site) == []
    paused = {state.paused for state in streams.pipeline_states(site.db, sites.CLIENT).values()}
    assert paused == {"mismatch"}


def test_a_status_that_nobody_has_explained_waits_for_a_person_and_then_goes_on(site: sites.Site) -> None:
    call = site.call("1", "HOT", flags="hold")
    site.advance(30)
    sync(site)
    assert (activities(site), status(site)) == ([], None)
    waiting = held.listed(site.db)
    assert {(one.pipeline, one.reason) for one in waiting} == {
        ("calls", "unknown_status"),
        ("dispositions", "unknown_status"),
    }
    assert all("status_flags" in one.hint for one in waiting)
    site.dialer.put("calls", call, flags="sale")
    retry(site)
    sync(site)
    assert (activities(site), status(site), held.listed(site.db)) == (["HOT"], "HOT", [])


def test_a_do_not_call_request_does_not_wait_behind_a_later_status_that_nobody_has_explained(site: sites.Site) -> None:
    site.call("1", "DNC", flags="dnc")
    site.call("1", "HOT", flags="hold")
    site.advance(30)
    sync(site)
    assert status(site) == "DNC"
    with site.db.read() as connection:
        lanes = connection.execute(
            sa.select(tables.intent.c.lane).where(tables.intent.c.pipeline == "dispositions")
        ).scalars()
        assert set(lanes) == {int(model.Lane.URGENT)}
