"""The daemon reads statistics beside its streams: kept with their time, switched off where a permission is missing."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from syncd.config import load
from syncd.daemon import setup, statistics
from tests.cli import shop as shops
from tests.vicidial import site


def configure(shop: shops.Shop, **options: Any) -> None:
    settings = shop.settings()
    settings["clients"]["acme"]["statistics"] = {"every": "1s"}
    settings["clients"]["acme"]["dialer"] |= options
    shop.write(settings)


def asked(shop: shops.Shop) -> int:
    return shop.sim.functions.get("logged_in_agents", 0)


def test_they_are_off_unless_configured(shop: shops.Shop) -> None:
    shop.people(1)
    with shop.daemon() as daemon:
        daemon.wait_for(shop.leads)
        assert daemon.stop() == 0
    assert asked(shop) == 0
    assert daemon.lines("statistics") == []


def test_they_are_read_again_and_again_and_an_outage_is_said_once(shop: shops.Shop) -> None:
    configure(shop)
    shop.people(1)
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: daemon.lines("statistics") and asked(shop) >= 2 and shop.leads())
        site.door(shop.sim.url, "faults", spec="all.empty")
        before = shop.sim.functions.get("in_group_status", 0)
        daemon.wait_for(lambda: shop.sim.functions["in_group_status"] >= before + 2)
        site.door(shop.sim.url, "faults", spec="")
        daemon.wait_for(lambda: len(daemon.lines("statistics")) == 2)
        assert daemon.stop() == 0
    assert len(daemon.lines("no statistics")) == 1


def test_a_missing_permission_is_said_once_switches_them_off_and_stops_no_stream(shop: shops.Shop) -> None:
    configure(shop)
    shop.sim.world.users["6666"].user_level = 8
    shop.people(1)
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: daemon.lines("statistics are switched off"))
        time.sleep(2.2)  # two polls long
        daemon.wait_for(shop.leads)
        assert daemon.stop() == 0
    [line] = daemon.lines("statistics are switched off")
    assert "call_status_stats" in line["why"]
    assert "user_level 9" in line["fix"]
    assert shop.sim.functions["call_status_stats"] == 1


def test_a_refused_login_pauses_the_client_and_is_tried_once(shop: shops.Shop) -> None:
    configure(shop, password="sesame")
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: daemon.lines("no statistics"))
        time.sleep(2.2)
        assert daemon.stop() == 0
    assert {by for (by,) in shop.query("SELECT paused FROM pipeline WHERE paused != ''")} == {"auth"}
    # the calls' stream may have been under way with a login of its own
    assert shop.sim.world.users["6666"].failed_login_count <= 2
    assert asked(shop) == 0


def test_the_last_reading_stays_with_its_time_while_there_is_no_newer_one(shop: shops.Shop) -> None:
    configure(shop)
    site.door(shop.sim.url, "queue", campaign_id="TESTCAMP", waiting=4)
    readings = statistics.Readings()
    with closing(shop.database()) as db, closing(setup.opened(load.load(shop.config), "acme", db=db)) as opened:
        watched = opened.watched
        assert watched is not None
        assert watched.every_seconds == 1.0
        assert statistics.poll(db, watched.client, readings)
        first = readings.last()["acme"]
        site.door(shop.sim.url, "faults", spec="all.reset_before")
        assert statistics.poll(db, watched.client, readings)
    last = readings.last()["acme"]
    assert first.at is not None
    assert datetime.now(UTC) - first.at < timedelta(minutes=1)
    assert (first.groups[0].calls_waiting, first.problem) == (4, "")
    assert (last.at, last.groups) == (first.at, first.groups)
    assert last.problem
