"""The simulator as a process: arguments, the ready line, signals."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from . import faults, server


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: HOST:PORT is expected, e.g. 127.0.0.1:8080 (port 0: any)")
    return host.strip("[]"), int(port)


def _parser() -> argparse.ArgumentParser:
    known = "\n".join(f"  {name:<16} {what}" for name, what in faults.KINDS.items())
    parser = argparse.ArgumentParser(
        prog="syncd simulate vicidial",
        description="A VICIdial on loopback, its data in memory: Non-Agent API, Agent API, call export.",
        epilog="faults: name=PROBABILITY[:SECONDS], name@N (the Nth write), name@N+ (from the Nth on);\n"
        f"`all.` in front of a name matches reads too. Example: --faults reset_after=0.02,late@5:3\n{known}\n\n"
        "While it runs, POST JSON to /_sim/… changes faults, lets agents call, and shows the data.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--listen", type=_address, required=True, metavar="HOST:PORT", help="loopback address; port 0: any free one")
    add("--state", type=Path, metavar="FILE", help="JSON state to start with (default: built in)")
    add("--profile", choices=server.PROFILES, default="stock", help="guide: with the copied guide's functions")
    add("--faults", default="", metavar="SPEC", help="what goes wrong, see below")
    add("--seed", type=int, default=0, help="of the faults' probabilities (default: 0)")
    add("--service-ms", type=float, default=0, metavar="N", help="each API request takes N ms in a worker")
    add("--workers", type=int, default=0, metavar="W", help="requests served at a time (default: no limit)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return 0, or 2 if the arguments cannot be used.

    Prints `ready URL` on stdout once it listens.
    """
    arguments = _parser().parse_args(argv)
    host, port = arguments.listen
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        simulator = server.Simulator(
            arguments.state,
            profile=arguments.profile,
            fault_spec=arguments.faults,
            seed=arguments.seed,
            service_ms=arguments.service_ms,
            workers=arguments.workers,
            host=host,
            port=port,
        )
    except (ValueError, OSError) as error:
        sys.stderr.write(f"syncd simulate vicidial: {error}\n")
        return 2
    with simulator:
        sys.stdout.write(f"ready {simulator.url}\n")
        sys.stdout.flush()
        stop.wait()
    return 0
