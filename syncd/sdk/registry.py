"""Finds connectors by name through the entry points `syncd.connectors`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import cast

from syncd.sdk import errors, protocol

GROUP = "syncd.connectors"


@cache
def names() -> tuple[str, ...]:
    """The names of all installed connectors, sorted."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


@cache
def load(name: str) -> type[protocol.Connector]:
    """The connector class of that name; raise UserError with the known names if there is none."""
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return cast("type[protocol.Connector]", entry.load())
    raise errors.UserError(
        [errors.Problem(f"unknown connector type {name!r}", fix=f"installed are: {', '.join(names())}")]
    )
