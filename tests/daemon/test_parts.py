"""The daemon's parts: schedule, progress, the clock, the notify socket."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from syncd.daemon.clock_watch import ClockWatch
from syncd.daemon.notify import Notifier
from syncd.daemon.progress import Progress
from syncd.daemon.schedule import Schedule

PATIENCE_SECONDS = 30.0


def now() -> datetime:
    return datetime.now(UTC)


def test_a_job_that_fails_is_told_of_and_runs_again() -> None:
    failures: list[tuple[str, str]] = []
    again = threading.Event()

    def body() -> None:
        if failures:
            again.set()
            return
        raise ZeroDivisionError("broken")

    def failed(name: str, error: Exception) -> None:
        failures.append((name, type(error).__name__))
        schedule.at(name, now())

    schedule = Schedule(workers=1, failed=failed)
    schedule.add("job", body, every_seconds=3600, first_at=now())
    schedule.start()
    assert again.wait(PATIENCE_SECONDS)
    assert failures == [("job", "ZeroDivisionError")]
    schedule.stop()


def test_a_job_never_runs_twice_at_once_and_a_wish_meanwhile_is_kept() -> None:
    running, let_go, again = threading.Event(), threading.Event(), threading.Event()
    at_once = most = count = 0

    def body() -> None:
        nonlocal at_once, most, count
        count += 1
        at_once += 1
        most = max(most, at_once)
        running.set()
        let_go.wait(PATIENCE_SECONDS)
        at_once -= 1
        if count > 1:
            again.set()

    schedule = Schedule(workers=4, failed=lambda name, error: None)
    schedule.add("job", body, every_seconds=3600, first_at=now() - timedelta(hours=30))
    schedule.start()
    assert running.wait(PATIENCE_SECONDS)
    schedule.at("job", now())
    other = threading.Event()
    schedule.add("other", other.set, every_seconds=3600, first_at=now())
    assert other.wait(PATIENCE_SECONDS), "the schedule has looked at all jobs meanwhile"
    assert count == 1, "however late it was, it was begun once"
    let_go.set()
    assert again.wait(PATIENCE_SECONDS)
    schedule.stop()
    assert (count, most) == (2, 1)


def test_a_schedule_that_is_stopped_takes_no_offence_at_late_wishes() -> None:
    schedule = Schedule(workers=1, failed=lambda name, error: None)
    schedule.add("job", lambda: None, every_seconds=3600, first_at=now() + timedelta(hours=1))
    schedule.start()
    schedule.stop()
    schedule.at("job", now())
    assert schedule.late(now()) == timedelta(0)


def test_a_run_without_a_sign_of_life_counts_as_stuck() -> None:
    seconds = 0.0
    progress = Progress(allowed_seconds=10, monotonic=lambda: seconds)
    with progress.running("acme crm.leads"):
        seconds = 9
        assert progress.stuck() == []
        progress.beat()
        seconds = 18
        assert progress.stuck() == []
        seconds = 20
        assert progress.stuck() == ["acme crm.leads"]
        assert not progress.wait_until_idle(0)
    assert progress.stuck() == []
    assert progress.wait_until_idle(0)


def test_a_clock_that_is_set_is_noticed_once() -> None:
    wall, monotonic = 1000.0, 0.0
    watch = ClockWatch(lambda: wall, lambda: monotonic)
    wall, monotonic = 1060.0, 60.0
    assert watch.moved_by() == 0
    wall, monotonic = 460.0, 61.0
    assert watch.moved_by() == pytest.approx(-601)
    wall, monotonic = 520.0, 121.0
    assert watch.moved_by() == 0
    wall, monotonic = 9000.0, 122.0
    assert watch.moved_by() == pytest.approx(8479)


def test_systemd_is_reached_through_an_abstract_socket_too() -> None:
    name = f"syncd-test-{os.getpid()}-{threading.get_ident()}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind("\0" + name)
        manager.settimeout(PATIENCE_SECONDS)
        environ = {"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}
        with closing(Notifier(environ)) as notifier:
            assert notifier.watchdog_seconds == 3
            notifier.status("fine\nindeed")
            notifier.status("fine\nindeed")
            notifier.ready()
            assert [manager.recv(100), manager.recv(100)] == [b"STATUS=fine indeed", b"READY=1"]
    with closing(Notifier({**environ, "WATCHDOG_PID": "1"})) as notifier:
        assert notifier.watchdog_seconds is None, "the watchdog is another process's"
        notifier.ready()  # nobody listens any more: not a reason to fail
    with closing(Notifier({})) as notifier:
        notifier.ready()
