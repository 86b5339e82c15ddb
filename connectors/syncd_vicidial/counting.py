"""Calls as VICIdial itself counts them: by day of the server's calendar, campaign or in-group, and status.

Source: call_status_stats of non_agent_api.php, trunk 3884, and recordings (status-stats). It counts rows of the live
log tables, whatever has become of their leads, users and lists since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta

from syncd.sdk import protocol, records
from syncd_vicidial import windows
from syncd_vicidial.options import Options
from syncd_vicidial.statistics import Statistics


class Counting:
    """See `protocol.CountsCalls`."""

    def __init__(self, options: Options, statistics: Statistics) -> None:
        self._zone = options.zone()
        self._statistics = statistics

    def days(self, since: datetime, until: datetime) -> Sequence[protocol.CallDay]:
        """The server's days that are whole between these two."""
        if self._zone is None:
            return []
        found = []
        day = since.astimezone(self._zone).date()
        last = until.astimezone(self._zone).date()
        while day < last:
            begins = min(windows.both(datetime.combine(day, time()), self._zone))
            ends = min(windows.both(datetime.combine(day + timedelta(days=1), time()), self._zone))
            if begins >= since:
                found.append(protocol.CallDay(day, begins, ends))
            day += timedelta(days=1)
        return found

    def counted_as(self, call: records.Record) -> tuple[str, str]:
        """ "out SALES" and the status."""
        return f"{call.fields.get('leg')} {call.fields.get('campaign_id')}", call.fields.get("status") or ""

    def counts(self, day: protocol.CallDay) -> Mapping[str, Mapping[str, int]]:
        """Raises AuthFailed, RetryLater."""
        told = self._statistics.by_status(day.date.isoformat())
        return {f"{leg} {name}": statuses for (leg, name), statuses in told.items()}
