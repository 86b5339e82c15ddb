"""What passes between connectors and the engine: records, pages, cursors, changes and outcomes.

Inside syncd every field value is text or None (NULL, absent). A connector turns its own types into text at the edge
and back, one way for each type, so that a value compares, hashes and stores alike wherever it came from:
whole numbers "5", decimals without trailing zeros "2.5", booleans "true"/"false", instants ISO 8601 in UTC with `Z`
("2026-11-20T15:00:00Z", with a fraction only where there is one), dates "2026-11-20".
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

from syncd.sdk.errors import Problem, SyncdError

__all__ = [
    "Change",
    "ChangeKind",
    "Cursor",
    "FieldInfo",
    "Fields",
    "Outcome",
    "Page",
    "Problem",
    "Record",
    "StreamSpec",
    "SyncKey",
    "instant",
    "text",
]

Fields = Mapping[str, str | None]
ChangeKind = Literal["create", "update", "remove"]

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,20}")
KEY_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Record:
    """One far record as read.

    `fields` holds what was read; a field that was not asked for is absent. `modified` is the source's own time of the
    last change (UTC), None where it has none. `deleted` says that the source marks it as gone; `left`, that it is there
    but outside what the connector was told to select (its other fields need not have been read). `archived`, that it is
    a copy which the source no longer corrects: it tells of a record that is not known yet, but takes back nothing that
    was read of the record itself.
    """

    id: str
    fields: Fields
    modified: datetime | None = None
    deleted: bool = False
    left: bool = False
    archived: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A position in a stream: everything up to and including (at, id) has been read. `at` is aware, UTC."""

    at: datetime
    id: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some records and the cursor that stands after them; later pages carry later cursors."""

    records: Sequence[Record]
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class SyncKey:
    """What a created record carries so that it can be found again.

    `value`: at most 20 of `[A-Za-z0-9_-]`. `marker`: says whose key it is (`syncd:<client>:<stream>`), None where the
    mapping uses the marker's field for something else.
    """

    value: str
    marker: str | None = None

    @classmethod
    def of(cls, client: str, stream: str, record_id: str, *, marked: bool = True) -> SyncKey:
        """Given a source record, return its key: the id itself where it fits, else a hash of it."""
        value = record_id
        if not _PLAIN_KEY.fullmatch(record_id):
            digest = hashlib.sha256(f"{client}/{stream}/{record_id}".encode()).digest()
            value = base64.b32encode(digest).decode()[:KEY_LENGTH]
        return cls(value, f"syncd:{client}:{stream}" if marked else None)


@dataclass(frozen=True, slots=True)
class Change:
    """One write that the engine asks for.

    create: `key` is planted, `id` is None. update: `fields` of the record `id`; a None value clears the field.
    remove: the record `id` is taken out of use (a dialer stops dialling it), nothing is deleted; `reason` says why:
    "deleted", "opt_out", "unclear" (whether the person opted out), "consent" (there is none any more), "left" (no
    longer wanted by `where`), "screened" (its new number may not be dialled) or "twin" (a second copy of a lead).
    A removal for an opt-out from a stream that `keeps_out` has one field, "phones": numbers without their calling
    codes, separated by spaces, that must not be dialled from now on; its `id` is None where the person has no record.
    urgent: a do-not-call mark or a removal: it may use what a connector keeps in reserve of a budget.
    plants: an update of a record that somebody else has made: `key`, which it does not carry yet, is planted in it, and
    nothing else is changed. Only a connector that `Adopts` is asked for it.
    """

    kind: ChangeKind
    key: SyncKey
    id: str | None = None
    fields: Fields = field(default_factory=dict)
    reason: str = ""
    urgent: bool = False
    plants: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change: `error` is None exactly if it is known to be applied; then `id` names the record.

    `notes` are short codes of things worth storing (for example "was-there"), never values.
    `stored`: fields of which the far side is known to hold something else than `Canonicalises.canonical` foretells.
    `unapplied`: applied, but for these fields: `error` says what became of them, `id` names the record nevertheless.
    They may be more than the change had. After a Rejected the far side holds nothing of what was ever sent in them.
    """

    id: str | None = None
    error: SyncdError | None = None
    notes: tuple[str, ...] = ()
    unapplied: frozenset[str] = frozenset()
    stored: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """What the engine must know of a stream before it uses it. Times are seconds.

    `overlaps`: pairs (every, overlap): each run re-reads the overlap of every pair whose `every` has passed since that
    overlap was last read; (0, n) applies to each run.
    `deletes`: "flag" – records come with `deleted`; "vanish" – a deleted record is simply no longer there, the engine
    asks for known ids; "none" – records are never deleted.
    `find_lag_seconds`: a write that was sent may become visible this much later.
    `upserts`: a create with a known key updates the existing record, enforced by the server: it need not be looked up
    before it is sent again.
    `appointment`: the fields of an appointment with the person, the first of them its time. They are written together;
    a time that turns blank takes the appointment back, though the mapping does not say `clear`.
    `works_on`: fields that the far side changes itself in the course of its work (a lead's status).
    `person`: the fields that together are a person's name. `places`: fields that say where a record stands in the far
    side's work; one that is adopted keeps what it has there.
    """

    readable: bool = True
    writable: bool = False
    batch_size: int = 50
    overlaps: tuple[tuple[float, float], ...] = ((0.0, 600.0),)
    deletes: Literal["flag", "vanish", "none"] = "none"
    find_lag_seconds: float = 120.0
    upserts: bool = False
    phone: tuple[str, str] | None = None  # (country calling code field, national number field) of a dialable record
    near: tuple[str, ...] = ()  # fields that `find` can use as an indexed way in
    key_field: str | None = None  # the field that holds SyncKey.value once created
    marker_field: str | None = None  # the field that holds SyncKey.marker
    worked_field: str | None = None  # not "0" once somebody has worked on the record (a called lead)
    parent: tuple[str, str] | None = None  # (field with the parent's id, field with the parent's key), e.g. call → lead
    occurred_field: str | None = None  # when the event took place, e.g. a call's start
    length_field: str | None = None  # how many seconds it took
    keeps_out: bool = False  # a removal for an opt-out tells it numbers ("phones") to keep out, also without an id
    appointment: tuple[str, ...] = ()
    works_on: tuple[str, ...] = ()
    person: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    # Space-separated flags. The engine knows "dnc", "sale", "live" (still running), "hold" (nobody has said what the
    # status means, and the connector was told to wait for a person then) and, of leads, "removed" (taken out of
    # dialling by a change of that kind); the others are for conditions of mappings.
    flags_field: str | None = None


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What a far system says of one field.

    `type` is a word for people, with its limits ("text 30", "instant", "whole number"). `values`: the texts that it may
    hold, where the far side restricts them; empty where it does not.
    """

    type: str = "text"
    writable: bool = True
    values: tuple[str, ...] = ()
    label: str = ""


def text(value: object) -> str | None:
    """Given a value of a driver or SDK, return syncd's text for it (see the module's first lines); naive datetimes
    are refused with ValueError, since their zone is the connector's to know."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone")
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        plain = format(value, "f")
        return (plain.rstrip("0").rstrip(".") or "0") if "." in plain else plain
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def instant(value: str) -> datetime:
    """Given syncd's text of an instant, return it as an aware datetime in UTC; raise ValueError if it has no zone."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return moment.astimezone(UTC)
