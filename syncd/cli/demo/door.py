"""The control door of a simulator that runs as another process: POST JSON to a command, get JSON back."""

from __future__ import annotations

import json
from typing import Any

import urllib3


class Door:
    """The control door at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=40), retries=False)

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """Run one command; a refusal is a mistake of the demo itself."""
        answer = self._http.request("POST", f"{self.url}/_sim/{command}", json=arguments)
        found: dict[str, Any] = json.loads(answer.data)
        if answer.status != 200:
            raise RuntimeError(f"the simulator refuses {command}: {found.get('error')}")
        return found

    def close(self) -> None:
        """Close the connections."""
        self._http.clear()
