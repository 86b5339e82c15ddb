"""A connector around another one that fails when it is told to: at one write, in every way a network can fail.

Faults, each at the n-th single change that is written: `crash_before` and `crash_after` end the program (they raise
`Crash`, which nothing catches), `raises_before` and `raises_after` raise out of `write`, `lost_before` and `lost_after`
lose the outcome (the client cannot know), `late` gives up while the request is still queued: it takes effect
`late_seconds` later; `refused` surely does not apply it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from pydantic import BaseModel

from syncd.sdk import errors, fence, protocol, records
from syncd.sdk.testing import memory

Kind = Literal[
    "crash_before",
    "crash_after",
    "raises_before",
    "raises_after",
    "lost_before",
    "lost_after",
    "late",
    "late_crash",
    "refused",
    "freeze_before",
    "freeze_after",
]
KINDS: tuple[Kind, ...] = (
    "crash_before",
    "crash_after",
    "raises_before",
    "raises_after",
    "lost_before",
    "lost_after",
    "late",
    "late_crash",
    "refused",
)


_LOST = records.Outcome(error=errors.Ambiguous("no answer"))


class Crash(BaseException):
    """The program ends here, as by SIGKILL: nothing may catch it."""


@dataclass
class Faults:
    """Which fault comes at which write; counts the writes of all connectors that share it."""

    kind: Kind | None = None
    at: int = 0
    late_seconds: float = 30.0
    while_frozen: Callable[[], None] = lambda: None
    choose: Callable[[int], Kind | None] | None = None  # overrides kind and at
    writes: int = 0

    def next(self) -> Kind | None:
        """The fault of the write that comes now."""
        self.writes += 1
        if self.choose is not None:
            return self.choose(self.writes)
        return self.kind if self.writes == self.at else None


class FaultyConnector:
    """Passes everything on to `inner`, with faults in `write`."""

    Options: ClassVar[type[BaseModel]] = memory.MemoryConnector.Options
    role: ClassVar[protocol.Role] = "crm"

    def __init__(self, inner: memory.MemoryConnector, faults: Faults) -> None:
        self.inner = inner
        self.faults = faults

    @property
    def streams(self) -> Mapping[str, records.StreamSpec]:
        """Those of the inner connector."""
        return self.inner.streams

    def clock(self) -> datetime:
        """That of the inner connector."""
        return self.inner.clock()

    def check(self) -> list[errors.Problem]:
        """Those of the inner connector."""
        return self.inner.check()

    def pull(
        self, stream: str, since: records.Cursor | None, until: datetime, fields: Sequence[str]
    ) -> Iterator[records.Page]:
        """As the inner connector."""
        return self.inner.pull(stream, since, until, fields)

    def get(self, stream: str, ids: Sequence[str], fields: Sequence[str] = ()) -> list[records.Record]:
        """As the inner connector."""
        return self.inner.get(stream, ids, fields)

    def find(self, stream: str, key: records.SyncKey, near: records.Fields) -> list[records.Record]:
        """As the inner connector."""
        return self.inner.find(stream, key, near)

    def canonical(self, stream: str, fields: records.Fields) -> dict[str, str | None]:
        """As the inner connector."""
        return self.inner.canonical(stream, fields)

    def write(self, stream: str, changes: Sequence[records.Change]) -> Sequence[records.Outcome]:
        """One change after the other, each with its fault."""
        return [self._one(stream, change) for change in changes]

    def _one(self, stream: str, change: records.Change) -> records.Outcome:
        kind = self.faults.next()
        try:
            fence.check(1.0)
        except errors.SyncdError as error:
            return records.Outcome(error=error)
        before = self._before(kind, stream, change)
        if before is not None:
            return before
        outcome = self.inner.world.apply(stream, change)
        match kind:
            case "crash_after":
                raise Crash
            case "raises_after":
                raise errors.Ambiguous("reset")
            case "lost_after":
                return _LOST
            case "freeze_after":
                self.faults.while_frozen()
        return outcome

    def _before(self, kind: Kind | None, stream: str, change: records.Change) -> records.Outcome | None:
        """What happens before the far system has it; None: it gets there."""
        match kind:
            case "crash_before":
                raise Crash
            case "raises_before":
                raise errors.Ambiguous("reset")
            case "lost_before":
                return _LOST
            case "refused":
                return records.Outcome(error=errors.RetryLater("refused"))
            case "late" | "late_crash":
                world = self.inner.world
                at = world.now + timedelta(seconds=self.faults.late_seconds)
                world.late.append((at, lambda: self._apply_late(stream, change)))
                if kind == "late_crash":
                    raise Crash
                return _LOST
            case "freeze_before":  # between the fence and the request
                self.faults.while_frozen()
        return None

    def _apply_late(self, stream: str, change: records.Change) -> None:
        self.inner.world.apply(stream, change)

    def close(self) -> None:
        """Close the inner connector."""
        self.inner.close()


class FaultyDialer(FaultyConnector):
    """The same in the dialer's role."""

    role: ClassVar[protocol.Role] = "dialer"

    def __init__(self, inner: memory.MemoryDialer, faults: Faults) -> None:
        super().__init__(inner, faults)
        self._dialer = inner

    @property
    def recordings_by(self) -> Sequence[str]:
        """As the inner connector."""
        return self._dialer.recordings_by

    @property
    def recordings_words(self) -> Mapping[str, str]:
        """As the inner connector."""
        return self._dialer.recordings_words

    def check_recordings(self) -> list[errors.Problem]:
        """As the inner connector."""
        return self._dialer.check_recordings()

    def recordings(self, calls: Sequence[records.Record]) -> list[list[records.Record] | errors.SyncdError]:
        """As the inner connector."""
        return self._dialer.recordings(calls)
