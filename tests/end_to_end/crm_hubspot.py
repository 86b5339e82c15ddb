"""A customer's HubSpot portal: people are contacts, calls are engagements that are associated with them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from syncd.simulators import hubspot
from syncd.simulators.hubspot import defaults
from tests.end_to_end import crm, simulated

_KEY, _TASK_KEY = "vicidial_call_id", "vicidial_callback_id"
_PERSON = {"firstname": "name", "mobilephone": "mobile", "do_not_call": "opted_out", "archived": "deleted"}
_CALL = {"hs_timestamp": "started_at", "hs_call_direction": "direction", "hs_call_disposition": "result"}
_OF_HUBSPOT = frozenset({
    "hs_object_id", "createdate", "lastmodifieddate", "hs_createdate", "hs_lastmodifieddate", _KEY,
})  # fmt: skip
_DIRECTIONS = {"out": "OUTBOUND", "in": "INBOUND"}


def _property(name: str, group: str, kind: str = "string", field: str = "text", **more: object) -> dict[str, object]:
    return {"name": name, "label": name, "type": kind, "fieldType": field, "groupName": group, **more}


_OWN_DISPOSITIONS = {f"disposition of {word}": word for word in ("sold", "not interested", "call back", "do not call")}
_WORDS = {guid: label.casefold() for guid, label in {**defaults.DISPOSITIONS, **_OWN_DISPOSITIONS}.items()}
_STATE = {
    "owners": [{"id": f"7700{number}", "email": mail} for number, mail in enumerate(crm.OWNERS)],
    "dispositions": _OWN_DISPOSITIONS,
    "properties": {
        "contacts": [
            _property(
                "call_status", "contactinformation", "enumeration", "select",
                options=[{"value": word} for word in crm.STATUSES.values()],
            ),
            _property("last_call_at", "contactinformation", "datetime", "date"),
            _property("last_agent", "contactinformation"),
        ],
        "calls": [_property(_KEY, "call", hasUniqueValue=True), _property("agent", "call")],
        "tasks": [_property(_TASK_KEY, "task", hasUniqueValue=True)],
    },
}  # fmt: skip


class HubspotCrm(simulated.Simulated):
    """A portal."""

    def __init__(self) -> None:
        super().__init__(lambda: hubspot.serve(_STATE), ("batch/update", "batch/upsert", "batch/associate"))

    def setup(self) -> crm.Setup:
        """How syncd is told of it."""
        return crm.Setup(
            crm={
                "type": "hubspot",
                "url": self._sim.url,
                "token": "pat-sim",
                "calls": {"key_property": _KEY},
                "requests_per_10_seconds": 100_000,
                "searches_per_second": 1000,
                "archived_seconds": 0,  # by the process's own clock, which nobody puts forward
                "read_seconds": crm.READ_SECONDS,
            },
            opt_out={"do_not_call": True},
            leads={
                "phone_number": {"from": ["mobilephone", "phone"]},
                "first_name": "firstname",
                "email": "email",
            },
            calls={
                "record_id": "crm_id",
                "hs_call_direction": {"from": "leg", "map": _DIRECTIONS},
                "hs_timestamp": "call_date",
                "duration_seconds": "length_in_sec",
                "agent": "user",
                "hs_call_disposition": crm.STATUS,
            },
            dispositions={
                "call_status": crm.STATUS,
                "do_not_call": crm.OPTED_OUT,
                "last_call_at": "call_date",
                "last_agent": "user",
            },
        )

    def enter(self, person: str, /, **fields: object) -> None:
        """Somebody makes a contact."""
        (self._ids[person],) = self._door.ask("add", type="contacts", rows=[self._properties(fields)])["ids"]

    def change(self, person: str, /, **fields: object) -> None:
        """Somebody changes a contact."""
        self._door.ask("edit", type="contacts", id=self._ids[person], fields=self._properties(fields))

    def delete(self, person: str) -> None:
        """Somebody archives a contact."""
        self._door.ask("archive", type="contacts", id=self._ids[person])

    @staticmethod
    def _properties(fields: Mapping[str, object]) -> dict[str, str]:
        ours = {theirs: name for name, theirs in _PERSON.items()}
        return {
            ours.get(name, name): str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in fields.items()
        }

    def people(self) -> dict[str, crm.Row]:
        """All contacts by name; one that nobody entered by its id."""
        found = self._door.ask("world", include=["contacts"])["objects"]["contacts"]
        return {
            self._name_of(contact): _row({"do_not_call": "false", **properties}, _PERSON)
            for contact, properties in found.items()
        }

    def calls(self) -> list[crm.Row]:
        """All engagements, each with whom it is associated with."""
        world = self._door.ask("world", include=["calls"])
        assert all(one[0] == "calls" and one[2] == "contacts" for one in world["associations"])
        found = []
        for call, properties in world["objects"]["calls"].items():
            row = _row(properties, _CALL)
            tied = [self._name_of(contact) for _, one, _, contact in world["associations"] if one == call]
            assert not row.pop("archived")
            seconds, rest = divmod(int(row.pop("hs_call_duration")), 1000)
            assert not rest
            row |= {"person": " and ".join(tied), "seconds": seconds}
            row["direction"] = {theirs: leg for leg, theirs in _DIRECTIONS.items()}[row["direction"]]
            row["result"] = _WORDS[row["result"]]
            found.append(row)
        return found

    def tasks(self) -> list[crm.Row]:
        """All tasks, each with whom it is associated with."""
        world = self._door.ask("world", include=["tasks"])
        found = []
        for number, task in world["objects"]["tasks"].items():
            assert task["hs_task_type"] == "CALL"
            assert task[_TASK_KEY]
            owner = task.get("hubspot_owner_id", "")
            found.append(
                {
                    "person": [self._name_of(tie[3]) for tie in world["associations"] if tie[:2] == ["tasks", number]],
                    "due_at": datetime.fromisoformat(task["hs_timestamp"]),
                    "owner": dict(zip(("77000", "77001"), crm.OWNERS, strict=True)).get(owner, owner),
                    "note": task.get("hs_task_body", ""),
                    "told": f"{task['hs_task_status']}: {task['hs_task_subject']}",
                }
            )
        return found


def _row(properties: Mapping[str, object], words: Mapping[str, str]) -> crm.Row:
    """An object in the words of all CRMs."""
    row: crm.Row = {words.get(name, name): value for name, value in properties.items() if name not in _OF_HUBSPOT}
    for name in ("last_call_at", "started_at"):
        if name in row:
            row[name] = datetime.fromisoformat(row[name])
    if "opted_out" in row:
        row["opted_out"] = {"true": True, "false": False}[row["opted_out"]]
    return row
