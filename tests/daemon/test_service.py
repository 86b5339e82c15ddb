"""The daemon as a process: what systemd hears, how it stops, and what other processes may do meanwhile."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.cli import shop as shops
from tests.vicidial import site


class Manager:
    """A service manager that listens on a notify socket."""

    def __init__(self, listener: socket.socket) -> None:
        self._socket = listener
        self._heard: list[str] = []
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while message := self._socket.recv(4096):
            with self._news:
                self._heard.append(message.decode())
                self._news.notify_all()

    def count(self, start: str) -> int:
        """How many messages that begin like this have come."""
        with self._news:
            return sum(one.startswith(start) for one in self._heard)

    def hears(self, start: str, *, times: int = 1) -> bool:
        """Wait for so many messages that begin like this."""
        with self._news:
            return self._news.wait_for(
                lambda: sum(one.startswith(start) for one in self._heard) >= times, shops.PATIENCE_SECONDS
            )


@contextmanager
def listening(path: Path) -> Iterator[Manager]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(path))
        manager = Manager(listener)
        yield manager
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as last:
            last.sendto(b"", str(path))
        manager._thread.join()


def leads_every(shop: shops.Shop, every: str, stop_seconds: str = "20s") -> None:
    settings = shop.settings()
    settings["stop_seconds"] = stop_seconds
    settings["clients"]["acme"]["pipelines"]["leads"]["every"] = every
    shop.write(settings)


def set_clock_back_after_a_run(shop: shops.Shop) -> None:
    """As if the last run had been tomorrow: the wall clock went back since."""
    tomorrow = int((time.time() + 86400) * 1e6)
    with closing(sqlite3.connect(shop.store)) as connection, connection:
        connection.execute(
            "INSERT INTO stream (client, stream, next_due_at, last_run_at) VALUES ('acme', 'crm.leads', ?, ?)",
            (tomorrow, tomorrow),
        )


def test_it_tells_systemd_how_it_is_and_ends_quickly_when_asked(shop: shops.Shop) -> None:
    shop.people(3)
    set_clock_back_after_a_run(shop)
    path = Path("/tmp") / f"syncd-{shop.folder.name[-8:]}-{id(shop):x}.sock"  # a socket's path has 107 characters
    try:
        with (
            listening(path) as manager,
            shop.daemon(environ={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "600000"}) as daemon,
        ):
            assert manager.hears("READY=1")
            assert manager.hears("STATUS=2 streams")
            assert manager.hears("WATCHDOG=1", times=3)
            daemon.wait_for(lambda: len(shop.leads()) == 3)
            daemon.wait_for(lambda: daemon.lines("run"))
            assert daemon.stop() == 0
            assert manager.hears("STOPPING=1")
            assert daemon.lines("stopped")
    finally:
        path.unlink(missing_ok=True)


def test_a_second_one_on_the_same_store_is_refused_and_told_who_has_it(shop: shops.Shop) -> None:
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: daemon.lines("started"))
        for arguments in (("run",), ("run", "--once"), ("db", "upgrade")):
            ran = shop.syncd(*arguments)
            assert ran.code == 2
            assert f"another syncd (process {daemon.process.pid}) is using this store" in ran.err
        assert shop.syncd("status").code == 0
        assert daemon.stop(signal.SIGINT) == 0


def test_a_pause_from_another_process_holds_from_the_next_request_on(shop: shops.Shop) -> None:
    shop.people(40)
    leads_every(shop, "1h")
    shop.sim.hold(10)
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: shop.sim.wait_for_adds(10, 0.1) >= 10)
        ran = shop.syncd("pause", "acme", "leads", "--wait-seconds", "0.1", "--json")
        assert ran.code == 1, "requests without an answer are told of"
        assert ran.json()["still_sending"] > 0
        shop.sim.release()
        ran = shop.syncd("pause", "acme", "leads", "--json")
        assert (ran.code, ran.json()["still_sending"]) == (0, 0)
        sent = shop.sim.world.api_adds
        assert sent < 40
        assert "paused by operator" in shop.syncd("status").out
        assert shop.sim.world.api_adds == sent
        assert shop.syncd("resume", "acme").code == 0
        daemon.wait_for(lambda: len(shop.leads()) == 40)
        assert daemon.stop() == 0
    assert shop.leads() == sorted(str(number) for number in range(1, 41))


def test_what_is_tried_again_goes_out_without_waiting_for_the_interval(shop: shops.Shop) -> None:
    shop.people(1)
    shop.crm("UPDATE people SET phone = '123'")
    leads_every(shop, "1h")
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: daemon.lines("run"))
        shop.crm("UPDATE people SET phone = '7275550001'")
        ran = shop.syncd("held", "retry", "--all", "acme", "leads", "--json")
        assert (ran.code, [one["state"] for one in ran.json()]) == (0, ["staged"])
        daemon.wait_for(lambda: shop.leads() == ["1"])
        assert daemon.stop() == 0


def test_the_first_signal_lets_what_was_begun_end(shop: shops.Shop) -> None:
    shop.people(120)
    shop.sim.hold(5)
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: shop.sim.wait_for_adds(5, 0.1) >= 5)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for(lambda: daemon.lines("stopping"))
        shop.sim.release()
        assert daemon.process.wait(shops.PATIENCE_SECONDS) == 0
    assert 5 <= len(shop.leads()) < 120
    assert shop.query("SELECT count(*) FROM intent WHERE state = 'sending'") == [(0,)]
    assert shop.query("SELECT count(*) FROM lease") == [(0,)]


@pytest.mark.parametrize("stop_seconds", ["20s", "300ms"])
def test_a_second_signal_or_the_end_of_stop_seconds_ends_it_at_once_and_nothing_is_lost(
    shop: shops.Shop, stop_seconds: str
) -> None:
    shop.people(20)
    leads_every(shop, "1s", stop_seconds)
    shop.sim.hold(5)
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: shop.sim.wait_for_adds(5, 0.1) >= 5)
        daemon.process.send_signal(signal.SIGTERM)
        if stop_seconds == "20s":
            daemon.wait_for(lambda: daemon.lines("stopping"))
            daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(shops.PATIENCE_SECONDS) == 4
    assert shop.query("SELECT count(*) FROM intent WHERE state = 'sending'") != [(0,)]
    shop.sim.release()
    assert shop.syncd("run", "--once").code == 0
    assert shop.leads() == sorted(str(number) for number in range(1, 21))


def test_a_client_that_the_store_knows_as_another_keeps_it_from_starting(shop: shops.Shop) -> None:
    settings = shop.settings()
    settings["clients"]["beta"] = settings["clients"]["acme"]
    shop.write(settings)
    assert shop.syncd("run", "--once").code == 0
    settings["clients"]["acme"]["crm"]["leads"]["table"] = "calls"
    settings["clients"]["acme"]["crm"]["leads"]["id"] = "call_key"
    shop.write(settings)
    ran = shop.syncd("run")
    assert ran.code == 2
    assert "clients.acme: this state store belongs to another configuration" in ran.err
    assert "clients.beta: this state store belongs to another configuration" in ran.err


def test_status_tells_who_runs_and_that_a_killed_run_did_not_end(shop: shops.Shop) -> None:
    settings = shop.settings()
    settings["clients"]["acme"]["pipelines"]["calls"]["mode"] = "shadow"
    shop.write(settings)
    shop.people(20)
    shop.sim.hold(5)
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: shop.sim.wait_for_adds(5, 0.1) >= 5)
        status = shop.syncd("status", "--json").json()[0]
        assert status["process"] == str(daemon.process.pid)
        assert status["streams"][0]["running"]
        assert f"process {daemon.process.pid}" in shop.syncd("status").out
        daemon.stop(signal.SIGKILL)
        shop.sim.release()
    ran = shop.syncd("status")
    assert ran.out.startswith("no daemon runs\n")
    assert "the last run of crm.leads ended without saying how" in ran.out
    status = shop.syncd("status", "--json").json()[0]
    assert status["process"] == ""
    assert (status["streams"][0]["running"], status["streams"][0]["interrupted"]) == ("", True)
    assert {pipe["pipeline"]: pipe["mode"] for pipe in status["pipelines"]} == {
        "leads": "live",
        "calls": "shadow",
        "dispositions": "live",
    }


_SOON_STUCK = """
import sys
from syncd.cli import main
from syncd.daemon import service
service.STUCK_SECONDS = 0.5
sys.exit(main.main(["run"]))
"""


def test_under_the_environment_of_its_unit_it_runs_and_a_stuck_run_gets_no_watchdog(shop: shops.Shop) -> None:
    settings = shop.settings()
    settings["clients"]["acme"]["dialer"] |= {"password": "${credential:dialer}", "read_seconds": 30}
    shop.write(settings)
    credentials = shop.folder / "credentials"
    credentials.mkdir()
    (credentials / "dialer").write_text("1234\n")
    path = Path("/tmp") / f"syncd-{shop.folder.name[-8:]}-{id(shop):x}.sock"
    environ = {  # what systemd sets, and nothing else
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
        "LANG": "C.UTF-8",
        "SYNCD_CONFIG": str(shop.config),
        "CREDENTIALS_DIRECTORY": str(credentials),
        "STATE_DIRECTORY": str(shop.folder),
        "CONFIGURATION_DIRECTORY": str(shop.folder),
        "NOTIFY_SOCKET": str(path),
        "WATCHDOG_USEC": "300000",
        "INVOCATION_ID": "0" * 32,
    }
    try:
        with listening(path) as manager, (shop.folder / "daemon.log").open("wb") as log:
            command = [sys.executable, "-c", _SOON_STUCK]
            process = subprocess.Popen(command, env=environ, cwd=shop.folder, stdin=subprocess.DEVNULL, stderr=log)
            daemon = shops.Daemon(process, shop.folder / "daemon.log")
            try:
                assert manager.hears("READY=1")
                shop.people(1)
                daemon.wait_for(shop.leads)
                assert manager.hears("WATCHDOG=1", times=2)
                site.door(shop.sim.url, "faults", spec="all.slow@1+:4")
                shop.people(1, first=2)
                daemon.wait_for(lambda: daemon.lines("no progress"))
                assert manager.hears("STATUS=2 streams; 1 running; stuck: ")
                before = manager.count("WATCHDOG=1")
                time.sleep(1.0)
                assert manager.count("WATCHDOG=1") == before, "systemd restarts what tells it nothing"
                site.door(shop.sim.url, "faults", spec="")
                assert manager.hears("WATCHDOG=1", times=before + 1)
                assert daemon.stop() == 0
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
    finally:
        path.unlink(missing_ok=True)
