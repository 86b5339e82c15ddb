"""What planning works on: pipelines, links, and what is known of a record besides what was just read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from functools import cached_property
from typing import ClassVar, Literal

from syncd.core import condition, mapping
from syncd.sdk import records
from syncd.sdk.protocol import Role

Kind = Literal["leads", "calls", "dispositions", "edits", "dnc", "callbacks", "recordings", "adopt"]
"""`adopt` is never configured: it gives leads that are there already their keys, see `engine.adopt`."""
OnConflict = Literal["source", "target", "hold"]
EditPolicy = Literal["crm", "dialer", "newest", "hold"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAWFUL = ("opt_out", "unclear", "consent", "screened")
"""Reasons of removals that the law wants: no guard counts or stops them."""
OF_RECORDING = "recording_"
"""What the fields of a call's recording begin with, beside the call's own, for the mapping of `recordings`."""


class Lane(IntEnum):
    """What goes first; a lower lane is delivered earlier."""

    URGENT = 0  # do-not-call and everything that takes a lead out of dialling
    CREATE = 1
    DISPOSITION = 2
    UPDATE = 3
    BACKFILL = 4


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a pipeline: a stream of one of the client's two systems."""

    role: Role
    stream: str

    def __str__(self) -> str:
        return f"{self.role}.{self.stream}"


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """How many changes one hour may bring before a person looks, each as a number and as a share of all links; both
    must be exceeded. None: no limit. `max_phones`: leads that get another number; `max_blanked`: records in which one
    and the same field becomes blank. `max_emptied`: the share of leads that may be taken out whatever their number."""

    max_removes: int | None = 25
    max_removes_share: float = 0.1
    max_updates: int | None = None
    max_updates_share: float = 0.5
    max_phones: int | None = 25
    max_phones_share: float = 0.2
    max_blanked: int | None = 25
    max_blanked_share: float = 0.1
    max_emptied: float = 0.5


@dataclass(frozen=True)
class Pipeline:
    """One pipeline of one client, as configured. Times are seconds.

    start: "all", "now", or the instant from which changes count.
    opt_out: on `leads`, the CRM's do-not-call mark of the source record (where it is unclear, the record is treated as
        one that left `where`); on `dispositions`, of the target record.
    consent: on `leads`, what must hold for a record to be dialled at all; else it is treated as one that left `where`.
    protect: on `dispositions`, values of a status field (casefolded) that a weaker status never overwrites.
    marked: `leads` plants its marker (the mapping does not use that field).
    keeps_out: on `leads`, the dialer is told the numbers of people who opt out, whether they have a lead or not.
    per_run: on `dnc`, how many leads one run looks at; on `callbacks`, how many that have an open one; on
        `recordings`, how many calls it looks up.
    appointment: on `leads`, the mapped fields of an appointment, its time first; see `records.StreamSpec`.
    first_look, give_up: on `recordings`, seconds after a call's end.
    edit_policy: on `edits`, target field → who wins where both sides changed it.
    """

    client: str
    name: str
    kind: Kind
    source: Side
    target: Side
    fields: mapping.FieldMapping
    every_seconds: float = 30.0
    start: Literal["all", "now"] | datetime = "now"
    where: condition.Condition = field(default_factory=condition.Condition)
    opt_out: condition.Condition | None = None
    consent: condition.Condition | None = None
    shared_phone: Literal["hold", "allow"] = "hold"
    on_conflict: OnConflict = "source"
    guard: GuardLimits = field(default_factory=GuardLimits)
    protect: frozenset[str] = frozenset()
    marked: bool = True
    shadow: bool = False
    edit_policy: Mapping[str, EditPolicy] = field(default_factory=dict)
    keeps_out: bool = False
    per_run: int = 500
    appointment: tuple[str, ...] = ()
    first_look: float = 120.0
    give_up: float = 86400.0

    @property
    def writes_back(self) -> bool:
        """Whether it writes fields of a CRM record that has a lead; its intents hold only what is to be written."""
        return self.kind in ("dispositions", "edits", "dnc")

    @property
    def looks_at(self) -> Side:
        """The stream whose fields the mapping and `where` look at: of `edits` the lead that was called, else the
        source."""
        return Side(self.source.role, "leads") if self.kind == "edits" else self.source

    def in_base(self, name: str) -> str:
        """Under which name the base of a link remembers a target field: a lead's `status` and the `status` of its CRM
        record are two fields."""
        return f"crm:{name}" if self.writes_back else name

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The fields of `looks_at` that planning looks at."""
        names = {*self.fields.sources, *self.where.fields}
        if self.kind == "recordings":
            names = {name for name in names if not name.startswith(OF_RECORDING)}
        for mark in (self.opt_out, self.consent):
            if mark is not None and self.kind == "leads":
                names.update(mark.fields)
        return tuple(sorted(names))

    @cached_property
    def version(self) -> str:
        """Changes whenever the same row might plan differently."""
        rest = repr((self.where, self.opt_out, self.shared_phone, sorted(self.protect), self.start == "all"))
        if self.keeps_out:
            rest += "keeps_out"
        if self.kind == "leads" and self.opt_out is not None and self.opt_out.can_be_unclear:
            rest += "unclear"
        if self.consent is not None:
            rest += repr(self.consent)
        if self.edit_policy:
            rest += repr(sorted(self.edit_policy.items()))
        return f"{self.fields.version}.{hashlib.sha256(rest.encode()).hexdigest()[:8]}"


Base = Mapping[str, tuple[str, str]]  # `Pipeline.in_base` → (hash of the CRM's value, hash of the dialer's value)
UNKNOWN = ("", "")
"""In a base: nobody can tell what both sides hold, since an update may have been applied or undone."""


@dataclass(frozen=True, slots=True)
class Link:
    """A CRM record and its lead. `removed`: taken out of dialling; only `redial` undoes that.
    `status`, `called_at`, `call_id` tell of the newest call whose disposition was planned."""

    id: int
    crm_id: str
    dialer_id: str
    key: str
    base: Base
    removed: str = ""
    called_at: datetime | None = None
    call_id: str = ""
    flags: str = ""
    created_at: datetime = EPOCH


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one record besides what was just read.

    link: its own link. parent: the link of the lead that a call belongs to. digest: of the raw row when it was last
    planned ("" if never). busy: an intent of this subject is in `sending`, so the far side is not known to be as the
    base says. parent_gone: the parent is no longer there, so that nothing but its id tells whose the call is.
    waits_for: the CRM record whose create, possibly applied, carries the parent's key. phone_of: another
    CRM record that has this phone already. target: the target record as it is now, None where it is gone.
    unclear: an intent of the parent's lead is in `sending`. adoption: what an adoption says of a record without a lead:
    "skip" (an operator wants none), "undecided" (whether it has one already), "" (nothing).
    """

    link: Link | None = None
    parent: Link | None = None
    parent_gone: bool = False
    digest: str = ""
    busy: bool = False
    waits_for: str = ""
    phone_of: str = ""
    target: records.Record | None = None
    call: tuple[datetime, str, str] | None = None
    unclear: bool = False
    adoption: Literal["", "skip", "undecided"] = ""


NOTHING_KNOWN = Known()


@dataclass(frozen=True, slots=True)
class Awaited:
    """A call whose recording is still to be found. `fields`: what the mapping and the look-up need of the call.
    `started_at`, `ended_at`: of the call. `due_at`: when to look next. `tries`: how often that was done."""

    record_id: str
    fields: records.Fields
    started_at: datetime
    ended_at: datetime
    due_at: datetime
    digest: str = ""
    tries: int = 0


Verdict = Literal["create", "update", "remove", "none", "skip", "hold"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to become of one record: data, nothing is done yet.

    verdict: "create", "update" or "remove" (an intent); "none" (nothing differs); "skip" (policy, `reason` says
    which); "hold" (a person must act, `reason` and `hint` say how).
    subject: the record that an intent is about – the CRM record, or the call.
    fields: all that the far side is to hold; which of them differ is looked at again when the intent is claimed.
    agreed: fields that both sides hold already, remembered as base without a write.
    phone: claimed by this record from now on. frees_phone: what it had claimed is free for others.
    suppress: from now on nothing but a removal may go out for it.
    call: the newest call of the subject, (start, id, flags); `kept:sale` comes from an earlier call and outlasts it.
    far_id: on `adopt`, the lead that gets the key.
    """

    record_id: str
    subject: str
    verdict: Verdict
    digest: str = ""
    key: records.SyncKey | None = None
    link_id: int | None = None
    fields: records.Fields = field(default_factory=dict)
    agreed: records.Fields = field(default_factory=dict)
    reason: str = ""
    hint: str = ""
    lane: Lane = Lane.UPDATE
    modified: datetime = EPOCH
    phone: str = ""
    frees_phone: bool = False
    waits_for: str = ""
    suppress: Literal["", "opt_out", "deleted"] = ""
    call: tuple[datetime, str, str] | None = None
    settles: Base = field(default_factory=dict)  # base once it is applied, where `fields` alone do not tell it
    far_id: str = ""
    awaits: Awaited | None = None  # from now on, or still, its recording is to be found
    counted: bool = False  # only counted, not stored record by record: calls of leads that are not ours

    @property
    def takes_out(self) -> bool:
        """Whether a lead leaves dialling by what may be an accident: who opts out is none of the guard's."""
        return self.verdict == "remove" and self.link_id is not None and self.reason not in LAWFUL


class Mismatch(Exception):
    """One of the two systems is not the one that we know. Nothing may be written until an operator has looked. The text
    says what was seen and what that means, `HINT` what to do; `crm_id` and `dialer_id` name a record where there is
    one."""

    crm_id = dialer_id = ""
    HINT: ClassVar[str] = (
        "compare the two; if a system was put back or exchanged by mistake, bring the newer one back and resume; if "
        "the records were taken away on purpose, resume; if a dialer stays as it is and gives lead ids again, give the "
        "client a new, empty store: leads are found by their keys again, and a record without one gets a new lead"
    )


class WrongKey(Mismatch):
    """A lead carries another key than its link says: a restored or rebuilt dialer gives ids again."""

    def __init__(self, link: Link) -> None:
        super().__init__(
            f"lead {link.dialer_id} was made for CRM record {link.crm_id}, but carries another record's key: the "
            "dialer was restored or rebuilt and gives lead ids again"
        )
        self.crm_id, self.dialer_id = link.crm_id, link.dialer_id


class Vanished(Mismatch):
    """None of what was linked last is there any more: a dialer that was put back to an older state, or another CRM."""

    def __init__(self, role: Role, what: str, count: int) -> None:
        meaning = {
            "dialer": "it was put back to an older state, or the list was deleted",
            "crm": "it is another one under the same address, a refreshed sandbox, or was emptied",
        }
        super().__init__(f"the {count} {what} of the {role} that were linked last are all gone: {meaning[role]}")
