"""Calls whose recording is still to be found: put with the plan that says so, taken off with the one that ends it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from syncd.core import model
from syncd.store import delivery, known, tables
from syncd.store.among import among
from syncd.store.database import Database
from syncd.store.lease import Run

_awaited = tables.awaited
_link = tables.link
_OURS = (_awaited.c.client == sa.bindparam("client"), _awaited.c.pipeline == sa.bindparam("pipeline"))
_TAKE_OFF = sa.delete(_awaited).where(*_OURS, among(_awaited.c.record_id, "ids"))
_LINKED = sa.exists().where(
    _link.c.client == _awaited.c.client,
    _link.c.dialer_stream == sa.bindparam("dialer_stream"),
    _link.c.dialer_id == _awaited.c.record_id,
)
_DUE = (
    sa.select(_awaited)
    .where(*_OURS, _awaited.c.due_at <= sa.bindparam("now"), _LINKED)
    .order_by(_awaited.c.started_at.desc(), _awaited.c.record_id)
    .limit(sa.bindparam("limit"))
)
_ORPHANED = (
    sa.select(_awaited)
    .where(
        *_OURS, _awaited.c.ended_at <= sa.bindparam("before"), _awaited.c.noted_at <= sa.bindparam("before"), ~_LINKED
    )
    .order_by(_awaited.c.noted_at)
    .limit(sa.bindparam("limit"))
)


def put(run: Run, connection: sa.Connection, pipe: model.Pipeline, plans: Sequence[model.Plan], now: datetime) -> None:
    """Store what these plans say: a call is awaited from now on, still, or no longer."""
    whose = {"client": run.client, "pipeline": pipe.name}
    ended = [plan.record_id for plan in plans if plan.awaits is None and not plan.counted]
    for part in known.slices(ended):
        connection.execute(_TAKE_OFF, {**whose, "ids": part})
    rows = [
        {
            **whose,
            "record_id": one.record_id,
            "digest": one.digest,
            "body": tables.encode(one.fields),
            "started_at": one.started_at,
            "ended_at": one.ended_at,
            "due_at": one.due_at,
            "tries": one.tries,
            "noted_at": now,
        }
        for one in (plan.awaits for plan in plans)
        if one is not None
    ]
    if rows:
        row = run.db.insert(_awaited)
        changing = ("digest", "body", "started_at", "ended_at", "due_at", "tries")
        connection.execute(
            row.on_conflict_do_update(
                index_elements=[_awaited.c.client, _awaited.c.pipeline, _awaited.c.record_id],
                set_={name: row.excluded[name] for name in changing},
            ),
            rows,
        )


def due(db: Database, client: str, pipe: model.Pipeline, *, now: datetime, limit: int) -> list[model.Awaited]:
    """Calls to look up now, the newest first: those whose activity is in the CRM."""
    return _read(db, _DUE, client, pipe, {"now": now, "limit": limit})


def orphaned(db: Database, client: str, pipe: model.Pipeline, *, now: datetime, limit: int) -> list[model.Awaited]:
    """Calls that have got no activity in the CRM in the time after which their recording would be given up."""
    return _read(db, _ORPHANED, client, pipe, {"before": now - timedelta(seconds=pipe.give_up), "limit": limit})


def _read(
    db: Database, statement: sa.Select[Any], client: str, pipe: model.Pipeline, more: dict[str, Any]
) -> list[model.Awaited]:
    _, dialer_stream, _ = delivery.link_side(pipe)
    asked = {"client": client, "pipeline": pipe.name, "dialer_stream": dialer_stream, **more}
    with db.read() as connection:
        return [
            model.Awaited(
                row.record_id, json.loads(row.body), row.started_at, row.ended_at, row.due_at, row.digest, row.tries
            )
            for row in connection.execute(statement, asked)
        ]
