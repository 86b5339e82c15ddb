"""A simulated HubSpot portal as a CRM, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping

from bench import crm
from bench.far import Door
from syncd.simulators.hubspot import defaults

_KEY = "vicidial_call_id"
_OWN = {"contacts": ("call_status",), "calls": (_KEY,)}
_AT_ONCE = 5000
# Own limits are lifted, since they would be all that is measured; overlap: only what changed is to be counted.
_OPTIONS = (
    "{{type: hubspot, url: {url}, token: {token}, requests_per_10_seconds: 100000, searches_per_second: 1000, "
    "overlap_seconds: 0, calls: {{key_property: {key}}}}}"
)


class Hubspot:
    """The portal at `address`."""

    kind = "hubspot"

    def __init__(self, address: str) -> None:
        self.address = address
        self._door = Door(address)

    def create(self) -> None:
        """Nothing: the state has it all."""

    def add(self, count: int) -> None:
        """New contacts."""
        first = self._door.ask("world", include=[])["counts"]["contacts"] + 1
        for start in range(first, first + count, _AT_ONCE):
            rows = [
                {
                    "firstname": one.first_name,
                    "lastname": one.last_name,
                    "email": one.email,
                    "phone": one.phone,
                    "city": one.city,
                    "state": one.state,
                }
                for one in crm.people(start, min(_AT_ONCE, first + count - start))
            ]
            self._door.ask("add", type="contacts", rows=rows)
        self._door.later(self._door.ask("clock")["now"])

    def words(self) -> crm.Words:
        """The CRM's part of the client's configuration."""
        columns = {"first_name": "firstname", "last_name": "lastname"}
        return crm.Words(
            _OPTIONS.format(url=self.address, token=defaults.TOKEN, key=_KEY),
            {**columns, **{name: name for name in ("email", "phone", "city", "state")}},
            "{record_id: crm_id, hs_timestamp: call_date, duration_seconds: length_in_sec, "
            "hs_call_disposition: {from: status, map: {SALE: Connected, NI: Connected}}}",
            "{call_status: status, hs_lead_status: {from: status, map: {SALE: CONNECTED, NI: UNQUALIFIED}}}",
        )

    def requests(self) -> Mapping[str, int]:
        """Requests by route."""
        found: dict[str, int] = self._door.ask("requests")["functions"]
        return found


def _text(kind: str, name: str) -> dict[str, object]:
    group = "contactinformation" if kind == "contacts" else "call"
    made = {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": group}
    return {**made, "hasUniqueValue": name == _KEY}


# What the simulator starts with: the properties that a customer would make.
STATE = {"properties": {kind: [_text(kind, name) for name in names] for kind, names in _OWN.items()}}
