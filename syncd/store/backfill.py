"""What is stored of backfills: what was asked for, how far each is, and whose turn it is.

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
from typing import Any, Literal

import sqlalchemy as sa

from syncd.sdk import errors, records
from syncd.store import bulk, known, tables
from syncd.store.among import among
from syncd.store.database import Database
from syncd.store.lease import Run

State = Literal["waiting", "running", "paused", "done", "cancelled", "failed"]
OPEN: tuple[State, ...] = ("waiting", "running")  # whose slices are run
ENDED: tuple[State, ...] = ("done", "cancelled")

_table = tables.backfill
_record = tables.backfill_record
_intent = tables.intent
_pipeline = tables.pipeline


class Halted(Exception):
    """The backfill was paused or cancelled meanwhile: nothing of this commit is stored."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator asks for: the records of a pipeline's source that changed (calls: began) from `since` to
    `until`, both included; `ids` (id → line of the file) narrows it to these, and only then `since` may be None."""

    client: str
    pipeline: str
    stream: str
    since: datetime | None
    until: datetime
    ids: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Backfill:
    """One stored backfill. `counts`: records by what became of them. `guard_updates`, `guard_removes`: planned since
    its guard last let something pass. `turn_at`: when its last slice ended. `asked`: ids that are still to be read."""

    id: int
    client: str
    pipeline: str
    stream: str
    since: datetime | None
    until: datetime
    by_id: bool
    state: State
    position: records.Cursor | None
    read_to_end: bool
    counts: Mapping[str, int]
    guard_updates: int
    guard_removes: int
    turn_at: datetime | None
    due_at: datetime | None
    failures: int
    error: str
    created_by: str
    created_at: datetime
    ended_at: datetime | None
    asked: int = 0
    unknown: Sequence[int] = ()

    @property
    def is_open(self) -> bool:
        """Whether its slices are run."""
        return self.state in OPEN


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


def create(db: Database, wanted: Wanted, *, by: str, now: datetime) -> int:
    """Store a backfill and return its number."""
    with db.write("backfill") as connection:
        number = db.allocate(connection, _table, 1)[0]
        connection.execute(
            sa.insert(_table).values(
                id=number,
                client=wanted.client,
                pipeline=wanted.pipeline,
                stream=wanted.stream,
                since_at=wanted.since,
                until_at=wanted.until,
                by_id=int(wanted.ids is not None),
                created_by=by,
                created_at=now,
            )
        )
        rows = [
            {"backfill_id": number, "record_id": one, "state": "asked", "line": line}
            for one, line in (wanted.ids or {}).items()
        ]
        bulk.insert(connection, _record, rows)
    return number


def listed(db: Database, client: str = "") -> list[Backfill]:
    """All backfills, oldest first; of one client if it is given."""
    query = sa.select(_table).order_by(_table.c.id)
    with db.read() as connection:
        rows = connection.execute(query.where(_table.c.client == client) if client else query).all()
        return [_backfill(connection, row) for row in rows]


def one(db: Database, number: int) -> Backfill:
    """A backfill; raise UserError if there is none of that number."""
    with db.read() as connection:
        row = connection.execute(sa.select(_table).where(_table.c.id == number)).first()
        if row is None:
            problem = errors.Problem(f"there is no backfill {number}", fix="`syncd backfill list` shows what there is")
            raise errors.UserError([problem])
        return _backfill(connection, row)


def _backfill(connection: sa.Connection, row: Any) -> Backfill:
    asked, unknown = 0, ()
    if row.by_id:
        ours = (_record.c.backfill_id == row.id,)
        asked = connection.execute(
            sa.select(sa.func.count()).select_from(_record).where(*ours, _record.c.state == "asked")
        ).scalar_one()
        lines = sa.select(_record.c.line).where(*ours, _record.c.state == "unknown").order_by(_record.c.line)
        unknown = tuple(connection.execute(lines).scalars())
    return Backfill(
        row.id,
        row.client,
        row.pipeline,
        row.stream,
        row.since_at,
        row.until_at,
        bool(row.by_id),
        row.state,
        None if row.position_at is None else records.Cursor(row.position_at, row.position_id),
        bool(row.read_to_end),
        json.loads(row.counts),
        row.guard_updates,
        row.guard_removes,
        row.turn_at,
        row.due_at,
        row.failures,
        row.error,
        row.created_by,
        row.created_at,
        row.ended_at,
        asked,
        unknown,
    )


def due(db: Database, now: datetime) -> dict[tuple[str, str], list[int]]:
    """(client, stream) → backfills that can run a slice now, the one whose turn it is first. One whose pipeline is
    paused cannot."""
    paused = sa.and_(
        _pipeline.c.paused != "", sa.or_(_pipeline.c.paused_until.is_(None), _pipeline.c.paused_until > now)
    )
    pipe = sa.and_(_pipeline.c.client == _table.c.client, _pipeline.c.pipeline == _table.c.pipeline)
    query = (
        sa.select(_table.c.id, _table.c.client, _table.c.stream)
        .select_from(_table.outerjoin(_pipeline, pipe))
        .where(
            _table.c.state.in_(OPEN),
            # a clock that was set back must not put it to sleep
            sa.or_(_table.c.due_at.is_(None), _table.c.due_at <= now, _table.c.turn_at > now),
            sa.or_(_pipeline.c.pipeline.is_(None), ~paused),
        )
        .order_by(sa.func.coalesce(sa.type_coerce(_table.c.turn_at, sa.BigInteger), 0), _table.c.id)
    )
    found: dict[tuple[str, str], list[int]] = {}
    with db.read() as connection:
        for row in connection.execute(query):
            found.setdefault((row.client, row.stream), []).append(row.id)
    return found


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
    where = (_table.c.id == number, _table.c.state.in_(OPEN))
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
                _end(connection, number, "done" if done else "failed", now)
        run.finish(connection, result, now)


def note(run: Run, number: int, counts: Mapping[str, int]) -> None:
    """Count what a slice did that somebody else ends."""
    with run.write("backfill-note") as connection:
        current = connection.execute(sa.select(_table.c.counts).where(_table.c.id == number).with_for_update()).scalar()
        if current is not None:
            added = sa.update(_table).where(_table.c.id == number).values(counts=_added(current, counts))
            connection.execute(added)


def _end(connection: sa.Connection, number: int, state: State, now: datetime) -> None:
    where = (_table.c.id == number, _table.c.state.in_(OPEN))
    ended = connection.execute(sa.update(_table).where(*where).values(state=state, ended_at=now)).rowcount
    if ended and state == "done":
        _forget(connection, number)


def _forget(connection: sa.Connection, number: int) -> None:
    """What was remembered to go on from is not needed any more; which lines were unknown is."""
    connection.execute(sa.delete(_record).where(_record.c.backfill_id == number, _record.c.state != "unknown"))


def postpone(db: Database, number: int, *, now: datetime, due_at: datetime, error: str) -> None:
    """A slice ended in a way that nobody foresaw: not again before `due_at`."""
    with db.write("backfill-postponed") as connection:
        connection.execute(
            sa.update(_table)
            .where(_table.c.id == number)
            .values(turn_at=now, due_at=due_at, error=error[:500], failures=_table.c.failures + 1)
        )


def change(db: Database, number: int, to: Literal["paused", "waiting", "cancelled"], *, now: datetime) -> State:
    """What an operator says of a backfill; returns the state that it had before, in which it stays if it has ended."""
    with db.write("backfill-change") as connection:
        before: State | None = connection.execute(
            sa.select(_table.c.state).where(_table.c.id == number).with_for_update()
        ).scalar()
        if before is None:
            raise errors.UserError([errors.Problem(f"there is no backfill {number}", fix="`syncd backfill list`")])
        if before in ENDED or (to == "paused" and before not in OPEN) or (to == "waiting" and before == "running"):
            return before
        values: dict[str, Any] = {"state": to, "due_at": None, "failures": 0}
        values["ended_at"] = now if to == "cancelled" else None
        if to == "waiting":
            values["error"] = ""
        connection.execute(sa.update(_table).where(_table.c.id == number).values(**values))
        if to == "cancelled":
            _forget(connection, number)
        return before


def unsent(db: Database, client: str, pipeline: str, lane: int) -> int:
    """How many intents of a pipeline that backfills staged are not settled."""
    with db.read() as connection:
        return connection.execute(
            sa.select(sa.func.count())
            .select_from(_intent)
            .where(
                _intent.c.client == client,
                _intent.c.pipeline == pipeline,
                _intent.c.lane == lane,
                _intent.c.state.in_(("staged", "sending")),
            )
        ).scalar_one()


def others_run(db: Database, *, since: datetime, besides: str) -> bool:
    """Whether a process runs live streams on this store: it holds a lease or ended a run since then. `besides`: how
    owners end that are not meant. For PostgreSQL, where no lock tells."""
    run, lease = tables.run, tables.lease
    with db.read() as connection:
        holds = connection.execute(
            sa.select(lease.c.owner)
            .where(
                sa.type_coerce(lease.c.expires_at, sa.BigInteger) > db.clock_micros(),
                lease.c.owner.not_like(f"%{besides}"),
            )
            .limit(1)
        ).first()
        ran = connection.execute(
            sa.select(run.c.id).where(run.c.started_at > since, run.c.owner.not_like(f"%{besides}")).limit(1)
        ).first()
    return holds is not None or ran is not None


def run_before(run: Run) -> int:
    """The number of the run of the same stream before this one, 0 if there was none."""
    table = tables.run
    before = sa.select(sa.func.max(table.c.id)).where(
        table.c.client == run.client, table.c.stream == run.stream, table.c.id < run.id
    )
    with run.db.read() as connection:
        return connection.execute(before).scalar() or 0
