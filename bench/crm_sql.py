"""SQL tables as a CRM: an SQLite file, or a MariaDB database; each person is stamped a second after the one before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from bench import crm

_FIRST_STAMP = timedelta(days=60)  # before now, so that all stamps lie in the past
_AT_ONCE = 10_000
_metadata = sa.MetaData()
_people = sa.Table(
    "people",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    *(sa.Column(name, sa.String(70)) for name in ("first_name", "last_name", "email", "phone", "city", "state")),
    sa.Column("changed", sa.DateTime),
    sa.Column("call_status", sa.String(20)),
    sa.Column("last_call", sa.DateTime),
    sa.Index("people_changed", "changed", "id"),
)
_calls = sa.Table(
    "calls",
    _metadata,
    sa.Column("call_key", sa.String(40), primary_key=True),
    sa.Column("person_id", sa.Integer),
    sa.Column("started_at", sa.DateTime),
    sa.Column("seconds", sa.Integer),
    sa.Column("result", sa.String(20)),
)


class Tables:
    """The tables in the database `address` (an SQLAlchemy URL)."""

    def __init__(self, kind: str, address: str) -> None:
        self.kind = kind
        self.address = address

    def create(self) -> None:
        """Make the empty tables."""
        with self._open() as connection:
            _metadata.create_all(connection)

    def add(self, count: int) -> None:
        """New people."""
        with self._open() as connection:
            first = (connection.execute(sa.select(sa.func.max(_people.c.id))).scalar() or 0) + 1
            stamps = _stamps(connection)
            names = [column.name for column in _people.columns][1:7]
            for start in range(first, first + count, _AT_ONCE):
                found = crm.people(start, min(_AT_ONCE, first + count - start))
                rows = [
                    {"id": number, "changed": next(stamps), **dict(zip(names, astuple(person), strict=True))}
                    for number, person in enumerate(found, start)
                ]
                connection.execute(sa.insert(_people), rows)

    def touch(self, count: int) -> None:
        """Give the first people a new stamp and nothing else."""
        self._update(1, count)

    def rename(self, count: int) -> None:
        """Give the last people another name."""
        with self._open() as connection:
            last = connection.execute(sa.select(sa.func.max(_people.c.id))).scalar() or 0
        self._update(last - count + 1, count, first_name=_people.c.first_name + "a")

    def _update(self, first: int, count: int, **values: sa.ColumnElement[str]) -> None:
        with self._open() as connection:
            rows = [
                {"b_id": number, "b_changed": stamp}
                for number, stamp in zip(range(first, first + count), _stamps(connection), strict=False)
            ]
            statement = sa.update(_people).where(_people.c.id == sa.bindparam("b_id"))
            connection.execute(statement.values(changed=sa.bindparam("b_changed"), **values), rows)

    def words(self) -> crm.Words:
        """The CRM's part of the client's configuration."""
        return crm.Words(
            f"{{type: sql, url: {json.dumps(self.address)}, leads: {{table: people, id: id, modified: changed}}, "
            "calls: {table: calls, key: call_key}}",
            {name: name for name in ("first_name", "last_name", "email", "phone", "city", "state")},
            "{person_id: crm_id, started_at: call_date, seconds: length_in_sec, result: status}",
            "{call_status: status, last_call: call_date}",
        )

    def requests(self) -> Mapping[str, int]:
        """Statements by kind, as the MariaDB server counts them; SQLite counts none."""
        if self.kind == "sqlite":
            return {}
        with self._open() as connection:
            rows = connection.execute(sa.text("SHOW GLOBAL STATUS LIKE 'Com\\_%'")).all()
        found = {str(name).removeprefix("Com_"): int(value) for name, value in rows}
        return {name: found.get(name, 0) for name in ("select", "insert", "update", "commit")}

    @contextmanager
    def _open(self) -> Iterator[sa.Connection]:
        engine = sa.create_engine(self.address)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()


def _stamps(connection: sa.Connection) -> Iterator[datetime]:
    last = connection.execute(sa.select(sa.func.max(_people.c.changed))).scalar()
    if last is None:
        last = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - _FIRST_STAMP
    while True:
        last += timedelta(seconds=1)
        yield last
