"""`python -m bench`: all measurements in one run, a table, and one JSON object on the last line."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import bulk, machine, push, report


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("1 or more is expected")
    return number


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; return 0, or end with what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--leads", type=_count, default=3000, metavar="N", help="leads of one push (default: 3000)")
    parser.add_argument("--rows", type=_count, default=200_000, metavar="N", help="rows staged (default: 200000)")
    parser.add_argument("--rounds", type=_count, default=3, metavar="N", help="rounds of which the median counts")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    given = parser.parse_args(argv)
    result = {
        "command": f"python -m bench --leads {given.leads} --rows {given.rows} --rounds {given.rounds}",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.facts(),
        "leads": given.leads,
        "rows": given.rows,
        "rounds": given.rounds,
    }
    before = machine.load()
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as folder:
        result["push"] = report.pushed(push.rounds(Path(folder), leads=given.leads, count=given.rounds, note=_note))
        many = bulk.run(Path(folder) / "bulk", rows=given.rows, count=given.rounds, note=_note)
    result |= {"plan": report.planned(many), "memory": report.remembered(many)}
    result["load"] = {"before": before, "after": machine.load()}
    if not given.json:
        report.show(result)
    print(json.dumps(result))
    return 0


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
