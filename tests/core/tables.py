"""Reads the tables of docs/decision-table.md: rows of conditions, the first that fits counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "decision-table.md"
RESULTS = ("verdict", "reason", "lane", "suppress")

Case = Mapping[str, str]  # condition → value


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what must be so, and what is decided then."""

    id: str
    conditions: Mapping[str, frozenset[str]]  # those that say something
    result: Mapping[str, str]

    def fits(self, case: Case) -> bool:
        """Whether this row's conditions hold."""
        return all(case[name] in values for name, values in self.conditions.items())


@dataclass(frozen=True, slots=True)
class Table:
    """The rows under one heading."""

    rows: Sequence[Row]
    columns: tuple[str, ...]

    def row_for(self, case: Case) -> Row:
        """The first row that fits; raise LookupError where none does."""
        for row in self.rows:
            if row.fits(case):
                return row
        raise LookupError(f"no row fits {dict(case)}")

    def words(self) -> dict[str, set[str]]:
        """The values that the rows name, by condition."""
        found: dict[str, set[str]] = {name: set() for name in self.columns}
        for row in self.rows:
            for name, values in row.conditions.items():
                found[name] |= values
        return found


def read(first_row: str) -> Table:
    """Given the id of a table's first row, return that table."""
    for lines in _tables():
        header, _, *body = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
        if header[0] == "row" and body[0][0] == first_row:
            columns = tuple(name for name in header[1:] if name not in RESULTS)
            return Table([_row(header, cells) for cells in body], columns)
    raise LookupError(f"no table begins with {first_row}")


def _row(header: list[str], cells: list[str]) -> Row:
    named = dict(zip(header, cells, strict=True))
    conditions = {
        name: frozenset(value.strip() for value in cell.split(","))
        for name, cell in named.items()
        if cell and name != "row" and name not in RESULTS
    }
    return Row(named["row"], conditions, {name: named[name] for name in RESULTS if name in named})


def _tables() -> Iterator[list[str]]:
    lines: list[str] = []
    for line in [*PAGE.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("|"):
            lines.append(line)
        elif lines:
            yield lines
            lines = []
