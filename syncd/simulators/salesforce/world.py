"""The org's data: records by object, ids, stamps that the server sets, and what people do to records.

Queries look at `shown`, which a lag can hold back; `rows` is what is committed.
"""

import datetime as dt
import itertools
import string
import threading
from collections.abc import Mapping
from typing import Any

from . import schema
from .schema import Refused, SObject
from .times import stamp

Row = dict[str, Any]
_DIGITS = string.ascii_uppercase + "012345"


def full_id(short: str) -> str:
    """The 18-character form of an id of 15."""
    if len(short) != 15:
        return short
    parts = (short[start : start + 5] for start in (0, 5, 10))
    return short + "".join(_DIGITS[sum(char.isupper() << at for at, char in enumerate(part))] for part in parts)


class World:
    """One org. Hold `lock` while using it."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.lock = threading.RLock()
        self.objects = schema.standard(task_key=bool(state.get("task_key", True)))
        for name, fields in state.get("fields", {}).items():
            self.objects[name] = schema.extended(self.objects[name], [schema.Field(**one) for one in fields])
        self.rows: dict[str, dict[str, Row]] = {name: {} for name in self.objects}
        self.shown: dict[str, dict[str, Row]] = {name: {} for name in self.objects}
        self.late: list[tuple[float, str, str]] = []
        self.lag_seconds = 0.0
        self.offset_seconds = 0.0
        self.used, self.daily = int(state.get("used", 0)), int(state.get("daily", 1_000_000))
        self.adds = 0
        self.lock_rows = False  # a bad day: no row can be locked
        self.several = False
        self.locked: set[str] = set()  # parents that somebody else holds
        self.rules: list[dict[str, str]] = list(state.get("validation_rules", []))
        self._numbers = itertools.count(1)
        for name, rows in state.get("records", {}).items():
            for row in rows:
                self.enter(name, row)

    def now(self) -> dt.datetime:
        """The server's time."""
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.offset_seconds)

    def object(self, name: str) -> SObject:
        """The object of that name; raise Refused (404)."""
        if name not in self.objects:
            raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)
        return self.objects[name]

    def visible(self, name: str) -> dict[str, Row]:
        """The records that queries see now."""
        if self.late:
            now = self.now().timestamp()
            for due in [one for one in self.late if one[0] <= now]:
                self.late.remove(due)
                self.shown[due[1]][due[2]] = self.rows[due[1]][due[2]]
        return self.shown[name]

    def put(self, name: str, row_id: str, changed: Mapping[str, Any], at: str = "") -> Row:
        """Commit fields of a record with a new SystemModstamp."""
        moment = at or stamp(self.now())
        row = {**self.rows[name].get(row_id, {}), **changed, "SystemModstamp": moment, "LastModifiedDate": moment}
        self.rows[name][row_id] = row
        if self.lag_seconds:
            self.late.append((self.now().timestamp() + self.lag_seconds, name, row_id))
        else:
            self.shown[name][row_id] = row
        return row

    def enter(self, name: str, fields: Mapping[str, Any], at: str = "") -> str:
        """Create a record as somebody in the org does, `Id` included if it is given; return the id."""
        obj = self.objects[name]
        row_id = full_id(str(fields.get("Id") or f"{obj.prefix}{next(self._numbers):012d}"))
        row: Row = {one.name: False if one.type == "boolean" else None for one in obj.fields.values()}
        row |= {one.name: one.default for one in obj.fields.values() if one.default is not None}
        row |= {"Id": row_id, "CreatedDate": at or stamp(self.now())}
        self.put(
            name, row_id, {**row, **{obj.field(key).name: value for key, value in fields.items() if key != "Id"}}, at
        )
        return row_id

    def known(self, name: str, row_id: str) -> Row:
        """The record; raise Refused if there is none or it is deleted."""
        row = self.rows[name].get(full_id(row_id))
        if row is None:
            raise Refused("NOT_FOUND", "Provided external ID field does not exist or is not accessible", status=404)
        if row["IsDeleted"]:
            raise Refused("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def save(self, name: str, row_id: str | None, given: Mapping[str, Any]) -> str:
        """Create (no id) or update a record as the API does; return its id. Raise Refused."""
        obj = self.objects[name]
        creating = row_id is None
        fields = {}
        for key, value in given.items():
            field = obj.field(key)
            if not (field.createable if creating else field.updateable):
                what = f"Unable to create/update fields: {field.name}. Please check the security settings of this field"
                raise Refused("INVALID_FIELD_FOR_INSERT_UPDATE", what, [field.name])
            fields[field.name] = field.accept(value)
        before: Row = {}
        if row_id is not None:
            before = self.known(name, row_id)
            if before.get("IsConverted"):
                raise Refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        self._allowed(name, fields, before, creating=creating)
        if row_id is None:
            self.adds += 1
            return self.enter(name, fields)
        self.put(name, before["Id"], fields)
        return str(before["Id"])

    def _allowed(self, name: str, fields: Row, before: Row, *, creating: bool) -> None:
        if creating:
            needed = [one.name for one in self.objects[name].fields.values() if not one.nillable and one.createable]
            missing = [one for one in needed if fields.get(one) is None]
            if missing:
                raise Refused("REQUIRED_FIELD_MISSING", f"Required fields are missing: {missing}", missing)
        self._references(name, fields)
        for rule in self.rules:
            if rule["object"] == name and fields.get(rule["field"]) == rule["value"]:
                raise Refused(
                    "FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.get("message", "refused by a rule"), [rule["field"]]
                )
        parents = {before.get("Id"), before.get("WhoId"), fields.get("WhoId")}
        if self.lock_rows or parents & self.locked:
            raise Refused("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records")

    def _references(self, name: str, fields: Row) -> None:
        for key, value in fields.items():
            if value is None or self.objects[name].fields[key].type != "reference":
                continue
            allowed = self.objects[name].fields[key].reference_to
            found = [self.rows[one][full_id(value)] for one in allowed if full_id(value) in self.rows[one]]
            if allowed and not found:
                raise Refused("INVALID_CROSS_REFERENCE_KEY", f"{key}: invalid cross reference id", [key])
            if found and found[0]["IsDeleted"]:
                raise Refused("ENTITY_IS_DELETED", f"{key}: entity is deleted", [key])
            if found and found[0].get("IsConverted"):
                raise Refused("CANNOT_UPDATE_CONVERTED_LEAD", f"{key}: cannot reference converted lead", [key])
            if key == "OwnerId" and found and not found[0]["IsActive"]:
                raise Refused("INACTIVE_OWNER_OR_USER", "operation performed with inactive user", [key])
            fields[key] = full_id(value)

    def upsert(self, name: str, key: str, value: str, given: Mapping[str, Any]) -> tuple[str, bool]:
        """By external id: (id, created). Raise Refused (300 for several)."""
        field = self.objects[name].fields.get(self.objects[name].by_folded.get(key.casefold(), ""))
        if field is None or not (field.external_id or field.name == "Id"):
            raise Refused("NOT_FOUND", "Provided external ID field does not exist or is not accessible", status=404)
        hits = [row for row in self.rows[name].values() if row[field.name] == value and not row["IsDeleted"]]
        if len(hits) > 1 or self.several:
            ids = [str(row["Id"]) for row in hits]
            raise Refused("DUPLICATE_EXTERNAL_ID", f"{key}: more than one record found for external id field", ids, 300)
        if hits:
            return self.save(name, str(hits[0]["Id"]), given), False
        return self.save(name, None, {**given, field.name: value}), True

    def delete(self, row_id: str, master: str | None = None) -> None:
        """Into the recycle bin; `master` is who swallowed it."""
        name = self.name_of(row_id)
        self.put(
            name, full_id(row_id), {"IsDeleted": True, "MasterRecordId": master} if master else {"IsDeleted": True}
        )

    def convert(self, row_id: str) -> str:
        """A lead becomes a contact; return the contact's id."""
        lead = self.known("Lead", row_id)
        shared = {key: lead[key] for key in self.objects["Contact"].fields if key in lead and key not in _OWN}
        contact = self.enter("Contact", shared)
        status = {"IsConverted": True, "ConvertedContactId": contact, "Status": "Closed - Converted"}
        self.put("Lead", lead["Id"], {**status, "ConvertedDate": stamp(self.now())[:10]})
        return contact

    def name_of(self, row_id: str) -> str:
        """The object that an id's prefix says; raise Refused."""
        for name, obj in self.objects.items():
            if row_id.startswith(obj.prefix):
                return name
        raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")


_OWN = {"Id", "SystemModstamp", "CreatedDate", "LastModifiedDate", "IsDeleted", "MasterRecordId"}
