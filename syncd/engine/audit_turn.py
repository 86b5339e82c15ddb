"""One turn of an audit: what its phases share – both far systems, the pipelines, and how fast requests may follow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property

from syncd.core import audit, model
from syncd.engine.parts import Context
from syncd.sdk import fence, protocol, records
from syncd.store import audit as stored
from syncd.store import streams

AT_ONCE = 50  # records that are looked at between two looks at whether to stop


class Turn:
    """An audit under its lease. `leads`: the pipeline whose mapping tells what a lead should hold."""

    def __init__(self, ctx: Context, number: int, leads: model.Pipeline) -> None:
        self.ctx, self.number, self.leads = ctx, number, leads
        self.db, self.client = ctx.db, ctx.client
        self.calls = next((one for one in ctx.client.pipelines if one.kind == "calls"), None)
        self.spec = ctx.client.dialer.streams["leads"]
        self.crm_spec = ctx.client.crm.streams[leads.source.stream]

    @property
    def row(self) -> stored.Audit:
        """The audit as it is stored now."""
        return stored.one(self.db, self.number)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The lead's fields that are compared."""
        return audit.comparable(self.leads, self.spec)

    @cached_property
    def lead_fields(self) -> tuple[str, ...]:
        """The lead's fields that are read."""
        own = (self.spec.key_field, self.spec.marker_field, self.spec.flags_field, *self.spec.near)
        return tuple(sorted({*self.names, *(name for name in own if name)}))

    @cached_property
    def crm_fields(self) -> tuple[str, ...]:
        """The CRM record's fields that are read."""
        return tuple(name for name in self.leads.reads if name != "crm_id")

    @cached_property
    def lister(self) -> protocol.Lists | None:
        """The dialer, where all of its leads can be gone through; why they cannot is noted."""
        dialer = self.client.dialer
        if not isinstance(dialer, protocol.Lists):
            self.note("the dialer does not list leads: those that no CRM record and no link leads to are not seen")
            return None
        with self.ctx.asking("dialer"):
            why = dialer.unlistable("leads", self.lead_fields)
        if why:
            self.note(f"leads that no CRM record and no link leads to are not seen: {why}")
        return None if why else dialer

    def note(self, text: str) -> None:
        """Note for the report what cannot be seen."""
        stored.note(self.ctx.run, self.number, text)

    def advance(self, step: stored.Step) -> None:
        """Store progress. Raises Halted."""
        stored.advance(self.ctx.run, self.number, step)

    def key(self, record_id: str) -> records.SyncKey:
        """The key that a record's lead carries."""
        return records.SyncKey.of(self.leads.client, self.leads.source.stream, record_id, marked=self.leads.marked)

    @cached_property
    def marker(self) -> str | None:
        """The marker as the dialer stores it, None where none is planted."""
        marker = self.key("x").marker
        if marker is None or self.spec.marker_field is None:
            return None
        return self.stored({self.spec.marker_field: marker})[self.spec.marker_field]

    def stored(self, fields: records.Fields) -> Mapping[str, str | None]:
        """These fields as the dialer will hold them."""
        return self.ctx.stored(self.leads, fields)

    def carries(self, lead: records.Record, key: records.SyncKey) -> bool:
        """Whether a lead is the record's whose key this is."""
        return audit.carries(lead, key, self.spec, self.marker)

    @cached_property
    def started_at(self) -> datetime:
        """From when on `leads` takes changes."""
        state = streams.pipeline_states(self.db, self.client.name).get(self.leads.name, streams.PipelineState())
        if state.started_at is not None:
            return state.started_at
        start = self.leads.start
        return model.EPOCH if start == "all" else datetime.max.replace(tzinfo=UTC) if start == "now" else start

    def read_to(self, side: model.Side) -> datetime | None:
        """How far the pipelines have read a stream; None where they have not begun."""
        cursor = streams.stream_state(self.db, self.client.name, str(side)).cursor
        return cursor.at if cursor is not None else None


@contextmanager
def paced(rate: float, stopping: Callable[[], bool]) -> Iterator[None]:
    """Let at most `rate` requests a second begin, whichever far system they go to; what stands before them already is
    asked after the wait."""
    pace, check = _Pace(1.0 / rate, stopping), fence.current()

    def wait(timeout_seconds: float) -> None:
        pace.wait()
        check(timeout_seconds)

    with fence.held(wait):
        yield


class _Pace:
    """Turns in time. Thread-safe: a connector may use several threads inside a call."""

    def __init__(self, seconds: float, stopping: Callable[[], bool]) -> None:
        self._seconds, self._stopping = seconds, stopping
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            pause = self._next - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            self._next = max(self._next, time.monotonic()) + self._seconds
        self._stopping()  # a sign of life; whoever stops does so between two pages


def chunks(items: Sequence[records.Record], size: int = AT_ONCE) -> Iterator[Sequence[records.Record]]:
    """The items in pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
