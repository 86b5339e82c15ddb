"""SOQL: a grammar, and a query as a tree whose conditions are functions of a row.

Refused as Salesforce refuses it: AND mixed with OR, or NOT beside either, without parentheses; quoted dates; unknown
columns; filters on long text; a literal of another type than the column's. Source: SOQL and SOSL Reference.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import lark

from .schema import Field, Refused, SObject
from .times import stamp_of

Row = Mapping[str, Any]
Look = Callable[[Row, str], Any]  # (row, path) → value, relationships followed
Test = Callable[[Row], bool]

_GRAMMAR = r"""
start: _SELECT columns _FROM NAME [_WHERE expr] [_ORDER _BY order ("," order)*] [_LIMIT INT]
columns: count | path ("," path)*
count: _COUNT "(" ")"
path: NAME ("." NAME)*
order: path [DIRECTION] [_NULLS NULLS]
?expr: term | both | either | not_
both: term (_AND term)+
either: term (_OR term)+
not_: _NOT term
?term: "(" expr ")" | compare | within | like
compare: path OP value
within: path [_NOT] _IN "(" value ("," value)* ")"
like: path _LIKE STRING
value: STRING -> string | DATETIME -> datetime | DATE -> date | NUMBER -> number | TRUE -> true | FALSE -> false
     | NULL -> null
OP: "=" | "!=" | "<>" | "<=" | ">=" | "<" | ">"
STRING: /'(?:[^'\\]|\\.)*'/
DATETIME.3: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)/
DATE.2: /\d{4}-\d\d-\d\d/
NUMBER: /-?\d+(\.\d+)?/
INT.1: /\d+/
NAME: /[A-Za-z][A-Za-z0-9_]*/
DIRECTION.5: /(asc|desc)\b/i
NULLS.5: /(first|last)\b/i
_NULLS.5: /nulls\b/i
_SELECT.5: /select\b/i
_FROM.5: /from\b/i
_WHERE.5: /where\b/i
_ORDER.5: /order\b/i
_BY.5: /by\b/i
_LIMIT.5: /limit\b/i
_COUNT.5: /count\b/i
_AND.5: /and\b/i
_OR.5: /or\b/i
_NOT.5: /not\b/i
_IN.5: /in\b/i
_LIKE.5: /like\b/i
TRUE.5: /true\b/i
FALSE.5: /false\b/i
NULL.5: /null\b/i
%import common.WS
%ignore WS
"""
_PARSER = lark.Lark(_GRAMMAR.replace("[_NOT] _IN", "[NOTIN] _IN") + "NOTIN.6: /not(?=\\s+in\\b)/i\n", parser="lalr")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


@dataclasses.dataclass(frozen=True, slots=True)
class Query:
    """A query that has been checked. `columns` is empty for COUNT()."""

    object: SObject
    columns: tuple[str, ...]
    test: Test
    order: tuple[tuple[str, bool], ...]
    limit: int | None


@lru_cache(maxsize=256)
def _tree(text: str) -> lark.Tree[lark.Token]:
    try:
        return _PARSER.parse(text)
    except lark.UnexpectedInput as error:
        raise Refused("MALFORMED_QUERY", f"unexpected token near position {error.pos_in_stream}") from None


def parse(text: str, objects: Mapping[str, SObject], look: Look) -> Query:
    """Given SOQL, return the query; raise Refused."""
    columns, name, where, *rest = cast("list[Any]", _tree(text).children)
    obj = objects.get(str(name)) or {key.casefold(): one for key, one in objects.items()}.get(str(name).casefold())
    if obj is None:
        raise Refused("INVALID_TYPE", f"sObject type '{name}' is not supported.")
    limit = rest.pop()
    context = _Context(obj, objects, look)
    return Query(
        obj,
        context.columns(columns),
        context.test(where) if where is not None else lambda row: True,
        tuple(context.order(one) for one in rest if one is not None),
        int(limit) if limit is not None else None,
    )


class _Context:
    """Turns trees into names and functions for one object."""

    def __init__(self, obj: SObject, objects: Mapping[str, SObject], look: Look) -> None:
        self.obj, self.objects, self.look = obj, objects, look

    def path(self, tree: Any) -> tuple[str, Field]:
        """The column's path in the schema's spelling, and its field."""
        obj, names = self.obj, [str(child) for child in tree.children]
        spelled = []
        for name in names[:-1]:
            link = next((one for one in obj.fields.values() if one.relationship.casefold() == name.casefold()), None)
            if link is None or not link.relationship:
                what = f"Didn't understand relationship '{name}' in field path."
                raise Refused("INVALID_FIELD", what)
            spelled.append(link.relationship)
            obj = self.objects[link.reference_to[0]]
        field = obj.field(names[-1])
        return ".".join([*spelled, field.name]), field

    def columns(self, tree: lark.Tree[lark.Token]) -> tuple[str, ...]:
        if cast("lark.Tree[lark.Token]", tree.children[0]).data == "count":
            return ()
        found = [self.path(child)[0] for child in tree.children]
        twice = next((name for name in found if found.count(name) > 1), None)
        if twice:
            raise Refused("INVALID_FIELD", f"duplicate field selected: {twice}")
        return tuple(found)

    def order(self, tree: lark.Tree[lark.Token]) -> tuple[str, bool]:
        return self.path(tree.children[0])[0], str(tree.children[1] or "").casefold() == "desc"

    def test(self, tree: Any) -> Test:
        """A condition as a function."""
        if tree.data in ("both", "either"):
            parts = [self.test(child) for child in tree.children]
            if tree.data == "both":
                return lambda row: all(part(row) for part in parts)
            return lambda row: any(part(row) for part in parts)
        if tree.data == "not_":
            inner = self.test(tree.children[0])
            return lambda row: not inner(row)
        path, field = self.path(tree.children[0])
        if field.type == "textarea":
            raise Refused("INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call")
        get = self._getter(path)
        if tree.data == "compare":
            return _compare(get, str(tree.children[1]), self._value(tree.children[2], field))
        if tree.data == "like":
            like = _text(tree.children[1])
            pattern = re.compile(re.escape(like).replace("%", ".*").replace("_", "."), re.IGNORECASE | re.DOTALL)
            return lambda row: isinstance(found := get(row), str) and pattern.fullmatch(found) is not None
        wanted = {_folded(self._value(child, field)) for child in tree.children[2:]}
        if tree.children[1] is not None:
            return lambda row: _folded(get(row)) not in wanted
        return lambda row: _folded(get(row)) in wanted

    def _getter(self, path: str) -> Callable[[Row], Any]:
        if "." not in path:
            return lambda row: row.get(path)
        return lambda row: self.look(row, path)

    def _value(self, tree: Any, field: Field) -> Any:
        kind, token = tree.data, tree.children[0]
        if kind == "null":
            return None
        fits = {
            "string": field.type not in ("boolean", "date", "datetime", "int", "double", "currency", "percent"),
            "datetime": field.type == "datetime",
            "date": field.type == "date",
            "number": field.type in ("int", "double", "currency", "percent"),
        }.get(kind, field.type == "boolean")
        if not fits:
            what = f"value of filter criterion for field '{field.name}' must be of type {field.type}"
            raise Refused("INVALID_FIELD", what)
        if kind == "string":
            return self._id(_text(token), field)
        if kind == "datetime":
            return stamp_of(str(token))
        if kind == "number":
            return float(token)
        return str(token) if kind == "date" else kind == "true"

    @staticmethod
    def _id(text: str, field: Field) -> str:
        if field.type in ("id", "reference") and text and len(text) not in (15, 18):
            raise Refused("INVALID_QUERY_FILTER_OPERATOR", f"{field.name}: invalid ID field: (value)")
        return text


def _text(token: Any) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), str(token)[1:-1], flags=re.DOTALL)


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) and len(value) != 18 else value


def _compare(get: Callable[[Row], Any], op: str, wanted: Any) -> Test:
    folded = _folded(wanted)
    if op == "=":
        return lambda row: _folded(get(row)) == folded
    if op in ("!=", "<>"):
        return lambda row: _folded(get(row)) != folded
    if wanted is None:
        raise Refused("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator {op} with null")
    signs: dict[str, Callable[[Any], bool]] = {
        "<": lambda found: found < wanted,
        "<=": lambda found: found <= wanted,
        ">": lambda found: found > wanted,
        ">=": lambda found: found >= wanted,
    }
    sign = signs[op]
    return lambda row: (found := get(row)) is not None and sign(found)


def ordered(query: Query, found: Iterable[Row], look: Look) -> Sequence[Row]:
    """The rows in the query's order (nulls first) and number; without ORDER BY, by Id."""
    rows = list(found)
    for path, down in reversed(query.order or (("Id", False),)):
        rows.sort(key=lambda row: ((value := look(row, path)) is not None, value or ""), reverse=down)
    return rows if query.limit is None else rows[: query.limit]
