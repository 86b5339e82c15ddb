"""The simulated Salesforce as a server: the token and limit of each request, its bad days, its control door."""

import email.utils
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from syncd.simulators.common import control, server
from syncd.simulators.common.server import Asked
from syncd.simulators.common.wire import HttpAnswer, HttpRequest

from . import days, doors, rest
from .logins import Logins
from .queries import Queries, as_json
from .schema import Refused
from .world import World

DEFAULT: Mapping[str, Any] = {
    "records": {
        "User": [{"Name": "Integration", "Username": "syncd@example.com", "Email": "syncd@example.com"}],
        "Lead": [
            {"FirstName": "Ann", "LastName": "Ash", "Company": "Ash Ltd", "Phone": "+1 727 555 0101"},
            {"FirstName": "Bob", "LastName": "Birch", "Company": "Birch Inc", "Phone": "+1 727 555 0102"},
        ],
    }
}
_LOGIN_PATHS = ("/services/oauth2/token", "/services/Soap/u/")
_WRITES = ("sobject", "composite")


class Simulator(server.Server[None]):
    """A running simulated org. `world`: its data (hold `world.lock`, or use `/_sim/`, while requests run)."""

    def __init__(self, state: Mapping[str, Any] | Path | None = None, **options: Any) -> None:
        self.state = _load(state)
        self.world = World(self.state)
        self.queries = Queries(self.world)
        super().__init__(self.world.lock, known_faults=days.KNOWN, **options)
        self.logins = Logins(self.state, self.url)

    def read(self, request: HttpRequest) -> Asked[None]:
        """Given a request, say what it is counted under and whether it changes anything."""
        name = rest.kind(request)
        return Asked(request, name, name in _WRITES and request.method != "GET", None, "password" in request.query)

    def respond(self, asked: Asked[None]) -> HttpAnswer:
        """Apply a request and answer it."""
        request = asked.request
        date = {"Date": email.utils.format_datetime(self.world.now(), usegmt=True)}
        if request.path.startswith(_LOGIN_PATHS[0]):
            return _with(self.logins.token(request), date)
        if request.path.startswith(_LOGIN_PATHS[1]):
            return _with(self.logins.soap(request), date)
        if request.path.rstrip("/") == "/services/data":
            return _with(as_json([{"label": "Winter '25", "version": "62.0", "url": "/services/data/v62.0"}]), date)
        return _with(self._answer(asked), date)

    def _answer(self, asked: Asked[None]) -> HttpAnswer:
        if not self.logins.is_valid(asked.request):
            return refused(Refused("INVALID_SESSION_ID", "Session expired or invalid", status=401))
        if self.world.used >= self.world.daily:
            what = "TotalRequests Limit exceeded."
            return _with(refused(Refused("REQUEST_LIMIT_EXCEEDED", what, status=403)), self._limit())
        self.world.used += 1
        try:
            return _with(rest.answer(self.world, self.queries, asked.request), self._limit())
        except Refused as error:
            return _with(refused(error), self._limit())

    def _limit(self) -> dict[str, str]:
        return {"Sforce-Limit-Info": f"api-usage={self.world.used}/{self.world.daily}"}

    def adds(self) -> int:
        """How many records requests have created."""
        return self.world.adds

    def fault(self, kind: str, asked: Asked[None]) -> HttpAnswer:
        """A bad day of Salesforce's own."""
        if asked.name in ("token", "soap", "versions") and kind != "unavailable":
            return self._apply(asked)
        if kind == "limit_exceeded":
            return refused(Refused("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403))
        if kind == "unauthorized":
            return refused(Refused("INVALID_SESSION_ID", "Session expired or invalid", status=401))
        if kind == "unavailable":
            return refused(Refused("SERVER_UNAVAILABLE", "The server is too busy", status=503))
        if kind == "query_timeout":
            return refused(Refused("QUERY_TIMEOUT", "Your query request was running for too long."))
        with self.world.lock:
            if kind == "cursor_death":
                self.queries.cursors.clear()
            self.world.lock_rows, self.world.several = kind == "row_lock", kind == "several"
            try:
                return self._apply(asked)
            finally:
                self.world.lock_rows = self.world.several = False

    def commands(self) -> Mapping[str, control.Command]:
        """The common ones and the org's."""
        return {**control.commands(self), **doors.commands(self)}


def refused(error: Refused) -> HttpAnswer:
    """The REST API's form of an error; 300 lists the records."""
    if error.status == 300:
        return as_json([f"/services/data/v62.0/sobjects/x/{one}" for one in error.fields], 300)
    told = {"message": error.message, "errorCode": error.code, **({"fields": error.fields} if error.fields else {})}
    return as_json([told], error.status)


def _with(answer: HttpAnswer, headers: Mapping[str, str]) -> HttpAnswer:
    return HttpAnswer(answer.status, answer.body, answer.content_type, {**answer.headers, **headers})


def _load(state: Mapping[str, Any] | Path | None) -> Mapping[str, Any]:
    if not isinstance(state, Path):
        return DEFAULT if state is None else state
    try:
        found = json.loads(state.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{state}: not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{state}: a JSON object is expected")
    return found


def serve(state: Mapping[str, Any] | Path | None = None, faults: str = "", seed: int = 0, **options: Any) -> Simulator:
    """Start a simulator on 127.0.0.1 and return it: `with serve() as sim: … sim.url`.

    `state`: a JSON object or a file of one with `records` (object → rows), `fields` (object →
    fields to add), `task_key`, `daily`, `used`,
    `validation_rules`, `jwt_public_key`; None for two leads. Raise ValueError for a wrong argument."""
    return Simulator(state, fault_spec=faults, seed=seed, **options)
