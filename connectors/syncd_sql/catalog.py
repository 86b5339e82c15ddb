"""Asks each database's catalogue for tables, columns, grants and indexes: only what any user may read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from syncd.sdk import errors
from syncd_sql import tables
from syncd_sql.tables import Column, Index, Kind

_PRIVILEGES = ("SELECT", "INSERT", "UPDATE")


def table(connection: sa.Connection, name: str) -> tables.Table:
    """The table or view of that name; raise UserError with the near names if there is none that this user can see."""
    schema, plain = tables.split(name)
    read = {"postgresql": _postgresql, "mysql": _mysql}.get(connection.dialect.name, _sqlite)
    columns, is_view = read(connection, schema, plain)
    if not columns:
        known = _names(connection, schema)
        fix = tables.near(plain, known) or f"visible are: {', '.join(known[:20]) or 'none; grants are missing'}"
        raise errors.UserError([errors.Problem("no such table or view, or no grant on it", where=name, fix=fix)])
    return tables.make(name, columns, is_view=is_view)


def indexes(connection: sa.Connection, name: str) -> list[Index]:
    """The indexes of a table that cover all its rows; none for a view, nor for one that this user cannot see."""
    schema, plain = tables.split(name)
    if connection.dialect.name == "postgresql":
        return [Index(tuple(columns), unique) for unique, columns in _rows(connection, _PG_INDEXES, schema, plain)]
    if connection.dialect.name == "mysql":
        return _grouped((n, not nu, c) for n, nu, c in _rows(connection, _MYSQL_INDEXES, schema, plain))
    found = _grouped(_rows(connection, _SQLITE_INDEXES, schema, plain))
    keys = [row for row in _rows(connection, _SQLITE_COLUMNS, schema, plain) if row[3]]
    if len(keys) == 1 and "INT" in keys[0][1].upper():
        found.append(Index((keys[0][0],), unique=True))  # the row id has no entry among the indexes
    return found


def _rows(connection: sa.Connection, statement: str, schema: str | None, table_name: str = "") -> Sequence[Any]:
    parameters = {"schema": schema, "table": table_name}
    wanted = {name: value for name, value in parameters.items() if f":{name}" in statement}
    return connection.execute(sa.text(statement), wanted).fetchall()


def _grouped(rows: Iterable[tuple[str, bool, str | None]]) -> list[Index]:
    """Given (index, unique, column) in order, return the indexes; one over an expression (no column) is left out."""
    columns: dict[tuple[str, bool], list[str | None]] = defaultdict(list)
    for name, unique, column in rows:
        columns[name, bool(unique)].append(column)
    return [
        Index(tuple(name for name in names if name is not None), unique)
        for (_, unique), names in columns.items()
        if None not in names
    ]


def _names(connection: sa.Connection, schema: str | None) -> list[str]:
    statement = {"postgresql": _PG_NAMES, "mysql": _MYSQL_NAMES}.get(connection.dialect.name, _SQLITE_NAMES)
    return [str(row[0]) for row in _rows(connection, statement, schema)]


# PostgreSQL ----------------------------------------------------------------------------------------------------------

_PG_NAMED = """
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND CASE WHEN CAST(:schema AS text) IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = :schema END
"""
_PG_COLUMNS = f"""
WITH wanted AS (SELECT c.oid, c.relkind::text AS relkind, n.oid AS namespace {_PG_NAMED} AND c.relname = :table)
SELECT a.attname::text,
       pg_catalog.format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE a.atttypid END,
                              CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE a.atttypmod END),
       NOT (a.attnotnull OR t.typnotnull),
       a.attgenerated <> '' OR a.attidentity = 'a',
       w.relkind,
       pg_catalog.has_schema_privilege(w.namespace, 'USAGE'),
       pg_catalog.has_column_privilege(w.oid, a.attnum, 'SELECT'),
       pg_catalog.has_column_privilege(w.oid, a.attnum, 'INSERT'),
       pg_catalog.has_column_privilege(w.oid, a.attnum, 'UPDATE')
  FROM wanted w
  JOIN pg_catalog.pg_attribute a ON a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 ORDER BY a.attnum
"""  # noqa: S608 - both parts are constants
_PG_INDEXES = f"""
SELECT i.indisunique AND i.indimmediate,
       ARRAY(SELECT a.attname::text
               FROM unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
              WHERE k.place <= i.indnkeyatts ORDER BY k.place)
  FROM pg_catalog.pg_index i
 WHERE i.indrelid IN (SELECT c.oid {_PG_NAMED} AND c.relname = :table)
   AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
"""  # noqa: S608 - both parts are constants
_PG_NAMES = f"SELECT c.relname::text {_PG_NAMED} AND n.nspname !~ '^(pg_|information_schema)' ORDER BY 1"

_PG_KINDS: dict[str, Kind] = {
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "numeric": "decimal",
    "real": "float",
    "double precision": "float",
    "boolean": "boolean",
    "character varying": "text",
    "character": "text",
    "text": "text",
    "citext": "text",
    "date": "date",
    "timestamp with time zone": "instant",
    "timestamp without time zone": "wall",
    "time without time zone": "time",
    "time with time zone": "time",
    "uuid": "uuid",
    "bytea": "binary",
}


def _postgresql(connection: sa.Connection, schema: str | None, name: str) -> tuple[list[Column], bool]:
    found = _rows(connection, _PG_COLUMNS, schema, name)
    columns = []
    for column, declared, nullable, generated, _, usable, *granted in found:
        base, sizes = _base(declared)
        kind = _PG_KINDS.get(base, "other")
        columns.append(
            Column(
                column,
                kind,
                declared,
                nullable,
                length=sizes[0] if sizes and kind == "text" else None,
                scale=_scale(kind, sizes, fraction=6),
                privileges=frozenset(p for p, has in zip(_PRIVILEGES, granted, strict=True) if has and usable),
                generated=generated,
            )
        )
    return columns, bool(found) and found[0][4] == "v"


def _base(declared: str) -> tuple[str, list[int]]:
    """Given "numeric(10,2)" or "timestamp(3) without time zone", return the type without its sizes, and the sizes."""
    sizes = re.search(r"\((\d+)(?:\s*,\s*(-?\d+))?\)", declared)
    if sizes is None:
        return declared, []
    return declared.replace(sizes.group(), ""), [int(size) for size in sizes.groups() if size is not None]


def _scale(kind: Kind, sizes: Sequence[int], *, fraction: int) -> int | None:
    if kind == "decimal":
        return (sizes[1] if len(sizes) > 1 else 0) if sizes else None
    if kind in ("instant", "wall", "stamp", "time"):
        return sizes[0] if sizes else fraction
    return None


# MySQL and MariaDB ---------------------------------------------------------------------------------------------------

_MYSQL_COLUMNS = """
SELECT c.column_name, c.data_type, c.column_type, c.is_nullable = 'YES', c.character_maximum_length,
       c.numeric_scale, c.datetime_precision, c.privileges, c.extra, t.table_type
  FROM information_schema.columns c
  JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
 WHERE c.table_schema = COALESCE(:schema, DATABASE()) AND c.table_name = :table
 ORDER BY c.ordinal_position
"""
_MYSQL_INDEXES = """
SELECT index_name, non_unique, CASE WHEN sub_part IS NULL THEN column_name END
  FROM information_schema.statistics
 WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name = :table
 ORDER BY index_name, seq_in_index
"""
_MYSQL_NAMES = """
SELECT table_name FROM information_schema.tables WHERE table_schema = COALESCE(:schema, DATABASE()) ORDER BY 1
"""
_MYSQL_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), "integer"),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), "text"),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "binary"),
    "decimal": "decimal",
    "float": "float",
    "double": "float",
    "date": "date",
    "datetime": "wall",
    "timestamp": "stamp",
    "time": "time",
    "uuid": "uuid",
}


def _mysql(connection: sa.Connection, schema: str | None, name: str) -> tuple[list[Column], bool]:
    found = _rows(connection, _MYSQL_COLUMNS, schema, name)
    columns = []
    for column, data_type, declared, nullable, length, scale, fraction, granted, extra, _ in found:
        kind = _MYSQL_KINDS.get(data_type.lower(), "other")
        # MySQL has no boolean type: BOOLEAN is stored as tinyint(1), and everybody reads it back as one.
        if declared.lower().startswith(("tinyint(1)", "bit(1)")):
            kind = "boolean"
        columns.append(
            Column(
                column,
                kind,
                declared,
                bool(nullable),
                length=length if kind == "text" else None,
                scale=fraction if fraction is not None else scale,
                privileges=frozenset(granted.upper().split(",")) & tables.EVERYTHING,
                generated="GENERATED" in extra.upper().replace("DEFAULT_GENERATED", ""),
            )
        )
    return columns, bool(found) and "VIEW" in found[0][-1].upper()


# SQLite --------------------------------------------------------------------------------------------------------------

_SQLITE_COLUMNS = 'SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(:table, :schema) WHERE hidden <> 1'
_SQLITE_INDEXES = """
SELECT l.name, l."unique", i.name
  FROM pragma_index_list(:table, :schema) l, pragma_index_xinfo(l.name, :schema) i
 WHERE l.partial = 0 AND i.key = 1 ORDER BY l.seq, i.seqno
"""
_SQLITE_NAMES = (
    "SELECT name FROM pragma_table_list WHERE schema = COALESCE(:schema, 'main') AND name NOT LIKE 'sqlite_%'"
)
_SQLITE_TYPE = "SELECT type FROM pragma_table_list(:table) WHERE schema = COALESCE(:schema, 'main')"

# SQLite takes any word as a type; these are its own rules of affinity, after the words that mean more.
_SQLITE_WORDS: tuple[tuple[str, Kind], ...] = (
    ("BOOL", "boolean"),
    ("DATETIME", "wall"),
    ("TIMESTAMP", "wall"),
    ("DATE", "date"),
    ("TIME", "time"),
    ("INT", "integer"),
    ("CHAR", "text"),
    ("CLOB", "text"),
    ("TEXT", "text"),
    ("BLOB", "binary"),
    ("REAL", "float"),
    ("FLOA", "float"),
    ("DOUB", "float"),
    ("DEC", "decimal"),
    ("NUM", "decimal"),
)


def _sqlite(connection: sa.Connection, schema: str | None, name: str) -> tuple[list[Column], bool]:
    columns = []
    for column, declared, not_null, _, hidden in _rows(connection, _SQLITE_COLUMNS, schema, name):
        kind: Kind = next((kind for word, kind in _SQLITE_WORDS if word in declared.upper()), "other")
        _, sizes = _base(declared)
        columns.append(
            Column(
                column,
                kind,
                declared,
                not not_null,
                scale=_scale(kind, sizes, fraction=6),
                generated=hidden in (2, 3),
            )
        )
    return columns, [row[0] for row in _rows(connection, _SQLITE_TYPE, schema, name)] == ["view"]
