"""A client as the daemon runs it: its streams with their connectors, until another configuration takes its place."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from syncd.core import model
from syncd.daemon.setup import Opened
from syncd.daemon.slots import Slots
from syncd.engine import parts
from syncd.sdk import errors

log = structlog.get_logger("syncd.daemon")


class Group:
    """One client's jobs. Threads that run them look at `is_over` and `check`; all else is the main thread's."""

    def __init__(self, opened: Opened) -> None:
        self.name = opened.name
        self.jobs = {job.name: job for job in (Job.of(self, client, side) for client, side in opened.streams)}
        self.watched = opened.watched
        self.statistics = f"{opened.name} statistics"
        self.audited = opened.audited
        self.audit = f"{opened.name} audit"
        self.slots = Slots(opened.threads)
        self._close = opened.close
        self._over = False
        self._no_request_after = 0.0

    @property
    def names(self) -> set[str]:
        """Of everything that it lets run."""
        beside = {self.statistics: self.watched, self.audit: self.audited}
        return {*self.jobs, *(name for name, there in beside.items() if there is not None)}

    def retire(self, seconds: float) -> None:
        """Let what runs finish its batch and nothing begin any more; after so many seconds nothing is sent."""
        self._no_request_after = time.monotonic() + seconds
        self._over = True

    def close(self) -> None:
        """Close its connectors; what is wrong with that is logged, for nothing depends on it."""
        try:
            self._close()
        except Exception as error:
            log.error("connectors cannot be closed", client=self.name, exc_info=error)

    def is_over(self) -> bool:
        """Whether it is to end."""
        return self._over

    def check(self, timeout_seconds: float) -> None:
        """The fence before each of its requests: raise RetryLater if nothing is to be sent any more."""
        del timeout_seconds
        if self._over and time.monotonic() > self._no_request_after:
            raise errors.RetryLater("the configuration of this client was changed", after_seconds=0.0)


@dataclass(slots=True)
class Job:
    """One stream of a client, and how its last run ended."""

    name: str
    group: Group
    client: parts.Client
    side: model.Side
    every_seconds: float
    result: str = ""

    @classmethod
    def of(cls, group: Group, client: parts.Client, side: model.Side) -> Job:
        """The job that runs this stream."""
        every_seconds = min(pipe.every_seconds for pipe in client.reading(side))
        return cls(f"{client.name} {side}", group, client, side, every_seconds)


class Groups:
    """The clients that run, those that are on their way out, and those that wait for one of these to be gone.

    `running()`: the names of what runs; `begin(group)`: schedule its jobs; `end(group)`: let none of them begin."""

    def __init__(
        self, running: Callable[[], list[str]], begin: Callable[[Group], None], end: Callable[[Group], None]
    ) -> None:
        self._running, self._begin, self._end = running, begin, end
        self.current: dict[str, Group] = {}
        self._leaving: list[Group] = []

    @property
    def leaving(self) -> list[str]:
        """The clients of which something old still runs."""
        return sorted({group.name for group in self._leaving})

    def add(self, group: Group) -> None:
        """Run this client, once what runs under its name has ended."""
        self.current[group.name] = group
        if group.name not in self.leaving:
            self._begin(group)

    def retire(self, name: str, seconds: float) -> None:
        """Do not run this client any more; what it has begun has so many seconds."""
        group = self.current.pop(name)
        has_begun = name not in self.leaving
        if has_begun:
            self._end(group)
        group.retire(seconds)
        if has_begun:
            self._leaving.append(group)
        else:
            group.close()

    def settle(self) -> list[Group]:
        """Close those that have ended and let begin what waits for that; return the ended."""
        running = set(self._running())
        ended = [group for group in self._leaving if not group.names & running]
        for group in ended:
            group.close()
            self._leaving.remove(group)
            if (waiting := self.current.get(group.name)) is not None:
                self._begin(waiting)
        return ended

    def close(self) -> None:
        """Close the connectors of all."""
        for group in (*self.current.values(), *self._leaving):
            group.close()
