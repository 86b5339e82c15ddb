"""Calls from VICIdial's own tables: vicidial_log and vicidial_closer_log, and their archives.

A statement reads at most `rows_per_read` rows of one table, in the order of `call_date`, which is indexed; the next one
goes on at the second where it ended. So memory stays the same however many calls there are, and no table is locked for
longer than one such read. A cursor of the server that stays open from page to page would be the contrary: it would
keep the dialer from writing while the CRM is slow.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from syncd_vicidial.database import Database, Row
from syncd_vicidial.rows import Columns, Part, SourceName
from syncd_vicidial.windows import Window

_NAMES = (
    "uniqueid", "lead_id", "list_id", "campaign_id", "call_date", "start_epoch", "length_in_sec", "status",
    "phone_number", "user", "term_reason", "called_count",
)  # fmt: skip
_TABLES = (("out", "vicidial_log"), ("in", "vicidial_closer_log"))
_MORE = 4  # times as many rows where one second has more calls than one read takes


def needed(*, archive: bool) -> dict[str, tuple[str, ...]]:
    """The tables that are read, and their columns."""
    live = {"vicidial_log": _NAMES, "vicidial_closer_log": ("closecallid", *_NAMES)}
    old = {f"{table}_archive": columns for table, columns in live.items()} if archive else {}
    return {**live, **old, "vicidial_list": ("lead_id", "vendor_lead_code")}


@dataclass(frozen=True, slots=True)
class _Table:
    """One log table, and the statement that reads on in it."""

    leg: str
    archived: bool
    statement: str


class SqlCalls:
    """See `rows.Source`."""

    name: SourceName = "sql"

    def __init__(self, database: Database, rows_per_read: int) -> None:
        self._database = database
        self._rows_per_read = rows_per_read
        self._tables = [_table(leg, name, archived=archived) for archived in (False, True) for leg, name in _TABLES]

    def parts(self, window: Window, *, archived: bool) -> Iterator[Part]:
        begin, end = str(window.first), str(window.end)
        while begin < end:
            rows, reaches = self._read(begin, end, archived=archived)
            yield Part(rows, datetime.fromisoformat(reaches) if reaches < end else None)
            begin = reaches

    def check(self) -> None:
        """The database's own check says what is missing."""

    def _read(self, begin: str, end: str, *, archived: bool) -> tuple[list[Columns], str]:
        """Rows from `begin` on, and the time before which there are no more; both sorts of table up to the same time,
        the live ones first: what is moved meanwhile is found at least once."""
        limit = self._rows_per_read
        tables = [table for table in self._tables if archived or not table.archived]
        when = 2 + _NAMES.index("call_date")
        while True:
            read = [(table, self._database.rows(table.statement, (begin, end, limit))) for table in tables]
            reaches = min((found[-1][when] or begin for _, found in read if len(found) == limit), default=end)
            if reaches > begin:
                break
            limit *= _MORE
        columns: list[Columns] = []
        for table, found in read:
            columns += _columns(table, [row for row in found if (row[when] or "") < reaches])
        return columns, reaches


def _table(leg: str, name: str, *, archived: bool) -> _Table:
    number = "log.closecallid" if leg == "in" else "NULL"
    columns = ", ".join(f"log.{column}" for column in _NAMES)
    source = f"{name}{'_archive' if archived else ''}"
    # Nothing else in WHERE: the server might take another index for it, and read years.
    statement = (
        f"SELECT lead.vendor_lead_code, {number}, {columns} FROM {source} AS log "  # noqa: S608 – our own names
        "LEFT JOIN vicidial_list AS lead ON lead.lead_id = log.lead_id "
        "WHERE log.call_date >= %s AND log.call_date < %s ORDER BY log.call_date LIMIT %s"
    )
    return _Table(leg, archived, statement)


def _columns(table: _Table, found: list[Row]) -> Iterator[Columns]:
    order = _Order(found) if table.leg == "in" else None
    for row in found:
        columns = dict(zip(_NAMES, (value or "" for value in row[2:]), strict=True))
        columns |= {"leg": table.leg, "vendor_lead_code": row[0] or ""}
        if table.archived:
            columns["archived"] = "yes"
        if order is not None and not columns["start_epoch"].strip("0"):
            columns["order_epoch"] = order.near(row)
        yield columns


class _Order:
    """Rows by the number that they got when they were logged: where one does not say when it was, the one logged before
    it does, and where that is none, the one after it."""

    def __init__(self, found: list[Row]) -> None:
        start = 2 + _NAMES.index("start_epoch")
        dated = sorted((int(row[1] or 0), row[start] or "") for row in found if (row[start] or "").strip("0"))
        self._numbers = [number for number, _ in dated]
        self._epochs = [epoch for _, epoch in dated]

    def near(self, row: Row) -> str:
        """The Unix time of the call logged next to this one, "" where there is none."""
        place = bisect.bisect_left(self._numbers, int(row[1] or 0))
        return self._epochs[max(0, place - 1)] if self._epochs else ""
