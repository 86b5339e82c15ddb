"""The simulated portal as a server: token, scopes, limits, bad days, then the route of the request."""

import dataclasses
import json
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from syncd.simulators.common import control as common_control
from syncd.simulators.common.server import Asked, Server
from syncd.simulators.common.wire import JSON, HttpAnswer, HttpRequest

from . import control, faults, refusals, routes
from .limits import Limits
from .objects import Reply
from .world import World, load_state


@dataclasses.dataclass(frozen=True, slots=True)
class Routed:
    """A request's route, None where there is none."""

    route: routes.Route | None
    parts: Mapping[str, str]


class Simulator(Server[Routed]):
    """A running simulated portal. `world`: its data (hold `world.lock`, or use `/_sim/`, while requests run).

    `index_lag`: seconds until search sees a change. `rate`, `search_rate`, `daily`: requests per ten seconds, searches
    per second and requests a day before HTTP 429; 0: no limit.
    """

    def __init__(
        self,
        state: Mapping[str, Any] | Path | None = None,
        *,
        index_lag: float = 0,
        rate: int = 0,
        search_rate: int = 0,
        daily: int = 0,
        fault_spec: str = "",
        seed: int = 0,
        service_ms: float = 0,
        workers: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.world = World(load_state(state), index_lag)
        self.limits = Limits(rate, search_rate, daily)
        super().__init__(
            self.world.lock,
            known_faults=faults.KNOWN,
            fault_spec=fault_spec,
            seed=seed,
            service_ms=service_ms,
            workers=workers,
            host=host,
            port=port,
        )

    def read(self, request: HttpRequest) -> Asked[Routed]:
        """Given a request, name its route."""
        found = routes.find(request.method, request.path)
        if found is None:
            return Asked(request, f"{request.method} {request.path}", False, Routed(None, {}))
        route, parts = found
        return Asked(request, route.counted, route.right in ("write", "schema"), Routed(route, parts))

    def adds(self) -> int:
        """How many objects the API has created."""
        return self.world.api_adds

    def commands(self) -> Mapping[str, common_control.Command]:
        """The commands of the control door."""
        return {**super().commands(), **control.commands(self)}

    def fault(self, kind: str, asked: Asked[Routed]) -> HttpAnswer:
        """A bad day of HubSpot's."""
        with self.lock:
            match kind:
                case "unauthorized":
                    return self._dated(refusals.unauthorized().answer())
                case "forbidden":
                    return self._dated(refusals.forbidden(["crm.objects.contacts.read"]).answer())
                case "busy":
                    return self._dated(refusals.too_many("TEN_SECONDLY_ROLLING", 1).answer())
                case "busy_bare":
                    return self._dated(refusals.too_many("TEN_SECONDLY_ROLLING").answer())
                case "busy_second":
                    return self._dated(refusals.too_many("SECONDLY").answer())
                case "used_up":
                    return self._dated(refusals.too_many("DAILY").answer())
                case "dead_cursor" if "after" in asked.request.query or b'"after"' in asked.request.body:
                    return self._dated(refusals.invalid("The given cursor is not valid", "INVALID_CURSOR").answer())
                case _:
                    return self.answer(asked, first_fails=kind == "partial")

    def respond(self, asked: Asked[Routed]) -> HttpAnswer:
        """Apply a request and answer it."""
        return self.answer(asked)

    def answer(self, asked: Asked[Routed], *, first_fails: bool = False) -> HttpAnswer:
        """Apply a request and answer it; `first_fails`: but not the first input of a batch."""
        try:
            reply = self._run(asked, first_fails=first_fails)
        except refusals.Refusal as refusal:
            return self._dated(refusal.answer())
        body = b""
        if reply.body is not None:
            body = json.dumps(reply.body.get("", reply.body)).encode()
        return self._dated(HttpAnswer(reply.status, body, JSON))

    def _dated(self, answer: HttpAnswer) -> HttpAnswer:
        return dataclasses.replace(
            answer,
            headers={**answer.headers, **self.limits.headers(), "Date": formatdate(self.world.now(), usegmt=True)},
        )

    def _run(self, asked: Asked[Routed], *, first_fails: bool) -> Reply:
        request, route = asked.request, asked.detail.route
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        granted = self.world.tokens.get(token) if scheme == "Bearer" else None
        if granted is None:
            raise refusals.unauthorized()
        if route is None:
            raise refusals.Refusal(404, "NOT_FOUND", "no such path")
        self.limits.count(self.world.now(), self.world.time_zone, is_search=route.counted == "search")
        needed = routes.scopes(route.right, asked.detail.parts.get("kind", ""))
        if not set(needed) <= set(granted):
            raise refusals.forbidden(needed)
        body: Any = {}
        if request.method != "GET" and request.body:
            if not request.headers.get("content-type", "").startswith("application/json"):
                raise refusals.Refusal(415, "VALIDATION_ERROR", "Content-Type must be application/json")
            try:
                body = json.loads(request.body)
            except ValueError:
                raise refusals.invalid("Invalid input JSON") from None
            if not isinstance(body, dict):
                raise refusals.invalid("Invalid input JSON")
        query = dict(parse_qsl(request.query))
        return route.run(routes.Asking(self.world, asked.detail.parts, query, body, first_fails))


def serve(state: Mapping[str, Any] | Path | None = None, **options: Any) -> Simulator:
    """Start a portal on 127.0.0.1 and return it: `with serve() as sim: … sim.url`; options as of `Simulator`.

    `state`: an object, or a file of one, with any of tokens (token → scopes), time_zone, owners, dispositions
    (id → label), properties (type → definitions), rules (type, property, pattern, message) and objects (type → rows of
    properties).
    """
    return Simulator(state, **options)
