"""Templates of a mapping: a text with `{{ field }}` in it → the same text with a record's values.

Jinja2 in its sandbox, cut down to what cannot run long or grow without end: no loops, no assignments, no macros, no
other templates, no clock, no chance; filters and methods of texts from a list. Output is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import meta, nodes, sandbox

from syncd.sdk import records

MOST_CHARACTERS = 10_000
_FIELD = "field"  # how a field is named that is no word: {{ field("Home Phone") }}
_FILTERS = (
    "abs", "capitalize", "d", "default", "first", "float", "int", "join", "last", "length", "lower", "replace", "round",
    "string", "title", "trim", "truncate", "upper", "wordcount",
)  # fmt: skip
_METHODS = frozenset({
    "capitalize", "casefold", "endswith", "find", "isalpha", "isdigit", "lower", "lstrip", "partition", "removeprefix",
    "removesuffix", "rpartition", "rstrip", "split", "startswith", "strip", "title", "upper",
})  # fmt: skip
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Name, nodes.Const, nodes.List,
    nodes.Tuple, nodes.Filter, nodes.Test, nodes.Call, nodes.Keyword, nodes.Getattr, nodes.Getitem, nodes.Slice,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Add, nodes.Sub, nodes.Mul,
    nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos,
)  # fmt: skip


class WrongTemplate(ValueError):
    """A template that cannot be used: what is wrong with it and how to mend it."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


class _TooLong(Exception):
    pass


def _replace(text: str, old: str, new: str) -> str:
    if len(str(new)) * (str(text).count(str(old)) + 1) > 10 * MOST_CHARACTERS:
        raise _TooLong
    return str(text).replace(str(old), str(new))


class _Sandbox(sandbox.ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Only numbers are multiplied and divided: a text times a number grows without end."""
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise jinja2.TemplateRuntimeError("not a number")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Only these methods of texts."""
        return isinstance(obj, str) and attr in _METHODS


def _environment() -> _Sandbox:
    made = _Sandbox(undefined=jinja2.Undefined, autoescape=False, finalize=lambda value: "" if value is None else value)
    made.globals.clear()
    made.filters = {name: made.filters[name] for name in _FILTERS} | {"replace": _replace}
    return made


_ENVIRONMENT = _environment()


class Template:
    """One compiled template. Raises WrongTemplate where it cannot be used. `names` are the fields that it looks at,
    sorted."""

    def __init__(self, text: str) -> None:
        try:
            tree = _ENVIRONMENT.parse(text)
            self.names = _names(tree)
            self._render = _ENVIRONMENT.from_string(text)
        except jinja2.TemplateError as error:
            what = (error.message or "it cannot be read").rstrip(".")
            what = what[:1].lower() + what[1:]
            raise WrongTemplate(f"not a template: {what}", 'write it like "{{ first_name }} {{ last_name }}"') from None

    def __call__(self, fields: records.Fields) -> str | None:
        """The text with these values, without blanks around it; a field that is absent is blank. None where it cannot
        be made or is longer than MOST_CHARACTERS."""
        values: dict[str, str | Callable[[str], str]] = {name: fields.get(name) or "" for name in self.names}
        values[_FIELD] = lambda name: fields.get(name) or ""
        parts: list[str] = []
        length = 0
        try:
            for part in self._render.generate(values):
                parts.append(part)
                length += len(part)
                if length > MOST_CHARACTERS:
                    return None
        except (jinja2.TemplateError, _TooLong, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
            return None
        return "".join(parts).strip()


def _names(tree: nodes.Template) -> tuple[str, ...]:
    """The fields that a template looks at."""
    calls = [node for node in tree.find_all(nodes.Call) if isinstance(node.node, nodes.Name)]
    named = [_argument(node) for node in calls]
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _NODES):
            raise WrongTemplate("a template holds only {{ … }} and {% if … %}", "leave loops, assignments and such out")
    called = {id(node.node) for node in tree.find_all(nodes.Call)}
    for getter in tree.find_all(nodes.Getattr):
        if id(getter) not in called or getter.attr not in _METHODS:
            fix = (
                f'a field whose name has a point in it: {{{{ field("Some.{getter.attr}") }}}}; else use filters: |upper'
            )
            raise WrongTemplate(f"there is no .{getter.attr} in a template", fix)
    if any(node.name == _FIELD and id(node) not in called for node in tree.find_all(nodes.Name)):
        raise WrongTemplate("`field` is a function", 'write {{ field("Name of the field") }}')
    return tuple(sorted({*named, *(meta.find_undeclared_variables(tree) - {_FIELD})}))


def _argument(call: nodes.Call) -> str:
    function = call.node
    if not isinstance(function, nodes.Name) or function.name != _FIELD:
        raise WrongTemplate("a template has no functions of that name", "use filters: {{ name|upper }}")
    match call.args:
        case [nodes.Const(value=str(name))] if not call.kwargs:
            return name
    raise WrongTemplate("`field` takes the name of one field", 'write {{ field("Name of the field") }}')


@lru_cache(maxsize=4096)
def compiled(text: str) -> Template:
    """The template; compiling takes a millisecond, and each is needed several times. Raises WrongTemplate."""
    return Template(text)


def names(text: str) -> tuple[str, ...]:
    """The fields that a template looks at; raise WrongTemplate where it cannot be used."""
    return compiled(text).names
