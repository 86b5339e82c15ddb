"""Reads rows: in pages by (modified, id), by ids, by a key. One short statement after the other, none left open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from syncd.sdk import errors
from syncd.sdk.records import Cursor, Page, Record
from syncd_sql import grants, stamps, tables, values
from syncd_sql.database import Database
from syncd_sql.options import LeadsOptions

UNSTAMPED = "unstamped/"  # before the id in the cursor of a page of rows without a stamp
IDS_AT_ONCE = 500


def bound(value: object, name: str | None = None) -> sa.BindParameter[Any]:
    """A parameter that is handed to the driver as it is: the database, not SQLAlchemy, knows the column's type."""
    return sa.bindparam(name, value, type_=sa.types.NULLTYPE, unique=True)


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of a statement and how its rows become records. The id comes first, then, where there are such,
    the stamp and the flag, then the fields."""

    columns: tuple[sa.ColumnClause[Any], ...]
    identity: values.Read
    fields: tuple[tuple[str, int, values.Read], ...]
    stamps: stamps.Stamps | None = None
    flag: int | None = None

    def record(self, row: Sequence[Any]) -> Record:
        """Given a row, return its record."""
        fields: dict[str, str | None] = {}
        for name, index, read in self.fields:
            value = row[index]
            fields[name] = value if value is None or (type(value) is str and read is values.plain) else read(value)
        return Record(
            self.identity(row[0]) or "",
            fields,
            self.stamps.moment(row[1]) if self.stamps else None,
            self.flag is not None and values.is_set(row[self.flag]),
        )


def shape_of(table: tables.Table, identity: str, names: Sequence[str], zone: tzinfo) -> Shape:
    """The shape of rows of a table without stamps, with an id column and the named fields."""
    wanted = list(dict.fromkeys([identity, *names]))
    return Shape(
        tuple(table.clause.c[name] for name in wanted),
        values.identity(table.column(identity)),
        tuple((name, wanted.index(name), values.reader(table.column(name), zone)) for name in dict.fromkeys(names)),
    )


def leads_shape(
    table: tables.Table, options: LeadsOptions, names: Sequence[str], codec: stamps.Stamps, zone: tzinfo
) -> Shape:
    """The shape of rows of the leads table; raise UserError for each column that is not there."""
    special = [options.id, options.modified, *([options.deleted] if options.deleted else [])]
    missing = [table.unknown(name) for name in dict.fromkeys([*special, *names]) if name not in table.columns]
    if missing:
        raise errors.UserError(missing)
    # Each special column has a place of its own: one column may play two parts.
    wanted = [*special, *(name for name in dict.fromkeys(names) if name not in special)]
    return Shape(
        tuple(table.clause.c[name] for name in wanted),
        values.identity(table.column(options.id)),
        tuple((name, wanted.index(name), values.reader(table.column(name), zone)) for name in dict.fromkeys(names)),
        codec,
        2 if options.deletes_by == "flag" else None,
    )


def denied(database: Database, table: tables.Table, shape: Shape) -> str:
    """The GRANT that reading this shape takes."""
    names = [column.name for column in shape.columns]
    missing = grants.lacking(table, "SELECT", names) or names
    return grants.statement("SELECT", missing, table.name, database.url, database.dialect)


@dataclass(frozen=True, slots=True)
class Pages:
    """One pull of the leads table."""

    database: Database
    table: tables.Table
    shape: Shape
    codec: stamps.Stamps
    size: int
    zone: tzinfo

    def read(self, since: Cursor | None, until: datetime) -> Iterator[Page]:
        """All rows stamped at or after `since` and before or at `until`, oldest first, after all rows that have no
        stamp, by id.

        Rows without a stamp come in every run, since nothing tells which of them changed; their cursors stay at
        `since`, so that they move nothing on. Where `since` has an id, reading goes on after its row, unless that is
        no longer as it was."""
        at = min(max(since.at, stamps.ORIGIN) if since else stamps.ORIGIN, until)
        last = self._row_at(since) if since is not None and since.id else None
        stamp = self.shape.columns[1]
        if last is None or last[1] is None:
            for rows in self._without_stamp(last):
                found = [self.shape.record(row) for row in rows]
                yield Page(found, Cursor(at, UNSTAMPED + found[-1].id))
            last, start = None, stamp >= bound(self._lower(stamp, at))
        else:
            start = sa.true()
        for rows in self._by_stamp(start, stamp <= bound(self.codec.upper(until)), last):
            found = [self.shape.record(row) for row in rows]
            # In mixed text and around clock changes, sorting order is not quite the order of time.
            at = max([at, *(record.modified for record in found if record.modified and record.modified <= until)])
            kept = [record for record in found if record.modified is None or record.modified <= until]
            if kept:
                yield Page(kept, Cursor(at, found[-1].id))

    def _row_at(self, since: Cursor) -> Sequence[Any] | None:
        """The row that a page ended with, if it still stands where it did: then all before it has been read."""
        identity, wanted = self.shape.columns[0], since.id.removeprefix(UNSTAMPED)
        if stamps.earliest_wall(since.at, self.zone) != stamps.latest_wall(since.at, self.zone):
            return None  # around a clock change the order of stamps is not that of time: later ones may sort before it
        try:
            native = values.native_id(self.table.column(identity.name), wanted)
        except ValueError:
            return None
        for row in self._fetch([self._select().where(identity == bound(native))]):
            record = self.shape.record(row)
            stands = row[1] is None if since.id.startswith(UNSTAMPED) else record.modified == since.at
            if record.id == wanted and stands:
                return row
        return None

    def _without_stamp(self, last: Sequence[Any] | None) -> Iterator[list[Sequence[Any]]]:
        stamp = self.shape.columns[1]
        if self.table.columns[stamp.name].nullable:
            yield from self._by_id(stamp.is_(None), last)
        yield from self._by_stamp(sa.true(), stamp < bound(self.codec.origin))
        if self.codec.beyond is not None:
            yield from self._by_stamp(stamp > bound(self.codec.beyond), sa.true())

    def _by_id(self, condition: sa.ColumnElement[bool], last: Sequence[Any] | None) -> Iterator[list[Sequence[Any]]]:
        identity = self.shape.columns[0]
        query = self._select().where(condition).order_by(identity)
        while rows := self._fetch([query if last is None else query.where(identity > bound(last[0]))]):
            yield rows
            if len(rows) < self.size:
                return
            last = rows[-1]

    def _by_stamp(
        self, start: sa.ColumnElement[bool], end: sa.ColumnElement[bool], last: Sequence[Any] | None = None
    ) -> Iterator[list[Sequence[Any]]]:
        query = self._select().where(end).order_by(*reversed(self.shape.columns[:2]))
        # `start` only on the first page: SQLite would begin each page there.
        while rows := self._fetch([query.where(start)] if last is None else self._following(query, last)):
            yield rows
            if len(rows) < self.size:
                return
            last = rows[-1]

    def _following(self, query: sa.Select[Any], last: Sequence[Any]) -> list[sa.Select[Any]]:
        identity, stamp = self.shape.columns[:2]
        last_id, last_stamp = bound(last[0]), bound(last[1])
        if self.database.kind == "mysql":
            # MySQL reads neither a comparison of rows nor an OR by index alone, so the ties come first.
            ties = self._select().where(stamp == last_stamp, identity > last_id).order_by(identity)
            return [ties, query.where(stamp > last_stamp)]
        return [query.where(sa.tuple_(stamp, identity) > sa.tuple_(last_stamp, last_id))]

    def _lower(self, stamp: sa.ColumnClause[Any], at: datetime) -> object:
        if isinstance(self.codec, stamps.Spelled):
            day, sorted_last = self.codec.day(at)
            query = sa.select(stamp).where(stamp >= bound(day), stamp < bound(sorted_last)).order_by(stamp).limit(1)
            rows = self._fetch([query.select_from(self.table.clause)])
            return self.codec.narrowed(at, rows[0][0] if rows else None)
        return self.codec.lower(at)

    def _select(self) -> sa.Select[Any]:
        return sa.select(*self.shape.columns).select_from(self.table.clause)

    def _fetch(self, queries: Sequence[sa.Select[Any]]) -> list[Sequence[Any]]:
        """Up to a page of rows, from one query after the other."""
        rows: list[Sequence[Any]] = []
        with self.database.reading(self.table.name, denied(self.database, self.table, self.shape)) as connection:
            for query in queries:
                if len(rows) < self.size:
                    rows += connection.execute(query.limit(self.size - len(rows))).fetchall()
        return rows


def by_ids(database: Database, table: tables.Table, shape: Shape, ids: Sequence[str]) -> list[Record]:
    """The records of those ids that exist, each once."""
    column = table.column(shape.columns[0].name)
    wanted: dict[str, object] = {}
    for one in ids:
        try:
            wanted[one] = values.native_id(column, one)
        except ValueError:
            continue  # no row can have such an id
    found = []
    natives = list(wanted.values())
    for start in range(0, len(natives), IDS_AT_ONCE):
        some = natives[start : start + IDS_AT_ONCE]
        condition = shape.columns[0].in_([bound(one) for one in some])
        # A collation may hold other ids for equal.
        found += [record for record in _where(database, table, shape, condition) if record.id in wanted]
    return found


def behind(database: Database, table: tables.Table, shape: Shape, after: str, limit: int) -> list[Record]:
    """Up to `limit` records in the order of their ids, behind the id `after`; "" begins, NULLs are left out."""
    column = shape.columns[0]
    query = sa.select(*shape.columns).select_from(table.clause).where(column.is_not(None)).order_by(column).limit(limit)
    if after:
        query = query.where(column > bound(values.native_id(table.column(column.name), after)))
    with database.reading(table.name, denied(database, table, shape)) as connection:
        return [shape.record(row) for row in connection.execute(query).fetchall()]


def _where(database: Database, table: tables.Table, shape: Shape, condition: sa.ColumnElement[bool]) -> list[Record]:
    query = sa.select(*shape.columns).select_from(table.clause).where(condition)
    with database.reading(table.name, denied(database, table, shape)) as connection:
        return [shape.record(row) for row in connection.execute(query).fetchall()]
