"""Which records a text means that an operator gives: an id of the CRM, of a lead, of a call, or a phone number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from syncd.core import phone
from syncd.engine.parts import Client
from syncd.sdk import errors, protocol
from syncd.store import erasures, known, story
from syncd.store.database import Database

Kind = Literal["crm", "call", "lead", "phone"]
KINDS: tuple[Kind, ...] = ("crm", "call", "lead", "phone")
"""In this order: the first of them that the store knows the text as is what it means."""
MOST = 20  # records that are told of one text
_SHORTEST_PHONE = 7  # digits; what is shorter may be one if it is said to be
_OF_CALLS = ("calls", "callbacks", "recordings", "dispositions", "edits")
_ABOUT_RECORDS = ("dispositions", "edits")


@dataclass(slots=True)
class Meant:
    """What a text means. `number`: the one that it is, where it is a phone. `records`: CRM ids; `leads`: leads without
    a CRM record; `calls`: the calls that it names, of these records or of nobody; `by_hand`, `dnc_lists`: of a number;
    `also`: what else the store knows it as; `looked`: where it was looked for in vain, or could not be."""

    kind: Kind | None = None
    number: phone.Phone | None = None
    records: list[str] = field(default_factory=list)
    leads: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    by_hand: tuple[story.Intent, ...] = ()
    dnc_lists: list[str] | None = None
    also: list[Kind] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether anybody knows anything by it."""
        return bool(self.records or self.leads or self.calls or self.by_hand or self.dnc_lists)


class Finder:
    """Looks texts up in the store, and, unless `offline`, on both sides."""

    def __init__(self, db: Database, client: Client, *, offline: bool = False) -> None:
        self._db = db
        self._name = client.name
        self._client = client
        self._offline = offline
        self._leads = next((pipe for pipe in client.pipelines if pipe.kind == "leads"), None)

    def find(self, text: str, kind: Kind | None = None, *, of: Sequence[Kind] = KINDS) -> Meant:
        """What the text means, `of` these kinds or as a `kind`. Raises UserError where it is no phone but must be."""
        kinds: Sequence[Kind] = (kind,) if kind else of
        number = self._number(text, must=kind == "phone")
        found = self._stored(text, kinds, number) or self._live(text, kinds, number, forced=kind is not None)
        if not found.kind:
            return found
        if found.kind == "phone" and number is not None:
            found.number = number
            if not self._offline:
                self._ask_dialer(found, number)
        if len(found.records) > MOST:
            found.looked.append(f"{len(found.records)} records have it; the first {MOST} are told")
            del found.records[MOST:]
        return found

    def digests(self, text: str) -> set[str]:
        """By what the tombstones of a CRM record of this id, or of a phone, would be known."""
        hashes, number = self._db.hashes(), self._number(text, must=False)
        phones = [erasures.phone_digest(hashes, number.code, number.national)] if number is not None else []
        return {erasures.record_digest(hashes, text), *phones}

    def _number(self, text: str, *, must: bool) -> phone.Phone | None:
        region = self._leads.fields.region if self._leads else "US"
        if not must and sum(map(str.isdigit, text)) < _SHORTEST_PHONE:
            return None
        try:
            return phone.parse(text, region)
        except phone.NotDialable as error:
            if must:
                problem = errors.Problem(f"that is no phone number: {error}", fix="write it with its area code")
                raise errors.UserError([problem]) from None
            return None

    # -- what the store knows

    def _stored(self, text: str, kinds: Sequence[Kind], number: phone.Phone | None) -> Meant | None:
        found: Meant | None = None
        for kind in kinds:
            seen = self._known(kind, text, number)
            if not seen.is_known:
                continue
            seen.kind = kind
            if found is None:
                found = seen
            elif set(seen.records) - set(found.records) or set(seen.calls) - set(found.calls):
                found.also.append(kind)
        return found

    def _known(self, kind: Kind, text: str, number: phone.Phone | None) -> Meant:
        match kind:
            case "crm":
                of_id = [self._leads.name] if self._leads else []
                return Meant(records=[text] if story.record(self._db, self._name, text, of_id).is_known else [])
            case "lead":
                link = known.links_by_dialer(self._db, self._name, "leads", [text]).get(text)
                return Meant(records=[link.crm_id] if link else [])
            case "call":
                return self._calls(text)
            case "phone":
                return self._with_number(number) if number is not None else Meant()

    def _calls(self, text: str) -> Meant:
        dialer = self._client.dialer
        beginnings = dialer.call_beginnings(text) if isinstance(dialer, protocol.ExplainsDialling) else ()
        calls = story.calls_named(self._db, self._name, text, beginnings, self._named(_OF_CALLS))
        about = self._named(_ABOUT_RECORDS)
        of_calls = (story.record_of_call(self._db, self._name, call, about) for call in calls)
        return Meant(calls=calls, records=list(dict.fromkeys(filter(None, of_calls))))

    def _with_number(self, number: phone.Phone) -> Meant:
        hashes = self._db.hashes()
        whole = hashes.value(number.code + number.national)
        ids = story.with_phone(self._db, self._name, whole, hashes.value(number.national))
        shared = [other for one in ids for other in story.record(self._db, self._name, one, ()).sharing]
        by_hand = story.by_hand(self._db, self._name, whole)
        return Meant(records=list(dict.fromkeys([*ids, *shared])), by_hand=by_hand)

    def _named(self, kinds: Sequence[str]) -> list[str]:
        return [pipe.name for pipe in self._client.pipelines if pipe.kind in kinds]

    # -- what the two systems know

    def _live(self, text: str, kinds: Sequence[Kind], number: phone.Phone | None, *, forced: bool) -> Meant:
        """What the text is to one of the systems now that the store does not know it, or where it was looked for."""
        looked = [_NOT_READ[kind] for kind in kinds if kind != "phone" or number is not None]
        if number is None and "phone" in kinds:
            looked.append("it is no phone number")
        if self._offline:
            return Meant(looked=[*looked, "neither system was asked"])
        if "crm" in kinds and number is not None and not forced:
            # some CRMs are asked for a record by its address, and no number goes into one
            looked.append("it looks like a phone, so the CRM was not asked for a record of this id: `--as crm` does")
        elif "crm" in kinds and self._has("crm", text, looked):
            return Meant("crm", records=[text])
        if "lead" in kinds and self._has("dialer", text, looked):
            return Meant("lead", leads=[text])
        if "phone" in kinds and number is not None:
            return Meant("phone", looked=[_NOT_READ["phone"]])
        return Meant(looked=looked)

    def _has(self, role: protocol.Role, text: str, looked: list[str]) -> bool:
        """Whether a system has a record of this id; else `looked` gets a line more."""
        what = "the CRM" if role == "crm" else "the dialer"
        connector = self._client.connector(role)
        key = connector.streams["leads"].key_field
        reads = self._leads.reads if self._leads else ()
        names = [key] if role == "dialer" and key else [name for name in reads if name != "crm_id"][:1]
        try:
            if any(one.id == text and not one.deleted for one in connector.get("leads", [text], names)):
                return True
            looked.append(f"{what} has no record of this id")
        except errors.SyncdError as error:
            looked.append(f"{what} could not be asked for a record of this id: {error}")
        return False

    def _ask_dialer(self, found: Meant, number: phone.Phone) -> None:
        """Add what the dialer knows of a number: lists that keep it out, and leads that have it."""
        dialer = self._client.dialer
        try:
            if isinstance(dialer, protocol.KeepsDnc):
                found.dnc_lists = dialer.dnc_listed(number.national, number.code)
            if not isinstance(dialer, protocol.ExplainsDialling):
                return
            ids = list(dialer.leads_with(number.national, number.code))
        except errors.SyncdError as error:
            found.looked.append(f"the dialer could not be asked for this phone: {error}")
            return
        links = known.links_by_dialer(self._db, self._name, "leads", ids)
        ours = [links[one].crm_id for one in ids if one in links]
        found.records = list(dict.fromkeys([*found.records, *ours]))
        found.leads = [one for one in ids if one not in links][:MOST]
        if not ids:
            found.looked.append("no lead of the dialer has this phone")


_NOT_READ: dict[Kind, str] = {
    "crm": "no CRM record of this id has been read",
    "call": "no call of this id has been read",
    "lead": "no CRM record has a lead of this id",
    "phone": "no CRM record that has been read has this phone",
}
