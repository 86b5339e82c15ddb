"""A `protocol.Memory` that lasts as long as the process: for where there is no state store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime


class InMemory:
    """Texts by name, for all who are given the same one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: dict[str, str | None] = {}

    def now(self) -> datetime:
        """The machine's time, aware, UTC."""
        return datetime.now(UTC)

    def get(self, name: str) -> str | None:
        """The text of that name; None if there is none."""
        with self._lock:
            return self._texts.get(name)

    def change(self, name: str, how: Callable[[str | None], str | None]) -> str | None:
        """Put what `how` makes of the present text in its place, and return it."""
        with self._lock:
            self._texts[name] = text = how(self._texts.get(name))
        return text
