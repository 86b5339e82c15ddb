"""Clocks that are set back between runs, syncd's own and the CRM's: nothing is lost, and nothing sleeps until the old
time has come again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from syncd.store import streams
from tests.end_to_end import site as sites
from tests.end_to_end.crm_sql import SqlCrm

DAY = timedelta(days=1)


def first_names(site: sites.Site) -> dict[str, str]:
    """First names of the leads, by key."""
    leads = [lead for lead in site.door.leads() if lead["vendor_lead_code"]]
    assert len(leads) == len({lead["vendor_lead_code"] for lead in leads}), "one lead a person"
    return {lead["vendor_lead_code"]: lead["first_name"] for lead in leads}


@contextmanager
def soon(site: sites.Site) -> Iterator[None]:
    """What happens in this block takes less than an hour by syncd's clock."""
    before = site.now()
    yield
    assert site.now() - before < timedelta(hours=1)


def test_a_day_that_comes_twice_loses_no_change(site: sites.Site) -> None:
    site.ahead = DAY
    life = site.start()
    site.settle(life)
    site.ahead = timedelta()
    site.crm.enter("3", name="Cid", phone="727 555 0003")
    site.crm.change("2", name="Robert")
    assert all(life.engine.is_due(life.client, side) for side in life.client.sources())
    with soon(site):
        site.settle(life)
    assert first_names(site) == {"1": "Ann", "2": "Robert", "3": "Cid"}


def test_what_waits_after_a_refused_connection_does_not_wait_for_the_old_time(site: sites.Site) -> None:
    site.ahead = DAY
    life = site.start(site.settings(dialer_options={"url": site.simulator.url, "connections": 1}))
    site.door.ask("faults", spec="refuse@1:0.1")  # the first write is answered, the second does not get through
    site.round(life)
    assert site.open_intents() == [("leads", "2", "staged", "create")]
    site.ahead = timedelta()
    with soon(site):
        site.settle(life)
    assert first_names(site) == {"1": "Ann", "2": "Bob"}


def test_what_may_have_been_sent_is_looked_up_and_sent_again_within_the_find_lag(site: sites.Site) -> None:
    site.ahead = DAY
    site.door.ask("faults", spec="reset_before@1")
    life = site.start()
    site.round(life)
    assert ("leads", "1", "sending", "create") in site.open_intents()
    site.ahead = timedelta()
    with soon(site):
        site.settle(life)
    assert first_names(site) == {"1": "Ann", "2": "Bob"}


def test_a_pause_after_a_refused_login_lasts_no_longer_than_it_was_meant_to(site: sites.Site) -> None:
    site.ahead = DAY
    life = site.start()
    site.settle(life)
    site.crm.enter("3", name="Cid", phone="727 555 0003")
    site.door.ask("faults", spec="login_incorrect@1")
    site.round(life)
    assert site.paused()
    site.ahead = timedelta()
    with soon(site):
        site.settle(life)
    assert sorted(first_names(site)) == ["1", "2", "3"]


@pytest.fixture
def adjustable(postgres_dsn: str, tmp_path: Path) -> Iterator[sites.Site]:
    """A customer whose CRM is on a server that takes its time from a table."""
    engine = sa.create_engine(postgres_dsn)
    with engine.begin() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        for statement in (
            "CREATE TABLE clock (ahead interval)",
            "INSERT INTO clock VALUES ('0')",
            """CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
                'SELECT pg_catalog.clock_timestamp() + ahead FROM public.clock'""",
            f'ALTER DATABASE "{name}" SET search_path = public, pg_catalog',
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    with sites.opened(tmp_path, f"sqlite:///{tmp_path / 'syncd.db'}", crm=SqlCrm(postgres_dsn)) as made:
        yield made


def test_changes_after_the_crm_s_clock_was_set_back_are_read(adjustable: sites.Site) -> None:
    site = adjustable
    site.sql.run("UPDATE clock SET ahead = '5 hours'")
    site.crm.enter("1", name="Ann", phone="727 555 0001")
    site.crm.enter("2", name="Short", phone="555 02")
    life = site.start()
    site.settle(life)
    assert list(site.hints()) == ["2"]

    site.sql.run("UPDATE clock SET ahead = '0'")
    site.crm.change("1", name="Anna")
    site.crm.change("2", phone="727 555 0002")
    site.crm.enter("3", name="Cid", phone="727 555 0003")
    with soon(site):
        site.settle(life)
        site.crm.change("3", name="Sid")
        site.settle(life)
    assert first_names(site) == {"1": "Anna", "2": "Short", "3": "Sid"}
    assert site.hints() == {}


def test_servers_whose_clocks_differ_by_less_than_the_overlap_are_not_read_again(adjustable: sites.Site) -> None:
    site = adjustable
    site.sql.run("UPDATE clock SET ahead = '20 seconds'")
    site.crm.enter("1", name="Ann", phone="727 555 0001")
    life = site.start()
    site.settle(life)
    before = streams.stream_state(site.db, sites.CLIENT, "crm.leads").cursor
    site.sql.run("UPDATE clock SET ahead = '0'")
    site.crm.enter("2", name="Bob", phone="727 555 0002")
    site.settle(life)
    assert sorted(first_names(site)) == ["1", "2"]
    assert streams.stream_state(site.db, sites.CLIENT, "crm.leads").cursor == before


def test_start_now_by_a_clock_that_is_then_set_back_still_takes_what_comes(adjustable: sites.Site) -> None:
    site = adjustable
    site.crm.enter("1", name="Before", phone="727 555 0001")
    site.sql.run("UPDATE clock SET ahead = '5 hours'")
    life = site.start(site.settings(leads={"start": "now"}))
    site.settle(life)
    assert first_names(site) == {}
    site.sql.run("UPDATE clock SET ahead = '0'")
    site.crm.enter("2", name="After", phone="727 555 0002")
    with soon(site):
        site.settle(life)
    assert first_names(site) == {"2": "After"}
