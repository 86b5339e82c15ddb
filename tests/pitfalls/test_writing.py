"""Pitfalls of writing to a CRM and to the dialer, by their numbers."""

from __future__ import annotations

import pytest

from tests.crms.site import MARKER
from tests.end_to_end import dialer
from tests.pitfalls.customer import STRANGERS, Customer


def test_pitfall_15_which_of_several_matches_is_right_is_the_operators_to_say(customer: Customer) -> None:
    site, door = customer.site, customer.site.door
    record = customer.crm.add(first="Ann", phone=str(dialer.STRANGER["phone_number"]))
    for lead in STRANGERS:  # the store was lost after somebody had copied the lead
        door.ask("edit", lead_id=lead, fields={"vendor_lead_code": record, "source_id": MARKER})
    before = door.leads()
    for code in (1, 0):
        customer.run(code)
        assert door.leads() == before
    (held,) = site.told("held", "list", "acme")
    assert (held["record"], held["reason"]) == (record, "several")
    door.ask("edit", lead_id=STRANGERS[1], fields={"vendor_lead_code": "", "source_id": ""})
    site.syncd("held", "retry", str(held["id"]))
    customer.run()
    assert (customer.lead(record)["lead_id"], customer.lead(record)["first_name"]) == (STRANGERS[0], "Ann")


def test_pitfall_18_what_syncd_wrote_comes_back_as_nothing_and_takes_nothing_else_with_it(customer: Customer) -> None:
    crm, names, door = customer.crm, customer.crm.names, customer.site.door
    customer.configure(
        fields=f", city: {names['city']}, comments: {names['status']}", edits=f"{names['first']}: first_name"
    )
    record = crm.add(first="Ann", phone="7275551001", city="Tampa")
    customer.run()
    lead_id = customer.lead(record)["lead_id"]
    door.ask("edit", lead_id=lead_id, fields={"first_name": "Anna"})
    customer.site.call(record, "NI")
    lead_writes = customer.lead_writes()
    customer.run()
    assert (crm.person(record)["status"], crm.person(record)["first"]) == (crm.statuses["NI"], "Anna")
    crm_writes = crm.writes()
    door.ask("edit", lead_id=lead_id, fields={"first_name": "Anne"})  # of which no call has told yet
    crm.edit(record, city="Orlando")
    customer.run()  # reads the name and the status that syncd wrote, and the city
    lead = customer.lead(record)
    assert [lead[name] for name in ("first_name", "city", "comments")] == ["Anne", "Orlando", crm.statuses["NI"]]
    for _ in range(2):
        assert (crm.writes(), customer.lead_writes()) == (crm_writes, lead_writes + 1)
        customer.run()


def test_pitfall_19_dnc_and_sale_outlast_weaker_statuses_that_come_later(customer: Customer) -> None:
    crm, site = customer.crm, customer.site
    sold, refused, marked = (crm.add(first="n", phone=f"727555100{number}") for number in range(3))
    customer.run()
    site.call(sold, "SALE", seconds_ago=200)
    site.call(refused, "DNC", seconds_ago=200)
    customer.run()
    calls = [crm.person(record)["last_call"] for record in (sold, refused)]
    crm.edit(marked, status=crm.statuses["DNC"], out="true")  # a person, on the phone with them
    for seconds_ago in (100, 50):
        for record in (sold, refused, marked):
            site.call(record, "NI", seconds_ago=seconds_ago)
        customer.run()
        people = [crm.person(record) for record in (sold, refused, marked)]
        assert [one["status"] for one in people] == [crm.statuses[one] for one in ("SALE", "DNC", "DNC")]
        assert [one["out"] for one in people] == ["", "true", "true"]
        before, calls = calls, [one["last_call"] for one in people[:2]]
        assert [now > then for now, then in zip(calls, before, strict=True)] == [True, True]


@pytest.mark.parametrize("shared_phone", ["hold", "allow"])
def test_pitfall_21_a_call_is_logged_on_one_of_the_records_that_share_its_number(
    customer: Customer, shared_phone: str
) -> None:
    crm = customer.crm
    customer.configure(leads=f"start: all\n        shared_phone: {shared_phone}")
    called, other = (crm.add(first=name, phone="7275551001") for name in ("Ann", "Ben"))
    customer.run(int(shared_phone == "hold"))
    assert customer.site.leads().keys() == ({called} if shared_phone == "hold" else {called, other})
    customer.site.call(called, "SALE")
    for _ in range(2):
        customer.run()
        assert crm.called() == [called]
        assert [crm.person(one)["status"] for one in (called, other)] == [crm.statuses["SALE"], ""]


def test_pitfall_22_a_blank_overwrites_nothing_on_either_side(customer: Customer) -> None:
    crm = customer.crm
    customer.configure(fields=f", city: {crm.names['city']}")
    record = crm.add(first="Ann", phone="7275551001", city="Tampa")
    customer.run()
    crm.edit(record, first="", phone="", city="Orlando")
    customer.run()
    lead = customer.lead(record)
    assert [lead[name] for name in ("first_name", "phone_number", "city", "status")] == [
        "Ann", "7275551001", "Orlando", "NEW",
    ]  # fmt: skip
    customer.site.call(record, "NI")  # of which the mapping makes a blank city
    customer.run()
    assert crm.person(record)["status"] == crm.statuses["NI"]
    assert crm.person(record)["city"] == "Orlando"
