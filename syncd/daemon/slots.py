"""How many of one client's streams run at once."""

from __future__ import annotations

import threading


class Slots:
    """`most` at a time, None for no limit; who has to wait is next, in the order of coming. Thread-safe."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._taken = 0
        self._waiting: dict[str, None] = {}
        self._kept: set[str] = set()  # slots that stand free for those whose turn it is

    def enter(self, name: str) -> bool:
        """Take a slot; if there is none, wait in line and return False."""
        with self._lock:
            if name in self._kept:
                self._kept.remove(name)
            elif self._most is not None and self._taken + len(self._kept) >= self._most:
                self._waiting[name] = None
                return False
            self._waiting.pop(name, None)
            self._taken += 1
            return True

    def leave(self) -> str | None:
        """Give the slot back; return who is to come for it now, None if nobody waits."""
        with self._lock:
            self._taken -= 1
            if not self._waiting:
                return None
            name = next(iter(self._waiting))
            del self._waiting[name]
            self._kept.add(name)
            return name
