"""Own rate limit, so that HubSpot need not refuse: a generic cell rate algorithm, shared by all connectors of a token.

In any span of `per_seconds` at most `count` requests go out: a tenth of them at once, the rest evenly spread.
"""

from __future__ import annotations

import threading
import time


class Limiter:
    """Lets `count` requests pass in any `per_seconds`."""

    def __init__(self, count: int, per_seconds: float) -> None:
        burst = max(1, count // 10)
        self._interval = per_seconds / max(1, count - burst)
        self._tolerance = self._interval * (burst - 1)
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Take the next place and wait until its time has come."""
        with self._lock:
            now = time.monotonic()
            place = max(self._next, now)
            self._next = place + self._interval
            seconds = place - self._tolerance - now
        if seconds > 0:
            time.sleep(seconds)


_shared: dict[tuple[str, int, float], Limiter] = {}
_lock = threading.Lock()


def shared(key: str, count: int, per_seconds: float) -> Limiter:
    """The limiter of a key in this process."""
    with _lock:
        return _shared.setdefault((key, count, per_seconds), Limiter(count, per_seconds))
