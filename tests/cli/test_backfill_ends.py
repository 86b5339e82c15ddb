"""A backfill whose process ends in the middle, or whose operator stops watching: it goes on, no record twice."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from syncd.store.database import Database
from tests.cli import shop as shops
from tests.cli import terminal
from tests.cli.test_backfill import old_people

COUNT = 620  # a slice and a bit
MIDDLE = 300  # leads when something happens: the first slice is under way, the rest has not been read


def everybody(count: int = COUNT) -> list[str]:
    return sorted(str(number) for number in range(1000, 1000 + count))


def told(shop: shops.Shop) -> dict[str, Any]:
    """The one backfill, as `list` shows it."""
    (found,) = shop.syncd("backfill", "list", "--json").json()
    return dict(found)


def stored_only(shop: shops.Shop) -> str:
    """Store a backfill and return its number."""
    ran = shop.syncd("backfill", "acme", "leads", "--since", "2026-01-01", "--no-wait", "--json")
    assert ran.code == 0, ran.err
    return str(ran.json()["id"])


def is_done(shop: shops.Shop) -> bool:
    return shop.query("SELECT state FROM backfill") == [("done",)]


@contextmanager
def in_the_foreground(shop: shops.Shop, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`syncd backfill …` as a process of its own."""
    with subprocess.Popen(
        [shops.COMMAND, "backfill", *arguments],
        env=shop.environ({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_daemon_that_ends_in_the_middle_goes_on_when_it_is_started_again(
    shop: shops.Shop, how: signal.Signals
) -> None:
    old_people(shop, COUNT, first=1000)
    stored_only(shop)
    shop.sim.hold(MIDDLE)
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: shop.sim.wait_for_adds(MIDDLE, 0.1) >= MIDDLE)
        daemon.process.send_signal(how)
        if how == signal.SIGTERM:
            daemon.wait_for(lambda: daemon.lines("stopping"))
            shop.sim.release()
        assert daemon.process.wait(shops.PATIENCE_SECONDS) == (0 if how == signal.SIGTERM else -how)
    shop.sim.release()
    middle = told(shop)
    assert (middle["state"], middle["read"]) == ("running", 500)
    assert MIDDLE <= len(shop.leads()) < COUNT
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: is_done(shop))
        assert daemon.stop() == 0
    end = told(shop)
    assert (end["state"], end["read"], end["counts"]["create"]) == ("done", COUNT, COUNT)
    assert shop.leads() == everybody()
    assert shop.query("SELECT count(*) FROM intent WHERE kind = 'create'") == [(COUNT,)]


def test_ctrl_c_while_following_leaves_it_to_the_daemon(shop: shops.Shop) -> None:
    old_people(shop, 60, first=1000)
    shop.sim.hold(20)
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: daemon.lines("started"))
        command = ["backfill", "acme", "leads", "--since", "2026-01-01"]
        with terminal.opened(command, shop.environ({})) as screen:
            screen.wait_for("60 read, ")
            screen.type(terminal.CTRL_C)
            assert screen.end() == 0, screen.shown
            assert "backfill 1 is running" in screen.shown
            assert "the daemon goes on with it" in screen.shown
        assert told(shop)["state"] == "running"
        shop.sim.release()
        daemon.wait_for(lambda: is_done(shop))
        assert daemon.stop() == 0
    assert told(shop)["read"] == 60
    assert shop.leads() == everybody(60)


def test_ctrl_c_in_the_foreground_leaves_it_to_be_resumed(shop: shops.Shop) -> None:
    old_people(shop, 150, first=1000)
    shop.sim.hold(20)
    command = ["backfill", "acme", "leads", "--since", "2026-01-01"]
    with terminal.opened(command, shop.environ({})) as screen:
        assert shop.sim.wait_for_adds(20, shops.PATIENCE_SECONDS) >= 20
        screen.type(terminal.CTRL_C)
        screen.wait_for("^C")
        shop.sim.release()
        assert screen.end() == 2, screen.shown
        assert "stopped; `syncd run` or `syncd backfill resume 1` goes on with it" in screen.shown
        assert "changes not sent yet: " in screen.shown
    assert (told(shop)["state"], told(shop)["read"]) == ("running", 150)
    assert len(shop.leads()) < 150
    ran = shop.syncd("backfill", "resume", "1", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json()["state"], ran.json()["read"], ran.json()["unsent"]) == ("done", 150, 0)
    assert shop.leads() == everybody(150)


def test_who_follows_a_daemon_that_is_killed_is_told(shop: shops.Shop) -> None:
    old_people(shop, 20, first=1000)
    shop.sim.hold(5)
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: daemon.lines("started"))
        with in_the_foreground(shop, "acme", "leads", "--since", "2026-01-01") as process:
            daemon.wait_for(lambda: shop.sim.wait_for_adds(5, 0.1) >= 5)
            daemon.stop(signal.SIGKILL)
            process.send_signal(signal.SIGINT)
            shop.sim.release()
            out, _ = process.communicate(timeout=shops.PATIENCE_SECONDS)
        assert process.returncode == 2, out
        assert "no daemon runs any more; `syncd run` or `syncd backfill resume 1` goes on with it" in out
    assert shop.syncd("backfill", "resume", "1").code == 0
    assert shop.leads() == everybody(20)


@pytest.fixture
def on_postgresql(bare: shops.Shop, postgres_dsn: str) -> shops.Shop:
    """A shop whose store is on PostgreSQL."""
    settings = bare.settings()
    settings["store"] = postgres_dsn
    settings["clients"]["acme"]["pipelines"]["leads"] |= {"start": "now"}
    bare.write(settings)
    assert bare.syncd("db", "upgrade").code == 0
    bare.people(30, first=1000)
    bare.crm("UPDATE people SET modified = ?", "2026-01-05 12:00:00")
    return bare


def test_in_the_foreground_with_a_store_on_postgresql(on_postgresql: shops.Shop) -> None:
    shop = on_postgresql
    assert shop.syncd("run", "--once").code == 0  # which is over: no daemon
    ran = shop.syncd("backfill", "acme", "leads", "--since", "2026-01-01", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json()["state"], ran.json()["counts"]["create"], ran.json()["unsent"]) == ("done", 30, 0)
    assert shop.leads() == everybody(30)


def test_killed_in_the_foreground_it_waits_for_the_lease_and_says_so(
    on_postgresql: shops.Shop, postgres_dsn: str
) -> None:
    shop = on_postgresql
    shop.sim.hold(5)
    with in_the_foreground(shop, "acme", "leads", "--since", "2026-01-01") as process:
        assert shop.sim.wait_for_adds(5, shops.PATIENCE_SECONDS) >= 5
        process.kill()
    shop.sim.release()
    with terminal.opened(["backfill", "resume", "1"], shop.environ({})) as screen:
        screen.wait_for("waits: acme crm.leads is being run by ")
        with closing(Database(postgres_dsn)) as db, db.write("test") as connection:
            connection.execute(sa.text("UPDATE lease SET expires_at = 0"))  # as if a minute had passed
        assert screen.end() == 0, screen.shown
        assert "backfill 1 is done: create 30, read 30" in screen.shown
    assert shop.leads() == everybody(30)


def test_a_daemon_on_postgresql_executes_it(on_postgresql: shops.Shop) -> None:
    shop = on_postgresql
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: "never" not in shop.syncd("status").out)
        ran = shop.syncd("backfill", "acme", "leads", "--since", "2026-01-01", "--json")
        assert ran.code == 0, ran.err
        assert ran.json()["counts"]["create"] == 30
        assert any(line["counts"].get("leads.create") == 30 for line in daemon.lines("backfill"))
        assert daemon.stop() == 0
    assert shop.leads() == everybody(30)
