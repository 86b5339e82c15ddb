"""The simulated VICIdial as a process."""

from collections.abc import Sequence

from syncd.simulators.common import command

from . import faults, server


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return 0, or 2 if the arguments cannot be used.

    Prints `ready URL` on stdout once it listens.
    """
    parser = command.parser(
        "vicidial",
        "A VICIdial on loopback, its data in memory: Non-Agent API, Agent API, call export.",
        known=faults.KNOWN,
        doing="changes faults, lets agents call, and shows the data",
    )
    parser.add_argument(
        "--profile", choices=server.PROFILES, default="stock", help="guide: with the copied guide's functions"
    )
    return command.main(parser, server.Simulator, argv, "profile")
