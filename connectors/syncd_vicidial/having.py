"""Leads by phone or key, whoever made them: in VICIdial's own database where it may be read, else through its API.

The API names the leads of 50 numbers in one request, but tells of each lead in a request of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import structlog

from syncd.sdk import errors, records
from syncd_vicidial import all_info, custom
from syncd_vicidial.database import Database
from syncd_vicidial.leads import Leads
from syncd_vicidial.names import FLAGS_FIELD

_LOG = structlog.get_logger(__name__)
_AT_ONCE = 500  # values in one statement


class Having:
    """See `protocol.Adopts`."""

    def __init__(self, leads: Leads, database: Database | None) -> None:
        self._leads = leads
        self._database = database
        self._readable: dict[tuple[str, ...], bool] = {}

    def having(self, field: str, values: Collection[str], fields: Sequence[str]) -> dict[str, list[records.Record]]:
        """Value → the leads that hold just this in the column. Raises AuthFailed, RetryLater."""
        unique = sorted({value for value in values if value})
        columns = tuple(sorted({field, *fields}.intersection(all_info.COLUMNS)))
        if FLAGS_FIELD in fields:
            columns = tuple(sorted({*columns, "status"}))
        found: dict[str, list[records.Record]] = {}
        if self._database is None or custom.labels_in(frozenset(fields)) or not self._may_read(columns):
            return self._leads.having(field, unique, fields) if unique else found
        for start in range(0, len(unique), _AT_ONCE):
            part = unique[start : start + _AT_ONCE]
            for record, value in self._selected(field, part, columns, fields):
                found.setdefault(value, []).append(record)
        return found

    def _may_read(self, columns: tuple[str, ...]) -> bool:
        """Whether the database lets these columns of leads be read; what keeps it from that is logged once."""
        if self._database is None:
            return False
        if columns not in self._readable:
            names = ", ".join(columns)
            try:
                self._database.rows(f"SELECT lead_id, {names} FROM vicidial_list LIMIT 0")  # noqa: S608 – our own names
            except (errors.AuthFailed, errors.UserError) as error:
                _LOG.warning(
                    "leads_through_api", why=str(error), fix=f"GRANT SELECT (lead_id, {names}) ON vicidial_list"
                )
                self._readable[columns] = False
            else:
                self._readable[columns] = True
        return self._readable[columns]

    def _selected(
        self, field: str, values: Sequence[str], columns: tuple[str, ...], fields: Sequence[str]
    ) -> list[tuple[records.Record, str]]:
        if self._database is None:
            return []
        marks = ", ".join(["%s"] * len(values))
        statement = f"SELECT lead_id, {', '.join(columns)} FROM vicidial_list WHERE {field} IN ({marks})"  # noqa: S608 – our own names
        asked = frozenset(values)
        found = []
        for lead_id, *row in self._database.rows(statement, values):
            told = {name: value or "" for name, value in zip(columns, row, strict=True)}
            if told[field] not in asked:  # the database takes upper case for lower, and drops blanks at the end
                continue
            found.append((records.Record(lead_id or "", self._leads.readable(told, fields)), told[field]))
        return found
