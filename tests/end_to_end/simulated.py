"""What CRMs have in common that run as simulators: a door, a clock of whole seconds, faults, and people's ids."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from syncd.simulators.common.server import Server
from tests.end_to_end import crm, door


class Simulated:
    """A CRM on loopback. `serve` starts an empty one; `writes`: under which names it counts requests that change
    something."""

    def __init__(self, serve: Callable[[], Server[Any]], writes: Collection[str]) -> None:
        self._serve, self._writes = serve, writes
        self._open()

    def _open(self) -> None:
        self._sim = self._serve()
        self._door = door.Door(self._sim.url)
        self._ids: dict[str, str] = {}
        self._ahead = 0.0

    def id_of(self, person: str) -> str:
        """The id that the CRM has given."""
        return self._ids[person]

    def _name_of(self, record_id: str) -> str:
        """The name of a person; the id of one that nobody has entered."""
        return next((person for person, known in self._ids.items() if known == record_id), record_id)

    def forget(self) -> None:
        """Another one takes its place."""
        self.close()
        self._open()

    def tick(self) -> None:
        """A second passes: it tells its time in whole ones, and what was changed in this one is not read yet."""
        self._ahead += 1
        self._door.ask("clock", offset_seconds=self._ahead)

    def break_(self, faults: str) -> None:
        """Requests fail from now on."""
        self._door.ask("faults", spec=faults)

    def asked(self) -> crm.Asked:
        """What has been asked of it."""
        told = self._door.ask("requests")
        functions = told["functions"]
        writes = sum(functions.get(name, 0) for name in self._writes)
        return crm.Asked(sum(functions.values()), writes, sum(told["faults_fired"].values()))

    def is_idle(self) -> bool:
        """Whether it has nothing under way."""
        return self._door.is_idle()

    def close(self) -> None:
        """End it."""
        self._door.close()
        self._sim.close()
