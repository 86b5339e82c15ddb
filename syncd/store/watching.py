"""What somebody who watches wants to know and no run needs: what waits too long, and where nothing comes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from syncd.store import delivery, tables
from syncd.store.database import Database

_intent = tables.intent
_run = tables.run
_LONGEST_RUN = timedelta(days=1)
_NEWS = (".create", ".update", ".remove", ".hold", ".skip")
_AGAIN = (".not_ours", ".before_start")  # counted each time that they are read: no news


def undelivered_since(db: Database, client: str) -> datetime | None:
    """Since when the oldest do-not-call request or opt-out of this client is staged or on its way; None: there is
    none."""
    with db.read() as connection:
        return connection.execute(
            sa.select(sa.func.min(_intent.c.created_at, type_=tables.Instant())).where(
                _intent.c.client == client, _intent.c.state.in_(("staged", "sending")), delivery.lawful()
            )
        ).scalar()


class News:
    """When each stream last read something new. Remembers what it has looked through, so that a look is cheap however
    long nothing has come."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._last: dict[tuple[str, str], datetime] = {}
        self._looked: dict[tuple[str, str], datetime] = {}

    def at(self, client: str, streams: Sequence[str]) -> dict[str, datetime]:
        """Stream → when the last run that planned something new ended, or its first run where none has; one that never
        ran is not in it."""
        for stream in streams:
            self._look(client, stream)
        return {stream: self._last[client, stream] for stream in streams if (client, stream) in self._last}

    def _look(self, client: str, stream: str) -> None:
        key = (client, stream)
        query = sa.select(_run.c.ended_at, _run.c.counts).where(
            _run.c.client == client, _run.c.stream == stream, _run.c.ended_at.is_not(None)
        )
        if (looked := self._looked.get(key)) is not None:
            query = query.where(_run.c.started_at > looked - _LONGEST_RUN, _run.c.ended_at > looked)
        with self._db.read() as connection:
            for row in connection.execute(query.order_by(_run.c.ended_at)):
                if key not in self._last or any(_is_news(name) for name in json.loads(row.counts)):
                    self._last[key] = row.ended_at
                self._looked[key] = row.ended_at


def _is_news(count: str) -> bool:
    return any(mark in count for mark in _NEWS) and not count.endswith(_AGAIN)
