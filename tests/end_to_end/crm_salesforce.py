"""A customer's Salesforce org: people are Leads, calls are Tasks with an external id, or with their key in
CallObject."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from syncd.simulators import salesforce
from syncd.simulators.salesforce import logins
from tests.end_to_end import crm, simulated

_KEY = "Syncd_Call__c"
_PERSON = {
    "LastName": "name", "Email": "email", "MobilePhone": "mobile", "Phone": "phone", "DoNotCall": "opted_out",
    "IsDeleted": "deleted", "Call_Status__c": "call_status", "Last_Call__c": "last_call_at",
    "Last_Agent__c": "last_agent",
}  # fmt: skip
_CALL = {
    "CallType": "direction", "Started__c": "started_at", "CallDurationInSeconds": "seconds", "Agent__c": "agent",
    "CallDisposition": "result",
}  # fmt: skip
_OF_SALESFORCE = frozenset({"Id", "SystemModstamp", "CreatedDate", "LastModifiedDate"})
# what nobody in the story touches: if it is otherwise in the end, it shows
_UNTOUCHED = {
    "Company": "Acme", "Status": "Open - Not Contacted", "IsConverted": False, "HasOptedOutOfEmail": False,
}  # fmt: skip
_OF_EACH_TASK = {
    "Subject": "Call", "Status": "Completed", "TaskSubtype": "Call", "Priority": "Normal", "IsDeleted": False,
    "IsReminderSet": False,
}  # fmt: skip
_DIRECTIONS = {"out": "Outbound", "in": "Inbound"}
_STATE = {
    "records": {"User": [{"Name": mail, "Username": f"{mail}.acme", "Email": mail} for mail in crm.OWNERS]},
    "fields": {
        "Lead": [
            {"name": "Call_Status__c", "type": "picklist", "values": [*crm.STATUSES.values()], "restricted": True}
        ],
        "Task": [{"name": "Started__c", "type": "datetime"}, {"name": "Agent__c", "length": 40}],
    },
}


class SalesforceCrm(simulated.Simulated):
    """An org. `with_key_field`: calls are upserted by an external id, else they are looked up before they are made
    again."""

    def __init__(self, *, with_key_field: bool = True) -> None:
        self._with_key_field = with_key_field
        super().__init__(lambda: salesforce.serve(_STATE), ("composite", "sobject"))

    def setup(self) -> crm.Setup:
        """How syncd is told of it."""
        return crm.Setup(
            crm={
                "type": "salesforce",
                "url": self._sim.url,
                "client_id": logins.APP["id"],
                "client_secret": logins.APP["secret"],
                "calls": {"key_field": _KEY} if self._with_key_field else {},
                "read_seconds": crm.READ_SECONDS,
            },
            opt_out={"DoNotCall": True},
            leads={"phone_number": {"from": ["MobilePhone", "Phone"]}, "first_name": "LastName", "email": "Email"},
            calls={
                "WhoId": "crm_id",
                "CallType": {"from": "leg", "map": _DIRECTIONS},
                "Started__c": "call_date",
                "CallDurationInSeconds": "length_in_sec",
                "Agent__c": "user",
                "CallDisposition": crm.STATUS,
            },
            dispositions={
                "Call_Status__c": crm.STATUS,
                "DoNotCall": crm.OPTED_OUT,
                "Last_Call__c": "call_date",
                "Last_Agent__c": "user",
            },
        )

    def enter(self, person: str, /, **fields: object) -> None:
        """Somebody makes a lead."""
        row = {"Company": _UNTOUCHED["Company"], **self._fields(fields)}
        (self._ids[person],) = self._door.ask("enter", object="Lead", records=[row])["ids"]

    def change(self, person: str, /, **fields: object) -> None:
        """Somebody changes a lead."""
        self._door.ask("edit", id=self._ids[person], fields=self._fields(fields))

    def delete(self, person: str) -> None:
        """Somebody puts a lead into the recycle bin."""
        self._door.ask("delete", id=self._ids[person])

    @staticmethod
    def _fields(fields: Mapping[str, object]) -> dict[str, object]:
        ours = {theirs: name for name, theirs in _PERSON.items()}
        return {ours[name]: value for name, value in fields.items()}

    def people(self) -> dict[str, crm.Row]:
        """All leads by name; one that nobody entered by its id."""
        return {
            self._name_of(row["Id"]): _row(row, _PERSON, _UNTOUCHED)
            for row in self._door.ask("world", include=["Lead"])["Lead"]
        }

    def calls(self) -> list[crm.Row]:
        """All Tasks."""
        found = []
        for task in self._door.ask("world", include=["Task"])["Task"]:
            row = _row(task, _CALL, _OF_EACH_TASK)
            assert row.pop(_KEY if self._with_key_field else "CallObject")
            row["person"] = self._name_of(row.pop("WhoId", ""))
            row["direction"] = {theirs: leg for leg, theirs in _DIRECTIONS.items()}[row["direction"]]
            found.append(row)
        return found

    def tasks(self) -> list[crm.Row]:
        """All Tasks, as callbacks."""
        world = self._door.ask("world", include=["Task", "User"])
        owners = {user["Id"]: user["Email"] for user in world["User"]}
        found = []
        for task in world["Task"]:
            assert task["TaskSubtype"] == "Task"
            assert task[_KEY if self._with_key_field else "CallObject"]
            assert task["IsReminderSet"] is (task["Status"] != "Completed")
            found.append(
                {
                    "person": [self._name_of(task["WhoId"])],
                    "due_at": datetime.fromisoformat(task["ReminderDateTime"]),
                    "day": task["ActivityDate"],
                    "owner": owners.get(task["OwnerId"], ""),
                    "note": task["Description"] or "",
                    "told": f"{task['Status']}: {task['Subject']}",
                }
            )
        return found


def _row(record: Mapping[str, Any], words: Mapping[str, str], usual: Mapping[str, object]) -> crm.Row:
    """A record in the words of all CRMs; what is empty or as usual is left out."""
    row: crm.Row = {
        words.get(name, name): value
        for name, value in record.items()
        if name not in _OF_SALESFORCE and value is not None and (name not in usual or usual[name] != value)
    }
    for name in ("last_call_at", "started_at"):
        if name in row:
            row[name] = datetime.fromisoformat(row[name])
    return row
