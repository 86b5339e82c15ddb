"""Links to recordings, from the dialer to the records of calls, through the command."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.shop import Shop
from tests.vicidial.site import door

INSIDE, OUTSIDE = "http://10.10.10.15/", "https://dialer.example.com/"
WALL = "%Y-%m-%d %H:%M:%S"


def configured(shop: Shop, *, inside: str = INSIDE, **pipeline: Any) -> None:
    settings = shop.settings()
    acme = settings["clients"]["acme"]
    acme["dialer"]["recording_links"] = [{"from": inside, "to": OUTSIDE}]
    recordings = {"start": "all", "first_look": "1s", "fields": {"link": "recording_url", "agent": "recording_user"}}
    acme["pipelines"]["recordings"] = recordings | pipeline
    shop.write(settings)


def once(shop: Shop) -> None:
    ran = shop.syncd("run", "--once")
    assert ran.code == 0, ran.err


@pytest.fixture
def begun(shop: Shop) -> Shop:
    """One person with a lead."""
    shop.people(1)
    shop.crm("ALTER TABLE calls ADD COLUMN link TEXT")
    shop.crm("ALTER TABLE calls ADD COLUMN agent TEXT")
    configured(shop)
    once(shop)
    return shop


def called(shop: Shop, **more: Any) -> str:
    (lead,) = (one for one in shop.sim.world.leads.values() if one.vendor_lead_code == "1")
    now = datetime.strptime(door(shop.sim.url, "clock")["now"], WALL).replace(tzinfo=UTC)
    told = {"lead_id": lead.lead_id, "user": "1001", "status": "SALE", "length_in_sec": 60}
    told["call_date"] = (now - timedelta(minutes=5)).strftime(WALL)
    told |= more
    return str(door(shop.sim.url, "call", **told)["uniqueid"])


def test_a_late_link_is_rewritten_and_reaches_the_call_after_a_restart(begun: Shop) -> None:
    assert begun.syncd("config", "check").code == 0
    called(begun, recording={"after_seconds": 600})
    once(begun)
    assert begun.crm("SELECT status, link, agent FROM calls") == [("SALE", None, None)]
    ((due, tries),) = begun.query("SELECT due_at, tries FROM awaited")
    assert tries == 1
    door(begun.sim.url, "recording", recording_id=1 + 1, after_seconds=0)
    waited(begun)
    once(begun)
    ((status, link, agent),) = begun.crm("SELECT status, link, agent FROM calls")
    assert link.startswith(OUTSIDE + "RECORDINGS/")
    assert (status, agent) == ("SALE", "1001")
    assert begun.query("SELECT count(*) FROM awaited") == [(0,)]
    assert due > 0


def waited(shop: Shop) -> None:
    """The pause is over."""
    with closing(shop.database()) as db, db.write("test") as connection:
        connection.exec_driver_sql("UPDATE awaited SET due_at = 0")


def test_a_recording_that_never_appears_is_given_up_and_counted(begun: Shop) -> None:
    configured(begun, give_up="1s")
    called(begun, recording={"after_seconds": None})
    once(begun)
    assert begun.query("SELECT verdict, reason FROM decision WHERE pipeline = 'recordings'") == [
        ("skip", "no_recording")
    ]
    assert begun.crm("SELECT count(*), count(link) FROM calls") == [(1, 0)]


def test_another_scheme_is_held_and_goes_out_once_a_rule_mends_it(begun: Shop) -> None:
    called(begun, recording={"location": "ftp://10.10.10.15/1.wav"})
    ran = begun.syncd("run", "--once")
    assert ran.code == 1, "something was newly held"
    (held,) = begun.syncd("held", "list", "--json").json()
    assert (held["pipeline"], held["reason"]) == ("recordings", "link")
    configured(begun, inside="ftp://10.10.10.15/")
    retried = begun.syncd("held", "retry", str(held["id"]))
    assert retried.code == 0, retried.err
    assert "its recording is looked up again" in retried.out
    once(begun)
    assert begun.crm("SELECT link FROM calls") == [(OUTSIDE + "1.wav",)]


def test_a_user_who_may_not_look_recordings_up_is_told_and_calls_go_on(begun: Shop) -> None:
    with begun.sim.world.lock:
        user = begun.sim.world.users["6666"]
        user.api_allowed_functions = [
            "lead_search", "lead_all_info", "update_lead", "add_lead", "check_phone_number", "add_dnc_phone",
            "campaigns_list",
        ]  # fmt: skip
    checked = begun.syncd("config", "check")
    assert checked.code == 2
    assert "recording_lookup" in checked.err
    called(begun, recording=True)
    once(begun)
    assert begun.crm("SELECT status, link FROM calls") == [("SALE", None)]
    assert begun.query("SELECT verdict, reason FROM decision WHERE pipeline = 'recordings'") == [("skip", "awaited")]
    with begun.sim.world.lock:
        user.api_allowed_functions = ["ALL_FUNCTIONS"]
    waited(begun)
    once(begun)
    assert begun.crm("SELECT count(link) FROM calls") == [(1,)]
