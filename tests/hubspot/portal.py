"""A simulated portal and a connector on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from syncd.sdk import records
from syncd.simulators import hubspot
from syncd.simulators.hubspot import server
from syncd_hubspot import HubspotConnector
from syncd_hubspot.options import Options
from tests.simulators.asking import Door


@dataclass
class Portal:
    """A portal, somebody who works in it, and syncd's connector."""

    sim: server.Simulator
    door: Door
    connector: HubspotConnector
    options: Options

    @contextmanager
    def another(self) -> Iterator[HubspotConnector]:
        """Another connector of the process: each stream that syncd reads has its own."""
        connector = HubspotConnector(self.options, client="acme")
        try:
            yield connector
        finally:
            connector.close()

    def add(self, *rows: dict[str, str], kind: str = "contacts") -> list[str]:
        """Somebody enters objects; return their ids."""
        ids: list[str] = self.door.sim("add", type=kind, rows=list(rows))["ids"]
        return ids

    def objects(self, kind: str = "contacts") -> dict[str, dict[str, Any]]:
        """All objects of a type by id."""
        found: dict[str, dict[str, Any]] = self.door.sim("world", include=[kind])["objects"][kind]
        return found

    def pull(self, since: records.Cursor | None, *names: str) -> list[records.Page]:
        """All pages up to now; the last second is over, since the portal tells whole seconds."""
        self.ahead(1.0)
        return list(self.connector.pull("leads", since, self.connector.clock(), names or ("firstname",)))

    def ahead(self, seconds: float) -> None:
        """Put the portal's clock forward."""
        self.door.sim("clock", offset_seconds=self.sim.world.offset_seconds + seconds)

    def now(self) -> records.Cursor:
        """A cursor at this moment."""
        return records.Cursor(self.connector.clock())

    def requests(self) -> dict[str, int]:
        """How many requests of each kind came in."""
        found: dict[str, int] = self.door.sim("requests")["functions"]
        return found


def seen(pages: Sequence[records.Page]) -> dict[str, records.Record]:
    """The records of all pages by id; the last one counts."""
    return {record.id: record for page in pages for record in page.records}


@contextmanager
def opened(
    state: dict[str, Any] | None = None, *, sim: dict[str, Any] | None = None, **options: Any
) -> Iterator[Portal]:
    """A portal and a connector that need not wait for limits."""
    with hubspot.serve(state, **(sim or {})) as simulator:
        given = {
            "token": "pat-sim",
            "url": simulator.url,
            "calls": {},
            "requests_per_10_seconds": 100_000,
            "searches_per_second": 1000,
            "read_seconds": 5,
            **options,
        }
        read = Options.model_validate(given)
        connector = HubspotConnector(read, client="acme")
        try:
            yield Portal(simulator, Door(simulator.url), connector, read)
        finally:
            connector.close()


def key_property() -> dict[str, Any]:
    """A portal in which `syncd setup` has run."""
    text = {"type": "string", "fieldType": "text", "hasUniqueValue": True}
    call = {"name": "vicidial_call_id", "label": "VICIdial call id", "groupName": "call", **text}
    callback = {"name": "vicidial_callback_id", "label": "VICIdial callback id", "groupName": "task", **text}
    return {"properties": {"calls": [call], "tasks": [callback]}}
