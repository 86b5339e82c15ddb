"""Asking a simulated VICIdial over real HTTP, one connection a request."""

import base64
import dataclasses
import http.client
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

API = "/vicidial/non_agent_api.php"
EXPORT = "/vicidial/call_report_export.php"
AGENT = "/agc/api.php"
DATA = Path(__file__).parents[1] / "data"

Parameters = Mapping[str, str | Sequence[str]]


def state(**system: Any) -> dict[str, Any]:
    """The recorded server's state, with changed system settings."""
    loaded: dict[str, Any] = json.loads((DATA / "state.json").read_text(encoding="utf-8"))
    loaded["system"].update(system)
    return loaded


@dataclasses.dataclass(frozen=True)
class Door:
    """A simulator's URL, and ways to ask."""

    url: str
    timeout_seconds: float = 10.0

    def request(
        self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Status and body of one request."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=self.timeout_seconds)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def post(self, path: str, parameters: Parameters, *, basic: str = "", method: str = "POST") -> tuple[int, str]:
        """Status and body of a form; `basic` is `user:password`."""
        form = urlencode(parameters, doseq=True)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if basic:
            headers["Authorization"] = "Basic " + base64.b64encode(basic.encode()).decode()
        if method == "GET":
            return self.request("GET", f"{path}?{form}", None, headers)
        return self.request(method, path, form, headers)

    def full(self, function: str, **parameters: str) -> tuple[int, str]:
        """Status and body of a Non-Agent API function."""
        login = {"source": "syncd", "user": "6666", "pass": "1234", "function": function}
        return self.post(API, {**login, **parameters})

    def ask(self, function: str, **parameters: str) -> str:
        """Body of a Non-Agent API function."""
        return self.full(function, **parameters)[1]

    def add_lead(self, phone_number: str, **parameters: str) -> int:
        """Id of a lead added to list 101."""
        answer = self.ask("add_lead", **{"phone_number": phone_number, "list_id": "101", **parameters})
        match = re.search(r"ADDED - [^|]*\|[^|]*\|(\d+)\||lead_id=(\d+)", answer)
        assert match is not None, answer
        return int(match[1] or match[2])

    def export(self, **parameters: str | Sequence[str]) -> str:
        """Body of a call export of all campaigns and in-groups."""
        every = {
            "run_export": "1",
            "header_row": "YES",
            "rec_fields": "NONE",
            "export_fields": "EXTENDED_2",
            "campaign[]": "---ALL---",
            "group[]": "---ALL---",
        }
        return self.post(EXPORT, {**every, **parameters}, basic="6666:1234")[1]

    def sim(self, command: str, **arguments: Any) -> Any:
        """Answer of the control door."""
        status, body = self.request("POST", f"/_sim/{command}", json.dumps(arguments))
        assert status == 200, body
        return json.loads(body)

    def leads(self) -> dict[str, dict[str, Any]]:
        """Leads added since the start, by phone number."""
        found: list[dict[str, Any]] = self.sim("world", include=["leads"])["leads"]
        return {lead["phone_number"]: lead for lead in found if lead["lead_id"] >= 310000}
