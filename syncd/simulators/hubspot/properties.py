"""Property definitions of an object type, and what a value must look like to be stored."""

import dataclasses
import datetime
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from . import refusals

TYPES = ("string", "number", "bool", "enumeration", "date", "datetime", "phone_number")
_FIELD_TYPES = {
    "string": ("text", "textarea", "html", "phonenumber", "file"),
    "number": ("number",),
    "bool": ("booleancheckbox",),
    "enumeration": ("select", "radio", "checkbox", "booleancheckbox"),
    "date": ("date",),
    "datetime": ("date",),
    "phone_number": ("phonenumber",),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Property:
    """A property definition. `rule`: a validation rule of the portal: (pattern, text)."""

    name: str
    type: str = "string"
    field_type: str = "text"
    label: str = ""
    group: str = ""
    options: tuple[str, ...] = ()
    read_only: bool = False
    unique: bool = False
    rule: tuple[str, str] | None = None

    def plain(self) -> dict[str, Any]:
        """As the properties API shows it."""
        return {
            "name": self.name,
            "label": self.label or self.name,
            "type": self.type,
            "fieldType": self.field_type,
            "groupName": self.group,
            "options": [{"label": value.title(), "value": value, "hidden": False} for value in self.options],
            "hasUniqueValue": self.unique,
            "archived": False,
            "modificationMetadata": {"readOnlyValue": self.read_only, "archivable": True, "readOnlyDefinition": False},
        }

    def stored(self, value: object) -> str:
        """Given a value to write, return it as stored; raise Refusal as the API does."""
        if isinstance(value, bool):
            value = "true" if value else "false"
        if isinstance(value, (int, float)):
            value = str(value)
        if not isinstance(value, str):
            raise self._wrong("is not a text", "INVALID_STRING")
        if self.read_only:
            raise self._wrong("is a read only property; its value cannot be set", "READ_ONLY_VALUE")
        if value == "":
            return ""
        value = self._typed(value)
        if self.rule is not None and re.fullmatch(self.rule[0], value) is None:
            raise refusals.invalid(self.rule[1], "FAILED_VALIDATION", propertyName=[self.name])
        return value

    def _typed(self, value: str) -> str:
        match self.type:
            case "number":
                try:
                    return format(Decimal(value), "f")
                except InvalidOperation:
                    raise self._wrong("was not a valid number", "INVALID_INTEGER") from None
            case "bool":
                if value not in ("true", "false"):
                    raise self._wrong("was not one of the allowed options: [true, false]", "INVALID_OPTION")
            case "enumeration":
                parts = value.split(";") if self.field_type == "checkbox" else [value]
                if not set(parts) <= set(self.options):
                    raise self._wrong(f"was not one of the allowed options: {list(self.options)}", "INVALID_OPTION")
            case "date":
                if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is None:
                    raise self._wrong("was not a valid date", "INVALID_DATE")
            case "datetime":
                return self._moment(value)
        return value

    def _moment(self, value: str) -> str:
        try:
            if value.isdecimal():
                moment = datetime.datetime.fromtimestamp(int(value) / 1000, datetime.UTC)
            else:
                moment = datetime.datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            raise self._wrong("was not a valid long", "INVALID_LONG") from None
        if moment.tzinfo is None:
            raise self._wrong("was not a valid long", "INVALID_LONG")
        return stamp(moment.timestamp())

    def _wrong(self, what: str, code: str) -> refusals.Refusal:
        return refusals.invalid(f'Property "{self.name}" {what}', code, propertyName=[self.name])


def stamp(epoch: float) -> str:
    """Unix time as HubSpot prints instants: milliseconds, UTC."""
    moment = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def read(given: Mapping[str, Any]) -> Property:
    """Given a definition as posted to the properties API, return it; raise Refusal for what that API refuses."""
    missing = [name for name in ("name", "label", "type", "fieldType", "groupName") if not given.get(name)]
    if missing:
        raise refusals.invalid(f"Some required fields were not set: {missing}", "REQUIRED_FIELD")
    if re.fullmatch(r"[a-z][a-z0-9_]*", given["name"]) is None:
        raise refusals.invalid(f"Property name {given['name']} is not valid", "INVALID_PROPERTY_NAME")
    if given["type"] not in TYPES or given["fieldType"] not in _FIELD_TYPES[given["type"]]:
        raise refusals.invalid(f"{given['type']} and {given['fieldType']} do not go together", "INVALID_TYPE")
    unique = bool(given.get("hasUniqueValue"))
    if unique and given["type"] not in ("string", "number"):
        raise refusals.invalid("only text and number properties can have unique values", "INVALID_UNIQUE")
    return Property(
        given["name"],
        given["type"],
        given["fieldType"],
        given["label"],
        given["groupName"],
        tuple(str(option["value"]) for option in given.get("options", ())),
        unique=unique,
    )


def text(*names: str, group: str) -> list[Property]:
    """Plain text properties."""
    return [Property(name, group=group) for name in names]


def by_name(found: Sequence[Property]) -> dict[str, Property]:
    """Name → definition."""
    return {one.name: one for one in found}
