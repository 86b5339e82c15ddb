"""What the database's own catalogue says of a table: columns with their kinds, grants and indexes.

The catalogues are asked directly, because SQLAlchemy's reflection needs grants (SHOW VIEW, the whole table) that a
customer may not want to give.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import sqlalchemy as sa

from syncd.sdk import errors

Kind: TypeAlias = Literal[
    "integer",
    "decimal",
    "float",
    "boolean",
    "text",
    "date",
    "instant",  # carries its zone
    "wall",  # date and time without a zone
    "stamp",  # MySQL's TIMESTAMP: an instant, shown in the zone of the session
    "time",
    "uuid",
    "binary",
    "other",
]
Privilege: TypeAlias = Literal["SELECT", "INSERT", "UPDATE"]
EVERYTHING: frozenset[str] = frozenset({"SELECT", "INSERT", "UPDATE"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `declared` is its type as the database says it, `length` its characters, `scale` its
    digits after the point (of a second, for times), `privileges` what this user may do with it."""

    name: str
    kind: Kind
    declared: str
    nullable: bool = True
    length: int | None = None
    scale: int | None = None
    privileges: frozenset[str] = EVERYTHING
    generated: bool = False

    @property
    def word(self) -> str:
        """A word or two on what it holds: "text 30", "instant", "integer"."""
        if self.kind == "other":
            return self.declared.lower() or "anything"
        kind = "instant" if self.kind in ("wall", "stamp") else self.kind
        return f"{kind} {self.length}" if self.length else kind


@dataclass(frozen=True, slots=True)
class Index:
    """An index over whole columns and all rows."""

    columns: tuple[str, ...]
    unique: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view. `clause` is what statements are made of; its columns are untyped, so that values pass as the
    driver has them."""

    name: str
    clause: sa.TableClause
    columns: Mapping[str, Column]
    is_view: bool

    def column(self, name: str) -> Column:
        """The column of that name; raise UserError that says where it is missing and which name is near."""
        found = self.columns.get(name)
        if found is None:
            raise errors.UserError([self.unknown(name)])
        return found

    def unknown(self, name: str) -> errors.Problem:
        """The problem of a column that is not there."""
        fix = near(name, self.columns) or f"the columns are: {', '.join(self.columns)}"
        return errors.Problem(f"no column {name!r}, or no grant on it", where=self.name, fix=fix)


def make(name: str, columns: Sequence[Column], *, is_view: bool) -> Table:
    """Given a name as configured and its columns, return the table."""
    schema, plain = split(name)
    clause = sa.table(plain, *(sa.column(column.name) for column in columns), schema=schema)
    return Table(name, clause, {column.name: column for column in columns}, is_view)


def split(name: str) -> tuple[str | None, str]:
    """Given "schema.table" or "table", return the schema, if any, and the table."""
    schema, _, plain = name.rpartition(".")
    return schema or None, plain


def near(name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    """A hint with the known names that look like `name`; empty if none does."""
    folded = {one.casefold(): one for one in known}
    close = [folded[one] for one in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)]
    return f"did you mean {' or '.join(close)}?" if close else ""
