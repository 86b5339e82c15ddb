"""How fast one client's requests may follow each other, whichever of its streams sends them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LOOK_SECONDS = 1.0  # between two signs of life of who waits


class Pace:
    """At most `per_second` requests a second, evenly; None: as fast as they come. Thread-safe."""

    def __init__(
        self,
        per_second: float | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seconds = 1 / per_second if per_second else 0.0
        self._monotonic, self._sleep = monotonic, sleep
        self._lock = threading.Lock()
        self._free_at = 0.0

    def wait(self, look: Callable[[], object]) -> None:
        """Wait for this request's turn; `look` is called now and then meanwhile."""
        if not self._seconds:
            return
        with self._lock:
            turn_at = max(self._free_at, self._monotonic())
            self._free_at = turn_at + self._seconds
        while (left := turn_at - self._monotonic()) > 0:
            look()
            self._sleep(min(left, LOOK_SECONDS))
