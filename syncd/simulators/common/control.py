"""The control door under /_sim/: POST JSON to a command, get JSON back. A simulator adds commands to these."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .wire import JSON, HttpAnswer, HttpRequest

if TYPE_CHECKING:
    from .server import Server

PREFIX = "/_sim/"
Arguments = dict[str, Any]
Command = Callable[[Arguments], Arguments]


class Mistake(Exception):
    """What the caller asked for cannot be done."""


def answer(commands: Mapping[str, Command], request: HttpRequest) -> HttpAnswer:
    """Run one command: POST with a JSON object; HTTP 400 with `error` for a mistake."""
    command = commands.get(request.path.removeprefix(PREFIX))
    if command is None:
        return _json(404, {"error": f"no such command; known are {', '.join(commands)}"})
    if request.method != "POST":
        return _json(405, {"error": "POST a JSON object"})
    try:
        arguments = json.loads(request.body or b"{}")
        if not isinstance(arguments, dict):
            raise Mistake("a JSON object is expected")
        return _json(200, command(arguments))
    except json.JSONDecodeError as error:
        return _json(400, {"error": f"not JSON: {error}"})
    except KeyError as error:
        return _json(400, {"error": f"{error.args[0]} is missing"})
    except (Mistake, ValueError, TypeError) as error:
        return _json(400, {"error": str(error)})


def _json(status: int, data: Arguments) -> HttpAnswer:
    return HttpAnswer(status, json.dumps(data).encode() + b"\n", JSON)


def commands(sim: "Server[Any]") -> dict[str, Command]:
    """The commands of any simulator: faults, release, wait, requests."""

    def faults(arguments: Arguments) -> Arguments:
        if "spec" in arguments:
            sim.faults.set(arguments["spec"])
        if "hold_after_writes" in arguments:
            sim.hold(int(arguments["hold_after_writes"]))
        return {"fired": dict(sim.faults.fired), "hold_after_writes": sim.hold_after_writes}

    def release(_: Arguments) -> Arguments:
        sim.release()
        return {"writes": sim.adds()}

    def wait(arguments: Arguments) -> Arguments:
        wanted = int(arguments["writes"])
        writes = sim.wait_for_adds(wanted, float(arguments.get("timeout", 30)))
        return {"writes": writes, "reached": writes >= wanted}

    def requests(_: Arguments) -> Arguments:
        return {
            "functions": dict(sim.functions),
            "in_flight": sim.in_flight,
            "highest_in_flight": sim.highest_in_flight,
            "passwords_in_get": sim.passwords_in_get,
            "late_pending": sim.late_pending,
            "writes": sim.adds(),
            "faults_fired": dict(sim.faults.fired),
        }

    return {"faults": faults, "release": release, "wait": wait, "requests": requests}
