"""How far a backfill is: a bar with rate and remaining time on a terminal, a line every few seconds elsewhere.

How many records there are is not known before they are read, so the bar shows how far the position has come on the way
from `since` to `until`; with ids, how many of them are done.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncd.cli import output

if TYPE_CHECKING:
    from syncd.store import backfill as stored

LINE_SECONDS = 5.0


def share(row: stored.Backfill) -> float:
    """How much of a backfill is done, 0 to 1."""
    if row.state == "done" or row.read_to_end:
        return 1.0
    if row.walks:
        return 0.0  # nobody counts what it will read
    if row.by_id:
        done = sum(row.counts.get(name, 0) for name in ("read", "unknown", "outside"))
        return done / (done + row.asked) if done + row.asked else 1.0
    if row.position is None or row.since is None or row.until <= row.since:
        return 0.0
    return min(1.0, max(0.0, (row.position.at - row.since) / (row.until - row.since)))


class Pace:
    """Records a second since this command began to look, and how long the rest takes at the same pace."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._first: tuple[float, int, float] | None = None

    def words(self, row: stored.Backfill) -> str:
        """The pace in words: "312/s, about 40s left"."""
        now = (self._monotonic(), row.counts.get("read", 0), share(row))
        if self._first is None:
            self._first = now
        seconds, read, gone = (after - before for after, before in zip(now, self._first, strict=True))
        if seconds <= 0 or read <= 0:
            return ""
        text = f"{read / seconds:.0f}/s"
        if gone > 0 and now[2] < 1:
            text += f", about {output.span((1 - now[2]) * seconds / gone)} left"
        return text


def words(row: stored.Backfill, pace: Pace, why: str = "") -> str:
    """One line: read records, how far, how fast, and why nothing moves."""
    parts = [f"{row.counts.get('read', 0)} read", f"{share(row):.0%}", pace.words(row)]
    if why or row.error:
        parts.append(f"waits: {why or row.error}")
    return ", ".join(part for part in parts if part)


@contextmanager
def showing(out: output.Output) -> Iterator[Callable[[stored.Backfill, str], None]]:
    """Yields what shows a backfill as it is now, and why it does not move; nothing with --json."""
    pace = Pace()
    if out.as_json:
        yield lambda row, why: None
    elif sys.stdout.isatty():
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        with Progress(SpinnerColumn(), BarColumn(), TextColumn("{task.description}")) as bar:
            task = bar.add_task("", total=1.0)
            yield lambda row, why: bar.update(task, completed=share(row), description=words(row, pace, why))
    else:
        said_at = time.monotonic()

        def line(row: stored.Backfill, why: str) -> None:
            nonlocal said_at
            if time.monotonic() - said_at >= LINE_SECONDS:
                said_at = time.monotonic()
                print(words(row, pace, why), flush=True)
            else:
                pace.words(row)

        yield line
