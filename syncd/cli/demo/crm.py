"""What the demo asks of a CRM, whichever it is: to enter and change people, and to show what has been written to it.

A CRM is a far side: syncd sees it only through its connector, the demo only through these methods. People are named
by the demo's own ids; `ids` says what the CRM calls them. Rows have the same names and values for every CRM.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from syncd.cli.demo import children, scenario
from syncd.cli.demo.people import Person

Value = str | int | None
Row = Mapping[str, Value]
Fields = Mapping[str, str | bool | None]


@dataclass(frozen=True, slots=True)
class Words:
    """What a customer with this CRM writes into the client's file. `options`: the lines below `crm:`; `columns`: a
    person's column → the CRM's field; `calls`, `dispositions`: the lines below `fields:` of those pipelines."""

    options: str
    columns: Mapping[str, str]
    calls: str
    dispositions: str


class Crm(Protocol):
    """One CRM of the demo. `environ`: secrets that the daemon needs; `child`: the CRM's process, if it is one."""

    ids: dict[str, str]
    environ: Mapping[str, str]
    child: children.Child | None

    def create(self, people: Iterable[Person]) -> None:
        """Make the CRM, with these people in it."""

    def enter(self, people: Iterable[Person]) -> None:
        """Enter people."""

    def change(self, person_id: str, fields: Fields) -> None:
        """Change columns of a person."""

    def opt_out(self, person_id: str) -> None:
        """A person does not want to be called."""

    def delete(self, person_id: str) -> None:
        """Delete a person as this CRM's users do."""

    def people(self) -> Mapping[str, Row]:
        """Each person's call_status, last_call_at and last_agent, by the demo's id; deleted people are among them."""

    def calls(self) -> list[Row]:
        """All calls: person_id (the demo's), uniqueid, direction, started_at, seconds, agent, result."""

    def held(self, person: Person) -> Person:
        """The person as this CRM can hold them."""

    def possible(self, change: scenario.Change) -> scenario.Change:
        """The change as this CRM allows it."""

    def words(self) -> Words:
        """The CRM's part of the client's file."""

    def close(self) -> None:
        """End what was started."""


def table(pairs: Mapping[str, str]) -> str:
    """Pairs as the inside of a YAML map on one line."""
    return ", ".join(f"{key}: {value}" for key, value in pairs.items())
