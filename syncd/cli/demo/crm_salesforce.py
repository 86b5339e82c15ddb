"""The demo's Salesforce: leads and tasks in a simulated org, with the fields that an administrator would add.

A lead there needs a last name and a company: whoever has none gets what people type in then, and is kept.
The org trims texts, so a phone of blanks is no phone at all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from syncd.cli.demo import crm, crm_simulated, scenario
from syncd.cli.demo.people import Person
from syncd.simulators.salesforce import logins

NO_NAME = "[not provided]"
_SECRET = "SYNCD_DEMO_SALESFORCE_SECRET"  # noqa: S105  # the variable's name
_COMPANY = "Household"
_COLUMNS = {
    "first_name": "FirstName", "last_name": "LastName", "email": "Email", "phone": "Phone", "mobile": "MobilePhone",
    "country": "Country", "city": "City", "stage": "Stage__c", "notes": "Description", "do_not_call": "DoNotCall",
}  # fmt: skip
_FIELDS: dict[str, list[dict[str, Any]]] = {
    "Lead": [
        {"name": "Country", "length": 80},
        {"name": "Stage__c", "length": 40},
        {"name": "Call_Status__c", "length": 40},
    ],
    "Task": [
        {"name": "Started__c", "type": "datetime"},  # ActivityDate is a day only
        {"name": "Uniqueid__c", "length": 40},
        {"name": "Agent__c", "length": 40},
    ],
}
_DIRECTIONS = {"out": "Outbound", "in": "Inbound"}
_OPTIONS = f"""\
      type: salesforce
      url: {{url}}
      client_id: {logins.APP["id"]}
      client_secret: ${{{{env:{_SECRET}}}}}
      calls: {{{{key_field: Syncd_Call__c}}}}"""
_CALLS = """\
          WhoId: crm_id
          Uniqueid__c: uniqueid
          CallType: {{from: leg, map: {{{directions}}}}}
          ActivityDate: call_date
          Started__c: call_date
          CallDurationInSeconds: length_in_sec
          Agent__c: user
          CallDisposition: {{from: status, map: {{{statuses}}}}}"""
_DISPOSITIONS = """\
          Call_Status__c: {{from: status, map: {{{statuses}}}}}
          DoNotCall: {{rules: [{{when: {{status: DNC}}, value: true}}]}}
          Last_Call__c: call_date
          Last_Agent__c: user"""


class Crm(crm_simulated.Simulated):
    """The org."""

    def __init__(self, folder: Path) -> None:
        super().__init__("salesforce", folder, {_SECRET: logins.APP["secret"]})

    def create(self, people: Iterable[Person]) -> None:
        """Start the org and enter these people."""
        self.start({"records": {}, "fields": _FIELDS})
        self.enter(people)

    def enter(self, people: Iterable[Person]) -> None:
        """Enter people; whoever is deleted was entered once, too."""
        known = [self.held(person) for person in people]
        rows = [{**_typed({name: getattr(person, name) for name in _COLUMNS}), "Company": _COMPANY} for person in known]
        ids = self.door.ask("enter", object="Lead", records=rows)["ids"]
        self.ids.update(zip((person.id for person in known), ids, strict=True))
        for person in known:
            if person.deleted:
                self.delete(person.id)

    def change(self, person_id: str, fields: crm.Fields) -> None:
        """Edit fields of a lead."""
        self.door.ask("edit", id=self.ids[person_id], fields=_typed(fields))

    def opt_out(self, person_id: str) -> None:
        """Tick the lead's box."""
        self.change(person_id, {"do_not_call": True})

    def delete(self, person_id: str) -> None:
        """Put the lead into the recycle bin."""
        self.door.ask("delete", id=self.ids[person_id])

    def people(self) -> dict[str, crm.Row]:
        """All leads, those in the recycle bin among them."""
        ours = self.by_id()
        return {
            ours.get(row["Id"], row["Id"]): {
                "call_status": row["Call_Status__c"],
                "last_call_at": row["Last_Call__c"],
                "last_agent": row["Last_Agent__c"],
            }
            for row in self._rows("Lead")
        }

    def calls(self) -> list[crm.Row]:
        """All tasks."""
        ours = self.by_id()
        legs = {theirs: leg for leg, theirs in _DIRECTIONS.items()}
        return [
            {
                "person_id": ours.get(row["WhoId"] or ""),
                "uniqueid": row["Uniqueid__c"],
                "direction": legs.get(row["CallType"] or ""),
                "started_at": row["Started__c"],
                "seconds": row["CallDurationInSeconds"],
                "agent": row["Agent__c"],
                "result": row["CallDisposition"],
            }
            for row in self._rows("Task")
        ]

    def held(self, person: Person) -> Person:
        """The person with a last name."""
        return person if person.last_name else dataclasses.replace(person, last_name=NO_NAME)

    def possible(self, change: scenario.Change) -> scenario.Change:
        """A last name cannot be emptied: the first name is emptied instead, which must change as little."""
        if change.fields.get("last_name", "kept"):
            return change
        fields = {name: value for name, value in change.fields.items() if name != "last_name"}
        return dataclasses.replace(change, fields={**fields, "first_name": None})

    def words(self) -> crm.Words:
        """The CRM's part of the client's file."""
        statuses = crm.table(scenario.STATUSES)
        return crm.Words(
            _OPTIONS.format(url=self.door.url),
            _COLUMNS,
            _CALLS.format(statuses=statuses, directions=crm.table(_DIRECTIONS)),
            _DISPOSITIONS.format(statuses=statuses),
        )

    def _rows(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.door.ask("world", include=[name])[name]
        return found


def _typed(fields: crm.Fields) -> dict[str, str | bool | None]:
    """Values as the org stores them: nothing for a blank text."""
    given = crm_simulated.named(_COLUMNS, fields)
    return {name: value if isinstance(value, bool) else (value or "").strip() or None for name, value in given.items()}
