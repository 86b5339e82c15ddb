"""What `describe` tells of objects, and values between Salesforce's types and syncd's text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from syncd.sdk import errors, records
from syncd.sdk.records import FieldInfo
from syncd_salesforce.api import Api

_NUMBERS = ("int", "double", "currency", "percent", "long")
_WORDS = {"boolean": "yes or no", "datetime": "instant", "int": "whole number", "double": "number", "reference": "id"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object."""

    name: str
    type: str
    length: int
    scale: int
    createable: bool
    updateable: bool
    external_id: bool
    unique: bool
    values: tuple[str, ...]  # only where restricted
    label: str
    zone: ZoneInfo  # of days

    @property
    def info(self) -> FieldInfo:
        """For people and for the configuration's checks."""
        word = _WORDS.get(self.type, self.type)
        size = f" {self.length}" if self.length and self.type not in ("id", "reference") else ""
        return FieldInfo(f"{word}{size}", writable=self.updateable, values=self.values, label=self.label)

    def send(self, text: str | None) -> Any:
        """syncd's text as JSON; raise ValueError for what the type cannot hold."""
        if text is None or not text.strip():
            return False if self.type == "boolean" else None
        if self.type == "boolean":
            folded = text.strip().casefold()
            if folded not in ("true", "false"):
                raise ValueError("true or false is expected")
            return folded == "true"
        if self.type in _NUMBERS:
            try:
                number = Decimal(text.strip())
            except InvalidOperation:
                raise ValueError("a number is expected") from None
            if not number.is_finite():
                raise ValueError("a number is expected")
            return int(number) if number == number.to_integral_value() else float(number)
        if self.type == "datetime":
            return records.instant(text.strip()).isoformat()
        if self.type == "date":
            text = text.strip()
            if len(text) <= 10:
                return date.fromisoformat(text).isoformat()
            return records.instant(text).astimezone(self.zone).date().isoformat()
        return text

    def stored(self, text: str | None) -> str | None:
        """The text as it will be read back."""
        sent = self.send(text)
        if self.type == "datetime" and sent is not None:
            moment = datetime.fromisoformat(sent)
            return records.text(moment.replace(microsecond=moment.microsecond // 1000 * 1000))
        if self.type in _NUMBERS and sent is not None:
            step = Decimal(1).scaleb(-self.scale)
            return records.text(Decimal(str(sent)).quantize(step, ROUND_HALF_UP))
        return (records.text(sent) or "").strip() or None


def received(value: Any) -> str | None:
    """A value of JSON or CSV as syncd's text."""
    if isinstance(value, str):
        if len(value) == 28 and value[10] == "T" and value.endswith("+0000"):
            fraction = value[20:23]
            return f"{value[:19]}Z" if fraction == "000" else f"{value[:19]}.{fraction}000Z"
        return value or None
    return records.text(value)


def moment(text: str) -> datetime:
    """A SystemModstamp as an instant."""
    return datetime.fromisoformat(text).astimezone(UTC)


def literal(at: datetime) -> str:
    """An instant as SOQL writes it, in milliseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def quoted(text: str) -> str:
    """A text as SOQL writes it."""
    return "'" + re.sub(r"(['\\])", r"\\\1", text) + "'"


def select(columns: Iterable[str], name: str, where: str, after: str = "") -> str:
    """A query. Names come from `describe` or the configuration, values through `quoted` and `literal`."""
    return f"SELECT {', '.join(columns)} FROM {name} WHERE {where} {after}".rstrip()  # noqa: S608 # see above


class Objects:
    """The org's objects, each asked for once."""

    def __init__(self, api: Api, zone: str) -> None:
        self._api, self._zone = api, ZoneInfo(zone)
        self._known: dict[str, dict[str, Field]] = {}

    def fields(self, name: str, needed: Mapping[str, object] | tuple[str, ...] = ()) -> dict[str, Field]:
        """The object's fields; asked for again where a needed one is not there. Raises as `Api.read`; UserError where
        there is no such object."""
        found = self._known.get(name)
        if found is None or any(one not in found and "." not in one for one in needed):
            try:
                told = self._api.read(f"sobjects/{name}/describe")
            except errors.UserError:
                what = f"there is no object {name}, or the user may not see it"
                raise errors.UserError([errors.Problem(what, "object")]) from None
            found = self._known[name] = {one["name"]: _field(one, self._zone) for one in told["fields"]}
        return found


def _field(told: Mapping[str, Any], zone: ZoneInfo) -> Field:
    active = tuple(one["value"] for one in told.get("picklistValues") or () if one.get("active", True))
    return Field(
        told["name"],
        told["type"],
        int(told.get("length") or 0),
        int(told.get("scale") or 0),
        bool(told.get("createable")),
        bool(told.get("updateable")),
        bool(told.get("externalId")),
        bool(told.get("unique")),
        active if told.get("restrictedPicklist") else (),
        str(told.get("label") or ""),
        zone,
    )


Reader = Callable[[Mapping[str, Any]], str | None]


def reader(path: str) -> Reader:
    """How to get a column of a JSON record, through relationships."""
    links = path.split(".")

    def follow(row: Mapping[str, Any]) -> str | None:
        value: Any = row
        for link in links:
            if value is None:
                return None
            value = value.get(link)
        return received(value)

    return follow if len(links) > 1 else lambda row: received(row.get(path))
