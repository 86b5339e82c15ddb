"""The simulated VICIdial as a server: which of its programs a request is for, and refused logins."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from syncd.simulators.common import control as common_control
from syncd.simulators.common.server import Asked, Server
from syncd.simulators.common.wire import HttpAnswer, HttpRequest

from . import accounts, agent, audio, control, export, faults, nonagent
from .world import World, load_state

PROFILES = ("stock", "guide")
Pairs = list[tuple[str, str]]


class Simulator(Server[Pairs]):
    """A running simulated VICIdial. `world`: its data (hold `world.lock`, or use `/_sim/`, while requests run)."""

    def __init__(
        self,
        state: Mapping[str, Any] | Path | None = None,
        *,
        profile: str = "stock",
        fault_spec: str = "",
        seed: int = 0,
        service_ms: float = 0,
        workers: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        if profile not in PROFILES:
            raise ValueError(f"profile {profile!r}: one of {', '.join(PROFILES)} is expected")
        self.guide = profile == "guide"
        self.world = World(load_state(state))
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

    def read(self, request: HttpRequest) -> Asked[Pairs]:
        """Given a request, name its function; update_lead … no_update=Y only looks a lead up."""
        pairs, shown = request.pairs("surrogateescape"), "pass=" in request.query
        if request.path == agent.PATH:
            pairs = agent.parameters(request)
            parameters = dict(pairs)
            is_order = agent.changes(parameters, guide=self.guide)
            return Asked(request, f"agent.{parameters.get('function', '')}", is_order, pairs, shown)
        if request.path.startswith(audio.PREFIX):
            return Asked(request, "audio", False, pairs, shown)
        if request.path != nonagent.PATH:
            return Asked(request, request.path, False, pairs, shown)
        parameters = dict(pairs)
        name = parameters.get("function", "")
        function = nonagent.table(guide=self.guide).get(name)
        is_write = function is not None and function.changes and parameters.get("no_update") != "Y"
        return Asked(request, name, is_write, pairs, shown)

    def adds(self) -> int:
        """How many leads the API has inserted."""
        return self.world.api_adds

    def commands(self) -> Mapping[str, common_control.Command]:
        """The commands of the control door."""
        return {**super().commands(), **control.commands(self)}

    def fault(self, kind: str, asked: Asked[Pairs]) -> HttpAnswer:
        """A refused login, or a proxy in front of the server that has enough."""
        if kind in faults.PROXY:
            headers = {"Retry-After": str(faults.BUSY_SECONDS)} if kind == "busy" else {}
            return HttpAnswer(429, b"<html><body>Too Many Requests</body></html>\n", headers=headers)
        parameters = dict(asked.detail)
        if asked.request.path == agent.PATH:
            return HttpAnswer(200, agent.refused(self.world, parameters, locked=kind == "locked").encode())
        user, password = parameters.get("user", ""), parameters.get("pass", "")
        if asked.request.path in {export.PATH, accounts.ADMIN_PATH}:
            user, password = asked.request.basic_login()
            prefix, status = "", 401 if kind == "login_incorrect" else 200
        else:
            prefix, status = "ERROR: ", 200
        if kind == "locked":
            body = f"{prefix}Too many login attempts, try again in 15 minutes: |{user}|LOCK|\n"
        else:
            body = f"{prefix}Login incorrect, please try again: |{user}|{password}|BAD|\n"
        return HttpAnswer(status, body.encode())

    def respond(self, asked: Asked[Pairs]) -> HttpAnswer:
        """Run the program that the path names."""
        match asked.request.path:
            case nonagent.PATH:
                status, body = nonagent.answer(self.world, asked.detail, guide=self.guide)
                return HttpAnswer(status, body.encode("utf-8", "surrogateescape"))
            case export.PATH:
                return export.answer(self.world, asked.detail, asked.request.basic_login())
            case accounts.ADMIN_PATH:
                return accounts.admin_page(self.world, asked.request.basic_login())
            case agent.PATH:
                status, body = agent.answer(self.world, asked.detail, guide=self.guide)
                return HttpAnswer(status, body.encode("utf-8", "surrogateescape"))
            case path if path.startswith(audio.PREFIX):
                return audio.answer(self.world, asked.request)
            case _:
                return HttpAnswer(
                    404, b"<html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n"
                )


def serve(
    state: Mapping[str, Any] | Path | None = None,
    profile: str = "stock",
    faults: str = "",
    seed: int = 0,
    *,
    service_ms: float = 0,
    workers: int = 0,
    port: int = 0,
) -> Simulator:
    """Start a simulator on 127.0.0.1 and return it: `with serve() as sim: … sim.url`.

    `state`: as in `default_state.json`, a file of one, or None for the built-in one. `profile`: stock | guide.
    `faults`: see `faults.parse`. `service_ms`, `workers`: each API request takes that long in one of so many workers.
    Raise ValueError for a wrong argument, OSError if the port is taken.
    """
    return Simulator(
        state, profile=profile, fault_spec=faults, seed=seed, service_ms=service_ms, workers=workers, port=port
    )
