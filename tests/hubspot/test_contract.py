"""HubSpot passes what every connector must pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Literal

import pytest

from syncd.sdk import protocol, records
from syncd.sdk.testing.contract import ConnectorContract
from syncd.sdk.testing.contract_far import FarSide, Stream, Trouble
from syncd.simulators import hubspot
from syncd.simulators.hubspot import server
from syncd_hubspot import HubspotConnector
from syncd_hubspot.options import Options
from tests.contract import patience
from tests.hubspot.portal import key_property

_KINDS = {"leads": "contacts", "calls": "calls", "tasks": "tasks"}
_TEXT = {"leads": "city", "calls": "hs_call_body", "tasks": "hs_task_body"}
_KEYS = {"calls": "vicidial_call_id", "tasks": "vicidial_callback_id"}
_FAULTS: Mapping[str, str] = {
    "401": "unauthorized",
    "403": "forbidden",
    "429": "busy_bare",
    "quota": "used_up",
    "503": "error_503",
    "500_before": "error_before",
    "500_after": "error_after",
    "reset_before": "reset_before",
    "reset_after": "reset_after",
    "timeout_before": "timeout_before",
    "timeout_after": "timeout_after",
    "late": "late:0.1",
    "cut": "truncated",
    "empty": "empty",
}
_EVERY = {"unauthorized", "forbidden", "busy_bare", "used_up"}


class Far:
    """A portal as the suite's far side."""

    def __init__(self, sim: server.Simulator, read_seconds: float) -> None:
        self._sim = sim
        self._read_seconds = read_seconds
        (self._parent,) = self.enter("leads", [{}], at=datetime.fromisoformat("2001-01-01T00:00:00Z"))
        self._own = {self._parent}

    streams: Mapping[str, Stream] = {
        "leads": Stream(
            frozenset({"enter", "change", "delete", "get", "update"}),
            "city",
            clear="city",
            typed={"call_attempts": "2.5", "do_not_call": "true", "last_call": "2026-11-20T15:00:00Z"},
            refused={"hs_lead_status": "MAYBE"},
            page_size=200,
        ),
        "calls": Stream(frozenset({"create", "update", "get", "delete"}), "hs_call_body", clear="hs_call_title"),
        "tasks": Stream(
            frozenset({"create", "update", "get", "delete"}),
            "hs_task_body",
            clear="hs_task_subject",
            typed={"hs_timestamp": "2026-11-20T15:00:00Z", "hs_task_status": "COMPLETED"},
            refused={"hs_task_status": "CANCELLED"},
        ),
    }
    without: Mapping[str, str] = {
        "404": "a batch says it in a row",
        "409": "a batch says it in a row",
        "422": "`refused` says it",
        "429_after": "the simulator's Retry-After is one second",
        "busy": "HubSpot has no locks that it tells of",
        "refused": "tests/simulators has it",
    }
    secrets: Sequence[str] = ("pat-sim",)

    def connector(self) -> protocol.Connector:
        options = {
            "token": "pat-sim", "url": self._sim.url, "calls": {}, "tasks": {}, "requests_per_10_seconds": 100_000,
            "searches_per_second": 1000, "read_seconds": self._read_seconds, "archived_seconds": 0, "daily_reserve": 0,
        }  # fmt: skip
        return HubspotConnector(Options.model_validate(options), client="acme")

    def sample(self, stream: str, number: int) -> dict[str, str | None]:
        if stream == "leads":
            return {"city": f"Town {number}", "firstname": "Ada"}
        if stream == "tasks":
            due = {"hs_timestamp": "2026-11-20T15:00:00Z", "hs_task_type": "CALL"}
            return {"hs_task_body": f"promise {number}", "record_id": self._parent, **due}
        return {
            "hs_call_body": f"talk {number}", "hs_call_title": "A call", "hs_timestamp": "2026-11-20T15:00:00Z",
            "record_id": self._parent,
        }  # fmt: skip

    def enter(self, stream: str, rows: Sequence[records.Fields], *, at: datetime | None = None) -> list[str]:
        world = self._sim.world
        with world.lock:
            was = world.offset_seconds
            kind = world.kinds[_KINDS[stream]]
            if at is not None:
                world.frozen_at, world.offset_seconds = at.timestamp(), 0.0
            made = [world.insert(kind, {name: str(value) for name, value in row.items() if value}) for row in rows]
            world.frozen_at, world.offset_seconds = None, was
            return [item.id for item in made]

    def change(self, stream: str, record_id: str, text: str) -> None:
        world, kind = self._sim.world, self._sim.world.kinds[_KINDS[stream]]
        with world.lock:
            world.change(kind, kind.items[record_id], {_TEXT[stream]: text})

    def delete(self, stream: str, record_id: str) -> None:
        with self._sim.world.lock:
            self._sim.world.archive(self._sim.world.kinds[_KINDS[stream]].items[record_id])

    def holds(self, stream: str) -> Mapping[str, records.Fields]:
        with self._sim.world.lock:
            items = self._sim.world.kinds[_KINDS[stream]].items
            return {
                one.id: {name: one.properties.get(name) for name in (_TEXT[stream], _KEYS.get(stream)) if name}
                for one in items.values()
                if one.archived_at is None and one.id not in self._own
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


class TestHubspot(ConnectorContract):
    """The suite on a simulated portal."""

    @pytest.fixture
    def far(self, request: pytest.FixtureRequest) -> Iterator[FarSide]:
        with hubspot.serve(key_property()) as sim:
            yield Far(sim, patience.read_seconds(request))
