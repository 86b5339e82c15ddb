"""The figures for people: a table on the terminal, and the same in docs/benchmarks.md between two marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Part

BEGIN, END = "<!-- figures: written by `python -m bench --docs` -->", "<!-- end of figures -->"
_COLUMNS = ("figure", "median", "rounds", "aim", "reached")


def context(about: dict[str, Any]) -> Iterator[str]:
    """What was run, when, on what, beside what else."""
    machine, load = about["machine"], about["load"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    yield f"{about['at']}, {about['seconds']} s: {about['command']}"
    yield f"{machine['cores']} cores of {machine['processor']}, {machine['system']}; {versions}"
    yield f"load {load['before']} before, {load['after']} after, {load['highest']} at most; the bench makes 1 to 2"


def show(about: dict[str, Any], parts: Sequence[Part]) -> None:
    """Print the figures."""
    for line in context(about):
        print(line)
    table = Table(box=box.SIMPLE_HEAD)
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name in ("figure", "reached") else "right")
    for part in parts:
        table.add_section()
        table.add_row(f"[bold]{part.title}")
        for figure in part.figures:
            table.add_row(*_cells(figure))
    Console(width=150).print(table)


def write(path: Path, about: dict[str, Any], parts: Sequence[Part]) -> None:
    """Put the figures into the page `path`, between its marks. Raise SystemExit if it has none."""
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{path}: the lines {BEGIN} and {END} are needed; the figures go between them")
    lines = ["", *(f"{line}  " for line in context(about)), ""]
    for part in parts:
        lines += [f"### {part.title}", "", f"| {' | '.join(_COLUMNS)} |", "| --- | ---: | ---: | ---: | --- |"]
        lines += [f"| {' | '.join(_cells(figure))} |" for figure in part.figures]
        lines.append("")
    path.write_text(before + begin + "\n".join([*lines, end]) + after, encoding="utf-8")


def _cells(figure: Figure) -> tuple[str, str, str, str, str]:
    if figure.value is None:
        return figure.what, "–", "", "", f"not measured: {figure.absent}"
    rounds = " ".join(f"{value:,.{figure.digits}f}" for value in figure.rounds) if len(figure.rounds) > 1 else ""
    aim, reached = "", ""
    if figure.aim is not None:
        aim = f"{'≤' if figure.aim.most else '≥'} {figure.text(figure.aim.at)}"
        reached = "yes" if figure.met else "no"
    return figure.what, figure.text(figure.value), rounds, aim, reached
