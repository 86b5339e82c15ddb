"""The CRM that is read: one SQLite table of people, each row stamped a second after the one before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

COLUMNS = ("first_name", "last_name", "email", "city", "state")

_FIRST_STAMP = timedelta(days=60)  # before now, so that all stamps lie in the past
_TABLE = """
CREATE TABLE people (
    id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT, phone TEXT, city TEXT, state TEXT, changed TEXT
);
CREATE INDEX people_changed ON people (changed, id);
"""


class Crm:
    """The table in the file `path`; it keeps nothing in memory, so several processes may use it in turn."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        """Make the empty table."""
        with closing(sqlite3.connect(self.path)) as crm:
            crm.executescript(_TABLE)

    def add(self, count: int) -> None:
        """New people."""
        with closing(sqlite3.connect(self.path)) as crm, crm:
            last = crm.execute("SELECT coalesce(max(id), 0) FROM people").fetchone()[0]
            rows = (
                (number, f"First{number}", f"Last{number}", f"p{number}@example.com", f"727{2000000 + number}", stamp)
                for number, stamp in zip(range(last + 1, last + count + 1), _stamps(crm), strict=False)
            )
            crm.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?, 'Tampa', 'FL', ?)", rows)

    def touch(self, count: int) -> None:
        """Give the first people a new stamp and nothing else."""
        self._update("changed = ?", count)

    def rename(self, count: int) -> None:
        """Give the last people another name."""
        self._update("changed = ?, first_name = first_name || 'a'", count, last=True)

    def _update(self, what: str, count: int, *, last: bool = False) -> None:
        with closing(sqlite3.connect(self.path)) as crm, crm:
            first = crm.execute("SELECT max(id) FROM people").fetchone()[0] - count + 1 if last else 1
            crm.executemany(
                f"UPDATE people SET {what} WHERE id = ?",  # noqa: S608  # one of the two texts above
                zip(_stamps(crm), range(first, first + count), strict=False),
            )


def _stamps(crm: sqlite3.Connection) -> Iterator[str]:
    text = crm.execute("SELECT max(changed) FROM people").fetchone()[0]
    last = datetime.fromisoformat(text) if text else datetime.now(UTC).replace(tzinfo=None) - _FIRST_STAMP
    while True:
        last += timedelta(seconds=1)
        yield last.isoformat(" ", "seconds")
