"""Types of single settings: how a person writes them and what they become."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetJsonSchemaHandler,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from syncd.core import mapping

_UNITS: Mapping[str, float] = {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|m|h|d|)")


class Wrong(ValueError):
    """A setting that cannot be used: what is wrong with it and how to write it, without the value itself."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(f"{what} – {fix}" if fix else what)
        self.what = what
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Shown:
    """What the documentation calls a type."""

    name: str


@dataclass(frozen=True, slots=True)
class Also:
    """Says in the JSON Schema that a value may also be written like this."""

    type: str | tuple[str, ...]
    description: str = ""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        kinds = [self.type] if isinstance(self.type, str) else list(self.type)
        return {"anyOf": [{"type": kinds}, handler(core)]}


def seconds(value: Any) -> float:
    """A duration as a person writes it, in seconds. Raises Wrong."""
    found = _DURATION.fullmatch(str(value).strip()) if isinstance(value, str | int | float) else None
    if found is None or isinstance(value, bool):
        raise Wrong("not a duration", "write 30s, 5m, 1h, 2d, 500ms or a number of seconds")
    amount = float(found[1]) * _UNITS[found[2]]
    if amount <= 0:
        raise Wrong("a duration is more than zero", "write 30s, 5m, 1h or a number of seconds")
    return amount


def _start(value: Any) -> Literal["all", "now"] | date | datetime:
    if isinstance(value, str):
        match value.strip().lower():
            case "all":
                return "all"
            case "now":
                return "now"
        for parse in (date.fromisoformat, datetime.fromisoformat):
            try:
                return parse(value.strip())
            except ValueError:
                continue
    raise Wrong(
        "not a start", "write all, now, a date such as 2026-11-20 or an instant such as 2026-11-20T15:00:00-05:00"
    )


def _share(value: Any) -> Any:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d+(?:\.\d+)?) ?%", value.strip())):
        return float(found[1]) / 100
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Wrong("no time zone of that name", "write an IANA name such as America/New_York") from None
    return value


def _region(value: str) -> str:
    if value.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise Wrong("no country of that code", "write two letters, for example US, GB or NO")
    return value.upper()


def _transform(value: str) -> str:
    known = [*mapping.TRANSFORMS, "phone"]
    if value not in known:
        raise Wrong("no transform of that name", choices(value, known))
    return value


def _text(value: Any) -> Any:
    """A status `true` or `no` is as good a text as any other."""
    return str(value).lower() if isinstance(value, bool) else value


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str | bool) else value


def choices(wrong: str, known: list[str]) -> str:
    """Given a name that does not exist and those that do, say what was meant or what there is."""
    folded = {name.casefold(): name for name in known}
    asked = wrong.casefold()
    whole = [name for name in folded if name.startswith(asked) or name.endswith(f"_{asked}")] if len(asked) > 2 else []
    near = difflib.get_close_matches(asked, folded, n=1, cutoff=0.8)
    if not near:
        near = whole if 0 < len(whole) < 4 else difflib.get_close_matches(asked, folded, n=1, cutoff=0.6)
    return (
        f"did you mean {' or '.join(folded[name] for name in near)}?"
        if near
        else f"there are: {', '.join(sorted(known))}"
    )


_DURATION_SCHEMA = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": r"^ *[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d|) *$|\$\{"},
    ]
}
_START_SCHEMA = {"type": "string", "pattern": r"^ *([Aa][Ll][Ll]|[Nn][Oo][Ww]|[0-9]{4}-?[0-9W].*)$|\$\{"}
_SHARE_SCHEMA = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "string", "pattern": r"^ *[0-9]+(\.[0-9]+)? ?%? *$|\$\{"},
    ]
}
Duration = Annotated[float, PlainValidator(seconds), Shown("duration"), WithJsonSchema(_DURATION_SCHEMA)]
Start = Annotated[
    Literal["all", "now"] | date | datetime,
    PlainValidator(_start),
    Shown("`all`, `now`, date, instant"),
    WithJsonSchema(_START_SCHEMA),
]
Share = Annotated[float, BeforeValidator(_share), Shown("share (0.1, 10%)"), WithJsonSchema(_SHARE_SCHEMA)]
Zone = Annotated[str, AfterValidator(_zone), Shown("time zone")]
Region = Annotated[str, AfterValidator(_region), Shown("country code")]
Text = Annotated[str, BeforeValidator(_text), Shown("text"), Also("boolean")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Names = Annotated[
    tuple[Name, ...], BeforeValidator(_several), Shown("name or list of names"), Also(("string", "number"))
]
Transforms = Annotated[
    tuple[Annotated[str, AfterValidator(_transform)], ...],
    BeforeValidator(_several),
    Shown("name or list of names"),
    Also("string"),
]
Texts = Annotated[
    tuple[Text, ...],
    BeforeValidator(_several),
    Shown("text or list of texts"),
    Also(("string", "number", "boolean")),
]
