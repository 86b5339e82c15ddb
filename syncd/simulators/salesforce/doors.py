"""The control door's commands: what people in the org do, its bad days that are not faults, and what it holds."""

from typing import TYPE_CHECKING, Any

from syncd.simulators.common.control import Arguments, Command, Mistake

from . import times
from .schema import Refused

if TYPE_CHECKING:
    from .server import Simulator


class _Doors:
    """The commands as methods; each takes and gives a JSON object."""

    def __init__(self, sim: "Simulator") -> None:
        self.sim, self.world = sim, sim.world

    def enter(self, arguments: Arguments) -> Arguments:
        """Somebody creates records."""
        at = arguments.get("at", "")
        return {"ids": [self.world.enter(arguments["object"], row, at) for row in arguments["records"]]}

    def edit(self, arguments: Arguments) -> Arguments:
        """Somebody changes fields of a record, whatever the rules say."""
        name = self.world.name_of(arguments["id"])
        row = self.world.put(name, self.world.known(name, arguments["id"])["Id"], arguments["fields"])
        return {"id": row["Id"]}

    def delete(self, arguments: Arguments) -> Arguments:
        """Into the recycle bin."""
        self.world.delete(arguments["id"])
        return {}

    def merge(self, arguments: Arguments) -> Arguments:
        """Two records become the master."""
        self.world.delete(arguments["loser"], arguments["master"])
        self.world.put(self.world.name_of(arguments["master"]), arguments["master"], {})
        return {}

    def convert(self, arguments: Arguments) -> Arguments:
        """A lead becomes a contact."""
        return {"contact": self.world.convert(arguments["id"])}

    def ties(self, arguments: Arguments) -> Arguments:
        """One job touches all records of an object in one moment."""
        at = arguments.get("at") or times.stamp(self.world.now())
        for row_id in list(self.world.rows[arguments["object"]]):
            self.world.put(arguments["object"], row_id, {}, at)
        return {"at": at}

    def lag(self, arguments: Arguments) -> Arguments:
        """From now on queries see changes so much later."""
        self.world.lag_seconds = float(arguments["seconds"])
        return {}

    def lock(self, arguments: Arguments) -> Arguments:
        """These records are held by somebody else, and so is what hangs on them."""
        self.world.locked = set(arguments["ids"])
        return {}

    def limits(self, arguments: Arguments) -> Arguments:
        """The org's daily requests."""
        self.world.used = int(arguments.get("used", self.world.used))
        self.world.daily = int(arguments.get("daily", self.world.daily))
        return {"used": self.world.used, "daily": self.world.daily}

    def clock(self, arguments: Arguments) -> Arguments:
        """Show or move the server's time."""
        self.world.offset_seconds = float(arguments.get("offset_seconds", self.world.offset_seconds))
        return {"now": times.stamp(self.world.now())}

    def sessions(self, arguments: Arguments) -> Arguments:
        """How many logins there were; `end` revokes all tokens."""
        if arguments.get("end"):
            self.sim.logins.end_sessions()
        return {"granted": self.sim.logins.granted}

    def show(self, arguments: Arguments) -> Arguments:
        """The records, of all objects or those of `include`."""
        names: list[str] = arguments.get("include", list(self.world.rows))
        rows: dict[str, Any] = {name: list(self.world.rows[name].values()) for name in names}
        counts = {name: len(found) for name, found in self.world.rows.items()}
        return {"counts": counts, "used": self.world.used, **rows}


_NAMES = (
    "enter", "edit", "delete", "merge", "convert", "ties", "lag", "lock", "limits", "clock", "sessions",
)  # fmt: skip


def commands(sim: "Simulator") -> dict[str, Command]:
    """The commands by name, each with the world's lock held."""
    doors = _Doors(sim)

    def guarded(command: Command) -> Command:
        def run(arguments: Arguments) -> Arguments:
            try:
                with sim.world.lock:
                    return command(arguments)
            except Refused as error:
                raise Mistake(error.message) from None

        return run

    made: dict[str, Command] = {name: guarded(getattr(doors, name)) for name in _NAMES}
    return {**made, "world": guarded(doors.show)}
