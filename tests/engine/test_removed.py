"""A lead that was taken out of dialling stays out, whatever an agent who still had it on the line does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.engine import run
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
