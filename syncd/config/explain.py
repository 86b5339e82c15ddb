"""pydantic's errors → problems for a person, with place and advice and never with the value that was wrong."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from syncd.config import scalars, yaml_nodes

_EXPECTED = {
    "bool_parsing": ("not true or false", "write true or false"),
    "bool_type": ("not true or false", "write true or false"),
    "dict_type": ("not a mapping", "write `key: value` lines below it"),
    "mapping_type": ("not a mapping", "write `key: value` lines below it"),
    "model_type": ("not a mapping", "write `key: value` lines below it"),
    "model_attributes_type": ("not a mapping", "write `key: value` lines below it"),
    "list_type": ("not a list", "write [first, second]"),
    "tuple_type": ("not a list", "write [first, second]"),
    "set_type": ("not a list", "write [first, second]"),
    "int_parsing": ("not a whole number", "write digits only"),
    "int_type": ("not a whole number", "write digits only"),
    "int_from_float": ("not a whole number", "write digits only"),
    "float_parsing": ("not a number", "write digits, with a point for decimals"),
    "float_type": ("not a number", "write digits, with a point for decimals"),
    "string_type": ("not a text", "write one value here; put true and false in quotes"),
    "string_too_short": ("too short or empty", ""),
    "too_short": ("nothing stands here", "add at least one, or leave the key out"),
}


def note(
    document: yaml_nodes.Document,
    error: ValidationError,
    model: type[BaseModel],
    prefix: yaml_nodes.Path = (),
    *,
    beside: tuple[str, ...] = (),
) -> None:
    """Add all of pydantic's errors to the document's problems. `prefix` is where the model's value stands, `beside`
    the keys that may stand there without being the model's."""
    for detail in error.errors(include_url=False, include_input=False):
        loc = (*prefix, *detail["loc"])
        known = document.known(loc)
        kind = detail["type"]
        if known in document.unknown or (kind == "value_error" and _lacks_a_secret(document, known)):
            continue
        if kind == "extra_forbidden":
            key, allowed = str(loc[-1]), _keys(model, detail["loc"][:-1])
            allowed += beside if len(detail["loc"]) == 1 else ()
            document.add(known, "unknown key", scalars.choices(key, allowed), at="key")
        elif kind == "missing":
            document.add((*known, loc[-1]), "is missing", _description(model, detail["loc"]))
        elif loc and loc[-1] == "[key]":
            document.add(known, "a key that cannot be used", _explained(detail)[0], at="key")
        elif document.at(known) is None and known == loc and not _ours(detail):
            document.add(known, "nothing stands after the colon", "write a value, or leave the key out", at="key")
        else:
            document.add(known, *_explained(detail))


def _lacks_a_secret(document: yaml_nodes.Document, path: yaml_nodes.Path) -> bool:
    """Whether what a whole is wrong with may be no more than that one of its texts could not be made."""
    return any(unknown[: len(path)] == path for unknown in document.unknown)


def _ours(detail: ErrorDetails) -> bool:
    return isinstance(detail.get("ctx", {}).get("error"), scalars.Wrong)


def _explained(detail: ErrorDetails) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    if isinstance(wrong := context.get("error"), scalars.Wrong):
        return wrong.what, wrong.fix
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", detail["msg"])), ""
    if kind in ("literal_error", "enum"):
        return "not one of the possible values", f"write {context.get('expected', '')}"
    if kind == "string_pattern_mismatch":
        return "not of the expected form", f"it must match {context.get('pattern', '')}"
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind.startswith("union_tag"):  # pydantic's own text holds the value
        return "not one of the possible kinds", ""
    text = detail["msg"].replace("Input should be", "must be").replace("Input should", "must")
    return text[:1].lower() + text[1:], ""


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that a value of this type may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) is Annotated:
        return _models(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [model for member in get_args(annotation) for model in _models(member)]
    return []


def _step(annotation: Any, step: str | int) -> list[Any]:
    """The types of what stands at `step` in a value of this type."""
    if found := _models(annotation):
        return [
            info.annotation
            for model in found
            for name, info in model.model_fields.items()
            if step in (info.validation_alias, info.alias, name)
        ]
    if get_origin(annotation) is Annotated:
        return _step(get_args(annotation)[0], step)
    members = [member for member in get_args(annotation) if member is not Ellipsis]
    if get_origin(annotation) in (Union, types.UnionType):
        return [one for member in members for one in _step(member, step)]
    return members[-1:]  # the items of a list, the values of a dict


def _at(model: type[BaseModel], loc: Sequence[str | int]) -> list[type[BaseModel]]:
    """The models that may stand at pydantic's `loc`."""
    here: list[Any] = [model]
    for step in loc:
        here = [one for annotation in here for one in _step(annotation, step)] or here
    return [found for annotation in here for found in _models(annotation)]


def _keys(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    return [info.alias or name for found in _at(model, loc) for name, info in found.model_fields.items()]


def _description(model: type[BaseModel], loc: Sequence[str | int]) -> str:
    for found in _at(model, loc[:-1]):
        for name, info in found.model_fields.items():
            if loc[-1] in (info.alias, name):
                return info.description or ""
    return ""
