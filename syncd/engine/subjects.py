"""Which records a text means that an operator gives: an id of the CRM, of a lead, of a call, or a phone number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from syncd.core import model, phone
from syncd.engine.parts import Client
from syncd.sdk import errors, protocol
from syncd.store import known, story
from syncd.store.database import Database

Kind = Literal["crm", "lead", "call", "phone"]
KINDS: tuple[Kind, ...] = ("crm", "call", "lead", "phone")
"""In this order: the first that the store knows by the text is what it means."""
_SHORTEST_PHONE = 7  # digits; what is shorter may be one if it is said to be
MOST = 20  # records that one text may mean
_OF_CALLS = ("calls", "callbacks", "recordings", "dispositions", "edits")
_ABOUT_RECORDS = ("dispositions", "edits")


@dataclass(slots=True)
class Meant:
    """What a text means. `records`: CRM ids; `leads`: leads without a CRM record; `calls`: the calls that it names, of
    these records or of nobody; `also`: what else the store knows by it; `looked`: where, for whom it means nothing."""

    kind: Kind | None = None
    records: list[str] = field(default_factory=list)
    leads: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    also: list[Kind] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    number: phone.Phone | None = field(default=None, repr=False)
    by_hand: tuple[story.Intent, ...] = ()
    dnc_lists: list[str] | None = None

    @property
    def is_known(self) -> bool:
        """Whether anybody knows anything by it."""
        return bool(self.records or self.leads or self.calls or self.by_hand or self.dnc_lists)


class Finder:
    """Looks a text up in the store, and, unless `offline`, on both sides."""

    def __init__(self, db: Database, client: Client, *, offline: bool = False) -> None:
        self._db = db
        self._client = client
        self._offline = offline
        self._leads = [pipe for pipe in client.pipelines if pipe.kind == "leads"]

    def find(self, text: str, kind: Kind | None = None) -> Meant:
        """What the text means, or means as a `kind`. Raises UserError where it is no phone and must be one."""
        kinds: Sequence[Kind] = (kind,) if kind else KINDS
        found = Meant()
        for one in kinds:
            seen = self._stored(one, text, found, must=kind == "phone")
            if seen is None:
                continue
            if found.kind is None:
                seen.looked, found = found.looked, seen
                seen.kind = one
            elif (set(seen.records) - set(found.records)) or seen.leads or (set(seen.calls) - set(found.calls)):
                found.also.append(one)
        if found.kind is None and not self._offline:
            for one in kinds:
                if self._live(one, text, found, forced=kind is not None):
                    found.kind = one
                    break
        if found.kind == "phone" and not self._offline:
            self._complete(found)
        if len(found.records) > MOST:
            del found.records[MOST:]
        return found

    def _stored(self, kind: Kind, text: str, so_far: Meant, *, must: bool) -> Meant | None:
        """What the store knows by it, None if nothing."""
        db, name = self._db, self._client.name
        if kind == "crm":
            of_id = [pipe.name for pipe in self._leads]
            if story.record(db, name, text, of_id).is_known:
                return Meant(records=[text])
            so_far.looked.append("no CRM record of this id has been read")
        elif kind == "lead":
            link = known.links_by_dialer(db, name, "leads", [text]).get(text)
            if link is not None:
                return Meant(records=[link.crm_id])
            so_far.looked.append("no CRM record has a lead of this id")
        elif kind == "call":
            found = self._calls(text)
            if found is not None:
                return found
            so_far.looked.append("no call of this id has been read")
        else:
            try:
                number = phone.parse(text, self._region)
            except phone.NotDialable as error:
                if must:
                    problem = errors.Problem(f"that is no phone number: {error}", fix="write it with its area code")
                    raise errors.UserError([problem]) from None
                so_far.looked.append("it is no phone number")
                return None
            if not must and sum(map(str.isdigit, text)) < _SHORTEST_PHONE:
                so_far.looked.append("it is too short for a phone number")
                return None
            so_far.number = number
            hashes = db.hashes()
            whole = hashes.value(number.code + number.national)
            ids = story.with_phone(db, name, whole, hashes.value(number.national))
            shared = [one for crm_id in ids for one in story.record(db, name, crm_id, ()).sharing]
            by_hand = story.by_hand(db, name, whole)
            if ids or by_hand:
                return Meant(records=list(dict.fromkeys([*ids, *shared])), number=number, by_hand=by_hand)
            so_far.looked.append("no CRM record that has been read has this phone")
        return None

    @property
    def _region(self) -> str:
        return self._leads[0].fields.region if self._leads else "US"

    def _calls(self, text: str) -> Meant | None:
        explains = self._client.dialer
        beginnings = explains.call_beginnings(text) if isinstance(explains, protocol.ExplainsDialling) else ()
        of_calls = [pipe.name for pipe in self._client.pipelines if pipe.kind in _OF_CALLS]
        calls = story.calls_named(self._db, self._client.name, text, beginnings, of_calls)
        if not calls:
            return None
        return Meant(calls=calls, records=self._records_of(calls))

    def _records_of(self, calls: Sequence[str]) -> list[str]:
        about = [pipe.name for pipe in self._client.pipelines if pipe.kind in _ABOUT_RECORDS]
        found = (story.record_of_call(self._db, self._client.name, call, about) for call in calls)
        return list(dict.fromkeys(filter(None, found)))

    def _live(self, kind: Kind, text: str, found: Meant, *, forced: bool) -> bool:
        """Whether one of the two systems knows the text, now that the store does not."""
        if kind == "call":
            return False  # calls that were not read yet have no id that people know
        if kind == "phone":
            return found.number is not None
        if kind == "crm" and not forced and found.number is not None:
            # some CRMs are asked for a record by its address, and no number goes into one
            found.looked.append("the CRM was not asked, since it looks like a phone: `--as crm` does")
            return False
        role: protocol.Role = "crm" if kind == "crm" else "dialer"
        what = "the CRM" if kind == "crm" else "the dialer"
        connector = self._client.connector(role)
        try:
            there = connector.get("leads", [text], _some_field(self._leads, connector, role))
        except errors.SyncdError as error:
            found.looked.append(f"{what} could not be asked for a record of this id: {error}")
            return False
        if not there:
            found.looked.append(f"{what} has no record of this id")
            return False
        (found.records if kind == "crm" else found.leads).append(text)
        return True

    def _complete(self, found: Meant) -> None:
        """What the dialer knows of a phone besides: leads that have it, and lists that keep it out."""
        dialer, number = self._client.dialer, found.number
        if number is None:
            return
        try:
            if isinstance(dialer, protocol.KeepsDnc):
                found.dnc_lists = dialer.dnc_listed(number.national, number.code)
            if isinstance(dialer, protocol.ExplainsDialling):
                ids = list(dialer.leads_with(number.national, number.code))
                links = known.links_by_dialer(self._db, self._client.name, "leads", ids)
                ours = [links[one].crm_id for one in ids if one in links]
                found.records = list(dict.fromkeys([*found.records, *ours]))
                found.leads = [one for one in ids if one not in links][:MOST]
                if not ids:
                    found.looked.append("no lead of the dialer has this phone")
        except errors.SyncdError as error:
            found.looked.append(f"the dialer could not be asked for this phone: {error}")


def _some_field(leads: Sequence[model.Pipeline], connector: protocol.Connector, role: protocol.Role) -> list[str]:
    """A field to ask for, so that no more is read than whether there is such a record."""
    key = connector.streams["leads"].key_field
    if role == "dialer" and key:
        return [key]
    return [name for pipe in leads for name in pipe.reads if name != "crm_id"][:1]
