"""Workers that each take a fixed time for a request: a simulated server is then as fast as it says, and no faster.

The times are reckoned, not measured: a worker is free again when its time is over, even if the machine wakes the
waiting thread late. So a busy machine delays single answers, but not the requests that queue behind them.
"""

import heapq
import threading
import time


class Workers:
    """`count` workers (0: as many as there are requests) that take `seconds` for each request."""

    def __init__(self, count: int, seconds: float) -> None:
        self._seconds = seconds
        self._free_at = [0.0] * count
        self._lock = threading.Lock()

    def take(self, arrived: float) -> float:
        """Given when a request arrives, give it to the worker that is free first and return when it will be done."""
        if not self._free_at:
            return arrived + self._seconds
        with self._lock:
            done = max(arrived, self._free_at[0]) + self._seconds
            heapq.heapreplace(self._free_at, done)
            return done

    def serve(self) -> None:
        """Wait until a request that arrives now is done."""
        if self._seconds:
            arrived = time.monotonic()
            time.sleep(self.take(arrived) - arrived)
