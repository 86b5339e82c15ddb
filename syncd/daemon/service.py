"""The daemon: runs every stream when it is due, tells systemd how it is, and ends in order."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from syncd.config import models
from syncd.core import model
from syncd.daemon import audits, reload, setup, statistics, upkeep, watch
from syncd.daemon.clock_watch import ClockWatch
from syncd.daemon.groups import Group, Groups, Job
from syncd.daemon.notify import Notifier
from syncd.daemon.progress import Progress
from syncd.daemon.schedule import Schedule
from syncd.daemon.signals import AT_ONCE, Signals
from syncd.daemon.troubles import Troubles
from syncd.engine import parts, reread
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
MOST_WORKERS = 256  # threads are made when they are needed: no client waits for another one's slow server
DRAIN_TICK_SECONDS = 0.1
_QUIET = ("unchanged", "records")


def serve(settings: models.Settings, *, path: Path, only: Sequence[str] = ()) -> int:
    """Run until a signal asks to stop; return the exit code. `path`: the file that the settings came from, which is
    read again on SIGHUP or `syncd reload`. Raises UserError where it cannot begin."""
    signals = Signals()
    signals.install(reloads=True)
    configuration = reload.Configuration(path, settings, only)
    with closing(Notifier(os.environ)) as notifier, setup.database(settings) as db:
        db.lock()
        machine.check(db)
        progress = Progress(allowed_seconds=STUCK_SECONDS)

        def stopping() -> bool:
            is_over = progress.beat()  # the engine asks between any two pages or batches
            return is_over or signals()

        engine = Engine(db, stopping=stopping)
        service = Service(db, engine, configuration, progress=progress, notifier=notifier, signals=signals)
        with closing(service):
            service.open(setup.chosen(settings, only))
            with (
                upkeep.begun(db, engine, configuration.current, service.streams),
                watch.begun(db, configuration.current, service.streams, service.readings.last) as watcher,
            ):
                service.ended.append(watcher.count)
                service.run()
            if not service.drain():
                sys.stderr.flush()
                os._exit(AT_ONCE)  # the threads that still run would keep the process alive
    return 0


class _Stopping(Exception):
    """The daemon stops, so a reading of statistics is given up."""


class Service:
    """The streams of all clients under one schedule."""

    def __init__(
        self,
        db: Database,
        engine: Engine,
        configuration: reload.Configuration,
        *,
        progress: Progress,
        notifier: Notifier,
        signals: Signals,
    ) -> None:
        self._db, self._engine, self._slices = db, engine, Slices(engine)
        self._configuration = configuration
        self._progress, self._notifier, self._signals = progress, notifier, signals
        self._clock_watch = ClockWatch()
        self._moves = True
        self._groups = Groups(progress.names, self._begin, self._end)
        self._jobs: dict[str, Job] = {}
        self.readings = statistics.Readings()
        self.ended: list[Callable[[parts.Report], None]] = []  # who is told of each run that has ended
        self._schedule = Schedule(workers=MOST_WORKERS, failed=self._job_failed)
        self._known: dict[tuple[str, str], tuple[datetime | None, str]] = {}
        self._troubles = Troubles()
        self._orders = reload.Orders(db, engine.owner)
        self._refused = ""
        self._new: list[Group] = []  # whose mappings were not compared with the ones that were read with

    def open(self, names: Sequence[str]) -> None:
        """Open these clients and bind them to the store; they begin with `run`. Raises UserError."""
        found = []
        for name in names:
            found.append(Group(setup.opened(self._configuration.current(), name, db=self._db)))
            self._groups.current[name] = found[-1]
        setup.register(self._engine, [job.client for group in found for job in group.jobs.values()])

    def streams(self) -> list[tuple[parts.Client, model.Side]]:
        """The streams of all clients. Any thread may ask."""
        groups = list(self._groups.current.values())
        return [(job.client, job.side) for group in groups for job in group.jobs.values()]

    def close(self) -> None:
        """Close all connectors."""
        self._groups.close()

    def run(self) -> None:
        """Run until a signal comes."""
        self._known = status.due_moments(self._db)
        self._begin(*self._groups.current.values())
        self._schedule.start()
        self._orders.here()
        log.info("started", clients=len(self._groups.current), streams=len(self._jobs), process=os.getpid())
        self._tell()
        self._notifier.ready()
        watchdog = self._notifier.watchdog_seconds
        tick = min(TICK_SECONDS, watchdog / 3) if watchdog else TICK_SECONDS
        while not self._signals.wait(min(tick, DRAIN_TICK_SECONDS) if self._groups.leaving else tick):
            self._tick()

    def _begin(self, *groups: Group) -> None:
        """Schedule these clients' jobs, not all at the same moment."""
        now = datetime.now(UTC)
        jobs = [job for group in groups for job in group.jobs.values()]
        self._jobs.update({job.name: job for job in jobs})
        step = min(0.25, STAGGER_SECONDS / max(1, len(jobs)))
        for number, job in enumerate(jobs):
            first_at = now + timedelta(seconds=number * step)
            self._schedule.add(job.name, self._body(job), every_seconds=job.every_seconds, first_at=first_at)
        for group in groups:
            self._engine.begins(group.name)
        self._new += [group for group in groups if group.jobs]
        self._read_again()
        for group in groups:
            if group.watched is not None:
                body = self._poll(group, group.watched)
                first_at = now + timedelta(seconds=len(jobs) * step)
                every_seconds = group.watched.every_seconds
                self._schedule.add(group.statistics, body, every_seconds=every_seconds, first_at=first_at)
            if group.audited is not None:
                body = self._audit(group, group.audited)
                first_at = now + timedelta(seconds=len(jobs) * step)
                self._schedule.add(group.audit, body, every_seconds=audits.LOOK_SECONDS, first_at=first_at)

    def _read_again(self) -> None:
        """Order backfills for the mappings of new groups that have changed; where the store fails, at the next tick."""
        while self._new:
            client = next(iter(self._new[-1].jobs.values())).client
            try:
                reread.order(self._db, client, self._engine.clock())
            except Exception as error:  # noqa: BLE001  # as in `_look_at_store`
                self._troubles.add("schedule", error)
                return
            self._new.pop()

    def _end(self, group: Group) -> None:
        """Let none of a client's jobs begin any more."""
        for name in group.names:
            self._schedule.remove(name)
        for name in group.jobs:
            del self._jobs[name]
        self._new = [one for one in self._new if one is not group]
        self.readings.forget(group.name)

    def _reload(self, number: int) -> None:
        """Read the configuration again and run what it says; if anything is wrong with it, what runs goes on."""
        self._notifier.reloading()
        answer: dict[str, Any]
        try:
            change = self._configuration.read(self._engine)
        except errors.UserError as error:
            answer = reload.refused(error.problems)
            log.error("reload refused", problems=[str(problem) for problem in error.problems])
        except Exception as error:  # whatever is wrong with the new one, the old one runs
            answer = reload.refused([errors.Problem(f"internal error: {type(error).__name__}", fix="see the log")])
            log.error("reload refused", exc_info=error)
        else:
            for name in (*change.removed, *change.changed):
                self._groups.retire(name, change.stop_seconds)
            for one in change.opened:
                self._groups.add(Group(one))
            self._configuration.took(change)
            self._settle()
            answer = {**change.plain(), "ending": self._groups.leaving}
            log.info("reloaded", **answer)
            for problem in change.settings.warnings:
                log.warning("configuration", problem=str(problem))
        self._refused = f"reload refused: {len(answer['problems'])} problems" if "problems" in answer else ""
        try:
            self._orders.answer(number, {**answer, "file": str(self._configuration.path)})
        except Exception as error:  # noqa: BLE001  # whoever asked hears nothing; the log has it
            self._troubles.add("reload", error)
        self._tell()
        self._notifier.ready()

    def _settle(self) -> None:
        """Close what has ended, and begin what waited for it."""
        for group in self._groups.settle():
            log.info("ended", client=group.name)
            for name in group.names:
                self._troubles.over(name)

    def _tick(self) -> None:
        moved = self._clock_watch.moved_by()
        if moved:
            log.warning("the clock was set", seconds=round(moved, 1))
            for group in self._groups.current.values():
                under_way = {group.audit} & set(self._progress.names())
                for name in group.names - under_way:
                    self._schedule.at(name, datetime.now(UTC))
        self._settle()
        self._read_again()
        self._look_at_store()
        number = self._wanted()
        if number is not None:
            self._reload(number)
        self._tell()

    def _wanted(self) -> int | None:
        """The order to read the configuration again, if there is one."""
        try:
            return self._orders.wanted(hung_up=self._signals.hung_up())
        except Exception as error:  # noqa: BLE001  # as in `_look_at_store`
            self._troubles.add("schedule", error)
            return None

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
        if self._refused:
            words.append(self._refused)
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

    def _is_later(self, job: Job, now: datetime) -> bool:
        planned = self._schedule.next_at(job.name)
        return planned is None or planned > now

    def _body(self, job: Job) -> Callable[[], None]:
        def body() -> None:
            with self._progress.running(job.name, is_over=job.group.is_over), fence.held(job.group.check):
                if self._is_over(job.group) or not job.group.slots.enter(job.name):
                    return
                try:
                    moment = self._run(job)
                    if not self._is_over(job.group) and self._slice(job):
                        moment = datetime.now(UTC)
                finally:
                    following = job.group.slots.leave()
                # while it counts as running, nobody else's job has its name
                if not self._is_over(job.group):
                    if moment is not None:
                        self._schedule.at(job.name, max(moment, datetime.now(UTC) + SOON))
                    if following is not None:
                        self._schedule.at(following, datetime.now(UTC))

        return body

    def _is_over(self, group: Group) -> bool:
        return group.is_over() or self._signals()

    def _poll(self, group: Group, watched: statistics.Watched) -> Callable[[], None]:
        name = group.statistics

        def body() -> None:
            with self._progress.running(name, is_over=group.is_over):
                if self._is_over(group):
                    return
                try:
                    with fence.held(lambda _: self._between_requests(watched.client)):
                        goes_on = statistics.poll(self._db, watched.client, self.readings)
                except _Stopping:
                    return
                except Exception as error:  # noqa: BLE001  # it is logged, and tried again
                    self._troubles.add(name, error)
                    return
                self._troubles.over(name)
                if group.is_over():
                    self.readings.forget(group.name)
                elif goes_on:
                    self._schedule.at(name, datetime.now(UTC) + timedelta(seconds=watched.every_seconds))
                else:
                    self._schedule.remove(name)

        return body

    def _audit(self, group: Group, audited: audits.Audited) -> Callable[[], None]:
        name = group.audit

        def body() -> None:
            with self._progress.running(name, is_over=group.is_over), fence.held(group.check):
                if self._is_over(group):
                    return
                self._schedule.at(name, datetime.now(UTC) + AUDIT_AT_MOST)  # it may run for hours: not due meanwhile
                next_at = datetime.now(UTC) + timedelta(seconds=TROUBLE_SECONDS)
                try:
                    next_at = audits.go_on(self._engine, audited)
                except Exception as error:  # noqa: BLE001  # it is logged, and tried again
                    self._troubles.add(name, error)
                else:
                    self._troubles.over(name)
                if not self._is_over(group):
                    self._schedule.at(name, next_at)

        return body

    def _between_requests(self, client: parts.Client) -> None:
        """A sign of life: a reading may be many requests, and must not keep the daemon from stopping."""
        client.pace.wait(self._progress.beat)
        if self._progress.beat() or self._signals():
            raise _Stopping

    def _run(self, job: Job) -> datetime | None:
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

    def _slice(self, job: Job) -> bool:
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
    def _log(job: Job, report: parts.Report) -> None:
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

    def drain(self) -> bool:
        """Start nothing more and let what runs finish its batch; False if it has not after `stop_seconds`."""
        seconds = self._configuration.current().stop_seconds
        self._notifier.stopping()
        with suppress(Exception):  # who asks for a reload will find that nobody runs
            self._orders.gone()
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
