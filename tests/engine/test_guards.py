"""The guard at work: what stops, what goes out nevertheless, and what the operator is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from syncd.core import condition, mapping, model
from syncd.engine import parts, preview, run
from syncd.store import streams
from tests.engine import site as sites

LIMITS = model.GuardLimits(
    max_removes=3, max_updates=4, max_updates_share=0.3, max_phones=2, max_phones_share=0.1, max_blanked=2
)
PEOPLE = 12


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    leads = sites.leads_pipeline()
    clears = mapping.Rule("city", ("city",), clear=True)
    fields = mapping.FieldMapping((*leads.fields.rules, clears), phone_fields=sites.PHONE_FIELDS)
    consent = condition.Condition((condition.Test("consent", "not_in", ("no",)),))
    made.pipelines = (replace(leads, guard=LIMITS, fields=fields, consent=consent),)
    made.upgrade()
    for number in range(1, PEOPLE + 1):
        person(made, number)
    assert sync(made).result == "ok"
    yield made
    made.close()


def person(site: sites.Site, number: int, **fields: str | None) -> None:
    mine = {"first_name": "Ann", "phone": f"727 555 {number:04}", "city": "Tampa", "consent": "yes"}
    site.person(str(number), **{**mine, **fields})


def delete(site: sites.Site, *numbers: int) -> None:
    for number in numbers:
        site.crm.put("leads", str(number), True)


def sync(site: sites.Site, seconds: float = 70) -> parts.Report:
    site.advance(seconds)
    engine, client = site.start()
    (report,) = run.run_all(engine, [client])
    return report


def planned(site: sites.Site) -> preview.Preview:
    engine, client = site.start()
    (one,) = preview.of_client(engine, client, ["leads"])
    return one


def state(site: sites.Site) -> streams.PipelineState:
    return streams.pipeline_states(site.db, sites.CLIENT)["leads"]


def removed(site: sites.Site) -> dict[str, int]:
    reasons = [one.fields.get("removed") or "" for one in site.dialer.table("leads").values()]
    return {reason: reasons.count(reason) for reason in set(reasons) if reason}


def test_it_says_what_would_happen_and_which_command_lets_it_pass_once(site: sites.Site) -> None:
    delete(site, 1, 2, 3, 4)
    site.advance(70)
    assert "4 of 12 records would be taken out of dialling" in planned(site).guard
    report = sync(site)
    assert (report.result, removed(site)) == ("paused", {})
    for words in ("4 of 12 records", "such as 1, 2, 3", "`syncd plan acme leads`", "`syncd resume acme leads`"):
        assert words in state(site).why
    streams.resume(site.db, sites.CLIENT, ["leads"], now=site.now())
    assert sync(site).result == "ok"
    assert removed(site) == {"deleted": 4}
    delete(site, 5)
    assert sync(site).result == "ok", "what was let pass is not counted again"


def test_little_by_little_is_a_mass_change_too(site: sites.Site) -> None:
    delete(site, 1, 2)
    assert sync(site).result == "ok"
    delete(site, 3)
    assert sync(site).result == "ok"
    delete(site, 4)
    site.advance(70)
    assert "4 of 12 records" in planned(site).guard
    assert sync(site).result == "paused"
    assert removed(site) == {"deleted": 3}


def test_an_hour_later_it_is_another_change(site: sites.Site) -> None:
    delete(site, 1, 2, 3)
    assert sync(site).result == "ok"
    sync(site, 3700)
    delete(site, 4)
    assert sync(site).result == "ok"


def test_who_must_not_be_called_is_taken_out_although_the_guard_has_stopped_everything_else(site: sites.Site) -> None:
    delete(site, 1, 2, 3, 4)
    person(site, 5, do_not_call="true")
    assert sync(site).result == "paused"
    assert removed(site) == {"opt_out": 1}
    for number in range(6, 12):
        person(site, number, do_not_call="true")
    person(site, 12, consent="no")
    report = sync(site)
    assert (report.result, report.error) == ("paused", state(site).why)
    assert removed(site) == {"opt_out": 7, "consent": 1}
    person(site, 5, do_not_call="true", first_name="Bo")
    person(site, 99)
    sync(site)
    assert len(site.dialer.table("leads")) == PEOPLE, "nobody new while it is stopped"
    streams.resume(site.db, sites.CLIENT, ["leads"], now=site.now())
    assert sync(site).result == "ok"
    assert removed(site) == {"opt_out": 7, "consent": 1, "deleted": 4}
    assert len(site.dialer.table("leads")) == PEOPLE + 1


def test_any_number_of_people_may_opt_out(site: sites.Site) -> None:
    for number in range(1, PEOPLE + 1):
        person(site, number, do_not_call="true")
    assert sync(site).result == "ok"
    assert removed(site) == {"opt_out": PEOPLE}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"phone": "813 555 77"}, "3 of 12 records would get another phone number"),
        ({"city": None}, "3 of 12 records would lose their city"),
    ],
)
def test_new_phones_everywhere_and_a_blank_column_stop(
    site: sites.Site, change: dict[str, str | None], words: str
) -> None:
    for number in (1, 2, 3):
        person(site, number, **{name: value and f"{value}{number:02}" for name, value in change.items()})
    site.advance(70)
    assert words in planned(site).guard
    assert sync(site).result == "paused"
    assert f"{words}, more than the guard allows (2 and 10%), such as 1, 2, 3" in state(site).why
    before = {one.id: one.fields for one in site.dialer.table("leads").values()}
    assert all(one["city"] == "Tampa" and (one["phone_number"] or "").startswith("727") for one in before.values())
    person(site, 1)
    assert sync(site).result == "paused", "it stays so until a person has looked"


def test_more_than_so_many_updates_stop(site: sites.Site) -> None:
    for number in range(1, 6):
        person(site, number, first_name="Bo")
    assert sync(site).result == "paused"
    assert "5 of 12 records would be changed" in state(site).why


def test_an_empty_crm_stops_whatever_the_limits_are(site: sites.Site) -> None:
    (leads,) = site.pipelines
    site.pipelines = (replace(leads, guard=model.GuardLimits()),)
    delete(site, *range(1, PEOPLE + 1))
    assert sync(site).result == "paused"
    assert "12 of 12 records would be taken out of dialling, as if the CRM were empty" in state(site).why


def test_an_operator_s_pause_stops_opt_outs_too_and_says_so(site: sites.Site) -> None:
    streams.pause(site.db, sites.CLIENT, ["leads"], by="operator", why="moving house")
    person(site, 1, do_not_call="true")
    assert sync(site).result == "paused"
    assert removed(site) == {}
