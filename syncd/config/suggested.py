"""What a CRM's connector suggests for a pipeline (`protocol.Example`), field by field: a customer's CRM may lack some
fields, or have them under other names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.config import yaml_nodes

_KEY = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s:]+")


@dataclass(frozen=True, slots=True)
class Field:
    """One field that is written. `reads`: where its value comes from, in words; `agents`: it takes the client's
    `agents`."""

    name: str
    reads: str
    agents: bool


class Suggestion:
    """One pipeline: its `fields`, and whatever else the connector shows of it."""

    def __init__(self, text: str) -> None:
        document = yaml_nodes.read(text, "")
        value: dict[str, Any] = document.value
        rows = [document.keys["fields", name].line for name in value["fields"]]
        if len({*rows, document.keys["fields",].line}) <= len(rows):  # on one line; fields are cut out by lines
            text = _block(value)
            document = yaml_nodes.read(text, "")
        self._lines = text.splitlines()
        self._places = document.keys
        self._policy: Mapping[str, str] = value.get("policy") or {}
        self.fields = {name: _field(name, spec) for name, spec in value["fields"].items()}

    def lines(self, renamed: Mapping[str, str], left_out: Mapping[str, str]) -> list[str]:
        """The YAML lines: fields of `renamed` under the names given there, those of `left_out` commented out, each with
        the reason given there."""
        lines: list[str | None] = [*self._lines]
        for name, new in renamed.items():
            place = self._places["fields", name]
            before, line = (
                self._lines[place.line - 1][: place.column - 1],
                self._lines[place.line - 1][place.column - 1 :],
            )
            key = _KEY.match(line)
            lines[place.line - 1] = f"{before}{new}{line[key.end() if key else 0 :]}"
        for name, why in left_out.items():
            place = self._places["fields", name]
            margin = " " * (place.column - 1)
            rows = self._rows(("fields", name))
            for row in rows:
                text = self._lines[row].removeprefix(margin)
                lines[row] = self._lines[row] if text.lstrip().startswith("#") else f"{margin}#{text}"
            lines[rows[0]] = f"{margin}# {why}:\n{lines[rows[0]]}"
        if self._policy.keys() & {*renamed, *left_out}:
            policy = {renamed.get(name, name): one for name, one in self._policy.items() if name not in left_out}
            first, *rest = self._rows(("policy",))
            lines[first] = (
                f"policy: {{{', '.join(f'{name}: {one}' for name, one in policy.items())}}}" if policy else None
            )
            for row in rest:
                lines[row] = None
        return [line for text in lines if text is not None for line in text.split("\n")]

    def _rows(self, path: tuple[str, ...]) -> Sequence[int]:
        """The rows of a key and its value, without comments that belong to what follows."""
        first = self._places[path].line - 1
        depth = len(path)
        after = (
            place.line - 1 for other, place in self._places.items() if len(other) <= depth and place.line - 1 > first
        )
        last = min(after, default=len(self._lines))
        while self._lines[last - 1].strip()[:1] in ("", "#"):
            last -= 1
        return range(first, last)


def _block(value: Mapping[str, Any]) -> str:
    others = [f"{key}: {json.dumps(one)}" for key, one in value.items() if key != "fields"]
    fields = [f"  {json.dumps(name)}: {json.dumps(spec)}" for name, spec in value["fields"].items()]
    return "\n".join([*others, "fields:", *fields])


def _field(name: str, spec: Any) -> Field:
    if not isinstance(spec, dict):
        return Field(name, str(spec), agents=False)
    source = spec.get("from")
    tested = {one for rule in spec.get("rules") or () for one in rule.get("when") or ()}
    names = [source] if isinstance(source, str) else [*(source or ()), *sorted(tested)]
    reads = ", ".join(names) or ("a text" if "template" in spec else "a fixed value")
    return Field(name, reads, agents="agents" in spec)
