"""Reads for a backfill: a pull that stands still between two slices, and goes on or begins anew at the position.

A position has an id only where nothing at or before it can show late any more, that is, where the source's clock has
passed it by the overlap; until then it is a time, which a pull includes. A connector may bring records of that instant
again, however many: those that were read then are remembered, so that each counts once and the backfill gets on. One
that goes on after the id reads each once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from syncd.core import model
from syncd.engine import planning, pull
from syncd.engine.parts import Context
from syncd.sdk import records
from syncd.store import backfill as stored
from syncd.store import known

KEPT_SECONDS = 300.0  # a far side may answer a pull as it was when the pull began


@dataclass(slots=True)
class Part:
    """At most a slice's worth of one page; `position` is None where more of the page is to come."""

    some: Sequence[records.Record]
    position: records.Cursor | None
    page: Sequence[records.Record]


@dataclass(slots=True)
class Reading:
    """A pull that stands between two parts. `settled`: nothing up to `until` shows late any more. `run_id`: the run
    that read last; `planned`: as what the rest of the page was planned last, when that run ended."""

    pages: Iterator[records.Page] | None
    since: records.Cursor
    until: datetime
    settled: bool
    began: float = field(default_factory=time.monotonic)
    run_id: int = 0
    last: records.Cursor | None = None
    ids_at_last: set[str] = field(default_factory=set)
    page: records.Page | None = None
    rest: Sequence[records.Record] = ()
    planned: Mapping[str, known.Decision] = field(default_factory=dict)

    @property
    def is_old(self) -> bool:
        """Whether too much may have changed on the far side since."""
        return time.monotonic() - self.began > KEPT_SECONDS

    @property
    def used_up(self) -> bool:
        """Whether only a new pull brings more."""
        return self.pages is None and not self.rest

    def part(self, ctx: Context, most: int) -> Part | None:
        """The next records, None at the end. Raises what the connector raises, and ContractViolation."""
        if self.page is None:
            page = next(self.pages, None) if self.pages else None
            if page is None:
                return None
            pull.advances(ctx, page, records.Cursor(self.since.at), self.last, self.until, self.ids_at_last)
            if self.last is None or page.cursor.at != self.last.at:
                self.ids_at_last = set()
            self.ids_at_last.add(page.cursor.id)
            self.last, self.page, self.rest = page.cursor, page, page.records
        page, some = self.page, self.rest[:most]
        self.rest = self.rest[most:]
        if self.rest:
            return Part(some, None, page.records)
        self.page = None
        return Part(some, page.cursor, page.records)

    def reached(self, cursor: records.Cursor, position: records.Cursor | None) -> records.Cursor:
        """The position after a page that ends at this cursor."""
        if self.settled:
            return cursor
        return position if position is not None and position.at == cursor.at else records.Cursor(cursor.at)


def begin(ctx: Context, row: stored.Backfill, position: records.Cursor | None, *, settled: bool = True) -> Reading:
    """Begin to read at the position: what is settled by now, or, where nothing is or it is not wanted, all. Raises what
    the connector raises."""
    since, until = position or records.Cursor(row.since or model.EPOCH), row.until
    if settled:
        settled_at = ctx.source.clock() - pull.lateness(ctx.spec)
        settled = since.at <= settled_at
        until = min(until, settled_at) if settled else until
    pages = ctx.source.pull(ctx.side.stream, since, until, planning.fields_to_read(ctx))
    return Reading(iter(pages), since, until, settled)
