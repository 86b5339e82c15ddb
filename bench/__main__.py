"""`python -m bench`: all measurements in one run, a table, and one JSON object on the last line."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import bulk, client, exchange, fixed, isolation, machine, push, report
from bench.figures import Part

PARTS = ("fixed", "client", "push", "crms", "bulk")
APART = ("isolation",)  # only where it is asked for: the clock tells, so it takes minutes however little is measured


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: leads of a push at a fixed service time, leads of one without and of the client alone,
    records and calls of a CRM, rows staged for planning and memory, seconds that wrk sends, records of a client in
    trouble, people who are added beside it."""

    fixed_leads: int
    leads: int
    records: int
    calls: int
    rows: int
    rounds: int
    seconds: float
    beside: int
    samples: int


FULL = Sizes(
    fixed_leads=2000,
    leads=3000,
    records=50_000,
    calls=2000,
    rows=200_000,
    rounds=3,
    seconds=3,
    beside=20_000,
    samples=13,
)
QUICK = Sizes(fixed_leads=10, leads=3, records=30, calls=5, rows=20, rounds=1, seconds=1, beside=20, samples=1)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("1 or more is expected")
    return number


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; return 0, or end with what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="as little as possible: shows that it works, not how fast")
    parser.add_argument(
        "--rounds", type=_count, metavar="N", help=f"of which the median counts (default: {FULL.rounds})"
    )
    parser.add_argument("--only", choices=(*PARTS, *APART), nargs="+", default=PARTS, help="these measurements")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="put the table into this page, too")
    given = parser.parse_args(argv)
    sizes = QUICK if given.quick else FULL
    rounds = given.rounds or sizes.rounds
    began, load = time.monotonic(), machine.Load()
    at = datetime.now(UTC).isoformat(timespec="seconds")

    def note(text: str) -> None:
        load.look()
        print(f"{time.monotonic() - began:4.0f} s  {text}", file=sys.stderr, flush=True)

    parts: list[Part] = []
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as name:
        folder = Path(name)
        if "fixed" in given.only:
            parts.append(fixed.measure(folder, leads=sizes.fixed_leads, count=rounds, seconds=sizes.seconds, note=note))
        if "client" in given.only:
            parts.append(client.measure(folder, requests=sizes.leads, count=rounds, seconds=sizes.seconds, note=note))
        if "push" in given.only:
            parts.append(push.measure(folder, leads=sizes.leads, count=rounds, note=note))
        if "crms" in given.only:
            parts += exchange.measure(folder, records=sizes.records, calls=sizes.calls, note=note)
        if "bulk" in given.only:
            parts += bulk.measure(folder / "bulk", rows=sizes.rows, count=rounds, note=note)
        if "isolation" in given.only:
            sized = {"records": sizes.beside, "samples": sizes.samples}
            parts.append(isolation.measure(folder, **sized, count=rounds, note=note))
    about = {
        "command": " ".join(["python -m bench", *(argv if argv is not None else sys.argv[1:])]),
        "at": at,
        "seconds": round(time.monotonic() - began),
        "machine": machine.facts(),
        "load": load.plain(),
    }
    if not given.json:
        report.show(about, parts)
    if given.docs is not None:
        report.write(given.docs, about, parts)
    figures = {part.key: {figure.key: figure.plain() for figure in part.figures} for part in parts}
    print(json.dumps({**about, "rounds": rounds, "figures": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
