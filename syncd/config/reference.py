"""The tables of docs/configuration.md, from the models: `python -m syncd.config.reference docs/configuration.md`."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from syncd.config import fields, models, scalars
from syncd.sdk import registry

MODELS: dict[str, type[BaseModel]] = {
    "file": models.Settings,
    "log": models.Log,
    "client": models.Client,
    "statistics": models.Statistics,
    "alerts": models.Alerts,
    "metrics": models.Metrics,
    "retention": models.Retention,
    "audit": models.Audit,
    "limits": models.ClientLimits,
    "pipeline": models.Pipeline,
    "leads": models.Leads,
    "dispositions": models.Dispositions,
    "edits": models.Edits,
    "dnc": models.Dnc,
    "callbacks": models.Callbacks,
    "recordings": models.Recordings,
    "guard": models.LeadsGuard,
    "field": fields.FieldSpec,
    "rule": fields.FieldRule,
    "test": fields.FieldTest,
}
_PLAIN = {bool: "true or false", int: "whole number", float: "number", str: "text", SecretStr: "text, secret"}
_TABLE = re.compile(r"(<!-- keys: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def render(text: str) -> str:
    """Given the page, return it with every table between `<!-- keys: NAME -->` and `<!-- end -->` made anew. A name is
    one of the models here or an installed connector."""
    return _TABLE.sub(lambda found: found[1] + table(found[2]) + found[3], text)


def table(name: str) -> str:
    """The Markdown table of one model's or connector's keys."""
    model = MODELS.get(name) or registry.load(name).Options
    lines = ["| Key | Type | Default | Meaning |", "| --- | --- | --- | --- |"]
    inherited = (
        set(models.Pipeline.model_fields)
        if issubclass(model, models.Pipeline) and model is not models.Pipeline
        else set()
    )
    for key, info in _keys(model, "", inherited, nested=name not in MODELS):
        cells = (f"`{key}`", _type(info), default(info), info.description or "")
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _keys(model: type[BaseModel], prefix: str, left_out: set[str], *, nested: bool) -> Iterator[tuple[str, FieldInfo]]:
    for name, info in model.model_fields.items():
        if name in left_out:
            continue
        key = prefix + (info.alias or name)
        yield key, info
        for inner in _members(info.annotation):
            if nested and isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from _keys(inner, f"{key}.", set(), nested=True)


def _members(annotation: Any) -> list[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for member in get_args(annotation) if member is not type(None)]
    return [annotation]


def _type(info: FieldInfo) -> str:
    shown = [one.name for one in info.metadata if isinstance(one, scalars.Shown)]
    return shown[0] if shown else " or ".join(_named(member) for member in _members(info.annotation))


def _named(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        shown = [one.name for one in inner[1:] if isinstance(one, scalars.Shown)]
        return shown[0] if shown else _named(inner[0])
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in inner)
    if origin in (tuple, list):
        return f"list of {_named(inner[0])}"
    if origin is dict:
        return f"{_named(inner[0])}: {_named(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "keys below"
    return _PLAIN.get(annotation, "text")


def default(info: FieldInfo) -> str:
    """The default as the page shows it."""
    value = info.default
    if info.is_required():
        return "**required**"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value == () or info.default_factory is not None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    if isinstance(value, float):
        seconds = "duration" in _type(info)
        return f"`{value:.10g}{'s' if seconds else ''}`"
    return f"`{value}`"


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:]):
        page.write_text(render(page.read_text("utf-8")), "utf-8")
