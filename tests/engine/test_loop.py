"""The loop on both databases: records become leads, calls and dispositions come back."""

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
    engine, client = site.start()
    for report in run.run_all(engine, [client]):
        assert report.result == "ok", report


def test_records_become_leads_and_calls_come_back(site: sites.Site) -> None:
    site.person("1", first_name="Ann", phone="(727) 555-0001", email="ann+crm@example.com")
    site.person("2", first_name="Bob", phone="727 555 0002")
    site.advance(10)
    sync(site)
    lead = site.leads_of("1")[0]
    assert lead.fields["phone_number"] == "7275550001"
    assert lead.fields["phone_code"] == "1"
    assert lead.fields["email"] == "ann crm@example.com"
    site.advance(60)
    site.call("1", "SALE", flags="sale")
    site.advance(60)
    sync(site)
    assert site.crm.table("leads")["1"].fields["lead_status"] == "SALE"
    activities = list(site.crm.table("calls").values())
    assert [one.fields["person"] for one in activities] == ["1"]
    writes = site.dialer.writes
    site.advance(60)
    sync(site)
    sync(site)
    assert site.dialer.writes == writes, "an echo of our own write must not be written again"
