"""A customer's CRM in SQL: people with a modified time that a trigger keeps, and a table for calls."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from tests.end_to_end import crm

_SQLITE = (
    "PRAGMA journal_mode = WAL",
    """CREATE TABLE people (
        id TEXT PRIMARY KEY NOT NULL, name TEXT, email TEXT, mobile TEXT, phone TEXT,
        opted_out BOOLEAN NOT NULL DEFAULT 0, deleted BOOLEAN NOT NULL DEFAULT 0,
        modified TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
        call_status TEXT, last_call_at DATETIME, last_agent TEXT)""",
    "CREATE INDEX people_modified ON people (modified, id)",
    """CREATE TRIGGER people_changed AFTER UPDATE ON people WHEN NEW.modified IS OLD.modified BEGIN
        UPDATE people SET modified = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = NEW.id; END""",
    """CREATE TABLE calls (
        call_key TEXT PRIMARY KEY NOT NULL, person TEXT, direction TEXT, started_at DATETIME, seconds INTEGER,
        agent TEXT, result TEXT)""",
)
_POSTGRESQL = (
    """CREATE TABLE people (
        id text PRIMARY KEY, name text, email text, mobile text, phone text,
        opted_out boolean NOT NULL DEFAULT false, deleted boolean NOT NULL DEFAULT false,
        modified timestamptz DEFAULT clock_timestamp(),
        call_status text, last_call_at timestamptz, last_agent text)""",
    "CREATE INDEX people_modified ON people (modified, id)",
    """CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF NEW.modified IS NOT DISTINCT FROM OLD.modified THEN NEW.modified = clock_timestamp(); END IF;
        RETURN NEW; END'""",
    "CREATE TRIGGER people_changed BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION stamp()",
    """CREATE TABLE calls (
        call_key varchar(20) PRIMARY KEY, person text, direction text, started_at timestamptz, seconds integer,
        agent text, result text)""",
)
_MARIADB = (
    """CREATE TABLE people (
        id varchar(40) PRIMARY KEY, name varchar(80), email varchar(80), mobile varchar(40), phone varchar(40),
        opted_out boolean NOT NULL DEFAULT 0, deleted boolean NOT NULL DEFAULT 0,
        modified datetime(6) DEFAULT (utc_timestamp(6)),
        call_status varchar(20), last_call_at datetime, last_agent varchar(20)) CHARACTER SET utf8mb4""",
    "CREATE INDEX people_modified ON people (modified, id)",
    """CREATE TRIGGER people_changed BEFORE UPDATE ON people FOR EACH ROW
        SET NEW.modified = IF(NEW.modified <=> OLD.modified, utc_timestamp(6), NEW.modified)""",
    """CREATE TABLE calls (
        call_key varchar(20) PRIMARY KEY, person varchar(40), direction varchar(3), started_at datetime,
        seconds integer, agent varchar(20), result varchar(20)) CHARACTER SET utf8mb4""",
)
_SCHEMAS = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL, "mysql": _MARIADB, "mariadb": _MARIADB}


class SqlCrm:
    """A database. It has no faults of its own: what a connection can do is tested with the connector."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = sa.create_engine(url)
        self.run(*_SCHEMAS[self.engine.dialect.name])

    def setup(self) -> crm.Setup:
        """How syncd is told of it."""
        return crm.Setup(
            crm={
                "type": "sql",
                "url": self.url,
                "leads": {"table": "people", "id": "id", "modified": "modified", "deleted": "deleted"},
                "calls": {"table": "calls", "key": "call_key"},
                "statement_seconds": 5,
            },
            opt_out={"opted_out": True},
            leads={"phone_number": {"from": ["mobile", "phone"]}, "first_name": "name", "email": "email"},
            calls={
                "person": "crm_id",
                "direction": "leg",
                "started_at": "call_date",
                "seconds": "length_in_sec",
                "agent": "user",
                "result": crm.STATUS,
            },
            dispositions={
                "call_status": crm.STATUS,
                "opted_out": crm.OPTED_OUT,
                "last_call_at": "call_date",
                "last_agent": "user",
            },
        )

    def run(self, *statements: str) -> None:
        """Execute statements in one transaction."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def id_of(self, person: str) -> str:
        """People are entered under their names."""
        return person

    def enter(self, person: str, /, **fields: object) -> None:
        """Somebody is entered."""
        with self.engine.begin() as connection:
            connection.execute(sa.insert(self._people(fields)).values(id=person, **fields))

    def change(self, person: str, /, **fields: object) -> None:
        """Somebody is changed."""
        people = self._people(fields)
        with self.engine.begin() as connection:
            connection.execute(sa.update(people).where(people.c.id == person).values(**fields))

    def delete(self, person: str) -> None:
        """Somebody is marked as deleted."""
        self.change(person, deleted=True)

    def people(self) -> dict[str, crm.Row]:
        """All people by name."""
        return {str(row.pop("id")): row for row in self.rows("SELECT * FROM people")}

    def calls(self) -> list[crm.Row]:
        """All calls."""
        return self.rows("SELECT * FROM calls")

    def rows(self, query: str) -> list[crm.Row]:
        """The rows of a query."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.exec_driver_sql(query).mappings()]

    def forget(self) -> None:
        """Empty the tables."""
        self.run("DELETE FROM calls", "DELETE FROM people")

    def tick(self) -> None:
        """Its clock tells less than a second."""

    def break_(self, faults: str) -> None:
        """It cannot be told to fail."""
        assert not faults, faults

    def asked(self) -> crm.Asked:
        """Nobody counts."""
        return crm.Asked()

    def is_idle(self) -> bool:
        """Statements end with their connection."""
        return True

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @staticmethod
    def _people(fields: Mapping[str, object]) -> sa.TableClause:
        return sa.table("people", *(sa.column(name) for name in ("id", *fields)))
