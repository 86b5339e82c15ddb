"""Another try of what is held, where more than planning again is needed; and what a dry run says of it all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.engine import operate, parts, preview, run
from syncd.sdk import records
from syncd.sdk.testing import faulty
from syncd.store import held
from tests.engine import site as sites


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    made.upgrade()
    yield made
    made.close()


def sync(engine: run.Engine, client: parts.Client) -> list[parts.Report]:
    return run.run_all(engine, [client])


def retry(engine: run.Engine, client: parts.Client) -> list[operate.Retried]:
    return operate.retry(engine, client, held.listed(engine.db))


def reasons(engine: run.Engine) -> list[str]:
    return [one.reason for one in held.listed(engine.db)]


def test_a_lead_that_is_gone_is_created_anew_only_when_asked(site: sites.Site) -> None:
    engine, client = site.start()
    site.person("1", first_name="Ann", phone="7275550001")
    site.advance(10)
    sync(engine, client)
    lead = site.leads_of("1")[0]
    del site.dialer.table("leads")[lead.id]
    site.person("1", first_name="Anna")
    site.advance(10)
    sync(engine, client)
    assert reasons(engine) == ["missing"]
    assert site.leads_of("1") == []
    done = retry(engine, client)
    assert [one.state for one in done] == ["staged"]
    assert "forgotten" in done[0].said
    sync(engine, client)
    assert reasons(engine) == []
    assert [one.fields["first_name"] for one in site.leads_of("1")] == ["Anna"]


def test_a_lead_that_is_gone_stays_held_though_the_record_is_as_both_sides_had_it_again(site: sites.Site) -> None:
    engine, client = site.start()
    site.person("1", first_name="Ann", phone="7275550001")
    site.advance(10)
    sync(engine, client)
    del site.dialer.table("leads")[site.leads_of("1")[0].id]
    for name in ("Anna", "Ann", "Zoe"):
        site.person("1", first_name=name)
        site.advance(10)
        sync(engine, client)
        assert reasons(engine) == ["missing"], name
    retry(engine, client)
    sync(engine, client)
    assert reasons(engine) == []
    assert [one.fields["first_name"] for one in site.leads_of("1")] == ["Zoe"]


def test_what_several_leads_carry_is_looked_for_again_before_anything_is_sent(site: sites.Site) -> None:
    engine, client = site.start(faults=faulty.Faults("lost_after", 1))
    site.person("1", first_name="Ann", phone="7275550001")
    site.advance(10)
    sync(engine, client)
    lead = site.leads_of("1")[0]
    site.dialer.put("leads", "5000", **lead.fields)
    site.advance(100)
    sync(engine, client)
    assert reasons(engine) == ["several"]
    retry(engine, client)
    sync(engine, client)
    assert reasons(engine) == ["several"], "as long as there are two it stays held"
    assert len(site.leads_of("1")) == 2
    del site.dialer.table("leads")["5000"]
    done = retry(engine, client)
    assert "looked for" in done[0].said
    writes = site.dialer.writes
    sync(engine, client)
    assert reasons(engine) == []
    assert [one.id for one in site.leads_of("1")] == [lead.id]
    assert site.dialer.writes == writes, "it was linked, not sent"


def test_a_record_that_was_deleted_meanwhile_is_not_sent(site: sites.Site) -> None:
    engine, client = site.start()
    site.person("1", first_name="Ann", phone="12")
    site.advance(10)
    sync(engine, client)
    assert reasons(engine) == ["phone"]
    site.crm.put("leads", "1", True)
    done = retry(engine, client)
    assert [one.state for one in done] == ["settled"]
    assert reasons(engine) == []
    sync(engine, client)
    assert site.dialer.writes == 0


def test_a_call_is_read_again_by_its_time(site: sites.Site) -> None:
    engine, client = site.start()
    site.person("1", first_name="Ann", phone="7275550001")
    site.advance(10)
    sync(engine, client)
    site.advance(10)
    person = site.crm.table("leads").pop("1")
    site.call("1", "SALE", flags="sale")
    site.advance(10)
    sync(engine, client)
    assert "missing" in reasons(engine)
    done = retry(engine, client)
    assert [one.state for one in done if one.pipeline == "dispositions"] == ["held"], "the person is still gone"
    site.crm.table("leads")["1"] = person
    done = retry(engine, client)
    assert [one.state for one in done if one.pipeline == "dispositions"] == ["staged"]
    sync(engine, client)
    assert site.crm.table("leads")["1"].fields["lead_status"] == "SALE"


def test_a_called_second_lead_is_looked_at_again(site: sites.Site) -> None:
    engine, client = site.start(faults=faulty.Faults("late", 1, late_seconds=200.0))
    site.person("1", first_name="Ann", phone="7275550001")
    site.advance(10)
    sync(engine, client)
    site.advance(100)
    sync(engine, client)  # not found after the find lag: sent again
    site.advance(200)  # now the first one surfaces
    assert len(site.leads_of("1")) == 2
    younger = max(site.leads_of("1"), key=lambda one: int(one.id))
    site.call("1", "A", lead=younger)
    site.advance(100)
    sync(engine, client)
    assert reasons(engine) == ["several"]
    site.dialer.put("leads", younger.id, removed="by hand", vendor_lead_code="")
    assert [one.state for one in retry(engine, client)] == ["settled"]
    sync(engine, client)
    assert reasons(engine) == []


def test_a_dry_run_tells_what_a_run_then_does(site: sites.Site) -> None:
    engine, client = site.start()
    for number in range(1, 8):
        site.person(str(number), first_name="Ann", phone=f"727555000{number % 6}", email="a@b.c")
    site.person("8", first_name="Ann", phone="12")
    site.person("9", first_name="Ann", phone="7275550009", do_not_call="true")
    site.advance(10)
    names = [pipe.name for pipe in client.pipelines]
    planned = preview.of_client(engine, client, names)[0]
    assert (planned.verdicts["create"], planned.held, planned.skipped) == (
        6,
        {"shared_phone": 1, "phone": 1},
        {"opt_out": 1},
    )
    assert site.dialer.writes == 0
    report = sync(engine, client)[0]
    assert report.counts["leads.sent.create"] == 6
    assert report.held == 2
    site.person("1", first_name="Anna")
    site.advance(10)
    changed = preview.of_client(engine, client, names)[0].items
    assert [(one.subject, one.verdict, one.fields) for one in changed] == [("1", "update", ("first_name",))]
    assert [one.reason for one in held.listed(engine.db, "acme", "leads")] == ["shared_phone", "phone"]


def test_dropped_is_planned_again_only_when_it_changes(site: sites.Site) -> None:
    engine, client = site.start()
    site.person("1", first_name="Ann", phone="12")
    site.advance(10)
    sync(engine, client)
    one = held.listed(engine.db)[0]
    assert held.drop(engine.db, one.id, site.now())
    assert not held.drop(engine.db, one.id, site.now())
    site.advance(10)
    sync(engine, client)
    assert reasons(engine) == []
    site.person("1", phone="13")
    site.advance(10)
    sync(engine, client)
    assert reasons(engine) == ["phone"]


def test_the_story_of_what_is_held_is_kept(site: sites.Site) -> None:
    engine, client = site.start(faults=faulty.Faults("lost_after", 1))
    site.person("1", first_name="Ann", phone="7275550001")
    site.advance(10)
    sync(engine, client)
    site.dialer.put("leads", "5000", **site.leads_of("1")[0].fields)
    site.advance(100)
    sync(engine, client)
    number = held.listed(engine.db)[0].id
    found = held.one(engine.db, number)
    assert found is not None
    one, story = found
    assert [step.step for step in story] == ["staged", "sending", "ambiguous", "held"]
    assert one.fields["first_name"] == "Ann"
    assert records.SyncKey.of(sites.CLIENT, "leads", "1").value == "1"
