"""Whether the service still moves: a run that says nothing for too long counts as stuck."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


def _never() -> bool:
    return False


@dataclass(slots=True)
class _Beat:
    name: str
    at: float
    is_over: Callable[[], bool]


_current: ContextVar[_Beat | None] = ContextVar("syncd_run", default=None)


class Progress:
    """The runs that are under way, each in its thread. Between two pages or batches a run asks whether it is to stop;
    that is its sign of life. `allowed_seconds` is how long one page or batch may take."""

    def __init__(self, *, allowed_seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._allowed = allowed_seconds
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._beats: dict[int, _Beat] = {}

    @contextmanager
    def running(self, name: str, *, is_over: Callable[[], bool] = _never) -> Iterator[None]:
        """A run of that name in this context. `is_over`: whether it is to end before it has done everything."""
        me = _Beat(name, self._monotonic(), is_over)
        with self._changed:
            self._beats[id(me)] = me
        token = _current.set(me)
        try:
            yield
        finally:
            _current.reset(token)
            with self._changed:
                del self._beats[id(me)]
                self._changed.notify_all()

    def beat(self) -> bool:
        """This context's run has got somewhere; returns whether it is to end. Threads that a connector starts in a copy
        of the context count as well."""
        beat = _current.get()
        if beat is None:
            return False
        beat.at = self._monotonic()
        return beat.is_over()

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
