"""The contract on MemoryConnector, in both roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Literal

import pytest

from syncd.sdk import protocol, records
from syncd.sdk.testing import contract_far, faulty, memory
from syncd.sdk.testing.contract import ConnectorContract

_KINDS: Mapping[str, faulty.Kind] = {
    "reset_before": "raises_before",
    "reset_after": "raises_after",
    "timeout_before": "lost_before",
    "timeout_after": "lost_after",
    "refused": "refused",
    "late": "late",
}
_NO_HTTP = "memory answers without HTTP"
_CRM = {
    "leads": contract_far.Stream(frozenset({"enter", "change", "delete", "get", "update"}), "name", clear="email"),
    "calls": contract_far.Stream(frozenset({"get", "create"}), "note"),
}
_DIALER = {
    "leads": contract_far.Stream(frozenset({"get", "create", "update", "remove"}), "first_name", clear="email"),
    "calls": contract_far.Stream(frozenset({"enter", "change", "get"}), "status"),
}


class FarMemory:
    """A World as a far side."""

    secrets: Sequence[str] = ()
    without: Mapping[str, str] = {
        "secrets": "memory has no login",
        "requests": "memory counts no requests",
        "read trouble": "only writes of memory fail",
        **{kind: _NO_HTTP for kind in contract_far.TROUBLES if kind not in _KINDS},
    }

    def __init__(self, role: protocol.Role) -> None:
        self.role = role
        self.streams = _CRM if role == "crm" else _DIALER
        self.world = memory.World(memory.CRM if role == "crm" else memory.DIALER)
        self.faults = faulty.Faults()
        self._next = 0

    def connector(self) -> protocol.Connector:
        if self.role == "dialer":
            return faulty.FaultyDialer(memory.MemoryDialer(client="acme", world=self.world), self.faults)
        return faulty.FaultyConnector(memory.MemoryConnector(client="acme", world=self.world), self.faults)

    def sample(self, stream: str, number: int) -> dict[str, str | None]:
        return {self.streams[stream].text: f"Name {number}", "phone_number": f"7275550{number:03}"}

    def enter(self, stream: str, rows: Sequence[records.Fields], *, at: datetime | None = None) -> list[str]:
        now, ids = self.world.now, []
        self.world.now = at or now
        for row in rows:
            self._next += 1
            ids.append(f"{self._next:04}")
            self.world.put(stream, ids[-1], **row)
        self.world.now = now
        return ids

    def record(self, call_id: str, *, begins: float, linked: bool = True) -> str:
        self._next += 1
        began = (self.world.table("calls")[call_id].modified or self.world.now) + timedelta(seconds=begins)
        name = f"{self._next}.wav"
        url = f"https://memory.example.com/{name}" if linked else ""
        told = {"call": call_id, "url": url, "recording_id": str(self._next), "filename": name}
        more = {"started_at": records.text(began), "length_in_sec": "20", "user": "1001"}
        self.world.put("recordings", f"{records.text(began)} {self._next}", **told, **more)
        return url

    def change(self, stream: str, record_id: str, text: str) -> None:
        self.world.put(stream, record_id, **{self.streams[stream].text: text})

    def delete(self, stream: str, record_id: str) -> None:
        self.world.put(stream, record_id, True)

    def holds(self, stream: str) -> Mapping[str, records.Fields]:
        return {record.id: record.fields for record in self.world.table(stream).values() if not record.deleted}

    def pass_time(self, seconds: float) -> None:
        self.world.advance(seconds)

    def requests(self) -> int:
        return 0

    @contextmanager
    def trouble(self, kind: contract_far.Trouble, stream: str, *, of: Literal["read", "write"]) -> Iterator[None]:
        self.faults.choose = lambda number: _KINDS[kind]
        yield
        self.faults.choose = None


class TestMemoryCrm(ConnectorContract):
    @pytest.fixture
    def far(self) -> FarMemory:
        return FarMemory("crm")


class TestMemoryDialer(ConnectorContract):
    @pytest.fixture
    def far(self) -> FarMemory:
        return FarMemory("dialer")
