"""The portal's own commands of the control door: people's work in the portal, its clock, and its data as JSON."""

import functools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from syncd.simulators.common.control import Arguments, Command, Mistake

from .world import Item, Kind

if TYPE_CHECKING:
    from .server import Simulator


def _item(sim: "Simulator", arguments: Arguments) -> tuple[Kind, Item]:
    kind = sim.world.kinds.get(str(arguments["type"]))
    item = kind.items.get(str(arguments["id"])) if kind is not None else None
    if kind is None or item is None:
        raise Mistake(f"no {arguments['type']} {arguments['id']}")
    return kind, item


def _add(sim: "Simulator", arguments: Arguments) -> Arguments:
    with sim.lock:
        kind = sim.world.kinds[str(arguments["type"])]
        rows = [{name: str(value) for name, value in row.items()} for row in arguments["rows"]]
        return {"ids": [sim.world.insert(kind, row).id for row in rows]}


def _edit(sim: "Simulator", arguments: Arguments) -> Arguments:
    with sim.lock:
        kind, item = _item(sim, arguments)
        sim.world.change(kind, item, {name: str(value) for name, value in arguments["fields"].items()})
        return {"id": item.id}


def _touch(sim: "Simulator", arguments: Arguments) -> Arguments:
    """Change one property of every object of a type, all in one moment (a workflow's mass edit)."""
    with sim.lock:
        kind = sim.world.kinds[str(arguments["type"])]
        was, sim.world.frozen_at = sim.world.frozen_at, sim.world.now() - sim.world.offset_seconds
        fields = {name: str(value) for name, value in arguments["fields"].items()}
        for item in kind.items.values():
            sim.world.change(kind, item, fields)
        sim.world.frozen_at = was
        return {"changed": len(kind.items)}


def _archive(sim: "Simulator", arguments: Arguments) -> Arguments:
    with sim.lock:
        _, item = _item(sim, arguments)
        sim.world.archive(item)
        return {"id": item.id}


def _merge(sim: "Simulator", arguments: Arguments) -> Arguments:
    with sim.lock:
        kind, winner = _item(sim, arguments)
        _, loser = _item(sim, {**arguments, "id": arguments["loser"]})
        sim.world.merge(kind, winner, loser)
        return {"id": winner.id}


def _rule(sim: "Simulator", arguments: Arguments) -> Arguments:
    with sim.lock:
        given = [str(arguments[name]) for name in ("type", "property", "pattern", "message")]
        sim.world.add_rule(*given)
        return {}


def _clock(sim: "Simulator", arguments: Arguments) -> Arguments:
    with sim.lock:
        if "offset_seconds" in arguments:
            sim.world.offset_seconds = float(arguments["offset_seconds"])
        if "freeze" in arguments:
            sim.world.frozen_at = time.time() if arguments["freeze"] else None
        if "index_lag" in arguments:
            sim.world.index_lag = float(arguments["index_lag"])
        return {"now": sim.world.now()}


def _world(sim: "Simulator", arguments: Arguments) -> Arguments:
    world = sim.world
    with world.lock:
        wanted = arguments.get("include", list(world.kinds))
        return {
            "counts": {name: len(kind.items) for name, kind in world.kinds.items()},
            "associations": sorted(world.associations),
            "refused": sim.limits.refused,
            "objects": {
                name: {
                    item.id: {**item.properties, "archived": item.archived_at is not None}
                    for item in world.kinds[name].items.values()
                }
                for name in wanted
            },
        }


_COMMANDS: dict[str, Callable[["Simulator", Arguments], Arguments]] = {
    "add": _add,
    "edit": _edit,
    "touch": _touch,
    "archive": _archive,
    "merge": _merge,
    "rule": _rule,
    "clock": _clock,
    "world": _world,
}


def commands(sim: "Simulator") -> dict[str, Command]:
    """The commands beside those of any simulator."""
    return {name: functools.partial(command, sim) for name, command in _COMMANDS.items()}
