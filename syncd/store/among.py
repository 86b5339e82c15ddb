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
    return column.op("IN", is_comparison=True)(_Rows(sa.bindparam(name, type_=_Json())))


class _Json(TypeDecorator[Sequence[str]]):
    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, dialect: Any) -> str:
        return json.dumps(value or [])


class _Rows(FunctionElement[str]):
    """The texts of a JSON array as rows."""

    name = "texts"
    inherit_cache = True


@compiles(_Rows, "sqlite")
def _sqlite(element: _Rows, compiler: SQLCompiler, **options: Any) -> str:
    array = compiler.process(element.clauses, **options)
    return f"(SELECT value FROM json_each({array}))"  # noqa: S608  # a parameter's place, no value


@compiles(_Rows, "postgresql")
def _postgresql(element: _Rows, compiler: SQLCompiler, **options: Any) -> str:
    array = compiler.process(element.clauses, **options)
    return f"(SELECT jsonb_array_elements_text(CAST({array} AS JSONB)))"
