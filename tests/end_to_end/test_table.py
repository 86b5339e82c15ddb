"""A customer's table as it should not be: without an index, with times that are missing, equal or in the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.end_to_end import site as sites


def names(site: sites.Site) -> dict[str, str]:
    """First names of the leads, by key."""
    leads = site.door.leads()
    assert len(leads) == len({lead["vendor_lead_code"] for lead in leads}), "one lead a person"
    return {lead["vendor_lead_code"]: lead["first_name"] for lead in leads if lead["vendor_lead_code"]}


def stamp(moment: datetime) -> str:
    """A time as the table spells it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def test_without_an_index_all_flows_and_the_check_says_which_one_to_make(site: sites.Site) -> None:
    site.sql.run("DROP INDEX people_modified")
    life = site.start()
    warnings = [problem for problem in life.client.crm.check() if "no index" in problem.what]
    assert [problem.fatal for problem in warnings] == [False]
    assert "CREATE INDEX people_modified_id ON people (modified, id)" in warnings[0].fix
    site.settle(life)
    assert names(site) == {"1": "Ann", "2": "Bob"}


def test_rows_without_a_modified_time_are_read_each_time_and_lose_no_change(site: sites.Site) -> None:
    site.sql.run("DROP TRIGGER people_changed", "UPDATE people SET modified = NULL")
    life = site.start()
    site.settle(life)
    assert names(site) == {"1": "Ann", "2": "Bob"}
    site.crm.change("2", name="Robert")
    site.settle(life)
    assert names(site) == {"1": "Ann", "2": "Robert"}


def test_a_held_record_is_tried_again_although_its_modified_time_has_gone(site: sites.Site) -> None:
    site.sql.run("DROP TRIGGER people_changed")
    site.crm.enter("3", name="Short", phone="555 03")
    life = site.start()
    site.settle(life)
    assert list(site.hints()) == ["3"]
    site.crm.change("3", phone="727 555 0003", modified=None)
    site.settle(life)
    assert names(site)["3"] == "Short"
    assert site.hints() == {}


def test_rows_with_equal_modified_times_all_become_leads_page_by_page(site: sites.Site) -> None:
    equal = stamp(datetime.now(UTC) - timedelta(days=3))
    for number in range(10, 20):
        site.crm.enter(str(number), name=f"Twin {number}", phone=f"727 555 {number:04}", modified=equal)
    life = site.start(site.settings(crm={"page_size": 3}))
    site.settle(life)
    assert len(names(site)) == 12


def test_a_modified_time_in_the_future_waits_for_its_time_and_holds_up_nobody(site: sites.Site) -> None:
    site.crm.enter("3", name="Later", phone="727 555 0003", modified=stamp(datetime.now(UTC) + timedelta(days=1)))
    life = site.start()
    warnings = [problem.what for problem in life.client.crm.check() if not problem.fatal]
    assert warnings == ["people.modified: 1 rows were changed in the future; they are read when that time has come"]
    site.settle(life)
    assert sorted(names(site)) == ["1", "2"]
    site.crm.enter("4", name="Now", phone="727 555 0004")
    site.settle(life)
    assert sorted(names(site)) == ["1", "2", "4"]
    site.crm.change("3", modified=stamp(datetime.now(UTC)))  # somebody corrects the time
    site.settle(life)
    assert sorted(names(site)) == ["1", "2", "3", "4"]


def test_a_row_that_vanishes_takes_its_lead_out_of_dialling(site: sites.Site) -> None:
    leads = {"table": "people", "id": "id", "modified": "modified", "deletes": "vanish"}
    life = site.start(site.settings(crm={"leads": leads}))
    site.settle(life)
    site.sql.run("DELETE FROM people WHERE id = '2'")
    site.settle(life)
    assert (site.door.lead_of("1")["status"], site.door.lead_of("2")["status"]) == ("NEW", "SYNCDX")
