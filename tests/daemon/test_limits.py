"""What one client may use at once: threads of the daemon, requests a second."""

from __future__ import annotations

import time
from typing import Any

from syncd.daemon.slots import Slots
from syncd.engine.pace import Pace
from tests.cli import shop as shops


def limit(shop: shops.Shop, **limits: Any) -> None:
    settings = shop.settings()
    settings["clients"]["acme"]["limits"] = limits
    shop.write(settings)


def test_who_waits_for_a_slot_gets_the_next_one_in_the_order_of_coming() -> None:
    slots = Slots(1)
    assert slots.enter("a")
    assert [slots.enter(name) for name in ("b", "c", "b")] == [False, False, False]
    assert slots.leave() == "b"
    assert not slots.enter("a"), "the slot is kept for b"
    assert slots.enter("b")
    assert (slots.leave(), slots.enter("c"), slots.leave()) == ("c", True, "a")
    assert slots.enter("a")
    assert slots.leave() is None
    free = Slots(None)
    assert all(free.enter(str(number)) for number in range(100))


def test_requests_follow_each_other_evenly_and_who_waits_gives_signs_of_life() -> None:
    now, looks, slept = 100.0, 0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    def look() -> None:
        nonlocal looks
        looks += 1

    pace = Pace(0.4, monotonic=lambda: now, sleep=sleep)
    pace.wait(look)
    assert slept == []
    pace.wait(look)
    assert (slept, looks) == ([1.0, 1.0, 0.5], 3)
    now += 60
    pace.wait(look)
    assert len(slept) == 3, "what was not used is not saved up, nor paid for"
    pace.wait(look)
    assert sum(slept) == 5.0


def test_all_requests_of_a_client_keep_its_pace(shop: shops.Shop) -> None:
    limit(shop, requests_per_second=20)
    shop.people(10)
    began = time.monotonic()
    assert shop.syncd("run", "--once").code == 0
    seconds = time.monotonic() - began
    assert len(shop.leads()) == 10
    count = sum(shop.sim.functions.values())
    assert count >= 10
    assert seconds >= (count - 1) / 20


def test_a_client_with_one_thread_runs_one_stream_after_the_other(shop: shops.Shop) -> None:
    limit(shop, threads=1)
    shop.people(5)
    shop.sim.hold(1)
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: shop.sim.wait_for_adds(1, 0.1) >= 1)
        time.sleep(1.0)
        assert shop.query("SELECT DISTINCT stream FROM run") == [("crm.leads",)]
        shop.sim.release()
        daemon.wait_for(lambda: len(shop.query("SELECT DISTINCT stream FROM run WHERE result = 'ok'")) == 2)
        assert daemon.stop() == 0
