"""How a backfill's slices move it on.

The position moves in the commit of the intents that it covers, and only while the backfill is neither paused nor
cancelled: what an operator says between two commits holds from the next one on. Two things are remembered record by
record: ids that were asked for and are still to be read, and the records `seen` at the position, since whatever reads
on from there may bring them once more.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from syncd.sdk import records
from syncd.store import backfill, bulk, known, streams, tables
from syncd.store.among import among
from syncd.store.database import Database
from syncd.store.lease import Run

_table = tables.backfill
_record = tables.backfill_record


class Halted(Exception):
    """The backfill was paused or cancelled meanwhile: nothing of this commit is stored."""


@dataclass(slots=True)
class Step:
    """One commit's worth of progress. `seen`: records at the new position; `stays`: the position's time is the same,
    so those seen before still count. `read` and `unknown`: ids that were asked for."""

    position: records.Cursor | None = None
    counts: Counter[str] = field(default_factory=Counter)
    seen: Sequence[str] = ()
    stays: bool = True
    read: Sequence[str] = ()
    unknown: Sequence[str] = ()
    updates: int = 0
    removes: int = 0


def seen(db: Database, number: int, ids: Sequence[str]) -> set[str]:
    """Those of these records that were read at the position already."""
    found: set[str] = set()
    with db.read() as connection:
        for part in known.slices(ids):
            query = sa.select(_record.c.record_id).where(
                _record.c.backfill_id == number, _record.c.state == "seen", among(_record.c.record_id, "ids")
            )
            found.update(connection.execute(query, {"ids": part}).scalars())
    return found


def asked(db: Database, number: int, limit: int) -> list[str]:
    """The next ids that were asked for, in the order of their lines."""
    query = (
        sa.select(_record.c.record_id)
        .where(_record.c.backfill_id == number, _record.c.state == "asked")
        .order_by(_record.c.line, _record.c.record_id)
        .limit(limit)
    )
    with db.read() as connection:
        return list(connection.execute(query).scalars())


def advance(connection: sa.Connection, number: int, step: Step) -> None:
    """Store progress, inside the transaction of the intents that it covers; raise Halted if the backfill is not to
    run any more."""
    where = (_table.c.id == number, _table.c.state.in_(backfill.OPEN))
    row = connection.execute(sa.select(_table.c.counts).where(*where).with_for_update()).first()
    if row is None:
        raise Halted
    values: dict[str, Any] = {
        "state": "running",
        "counts": _added(row.counts, step.counts),
        "guard_updates": _table.c.guard_updates + step.updates,
        "guard_removes": _table.c.guard_removes + step.removes,
    }
    if step.position is not None:
        values |= {"position_at": step.position.at, "position_id": step.position.id}
    connection.execute(sa.update(_table).where(*where).values(**values))
    ours = _record.c.backfill_id == number
    if not step.stays:
        connection.execute(sa.delete(_record).where(ours, _record.c.state == "seen"))
    bulk.insert(
        connection,
        _record,
        [{"backfill_id": number, "record_id": one, "state": "seen", "line": 0} for one in dict.fromkeys(step.seen)],
    )
    for part in known.slices(step.read):
        connection.execute(sa.delete(_record).where(ours, among(_record.c.record_id, "ids")), {"ids": part})
    for part in known.slices(step.unknown):
        these = sa.update(_record).where(ours, among(_record.c.record_id, "ids"))
        connection.execute(these.values(state="unknown"), {"ids": part})


def advancing(number: int, step: Step) -> Callable[[sa.Connection, int], None]:
    """What `staging.stage` stores in its own commit: this progress, and how many records were newly held."""

    def store(connection: sa.Connection, held: int) -> None:
        step.counts.update(newly_held=held)
        advance(connection, number, step)

    return store


def _added(text: str, more: Mapping[str, int]) -> str:
    return json.dumps(dict(sorted((Counter(json.loads(text)) + Counter(more)).items())))


def to_end(run: Run, number: int) -> None:
    """Note that all has been read."""
    with run.write("backfill-read") as connection:
        connection.execute(sa.update(_table).where(_table.c.id == number).values(read_to_end=1))


def let_pass(run: Run, number: int) -> None:
    """Its guard was told to let pass what was planned: count anew from here."""
    with run.write("backfill-guard") as connection:
        connection.execute(sa.update(_table).where(_table.c.id == number).values(guard_updates=0, guard_removes=0))


def mixed(run: Run, number: int) -> None:
    """Another mapping is in force than when it was asked for, so that it says nothing of any."""
    was_asked = sa.case((_table.c.reread != "", backfill.MIXED), else_="")
    with run.write("backfill-mixed") as connection:
        connection.execute(sa.update(_table).where(_table.c.id == number).values(version="", reread=was_asked))


def turn_ended(
    run: Run,
    number: int,
    *,
    now: datetime,
    result: str,
    counts: Mapping[str, int],
    done: bool = False,
    due_at: datetime | None = None,
    error: str = "",
    failed: bool = False,
) -> None:
    """End a slice: note how it went, whose turn it is next, and give the lease back. `due_at`: not before then, after
    a failure. `failed`: only an operator lets it go on."""
    with run.write("backfill-turn") as connection:
        current = connection.execute(sa.select(_table.c.counts).where(_table.c.id == number).with_for_update()).scalar()
        if current is not None:
            values: dict[str, Any] = {
                "turn_at": now,
                "counts": _added(current, counts),
                "due_at": due_at,
                "error": error[:500],
                "failures": _table.c.failures + 1 if error else 0,
            }
            connection.execute(sa.update(_table).where(_table.c.id == number).values(**values))
            if done or failed:
                _end(run.db, connection, number, "done" if done else "failed", now)
        run.finish(connection, result, now)


def note(run: Run, number: int, counts: Mapping[str, int]) -> None:
    """Count what a slice did that somebody else ends."""
    with run.write("backfill-note") as connection:
        current = connection.execute(sa.select(_table.c.counts).where(_table.c.id == number).with_for_update()).scalar()
        if current is not None:
            added = sa.update(_table).where(_table.c.id == number).values(counts=_added(current, counts))
            connection.execute(added)


def _end(db: Database, connection: sa.Connection, number: int, state: backfill.State, now: datetime) -> None:
    where = (_table.c.id == number, _table.c.state.in_(backfill.OPEN))
    ended = connection.execute(sa.update(_table).where(*where).values(state=state, ended_at=now)).rowcount
    if ended and state == "done":
        backfill.forget(connection, number)
        row = connection.execute(sa.select(_table).where(_table.c.id == number)).one()
        version = row.version or (row.reread if row.reread != backfill.MIXED else "")
        if version:
            streams.put_pipeline(db, connection, row.client, row.pipeline, version=version)


def postpone(db: Database, number: int, *, now: datetime, due_at: datetime, error: str) -> None:
    """A slice ended in a way that nobody foresaw: not again before `due_at`."""
    with db.write("backfill-postponed") as connection:
        connection.execute(
            sa.update(_table)
            .where(_table.c.id == number)
            .values(turn_at=now, due_at=due_at, error=error[:500], failures=_table.c.failures + 1)
        )


def run_before(run: Run) -> int:
    """The number of the run of the same stream before this one, 0 if there was none."""
    table = tables.run
    before = sa.select(sa.func.max(table.c.id)).where(
        table.c.client == run.client, table.c.stream == run.stream, table.c.id < run.id
    )
    with run.db.read() as connection:
        return connection.execute(before).scalar() or 0
