"""How commands print: text and tables for people, with `--json` one object or array on the last line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from syncd.sdk.errors import Problem

if TYPE_CHECKING:
    from rich.table import Table


class Output:
    """Standard output of one command. Text is not printed where JSON is asked for."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def line(self, text: str = "") -> None:
        """A line for people."""
        if not self.as_json:
            print(text)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table for people: drawn by rich on a terminal, plain columns elsewhere."""
        if self.as_json:
            return
        texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
        if sys.stdout.isatty():
            from rich.console import Console

            Console().print(drawn(columns, texts))
            return
        widths = [max(len(row[place]) for row in [list(columns), *texts]) for place in range(len(columns))]
        for row in [list(columns), *texts]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def result(self, value: object) -> None:
        """The command's result, if JSON is asked for."""
        if self.as_json:
            print(json.dumps(plain(value), ensure_ascii=False), flush=True)


def drawn(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table as rich draws it."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def plain(value: Any) -> Any:
    """A value as JSON knows it: dataclasses as objects, instants as ISO 8601 in UTC."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


def problems(found: Sequence[Problem], hint: str = "") -> None:
    """Problems on standard error, one a line."""
    for problem in found:
        print(f"{'error' if problem.fatal else 'warning'}: {problem}", file=sys.stderr)
    if hint:
        print(hint, file=sys.stderr)


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago or ahead an instant is, in words: "12s ago", "in 3m"."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    text = span(abs(seconds))
    return f"{text} ago" if seconds >= 0 else f"in {text}"


def span(seconds: float) -> str:
    """A length of time, in its largest unit: "90s", "3m"."""
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("m", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.0f}s"


def reasons(counts: Mapping[str, int]) -> str:
    """Counts by reason on one line: "phone 2, shared_phone 1"."""
    return ", ".join(f"{name} {number}" for name, number in counts.items())
