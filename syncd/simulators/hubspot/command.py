"""The simulated HubSpot portal as a process."""

from collections.abc import Sequence

from syncd.simulators.common import command

from . import faults, server


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return 0, or 2 if the arguments cannot be used.

    Prints `ready URL` on stdout once it listens.
    """
    parser = command.parser(
        "hubspot", "A HubSpot portal's CRM API on loopback, its data in memory.", known=faults.KNOWN
    )
    parser.add_argument(
        "--index-lag", type=float, default=0, metavar="SECONDS", help="how much later search sees a change"
    )
    parser.add_argument(
        "--rate", type=int, default=0, metavar="N", help="requests per 10 seconds before 429 (default: no limit)"
    )
    parser.add_argument(
        "--search-rate", type=int, default=0, metavar="N", help="searches per second before 429 (default: no limit)"
    )
    parser.add_argument(
        "--daily", type=int, default=0, metavar="N", help="requests a day before 429 (default: no limit)"
    )
    return command.main(parser, server.Simulator, argv, "index_lag", "rate", "search_rate", "daily")
