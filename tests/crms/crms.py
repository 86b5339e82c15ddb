"""HubSpot and Salesforce under the same names: what a person has, what people do in them, what syncd wrote."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from syncd.simulators import hubspot, salesforce
from syncd.simulators.salesforce import logins
from tests.hubspot.portal import key_property
from tests.simulators.asking import Door


class Crm(ABC):
    """A simulated CRM. `options`: its part of the configuration, indented, with `$crm` for the address. `names`: first
    name, city, phone, do-not-call mark, status and last call as the CRM calls them. `statuses`: how the CRM says what
    became of a call. `page`: how many people a page has. `keeps_place`: whether a first load that was interrupted reads
    on, instead of reading everybody again."""

    options: ClassVar[str]
    names: ClassVar[Mapping[str, str]]
    statuses: ClassVar[Mapping[str, str]]
    calls: ClassVar[Mapping[str, str]]
    page: ClassVar[int]
    keeps_place: ClassVar[bool]

    def __init__(self, url: str) -> None:
        self.url = url
        self.door = Door(url)
        self._ahead = 0.0

    def add(self, **person: str) -> str:
        """Somebody enters a person; return the record's id."""
        return self.add_all([person])[0]

    @abstractmethod
    def add_all(self, people: list[dict[str, str]]) -> list[str]:
        """Somebody imports people."""

    @abstractmethod
    def edit(self, record: str, **fields: str) -> None:
        """Somebody changes fields of a person; "" empties one."""

    @abstractmethod
    def person(self, record: str) -> dict[str, str]:
        """What the record holds now; a blank is ""."""

    @abstractmethod
    def called(self) -> list[str]:
        """The records that calls are logged on: one for each tie between a call and a record."""

    @abstractmethod
    def lag(self, seconds: float) -> None:
        """From now on what people enter can be found so much later."""

    def ahead(self, seconds: float) -> None:
        """Put the CRM's clock forward, or back."""
        self._ahead += seconds
        self.door.sim("clock", offset_seconds=self._ahead)

    @contextmanager
    def earlier(self, seconds: float) -> Iterator[None]:
        """What happens in here was so long ago."""
        self.ahead(-seconds)
        yield
        self.ahead(seconds)

    def requests(self) -> dict[str, int]:
        """How many requests of each kind came in."""
        found: dict[str, int] = self.door.sim("requests")["functions"]
        return found

    @abstractmethod
    def writes(self) -> int:
        """How many requests came in that write."""

    @abstractmethod
    def pages(self) -> int:
        """How many pages of people were asked for."""

    def _own(self, fields: Mapping[str, str]) -> dict[str, str]:
        return {self.names[name]: value for name, value in fields.items()}


class HubSpot(Crm):
    """A portal in which `syncd setup` has run."""

    options = """\
    crm:
      type: hubspot
      url: $crm
      token: pat-sim
      portal: "4242"
      requests_per_10_seconds: 100000
      searches_per_second: 1000
      calls: {key_property: vicidial_call_id}
"""
    names: ClassVar = {
        "first": "firstname",
        "city": "city",
        "phone": "phone",
        "out": "do_not_call",
        "status": "hs_lead_status",
        "last_call": "last_call",
    }
    statuses: ClassVar = {"SALE": "CONNECTED", "DNC": "UNQUALIFIED", "NI": "BAD_TIMING"}
    calls: ClassVar = {"record_id": "crm_id", "hs_timestamp": "call_date", "hs_call_title": "status"}
    page, keeps_place = 100, False

    def add_all(self, people: list[dict[str, str]]) -> list[str]:
        found: list[str] = self.door.sim("add", type="contacts", rows=[self._own(one) for one in people])["ids"]
        return found

    def edit(self, record: str, **fields: str) -> None:
        self.door.sim("edit", type="contacts", id=record, fields=self._own(fields))

    def person(self, record: str) -> dict[str, str]:
        held = self.door.sim("world", include=["contacts"])["objects"]["contacts"][record]
        return {ours: held.get(theirs, "") for ours, theirs in self.names.items()}

    def called(self) -> list[str]:
        return [tie[3] for tie in self.door.sim("world", include=[])["associations"]]

    def lag(self, seconds: float) -> None:
        self.door.sim("clock", index_lag=seconds)

    def writes(self) -> int:
        return sum(number for name, number in self.requests().items() if name.split("/")[-1] in _HUBSPOT_WRITES)

    def pages(self) -> int:
        return self.requests().get("list", 0)


_HUBSPOT_WRITES = ("create", "update", "upsert", "associate")


class Salesforce(Crm):
    """An org with nobody in it."""

    options = f"""\
    crm:
      type: salesforce
      url: $crm
      client_id: {logins.APP["id"]}
      client_secret: {logins.APP["secret"]}
      calls: {{key_field: Syncd_Call__c}}
"""
    names: ClassVar = {
        "first": "FirstName",
        "city": "City",
        "phone": "Phone",
        "out": "DoNotCall",
        "status": "Call_Status__c",
        "last_call": "Last_Call__c",
    }
    statuses: ClassVar = {"SALE": "sold", "DNC": "do not call", "NI": "not interested"}
    calls: ClassVar = {"WhoId": "crm_id", "ActivityDate": "call_date", "CallDisposition": "status"}
    page, keeps_place = 2000, True

    def add_all(self, people: list[dict[str, str]]) -> list[str]:
        rows = [{"LastName": "L", "Company": "C", **self._typed(one)} for one in people]
        found: list[str] = self.door.sim("enter", object="Lead", records=rows)["ids"]
        return found

    def edit(self, record: str, **fields: str) -> None:
        self.door.sim("edit", id=record, fields=self._typed(fields))

    def person(self, record: str) -> dict[str, str]:
        (held,) = (one for one in self._world("Lead") if one["Id"] == record)
        return {ours: _text(held[theirs]) for ours, theirs in self.names.items()}

    def called(self) -> list[str]:
        return [task["WhoId"] for task in self._world("Task")]

    def lag(self, seconds: float) -> None:
        self.door.sim("lag", seconds=seconds)

    def writes(self) -> int:
        return self.requests().get("composite", 0)

    def pages(self) -> int:
        found = self.requests()
        return found.get("queryAll", 0) + found.get("query_more", 0)

    def _world(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.door.sim("world", include=[name])[name]
        return found

    def _typed(self, fields: Mapping[str, str]) -> dict[str, Any]:
        return {name: _VALUES.get(value, value) for name, value in self._own(fields).items()}


_VALUES: Mapping[str, bool | None] = {"true": True, "false": False, "": None}


def _text(value: Any) -> str:
    return "" if value in (None, False) else "true" if value is True else str(value)


@contextmanager
def opened(kind: str) -> Iterator[Crm]:
    """A CRM of that kind."""
    if kind == "hubspot":
        with hubspot.serve(key_property()) as portal:
            yield HubSpot(portal.url)
    else:
        with salesforce.serve({"records": {}}) as org:
            yield Salesforce(org.url)
