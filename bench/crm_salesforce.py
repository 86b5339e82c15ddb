"""A simulated Salesforce org as a CRM, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bench import crm
from bench.far import Door
from syncd.simulators.salesforce import logins

_AT_ONCE = 5000
# overlap: only what changed is to be counted
_OPTIONS = (
    "{{type: salesforce, url: {url}, client_id: {id}, client_secret: {secret}, overlap_seconds: 0, "
    "calls: {{key_field: Syncd_Call__c}}}}"
)
_COLUMNS = {
    "first_name": "FirstName", "last_name": "LastName", "email": "Email", "phone": "Phone", "city": "City",
    "state": "State",
}  # fmt: skip

# What the simulator starts with: no records, and the field that a customer would make.
STATE = {"records": {}, "fields": {"Lead": [{"name": "Call_Status__c", "length": 40}]}}


class Salesforce:
    """The org at `address`."""

    kind = "salesforce"

    def __init__(self, address: str) -> None:
        self.address = address
        self._door = Door(address)

    def create(self) -> None:
        """Nothing: the state has it all."""

    def add(self, count: int) -> None:
        """New leads."""
        first = self._door.ask("world", include=[])["counts"]["Lead"] + 1
        for start in range(first, first + count, _AT_ONCE):
            rows = [
                {theirs: getattr(one, ours) for ours, theirs in _COLUMNS.items()} | {"Company": "Household"}
                for one in crm.people(start, min(_AT_ONCE, first + count - start))
            ]
            self._door.ask("enter", object="Lead", records=rows)
        self._door.later(datetime.fromisoformat(self._door.ask("clock")["now"]).timestamp())

    def words(self) -> crm.Words:
        """The CRM's part of the client's configuration."""
        return crm.Words(
            _OPTIONS.format(url=self.address, id=logins.APP["id"], secret=logins.APP["secret"]),
            _COLUMNS,
            "{WhoId: crm_id, ActivityDate: call_date, CallDurationInSeconds: length_in_sec, CallDisposition: status}",
            "{Call_Status__c: status}",
        )

    def requests(self) -> Mapping[str, int]:
        """Requests by resource."""
        found: dict[str, int] = self._door.ask("requests")["functions"]
        return found
