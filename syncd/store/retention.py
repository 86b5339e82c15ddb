"""What is over goes after a while: settled intents with their events, and runs. In small slices, oldest first.

Kept whatever their age: what waits, is sent or held; intents that an operator dropped, since a create that may have
gone out is looked for because of them; those whose second leads a person has to decide on, or that are to be looked at
again; what operators did by hand; the last run of each stream; and the newest row of all, so that SQLite gives no
number twice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from syncd.store import by_hand, tables
from syncd.store.database import Database

_intent = tables.intent
_event = tables.event
_run = tables.run
LOOKED_AT = 1000  # rows that one slice looks at, and deletes at most


@dataclass(frozen=True, slots=True)
class Before:
    """What is older than these instants goes; None: nothing of the kind."""

    settled: datetime | None = None
    events: datetime | None = None
    runs: datetime | None = None


def prune(
    db: Database,
    before: Before,
    *,
    stopping: Callable[[], bool] = lambda: False,
    paced: bool = True,
    dry: bool = False,
) -> Counter[str]:
    """Delete what is over; returns how many "settled", "events" and "runs". `paced`: after each slice it rests for as
    long as the slice took, so that live work has half of the store's time at least. `dry`: only count."""
    done: Counter[str] = Counter()
    for slices in (_settled(db, before.settled, dry), _events(db, before, dry), _runs(db, before.runs, dry)):
        began = time.monotonic()
        for what, number in slices:
            done[what] += number
            if stopping():
                return done
            if paced and not dry:
                time.sleep(time.monotonic() - began)
            began = time.monotonic()
    return done


def vacuum(db: Database) -> None:
    """Write an SQLite file anew, without the room and the remains of what was deleted; nobody else can write meanwhile.
    On PostgreSQL autovacuum does so by itself."""
    if db.sqlite:
        with db.engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            raw.execute("VACUUM")
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _settled(db: Database, before: datetime | None, dry: bool) -> Iterator[tuple[str, int]]:
    """Walk through the intents in the order of their numbers, which is that of their making, up to those that are
    younger: no index is needed, and what stays is passed again only once a day."""
    if before is None:
        return
    twins, newest = _twins(db), _newest(db, _intent)
    columns = [_intent.c[name] for name in ("id", "client", "subject", "created_at", "updated_at", "state")]
    may_go = (
        _intent.c.state == "settled",
        _intent.c.result != "dropped",
        _intent.c.look_at.is_(None),
        _intent.c.pipeline != by_hand.PIPELINE,
        _intent.c.updated_at < before,
        _intent.c.id < newest,
    )
    after = 0
    while True:
        with db.read() as connection:
            last = connection.execute(
                sa.select(_intent.c.id, _intent.c.created_at)
                .where(_intent.c.id > after)
                .order_by(_intent.c.id)
                .offset(LOOKED_AT - 1)
                .limit(1)
            ).first()
            end = last.id if last is not None else newest
            rows = connection.execute(
                sa.select(*columns).where(_intent.c.id > after, _intent.c.id <= end, *may_go).order_by(_intent.c.id)
            ).all()
        ids = [row.id for row in rows if (row.client, row.subject) not in twins]
        if ids and not dry:
            with db.write("prune") as connection:
                # they are settled for good, but for a second look that may have been asked for meanwhile
                connection.execute(sa.delete(_intent).where(_intent.c.id.in_(ids), *may_go))  # their events, too
        yield "settled", len(ids)
        if last is None or last.created_at >= before:
            return
        after = end


def _twins(db: Database) -> set[tuple[str, str]]:
    """(client, record) of which a second lead is held or to be taken out: their creates are looked at again."""
    with db.read() as connection:
        rows = connection.execute(
            sa.select(_intent.c.client, _intent.c.record_id).where(
                _intent.c.state.in_(("staged", "sending", "held")), _intent.c.subject.contains("#twin:")
            )
        )
        return {(row.client, row.record_id) for row in rows}


def _newest(db: Database, table: sa.Table) -> int:
    with db.read() as connection:
        return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one())


def _events(db: Database, before: Before, dry: bool) -> Iterator[tuple[str, int]]:
    """Steps of settled intents where these are to go sooner than the intents."""
    if before.events is None or (before.settled is not None and before.settled >= before.events):
        return
    after, newest = 0, _newest(db, _event)
    of_settled = sa.exists().where(
        _intent.c.id == _event.c.intent_id, _intent.c.state == "settled", _intent.c.pipeline != by_hand.PIPELINE
    )
    while True:
        with db.read() as connection:
            last = connection.execute(
                sa.select(_event.c.id, _event.c.at)
                .where(_event.c.id > after)
                .order_by(_event.c.id)
                .offset(LOOKED_AT - 1)
                .limit(1)
            ).first()
        end = last.id if last is not None else newest
        these = sa.and_(
            _event.c.id > after, _event.c.id <= end, _event.c.id < newest, _event.c.at < before.events, of_settled
        )
        if dry:
            with db.read() as connection:
                number = connection.execute(sa.select(sa.func.count()).select_from(_event).where(these)).scalar_one()
        else:
            with db.write("prune") as connection:
                number = connection.execute(sa.delete(_event).where(these)).rowcount
        yield "events", number
        if last is None or last.at >= before.events:
            return
        after = end


def _runs(db: Database, before: datetime | None, dry: bool) -> Iterator[tuple[str, int]]:
    """Runs that have ended, or whose process died, but for the last of each stream and what holds a lease."""
    if before is None:
        return
    with db.read() as connection:
        latest = sa.select(sa.func.max(_run.c.id)).group_by(_run.c.client, _run.c.stream)
        kept = set(connection.execute(latest).scalars())
        kept |= set(connection.execute(latest.where(_run.c.ended_at.is_not(None))).scalars())
        kept |= set(connection.execute(sa.select(tables.lease.c.run_id)).scalars())
    after = 0
    while True:
        with db.read() as connection:
            rows = connection.execute(
                sa.select(_run.c.id, _run.c.started_at, _run.c.ended_at)
                .where(_run.c.id > after)
                .order_by(_run.c.id)
                .limit(LOOKED_AT)
            ).all()
        old = [row.id for row in rows if (row.ended_at or row.started_at) < before and row.id not in kept]
        if old and not dry:
            with db.write("prune") as connection:
                connection.execute(sa.delete(_run).where(_run.c.id.in_(old)))
        yield "runs", len(old)
        if len(rows) < LOOKED_AT or rows[-1].started_at >= before:
            return
        after = rows[-1].id
