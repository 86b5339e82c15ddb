"""The grants that syncd needs, and the statement that gives them."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from syncd_sql.tables import Privilege, Table, split


def lacking(table: Table, privilege: Privilege, columns: Iterable[str]) -> list[str]:
    """Those of the columns on which this user lacks the privilege."""
    return [name for name in columns if name in table.columns and privilege not in table.columns[name].privileges]


def quoted(name: str, dialect: sa.Dialect) -> str:
    """A column's name, or a part of a table's, written for SQL that a person runs."""
    return dialect.identifier_preparer.quote(name).replace("%%", "%")


def quoted_table(name: str, dialect: sa.Dialect) -> str:
    """A table's name as configured, written for SQL that a person runs."""
    return ".".join(quoted(part, dialect) for part in split(name) if part)


def statement(privilege: Privilege, columns: Iterable[str], table: str, url: sa.URL, dialect: sa.Dialect) -> str:
    """The GRANT for the database's administrator; for SQLite, which has none, what to do with the file."""
    if url.get_backend_name() == "sqlite":
        return f"let the user that syncd runs as read and write {url.database} and its folder"
    names = ", ".join(quoted(name, dialect) for name in columns)
    what = f"{privilege} ({names})" if names else privilege
    return f"GRANT {what} ON {quoted_table(table, dialect)} TO {url.username or 'its user'}"
