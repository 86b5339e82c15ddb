"""Counts both far sides – the CRM's file and the simulated dialer – and compares them with the books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from syncd.cli.demo import books, crm, dialer, scenario

_OUT_OF_DIALLING = ("SYNCDX", "DNC")


@dataclass(frozen=True, slots=True)
class Told:
    """What syncd itself says: people held and skipped, by reason, and how much work is still waiting."""

    held: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One number, counted and expected. `name` is its key in the JSON object; `told`: syncd says it, the far sides
    cannot show it."""

    name: str
    label: str
    counted: int
    expected: int
    told: bool = False

    @property
    def right(self) -> bool:
        """Whether the number is what it must be."""
        return self.counted == self.expected


@dataclass(frozen=True, slots=True)
class Account:
    """All numbers, and what differs, by id (never by phone)."""

    lines: Sequence[Line]
    differences: Sequence[str]
    waiting: int

    @property
    def right(self) -> bool:
        """Whether every number is exactly right, every value is, and nothing is left to do."""
        return all(line.right for line in self.lines) and not self.differences and not self.waiting

    def as_object(self) -> dict[str, Any]:
        """For `--json`: the numbers by name, beside what was expected."""
        counted = {line.name: line.counted for line in self.lines}
        expected = {line.name: line.expected for line in self.lines}
        return {**counted, "expected": expected, "differences": list(self.differences), "ok": self.right}


def take(due: books.Books, database: crm.Crm, calls: dialer.Dialer, told: Told) -> Account:
    """Count both sides now."""
    return _Taking(due, database.people(), database.calls(), calls, told).account()


class _Taking:
    """The counting of one moment."""

    def __init__(
        self,
        due: books.Books,
        people: Mapping[str, crm.Row],
        activities: Sequence[crm.Row],
        calls: dialer.Dialer,
        told: Told,
    ) -> None:
        self.due, self.people, self.activities, self.told = due, people, activities, told
        marker = f"syncd:{books.CLIENT}:leads"
        leads = calls.leads()
        self.ours = [lead for lead in leads if lead["source_id"] == marker]
        self.strangers = len(leads) - len(self.ours) - 1  # one was there before
        self.changes = calls.requests("update_lead")
        self.differences: list[str] = []

    def account(self) -> Account:
        """All lines."""
        due = self.due
        by_key: dict[str, list[dict[str, Any]]] = {}
        for lead in self.ours:
            by_key.setdefault(lead["vendor_lead_code"], []).append(lead)
        right_leads = {
            person for person, lead in due.leads.items() if self._lead(person, lead, by_key.get(due.key(person)))
        }
        written = Counter((str(row["uniqueid"]), str(row["direction"])) for row in self.activities)
        missing_leads = sum(due.key(person) not in by_key for person in due.leads)
        missing_calls = self._calls(written)
        dispositions = due.dispositions()
        right_dispositions = sum(self._disposition(person, one) for person, one in dispositions.items())
        unasked = sum(
            row["call_status"] is not None for person, row in self.people.items() if person not in dispositions
        )
        duplicates = len(self.ours) - len(by_key) + sum(count - 1 for count in written.values())
        lost = missing_leads + missing_calls + len(dispositions) - right_dispositions
        removed = sum(lead["status"] in _OUT_OF_DIALLING for lead in self.ours)
        written_back = right_dispositions + unasked
        lines = [
            Line("people", "people in the CRM", len(self.people), len(due.people)),
            Line("leads_created", "leads created", len(by_key), len(due.leads)),
            Line("leads_updated", "leads updated", len(right_leads & due.updated), len(due.updated)),
            Line("leads_removed", "leads taken out of dialling", removed, len(due.removed)),
            Line("lead_changes_sent", "requests that changed a lead", self.changes, due.lead_updates),
            Line(
                "without_lead",
                "people without a lead",
                len(self.people) - len(by_key),
                len(due.people) - len(due.leads),
            ),
            *_by_reason("skipped", "skipped by policy", _SKIPPED, self.told.skipped, due),
            *_by_reason("held", "held for somebody to decide", _HELD, self.told.held, due),
            Line("calls_written", "calls written to the CRM", len(self.activities), len(due.ended_calls())),
            Line("dispositions_written", "dispositions written to the CRM", written_back, len(dispositions)),
            Line("duplicates", "duplicates", duplicates, 0),
            Line("lost", "lost", lost, 0),
            Line("strangers", "leads of strangers added", self.strangers, 0),
        ]
        return Account(lines, self.differences, self.told.waiting)

    def _lead(self, person: str, due: books.Lead, found: Sequence[dict[str, Any]] | None) -> bool:
        if not found:
            return False
        actual = found[0]
        wrong = sorted(name for name, value in due.columns.items() if actual[name] != value)
        if actual["status"] != due.status:
            wrong.append("status")
        if wrong:
            self.differences.append(f"lead {actual['lead_id']} of {person}: {', '.join(wrong)}")
        return not wrong

    def _calls(self, written: Counter[tuple[str, str]]) -> int:
        """How many calls are missing; those with wrong values are noted."""
        rows = {(str(row["uniqueid"]), str(row["direction"])): row for row in self.activities}
        missing = 0
        for call in self.due.ended_calls():
            place = (call.booked.uniqueid, call.booked.direction)
            row = rows.pop(place, None)
            if row is None:
                missing += 1
                continue
            expected = {
                "person_id": call.person,
                "seconds": call.length,
                "agent": call.agent,
                "result": scenario.STATUSES[call.status],
            }
            wrong = [name for name, value in expected.items() if row[name] != value]
            if _moment(row["started_at"]) != call.booked.at:
                wrong.append("started_at")
            if wrong:
                self.differences.append(f"call {place[0]} of {call.person}: {', '.join(wrong)}")
        self.differences += [f"call {uniqueid} ({direction}) is not due" for uniqueid, direction in rows]
        return missing

    def _disposition(self, person: str, due: books.Disposition) -> bool:
        row = self.people[person]
        wrong = [name for name in ("call_status", "last_agent") if row[name] != getattr(due, name)]
        if _moment(row["last_call_at"]) != due.last_call_at:
            wrong.append("last_call_at")
        if wrong:
            self.differences.append(f"person {person}: {', '.join(wrong)}")
        return not wrong


def _by_reason(
    kind: str, label: str, words: Mapping[str, str], told: Mapping[str, int], due: books.Books
) -> list[Line]:
    """What syncd says of people without a lead: all of them, and by reason."""
    expected = due.reasons(kind)
    return [
        Line(f"leads_{kind}", f"  {label}", sum(told.values()), expected.total(), told=True),
        *(
            Line(
                f"{kind}_{reason}", f"    {words.get(reason, reason)}", told.get(reason, 0), expected[reason], told=True
            )
            for reason in sorted({*expected, *told})
        ),
    ]


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC) if value else None


_SKIPPED = {
    "no_phone": "no phone",
    "dnc": "on the do-not-call list",
    "campaign_dnc": "on the campaign's do-not-call list",
    "opt_out": "opted out in the CRM",
    "deleted": "deleted in the CRM",
    "where": "not wanted by `where`",
}
_HELD = {
    "phone": "a phone that cannot be dialled",
    "shared_phone": "a phone that somebody else has",
    "unmapped": "a value that the mapping does not know",
    "rejected": "refused by the dialer",
}
