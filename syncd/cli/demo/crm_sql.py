"""The demo's CRM: a SQLite file with a people table and a calls table, as a small company might have built it.

syncd sees it only through the connector, the demo only through these plain statements.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from syncd.cli.demo import children, crm, scenario
from syncd.cli.demo.people import Person

# What stamps a row is the CRM's own business: here a trigger, so that syncd's own writes look like changes, too.
_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE people (
    id TEXT PRIMARY KEY NOT NULL,
    first_name TEXT, last_name TEXT, email TEXT, phone TEXT, mobile TEXT, country TEXT, city TEXT,
    stage TEXT NOT NULL DEFAULT 'open',
    notes TEXT,
    do_not_call BOOLEAN NOT NULL DEFAULT 0,
    deleted BOOLEAN NOT NULL DEFAULT 0,
    modified TEXT NOT NULL,
    call_status TEXT, last_call_at DATETIME, last_agent TEXT
);
CREATE INDEX people_modified ON people (modified, id);
CREATE TRIGGER people_changed AFTER UPDATE ON people BEGIN
    UPDATE people SET modified = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = NEW.id;
END;
CREATE TABLE calls (
    call_key TEXT PRIMARY KEY NOT NULL,
    person_id TEXT, uniqueid TEXT, direction TEXT, started_at DATETIME, seconds INTEGER, agent TEXT, result TEXT
);
"""
_COLUMNS = (
    "id", "first_name", "last_name", "email", "phone", "mobile", "country", "city", "stage", "notes", "do_not_call",
    "deleted",
)  # fmt: skip
_WORDS = """\
      type: sql
      url: {url}
      leads: {{table: people, id: id, modified: modified, deleted: deleted}}
      calls: {{table: calls, key: call_key}}"""
_CALLS = """\
          person_id: crm_id
          uniqueid: uniqueid
          direction: leg
          started_at: call_date
          seconds: length_in_sec
          agent: user
          result: {{from: status, map: {{{statuses}}}}}"""
_DISPOSITIONS = """\
          call_status: {{from: status, map: {{{statuses}}}}}
          do_not_call: {{rules: [{{when: {{status: DNC}}, value: "true"}}]}}
          last_call_at: call_date
          last_agent: user"""


class Crm:
    """The CRM's file. Every method is one short transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ids: dict[str, str] = {}  # a row's id is the demo's
        self.environ: Mapping[str, str] = {}
        self.child: children.Child | None = None

    def create(self, people: Iterable[Person]) -> None:
        """Make the tables and enter these people, one after the other over the last days."""
        with self._open() as connection:
            connection.executescript(_SCHEMA)
        self.enter(people, days_ago=3)

    def enter(self, people: Iterable[Person], *, days_ago: int = 0) -> None:
        """Enter people; a second lies between one and the next where it was `days_ago`."""
        names, marks = ", ".join(_COLUMNS), ", ".join("?" for _ in _COLUMNS)
        rows = [
            (*(getattr(person, name) for name in _COLUMNS), f"-{days_ago} days", f"+{place * bool(days_ago)} seconds")
            for place, person in enumerate(people)
        ]
        statement = (
            f"INSERT INTO people ({names}, modified) "  # noqa: S608  # names are constants
            f"VALUES ({marks}, strftime('%Y-%m-%d %H:%M:%f', 'now', ?, ?))"
        )
        with self._open() as connection:
            connection.executemany(statement, rows)

    def change(self, person_id: str, fields: crm.Fields) -> None:
        """Change columns of a person."""
        settings = ", ".join(f"{name} = ?" for name in fields)
        with self._open() as connection:
            connection.execute(
                f"UPDATE people SET {settings} WHERE id = ?",  # noqa: S608  # names are constants
                (*fields.values(), person_id),
            )

    def opt_out(self, person_id: str) -> None:
        """Tick the person's box."""
        self.change(person_id, {"do_not_call": True})

    def delete(self, person_id: str) -> None:
        """Mark the person's row, as many small CRMs do."""
        self.change(person_id, {"deleted": True})

    def people(self) -> dict[str, crm.Row]:
        """All rows of people by id."""
        return {str(row["id"]): row for row in self._rows("SELECT * FROM people")}

    def calls(self) -> list[crm.Row]:
        """All rows of calls."""
        return self._rows("SELECT * FROM calls")

    def held(self, person: Person) -> Person:
        """A table holds anybody as they are."""
        return person

    def possible(self, change: scenario.Change) -> scenario.Change:
        """Any column may be changed."""
        return change

    def words(self) -> crm.Words:
        """The CRM's part of the client's file."""
        names = ("phone", "mobile", "country", "city", "stage", "do_not_call")
        statuses = crm.table(scenario.STATUSES)
        return crm.Words(
            _WORDS.format(url=json.dumps(f"sqlite:///{self.path}")),
            {name: name for name in (*names, "first_name", "last_name", "email", "notes")},
            _CALLS.format(statuses=statuses),
            _DISPOSITIONS.format(statuses=statuses),
        )

    def close(self) -> None:
        """Nothing is open between two statements."""

    def _rows(self, statement: str) -> list[crm.Row]:
        with self._open() as connection:
            return [dict(row) for row in connection.execute(statement)]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=10)
        connection.row_factory = sqlite3.Row
        try:
            with connection:
                yield connection
        finally:
            connection.close()
