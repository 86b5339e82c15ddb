"""What connectors remember of the far systems: small texts by name, shared by everybody who uses the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa

from syncd.store import tables
from syncd.store.database import Database

_memo = tables.memo


def utc_now() -> datetime:
    """The machine's time, aware, UTC."""
    return datetime.now(UTC)


class Memo:
    """The `protocol.Memory` of one store. What it holds is about far systems and not of a run: no lease guards it."""

    def __init__(self, db: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._db = db
        self._clock = clock

    def now(self) -> datetime:
        """The time by which what is remembered is dated."""
        return self._clock()

    def get(self, name: str) -> str | None:
        """The text of that name; None if there is none."""
        with self._db.read() as connection:
            return connection.execute(sa.select(_memo.c.text).where(_memo.c.name == name)).scalar() or None

    def change(self, name: str, how: Callable[[str | None], str | None]) -> str | None:
        """Put what `how` makes of the present text in its place and return it; see `protocol.Memory`."""
        now = self.now()
        with self._db.write("memo") as connection:
            # the row is there before it is locked, so that two who begin it do not both see nothing; it stays
            empty = self._db.insert(_memo).values(name=name, text="", changed_at=now)
            connection.execute(empty.on_conflict_do_nothing())
            locked = sa.select(_memo.c.text).where(_memo.c.name == name).with_for_update()
            before = connection.execute(locked).scalar_one() or None
            after = how(before)
            if after != before:
                row = sa.update(_memo).where(_memo.c.name == name)
                connection.execute(row.values(text=after or "", changed_at=now))
            return after
