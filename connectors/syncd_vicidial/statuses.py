"""Reads what the site's status tables say of statuses, now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

import structlog

from syncd.sdk import errors
from syncd_vicidial import flags
from syncd_vicidial.database import Database, Row

_LOG = structlog.get_logger(__name__)
NEEDED: Mapping[str, tuple[str, ...]] = {
    "vicidial_statuses": ("status", *flags.COLUMNS),
    "vicidial_campaign_statuses": ("campaign_id", "status", *flags.COLUMNS),
}


class Statuses:
    """The status tables of one database, read again when `every_seconds` have passed."""

    def __init__(self, database: Database, every_seconds: float) -> None:
        self._database = database
        self._every_seconds = every_seconds
        self._told: flags.Told | None = None
        self._due = 0.0
        self._lock = threading.Lock()  # leads are taken out by several threads at once

    def __call__(self) -> flags.Told:
        """What the tables say. Where they cannot be read again, what they said last holds; raises AuthFailed,
        RetryLater, UserError where they have never been read."""
        with self._lock:
            now = time.monotonic()
            if self._told is not None and now < self._due:
                return self._told
            try:
                self._told = self._read()
            except errors.RetryLater as error:
                if self._told is None:
                    raise
                _LOG.warning("statuses_unreadable", error=str(error))
            self._due = now + self._every_seconds
            return self._told

    def _read(self) -> flags.Told:
        names = ", ".join(flags.COLUMNS)
        found = {}
        for row in self._database.rows(f"SELECT status, {names} FROM vicidial_statuses"):  # noqa: S608 – our own names
            found[flags.EVERYWHERE, row[0] or ""] = _words(row[1:])
        campaigns = f"SELECT campaign_id, status, {names} FROM vicidial_campaign_statuses"  # noqa: S608 – our own names
        for row in self._database.rows(campaigns):
            found[row[0] or "", row[1] or ""] = _words(row[2:])
        return flags.Told(found)


def _words(row: Sequence[str | None] | Row) -> flags.Words:
    return frozenset(name for name, said in zip(flags.COLUMNS, row, strict=True) if said == "Y")
