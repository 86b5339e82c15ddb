"""The org's daily API requests: what `Sforce-Limit-Info` tells, and who may still send.

The limit counts the last 24 hours, so requests become free all the time: whoever finds it used up looks again after
15 minutes, and then one request may ask how things stand.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from syncd.sdk import errors, protocol

LOOK_AGAIN_SECONDS = 900.0
_USAGE = re.compile(r"\bapi-usage=(\d+)/(\d+)")
_urgent: ContextVar[bool] = ContextVar("syncd_salesforce_urgent", default=False)


@contextmanager
def urgent() -> Iterator[None]:
    """Requests of this block may use the reserve."""
    token = _urgent.set(True)
    try:
        yield
    finally:
        _urgent.reset(token)


class Budget:
    """What is known of one org's limit; safe in threads. `reserve`: the share that is kept for what is urgent."""

    def __init__(self, reserve: float) -> None:
        self.reserve = reserve
        self.used, self.total = 0, 0
        self._known_at = 0.0
        self._lock = threading.Lock()

    def note(self, header: str) -> None:
        """Take over what an answer told."""
        found = _USAGE.search(header)
        if found:
            with self._lock:
                self.used, self.total, self._known_at = int(found[1]), int(found[2]), time.monotonic()

    def told(self) -> protocol.Budget | None:
        """What answers told last; the limit is one of the last 24 hours, so it is renewed bit by bit."""
        with self._lock:
            return protocol.Budget(self.used, self.total) if self.total else None

    def exhausted(self) -> errors.QuotaExhausted:
        """The error for a request that the org refused; its answer's header has told how things stand."""
        return self._error("the org's daily API requests are used up")

    def check(self) -> None:
        """Raise QuotaExhausted where the next request would use what is kept in reserve."""
        with self._lock:
            if not self.total or _urgent.get() or self.used < self.total * (1 - self.reserve):
                return
            if time.monotonic() - self._known_at >= LOOK_AGAIN_SECONDS:
                self._known_at = time.monotonic()  # one request finds out
                return
        raise self._error(f"{self.used} of {self.total} daily API requests are used; the rest is for urgent changes")

    @staticmethod
    def _error(what: str) -> errors.QuotaExhausted:
        return errors.QuotaExhausted(what, until=datetime.now(UTC) + timedelta(seconds=LOOK_AGAIN_SECONDS))
