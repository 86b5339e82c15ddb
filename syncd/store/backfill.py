"""What is stored of backfills: what was asked for, how far each is, whose turn it is, and what an operator says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from syncd.sdk import errors, records
from syncd.store import bulk, lease, tables
from syncd.store.database import Database

State = Literal["waiting", "running", "paused", "done", "cancelled", "failed"]
MIXED = "-"  # in `reread`: it ran with another version, too
OPEN: tuple[State, ...] = ("waiting", "running")  # whose slices are run
ENDED: tuple[State, ...] = ("done", "cancelled")

_table = tables.backfill
_record = tables.backfill_record
_intent = tables.intent
_pipeline = tables.pipeline


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator asks for: the records of a pipeline's source that changed (calls: began) from `since` to
    `until`, both included; `ids` (id → line of the file) narrows it to these, and only then `since` may be None.
    `version`: of the pipeline's planning where neither ids nor an `until` are given: once it is done, the pipeline has
    read with that version. `reread`: nobody but the changed mapping asks for it; where the source reads by id, without
    `since`, it means the records that the pipeline has planned before, whatever their times."""

    client: str
    pipeline: str
    stream: str
    since: datetime | None
    until: datetime
    ids: Mapping[str, int] | None = None
    version: str = ""
    reread: bool = False


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
    version: str
    reread: str
    asked: int = 0
    unknown: Sequence[int] = ()

    @property
    def walks(self) -> bool:
        """Whether it means the records that the pipeline has planned before."""
        return self.reread != "" and self.since is None

    @property
    def is_open(self) -> bool:
        """Whether its slices are run."""
        return self.state in OPEN


def create(db: Database, wanted: Wanted, *, by: str, now: datetime) -> int:
    """Store a backfill and return its number."""
    with db.write("backfill") as connection:
        return _insert(db, connection, wanted, by=by, now=now)


def reread(db: Database, wanted: Wanted, *, read_with: str, now: datetime) -> int | None:
    """Store what a changed mapping asks for, once for each version; return its number, None where there is nothing to
    do: the pipeline has read everything `read_with` this version (""; unknown), or it was asked for already, whatever
    became of it. One for a version before is cancelled, and what it has planned is read again."""
    ours = (_table.c.client == wanted.client, _table.c.pipeline == wanted.pipeline, _table.c.reread != "")
    with db.write("reread") as connection:
        last = connection.execute(
            sa.select(_table.c.reread, _table.c.state).where(*ours).order_by(_table.c.id.desc()).limit(1)
        ).first()
        is_read = read_with in ("", wanted.version)
        # one that was done, but did not say so in the pipeline, was ended by a syncd that did not know what it was
        if last is not None and last.reread == wanted.version and (last.state != "done" or is_read):
            return None
        is_half_done = last is not None and (last.state != "done" or last.reread == MIXED)
        if is_read and not is_half_done:
            return None
        superseded = sa.update(_table).where(*ours, _table.c.state.not_in(ENDED))
        connection.execute(superseded.values(state="cancelled", ended_at=now))
        return _insert(db, connection, wanted, by="changed mapping", now=now)


def _insert(db: Database, connection: sa.Connection, wanted: Wanted, *, by: str, now: datetime) -> int:
    number = db.allocate(connection, _table, 1)[0]
    connection.execute(
        sa.insert(_table).values(
            id=number,
            client=wanted.client,
            pipeline=wanted.pipeline,
            stream=wanted.stream,
            since_at=wanted.since,
            until_at=wanted.until,
            by_id=int(wanted.ids is not None or wanted.since is None),
            version="" if wanted.reread else wanted.version,
            reread=wanted.version if wanted.reread else "",
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
        row.version,
        row.reread,
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


def is_open(db: Database, client: str, pipeline: str) -> bool:
    """Whether slices of a backfill of this pipeline are run."""
    with db.read() as connection:
        return connection.execute(_IS_OPEN, {"client": client, "pipeline": pipeline}).first() is not None


_IS_OPEN = (
    sa.select(_table.c.id)
    .where(
        _table.c.client == sa.bindparam("client"),
        _table.c.pipeline == sa.bindparam("pipeline"),
        _table.c.state.in_(OPEN),
    )
    .limit(1)
)


def forget(connection: sa.Connection, number: int) -> None:
    """What was remembered to go on from is not needed any more; which lines were unknown is."""
    connection.execute(sa.delete(_record).where(_record.c.backfill_id == number, _record.c.state != "unknown"))


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
            forget(connection, number)
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
    """Whether a process may run live streams on this store: it holds a lease or began a run since then, and is not
    known to be dead. `besides`: how owners end that are not meant. For PostgreSQL, where no lock tells."""
    run, held = tables.run, tables.lease
    meant = [table.c.owner.not_like(f"%{besides}") for table in (held, run)]
    holders = sa.select(held.c.owner).where(
        sa.type_coerce(held.c.expires_at, sa.BigInteger) > db.clock_micros(), meant[0]
    )
    with db.read() as connection:
        owners = connection.execute(holders.union(sa.select(run.c.owner).where(run.c.started_at > since, meant[1])))
        return any(lease.may_live(owner) for owner in owners.scalars())
