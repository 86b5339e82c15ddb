"""What must be on both sides, kept like books while the story goes on: each person's fate, each lead, each call.

Nothing here asks syncd. What the dialer stores of a text is worked out with the simulator's own rules.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from syncd.cli.demo import dialer, scenario
from syncd.cli.demo.people import Fate, Person
from syncd.sdk import records
from syncd.simulators.vicidial import columns, text

CLIENT = "demo"
# CRM column → the lead's column of the same meaning
LEAD_COLUMNS = {
    "first_name": "first_name",
    "last_name": "last_name",
    "email": "email",
    "city": "city",
    "notes": "comments",
}
COUNTRY_CODES = {"United States": "USA", "Germany": "DEU", "United Kingdom": "GBR"}
_STRENGTH = {"DNC": 2, "SALE": 1}
_STORAGE = columns.Storage(use_non_latin=True)
_FOUR_BYTES = re.compile("[\U00010000-\U0010ffff]")


@dataclass(slots=True)
class Lead:
    """What a lead must hold in the end."""

    columns: dict[str, str]
    status: str = "NEW"


@dataclass(slots=True)
class Call:
    """A call and what the CRM must say of it; `status` INCALL: nothing yet."""

    person: str
    booked: dialer.Booked
    agent: str
    length: int
    status: str


@dataclass(frozen=True, slots=True)
class Disposition:
    """What the CRM's row must say of a person's calls."""

    call_status: str
    last_call_at: datetime
    last_agent: str


@dataclass(slots=True)
class Books:
    """Everything that is due. `ids`: person → what the CRM calls them, where that differs;
    `fates`: person → created, or why not; `removed`, `updated`: people of those leads."""

    ids: Mapping[str, str] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    fates: dict[str, Fate] = field(default_factory=dict)
    leads: dict[str, Lead] = field(default_factory=dict)
    updated: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    lead_updates: int = 0  # requests that change a lead, each of which has a reason
    calls: list[Call] = field(default_factory=list)
    _row: dict[str, dict[str, str | bool | None]] = field(default_factory=dict)

    def key(self, person_id: str) -> str:
        """What the lead of this person carries as vendor_lead_code."""
        return records.SyncKey.of(CLIENT, "leads", self.ids.get(person_id, person_id)).value

    def enter(self, people: Iterable[Person]) -> None:
        """People are entered into the CRM."""
        for person in people:
            self.people[person.id] = person
            self._row[person.id] = {name: getattr(person, name) for name in (*LEAD_COLUMNS, "country")}
            self._decide(person.id, person.expect)

    def _decide(self, person_id: str, fate: Fate) -> None:
        self.fates[person_id] = fate
        if fate == "created":
            self.leads[person_id] = Lead(self._columns(person_id))

    def _columns(self, person_id: str) -> dict[str, str]:
        row, person = self._row[person_id], self.people[person_id]
        code, number = person.number()
        given = {column: str(row[name] or "") for name, column in LEAD_COLUMNS.items()}
        given |= {
            "country_code": COUNTRY_CODES.get(str(row["country"]), ""),
            "list_id": scenario.GERMAN_LIST if row["country"] == "Germany" else scenario.LIST,
            "phone_code": code,
            "phone_number": number,
            "vendor_lead_code": self.key(person_id),
            "source_id": f"syncd:{CLIENT}:leads",
        }
        return {name: stored(name, value) for name, value in given.items()}

    def change(self, change: scenario.Change) -> None:
        """A person is changed in the CRM."""
        row = self._row[change.person]
        # blanks never overwrite
        row.update({name: value for name, value in change.fields.items() if name in LEAD_COLUMNS and value})
        if "phone" in change.fields:
            self._new_phone(change.person, str(change.fields["phone"]))
        match change.expect:
            case "updated":
                changed = [LEAD_COLUMNS[name] for name in change.fields if name in LEAD_COLUMNS]
                changed += ["phone_number"] if "phone" in change.fields else []
                columns = self._columns(change.person)
                self.leads[change.person].columns.update({name: columns[name] for name in changed})
                self.updated.add(change.person)
                self.lead_updates += 1
            case "removed":
                opted_out = bool(change.fields.get("do_not_call"))
                self._remove(change.person, "DNC" if opted_out else "SYNCDX")
            case "unchanged":
                pass
            case fate:
                self._decide(change.person, fate)

    def _new_phone(self, person_id: str, phone: str) -> None:
        person = self.people[person_id]
        values = {name: getattr(person, name) for name in person.__slots__}
        self.people[person_id] = Person(**{**values, "phone": phone, "dials": None})

    def _remove(self, person_id: str, status: str) -> None:
        self.leads[person_id].status = status
        self.removed.add(person_id)
        self.lead_updates += 1

    def call(self, person_id: str, call: scenario.Call, booked: dialer.Booked) -> Call:
        """A lead is called."""
        due = Call(person_id, booked, call.agent, call.length, call.status)
        self.calls.append(due)
        self._ended(due)
        return due

    def correct(self, call: Call, status: str) -> None:
        """A call's disposition is changed, or a running call ends."""
        call.status = status
        self._ended(call)

    def _ended(self, call: Call) -> None:
        self.leads[call.person].status = call.status
        if call.status == "DNC":
            # the disposition sets the CRM's do_not_call, and that takes the lead out of dialling
            self._remove(call.person, "DNC")

    def agent_edits(self, edit: scenario.AgentEdit) -> None:
        """An agent changes a lead."""
        self.leads[edit.person].columns.update({name: stored(name, value) for name, value in edit.fields.items()})

    def ended_calls(self) -> list[Call]:
        """The calls that must be in the CRM."""
        return [call for call in self.calls if call.status != "INCALL"]

    def dispositions(self) -> dict[str, Disposition]:
        """What the CRM must say of each person who was called: the newest call, but never less than a DNC or SALE."""
        found: dict[str, Disposition] = {}
        standing: dict[str, str] = {}
        for call in sorted(self.ended_calls(), key=lambda call: call.booked.at):
            old = standing.get(call.person, "")
            if _STRENGTH.get(call.status, 0) >= _STRENGTH.get(old, 0):
                standing[call.person] = call.status
            word = scenario.STATUSES[standing[call.person]]
            found[call.person] = Disposition(word, call.booked.at, call.agent)
        return found

    def reasons(self, kind: str) -> Counter[str]:
        """How many people are "skipped" or "held", by reason."""
        return Counter(
            reason for fate in self.fates.values() for what, _, reason in [fate.partition(":")] if what == kind
        )


def stored(name: str, value: str) -> str:
    """What a VICIdial with `use_non_latin` keeps of a value that syncd sends."""
    if name == "comments":
        value = _FOUR_BYTES.sub("?", value.replace("\\", "\\\\").replace("\n", "!N"))
    if name == "email":
        value = value.replace("+", "%2B")
    kept = text.clean(text.tables(use_non_latin=True), name, value)
    return _STORAGE.column(name, _STORAGE.literal(kept) or "")


def as_text(columns: Mapping[str, object]) -> dict[str, str]:
    """Columns as read from the far side, as text, NULL as nothing."""
    return {name: "" if value is None else str(value) for name, value in columns.items()}
