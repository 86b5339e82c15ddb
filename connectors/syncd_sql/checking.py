"""Looks at the customer's database before anything runs: what is missing, refused, slow or would never be read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from syncd.sdk import errors
from syncd.sdk.errors import Problem
from syncd_sql import catalog, grants, stamps, tables
from syncd_sql.database import Database
from syncd_sql.options import CallsOptions, LeadsOptions, SqlOptions, TasksOptions
from syncd_sql.reading import bound

NEWEST = 100  # stamps that are looked at one by one
ADMINISTRATOR = "have the database's administrator run:"


def check(database: Database, options: SqlOptions) -> list[Problem]:
    """All problems of this database, each in the place of the option it is about; reads only."""
    look = _Look(database, options)
    found = look.file()
    if any(problem.fatal for problem in found):
        return found
    try:
        now = database.clock()
        with database.reading() as connection:
            connection.exec_driver_sql("SELECT 1")
    except errors.SyncdError as error:
        return [*found, _problem(error, "url")]
    found += look.caught(look.leads(options.leads, now), "leads.table")
    if options.leads.write_table:
        found += look.caught(look.write_table(options.leads), "leads.write_table")
    for stream, written in (("calls", options.calls), ("tasks", options.tasks)):
        if written is not None:
            found += look.caught(look.written(stream, written), f"{stream}.table")
    return found


def codec(database: Database, table: tables.Table, options: SqlOptions) -> stamps.Stamps:
    """How the leads table writes its stamps; raise UserError where it cannot."""
    column = table.column(options.leads.modified)
    unit = options.leads.modified_unit
    return stamps.of(column, table=table.name, backend=database.kind, zone=options.zone, unit=unit)


def is_unique(indexes: Iterable[tables.Index], column: str) -> bool:
    """Whether one of the indexes keeps the column unique by itself."""
    return any(index.unique and index.columns == (column,) for index in indexes)


def _problem(error: errors.SyncdError, where: str, *, fatal: bool = True) -> Problem:
    return Problem(str(error), where=where, fix=error.fix if isinstance(error, errors.AuthFailed) else "", fatal=fatal)


def _about(option: str, problem: Problem) -> Problem:
    """A problem whose place is a table or column, moved to the option that names it."""
    return replace(problem, what=f"{problem.where}: {problem.what}", where=option)


@dataclass(frozen=True, slots=True)
class _Look:
    database: Database
    options: SqlOptions

    def caught(self, problems: Iterator[Problem], where: str) -> list[Problem]:
        """Take the problems up to the first error, which becomes the last of them."""
        found: list[Problem] = []
        try:
            found.extend(problems)
        except errors.UserError as error:
            found += [_about(where, problem) for problem in error.problems]
        except errors.SyncdError as error:
            found.append(_problem(error, where))
        return found

    def file(self) -> list[Problem]:
        """A SQLite file that is not there, or that cannot be written."""
        path = self.database.path
        if path is None:
            return []
        try:
            there = path.is_file()
        except OSError as error:  # the folder is closed to this user
            fix = "let the user that syncd runs as look into the folder, or run syncd as that user"
            return [Problem(f"{path}: {error.strerror}", where="url", fix=fix)]
        if not there:
            fix = "name the CRM's file in `url`; an absolute path has four slashes: sqlite:////var/lib/crm.db"
            return [Problem(f"{path}: no such file", where="url", fix=fix)]
        denied = [str(one) for one in (path, path.absolute().parent) if not os.access(one, os.W_OK)]
        fix = "let the user that syncd runs as write the file and its folder"
        what = f"{', '.join(denied)}: may not be written"
        return (
            [Problem(what, where="url", fix=fix, fatal=bool(self.options.calls or self.options.tasks))]
            if denied
            else []
        )

    def leads(self, options: LeadsOptions, now: datetime) -> Iterator[Problem]:
        """The table or view that is read."""
        with self.database.reading(options.table) as connection:
            table = catalog.table(connection, options.table)
            indexes = catalog.indexes(connection, options.table)
        named = {"leads.id": options.id, "leads.modified": options.modified, "leads.deleted": options.deleted}
        needed = {option: name for option, name in named.items() if name}
        unknown = [_about(at, table.unknown(name)) for at, name in needed.items() if name not in table.columns]
        yield from unknown
        if unknown:
            return
        yield from self._denied(table, "SELECT", list(needed.values()), at="leads.table", fatal=True)
        if not options.write_table:
            yield from self._not_writable(table, options.id, at="leads.table")
        try:
            representation = codec(self.database, table, self.options)
        except errors.UserError as error:
            yield from (_about("leads.modified", problem) for problem in error.problems)
            return
        if not table.is_view:
            yield from self._indexed(table, indexes, options)
        yield from self._stamps(table, representation, options, now)

    def write_table(self, options: LeadsOptions) -> Iterator[Problem]:
        """The table that is written where a view is read."""
        with self.database.reading(options.target) as connection:
            table = catalog.table(connection, options.target)
        if options.id not in table.columns:
            yield _about("leads.write_table", table.unknown(options.id))
            return
        yield from self._denied(table, "SELECT", [options.id], at="leads.write_table", fatal=False)
        yield from self._not_writable(table, options.id, at="leads.write_table")

    def written(self, stream: str, options: CallsOptions | TasksOptions) -> Iterator[Problem]:
        """The table of calls, or of tasks."""
        with self.database.reading(options.table) as connection:
            table = catalog.table(connection, options.table)
            indexes = catalog.indexes(connection, options.table)
        if options.key not in table.columns:
            yield _about(f"{stream}.key", table.unknown(options.key))
            return
        key = table.column(options.key)
        column = f"{table.name}.{key.name}"
        if key.kind not in ("text", "other") or (key.length is not None and key.length < 20):
            yield Problem(
                f"{column}: {key.declared} does not hold the key",
                where=f"{stream}.key",
                fix="make it a text of 20 characters",
            )
        yield from self._denied(table, "SELECT", [key.name], at=f"{stream}.table", fatal=True)
        yield from self._denied(table, "INSERT", [key.name], at=f"{stream}.table", fatal=True)
        if not any("UPDATE" in column.privileges for column in table.columns.values()):
            yield from self._denied(table, "UPDATE", [key.name], at=f"{stream}.table", fatal=True)
        if not is_unique(indexes, key.name):
            name = self._quoted(f"{table.clause.name}_{key.name}")
            index = f"CREATE UNIQUE INDEX {name} ON {self._quoted_table(table)} ({self._quoted(key.name)})"
            fix = f"{ADMINISTRATOR} {index}"
            what = f"{column}: no index keeps it unique; {stream} are written under a lock, slowly"
            yield Problem(what, f"{stream}.key", fix, fatal=False)

    def _denied(
        self, table: tables.Table, privilege: tables.Privilege, names: Sequence[str], *, at: str, fatal: bool
    ) -> Iterator[Problem]:
        lacking = grants.lacking(table, privilege, names)
        if lacking:
            database = self.database
            fix = grants.statement(privilege, lacking, table.name, database.url, database.dialect)
            what = f"{table.name}: no grant to {privilege} {', '.join(lacking)}"
            yield Problem(what, where=at, fix=fix, fatal=fatal)

    def _not_writable(self, table: tables.Table, identity: str, *, at: str) -> Iterator[Problem]:
        if not any("UPDATE" in column.privileges for column in table.columns.values() if column.name != identity):
            database = self.database
            fix = grants.statement("UPDATE", [], table.name, database.url, database.dialect)
            yield Problem(
                f"{table.name}: no grant to UPDATE any column, so nothing can be written back",
                where=at,
                fix=f"for write-back, best with the mapped columns in brackets: {fix}",
                fatal=False,
            )

    def _indexed(
        self, table: tables.Table, indexes: Sequence[tables.Index], options: LeadsOptions
    ) -> Iterator[Problem]:
        if not any(index.columns[:1] == (options.modified,) for index in indexes):
            name = self._quoted(f"{table.clause.name}_{options.modified}_{options.id}")
            columns = f"{self._quoted(options.modified)}, {self._quoted(options.id)}"
            yield Problem(
                f"{table.name}.{options.modified}: no index, so each look at the table reads all of it",
                where="leads.modified",
                fix=f"{ADMINISTRATOR} CREATE INDEX {name} ON {self._quoted_table(table)} ({columns})",
                fatal=False,
            )
        if not is_unique(indexes, options.id):
            yield Problem(
                f"{table.name}.{options.id}: no index keeps it unique; of rows with the same id and time, some would "
                "be missed",
                where="leads.id",
                fix="name the primary key in `id`",
                fatal=False,
            )

    def _stamps(
        self, table: tables.Table, codec: stamps.Stamps, options: LeadsOptions, now: datetime
    ) -> Iterator[Problem]:
        stamp = table.clause.c[options.modified]
        column = f"{table.name}.{options.modified}"
        known = sa.and_(stamp >= bound(codec.origin), *self._below(stamp, codec))
        newest = self._all(table, sa.select(stamp).where(known).order_by(stamp.desc()).limit(NEWEST))
        raw = newest[0] if newest else None
        unread = sum(codec.moment(one) is None for one in newest)
        beyond = self._count(table, stamp > bound(codec.beyond)) if codec.beyond is not None else 0
        if isinstance(codec, stamps.Spelled):
            unread = max(unread, self._count(table, sa.and_(known, stamp.not_like(codec.pattern))))
        number = isinstance(codec, stamps.Numbers)
        forms = "numbers" if number else "text like 2026-11-20 10:00:00 or 2026-11-20T10:00:00Z"
        convert = f"expected are {forms}; convert the column, read a view that does, or set `modified_unit`"
        if (beyond or unread) and all(codec.moment(one) is None for one in newest):
            what = f"{column} holds values that are no time in a form that sorts by time"
            yield Problem(what, where="leads.modified", fix=convert)
        elif unread:
            yield Problem(
                f"{column}: {unread} rows have a time in a form that does not sort by time; changes of theirs may be "
                "missed",
                where="leads.modified",
                fix=convert,
                fatal=False,
            )
        without = self._count(table, sa.or_(stamp.is_(None), stamp < bound(codec.origin))) + beyond
        if without:
            yield Problem(
                f"{column}: {without} rows have no time of their last change; each run reads them all",
                where="leads.modified",
                fix="fill the column, and let a default or a trigger keep it filled",
                fatal=False,
            )
        latest = codec.upper(now)
        if isinstance(raw, str) and raw[10:11] == " ":
            latest = str(latest).replace("T", " ")
        later = self._count(table, sa.and_(stamp > bound(latest), *self._below(stamp, codec)))
        if later:
            yield Problem(
                f"{column}: {later} rows were changed in the future; they are read when that time has come",
                where="leads.modified",
                fix="correct the times, or `time_zone` and `modified_unit` if all are late",
                fatal=False,
            )

    def _below(self, stamp: sa.ColumnElement[object], codec: stamps.Stamps) -> list[sa.ColumnElement[bool]]:
        return [] if codec.beyond is None else [stamp <= bound(codec.beyond)]

    def _count(self, table: tables.Table, condition: sa.ColumnElement[bool]) -> int:
        (found,) = self._all(table, sa.select(sa.func.count()).select_from(table.clause).where(condition))
        return int(str(found))

    def _all(self, table: tables.Table, query: sa.Select[Any]) -> list[object]:
        """The query's one column."""
        with self.database.reading(table.name) as connection:
            return [row[0] for row in connection.execute(query).fetchall()]

    def _quoted(self, name: str) -> str:
        return grants.quoted(name, self.database.dialect)

    def _quoted_table(self, table: tables.Table) -> str:
        return grants.quoted_table(table.name, self.database.dialect)
