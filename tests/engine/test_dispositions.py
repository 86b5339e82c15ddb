"""Several calls of one lead that are read together must come to the same as if each had been read by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from syncd.core import mapping
from syncd.engine import run
from syncd.sdk.testing import faulty
from syncd.store import held
from tests.engine import site as sites


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    made.upgrade()
    made.person("1", first_name="Ann", phone="727 555 0001")
    made.advance(10)
    sync(made)
    made.advance(60)
    yield made
    made.close()


def sync(site: sites.Site, *, refused: bool = False) -> None:
    """One round; `refused`: the CRM refuses every write for now."""
    faults = faulty.Faults(choose=lambda _: "refused") if refused else None
    engine, client = site.start(faults=faults)
    for report in run.run_all(engine, [client]):
        assert refused or report.result == "ok", report


def status(site: sites.Site) -> str | None:
    return site.crm.table("leads")["1"].fields.get("lead_status")


@pytest.mark.parametrize(("strong", "flags"), [("SALE", "sale"), ("DNC", "dnc")])
def test_a_sale_or_dnc_and_a_weaker_later_call_read_together_keep_the_stronger_status(
    site: sites.Site, strong: str, flags: str
) -> None:
    site.call("1", strong, flags=flags)
    site.advance(30)
    weaker = site.call("1", "NA")
    site.advance(30)
    sync(site)
    assert status(site) == strong
    last = site.dialer.table("calls")[weaker].fields["call_date"]
    assert site.crm.table("leads")["1"].fields["last_call"] == last
    site.call("1", "NI")
    site.advance(30)
    sync(site)
    assert status(site) == strong, "what stands goes on standing"


def test_a_running_call_does_not_hide_the_ended_one_before_it(site: sites.Site) -> None:
    site.call("1", "NI")
    site.advance(30)
    running = site.call("1", "INCALL", flags="live")
    site.advance(30)
    sync(site)
    assert status(site) == "NI"
    site.dialer.put("calls", running, status="SALE", flags="sale")
    site.advance(30)
    sync(site)
    assert status(site) == "SALE"


@pytest.mark.parametrize(("strong", "flags"), [("SALE", "sale"), ("DNC", "dnc")])
def test_an_older_call_that_turns_out_to_be_a_sale_or_dnc_gives_the_status_and_nothing_else(
    site: sites.Site, strong: str, flags: str
) -> None:
    older = site.call("1", "INCALL", flags="live")
    site.advance(30)
    newer = site.call("1", "NI")
    site.advance(30)
    sync(site)
    assert status(site) == "NI"
    site.dialer.put("calls", older, status=strong, flags=flags)
    site.advance(30)
    sync(site)
    assert status(site) == strong
    last = site.dialer.table("calls")[newer].fields["call_date"]
    assert site.crm.table("leads")["1"].fields["last_call"] == last
    site.dialer.put("calls", older, status="CALLBK", flags="callback")
    site.call("1", "NA")
    site.advance(30)
    sync(site)
    assert status(site) == strong, "neither an older nor a later call that is less takes it back"


def test_an_older_call_of_no_weight_changes_nothing(site: sites.Site) -> None:
    older = site.call("1", "INCALL", flags="live")
    site.advance(30)
    site.call("1", "NI")
    site.advance(30)
    sync(site)
    site.dialer.put("calls", older, status="CALLBK", flags="callback")
    site.advance(30)
    sync(site)
    assert status(site) == "NI"


def test_a_weaker_call_does_not_end_a_sale_that_could_not_be_written_yet(site: sites.Site) -> None:
    site.pipelines = (*site.pipelines[:2], sites.dispositions_pipeline(only_status=True))
    site.call("1", "SALE", flags="sale")
    site.advance(30)
    sync(site, refused=True)
    assert status(site) is None
    site.call("1", "NA")
    site.advance(30)
    sync(site, refused=True)
    site.advance(700)
    sync(site)
    assert status(site) == "SALE"


def test_a_correction_back_to_what_the_crm_holds_ends_the_disposition_that_waits(site: sites.Site) -> None:
    call = site.call("1", "NI")
    site.advance(30)
    sync(site)
    site.dialer.put("calls", call, status="CALLBK")
    site.advance(30)
    sync(site, refused=True)
    site.dialer.put("calls", call, status="NI")
    site.advance(30)
    sync(site, refused=True)
    site.advance(700)
    sync(site)
    assert status(site) == "NI"


def test_one_pipeline_whose_writes_fail_does_not_keep_back_the_others_of_its_stream(site: sites.Site) -> None:
    site.call("1", "NI")
    site.advance(30)
    engine, client = site.start(faults=faulty.Faults(kind="refused", at=1))  # the activity, which comes first
    reports = run.run_all(engine, [client])
    assert [report.result for report in reports] == ["ok", "failed"]
    assert status(site) == "NI"


def test_a_field_of_one_name_on_both_sides_is_two_fields(site: sites.Site) -> None:
    """Both have a `status`: what a call writes to the CRM's must not look like a change of the lead's."""
    leads = sites.leads_pipeline()
    rules = (*leads.fields.rules, mapping.Rule("status", default="NEW"))
    disposition = replace(
        sites.dispositions_pipeline(on_conflict="target"),
        fields=mapping.FieldMapping((mapping.Rule("status", ("status",)),)),
    )
    site.pipelines = (
        replace(leads, fields=mapping.FieldMapping(rules, phone_fields=sites.PHONE_FIELDS)),
        site.pipelines[1],
        disposition,
    )
    site.person("2", first_name="Bo", phone="727 555 0002", status="prospect")
    site.advance(10)
    sync(site)
    assert site.leads_of("2")[0].fields["status"] == "NEW"
    site.call("2", "SALE", flags="sale")
    site.advance(30)
    sync(site)
    assert site.crm.table("leads")["2"].fields["status"] == "SALE"
    site.advance(30)
    sync(site)
    assert site.leads_of("2")[0].fields["status"] == "SALE", "a sold lead must not become a new one"


@pytest.mark.parametrize("together", [True, False], ids=["read together", "read one after the other"])
def test_a_newer_call_that_cannot_be_mapped_holds_up_no_do_not_call_request(site: sites.Site, together: bool) -> None:
    rules = (
        mapping.Rule("lead_status", ("status",), table=(("DNC", "do not call"), ("NI", "not interested"))),
        mapping.Rule("last_call", ("call_date",)),
    )
    pipe = replace(sites.dispositions_pipeline(), fields=mapping.FieldMapping(rules))
    site.pipelines = (*site.pipelines[:2], pipe)
    site.call("1", "DNC", flags="dnc")
    site.advance(30)
    if not together:
        sync(site, refused=True)  # the request is staged, and cannot be written yet
        site.advance(30)
    site.call("1", "WEIRD")
    site.advance(30)
    sync(site, refused=not together)
    site.advance(700)
    sync(site)
    assert status(site) == "do not call"
    assert [one.reason for one in held.listed(site.db)] == ["unmapped"], "a person is asked about the newer call"
