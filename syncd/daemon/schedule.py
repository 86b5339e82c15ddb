"""When which stream is run: APScheduler with its memory job store, which only this module knows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

Failed = Callable[[str, Exception], None]

SKIPPED = timedelta(seconds=1)


class Schedule:
    """Jobs by name, each at an interval, never twice at once; a job that is late is run once, however late.

    `failed(name, error)` is told of every job that ended with an exception."""

    def __init__(self, *, workers: int, failed: Failed) -> None:
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(workers, pool_kwargs={"thread_name_prefix": "stream"})},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        self._failed = failed
        self._scheduler.add_listener(self._skipped, EVENT_JOB_MAX_INSTANCES)

    def _skipped(self, event: JobSubmissionEvent) -> None:
        """A job was due while it ran: without this a wish for "at once" would wait for a whole interval."""
        self.at(event.job_id, datetime.now(UTC) + SKIPPED)

    def add(self, name: str, body: Callable[[], None], *, every_seconds: float, first_at: datetime) -> None:
        """Run `body` at `first_at` and from then on at the interval."""

        def guarded() -> None:
            # not APScheduler's event: it may come while the job is being scheduled, and what it asks for is lost then
            try:
                body()
            except Exception as error:  # noqa: BLE001  # whoever made the schedule says what it means
                self._failed(name, error)

        trigger = IntervalTrigger(seconds=every_seconds, timezone=UTC)
        self._scheduler.add_job(guarded, trigger, id=name, next_run_time=first_at)

    def at(self, name: str, moment: datetime) -> None:
        """Let a job's next run be at that moment, and the interval count from there."""
        try:
            self._scheduler.modify_job(name, next_run_time=moment)
        except JobLookupError:  # the schedule has been stopped meanwhile
            return

    def remove(self, name: str) -> None:
        """Never run a job again; fine if it is not there."""
        with suppress(JobLookupError):
            self._scheduler.remove_job(name)

    def next_at(self, name: str) -> datetime | None:
        """When a job is to run next."""
        job = self._scheduler.get_job(name)
        moment: datetime | None = job.next_run_time if job is not None else None
        return moment

    def late(self, now: datetime) -> timedelta:
        """By how much the most overdue job is late: beyond a moment this means that the scheduler itself is stuck."""
        moments = [job.next_run_time for job in self._scheduler.get_jobs() if job.next_run_time is not None]
        return max(timedelta(0), now - min(moments, default=now))

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def stop(self) -> None:
        """Start nothing any more; what runs goes on."""
        self._scheduler.shutdown(wait=False)
