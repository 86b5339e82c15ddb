"""The demo's HubSpot: contacts and calls in a simulated portal, with the properties that a customer would add.

E-mails are unique there; the demo's people have different ones or none, so all are kept as they are.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from syncd.cli.demo import crm, crm_simulated, scenario
from syncd.cli.demo.people import Person
from syncd.simulators.hubspot import defaults

_TOKEN = "SYNCD_DEMO_HUBSPOT_TOKEN"  # noqa: S105  # the variable's name
_KEY = "vicidial_call_id"
_COLUMNS = {
    "first_name": "firstname", "last_name": "lastname", "email": "email", "phone": "phone", "mobile": "mobilephone",
    "country": "country", "city": "city", "stage": "stage", "notes": "notes", "do_not_call": "do_not_call",
}  # fmt: skip
_OWN = {
    "contacts": ("country", "stage", "notes", "call_status", "last_agent"),
    "calls": (_KEY, "vicidial_uniqueid", "vicidial_agent"),
}
_STANDARD = {label.lower(): one for one, label in defaults.DISPOSITIONS.items()}
# The portal's id of a disposition → the demo's word. Labels are the same in any case: those that a portal has are used.
_RESULTS = {_STANDARD.get(word, f"demo-{status}"): word for status, word in scenario.STATUSES.items()}
_DIRECTIONS = {"out": "OUTBOUND", "in": "INBOUND"}
_OPTIONS = f"""\
      type: hubspot
      url: {{url}}
      token: ${{{{env:{_TOKEN}}}}}
      object: contacts
      archived_seconds: 1               # how often deletions are looked for; default: 900
      calls: {{{{key_property: {_KEY}}}}}"""
_CALLS = """\
          record_id: crm_id
          vicidial_uniqueid: uniqueid
          hs_call_direction: {{from: leg, map: {{{directions}}}}}
          hs_timestamp: call_date
          duration_seconds: length_in_sec
          vicidial_agent: user
          hs_call_disposition: {{from: status, map: {{{statuses}}}}}
          hs_call_source: {{value: INTEGRATIONS_PLATFORM}}"""
_DISPOSITIONS = """\
          call_status: {{from: status, map: {{{statuses}}}}}
          do_not_call: {{rules: [{{when: {{status: DNC}}, value: "true"}}]}}
          last_call: call_date
          last_agent: user"""


class Crm(crm_simulated.Simulated):
    """The portal."""

    def __init__(self, folder: Path) -> None:
        self._token = f"pat-{secrets.token_hex(8)}"
        super().__init__("hubspot", folder, {_TOKEN: self._token})

    def create(self, people: Iterable[Person]) -> None:
        """Start the portal and enter these people."""
        properties = {kind: [_text(kind, name) for name in names] for kind, names in _OWN.items()}
        self.start(
            {
                "tokens": {self._token: list(defaults.SCOPES)},
                "properties": properties,
                "dispositions": {one: word for one, word in _RESULTS.items() if one not in defaults.DISPOSITIONS},
            }
        )
        self.enter(people)

    def enter(self, people: Iterable[Person]) -> None:
        """Enter people; whoever is deleted was entered once, too."""
        known = list(people)
        rows = [_typed({name: getattr(person, name) for name in _COLUMNS}) for person in known]
        ids = self.door.ask("add", type="contacts", rows=rows)["ids"]
        self.ids.update(zip((person.id for person in known), ids, strict=True))
        for person in known:
            if person.deleted:
                self.delete(person.id)

    def change(self, person_id: str, fields: crm.Fields) -> None:
        """Edit properties of a contact."""
        self.door.ask("edit", type="contacts", id=self.ids[person_id], fields=_typed(fields))

    def opt_out(self, person_id: str) -> None:
        """Tick the contact's box."""
        self.change(person_id, {"do_not_call": True})

    def delete(self, person_id: str) -> None:
        """Archive the contact."""
        self.door.ask("archive", type="contacts", id=self.ids[person_id])

    def people(self) -> dict[str, crm.Row]:
        """All contacts that are known, archived ones among them."""
        ours = self.by_id()
        found = self._objects("contacts")
        return {
            ours.get(one, one): {
                "call_status": row.get("call_status"),
                "last_call_at": row.get("last_call"),
                "last_agent": row.get("last_agent"),
            }
            for one, row in found.items()
        }

    def calls(self) -> list[crm.Row]:
        """All calls, each with the contact that it is tied to."""
        ours = self.by_id()
        world = self.door.ask("world", include=["calls"])
        tied = {call: contact for _, call, _, contact in world["associations"]}
        legs = {theirs: leg for leg, theirs in _DIRECTIONS.items()}
        return [
            {
                "person_id": ours.get(tied.get(one, "")),
                "uniqueid": row.get("vicidial_uniqueid"),
                "direction": legs.get(row.get("hs_call_direction", "")),
                "started_at": row.get("hs_timestamp"),
                "seconds": int(row.get("hs_call_duration", "-1000")) // 1000,
                "agent": row.get("vicidial_agent"),
                "result": _RESULTS.get(row.get("hs_call_disposition", "")),
            }
            for one, row in world["objects"]["calls"].items()
        ]

    def words(self) -> crm.Words:
        """The CRM's part of the client's file."""
        statuses = crm.table(scenario.STATUSES)
        return crm.Words(
            _OPTIONS.format(url=self.door.url),
            _COLUMNS,
            _CALLS.format(statuses=statuses, directions=crm.table(_DIRECTIONS)),
            _DISPOSITIONS.format(statuses=statuses),
        )

    def _objects(self, kind: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.door.ask("world", include=[kind])["objects"][kind]
        return found


def _typed(fields: crm.Fields) -> dict[str, str]:
    """Values as the portal stores them: text, nothing for a blank."""
    given = crm_simulated.named(_COLUMNS, fields)
    return {name: str(value).lower() if isinstance(value, bool) else value or "" for name, value in given.items()}


def _text(kind: str, name: str) -> dict[str, object]:
    group = "contactinformation" if kind == "contacts" else "call"
    made = {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": group}
    return {**made, "hasUniqueValue": name == _KEY}
