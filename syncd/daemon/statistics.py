"""Live statistics in the daemon: read now and then beside the streams, kept in memory with the time of the reading."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from syncd.engine import statistics
from syncd.engine.parts import Client
from syncd.sdk import errors, protocol
from syncd.store.database import Database

log = structlog.get_logger("syncd.daemon")


@dataclass(frozen=True, slots=True)
class Watched:
    """A client whose statistics are read, with connectors that nothing else uses."""

    client: Client
    every_seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What one client's far side told last, and when (None: never yet); `problem`: why it told nothing since."""

    at: datetime | None = None
    groups: tuple[protocol.Statistics, ...] = ()
    problem: str = ""


class Readings:
    """The last reading of each client. Any thread may look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, Reading] = {}

    def put(self, client: str, reading: Reading) -> None:
        """Keep this instead of what was there."""
        with self._lock:
            self._last[client] = reading

    def failed(self, client: str, problem: str) -> bool:
        """Keep the last reading and its time, and why there is no newer one; whether that is news."""
        with self._lock:
            last = self._last.get(client, Reading())
            self._last[client] = replace(last, problem=problem)
            return last.problem != problem

    def forget(self, client: str) -> None:
        """This client is not read any more."""
        with self._lock:
            self._last.pop(client, None)

    def last(self) -> Mapping[str, Reading]:
        """Client → its last reading."""
        with self._lock:
            return dict(self._last)


def poll(db: Database, client: Client, readings: Readings) -> bool:
    """Read a client's statistics; whether to go on: a permission that is missing will not come by itself. What is wrong
    is logged when it is news."""
    try:
        groups = statistics.read(db, client)
    except errors.LoginRefused as error:  # its pipelines are paused, and nothing is sent until that is over
        if readings.failed(client.name, str(error)):
            log.warning("no statistics", client=client.name, why=str(error), fix=error.fix)
    except errors.AuthFailed as error:
        readings.failed(client.name, str(error))
        fix = f"{error.fix}; they are off until syncd is started again"
        log.error("statistics are switched off", client=client.name, why=str(error), fix=fix)
        return False
    except errors.SyncdError as error:
        if readings.failed(client.name, f"{type(error).__name__}: {error}"):
            log.warning("no statistics", client=client.name, error=type(error).__name__, why=str(error))
    else:
        before = readings.last().get(client.name, Reading())
        readings.put(client.name, Reading(datetime.now(UTC), tuple(groups)))
        if before.at is None or before.problem:
            log.info("statistics", client=client.name, groups=len(groups))
    return True
