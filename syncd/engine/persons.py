"""Who somebody is on both sides: CRM records, leads, phones, calls and callbacks; looked up, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from syncd.core import model, phone
from syncd.engine import subjects
from syncd.engine.parts import Client
from syncd.engine.run import Engine
from syncd.engine.why import Looker
from syncd.sdk import errors, protocol, records
from syncd.store import known, story, traces

_ABOUT_RECORDS = ("dispositions", "edits")
_OF_EVENTS = ("calls", "callbacks", "recordings", "dispositions", "edits")


@dataclass(slots=True)
class Person:
    """One person. `crm`: CRM id → the record as the CRM has it, None where it has none. `leads`: lead → what shows
    that it is theirs, `strangers`: leads of others' making that have one of their phones; `elsewhere`: such leads that
    syncd made for another client. `others`: further CRM records
    with one of their phones. `opted_out`: somebody has said that they must not be called."""

    crm: dict[str, records.Record | None] = field(default_factory=dict)
    keys: dict[str, records.SyncKey] = field(default_factory=dict)
    leads: dict[str, records.Fields] = field(default_factory=dict)
    strangers: dict[str, records.Fields] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)
    phones: list[phone.Phone] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    opted_out: bool = False
    was_sent: bool = False  # a lead was made for them once, or may have been

    def add_phone(self, code: str | None, national: str | None) -> None:
        """Add a number, once."""
        if national and (found := phone.Phone(code or "", national)) not in self.phones:
            self.phones.append(found)

    def traces(self) -> traces.Traces:
        """By what the store knows them."""
        return traces.Traces(frozenset(self.crm), frozenset(self.leads), frozenset(self.events))


class Persons:
    """Looks people of one client up, on both sides: neither may be out of reach."""

    def __init__(self, engine: Engine, client: Client) -> None:
        self._db, self._client = engine.db, client
        self._looker = Looker(engine, client)
        pipe = next((pipe for pipe in client.pipelines if pipe.kind == "leads"), None)
        if pipe is None:
            problem = errors.Problem(f"{client.name} has no pipeline `leads`, so syncd knows no people of it")
            raise errors.UserError([problem])
        self._pipe: model.Pipeline = pipe
        self._spec = client.dialer.streams[pipe.target.stream]

    def names(self) -> traces.Names:
        """The pipelines by what their decisions go by."""
        of = self._client.pipelines
        return traces.Names(
            [pipe.name for pipe in of if pipe.kind == "leads"],
            [pipe.name for pipe in of if pipe.kind == "dnc"],
            [pipe.name for pipe in of if pipe.kind in _OF_EVENTS],
        )

    def look(self, meant: subjects.Meant) -> Person:
        """The person that is meant. Raises AuthFailed, RetryLater, and UserError where a lead of theirs carries another
        record's key."""
        person = Person()
        if meant.number is not None:
            person.add_phone(meant.number.code, meant.number.national)
        for crm_id in meant.records:
            self._record(person, crm_id)
        for lead in self._get(meant.leads) if meant.kind == "lead" else ():
            if self._is_elsewhere(lead):
                what = f"syncd made lead {lead.id} for another client: nothing was done"
                raise errors.UserError([errors.Problem(what, fix="name that client")])
            person.leads[lead.id] = self.shown_by(lead)
            self._of_lead(person, lead)
        for crm_id in person.crm:
            self._leads(person, crm_id)
        self._with_phones(person)
        self._events(person)
        return person

    def _record(self, person: Person, crm_id: str) -> None:
        """The CRM's record, its phones, and whether it opted out."""
        person.keys[crm_id] = records.SyncKey.of(
            self._client.name, self._pipe.source.stream, crm_id, marked=self._pipe.marked
        )
        source = self._looker.source(crm_id)
        if isinstance(source, str):
            raise errors.RetryLater(f"the CRM could not be asked: {source}")
        person.crm[crm_id] = None if source.deleted else source
        if source.deleted:
            return
        wanted = self._pipe.fields(source.fields).fields
        if self._pipe.fields.phone_fields:
            person.add_phone(*(wanted.get(name) for name in self._pipe.fields.phone_fields))
        if self._pipe.opt_out is not None and self._pipe.opt_out(source.fields):
            person.opted_out = True

    def _leads(self, person: Person, crm_id: str) -> None:
        """The leads of a record: the linked one, those that carry its key, and what was sent without an answer."""
        told = story.record(self._db, self._client.name, crm_id, ())
        key, key_field = person.keys[crm_id], self._spec.key_field
        of_lead = [one for one in told.intents if one.target == str(self._pipe.target)]
        person.was_sent = person.was_sent or told.link is not None or any(one.attempts for one in of_lead)
        if told.suppressed == "opt_out" or (told.link is not None and told.link.removed in model.LAWFUL):
            person.opted_out = True
        ids = {one.far_id for one in of_lead if one.far_id} | ({told.link.dialer_id} if told.link else set())
        found = {lead.id: lead for lead in self._get(sorted(ids))}
        for lead_id, lead in found.items():
            if key_field is not None and lead.fields.get(key_field) != key.value:
                if told.link is None or lead_id != told.link.dialer_id:
                    continue
                what = f"lead {lead_id} was made for {crm_id}, but carries another record's key: nothing was done"
                fix = f"`syncd status {self._client.name}` says what to do"
                raise errors.UserError([errors.Problem(what, fix=fix)])
            self._own(person, lead, key)
        # a lead has the number that it was made with, or the one that it has now
        for near in self.nears(person):
            for lead in self._client.dialer.find(self._pipe.target.stream, key, near):
                self._own(person, lead, key)

    def _own(self, person: Person, lead: records.Record, key: records.SyncKey) -> None:
        if lead.id not in person.leads:
            person.leads[lead.id] = {self._spec.key_field: key.value} if self._spec.key_field else {}
            person.strangers.pop(lead.id, None)
            self._of_lead(person, lead)

    def _of_lead(self, person: Person, lead: records.Record) -> None:
        person.add_phone(*(lead.fields.get(name) for name in self._spec.phone or ("", "")))
        flags = (lead.fields.get(self._spec.flags_field or "") or "").split()
        person.opted_out = person.opted_out or "dnc" in flags

    def nears(self, person: Person) -> list[dict[str, str | None]]:
        """The ways in by which leads of theirs are looked for; one without any, where a lead was made and nobody knows
        a number."""
        number_field = self._spec.phone[1] if self._spec.phone else ""
        if person.phones and number_field in self._spec.near:
            return [{number_field: one.national} for one in person.phones]
        return [{}] if person.was_sent else []

    def _with_phones(self, person: Person) -> None:
        """Leads of others' making, and further records, that have one of their phones."""
        hashes = self._db.hashes()
        for one in person.phones:
            leads, linked = self.with_phone(one)
            person.others += linked
            for lead in leads:
                if lead.id in person.leads:
                    continue
                if self._is_elsewhere(lead):
                    person.elsewhere.append(lead.id)
                else:
                    person.strangers[lead.id] = self.shown_by(lead)
            digests = hashes.value(one.code + one.national), hashes.value(one.national)
            holders = story.with_phone(self._db, self._client.name, *digests)
            held_by = [story.record(self._db, self._client.name, crm_id, ()) for crm_id in holders]
            waiting = [other for holder in held_by for other in holder.sharing]
            person.others += [*holders, *waiting]
        person.others = [crm_id for crm_id in dict.fromkeys(person.others) if crm_id not in person.crm]

    def with_phone(self, number: phone.Phone) -> tuple[list[records.Record], list[str]]:
        """The leads with this number that are no record's, and the records whose leads have it."""
        dialer = self._client.dialer
        if not isinstance(dialer, protocol.ExplainsDialling):
            return [], []
        ids = list(dialer.leads_with(number.national, number.code))
        linked = known.links_by_dialer(self._db, self._client.name, "leads", ids)
        return self._get([lead for lead in ids if lead not in linked]), [link.crm_id for link in linked.values()]

    def stray(self, number: phone.Phone) -> dict[str, records.Fields]:
        """The leads with this number that syncd has not made, with what shows that they are the same still."""
        return {lead.id: self.shown_by(lead) for lead in self.with_phone(number)[0] if not self._is_elsewhere(lead)}

    def shown_by(self, lead: records.Record) -> records.Fields:
        """What shows that a lead that is no record's is the same still: its number."""
        return {name: lead.fields.get(name) for name in self._phone_fields()}

    def _is_elsewhere(self, lead: records.Record) -> bool:
        """Whether syncd made a lead, but not for this client."""
        marker = lead.fields.get(self._spec.marker_field or "") or ""
        return marker.startswith("syncd:") and not marker.startswith(f"syncd:{self._client.name}:")

    def _events(self, person: Person) -> None:
        """Their calls and callbacks, as both the dialer and the store know them."""
        of_events = [pipe for pipe in self._client.pipelines if pipe.kind in _OF_EVENTS]
        if not of_events:
            return
        dialer = self._client.dialer
        found: list[str] = []
        for lead_id in person.leads:
            if isinstance(dialer, protocol.Erases):
                found += dialer.events_of(lead_id)
        about = [pipe.name for pipe in of_events if pipe.kind in _ABOUT_RECORDS]
        for crm_id in person.crm:
            found += story.calls_of(self._db, self._client.name, crm_id, about)
            link = known.links_by_crm(self._db, self._client.name, self._pipe.source.stream, [crm_id]).get(crm_id)
            found += [link.call_id] if link is not None and link.call_id else []
        person.events = list(dict.fromkeys(found))

    def _get(self, ids: Sequence[str]) -> list[records.Record]:
        """Leads with what is looked at here."""
        names = [self._spec.key_field, self._spec.marker_field, self._spec.flags_field, *self._phone_fields()]
        found = self._client.dialer.get(self._pipe.target.stream, ids, [name for name in names if name]) if ids else []
        return [one for one in found if not one.deleted]

    def _phone_fields(self) -> Iterator[str]:
        yield from self._spec.phone or ()
