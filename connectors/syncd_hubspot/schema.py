"""What the portal defines: properties of a type, call dispositions, owners; and values as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.sdk import errors, records
from syncd_hubspot.api import Api, NotThere, Refused

RECORD_ID = "record_id"
SECONDS = "duration_seconds"
PSEUDO: Mapping[str, Mapping[str, records.FieldInfo]] = {
    "calls": {
        RECORD_ID: records.FieldInfo("text", label="id of the record that the call belongs to"),
        SECONDS: records.FieldInfo("whole number", label="length in seconds; becomes hs_call_duration"),
    },
    "tasks": {RECORD_ID: records.FieldInfo("text", label="id of the record that the task belongs to")},
}
"""Fields of activities that are no properties."""
_WORDS = {"datetime": "instant", "bool": "boolean", "string": "text", "phone_number": "text"}
_OWNER = "hubspot_owner_id"
_DISPOSITION = "hs_call_disposition"


class Schema:
    """Asked once per connector."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._properties: dict[str, dict[str, dict[str, Any]]] = {}
        self._dispositions: dict[str, str] | None = None
        self._owners: dict[str, str | None] = {}

    def properties(self, kind: str) -> Mapping[str, dict[str, Any]]:
        """Name → definition. Raises UserError if there is no such type, AuthFailed, RetryLater."""
        if kind not in self._properties:
            try:
                answer = self._api.get(self._api.properties(kind))
            except (Refused, NotThere):
                problem = errors.Problem(f"the portal has no object {kind}", "object", "give its type id or name")
                raise errors.UserError([problem]) from None
            self._properties[kind] = {one["name"]: one for one in answer["results"]}
        return self._properties[kind]

    def forget(self) -> None:
        """Ask again next time."""
        self._properties.clear()

    def fields(self, kind: str) -> dict[str, records.FieldInfo]:
        """What may be mapped."""
        found: dict[str, records.FieldInfo] = {}
        for name, one in self.properties(kind).items():
            values = tuple(option["value"] for option in one.get("options") or ()) if name != _OWNER else ()
            if one["type"] == "bool":
                values = ("true", "false")
            if name == _DISPOSITION:
                known = self.dispositions()
                values = (*known.values(), *known)
            writable = not (one.get("modificationMetadata") or {}).get("readOnlyValue", False)
            found[name] = records.FieldInfo(
                _WORDS.get(one["type"], one["type"]), writable, values, one.get("label", "")
            )
        return found

    def dispositions(self) -> Mapping[str, str]:
        """Id → label of the portal's call dispositions."""
        if self._dispositions is None:
            answer = self._api.get("/calling/v1/dispositions")
            self._dispositions = {one["id"]: one["label"] for one in answer if not one.get("deleted")}
        return self._dispositions

    def disposition(self, value: str) -> str | None:
        """Given an id or a label, return the id; None if the portal has none of that name."""
        known = self.dispositions()
        if value in known:
            return value
        return next((guid for guid, label in known.items() if label.casefold() == value.strip().casefold()), None)

    def owner(self, value: str) -> str | None:
        """Given an owner's id or e-mail address, return the id; None if nobody has that address."""
        if "@" not in value:
            return value
        key = value.strip().casefold()
        if key not in self._owners:
            found = self._api.get(self._api.owners(), email=key)["results"]
            self._owners[key] = str(found[0]["id"]) if found else None
        return self._owners[key]

    def stored(self, kind: str, name: str, value: str | None) -> str | None:
        """A value as it will be read back. Raises Rejected for an owner or disposition that is not there."""
        if not value:
            return None
        found: str | None = value
        if name == _OWNER:
            found = self.owner(value)
        elif name == _DISPOSITION:
            found = self.disposition(value)
        if found is None:
            raise errors.Rejected([errors.Problem("the portal has none of this name", name, "map it to one it has")])
        definition = self.properties(kind).get(name)
        return found if definition is None else plain(definition["type"], found)

    def read(self, kind: str, properties: Mapping[str, str | None]) -> dict[str, str | None]:
        """An object's properties as text."""
        known = self.properties(kind)
        return {
            name: plain(known[name]["type"] if name in known else "string", value) for name, value in properties.items()
        }


def plain(kind: str, value: str | None) -> str | None:
    """Given a property's type and HubSpot's text, return syncd's text; what cannot be read stays as it is."""
    if value is None or value == "":
        return None
    try:
        if kind == "datetime":
            return records.text(records.instant(value))
        if kind == "number" and "." in value:
            return value.rstrip("0").rstrip(".") or "0"
    except ValueError:
        return value
    return value
