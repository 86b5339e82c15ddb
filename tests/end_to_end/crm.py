"""A customer's CRM as the people who work in it see it, in words that are no CRM's own; syncd sees it only through its
connector.

A person is known by a name that the test gives, whatever id the CRM gives. The fields of a person are name, email,
mobile, phone, opted_out, and what comes back of calls: call_status, last_call_at, last_agent. A call is person,
direction ("out", "in"), started_at, seconds, agent, result. Instants are aware datetimes or their text in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Options = Mapping[str, object]
Row = dict[str, Any]
READ_SECONDS = 0.5  # how long syncd waits for an answer; a fault of the same kind takes longer
STATUSES = {"SALE": "sold", "NI": "not interested", "NA": "no answer", "CALLBK": "call back", "DNC": "do not call"}
OWNERS = ("ann@example.com", "bob@example.com")  # people who work in a CRM that knows its users
STATUS: Options = {"from": "status", "map": STATUSES}
OPTED_OUT: Options = {"rules": [{"when": {"status": "DNC"}, "value": "true"}]}


@dataclass(frozen=True, slots=True)
class Setup:
    """What a customer's configuration says of the CRM: its own part, when people have opted out, and what each pipeline
    makes of which field."""

    crm: Options
    opt_out: Options
    leads: Options
    calls: Options
    dispositions: Options


@dataclass(frozen=True, slots=True)
class Asked:
    """What syncd has asked of the CRM. `fired`: how many requests met a fault."""

    requests: int = 0
    writes: int = 0
    fired: int = 0


class Crm(Protocol):
    """A CRM that runs and begins empty."""

    def setup(self) -> Setup:
        """How syncd is told of it."""

    def id_of(self, person: str) -> str:
        """The id of a person's record."""

    def enter(self, person: str, /, **fields: object) -> None:
        """Somebody is entered."""

    def change(self, person: str, /, **fields: object) -> None:
        """Somebody is changed, opted out for example."""

    def delete(self, person: str) -> None:
        """Somebody is deleted, as this CRM deletes."""

    def people(self) -> dict[str, Row]:
        """All people by name, deleted ones too, with whatever else but ids and times of change is in their records."""

    def calls(self) -> list[Row]:
        """All calls, likewise."""

    def forget(self) -> None:
        """Be empty again, and whole."""

    def tick(self) -> None:
        """A second passes, where its clock tells no less: what has just been changed is past."""

    def break_(self, faults: str) -> None:
        """Requests fail from now on as its simulator's specification says."""

    def asked(self) -> Asked:
        """What has been asked of it since it began."""

    def is_idle(self) -> bool:
        """Whether it has nothing under way."""

    def close(self) -> None:
        """End it."""
