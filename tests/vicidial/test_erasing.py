"""Leads are deleted for good on a simulated VICIdial: what goes with them, and what is never touched."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from syncd.sdk import errors
from syncd.simulators import vicidial
from syncd.simulators.vicidial import rows
from syncd_vicidial import VicidialConnector
from tests.vicidial import site

Place = tuple[vicidial.Simulator, VicidialConnector, str]
MINE = {"vendor_lead_code": "K1"}


@pytest.fixture
def place() -> Iterator[Place]:
    """A lead with custom values, a callback and an entry in the hopper."""
    with vicidial.serve() as sim, site.connected(sim.url, campaign_id="TESTCAMP") as dialer:
        booked = {"callback_at": "2030-12-02T15:00:00Z", "callback_comments": "after six"}
        (made,) = dialer.write("leads", [site.create("7275550001", **booked, crm_stage="won")])
        assert made.error is None
        with sim.world.lock:
            lead = sim.world.leads[int(made.id or "")]
            sim.world.add_to_hopper(lead, campaign_id="TESTCAMP", list_id="101", priority=0, gmt_offset="-5.00")
        yield sim, dialer, made.id or ""


def lead(place: Place) -> rows.Lead:
    return place[0].world.leads[int(place[2])]


def custom_values(place: Place) -> dict[str, list[int]]:
    return {name: list(values) for name, values in place[0].world.custom_values.items() if values}


def test_all_that_goes_with_a_lead_goes_and_its_events_are_told_before(place: Place) -> None:
    sim, dialer, lead_id = place
    site.door(sim.url, "call", lead_id=int(lead_id), user="1001", status="CALLBK", length_in_sec=33)
    assert sim.world.callbacks[int(lead_id)]
    events = dialer.events_of(lead_id)
    assert [one.startswith(("out|", f"{lead_id}-")) for one in events] == [True, True]
    dialer.erase(lead_id, MINE)
    assert int(lead_id) not in sim.world.leads
    assert sim.world.hopper_entry(int(lead_id)) is None
    assert custom_values(place) == {}
    assert int(lead_id) not in sim.world.callbacks
    assert sim.world.archived_callbacks[int(lead_id)][0].comments == "after six", "which is why it is left by hand"
    assert any("vicidial_callbacks_archive" in line and lead_id in line for line in dialer.left_by_hand([lead_id]))
    dialer.erase(lead_id, MINE)  # as often as wanted
    assert dialer.left_by_hand([]) == []


def test_a_copy_in_the_archive_of_leads_goes_too_unless_it_is_another_lead(place: Place) -> None:
    sim, dialer, lead_id = place
    with sim.world.lock:
        sim.world.has_lead_archive = True
        # the separator in a comment tears the row apart
        sim.world.archived_leads[int(lead_id)] = dataclasses.replace(lead(place), comments="a|b")
    dialer.erase(lead_id, MINE)
    assert sim.world.archived_leads == {}
    with sim.world.lock:
        sim.world.archived_leads[int(lead_id)] = rows.Lead(int(lead_id), vendor_lead_code="K2", list_id="101")
    with pytest.raises(errors.Rejected, match="is another one by now: its vendor_lead_code differs"):
        dialer.erase(lead_id, MINE)
    assert int(lead_id) in sim.world.archived_leads


def test_an_archive_that_is_there_and_does_not_answer_is_waited_for(place: Place) -> None:
    sim, dialer, lead_id = place
    with sim.world.lock:
        sim.world.has_lead_archive = True
        sim.world.archived_leads[int(lead_id)] = dataclasses.replace(lead(place), last_name="O'Hara")
        sim.world.raise_on_sql_errors = True
    with pytest.raises(errors.RetryLater, match="HTTP 500"):
        dialer.erase(lead_id, MINE)
    assert int(lead_id) in sim.world.archived_leads


def test_a_lead_that_is_another_one_by_now_is_not_touched(place: Place) -> None:
    sim, dialer, lead_id = place
    with pytest.raises(errors.Rejected, match="is another one by now"):
        dialer.erase(lead_id, {"vendor_lead_code": "K2"})
    assert lead(place).status == "CBHOLD"
    assert sim.world.hopper_entry(int(lead_id)) is not None


def test_a_lead_in_a_call_is_waited_for_but_not_for_ever(place: Place) -> None:
    sim, dialer, lead_id = place
    with sim.world.lock:
        now = sim.world.clock.text()
        sim.world.change_lead(lead(place), {"status": "INCALL", "last_local_call_time": now})
    with pytest.raises(errors.RetryLater, match="is in a call"):
        dialer.erase(lead_id, MINE)
    assert lead(place).status == "INCALL"
    with sim.world.lock:
        sim.world.change_lead(lead(place), {"last_local_call_time": "2020-01-01 10:00:00"})
    dialer.erase(lead_id, MINE)
    assert int(lead_id) not in sim.world.leads


def test_a_lead_whose_list_is_gone_is_deleted_only_if_a_search_finds_it_by_its_key(place: Place) -> None:
    sim, dialer, lead_id = place
    with sim.world.lock:
        del sim.world.lists["101"]
    with pytest.raises(errors.Rejected, match="whose it is cannot be seen"):
        dialer.erase(lead_id, {"vendor_lead_code": "K2"})
    assert int(lead_id) in sim.world.leads
    dialer.erase(lead_id, MINE)
    assert int(lead_id) not in sim.world.leads
    assert custom_values(place) == {}
