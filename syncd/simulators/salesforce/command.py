"""The simulated Salesforce as a process."""

from collections.abc import Sequence

from syncd.simulators.common import command

from . import days, server


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return 0, or 2 if the arguments cannot be used.

    Prints `ready URL` on stdout once it listens.
    """
    parser = command.parser(
        "salesforce",
        "A Salesforce org on loopback, its data in memory: logins, REST, SOQL, composite, Bulk API 2.0 queries.",
        known=days.KNOWN,
        doing="changes faults, enters, deletes, merges and converts records, and shows the data",
    )
    return command.main(parser, server.Simulator, argv)
