"""The pitfalls that others reported and that concern Salesforce, one test each, by their numbers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from syncd.sdk import errors
from syncd.sdk.records import Cursor, Record, SyncKey
from tests.salesforce.conftest import Site, call, update

START = Cursor(datetime(2020, 1, 1, tzinfo=UTC))


def test_pitfall_01_what_is_committed_late_is_within_the_overlap(site: Site) -> None:
    connector = site.connect()
    assert connector.streams["leads"].overlaps == ((0.0, 600.0),)
    site.world.lag_seconds = 300
    site.world.enter("Lead", {"LastName": "Late", "Company": "C"})
    seen = connector.clock()
    assert "Late" not in [record.fields["LastName"] for record in site.pull(connector)]
    site.world.offset_seconds = 301
    again = site.pull(connector, Cursor(seen - timedelta(seconds=600)))
    assert "Late" in [record.fields["LastName"] for record in again]


def test_pitfall_02_nothing_past_the_fixed_bound_is_read(site: Site) -> None:
    connector = site.connect()
    until = connector.clock() - timedelta(hours=1)
    assert [page for page in connector.pull("leads", None, until, ["LastName"]) if page.records] == []


def test_pitfall_03_keyset_over_equal_stamps(site: Site) -> None:
    for n in range(10_500):
        site.world.enter("Lead", {"LastName": f"T{n}", "Company": "C"}, "2026-01-05T12:00:00.000+0000")
    connector = site.connect()
    found = site.pull(connector)
    assert len({record.id for record in found}) == len(found) == 10_503
    tied = [record for record in found if record.modified == datetime(2026, 1, 5, 12, tzinfo=UTC)]
    middle = tied[5000]
    assert middle.modified is not None
    rest = site.pull(connector, Cursor(middle.modified, middle.id))
    assert len([record for record in rest if record.modified == middle.modified]) == 10_500 - 5001


def test_after_a_record_only_the_rest_is_read_and_asked_for_where(site: Site) -> None:
    for n in range(4100):
        city = "Here" if n % 2 else "There"
        site.world.enter("Lead", {"LastName": f"T{n}", "Company": "C", "City": city}, "2026-01-05T12:00:00.000+0000")
    connector = site.connect(where="City = 'Here'", bulk_above=2000)
    tied = site.world.rows["Lead"]
    last = sorted(one for one, row in tied.items() if row["SystemModstamp"].startswith("2026-01-05"))[2099]
    before = sum(site.sim.functions.values())
    rest = site.pull(connector, Cursor(datetime(2026, 1, 5, 12, tzinfo=UTC), last))
    assert len({record.id for record in rest}) == len(rest) == 2000 + 3
    assert {record.id for record in rest if not record.left} == {
        record.id for record in rest if tied[record.id]["City"] == "Here"
    }
    assert site.sim.functions["bulk_results"] == 0
    assert sum(site.sim.functions.values()) - before < 20


@pytest.mark.parametrize("bulk_above", [2000, 100_000])
def test_pitfall_04_the_cursor_advances_with_each_page(site: Site, bulk_above: int) -> None:
    for n in range(4500):
        site.world.enter("Lead", {"LastName": f"L{n}", "Company": "C"})
    found = site.pull(site.connect(bulk_above=bulk_above))  # which looks at the cursors
    assert len({record.id for record in found}) == len(found) == 4503
    assert (site.sim.functions["bulk_results"] > 0) == (bulk_above == 2000)


def test_pitfall_08_both_edges_of_the_window_are_read(site: Site) -> None:
    site.world.enter("Lead", {"LastName": "Low", "Company": "C"}, "2026-01-05T12:00:00.000+0000")
    site.world.enter("Lead", {"LastName": "High", "Company": "C"}, "2026-01-05T13:00:00.000+0000")
    low, high = datetime(2026, 1, 5, 12, tzinfo=UTC), datetime(2026, 1, 5, 13, tzinfo=UTC)
    (page,) = site.connect().pull("leads", Cursor(low), high, ["LastName"])
    assert [record.fields["LastName"] for record in page.records] == ["Low", "High"]


def test_pitfall_10_deletes_merges_and_conversions_take_a_lead_out(site: Site) -> None:
    first, second, third = site.leads()
    site.world.delete(first)
    site.world.delete(second, third)
    site.world.convert(third)
    assert {record.id: record.deleted for record in site.pull(site.connect())} == dict.fromkeys(site.leads(), True)


def test_pitfall_11_a_call_that_may_be_there_is_found_by_its_key(site: Site) -> None:
    connector = site.connect(read_seconds=0.3)  # no external id field
    assert not connector.streams["calls"].upserts
    connector.canonical("calls", {})
    site.sim.faults.set("timeout_after@1")
    (outcome,) = connector.write("calls", [call("k1", WhoId=site.leads()[0])])
    assert isinstance(outcome.error, errors.Ambiguous)
    (found,) = connector.find("calls", SyncKey("k1"), {})
    assert site.world.rows["Task"][found.id]["CallObject"] == "k1"


def test_pitfall_13_one_refresh_at_a_time_and_one_retry(site: Site) -> None:
    connectors = [site.connect() for _ in range(4)]
    for connector in connectors:
        connector.fields("leads")
    assert site.sim.logins.granted == 1
    site.sim.logins.end_sessions()
    with ThreadPoolExecutor(4) as pool:
        assert all(len(found) == 3 for found in pool.map(site.pull, connectors))
    assert site.sim.logins.granted == 2


def test_pitfall_13_always_401_ends_after_one_retry(site: Site) -> None:
    connector = site.connect()
    connector.fields("leads")
    before = sum(site.sim.functions.values())
    site.sim.faults.set("unauthorized")
    with pytest.raises(errors.AuthFailed):
        connector.get("leads", site.leads(), ["LastName"])
    assert sum(site.sim.functions.values()) - before == 3  # the request, a login, the request


def test_pitfall_14_a_dead_cursor_goes_on_after_the_last_page(site: Site) -> None:
    for n in range(4500):
        site.world.enter("Lead", {"LastName": f"L{n}", "Company": "C"})
    connector = site.connect()
    pages = connector.pull("leads", None, connector.clock().replace(year=2099), ["LastName"])
    found: list[Record] = list(next(pages).records)
    site.sim.queries.cursors.clear()
    found += [record for page in pages for record in page.records]
    assert len({record.id for record in found}) == len(found) == 4503


def test_pitfall_15_several_matches_are_the_operators(site: Site) -> None:
    connector = site.connect(calls={"key_field": "Syncd_Call__c"})
    site.sim.faults.set("several")
    (outcome,) = connector.write("calls", [call("k1", WhoId=site.leads()[0])])
    assert isinstance(outcome.error, errors.Several)


def test_pitfall_17_each_row_has_its_own_outcome_in_order(site: Site) -> None:
    first, second, third = site.leads()
    site.world.delete(second)
    changes = [update(third, LastName="x" * 81), update(first, City="X"), update(second, City="Y")]
    bad, good, gone = site.connect().write("leads", changes)
    assert isinstance(bad.error, errors.Rejected)
    assert (good.id, good.error) == (first, None)
    assert isinstance(gone.error, errors.Missing)


def test_pitfall_20_a_locked_parent_is_tried_again_and_holds_up_nobody_else(site: Site) -> None:
    first, second, _ = site.leads()
    site.world.locked = {first}
    one, two = site.connect().write("calls", [call("k1", WhoId=first), call("k2", WhoId=second)])
    assert isinstance(one.error, errors.RetryLater)
    assert two.error is None


def test_pitfall_22_a_blank_reads_as_none(site: Site) -> None:
    site.world.put("Lead", site.leads()[0], {"Phone": None})
    for bulk_above in (2000, 100_000):
        found = {record.id: record.fields["Phone"] for record in site.pull(site.connect(bulk_above=bulk_above))}
        assert found[site.leads()[0]] is None


def test_a_record_that_leaves_where_is_told(site: Site) -> None:
    first, second, _ = site.leads()
    for lead, city in ((first, "Here"), (second, "There")):
        site.world.put("Lead", lead, {"City": city})
    connector = site.connect(where="City = 'Here'")
    assert [record.id for record in site.pull(connector)] == [first]
    told = {record.id: record.left for record in site.pull(connector, START)}
    assert told == {lead: lead != first for lead in site.leads()}


def test_a_disposition_follows_the_converted_contact(site: Site) -> None:
    lead = site.leads()[0]
    contact = site.world.convert(lead)
    connector = site.connect()
    fine, lacking = connector.write("leads", [update(lead, Call_Status__c="sold"), update(lead, LeadOnly__c="x")])
    assert fine.error is None
    assert site.world.rows["Contact"][contact]["Call_Status__c"] == "sold"
    assert "LeadOnly__c" in str(lacking.error)
    (found,) = connector.get("leads", [lead], ["Call_Status__c"])
    assert (found.id, found.fields, found.left) == (lead, {"Call_Status__c": "sold"}, True)
    (task,) = connector.write("calls", [call("k1", WhoId=lead, OwnerId="alma@example.com")])
    assert task.error is None
    assert site.world.rows["Task"][task.id or ""]["WhoId"] == contact


def test_a_call_is_entered_once_and_corrected_in_place(site: Site) -> None:
    connector = site.connect(calls={"key_field": "Syncd_Call__c"})
    for subject in ("First", "Second"):
        (outcome,) = connector.write("calls", [call("k1", WhoId=site.leads()[0], Subject=subject)])
        assert outcome.error is None
    (task,) = site.world.rows["Task"].values()
    assert (task["Subject"], task["TaskSubtype"], task["Status"]) == ("Second", "Call", "Completed")


def test_the_reserve_is_for_urgent_changes(site: Site) -> None:
    connector = site.connect(reserve=0.1)
    connector.canonical("leads", {})
    site.world.used, site.world.daily = 95, 100
    first, second, _ = site.leads()
    assert connector.get("leads", [first], ["LastName"])  # tells how things stand
    before = site.world.used
    ordinary, urgent = connector.write(
        "leads", [update(first, City="X"), update(second, urgent=True, DoNotCall="true")]
    )
    assert isinstance(ordinary.error, errors.QuotaExhausted)
    assert urgent.error is None
    assert site.world.used == before + 1
    assert connector.get("leads", [second], ["DoNotCall"]), "what is urgent is looked at before it is written"
