"""A customer's database on each engine, the tables of a CRM in it, and the connector that reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from syncd.sdk.records import Change, Cursor, Outcome, Page, Record, SyncKey
from syncd_sql import SqlConnector
from syncd_sql.options import SqlOptions

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)

# What the engines call the types of the tests' tables; {d} digits of a second.
TYPES = {
    "sqlite": {"wall": "DATETIME", "aware": "TEXT", "key": "TEXT", "bool": "BOOLEAN", "double": "REAL"},
    "postgresql": {
        "wall": "timestamp",
        "aware": "timestamptz",
        "key": "varchar(20)",
        "bool": "boolean",
        "double": "double precision",
    },
    "mysql": {
        "wall": "datetime(6)",
        "aware": "timestamp(6) NULL",
        "key": "varchar(20)",
        "bool": "boolean",
        "double": "double",
    },
}


@dataclass
class Crm:
    """A customer's database, entered by its owner."""

    kind: str
    url: str
    engine: sa.Engine
    connectors: list[SqlConnector] = field(default_factory=list)
    users: list[str] = field(default_factory=list)

    def run(self, *statements: str, **values: object) -> None:
        """Execute statements, in which {wall}, {aware}, {key} and {bool} stand for this engine's types."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement.format(**TYPES[self.kind])), values)

    def many(self, statement: str, rows: Sequence[dict[str, object]]) -> None:
        """Execute one statement for many rows."""
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), rows)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query, as the driver has them."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    def connector(self, *, url: str = "", calls: Any = None, leads: Any = None, **options: Any) -> SqlConnector:
        """A connector to the table `leads` (id, modified) and, with calls=True, `calls` (call_key)."""
        parts: dict[str, Any] = {
            "url": url or self.url,
            "leads": {"table": "leads", "id": "id", "modified": "modified", **(leads or {})},
            "calls": {"table": "calls", "key": "call_key"} if calls is True else calls,
            **options,
        }
        found = SqlConnector(SqlOptions.model_validate(parts), client="acme")
        self.connectors.append(found)
        return found

    def leads(self, stamps: Iterable[tuple[object, datetime | None]], id_type: str = "int") -> None:
        """Make the table leads of ids and times, which its columns hold without a zone, in UTC."""
        self.run(f"CREATE TABLE leads (id {id_type} PRIMARY KEY, modified {{wall}})")
        rows: list[dict[str, object]] = [{"id": one, "modified": self.stamp(moment)} for one, moment in stamps]
        if rows:
            self.many("INSERT INTO leads VALUES (:id, :modified)", rows)

    def stamp(self, moment: datetime | None) -> object:
        """What a column without a zone takes for a moment."""
        if moment is None:
            return None
        wall = moment.astimezone(UTC).replace(tzinfo=None)
        return wall.isoformat(" ") if self.kind == "sqlite" else wall

    def user(self, *grants: str) -> str:
        """The URL of a user with these grants only, written like "SELECT (id) ON leads"."""
        name = f"u{uuid4().hex[:16]}"
        self.users.append(name)
        who = f"'{name}'@'localhost'" if self.kind == "mysql" else name
        created = f"CREATE USER {who} IDENTIFIED BY 'pw-{name}'" if self.kind == "mysql" else f"CREATE ROLE {who} LOGIN"
        self.run(created, *(f"GRANT {grant} TO {who}" for grant in grants))
        return sa.make_url(self.url).set(username=name, password=f"pw-{name}").render_as_string(hide_password=False)

    def close(self) -> None:
        """Close everything and take the users away."""
        for connector in self.connectors:
            connector.close()
        for name in self.users:
            if self.kind == "mysql":
                self.run(f"DROP USER '{name}'@'localhost'")
            else:
                self.run(f"DROP OWNED BY {name}", f"DROP ROLE {name}")
        self.engine.dispose()


@contextmanager
def opened(kind: str, url: str) -> Iterator[Crm]:
    """A customer's database at the URL."""
    found = Crm(kind, url, sa.create_engine(url))
    try:
        yield found
    finally:
        found.close()


def _url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'crm.sqlite'}"
    return str(request.getfixturevalue({"postgresql": "postgres_dsn", "mysql": "mariadb_dsn"}[kind]))


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crm]:
    """An empty customer's database, once on each engine."""
    with opened(request.param, _url(request.param, request, tmp_path)) as found:
        yield found


@pytest.fixture(params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crm]:
    """An empty customer's database, once on each engine that has users."""
    with opened(request.param, _url(request.param, request, tmp_path)) as found:
        yield found


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Crm]:
    """An empty SQLite database."""
    with opened("sqlite", f"sqlite:///{tmp_path / 'crm.sqlite'}") as found:
        yield found


@pytest.fixture
def postgres(postgres_dsn: str) -> Iterator[Crm]:
    """An empty PostgreSQL database."""
    with opened("postgresql", postgres_dsn) as found:
        yield found


@pytest.fixture
def mariadb(mariadb_dsn: str) -> Iterator[Crm]:
    """An empty MariaDB database."""
    with opened("mysql", mariadb_dsn) as found:
        yield found


def at(seconds: float) -> datetime:
    """So many seconds after NOW."""
    return NOW + timedelta(seconds=seconds)


def pages(
    connector: SqlConnector, since: Cursor | None = None, until: datetime = NOW, fields: Sequence[str] = ()
) -> list[Page]:
    """All pages, checked as the engine checks them."""
    found: list[Page] = []
    seen: set[tuple[datetime, str]] = set()
    last = since.at if since else None
    for page in connector.pull("leads", since, until, fields):
        cursor = page.cursor
        assert cursor.at <= until, "the cursor passed the run's start"
        assert last is None or cursor.at >= last, "the cursor went back"
        assert (cursor.at, cursor.id) not in seen, "the cursor stood still"
        assert page.records
        seen.add((cursor.at, cursor.id))
        last = cursor.at
        found.append(page)
    return found


def pulled(
    connector: SqlConnector, since: Cursor | None = None, until: datetime = NOW, fields: Sequence[str] = ()
) -> list[Record]:
    """All records."""
    return [record for page in pages(connector, since, until, fields) for record in page.records]


def ids(records: Sequence[Record]) -> list[str]:
    """Their ids, in order."""
    return [record.id for record in records]


def update(lead: str, **fields: str | None) -> Change:
    """A change of a lead."""
    return Change("update", SyncKey(lead), lead, fields)


def create(key: str, **fields: str | None) -> Change:
    """A new call."""
    return Change("create", SyncKey(key), None, fields)


def error_of(outcomes: Sequence[Outcome]) -> BaseException:
    """The error of the only outcome."""
    (outcome,) = outcomes
    assert outcome.error is not None
    assert outcome.error.__cause__ is None
    return outcome.error
