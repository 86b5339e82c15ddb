"""One statement for many rows, compiled once: SQLAlchemy looks at each value of each row again, which costs more than
the database takes to store it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler


def execute(
    connection: sa.Connection, statement: sa.Insert | sa.Update, rows: Sequence[Mapping[str, Any]], **shared: object
) -> None:
    """Run the statement for each row; nothing happens without rows. `shared` are values that all rows have.

    All rows have the same keys. The statement has two parameters or more, and is one that is made once: it is
    remembered."""
    if not rows:
        return
    ready = _prepared(statement, connection.dialect, (*rows[0], *shared))
    common = {**ready.given, **shared}
    for name, process in ready.processed:
        if name not in rows[0]:
            common[name] = process(common[name])
    own = [(name, process) for name, process in ready.processed if name in rows[0]]
    parameters = []
    for row in rows:
        values = {**common, **row}
        for name, process in own:
            values[name] = process(values[name])
        parameters.append(ready.arrange(values))
    connection.exec_driver_sql(ready.text, parameters)


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, which all have the same columns."""
    execute(connection, _insert(table), rows)


@cache
def _insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The text for the driver; the values that the statement gives itself; the parameters that are not handed over as
    they are; how the driver wants them: in the order of the text, or by name."""

    text: str
    given: Mapping[str, Any]
    processed: tuple[tuple[str, Callable[[Any], Any]], ...]
    arrange: Callable[[dict[str, Any]], Any]


@cache
def _prepared(statement: sa.Insert | sa.Update, dialect: sa.Dialect, keys: tuple[str, ...]) -> _Prepared:
    compiled = statement.compile(dialect=dialect, column_keys=list(keys))
    if not isinstance(compiled, SQLCompiler):
        raise TypeError(f"{statement} has no text")
    processors = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()
    }
    processed = tuple((name, process) for name, process in processors.items() if process is not None)
    names = compiled.positiontup or ()
    arrange = itemgetter(*names) if dialect.positional else dict
    return _Prepared(str(compiled), compiled.params, processed, arrange)
