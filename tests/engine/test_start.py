"""`start` says from when on changes and calls count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

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


def test_with_start_now_only_what_changes_from_now_on_is_dialled(site: sites.Site) -> None:
    site.pipelines = (replace(site.pipelines[0], start="now"),)
    site.person("1", first_name="Ann", phone="727 555 0001")
    site.advance(10)
    sync(site)
    assert site.leads_of("1") == []
    site.advance(10)
    site.person("2", first_name="Bob", phone="727 555 0002")
    site.advance(10)
    sync(site)
    assert len(site.leads_of("2")) == 1
    assert site.leads_of("1") == [], "the overlap reads it again, but it is older than the start"


def test_with_start_now_calls_of_before_are_not_written(site: sites.Site) -> None:
    site.pipelines = site.pipelines[:1]
    site.person("1", first_name="Ann", phone="727 555 0001")
    site.advance(10)
    sync(site)
    old = site.call("1", "NI")
    site.advance(60)
    site.pipelines = tuple(
        replace(pipe, start="now") for pipe in (sites.calls_pipeline(), sites.dispositions_pipeline())
    )
    sync(site)
    site.advance(60)
    site.dialer.put("calls", old, status="SALE")
    sync(site)
    assert site.crm.table("calls") == {}


def test_a_pipeline_that_joins_later_with_start_all_reads_everything_once(site: sites.Site) -> None:
    site.pipelines = (replace(site.pipelines[0], start="now"),)
    site.person("1", first_name="Ann", phone="727 555 0001")
    site.advance(7200)
    sync(site)
    site.pipelines = (*site.pipelines, replace(sites.leads_pipeline(), name="others", shared_phone="allow"))
    sync(site)
    assert len(site.leads_of("1")) == 1


def test_with_start_now_a_record_without_a_time_of_change_is_not_dialled(site: sites.Site) -> None:
    site.pipelines = (replace(site.pipelines[0], start="now"),)
    sync(site)
    site.advance(10)
    undated = site.crm.put("leads", "1", first_name="Ann", phone="727 555 0001")
    site.crm.table("leads")["1"] = replace(undated, modified=None)
    sync(site)
    assert site.leads_of("1") == []
