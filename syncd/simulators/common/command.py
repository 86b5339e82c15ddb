"""A simulator as a process: the arguments that all have, the ready line, signals."""

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import faults
from .server import Server


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: HOST:PORT is expected, e.g. 127.0.0.1:8080 (port 0: any)")
    return host.strip("[]"), int(port)


def parser(
    name: str, what: str, *, known: faults.Known = faults.COMMON, doing: str = "shows and changes the data"
) -> argparse.ArgumentParser:
    """Given a simulator's name, what it is, its faults and what its control door does, return its arguments:
    listen, state, faults, seed, service_ms, workers. The simulator adds its own."""
    listed = "\n".join(f"  {kind:<16} {effect}" for kind, effect in known.kinds.items())
    made = argparse.ArgumentParser(
        prog=f"syncd simulate {name}",
        description=what,
        epilog="faults: name=PROBABILITY[:SECONDS], name@N (the Nth write), name@N+ (from the Nth on);\n"
        f"`all.` in front of a name matches reads too. Example: --faults reset_after=0.02,late@5:3\n{listed}\n\n"
        f"While it runs, POST JSON to /_sim/… {doing}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--listen", type=_address, required=True, metavar="HOST:PORT", help="loopback address; port 0: any free one")
    add("--state", type=Path, metavar="FILE", help="JSON state to start with (default: built in)")
    add("--faults", default="", metavar="SPEC", help="what goes wrong, see below")
    add("--seed", type=int, default=0, help="of the faults' probabilities (default: 0)")
    add("--service-ms", type=float, default=0, metavar="N", help="each API request takes N ms in a worker")
    add("--workers", type=int, default=0, metavar="W", help="with --service-ms: requests at a time (default: no limit)")
    return made


def main(made: argparse.ArgumentParser, make: Callable[..., Server[Any]], argv: Sequence[str] | None, *own: str) -> int:
    """Serve until SIGTERM or SIGINT; return 0, or 2 if the arguments cannot be used.

    `make` gets the state, then by name fault_spec, seed, service_ms, workers, host, port and the `own` arguments.
    Prints `ready URL` on stdout once it listens.
    """
    given = made.parse_args(argv)
    host, port = given.listen
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        simulator = make(
            given.state,
            fault_spec=given.faults,
            seed=given.seed,
            service_ms=given.service_ms,
            workers=given.workers,
            host=host,
            port=port,
            **{name: getattr(given, name) for name in own},
        )
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{made.prog}: {error}\n")
        return 2
    with simulator:
        sys.stdout.write(f"ready {simulator.url}\n")
        sys.stdout.flush()
        stop.wait()
    return 0
