"""The contract on SqlConnector: SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from syncd.sdk import protocol, records
from syncd.sdk.testing import contract_far
from syncd.sdk.testing.contract import ConnectorContract
from tests.sql import conftest as databases

PAGE = 3
_STREAMS = {
    "leads": contract_far.Stream(
        frozenset({"enter", "change", "delete", "get", "update"}),
        "name",
        clear="email",
        typed={"score": "2.5", "opted_out": "true", "born": "1990-02-28", "seen_at": "2026-11-20T15:00:00Z"},
        page_size=PAGE,
    ),
    "calls": contract_far.Stream(
        frozenset({"get", "create"}),
        "note",
        typed={"seconds": "40", "answered": "false", "started_at": "2026-11-20T15:00:00Z"},
        refused={"seconds": "many"},
    ),
}
_LEADS = (
    "CREATE TABLE leads (id {id} PRIMARY KEY NOT NULL, modified {wall} NOT NULL, deleted {bool} NOT NULL, "
    "name varchar(80), email varchar(80), score decimal(6,2), opted_out {bool}, born date, seen_at {wall})"
)
_CALLS = (
    "CREATE TABLE calls (call_key {key} PRIMARY KEY NOT NULL, note varchar(80), seconds integer, answered {bool}, "
    "started_at {wall})"
)
_MADE = ("busy", "422")


class FarSql:
    """Tables of a customer; the server's troubles are made by grants, locks and triggers."""

    streams = _STREAMS
    secrets: Sequence[str] = ()
    without: Mapping[str, str] = {
        "secrets": "the tests' databases let their owner in without a password; see tests/sql/test_failures.py",
        "pass_time": "a database's clock cannot be set",
        "requests": "statements are not counted",
        "read trouble": "a lock or a lost server is tried in tests/sql/test_failures.py",
        **{
            kind: "a SQL server has no such answer, or tests/sql/test_failures.py makes it"
            for kind in contract_far.TROUBLES
            if kind not in _MADE
        },
    }

    def __init__(self, crm: databases.Crm, page_size: int = PAGE) -> None:
        self.crm = crm
        self.page_size = page_size
        self._next = 0
        self._url = crm.url
        key = "TEXT" if crm.kind == "sqlite" else "varchar(40)"
        crm.run(_LEADS.replace("{id}", key), _CALLS)

    def connector(self) -> protocol.Connector:
        return self.crm.connector(
            url=self._url, calls=True, leads={"deleted": "deleted"}, page_size=self.page_size, statement_seconds=2
        )

    def sample(self, stream: str, number: int) -> dict[str, str | None]:
        return {_STREAMS[stream].text: f"Name {number}"}

    def enter(self, stream: str, rows: Sequence[records.Fields], *, at: datetime | None = None) -> list[str]:
        ids = []
        for row in rows:
            self._next += 1
            ids.append(f"{self._next:04}")
            values = {**row, "id": ids[-1], "modified": self.crm.stamp(at or datetime.now(UTC)), "deleted": False}
            names = ", ".join(values)
            self.crm.many(
                f"INSERT INTO leads ({names}) VALUES ({', '.join(f':{name}' for name in values)})",  # noqa: S608 – ours
                [values],
            )
        return ids

    def change(self, stream: str, record_id: str, text: str) -> None:
        self._update(record_id, "name", text)

    def delete(self, stream: str, record_id: str) -> None:
        self._update(record_id, "deleted", True)

    def _update(self, record_id: str, name: str, value: object) -> None:
        now = self.crm.stamp(datetime.now(UTC))
        statement = f"UPDATE leads SET {name} = :value, modified = :now WHERE id = :id"  # noqa: S608 – our own names
        self.crm.run(statement, value=value, now=now, id=record_id)

    def holds(self, stream: str) -> Mapping[str, records.Fields]:
        if stream == "calls":
            rows = self.crm.rows("SELECT call_key, note FROM calls")
            return {str(key): {"call_key": str(key), "note": note} for key, note in rows}
        rows = self.crm.rows("SELECT id, name, email FROM leads WHERE NOT deleted")
        return {str(one): {"name": name, "email": email} for one, name, email in rows}

    def pass_time(self, seconds: float) -> None:
        """The database's clock is real, and its rows show at once."""
        time.sleep(min(seconds, 0.01))

    def requests(self) -> int:
        return 0

    @contextmanager
    def trouble(self, kind: contract_far.Trouble, stream: str, *, of: Literal["read", "write"]) -> Iterator[None]:
        del of
        if kind == "busy":
            with self.crm.engine.connect() as owner:
                if self.crm.kind == "sqlite":
                    owner.exec_driver_sql("BEGIN IMMEDIATE")
                elif self.crm.kind == "postgresql":
                    owner.exec_driver_sql(f"LOCK TABLE {stream} IN EXCLUSIVE MODE")
                else:
                    owner.exec_driver_sql(f"LOCK TABLES {stream} WRITE")
                yield
                if self.crm.kind == "mysql":
                    owner.exec_driver_sql("UNLOCK TABLES")
                owner.rollback()
            return
        if self.crm.kind == "sqlite":
            event = "INSERT" if stream == "calls" else "UPDATE"
            made = f"CREATE TRIGGER refuses BEFORE {event} ON {stream} BEGIN SELECT RAISE(ABORT, 'no'); END"
            undone = "DROP TRIGGER refuses"
        else:
            text = _STREAMS[stream].text
            made = f"ALTER TABLE {stream} ADD CONSTRAINT refuses CHECK ({text} <> 'Kanarienvogel')"
            undone = f"ALTER TABLE {stream} DROP CONSTRAINT refuses"
        self.crm.run(made)
        yield
        self.crm.run(undone)


class TestSql(ConnectorContract):
    @pytest.fixture
    def far(self, crm: databases.Crm) -> FarSql:
        return FarSql(crm)


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[databases.Crm]:
    """An empty customer's database, once on each engine."""
    kind = request.node.callspec.params.get("kind", "")
    if kind in FarSql.without:  # before a database is made for nothing
        pytest.skip(f"without {kind}: {FarSql.without[kind]}")
    name = {"postgresql": "postgres_dsn", "mysql": "mariadb_dsn"}.get(request.param)
    url = str(request.getfixturevalue(name)) if name else f"sqlite:///{tmp_path / 'crm.sqlite'}"
    with databases.opened(request.param, url) as found:
        yield found
