"""A dialer that was put back, a CRM that is another one: noticed before anything is written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from syncd.engine import parts, run, sameness
from syncd.store import streams, tables
from tests.engine import site as sites

PEOPLE = 12


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    made.pipelines = made.pipelines[:1]
    made.upgrade()
    enter(made, 1, PEOPLE)
    assert sync(made).result == "ok"
    yield made
    made.close()


def enter(site: sites.Site, first: int, last: int, prefix: str = "", area: str = "727") -> None:
    for number in range(first, last + 1):
        site.person(f"{prefix}{number}", first_name="Ann", phone=f"{area} 555 {number:04}")


def sync(site: sites.Site, life: tuple[run.Engine, parts.Client] | None = None) -> parts.Report:
    site.advance(70)
    engine, client = life or site.start()
    (report,) = run.run_all(engine, [client])
    return report


def why(site: sites.Site) -> str:
    state = streams.pipeline_states(site.db, sites.CLIENT)["leads"]
    assert state.paused == "mismatch"
    return state.why


def test_a_dialer_without_any_of_the_newest_leads_was_put_back(site: sites.Site) -> None:
    life = site.start()
    assert sync(site, life).result == "ok"
    kept = dict(site.dialer.table("leads"))
    site.dialer.table("leads").clear()
    enter(site, 99, 99)
    writes = site.dialer.writes
    assert sync(site, life).result == "failed"
    assert "the 12 leads of the dialer that were linked last are all gone: it was put back" in why(site)
    assert sync(site, life).result == "paused"
    assert site.dialer.writes == writes
    site.dialer.table("leads").update(kept)
    streams.resume(site.db, sites.CLIENT, ["leads"], now=site.now())
    assert sync(site, life).result == "ok"
    assert len(site.dialer.table("leads")) == PEOPLE + 1


def test_leads_that_were_taken_away_on_purpose_are_not_missed_after_resume(site: sites.Site) -> None:
    site.dialer.table("leads").clear()
    assert sync(site).result == "failed"
    streams.resume(site.db, sites.CLIENT, ["leads"], now=site.now())
    enter(site, 99, 99)
    assert sync(site).result == "ok"
    assert sync(site).result == "ok"
    assert len(site.dialer.table("leads")) == 1


def test_one_lead_that_is_deleted_stops_nobody(site: sites.Site) -> None:
    newest = max(site.dialer.table("leads"), key=int)
    del site.dialer.table("leads")[newest]
    assert sync(site).result == "ok"


@pytest.mark.parametrize("when", ["at the start", "while it runs"])
def test_a_crm_with_other_ids_is_another_crm(site: sites.Site, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    life = site.start()
    assert sync(site, life).result == "ok"
    site.crm.table("leads").clear()
    enter(site, 1, PEOPLE, prefix="new", area="813")
    if when == "while it runs":
        monkeypatch.setattr(sameness, "AGAIN_SECONDS", 0.0)
    else:
        life = site.start()
    writes = site.dialer.writes
    assert sync(site, life).result == "failed"
    assert "the 12 records of the crm that were linked last are all gone: it is another one" in why(site)
    assert site.dialer.writes == writes
    assert len(site.dialer.table("leads")) == PEOPLE, "nobody is a lead twice"


def test_after_a_start_each_new_record_is_looked_for_until_the_stream_was_read_once(site: sites.Site) -> None:
    engine, client = site.start()
    with site.db.write("forget") as connection:  # as if the store were yesterday's
        for table in (tables.link, tables.decision, tables.phone):
            connection.execute(sa.delete(table))
        connection.execute(sa.update(tables.stream).values(cursor_at=None))
    enter(site, 99, 99)
    assert sync(site, (engine, client)).result == "ok"
    assert len(site.dialer.table("leads")) == PEOPLE + 1, "found by their keys"
