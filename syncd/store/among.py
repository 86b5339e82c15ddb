"""`column IN (many texts)` with one parameter: a list of values in the statement costs many times what the look-up
costs, for each of its values is looked at, named and written into the text anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


def among(column: sa.ColumnElement[str], name: str) -> sa.ColumnElement[bool]:
    """Whether the column is one of the texts in the parameter `name`, a sequence."""
    return _Among(column, sa.bindparam(name, type_=_Json()))


class _Json(TypeDecorator[Sequence[str]]):
    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, dialect: Any) -> str:
        return json.dumps(value or [])


class _Among(FunctionElement[bool]):
    """A column, and a JSON array of texts. It has no type: on SQLite a truth value would be compared with 1, and then
    no index is used."""

    name = "among"
    inherit_cache = True


@compiles(_Among, "sqlite")
def _sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, array = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({array}))"  # noqa: S608  # a parameter's place, no value


@compiles(_Among, "postgresql")
def _postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    # An array, not a subquery: before the first ANALYZE of a table PostgreSQL would compare every row with every text.
    column, array = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST({array} AS JSONB))))"
