"""Writes rows, each change by itself: an UPDATE of a lead, an UPDATE or else an INSERT of a call.

A call is written by UPDATE, then INSERT where no row had the key, then UPDATE again where somebody was faster. This
is the same on all databases, needs no more than INSERT, UPDATE and SELECT of the key, and unlike MySQL's ON DUPLICATE
KEY UPDATE it never changes another call's row because of some other unique column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from syncd.sdk import errors
from syncd.sdk.records import Change, Fields, Outcome
from syncd_sql import failures, grants, tables, values
from syncd_sql.database import Database
from syncd_sql.reading import bound

Apply: TypeAlias = Callable[[sa.Connection, Change], Outcome]


@dataclass(frozen=True, slots=True)
class Target:
    """A table to write to: `identity` is the column that names a row, the lead's id or the call's key."""

    database: Database
    table: tables.Table
    identity: str
    zone: tzinfo

    def values(self, fields: Fields) -> dict[str, Any]:
        """Given fields, return what to set; raise Rejected for names and values that the table cannot take."""
        problems: list[errors.Problem] = []
        found: dict[str, Any] = {}
        for name, text in fields.items():
            column = self.table.columns.get(name)
            if column is None:
                problems.append(self.table.unknown(name))
                continue
            try:
                found[name] = self._value(column, text)
            except ValueError as error:
                problems += values.rejected(self.table.name, name, str(error)).problems
        if problems:
            raise errors.Rejected(problems)
        return found

    def _value(self, column: tables.Column, text: str | None) -> Any:
        if column.name == self.identity:
            raise ValueError("the column that names the row cannot be written")
        if column.generated:
            raise ValueError("the database makes this column's values")
        if text is None:
            if not column.nullable:
                raise ValueError("the column cannot be empty")
            return bound(None)
        native = values.writer(column, backend=self.database.kind, zone=self.zone)(text)
        return native if isinstance(native, sa.ColumnElement) else bound(native)

    def update(self, connection: sa.Connection, identity: object, found: Mapping[str, Any]) -> bool:
        """Set the values in the row of that identity; return whether the database says that there was one."""
        ours = self.table.clause.c[self.identity] == bound(identity)
        return connection.execute(sa.update(self.table.clause).where(ours).values(found)).rowcount > 0

    def exists(self, connection: sa.Connection, identity: object) -> bool:
        """Whether there is a row of that identity."""
        column = self.table.clause.c[self.identity]
        return connection.execute(sa.select(column).where(column == bound(identity)).limit(1)).first() is not None

    def insert(self, connection: sa.Connection, identity: object, found: Mapping[str, Any]) -> None:
        """Insert a row of that identity."""
        connection.execute(sa.insert(self.table.clause).values({**found, self.identity: bound(identity)}))

    def denied(self, error: DBAPIError, names: Sequence[str], *, inserts: bool) -> str:
        """The GRANT that a refused change lacks; empty if the error is another."""
        if failures.meaning(error) != "permission":
            return ""
        needs: list[tuple[tables.Privilege, list[str]]] = [("SELECT", [self.identity]), ("UPDATE", list(names))]
        if inserts:
            needs.append(("INSERT", [self.identity, *names]))
        lacking = [(privilege, grants.lacking(self.table, privilege, columns)) for privilege, columns in needs]
        wanted = [(privilege, columns) for privilege, columns in lacking if columns] or needs
        database = self.database
        return "; ".join(
            grants.statement(privilege, columns, self.table.name, database.url, database.dialect)
            for privilege, columns in wanted
        )


def leads(target: Target, changes: Sequence[Change]) -> list[Outcome]:
    """Update the rows of leads; one outcome per change."""
    column = target.table.column(target.identity)

    def apply(connection: sa.Connection, change: Change) -> Outcome:
        if change.kind != "update" or change.id is None:
            reason = "leads of a SQL table are only ever updated; create and remove are the CRM's"
            raise errors.Rejected([errors.Problem(reason, where=target.table.name)])
        found = target.values(change.fields)
        try:
            identity = values.native_id(column, change.id)
        except ValueError:
            raise errors.Missing(f"{target.table.name}: the id cannot be one of this table") from None
        if found and target.update(connection, identity, found):
            return Outcome(change.id)
        if not target.exists(connection, identity):
            raise errors.Missing(f"{target.table.name}: the row is gone")
        if found and not target.table.is_view:  # triggers behind a view count nothing
            reason = "the database left the row as it is: a trigger or a row policy refuses the change"
            raise errors.Rejected([errors.Problem(reason, where=target.table.name)])
        return Outcome(change.id)

    return _each(target, changes, apply, inserts=False)


def calls(target: Target, changes: Sequence[Change], *, unique: bool) -> list[Outcome]:
    """Write one row per key of a call or task; `unique` says that the database keeps the key unique. One outcome per
    change."""
    column = target.table.column(target.identity)
    key_fits = values.writer(column, backend=target.database.kind, zone=target.zone)

    def apply(connection: sa.Connection, change: Change) -> Outcome:
        if change.kind == "remove":
            raise errors.Rejected([errors.Problem("rows are never removed", where=target.table.name)])
        key = change.key.value
        try:
            native = key_fits(key)
        except ValueError as error:
            fix = "make the key column a text of 20 characters or more"
            raise values.rejected(target.table.name, target.identity, str(error), fix) from None
        found = target.values({name: text for name, text in change.fields.items() if name != target.identity})
        if unique:
            _upsert(target, connection, native, found)
        else:
            with target.database.exclusive(connection, f"{target.table.name}/{key}"):
                if not _known(target, connection, native, found):
                    target.insert(connection, native, found)
        return Outcome(key)

    return _each(target, changes, apply, inserts=True)


def _known(target: Target, connection: sa.Connection, key: object, found: Mapping[str, Any]) -> bool:
    """Set the values where the key is known already; return whether it is."""
    if found and target.update(connection, key, found):
        return True
    return (not found or target.table.is_view) and target.exists(connection, key)


def _upsert(target: Target, connection: sa.Connection, key: object, found: Mapping[str, Any]) -> None:
    if _known(target, connection, key, found):
        return
    try:
        target.insert(connection, key, found)
    except DBAPIError as error:
        # Somebody inserted the key in between, or another rule of the table is hurt: the next look tells.
        if failures.meaning(error) != "value" or not _known(target, connection, key, found):
            raise


def _each(target: Target, changes: Sequence[Change], apply: Apply, *, inserts: bool) -> list[Outcome]:
    outcomes: list[Outcome] = []
    try:
        with target.database.writing() as connection:
            for change in changes:
                outcomes.append(_one(target, connection, change, apply, inserts=inserts))
                if connection.invalidated:
                    raise errors.RetryLater("not sent: the connection was lost before")
    except (errors.AuthFailed, errors.RetryLater) as error:
        # One refused login is enough: a server may lock the account after some.
        outcomes += [Outcome(error=error)] * (len(changes) - len(outcomes))
    return outcomes


def _one(target: Target, connection: sa.Connection, change: Change, apply: Apply, *, inserts: bool) -> Outcome:
    try:
        return apply(connection, change)
    except DBAPIError as error:
        names = list(change.fields)
        denied = target.denied(error, names, inserts=inserts)
        return Outcome(error=failures.writing(error, target.table.name, [target.identity, *names], denied))
    except (UnicodeError, OverflowError) as error:
        reason = f"the database's driver refuses a value ({type(error).__name__})"
        return Outcome(error=errors.Rejected([errors.Problem(reason, where=target.table.name)]))
    except errors.LeaseLost:
        raise
    except errors.SyncdError as error:
        return Outcome(error=error)
