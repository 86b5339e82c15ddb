"""What the configuration's files ask for before anything of it can be loaded: secrets by name, and plain settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.config import load, secrets, yaml_nodes
from syncd.sdk import errors


@dataclass(slots=True)
class Asked:
    """`credentials`, `variables`, `files`: what `${credential:…}`, `${env:…}` and `${file:…}` name, sorted. `main`: the
    main file's values as they stand."""

    credentials: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    main: dict[str, Any] = field(default_factory=dict)


def asked(path: Path) -> Asked:
    """Read the main file and `clients/*.yaml` beside it; no secret is looked up. Raises UserError for a file that
    cannot be read or is no YAML."""
    names: dict[str, set[str]] = {"credential": set(), "env": set(), "file": set()}
    found = Asked()
    for one in (path, *sorted((path.parent / load.FOLDER).glob("*.yaml"))):
        document = yaml_nodes.read(load.text(one), str(one), may_be_empty=True)
        if problems := document.problems(fatal=True):
            raise errors.UserError(problems)
        if one == path:
            found.main = dict(document.value or {})
        for text in _texts(document.value):
            for kind, name in secrets.references(text):
                names[kind].add(name)
    found.credentials, found.variables, found.files = (sorted(names[kind]) for kind in ("credential", "env", "file"))
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
