"""What a newer plan brings with it when it takes the place of a staged intent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.engine import run
from syncd.sdk.testing import faulty
from syncd.store import held
from tests.engine import site as sites


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    made.upgrade()
    yield made
    made.close()


def test_an_opt_out_that_overtakes_an_update_says_that_it_is_one(site: sites.Site) -> None:
    engine, client = site.start(faults=faulty.Faults("refused", 2))
    site.person("1", first_name="Ann", phone="7275550001")
    site.advance(10)
    run.run_all(engine, [client])
    site.person("1", first_name="Anna")
    site.advance(10)
    run.run_all(engine, [client])  # the update is refused, and staged again
    site.person("1", do_not_call="true")
    site.advance(1000)
    run.run_all(engine, [client])
    assert [one.fields.get("removed") for one in site.dialer.table("leads").values()] == ["opt_out"]


def test_a_create_that_was_dropped_while_two_leads_carry_its_key_is_not_sent_blindly_later(site: sites.Site) -> None:
    engine, client = site.start(faults=faulty.Faults("lost_after", 1))
    site.person("1", first_name="Ann", phone="7275550001")
    site.advance(10)
    run.run_all(engine, [client])
    site.dialer.put("leads", "5000", **site.leads_of("1")[0].fields)
    site.advance(100)
    run.run_all(engine, [client])
    assert held.drop(engine.db, held.listed(engine.db)[0].id, site.now())
    site.person("1", first_name="Anna")
    site.advance(10)
    run.run_all(engine, [client])
    assert [one.reason for one in held.listed(engine.db)] == ["several"]
    assert len(site.leads_of("1")) == 2
