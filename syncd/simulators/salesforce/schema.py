"""Objects and their fields as `describe` tells them, and what a value of each type must look like.

Source: Object Reference for the Salesforce Platform (Lead, Contact, Task, User), the fields that syncd's users map.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_NUMBERS = ("int", "double", "currency", "percent")
_SYSTEM = ("Id", "SystemModstamp", "CreatedDate", "LastModifiedDate", "IsDeleted")


class Refused(Exception):
    """One row or request is refused, with Salesforce's code for it."""

    def __init__(self, code: str, message: str, fields: Iterable[str] = (), status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.fields, self.status = code, message, list(fields), status


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field. `createable`/`updateable` are what the user's profile lets an integration do."""

    name: str
    type: str = "string"
    length: int = 0
    updateable: bool = True
    createable: bool = True
    nillable: bool = True
    values: tuple[str, ...] = ()
    restricted: bool = False
    external_id: bool = False
    unique: bool = False
    reference_to: tuple[str, ...] = ()
    relationship: str = ""
    label: str = ""
    default: Any = None

    def describe(self) -> dict[str, Any]:
        """As `describe` answers it."""
        return {
            "name": self.name,
            "label": self.label or self.name.removesuffix("__c").replace("_", " "),
            "type": self.type,
            "length": self.length,
            "createable": self.createable,
            "updateable": self.updateable,
            "nillable": self.nillable,
            "filterable": self.type != "textarea",
            "externalId": self.external_id,
            "unique": self.unique,
            "idLookup": self.external_id or self.name == "Id",
            "restrictedPicklist": self.restricted,
            "picklistValues": [{"value": value, "label": value, "active": True} for value in self.values],
            "referenceTo": list(self.reference_to),
            "relationshipName": self.relationship or None,
            "scale": 2 if self.type in ("double", "currency", "percent") else 0,
        }

    def accept(self, value: Any) -> Any:
        """A value as it will be stored; raise Refused."""
        if value is None or value == "":
            if not self.nillable:
                raise Refused("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{self.name}]", [self.name])
            return False if self.type == "boolean" else None
        if self.type == "boolean" or self.type in _NUMBERS:
            return self._plain(value)
        if not isinstance(value, str):
            raise self._unreadable(value)
        if self.type == "date" and not _DATE.fullmatch(value):
            raise self._unreadable(value)
        if self.type == "datetime":
            from .times import stamp_of

            return stamp_of(value, self.name)
        if self.restricted and value not in self.values:
            what = f"{self.name}: bad value for restricted picklist field"
            raise Refused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", what, [self.name])
        if self.length and len(value) > self.length:
            what = f"{self.name}: data value too large (max length={self.length})"
            raise Refused("STRING_TOO_LONG", what, [self.name])
        if self.type == "email" and "@" not in value:
            raise Refused("INVALID_EMAIL_ADDRESS", f"{self.name}: invalid email address", [self.name])
        return value.strip() or None

    def _plain(self, value: Any) -> Any:
        fits = isinstance(value, bool) if self.type == "boolean" else type(value) in (int, float)
        if not fits:
            raise self._unreadable(value)
        if self.type == "boolean":
            return value
        return int(value) if self.type == "int" else round(float(value), 2)

    def _unreadable(self, value: Any) -> Refused:
        return Refused("JSON_PARSER_ERROR", f"Cannot deserialize instance of {self.type} from {type(value).__name__}")


@dataclasses.dataclass(frozen=True, slots=True)
class SObject:
    """One object: its key prefix and fields by name."""

    name: str
    prefix: str
    fields: Mapping[str, Field]
    by_folded: Mapping[str, str]

    def field(self, name: str) -> Field:
        """The field of that name in any case; raise Refused as a query or write does."""
        found = self.by_folded.get(name.casefold())
        if found is None:
            what = f"No such column '{name}' on entity '{self.name}'. If you are attempting to use a custom field, "
            raise Refused("INVALID_FIELD", what + "be sure to append the '__c' after the custom field name.")
        return self.fields[found]

    def describe(self) -> dict[str, Any]:
        """As `describe` answers it."""
        return {
            "name": self.name,
            "keyPrefix": self.prefix,
            "queryable": True,
            "createable": True,
            "updateable": True,
            "fields": [field.describe() for field in self.fields.values()],
        }


def sobject(name: str, prefix: str, *fields: Field) -> SObject:
    """An object with the system fields that all have."""
    system = [
        Field(one, _type(one), updateable=False, createable=False, nillable=False, length=18 if one == "Id" else 0)
        for one in _SYSTEM
    ]
    found = {field.name: field for field in (*system, *fields)}
    return SObject(name, prefix, found, {field.casefold(): field for field in found})


def extended(known: SObject, fields: Iterable[Field]) -> SObject:
    """The object with fields that an administrator has added or changed."""
    found = {**known.fields, **{field.name: field for field in fields}}
    return SObject(known.name, known.prefix, found, {field.casefold(): field for field in found})


def _type(name: str) -> str:
    return {"Id": "id", "IsDeleted": "boolean"}.get(name, "datetime")


def _owner() -> Field:
    return Field("OwnerId", "reference", 18, reference_to=("User",), relationship="Owner")


def _person() -> tuple[Field, ...]:
    return (
        Field("FirstName", length=40),
        Field("LastName", length=80, nillable=False),
        Field("Email", "email", 80),
        Field("Phone", "phone", 40),
        Field("MobilePhone", "phone", 40),
        Field("Title", length=128),
        Field("Description", "textarea", 32000),
        Field("DoNotCall", "boolean", default=False),
        Field("HasOptedOutOfEmail", "boolean", default=False),
        Field(
            "Call_Status__c",
            "picklist",
            values=("sold", "not interested", "no answer", "do not call"),
            restricted=True,
            label="Call status",
        ),
        Field("Last_Call__c", "datetime", label="Last call"),
        Field("Last_Agent__c", length=40, label="Last agent"),
        Field("Calls__c", "double", label="Calls"),
        Field("MasterRecordId", "reference", 18, updateable=False, createable=False),
        _owner(),
    )


_TASK_STATUSES = ("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred")
_STATUSES = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")


def standard(*, task_key: bool = True) -> dict[str, SObject]:
    """The objects of the simulated org. `task_key`: an administrator has made Syncd_Call__c on Activity."""
    key = (Field("Syncd_Call__c", length=40, external_id=True, unique=True),) if task_key else ()
    made = [
        sobject(
            "Lead",
            "00Q",
            *_person(),
            Field("Company", length=255, nillable=False),
            Field("Status", "picklist", 255, values=_STATUSES, default=_STATUSES[0]),
            Field("Street", "textarea", 255),
            Field("City", length=40),
            Field("State", length=80),
            Field("PostalCode", length=20),
            Field("AnnualRevenue", "currency"),
            Field("LeadOnly__c", length=20),
            Field("IsConverted", "boolean", updateable=False, createable=False, default=False),
            Field(
                "ConvertedContactId",
                "reference",
                18,
                updateable=False,
                createable=False,
                reference_to=("Contact",),
                relationship="ConvertedContact",
            ),
            Field("ConvertedDate", "date", updateable=False, createable=False),
        ),
        sobject("Contact", "003", *_person(), Field("MailingCity", length=40)),
        sobject(
            "User",
            "005",
            Field("Name", length=121, updateable=False),
            Field("Username", length=80),
            Field("Email", "email", 128),
            Field("IsActive", "boolean", default=True),
        ),
        sobject(
            "Task",
            "00T",
            Field("Subject", length=255),
            Field("Description", "textarea", 32000),
            Field("Status", "picklist", 255, values=_TASK_STATUSES, default="Not Started"),
            Field("Priority", "picklist", 255, values=("High", "Normal", "Low"), default="Normal"),
            Field(
                "TaskSubtype",
                "picklist",
                40,
                values=("Task", "Call", "Email"),
                restricted=True,
                updateable=False,
                default="Task",
            ),
            Field("Type", "picklist", 40),
            Field("CallType", "picklist", 40, values=("Internal", "Inbound", "Outbound"), restricted=True),
            Field("CallDurationInSeconds", "int"),
            Field("CallDisposition", length=255),
            Field("CallObject", length=255),
            Field("Recording_URL__c", "url", 255),
            Field("ActivityDate", "date"),
            Field("IsReminderSet", "boolean", default=False),
            Field("ReminderDateTime", "datetime"),
            Field("WhoId", "reference", 18, reference_to=("Contact", "Lead"), relationship="Who"),
            Field("WhatId", "reference", 18),
            _owner(),
            *key,
        ),
    ]
    return {one.name: one for one in made}
