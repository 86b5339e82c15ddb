"""`python -m bench.export_rows`: how long a window of the call export takes to parse, and what memory that takes."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import machine
from syncd.simulators import vicidial
from syncd.simulators.vicidial import rows as tables
from syncd_vicidial import export
from syncd_vicidial.api import Api
from syncd_vicidial.options import Options
from syncd_vicidial.rows import Unreadable
from syncd_vicidial.windows import Window

_STARTS = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
_STATE = Path(vicidial.__file__).with_name("default_state.json")


def window(count: int) -> bytes:
    """An export of so many calls within an hour, every fifth of an in-group, as the simulated VICIdial prints it."""
    with vicidial.serve(_STATE) as sim:
        lead = next(iter(sim.world.leads.values()))
        lead.comments = "Called before; asked for an offer in writing.\nSpeaks with a clear voice. " * 3
        for number in range(count):
            start = _STARTS + timedelta(seconds=3600 * number / count)
            in_group = number % 5 == 0
            call = tables.Call(
                uniqueid=f"{int(start.timestamp()) + 18000}.{number}",
                lead_id=lead.lead_id,
                campaign_id="SALESLINE" if in_group else "TESTCAMP",
                call_date=f"{start:%Y-%m-%d %H:%M:%S}",
                status="NI",
                user="1001",
                list_id="101",
                phone_number=lead.phone_number,
                user_group="SALES",
                closecallid=number + 100 if in_group else 0,
            )
            sim.world.add_call(call)
        return _exported(sim)


def _exported(sim: vicidial.Simulator) -> bytes:
    options = Options.model_validate({"url": sim.url, "user": "6666", "password": "1234", "read_seconds": 120})
    api = Api(options)
    try:
        hour = _STARTS.replace(tzinfo=None)
        return api.export(export.parameters(Window(hour, hour, _STARTS), options, archive=False))
    finally:
        api.close()


def parse(body: bytes) -> Iterator[object]:
    """Each row's columns; raise ValueError for a row that cannot be read."""
    for row in export.rows(body, "6666"):
        if isinstance(row, Unreadable):
            raise ValueError(row.why)
        yield row


def seconds(body: bytes) -> float:
    """CPU seconds of one pass."""
    began = time.process_time()
    for _ in parse(body):
        pass
    return time.process_time() - began


def peak(body: bytes) -> int:
    """The most bytes that were held at once beside the answer itself."""
    tracemalloc.start()
    try:
        for _ in parse(body):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.export_rows", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="rows of the window (default: 10000)")
    parser.add_argument("--rounds", type=int, default=5, help="passes, of which the median counts")
    given = parser.parse_args(argv)
    body, tenth = window(given.rows), window(max(1, given.rows // 10))
    count = sum(1 for _ in parse(body))
    taken = [seconds(body) for _ in range(given.rounds)]
    result = {
        "rows": count,
        "bytes": len(body),
        "cpu_seconds": round(statistics.median(taken), 3),
        "rounds": [round(one, 3) for one in taken],
        "peak_bytes": peak(body),
        "peak_bytes_of_a_tenth": peak(tenth),
        "machine": machine.facts(),
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
