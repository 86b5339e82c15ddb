"""Salesforce passes what every connector must pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Literal

import pytest

from syncd.sdk import protocol, records
from syncd.sdk.testing.contract import ConnectorContract
from syncd.sdk.testing.contract_far import FarSide, Stream, Trouble
from syncd.simulators import salesforce
from syncd.simulators.salesforce import logins, server, times
from syncd_salesforce.connector import SalesforceConnector
from syncd_salesforce.options import SalesforceOptions
from tests.contract import patience

_KINDS = {"leads": "Lead", "calls": "Task", "tasks": "Task"}
_TEXT = {"leads": "City", "calls": "CallDisposition", "tasks": "Description"}
_CALLBACK = "callback:"  # begins the key of a callback's Task
_KEY = "Syncd_Call__c"
_FAULTS: Mapping[str, str] = {
    "401": "unauthorized",
    "quota": "limit_exceeded",
    "503": "error_503",
    "500_before": "error_before",
    "500_after": "error_after",
    "busy": "row_lock",
    "reset_before": "reset_before",
    "reset_after": "reset_after",
    "timeout_before": "timeout_before",
    "timeout_after": "timeout_after",
    "late": "late:0.1",
    "cut": "truncated",
    "empty": "empty",
}
_EVERY = {"unauthorized", "limit_exceeded"}


class Far:
    """An org as the suite's far side."""

    def __init__(self, sim: server.Simulator, read_seconds: float) -> None:
        self._sim = sim
        self._read_seconds = read_seconds
        (self._parent,) = self.enter("leads", [{}], at=datetime.fromisoformat("2001-01-01T00:00:00Z"))
        self._own = {self._parent}

    streams: Mapping[str, Stream] = {
        "leads": Stream(
            frozenset({"enter", "change", "delete", "get", "update"}),
            "City",
            clear="City",
            typed={"Calls__c": "2.5", "DoNotCall": "true", "Last_Call__c": "2026-11-20T15:00:00Z"},
            refused={"Call_Status__c": "maybe"},
            page_size=2000,
        ),
        "calls": Stream(frozenset({"create", "update", "get", "delete"}), "CallDisposition", clear="Subject"),
        "tasks": Stream(
            frozenset({"create", "update", "get", "delete"}),
            "Description",
            clear="Description",
            typed={
                "ActivityDate": "2026-11-20",
                "IsReminderSet": "true",
                "ReminderDateTime": "2026-11-20T15:00:00Z",
            },
            refused={"ReminderDateTime": "after lunch"},
        ),
    }
    without: Mapping[str, str] = {
        "403": "the limit is Salesforce's 403",
        "404": "a collection says it in a row",
        "409": "a collection says it in a row",
        "422": "`refused` says it",
        "429": "Salesforce has no 429",
        "429_after": "Salesforce has no 429",
        "refused": "tests/simulators has it",
    }
    secrets: Sequence[str] = (logins.APP["secret"],)

    def connector(self) -> protocol.Connector:
        login = {"client_id": logins.APP["id"], "client_secret": logins.APP["secret"]}
        keys = {stream: {"key_field": _KEY} for stream in ("calls", "tasks")}
        options = {"url": self._sim.url, **login, **keys, "read_seconds": self._read_seconds}
        return SalesforceConnector(SalesforceOptions.model_validate(options), client="acme")

    def sample(self, stream: str, number: int) -> dict[str, str | None]:
        if stream == "leads":
            return {"City": f"Town {number}", "LastName": "Ada"}
        if stream == "tasks":
            return {"Description": f"promise {number}", "ActivityDate": "2026-11-20", "WhoId": self._parent}
        return {"CallDisposition": f"talk {number}", "Subject": "A call", "WhoId": self._parent}

    def enter(self, stream: str, rows: Sequence[records.Fields], *, at: datetime | None = None) -> list[str]:
        stamp = times.stamp(at) if at else ""
        with self._sim.world.lock:
            given: list[dict[str, str | None]] = [{"LastName": "Ada", "Company": "C", **row} for row in rows]
            return [self._sim.world.enter(_KINDS[stream], row, stamp) for row in given]

    def change(self, stream: str, record_id: str, text: str) -> None:
        with self._sim.world.lock:
            self._sim.world.put(_KINDS[stream], record_id, {_TEXT[stream]: text})

    def delete(self, stream: str, record_id: str) -> None:
        with self._sim.world.lock:
            self._sim.world.delete(record_id)

    def holds(self, stream: str) -> Mapping[str, records.Fields]:
        with self._sim.world.lock:
            return {
                one: {_TEXT[stream]: row[_TEXT[stream]], _KEY: str(row.get(_KEY)).removeprefix(_CALLBACK)}
                for one, row in self._sim.world.rows[_KINDS[stream]].items()
                if not row["IsDeleted"] and one not in self._own
                if str(row.get(_KEY)).startswith(_CALLBACK) is (stream == "tasks")
            }

    def pass_time(self, seconds: float) -> None:
        with self._sim.world.lock:
            self._sim.world.offset_seconds += seconds
        assert self._sim.wait_for_late(10)

    def requests(self) -> int:
        return sum(self._sim.functions.values())

    @contextmanager
    def trouble(self, kind: Trouble, stream: str, *, of: Literal["read", "write"]) -> Iterator[None]:
        name = _FAULTS[kind]
        self._sim.faults.set(name if of == "write" or name in _EVERY else f"all.{name}")
        try:
            yield
        finally:
            self._sim.faults.set("")


class TestSalesforce(ConnectorContract):
    """The suite on a simulated org."""

    @pytest.fixture
    def far(self, request: pytest.FixtureRequest) -> Iterator[FarSide]:
        with salesforce.serve({}) as sim:
            yield Far(sim, patience.read_seconds(request))
