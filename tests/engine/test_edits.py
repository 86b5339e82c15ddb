"""What agents change in called leads goes to the CRM, field by field, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core import condition, model
from syncd.engine import operate, run
from syncd.sdk import records
from syncd.sdk.testing import faulty
from syncd.store import held
from tests.engine import site as sites

CALL_SECONDS = 30


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    made.upgrade()
    made.person("1", first_name="Ann", phone="727 555 0001", email="ann+crm@example.com")
    made.advance(3600)
    sync(made)
    made.advance(60)
    yield made
    made.close()


def policy(site: sites.Site, which: model.EditPolicy) -> None:
    site.pipelines = (*site.pipelines[:3], sites.edits_pipeline(which))


def sync(site: sites.Site, faults: faulty.Faults | None = None) -> list[str]:
    engine, client = site.start(faults=faults)
    reports = run.run_all(engine, [client])
    assert faults or all(report.result == "ok" for report in reports), reports
    return [report.result for report in reports]


def crm(site: sites.Site, name: str) -> str | None:
    return site.crm.table("leads")["1"].fields.get(name)


def lead(site: sites.Site, name: str) -> str | None:
    return site.leads_of("1")[0].fields.get(name)


def call(site: sites.Site, **edited: str | None) -> None:
    """An agent calls the lead and changes fields of it."""
    site.call("1", "NI", seconds=str(CALL_SECONDS))
    site.dialer.put("leads", site.leads_of("1")[0].id, **edited)


def later(site: sites.Site, rounds: int = 3) -> None:
    for _ in range(rounds):
        site.advance(60)
        sync(site)


def holds(site: sites.Site) -> list[held.Held]:
    return [one for one in held.listed(site.db) if one.pipeline == "edits"]


def test_an_agents_edit_goes_to_the_crm_and_comes_to_rest(site: sites.Site) -> None:
    call(site, first_name="Anna")
    sync(site)
    assert crm(site, "first_name") == "Anna"
    later(site, 1)
    writes = (site.crm.writes, site.dialer.writes)
    later(site)
    assert (site.crm.writes, site.dialer.writes) == writes, "our own write came back as a change"
    assert (crm(site, "first_name"), lead(site, "first_name")) == ("Anna", "Anna")


def test_what_the_dialer_stores_its_own_way_is_no_edit(site: sites.Site) -> None:
    assert lead(site, "email") == "ann crm@example.com"
    call(site, first_name="Anna")
    later(site)
    assert crm(site, "email") == "ann+crm@example.com"


def test_a_blank_never_overwrites(site: sites.Site) -> None:
    call(site, first_name=None)
    later(site)
    assert crm(site, "first_name") == "Ann"


def test_a_field_that_leads_does_not_fill_is_written_and_followed(site: sites.Site) -> None:
    call(site, comments="asks for a visit")
    sync(site)
    assert crm(site, "notes") == "asks for a visit"
    site.person("1", notes="visited")
    call(site)
    later(site)
    assert crm(site, "notes") == "visited", "the lead still says what it said"
    call(site, comments="wants a second visit")
    later(site)
    assert crm(site, "notes") == "visited"
    assert [one.reason for one in holds(site)] == ["conflict"]


def test_a_change_of_the_crm_alone_is_left_to_leads(site: sites.Site) -> None:
    site.person("1", first_name="Annabel")
    call(site)
    later(site)
    assert (crm(site, "first_name"), lead(site, "first_name")) == ("Annabel", "Annabel")
    assert not holds(site)


@pytest.mark.parametrize(
    ("which", "crm_says", "lead_says"),
    [("crm", "Annabel", "Annabel"), ("dialer", "Anna", "Anna"), ("hold", "Annabel", "Anna")],
)
@pytest.mark.parametrize("read_first", ["crm", "call"])
def test_where_both_sides_changed_a_field_the_policy_decides(
    site: sites.Site, which: model.EditPolicy, crm_says: str, lead_says: str, read_first: str
) -> None:
    policy(site, which)
    if read_first == "crm":  # the CRM's change is seen while the agent is still on the line
        site.dialer.put("leads", site.leads_of("1")[0].id, first_name="Anna")
        site.person("1", first_name="Annabel", email="bel@example.com")
        sync(site)
        site.advance(30)
        site.call("1", "NI")
    else:
        call(site, first_name="Anna")
        site.person("1", first_name="Annabel", email="bel@example.com")
    later(site)
    assert (crm(site, "first_name"), lead(site, "first_name")) == (crm_says, lead_says)
    assert (crm(site, "email"), lead(site, "email")) == ("bel@example.com", "bel@example.com"), "no conflict about it"
    assert [one.reason for one in holds(site)] == (["conflict"] if which == "hold" else [])


def test_a_conflict_ends_when_a_person_has_made_both_equal(site: sites.Site) -> None:
    call(site, first_name="Anna")
    site.person("1", first_name="Annabel")
    later(site)
    hold = holds(site)[0]
    assert hold.reason == "conflict"
    engine, client = site.start()
    (still,) = operate.retry(engine, client, [hold])
    assert still.state == "held", "nothing has changed"
    site.person("1", first_name="Anna")
    (done,) = operate.retry(engine, client, holds(site))
    assert done.state == "settled"
    writes = site.dialer.writes
    later(site)
    assert (crm(site, "first_name"), lead(site, "first_name"), site.dialer.writes) == ("Anna", "Anna", writes)


@pytest.mark.parametrize(
    ("crm_changes", "says"),
    [("before the call", "Anna"), ("after the call", "Annabel"), ("during the call", None)],
)
def test_the_newest_wins_as_far_as_times_tell(site: sites.Site, crm_changes: str, says: str | None) -> None:
    policy(site, "newest")
    start = site.now()
    site.call("1", "NI", seconds=str(CALL_SECONDS))
    call_date = site.dialer.table("calls")[next(reversed(site.dialer.table("calls")))].fields["call_date"] or ""
    begun = records.instant(call_date)
    site.dialer.put("leads", site.leads_of("1")[0].id, first_name="Anna")
    seconds = {"before the call": -20, "during the call": 10, "after the call": CALL_SECONDS + 1}[crm_changes]
    person = site.crm.table("leads")["1"]
    changed_at = begun + timedelta(seconds=seconds)
    site.crm.table("leads")["1"] = replace(
        person, fields={**person.fields, "first_name": "Annabel"}, modified=changed_at
    )
    site.advance(max(0.0, (changed_at - start).total_seconds()) + 60)
    later(site)
    if says is None:
        assert (crm(site, "first_name"), lead(site, "first_name")) == ("Annabel", "Anna")
        assert [one.reason for one in holds(site)] == ["conflict"]
    else:
        assert (crm(site, "first_name"), lead(site, "first_name")) == (says, says)
        assert not holds(site)


def test_an_edit_and_a_disposition_of_one_call_both_arrive_and_neither_waits_for_the_other(site: sites.Site) -> None:
    shadow = replace(sites.dispositions_pipeline(), shadow=True)
    site.pipelines = (*site.pipelines[:2], shadow, site.pipelines[3])
    call(site, first_name="Anna")
    later(site)
    assert (crm(site, "first_name"), crm(site, "lead_status")) == ("Anna", None)
    site.pipelines = (*site.pipelines[:2], sites.dispositions_pipeline(), site.pipelines[3])
    call(site, first_name="Anne")
    later(site)
    assert (crm(site, "first_name"), crm(site, "lead_status")) == ("Anne", "NI")


def test_where_speaks_of_the_lead(site: sites.Site) -> None:
    only = condition.Condition((condition.Test("comments", "set"),))
    site.pipelines = (*site.pipelines[:3], sites.edits_pipeline(where=only))
    call(site, first_name="Anna")
    later(site)
    assert crm(site, "first_name") == "Ann"
    call(site, comments="confirmed")
    later(site)
    assert crm(site, "first_name") == "Anna"


@pytest.mark.parametrize("kind", faulty.KINDS)
def test_an_edit_whose_write_goes_wrong_arrives_once_and_is_not_undone(site: sites.Site, kind: faulty.Kind) -> None:
    call(site, first_name="Anna")
    try:
        sync(site, faulty.Faults(kind=kind, at=3))  # after the activity and the disposition
    except faulty.Crash:
        site.expire_leases()
    site.advance(30)
    later(site, 8)
    assert (crm(site, "first_name"), lead(site, "first_name")) == ("Anna", "Anna")
    assert not held.listed(site.db)
