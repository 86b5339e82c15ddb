"""The control door of a running simulator, over HTTP: what all simulators have."""

from __future__ import annotations

from typing import Any

import urllib3


class Door:
    """Asks commands of one simulator."""

    def __init__(self, url: str) -> None:
        self._url = url
        # a simulator that refuses connections for a while refuses its control door as well
        retries = urllib3.Retry(total=200, read=0, other=0, backoff_factor=0.01, backoff_max=0.02)
        self._http = urllib3.PoolManager(timeout=30, retries=retries)

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """Run one command."""
        answer = self._http.request("POST", f"{self._url}/_sim/{command}", json=arguments)
        told = answer.json()
        assert isinstance(told, dict)
        assert answer.status == 200, told
        return told

    def is_idle(self) -> bool:
        """Whether no request is being served or waits to be applied late."""
        told = self.ask("requests")
        return not (told["in_flight"] or told["late_pending"])

    def requests(self, function: str) -> int:
        """How often a function of the API has been asked for."""
        return int(self.ask("requests")["functions"].get(function, 0))

    def close(self) -> None:
        """Close the connections."""
        self._http.clear()
