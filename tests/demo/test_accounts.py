"""The account tells right from wrong: it is taken from a simulated dialer and a CRM that this test fills by hand."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncd.cli.demo import accounts, books, crm_sql, dialer, people, scenario
from syncd.simulators.vicidial import server


class Desk:
    """The books of a few people, their CRM, and a dialer that holds exactly their leads."""

    def __init__(self, folder: Path) -> None:
        somebody = [person for person in people.PEOPLE if person.expect == "created"][:4]
        self.nobody = next(person for person in people.PEOPLE if person.expect == "skipped:no_phone")
        self.due = books.Books()
        self.due.enter([*somebody, self.nobody])
        self.crm = crm_sql.Crm(folder / "crm.db")
        self.crm.create([*somebody, self.nobody])
        self.first = somebody[0].id
        self.state = dialer.state("secret")
        self.state["leads"] += [
            {"lead_id": 1001 + place, "status": lead.status, **lead.columns}
            for place, lead in enumerate(self.due.leads.values())
        ]

    def account(self, *, told: accounts.Told | None = None) -> dict[str, Any]:
        """Count both sides, with a dialer started from the state as it is now."""
        said = told or accounts.Told(skipped={"no_phone": 1})
        with server.Simulator(self.state) as simulator, closing(dialer.Dialer(simulator.url)) as door:
            return accounts.take(self.due, self.crm, door, said).as_object()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_is_as_it_must_be_is_right(desk: Desk) -> None:
    found = desk.account()
    assert (found["ok"], found["leads_created"], found["leads_skipped"]) == (True, 4, 1)
    assert (found["duplicates"], found["lost"]) == (0, 0)


def test_a_lead_that_is_there_twice_is_a_duplicate(desk: Desk) -> None:
    desk.state["leads"].append({**desk.state["leads"][-1], "lead_id": 2000})
    found = desk.account()
    assert (found["ok"], found["duplicates"], found["leads_created"]) == (False, 1, 4)


def test_a_lead_that_is_not_there_is_lost(desk: Desk) -> None:
    desk.state["leads"].pop()
    found = desk.account()
    assert (found["ok"], found["lost"]) == (False, 1)


def test_a_wrong_value_is_a_difference_that_names_no_value(desk: Desk) -> None:
    desk.state["leads"][1]["first_name"] = "Mallory"
    found = desk.account()
    assert not found["ok"]
    assert found["differences"] == [f"lead 1001 of {desk.first}: first_name"]


def test_a_call_that_the_crm_does_not_have_is_lost(desk: Desk) -> None:
    booked = dialer.Booked("1795000001.1", "out", dialer.utc("2026-11-20 10:00:00"))
    desk.due.call(desk.first, scenario.Call(desk.first, "NI", 0), booked)
    desk.state["leads"][1]["status"] = "NI"
    found = desk.account()
    assert (found["lost"], found["calls_written"], found["expected"]["calls_written"]) == (2, 0, 1)


def test_what_syncd_says_of_itself_must_agree_too(desk: Desk) -> None:
    assert not desk.account(told=accounts.Told(held={"phone": 1}))["ok"]
    assert not desk.account(told=accounts.Told(skipped={"no_phone": 1}, waiting=1))["ok"]
