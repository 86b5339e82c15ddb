"""What HubSpot and Salesforce have in common in the demo: a simulator as another process, and its control door.

They give people ids of their own, so the demo remembers who is who. Blank values are those that nobody has typed in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from syncd.cli.demo import children, crm, door, scenario
from syncd.cli.demo.people import Person

_START_SECONDS = 60.0


class Simulated:
    """A CRM's simulator, in the demo's folder. `environ`: secrets that the daemon needs."""

    def __init__(self, name: str, folder: Path, environ: Mapping[str, str]) -> None:
        self.name, self._folder = name, folder
        self.environ = environ
        self.ids: dict[str, str] = {}
        self.child: children.Child | None = None
        self._door: door.Door | None = None

    @property
    def door(self) -> door.Door:
        """The control door, once `start` has opened it."""
        if self._door is None:
            raise AssertionError("the CRM's simulator has not been started")
        return self._door

    def start(self, state: Mapping[str, Any]) -> None:
        """Start the simulator with this state; raise Failed if it does not come up."""
        file = self._folder / f"{self.name}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(state), encoding="utf-8")
        self.child = children.Child(
            f"the {self.name} simulator",
            ["simulate", self.name, "--listen", "127.0.0.1:0", "--state", str(file)],
            log=self._folder / f"{self.name}.log",
            environ=children.environ(self._folder),
        )
        self._door = door.Door(self.child.ready(_START_SECONDS))

    def by_id(self) -> dict[str, str]:
        """The CRM's id → the demo's."""
        return {theirs: ours for ours, theirs in self.ids.items()}

    def held(self, person: Person) -> Person:
        """The person as they are."""
        return person

    def possible(self, change: scenario.Change) -> scenario.Change:
        """The change as it is."""
        return change

    def close(self) -> None:
        """End the process."""
        if self.child is not None:
            self.child.end(3)
        if self._door is not None:
            self._door.close()


def named(columns: Mapping[str, str], fields: crm.Fields) -> dict[str, str | bool | None]:
    """A person's values under the CRM's names; what the CRM has no field for is left out."""
    return {columns[name]: value for name, value in fields.items() if name in columns}
