"""Whether the machine's clock was set."""

from __future__ import annotations

import time
from collections.abc import Callable


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
