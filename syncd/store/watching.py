"""What somebody who watches wants to know and no run needs: what waits too long, and where nothing comes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from syncd.store import delivery, tables
from syncd.store.database import Database

_intent = tables.intent
_run = tables.run
_LOOKED_BACK = 2000  # runs of a stream that are looked through for one that read something
_NEWS = (".create", ".update", ".remove", ".hold", ".skip")


def undelivered_since(db: Database, client: str) -> datetime | None:
    """Since when the oldest do-not-call request or opt-out of this client is staged or on its way; None: there is
    none."""
    with db.read() as connection:
        return connection.execute(
            sa.select(sa.func.min(_intent.c.created_at, type_=tables.Instant())).where(
                _intent.c.client == client, _intent.c.state.in_(("staged", "sending")), delivery.lawful()
            )
        ).scalar()


def news_at(db: Database, client: str, streams: Sequence[str]) -> dict[str, datetime]:
    """Stream → when the last run began that planned something new, of the newest runs; a stream without one is not in
    it."""
    found: dict[str, datetime] = {}
    with db.read() as connection:
        for stream in streams:
            rows = connection.execute(
                sa.select(_run.c.started_at, _run.c.counts)
                .where(_run.c.client == client, _run.c.stream == stream, _run.c.ended_at.is_not(None))
                .order_by(_run.c.started_at.desc())
                .limit(_LOOKED_BACK)
            )
            for row in rows:
                if any(mark in name for name in json.loads(row.counts) for mark in _NEWS):
                    found[stream] = row.started_at
                    break
    return found
