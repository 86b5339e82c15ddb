"""What a driver's error means for the engine. The driver's own text holds values, so it never goes on."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from typing import Literal, TypeAlias

import psycopg
import pymysql
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from syncd.sdk import errors

Meaning: TypeAlias = Literal[
    "login",  # who we are is refused
    "permission",  # what we want is refused
    "value",  # the row is refused
    "busy",  # somebody else holds a lock, or the server has no room
    "late",  # the statement's time-out
    "schema",  # a table or column is not there
    "away",  # no connection, or no longer
    "unknown",
]

_POSTGRESQL: dict[str, Meaning] = {
    "28": "login",
    "42501": "permission",
    "25006": "permission",  # read-only transaction: a standby
    "22": "value",
    "23": "value",
    "44": "value",  # WITH CHECK OPTION
    "42804": "value",
    "428C9": "value",  # generated column
    "55000": "value",  # the view cannot be written
    "P0": "value",  # raised by a trigger
    "40": "busy",
    "53": "busy",
    "55P03": "busy",
    "57P03": "busy",
    "57014": "late",
    "42P01": "schema",
    "42703": "schema",
    "3F": "schema",
    "08": "away",
    "57P": "away",
}
_MYSQL: dict[int, Meaning] = {
    **dict.fromkeys((1044, 1045, 1049, 1130, 1251, 1698, 1820, 1862, 4151), "login"),
    **dict.fromkeys((1142, 1143, 1227, 1290, 1370, 1792, 1836), "permission"),
    **dict.fromkeys((1021, 1037, 1040, 1041, 1114, 1203, 1205, 1206, 1213, 1226, 3572), "busy"),
    **dict.fromkeys((1969, 3024), "late"),
    **dict.fromkeys((1054, 1146), "schema"),
    **dict.fromkeys((1053, 1927, 2002, 2003, 2006, 2013, 2014, 2055), "away"),
    # Errors that pymysql does not already call IntegrityError or DataError.
    **dict.fromkeys((1288, 1292, 1364, 1366, 1369, 1411, 1442, 1471, 1644, 1906, 3105, 3819, 3140, 4025), "value"),
}
_SQLITE: tuple[tuple[str, Meaning], ...] = (
    ("SQLITE_BUSY", "busy"),
    ("SQLITE_LOCKED", "busy"),
    ("SQLITE_FULL", "busy"),
    ("SQLITE_INTERRUPT", "late"),
    ("SQLITE_READONLY", "permission"),
    ("SQLITE_PERM", "permission"),
    ("SQLITE_AUTH", "permission"),
    ("SQLITE_CANTOPEN", "away"),
    ("SQLITE_CONSTRAINT", "value"),
    ("SQLITE_MISMATCH", "value"),
    ("SQLITE_TOOBIG", "value"),
)


def meaning(error: DBAPIError) -> Meaning:
    """Given an error of any driver, return what it means."""
    found: Meaning = "unknown"
    cause = error.orig
    if isinstance(cause, psycopg.Error):
        found = _of_postgresql(cause)
    elif isinstance(cause, pymysql.Error):
        found = _of_mysql(cause)
    elif isinstance(cause, sqlite3.Error):
        found = _of_sqlite(cause)
    return "away" if found == "unknown" and error.connection_invalidated else found


def _of_postgresql(cause: psycopg.Error) -> Meaning:
    state = cause.sqlstate or ""
    found = next((_POSTGRESQL[state[:size]] for size in (5, 3, 2) if state[:size] in _POSTGRESQL), None)
    if found is not None:
        return found
    if not state and isinstance(cause, psycopg.DataError):
        return "value"  # refused by the driver: a NUL in a text
    if not state and isinstance(cause, psycopg.OperationalError):
        # libpq hands out no code for a failed login; FATAL stands only where a server answered and refused.
        return "login" if "FATAL:" in str(cause) and not _passing(str(cause)) else "away"
    return "unknown"


def _passing(message: str) -> bool:
    return re.search(r"too many|starting up|shutting down|recovery|slots", message) is not None


def _of_mysql(cause: pymysql.Error) -> Meaning:
    code = cause.args[0] if cause.args and isinstance(cause.args[0], int) else 0
    if code in _MYSQL:
        return _MYSQL[code]
    if isinstance(cause, (pymysql.IntegrityError, pymysql.DataError)):
        return "value"
    return "away" if isinstance(cause, pymysql.InterfaceError) else "unknown"


def _of_sqlite(cause: sqlite3.Error) -> Meaning:
    name = getattr(cause, "sqlite_errorname", "")
    found = next((meant for prefix, meant in _SQLITE if name.startswith(prefix)), None)
    if found is not None:
        return found
    if name == "SQLITE_ERROR" and re.match(r"no such (table|column)|table .* has no column", str(cause)):
        return "schema"
    return "value" if isinstance(cause, (sqlite3.IntegrityError, sqlite3.DataError)) else "unknown"


def code(error: DBAPIError) -> str:
    """The driver's class and code of the error, for a message."""
    cause = error.orig
    number = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    if isinstance(cause, pymysql.Error) and cause.args and isinstance(cause.args[0], int):
        number = str(cause.args[0])
    return f"{type(cause).__name__} {number}" if number else type(cause).__name__


def connecting(error: DBAPIError, url: sa.URL) -> errors.SyncdError:
    """The error of an attempt to connect: nothing has been sent."""
    place = f"{url.get_backend_name()} {url.host or url.database or ''}"
    meant = meaning(error)
    if meant in ("login", "permission"):
        return errors.AuthFailed(
            f"{place}: the login is refused ({code(error)})",
            fix="check the user, the password and the database's name in `url`, and that the server lets this host in",
        )
    return errors.RetryLater(f"{place}: no connection ({code(error)})")


def reading(error: DBAPIError, table: str, denied: str) -> errors.SyncdError:
    """The error of a statement that only reads `table`; `denied` is the GRANT that it needs."""
    meant = meaning(error)
    if meant == "permission":
        return errors.AuthFailed(f"{table}: reading is refused ({code(error)})", fix=denied)
    if meant == "schema":
        return errors.UserError([errors.Problem(f"the table or a column is gone ({code(error)})", where=table)])
    if meant == "late":
        return errors.RetryLater(f"{table}: a statement took longer than statement_seconds; is there an index?")
    return errors.RetryLater(f"{table}: {code(error)}")


def writing(error: DBAPIError, table: str, columns: Sequence[str], denied: str) -> errors.SyncdError:
    """The error of a statement that writes one row of `table`; `columns` are those it names, `denied` the GRANT."""
    meant = meaning(error)
    where = ".".join([table, *_columns(error, columns)[:1]])
    if meant == "value":
        fix = "the database refuses this row; change the value, the mapping or the constraint"
        return errors.Rejected([errors.Problem(f"{code(error)}{_constraint(error)}", where=where, fix=fix)])
    if meant == "schema":
        return errors.Rejected([errors.Problem(f"the table or a column is gone ({code(error)})", where=where)])
    if meant == "permission":
        return errors.AuthFailed(f"{where}: writing is refused ({code(error)})", fix=denied)
    if meant == "busy":
        return errors.RetryLater(f"{table}: {code(error)}")
    return errors.Ambiguous(f"{table}: {code(error)}")


def _columns(error: DBAPIError, columns: Sequence[str]) -> list[str]:
    """The columns that the error names, as far as we named them ourselves: anything else could be a value."""
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is not None:
        return [name for name in columns if name == diagnosis.column_name]
    tail = re.split(r"column|field|failed:", str(error.orig), flags=re.IGNORECASE)[-1]
    return [name for name in columns if name in re.findall(r"\w+", tail)]


def _constraint(error: DBAPIError) -> str:
    diagnosis = getattr(error.orig, "diag", None)
    name = diagnosis.constraint_name if diagnosis is not None else None
    return f", constraint {name}" if name else ""
