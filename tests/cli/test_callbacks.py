"""Scheduled callbacks from the CRM to the dialer: through the command, a CRM and a dialer."""

from __future__ import annotations

import time
from typing import Any

import pytest

from syncd.simulators.vicidial import rows
from tests.cli.shop import Shop

TEN = "2030-12-02 15:00:00"  # UTC; 10:00 at the dialer's


def once(shop: Shop, *, code: int = 0) -> str:
    ran = shop.syncd("run", "--once")
    assert ran.code == code, ran.err
    return ran.err


def settings(shop: Shop, **dialer: Any) -> None:
    """Write the configuration with callbacks mapped."""
    written = shop.settings()
    acme = written["clients"]["acme"]
    acme["agents"] = {"1001": "ann@example.com", "1002": "bob@example.com", "gone": "eve@example.com"}
    acme["dialer"] |= {"campaign_id": "TESTCAMP", **dialer}
    acme["pipelines"]["leads"]["fields"] |= {
        "callback_at": "call_at",
        "callback_user": {"from": "owner", "agents": "user"},
        "callback_comments": "call_note",
    }
    shop.write(written)


@pytest.fixture
def begun(shop: Shop) -> Shop:
    """Two people of whom the first wants to be called at a time, by Ann."""
    shop.people(2)
    for column in ("call_at DATETIME", "owner TEXT", "call_note TEXT"):
        shop.crm(f"ALTER TABLE people ADD COLUMN {column}")
    shop.crm(
        "UPDATE people SET call_at = ?, owner = 'ann@example.com', call_note = 'about the offer' WHERE id = 1", TEN
    )
    settings(shop)
    shop.upgrade()
    return shop


def lead(shop: Shop, person: int) -> rows.Lead:
    (found,) = (one for one in shop.sim.world.leads.values() if one.vendor_lead_code == str(person))
    return found


def booked(shop: Shop, person: int) -> list[tuple[str, str, str]]:
    found = shop.sim.world.callbacks.get(lead(shop, person).lead_id, [])
    return [(one.callback_time, one.user, one.comments) for one in found]


def held(shop: Shop) -> list[tuple[str, str]]:
    return shop.query("SELECT reason, hint FROM intent WHERE state = 'held'")


def test_a_date_in_the_crm_is_booked_moved_given_away_and_cancelled_by_a_blank(begun: Shop) -> None:
    once(begun)
    assert booked(begun, 1) == [("2030-12-02 10:00:00", "1001", "about the offer")]
    assert (lead(begun, 1).status, lead(begun, 2).status) == ("CBHOLD", "NEW")
    begun.crm("UPDATE people SET call_at = '2030-12-03 15:00:00', owner = 'bob@example.com' WHERE id = 1")
    begun.crm("UPDATE people SET owner = 'bob@example.com' WHERE id = 2")
    once(begun)
    assert booked(begun, 1) == [("2030-12-03 10:00:00", "1002", "about the offer")]
    begun.crm("UPDATE people SET first_name = 'Anna' WHERE id = 1")
    once(begun)
    assert booked(begun, 1) == [("2030-12-03 10:00:00", "1002", "about the offer")]
    begun.crm("UPDATE people SET call_at = NULL WHERE id = 1")
    once(begun)
    assert (booked(begun, 1), lead(begun, 1).status) == ([], "NEW")


def test_an_agents_own_callback_is_not_taken_back_by_a_date_that_never_was(begun: Shop) -> None:
    begun.write(begun.settings())
    once(begun)
    for person in (1, 2):
        begun.sim.world.callbacks[lead(begun, person).lead_id] = [
            rows.Callback(
                lead(begun, person).lead_id, "101", "TESTCAMP", "x", "2030-12-05 10:00:00", "USERONLY", "1001"
            )
        ]
    begun.crm("UPDATE people SET call_at = NULL, owner = 'bob@example.com', first_name = 'Eve'")
    settings(begun)
    once(begun)
    assert lead(begun, 2).first_name == "Eve"
    assert [len(booked(begun, person)) for person in (1, 2)] == [1, 1]


def test_a_user_whom_vicidial_does_not_know_holds_the_record_with_its_lead_linked(begun: Shop) -> None:
    begun.crm("UPDATE people SET owner = 'eve@example.com' WHERE id = 1")
    once(begun, code=1)
    assert begun.leads() == ["1", "2"]
    assert (booked(begun, 1), lead(begun, 1).status) == ([], "NEW")
    [(reason, hint)] = held(begun)
    assert reason == "rejected"
    assert "callback_user: no callback is booked: VICIdial has no such user – correct the user" in hint
    once(begun)
    assert len(held(begun)) == 1
    writes = begun.sim.world.api_adds
    begun.syncd("held", "retry", "--all", "acme", "leads")
    once(begun, code=1)
    assert len(held(begun)) == 1, "the same again, with the same lead"
    begun.crm("UPDATE people SET owner = 'bob@example.com', first_name = 'Eve' WHERE id = 1")
    once(begun)
    assert held(begun) == []
    assert booked(begun, 1) == [("2030-12-02 10:00:00", "1002", "about the offer")]
    assert (lead(begun, 1).status, lead(begun, 1).first_name) == ("CBHOLD", "Eve")
    assert (begun.leads(), begun.sim.world.api_adds) == (["1", "2"], writes)


@pytest.mark.parametrize("faults", ["reset_after@1", "late@1:0.5"])
def test_an_answer_that_is_lost_ends_in_one_lead_with_one_callback(begun: Shop, faults: str) -> None:
    begun.crm("DELETE FROM people WHERE id = 2")
    settings(begun, find_lag_seconds=1)  # a request of the fault `late` arrives within it
    begun.sim.faults.set(faults)
    begun.syncd("run", "--once")
    time.sleep(1.1)
    for _ in range(3):
        begun.syncd("run", "--once")
    assert begun.leads() == ["1"]
    assert booked(begun, 1) == [("2030-12-02 10:00:00", "1001", "about the offer")]
    assert lead(begun, 1).status == "CBHOLD"
    begun.sim.faults.set(faults)
    begun.crm("UPDATE people SET call_at = '2030-12-03 15:00:00' WHERE id = 1")
    begun.syncd("run", "--once")
    time.sleep(1.1)
    for _ in range(3):
        begun.syncd("run", "--once")
    assert booked(begun, 1) == [("2030-12-03 10:00:00", "1001", "about the offer")]
    assert begun.query("SELECT count(*) FROM intent WHERE state != 'settled'") == [(0,)]


@pytest.mark.parametrize("faults", ["reset_after@1,refuse@2", "reset_before@2"])
def test_trouble_while_a_callback_is_refused_leaves_no_lead_that_waits_for_nothing(begun: Shop, faults: str) -> None:
    begun.crm("UPDATE people SET owner = 'eve@example.com' WHERE id = 1")
    begun.crm("DELETE FROM people WHERE id = 2")
    begun.sim.faults.set(faults)
    begun.syncd("run", "--once")
    begun.crm("UPDATE people SET call_at = NULL WHERE id = 1")
    for _ in range(20):  # what failed is tried again after two seconds
        begun.syncd("run", "--once")
        if begun.query("SELECT count(*) FROM intent WHERE state != 'settled'") == [(0,)]:
            break
        time.sleep(0.3)
    assert begun.leads() == ["1"]
    assert (booked(begun, 1), lead(begun, 1).status) == ([], "NEW")


def test_who_opts_out_is_not_called_back(begun: Shop) -> None:
    once(begun)
    begun.crm("UPDATE people SET do_not_call = 1 WHERE id = 1")
    once(begun)
    assert (booked(begun, 1), lead(begun, 1).status) == ([], "DNC")


def test_config_check_says_what_callbacks_need(begun: Shop) -> None:
    assert begun.syncd("config", "check").code == 0
    settings(begun, campaign_id=None)
    checked = begun.syncd("config", "check")
    assert checked.code == 2
    assert "callbacks are booked in a campaign" in checked.err + checked.out
    settings(begun, campaign_id="NOPE")
    assert "there is no campaign NOPE" in begun.syncd("config", "check").err
    written = begun.settings()
    acme = written["clients"]["acme"]
    acme["pipelines"]["leads"]["fields"]["callback_user"] = {"value": "1001"}
    begun.write(written)
    assert "callback_user means nothing without callback_at" in begun.syncd("config", "check").err
