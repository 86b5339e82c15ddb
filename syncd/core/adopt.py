"""Which of the leads that are there already is a CRM record's: by key at once, by phone and name as a proposal.

Pure. What is not certain is a person's to decide; docs/adopt.md lists the reasons.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from syncd.core import digest, model
from syncd.sdk import records

MARKED = "syncd:"
"""What the marker of every client begins with."""
NAME = "name"
"""The reason of a proposal: phone and name are the same, and nothing speaks against it."""

REASONS: Mapping[str, str] = {
    NAME: "one lead with this phone, and its name is the same",
    "several": "several leads with this phone",
    "several_keys": "several leads with this record's key",
    "names_differ": "one lead with this phone, but another name",
    "no_name": "one lead with this phone, but record or lead has no name",
    "phone_code": "one lead with this phone, but another calling code",
    "key_cut": "a lead with the beginning of this record's id, but another name",
    "key_elsewhere": "a lead with this record's key, but another phone and another name",
    "shared_phone": "several CRM records have this phone",
    "taken": "the leads with this phone belong to other records",
    "lead_gone": "the lead that was chosen is gone, or was taken by another record",
    "refused": "the dialer refused to give the lead its key",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found for one record. verdict: "key" (adopt `lead`), "review" (a person decides; `reason` is one of
    REASONS, and `lead` the one proposed, if any), "none" (no lead can be its)."""

    verdict: Literal["key", "review", "none"]
    lead: records.Record | None = None
    leads: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Judge:
    """What one client's records are held against. `key_is`: how the operator says that leads spell a record's id, a
    field of the CRM or a text with `{field}`s in it; "" where only syncd's own key counts. `marker`: as stored."""

    pipe: model.Pipeline
    spec: records.StreamSpec
    key_is: str = ""
    marker: str | None = None

    @cached_property
    def key_fields(self) -> tuple[str, ...]:
        """The CRM's fields that `key_is` looks at."""
        if not self.key_is:
            return ()
        return tuple(re.findall(r"{(\w+)}", self.key_is)) if "{" in self.key_is else (self.key_is,)

    @cached_property
    def person(self) -> tuple[str, ...]:
        """The fields of the name that the mapping writes."""
        return tuple(name for name in self.spec.person if name in self.pipe.fields.targets)

    def spelled(self, record: records.Record) -> str:
        """The record's id as the site's leads spell it, "" where it has none."""
        values = {name: (record.fields.get(name) or "").strip() for name in self.key_fields}
        if not values or not all(values.values()):
            return ""
        if "{" not in self.key_is:
            return values[self.key_is]
        return re.sub(r"{(\w+)}", lambda found: values[found[1]], self.key_is)

    def key(self, record_id: str) -> records.SyncKey:
        """The key that the record's lead is to carry."""
        return records.SyncKey.of(self.pipe.client, self.pipe.source.stream, record_id, marked=self.pipe.marked)

    def by_key(
        self,
        record: records.Record,
        wanted: records.Fields,
        stored: records.Fields,
        leads: Sequence[records.Record],
        taken: Collection[str],
        *,
        cut: str,
        phones: Collection[str],
    ) -> Judged:
        """Look for the record's key. `wanted`: its mapped fields, `stored`: as the dialer keeps them. `taken`: leads
        that belong to other records. `cut`: its id in the site's spelling as the dialer keeps it. `phones`: its number
        as leads may have it."""
        key, spelled = self.key(record.id).value, self.spelled(record)
        found = [lead for lead in leads if self._key(lead) in {key, cut} - {""} and not self.is_foreign(lead)]
        if not found:
            return Judged("none")
        ids = tuple(lead.id for lead in found)
        free = [lead for lead in found if lead.id not in taken]
        if len(free) != 1:
            return Judged("review", leads=ids, reason="several_keys" if free else "taken")
        lead = free[0]
        if self.is_ours(lead) or same_names(self.person, wanted, stored, lead) == "same":
            return Judged("key", lead, ids)
        if self._key(lead) != key and cut != spelled:
            return Judged("review", lead, ids, "key_cut")
        if any((lead.fields.get(name) or "") in phones for name in self.spec.near):
            return Judged("key", lead, ids)
        return Judged("review", lead, ids, "key_elsewhere")

    def by_name(
        self, wanted: records.Fields, stored: records.Fields, leads: Sequence[records.Record], taken: Collection[str]
    ) -> Judged:
        """Look among the leads with the record's phone, none of which carries its key."""
        leads = [one for one in leads if not self.is_foreign(one)]
        free = [one for one in leads if one.id not in taken and not self.is_ours(one)]
        if not free:
            return Judged("review", leads=tuple(lead.id for lead in leads), reason="taken") if leads else Judged("none")
        ids = tuple(lead.id for lead in free)
        if len(free) > 1:
            return Judged("review", leads=ids, reason="several")
        lead = free[0]
        code = self.spec.phone[0] if self.spec.phone else ""
        if (lead.fields.get(code) or "") not in ("", wanted.get(code) or ""):
            return Judged("review", lead, ids, "phone_code")
        names = same_names(self.person, wanted, stored, lead)
        reason = {"same": NAME, "differ": "names_differ", "none": "no_name"}[names]
        return Judged("review", lead, ids, reason)

    def _key(self, lead: records.Record) -> str:
        return lead.fields.get(self.spec.key_field or "") or ""

    def _marker(self, lead: records.Record) -> str:
        return lead.fields.get(self.spec.marker_field or "") or ""

    def is_ours(self, lead: records.Record) -> bool:
        """Whether syncd made this lead, for this client."""
        return self.marker is not None and self._marker(lead) == self.marker

    def is_foreign(self, lead: records.Record) -> bool:
        """Whether syncd made this lead for another client."""
        return self._marker(lead).startswith(MARKED) and not self.is_ours(lead)

    def to_plant(self, lead: records.Record, key: records.SyncKey) -> tuple[dict[str, str | None], dict[str, str]]:
        """What the lead lacks of key and marker, and what stands in its place."""
        fields = {self.spec.key_field or "": key.value}
        if self.marker is not None:
            fields[self.spec.marker_field or ""] = self.marker
        lacks = {name: value for name, value in fields.items() if name and (lead.fields.get(name) or "") != value}
        was = {name: there for name in lacks if (there := lead.fields.get(name) or "")}
        return dict(lacks), was


def folded(text: str | None) -> str:
    """A name without case, accents and spaces."""
    decomposed = unicodedata.normalize("NFKD", text or "")
    kept = "".join(one for one in decomposed if not unicodedata.combining(one) and not one.isspace())
    return unicodedata.normalize("NFKD", kept.casefold())


def same_names(
    person: Sequence[str], wanted: records.Fields, stored: records.Fields, lead: records.Record
) -> Literal["same", "differ", "none"]:
    """Whether record and lead have the same name, as the CRM spells it or as the dialer keeps it; "none" where one of
    them has none."""
    ours = [{folded(wanted.get(name)), folded(stored.get(name))} for name in person]
    theirs = [folded(lead.fields.get(name)) for name in person]
    if not any(theirs) or not any(one != {""} for one in ours):
        return "none"
    return "same" if all(one in found for one, found in zip(theirs, ours, strict=True)) else "differ"


def base_of(
    pipe: model.Pipeline,
    spec: records.StreamSpec,
    wanted: records.Fields,
    stored: records.Fields,
    lead: records.Record,
    hashes: digest.Digest,
) -> dict[str, tuple[str, str]]:
    """What both sides hold, once they are linked: fields that are alike, and those that say where the lead stands in
    the dialer's work (its list, its status, an appointment), which stay as they are until the CRM's side changes. All
    others count as different."""
    keeps = {*spec.places, *pipe.appointment}
    found = {}
    for name, value in wanted.items():
        there = lead.fields.get(name)
        if name in keeps or (name in lead.fields and (there or "") == (stored.get(name) or "")):
            found[name] = (hashes.value(value), hashes.value(there))
    return found


def spellings(code: str, number: str) -> tuple[str, ...]:
    """How people write a number into the one field that is dialled: without its calling code, with it, with a zero."""
    return (number, f"{code}{number}", f"0{number}")


def masked(code: str, number: str) -> str:
    """A number of which only the end can be read."""
    return f"+{code}{'•' * max(0, len(number) - 3)}{number[-3:]}"
