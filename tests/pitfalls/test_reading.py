"""Pitfalls of reading a CRM, by their numbers.

Two are HubSpot's alone, in tests/hubspot: 5 (its search ends at 10,000 results; SOQL has no such end) and 6 (its search
looks at an index that lags; SOQL looks at the records, and what is committed late is 1).
"""

from __future__ import annotations

import re
import subprocess
import time

from tests.cli.shop import COMMAND, PATIENCE_SECONDS, POLL_SECONDS
from tests.pitfalls.customer import Customer


def test_pitfall_01_a_record_that_is_seen_late_with_a_stamp_below_the_checkpoint_arrives(customer: Customer) -> None:
    crm = customer.crm
    first = crm.add(first="Ann", phone="7275551001")
    customer.run()
    crm.lag(300)
    with crm.earlier(60):
        late = crm.add(first="Ben", phone="7275551002")
    customer.run()
    assert customer.site.leads().keys() == {first}
    crm.ahead(300)
    assert customer.run()["crm.leads"]["created"] == 1
    assert customer.site.leads().keys() == {first, late}


def test_pitfall_07_a_full_compare_counts_the_drift_and_mends_what_the_poll_never_saw(customer: Customer) -> None:
    crm, site = customer.crm, customer.site
    with crm.earlier(7200):
        ann = crm.add(first="Ann", phone="7275551001")
    cat = crm.add(first="Cat", phone="7275551003")
    customer.run()
    with crm.earlier(3600):  # longer ago than any overlap: restored, or written by a job that keeps old stamps
        crm.edit(ann, first="Anna")
        ben = crm.add(first="Ben", phone="7275551002")
    site.call(cat, "SALE", seconds_ago=3 * 3600)
    polled = customer.run()["crm.leads"]
    assert (polled["created"], polled["updated"], crm.called()) == (0, 0, [])
    compare = ("audit", "acme", "--rate", "1000", "--since", "6h")
    writes = customer.lead_writes()
    found = site.told(*compare, code=1)
    kinds = [(one["kind"], one["reason"]) for one in found["findings"]]
    assert kinds == [("call_without_activity", "never_made"), ("differing", "crm_changed"), ("missing", "never_made")]
    assert [one["subject"] for one in found["findings"]][1:] == [ann, ben]
    (status,) = site.told("status", "acme")
    assert status["drift"] == 3
    assert customer.lead_writes() == writes
    assert site.told(*compare, "--repair", code=1)["repair"]["handed"] == 3
    assert {one: lead["first_name"] for one, lead in site.leads().items()} == {ann: "Anna", ben: "Ben", cat: "Cat"}
    assert crm.called() == [cat]
    report = site.told(*compare)
    assert (report["drift"], report["read"]["activities"]) == (0, 1)


def test_pitfall_09_no_start_date_is_made_up(customer: Customer) -> None:
    customer.configure(leads="every: 30s")
    asked = sum(customer.crm.requests().values())
    line = customer.site.config.read_text("utf-8").splitlines().index("      leads:") + 1
    for command in (("config", "check"), ("run", "--once")):
        said = customer.site.syncd(*command, code=2)
        assert re.search(rf"syncd\.yaml:{line}:\d+ .*leads.*start", said), said
    assert sum(customer.crm.requests().values()) == asked


def test_pitfall_14_a_page_is_stored_when_it_is_read_so_that_a_kill_costs_no_more_than_one(customer: Customer) -> None:
    crm, site = customer.crm, customer.site
    people = [{"first": f"n{number}", "phone": f"727{2_000_000 + number}"} for number in range(crm.page * 5 // 2)]
    total = len(people)
    for page in range(3):
        with crm.earlier((3 - page) * 7200):
            crm.add_all(people[page * crm.page : (page + 1) * crm.page])
    crm.ahead(1)
    customer.configure(leads="start: all\n        mode: shadow")
    requests, pages = sum(crm.requests().values()), crm.pages()
    site.syncd("plan", "acme", "leads")
    last = sum(crm.requests().values()) - requests  # the third page
    crm.door.sim("faults", spec=f"all.timeout_before@{last}")
    with subprocess.Popen((COMMAND, "run", "--once"), env=site.environ, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while crm.pages() < pages + 6:  # who asks for the third page has stored the second
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(POLL_SECONDS)
        process.kill()
    crm.door.sim("faults", spec="")
    stored = customer.status()["staged"]
    assert stored == 2 * crm.page
    counts = customer.run()["crm.leads"]["counts"]
    assert counts["records"] == (total - crm.page if crm.keeps_place else total)
    assert counts["records"] - counts["leads.unchanged"] == total - stored
    assert customer.status()["staged"] == total


def test_pitfall_16_a_field_that_is_mapped_later_reaches_records_that_do_not_change(customer: Customer) -> None:
    crm, site = customer.crm, customer.site
    with crm.earlier(7200):
        record = crm.add(first="Ann", phone="7275551001", city="Tampa")
    crm.add(first="Ben", phone="7275551002")
    customer.run()
    assert customer.status()["reread"] == ""
    customer.configure(fields=f", city: {crm.names['city']}")
    again = customer.status()["reread"]
    for _ in range(2):
        customer.run()
        assert customer.lead(record)["city"] == ""
        assert customer.status()["reread"] == again
        assert again in site.syncd("status", "acme")
        assert again in site.syncd("plan", "acme", "leads")
        assert again in site.syncd("run", "--once")
    program, *command = again.split()
    assert program == "syncd"
    site.syncd(*command)
    assert customer.lead(record)["city"] == "Tampa"
    assert customer.status()["reread"] == ""
