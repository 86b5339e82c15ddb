"""Clocks that were set back: what the store remembers of later times goes back with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from syncd.sdk import records
from syncd.store import streams, tables
from syncd.store.database import Database
from syncd.store.lease import Run

TOLERANCE = timedelta(seconds=60)  # by which the clocks of several hosts on one store may differ
MARGIN = timedelta(days=1)  # read once more than must be, for want of a clock that could tell

_intent = tables.intent
_stream = tables.stream
_pipeline = tables.pipeline
_NEWEST = sa.select(sa.func.max(_stream.c.last_run_at)).where(_stream.c.client == sa.bindparam("client"))


def catch_up(db: Database, client: str, now: datetime) -> timedelta:
    """Where syncd's own clock is behind a run of this client, put back by as much what is yet to come: nothing waits
    until the old time has come again. Returns by how much; zero where the clock is right."""
    with db.read() as connection:
        if _behind(connection, client, now) <= TOLERANCE:
            return timedelta()
    with db.write("clock") as connection:
        by = _behind(connection, client, now)
        if by <= TOLERANCE:
            return timedelta()  # another thread was faster
        for table, column in (
            (_intent, _intent.c.due_at),
            (_intent, _intent.c.sent_at),
            (_intent, _intent.c.look_at),
            (_pipeline, _pipeline.c.paused_until),
        ):
            earlier = sa.type_coerce(column, sa.BigInteger) - by // timedelta(microseconds=1)
            connection.execute(sa.update(table).where(table.c.client == client, column > now).values({column: earlier}))
        connection.execute(
            sa.update(_stream)
            .where(_stream.c.client == client, _stream.c.last_run_at > now)
            .values(last_run_at=now, last_ok_at=None, next_due_at=None)
        )
    return by


def _behind(connection: sa.Connection, client: str, now: datetime) -> timedelta:
    newest: datetime | None = connection.execute(_NEWEST, {"client": client}).scalar()
    return newest - now if newest is not None else timedelta()


def earliest_stamp(state: streams.StreamState, until: datetime, now: datetime) -> datetime | None:
    """The earliest time that a change since the stream's last good run can carry, where the source's clock shows
    `until`; None where syncd's own clock cannot tell."""
    if state.last_ok_at is None or now < state.last_ok_at:
        return None
    return until - (now - state.last_ok_at)


def source_set_back(run: Run, pipelines: Sequence[str], since: datetime) -> records.Cursor:
    """The source's clock is behind the stream's checkpoint, and changes may carry times from `since` on: put the
    checkpoint back to before that, and what was stamped later with it. Returns the new checkpoint."""
    position = records.Cursor(since - MARGIN)
    with run.write("put-back") as connection:
        streams.put_stream(run.db, connection, run.client, run.stream, cursor_at=position.at, cursor_id=position.id)
        connection.execute(
            sa.update(_pipeline)
            .where(
                _pipeline.c.client == run.client, _pipeline.c.pipeline.in_(pipelines), _pipeline.c.started_at > since
            )
            .values(started_at=since)
        )
        connection.execute(
            sa.update(_intent)
            .where(
                _intent.c.client == run.client,
                _intent.c.pipeline.in_(pipelines),
                _intent.c.state != "settled",
                _intent.c.version_at > position.at,
            )
            .values(version_at=position.at)
        )
    return position
