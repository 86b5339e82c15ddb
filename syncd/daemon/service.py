"""The daemon: runs every stream when it is due, tells systemd how it is, and ends in order."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from syncd.config import models
from syncd.core import model
from syncd.daemon import audits, setup, statistics, watch
from syncd.daemon.notify import Notifier
from syncd.daemon.progress import Progress
from syncd.daemon.schedule import Schedule
from syncd.daemon.signals import AT_ONCE, Signals
from syncd.engine import parts
from syncd.engine.backfill import Slices
from syncd.engine.run import Engine
from syncd.sdk import errors, fence
from syncd.store import backfill, machine, status, streams
from syncd.store.database import Database

log = structlog.get_logger("syncd.daemon")

TICK_SECONDS = 1.0
STUCK_SECONDS = 900.0  # longer than the slowest page or batch: 50 requests of 35 s each, 4 at a time
LATE = timedelta(seconds=30)
TROUBLE_SECONDS = 2.0
SOON = timedelta(seconds=0.05)  # a job that has not quite ended cannot be started again
STAGGER_SECONDS = 5.0
AUDIT_AT_MOST = timedelta(days=30)
MOST_WORKERS = 32
_QUIET = ("unchanged", "records")


def serve(settings: models.Settings, *, only: Sequence[str] = ()) -> int:
    """Run until a signal asks to stop; return the exit code. Raises UserError where it cannot begin."""
    signals = Signals()
    signals.install()
    with closing(Notifier(os.environ)) as notifier, setup.database(settings) as db:
        db.lock()
        machine.check(db)
        with (
            setup.streams(settings, only, db=db) as found,
            setup.watched(settings, only, db=db) as watched,
            setup.audited(settings, only, db=db) as audited,
        ):
            progress = Progress(allowed_seconds=STUCK_SECONDS)

            def stopping() -> bool:
                progress.beat()  # the engine asks between any two pages or batches
                return signals()

            engine = Engine(db, stopping=stopping)
            setup.register(engine, [client for client, _ in found])
            service = Service(
                db,
                engine,
                found,
                progress=progress,
                notifier=notifier,
                signals=signals,
                watched=watched,
                audited=audited,
            )
            with watch.begun(db, settings, lambda: found, service.readings.last) as watcher:
                service.ended.append(watcher.count)
                service.run()
            if not service.drain(settings.stop_seconds):
                sys.stderr.flush()
                os._exit(AT_ONCE)  # the threads that still run would keep the process alive
    return 0


@dataclass(slots=True)
class _Job:
    name: str
    client: parts.Client
    side: model.Side
    every_seconds: float
    result: str = ""


class _Stopping(Exception):
    """The daemon stops, so a reading of statistics is given up."""


class Troubles:
    """What goes wrong, said once however many streams it hits, and once more when it is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hit: dict[str, set[str]] = {}  # the trouble's text → whom it hits

    def add(self, who: str, error: Exception) -> None:
        """This error came to `who`."""
        text = f"{type(error).__name__}: {error}"
        self.over(who, but=text)
        with self._lock:
            known = text in self._hit
            self._hit.setdefault(text, set()).add(who)
        if known:
            return
        if isinstance(error, errors.UserError):
            log.error("trouble", at=who, problems=[str(problem) for problem in error.problems])
        else:
            log.error("trouble", at=who, exc_info=error)

    def over(self, who: str, *, but: str = "") -> None:
        """`who` has no trouble any more, except one."""
        with self._lock:
            ended = []
            for text in [text for text, hit in self._hit.items() if who in hit and text != but]:
                self._hit[text].discard(who)
                if not self._hit[text]:
                    del self._hit[text]
                    ended.append(text)
        for text in ended:
            log.info("trouble is over", at=who, trouble=text)


class ClockWatch:
    """Notices that the machine's time was set, or stood still with the machine: what was planned by the clock would
    sleep for as long, or is late without anybody having noticed."""

    def __init__(self, now: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now, self._monotonic = now, monotonic
        self._offset = now() - monotonic()

    def moved_by(self) -> float:
        """By how many seconds the time was moved since the last look (back: negative); 0 if by less than one."""
        offset = self._now() - self._monotonic()
        moved, self._offset = offset - self._offset, offset
        return moved if abs(moved) >= 1.0 else 0.0


class Service:
    """The streams of all clients under one schedule."""

    def __init__(
        self,
        db: Database,
        engine: Engine,
        found: Sequence[tuple[parts.Client, model.Side]],
        *,
        progress: Progress,
        notifier: Notifier,
        signals: Signals,
        watched: Sequence[statistics.Watched] = (),
        audited: Sequence[audits.Audited] = (),
    ) -> None:
        self._db, self._engine, self._slices = db, engine, Slices(engine)
        self._progress, self._notifier, self._signals = progress, notifier, signals
        self._clock_watch = ClockWatch()
        self._moves = True
        self._jobs = {
            f"{client.name} {side}": _Job(
                f"{client.name} {side}",
                client,
                side,
                min(pipe.every_seconds for pipe in client.reading(side)),
            )
            for client, side in found
        }
        self._watched = {f"{one.client.name} statistics": one for one in watched}
        self.readings = statistics.Readings()
        self.ended: list[Callable[[parts.Report], None]] = []  # who is told of each run that has ended
        self._audited = {f"{one.client.name} audit": one for one in audited}
        # Statistics and audits get threads of their own number, so that no stream waits for them.
        beside = min(MOST_WORKERS, len(self._watched)) + min(MOST_WORKERS, len(self._audited))
        workers = min(MOST_WORKERS, max(1, len(self._jobs))) + beside
        self._schedule = Schedule(workers=workers, failed=self._job_failed)
        self._known: dict[tuple[str, str], tuple[datetime | None, str]] = {}
        self._troubles = Troubles()

    def run(self) -> None:
        """Run until a signal comes."""
        self._known = status.due_moments(self._db)
        began = datetime.now(UTC)
        step = min(0.25, STAGGER_SECONDS / max(1, len(self._jobs)))
        for number, job in enumerate(self._jobs.values()):
            first_at = began + timedelta(seconds=number * step)
            self._schedule.add(job.name, self._body(job), every_seconds=job.every_seconds, first_at=first_at)
        for name, one in self._watched.items():
            first_at = began + timedelta(seconds=len(self._jobs) * step)
            self._schedule.add(name, self._poll(name, one), every_seconds=one.every_seconds, first_at=first_at)
        for name, audit in self._audited.items():
            first_at = began + timedelta(seconds=len(self._jobs) * step)
            self._schedule.add(name, self._audit(name, audit), every_seconds=audits.LOOK_SECONDS, first_at=first_at)
        self._schedule.start()
        clients = {job.client.name for job in self._jobs.values()}
        log.info("started", clients=len(clients), streams=len(self._jobs), process=os.getpid())
        self._tell()
        self._notifier.ready()
        watchdog = self._notifier.watchdog_seconds
        tick = min(TICK_SECONDS, watchdog / 3) if watchdog else TICK_SECONDS
        while not self._signals.wait(tick):
            self._tick()

    def _tick(self) -> None:
        moved = self._clock_watch.moved_by()
        if moved:
            log.warning("the clock was set", seconds=round(moved, 1))
            idle = self._audited.keys() - set(self._progress.names())
            for name in (*self._jobs, *self._watched, *idle):
                self._schedule.at(name, datetime.now(UTC))
        self._look_at_store()
        self._tell()

    def _tell(self) -> None:
        stuck = self._progress.stuck()
        late = self._schedule.late(datetime.now(UTC)) > LATE
        results = [job.result for job in self._jobs.values()]
        words = [f"{len(self._jobs)} streams"]
        for what, number in (
            ("running", len(self._progress.names())),
            ("failed", results.count("failed") + results.count("trouble")),
            ("paused", results.count("paused")),
        ):
            if number:
                words.append(f"{number} {what}")
        if stuck:
            words.append(f"stuck: {', '.join(stuck)}")
        self._notifier.status("; ".join(words))
        if not stuck and not late:
            self._notifier.watchdog()
        elif self._moves:
            log.error("no progress", stuck=stuck, schedule_is_late=late)
        self._moves = not stuck and not late

    def _look_at_store(self) -> None:
        """Another process may have made a stream due: `resume`, `held retry`."""
        try:
            current = status.due_moments(self._db)
            backfills = backfill.due(self._db, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001  # whatever the store's trouble is, the daemon lives on
            self._troubles.add("schedule", error)
            return
        self._troubles.over("schedule")
        running = set(self._progress.names())
        now = datetime.now(UTC)
        for job in self._jobs.values():
            key = (job.client.name, str(job.side))
            if job.name not in running and key in backfills and self._is_later(job, now):
                self._schedule.at(job.name, now)
            if job.name in running or current.get(key) == self._known.get(key):
                continue
            self._known[key] = current.get(key, (None, ""))
            moment = self._known[key][0] or now
            planned = self._schedule.next_at(job.name)
            if planned is None or moment < planned:
                self._schedule.at(job.name, max(moment, now))

    def _is_later(self, job: _Job, now: datetime) -> bool:
        planned = self._schedule.next_at(job.name)
        return planned is None or planned > now

    def _body(self, job: _Job) -> Callable[[], None]:
        def body() -> None:
            with self._progress.running(job.name):
                if self._signals():
                    return
                moment = self._run(job)
                if not self._signals() and self._slice(job):
                    moment = datetime.now(UTC)
            if moment is not None and not self._signals():
                self._schedule.at(job.name, max(moment, datetime.now(UTC) + SOON))

        return body

    def _poll(self, name: str, watched: statistics.Watched) -> Callable[[], None]:
        def body() -> None:
            with self._progress.running(name):
                if self._signals():
                    return
                try:
                    with fence.held(self._between_requests):
                        goes_on = statistics.poll(self._db, watched.client, self.readings)
                except _Stopping:
                    return
                except Exception as error:  # noqa: BLE001  # it is logged, and tried again
                    self._troubles.add(name, error)
                    return
            self._troubles.over(name)
            if goes_on:
                self._schedule.at(name, datetime.now(UTC) + timedelta(seconds=watched.every_seconds))
            else:
                self._schedule.remove(name)

        return body

    def _audit(self, name: str, audited: audits.Audited) -> Callable[[], None]:
        def body() -> None:
            if self._signals():
                return
            self._schedule.at(name, datetime.now(UTC) + AUDIT_AT_MOST)  # it may run for hours: not due meanwhile
            next_at = datetime.now(UTC) + timedelta(seconds=TROUBLE_SECONDS)
            try:
                with self._progress.running(name):
                    next_at = audits.go_on(self._engine, audited)
            except Exception as error:  # noqa: BLE001  # it is logged, and tried again
                self._troubles.add(name, error)
            else:
                self._troubles.over(name)
            if not self._signals():
                self._schedule.at(name, next_at)

        return body

    def _between_requests(self, timeout_seconds: float) -> None:
        """A sign of life: a reading may be many requests, and must not keep the daemon from stopping."""
        del timeout_seconds
        self._progress.beat()
        if self._signals():
            raise _Stopping

    def _run(self, job: _Job) -> datetime | None:
        """Run a stream if it is due; return when it wants to be run again, None for its interval."""
        now = datetime.now(UTC)
        try:
            if not self._engine.is_due(job.client, job.side):
                state = streams.stream_state(self._db, job.client.name, str(job.side))
                return now + min(streams.due_in(state, now), timedelta(seconds=job.every_seconds))
            report = self._engine.run_stream(job.client, job.side)
        except Exception as error:  # noqa: BLE001  # it is logged, and the stream is tried again
            self._troubles.add(job.name, error)
            job.result = "trouble"
            return now + timedelta(seconds=TROUBLE_SECONDS)
        self._troubles.over(job.name)
        for tell in self.ended:
            tell(report)
        self._log(job, report)
        job.result = report.result
        return report.next_due_at

    def _slice(self, job: _Job) -> bool:
        """Live work is done: run a slice of the backfill whose turn it is; return whether more slices are due."""
        key = (job.client.name, str(job.side))
        try:
            waiting = backfill.due(self._db, datetime.now(UTC)).get(key)
            if not waiting:
                return False
            report = self._slices.run(job.client, job.side, waiting[0])
            counts = {name: number for name, number in report.counts.items() if not name.endswith(_QUIET)}
            for tell in self.ended:
                tell(report)
            log.info(
                "backfill",
                client=report.client,
                stream=report.stream,
                backfill=waiting[0],
                result=report.result,
                held=report.held,
                failed=report.failed,
                counts=counts,
                **({"why": report.error} if report.error else {}),
            )
            return report.result != "busy" and key in backfill.due(self._db, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001  # it is logged, and the slice is tried again
            self._troubles.add(f"{job.name} backfill", error)
            return False

    @staticmethod
    def _log(job: _Job, report: parts.Report) -> None:
        news = {name: number for name, number in report.counts.items() if not name.endswith(_QUIET)}
        level = log.info if news or report.result not in ("ok", "busy", "paused") else log.debug
        if report.result == "paused" and job.result != "paused":
            level = log.warning
        level(
            "run",
            client=report.client,
            stream=report.stream,
            result=report.result,
            held=report.held,
            failed=report.failed,
            due=report.next_due_at.isoformat(timespec="seconds") if report.next_due_at else None,
            counts=news,
            **({"why": report.error} if report.error else {}),
        )

    def _job_failed(self, name: str, error: Exception) -> None:
        """A job's own code failed: a bug, but the schedule goes on."""
        log.error("job failed", job=name, exc_info=error)
        self._schedule.at(name, datetime.now(UTC) + timedelta(seconds=TROUBLE_SECONDS))

    def drain(self, seconds: float) -> bool:
        """Start nothing more and let what runs finish its batch; False if it has not after so many seconds."""
        self._notifier.stopping()
        running = self._progress.names()
        log.info("stopping", running=running, stop_seconds=seconds)
        self._schedule.stop()
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._progress.wait_until_idle(min(left, TICK_SECONDS)):
                log.info("stopped")
                return True
            self._notifier.watchdog()
        log.warning("stopped before all had ended", running=self._progress.names())
        return False
