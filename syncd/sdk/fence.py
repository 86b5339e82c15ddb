"""The fence before each request: a run that lost its lease, or was paused, must not send anything more.

The engine puts its check in place for the duration of a connector call; the connector's requests go through `check`.
Threads started inside that call must run in a copy of the caller's context (`sdk.http.in_flight` does so).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Check = Callable[[float], None]

_current: ContextVar[Check | None] = ContextVar("syncd_fence", default=None)


def check(timeout_seconds: float) -> None:
    """Raise LeaseLost, or RetryLater where the pipeline was paused, if a request that may take `timeout_seconds` must
    not be sent now. Nothing has been sent when it raises."""
    current = _current.get()
    if current is not None:
        current(timeout_seconds)


def current() -> Check:
    """What is asked before every request of this context now."""
    return _current.get() or (lambda timeout_seconds: None)


@contextmanager
def held(current: Check) -> Iterator[None]:
    """Put `current` before every request of this context."""
    token = _current.set(current)
    try:
        yield
    finally:
        _current.reset(token)
