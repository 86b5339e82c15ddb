"""Whether the service still moves: a run that says nothing for too long counts as stuck."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Beat:
    name: str
    at: float


class Progress:
    """The runs that are under way, each in its thread. Between two pages or batches a run asks whether it is to stop;
    that is its sign of life. `allowed_seconds` is how long one page or batch may take."""

    def __init__(self, *, allowed_seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._allowed = allowed_seconds
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._beats: dict[int, _Beat] = {}

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """A run of that name in this thread."""
        me = threading.get_ident()
        with self._changed:
            self._beats[me] = _Beat(name, self._monotonic())
        try:
            yield
        finally:
            with self._changed:
                del self._beats[me]
                self._changed.notify_all()

    def beat(self) -> None:
        """This thread's run has got somewhere."""
        beat = self._beats.get(threading.get_ident())
        if beat is not None:
            beat.at = self._monotonic()

    def names(self) -> list[str]:
        """What is running now."""
        with self._changed:
            return sorted(beat.name for beat in self._beats.values())

    def stuck(self) -> list[str]:
        """The runs without a sign of life for longer than allowed."""
        now = self._monotonic()
        with self._changed:
            return sorted(beat.name for beat in self._beats.values() if now - beat.at > self._allowed)

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until nothing runs any more; False if something still does after so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._beats, timeout=seconds)
