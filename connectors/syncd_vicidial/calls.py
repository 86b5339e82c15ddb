"""Calls: read in windows of the server's clock, the same records whichever way to the call log is taken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from syncd.sdk import errors, records
from syncd_vicidial import flags, windows
from syncd_vicidial.api import Api
from syncd_vicidial.call_log import CallLog
from syncd_vicidial.capabilities import Capabilities
from syncd_vicidial.export import Export
from syncd_vicidial.options import Options
from syncd_vicidial.rows import UNIQUEID, Columns, Part, Source, Unreadable

_LOG = structlog.get_logger(__name__)

FIELDS: Mapping[str, records.FieldInfo] = {
    name: records.FieldInfo(word, writable=False)
    for name, word in {
        "leg": "out or in",
        "uniqueid": "text 20",
        "call_date": "instant",
        "status": "text 6",
        "user": "text 20",
        "campaign_id": "text 20",
        "list_id": "digits",
        "length_in_sec": "seconds",
        "term_reason": "text",
        "phone_number": "digits",
        "lead_id": "digits",
        "vendor_lead_code": "text 20",
        "called_count": "integer",
    }.items()
} | {"flags": records.FieldInfo("flags", writable=False, values=flags.WORDS)}
_PLAIN = ("status", "user", "campaign_id", "list_id", "vendor_lead_code", "term_reason")
_NUMBERS = ("length_in_sec", "called_count")
_LEAD_ID = re.compile(r"[1-9]\d*")
_ALL = "---ALL---"
_LAST = "~"  # sorts behind every time
_DOUBT = 3  # so many rows, and none that can be read: then it is not the rows


class Calls:
    """The stream "calls" of one server. A call is (leg, uniqueid, campaign or in-group, start)."""

    def __init__(
        self,
        api: Api,
        options: Options,
        meaning: flags.Flags,
        capabilities: Capabilities,
        sql: Source | None = None,
    ) -> None:
        self._api = api
        self._capabilities = capabilities
        self._options = options
        self._flags = meaning
        self._log = CallLog(api, options)
        self._export = Export(api, options)
        self._sql = sql
        self._found: Source | None = None

    def pull(self, since: records.Cursor | None, until: datetime) -> Iterator[records.Page]:
        """The calls that started from `since` to `until`, in pages; see `protocol.Connector.pull`."""
        zone = self._options.zone()
        if zone is None:
            raise errors.UserError(
                [errors.Problem("calls cannot be read without the server's time zone", "time_zone", "set it")]
            )
        begin = since.at if since is not None else until - timedelta(days=self._options.history_days)
        reached = records.Cursor(begin)
        readable = unreadable = 0
        for window in windows.between(begin, until, zone, self._options.hours_per_read):
            ends = min(window.ends, until)
            for part in self.source().parts(window, archived=self._is_archived(begin, zone, window, until)):
                found, wrong = self._records(part, zone, until)
                readable, unreadable = readable + len(found), unreadable + wrong.total()
                if wrong:
                    self._report(window, wrong)
                if not readable and unreadable >= _DOUBT:
                    raise errors.ContractViolation(f"{self._api.host}: none of {unreadable} rows of calls can be read")
                ordered = sorted(found.values(), key=lambda record: (record.fields["call_date"] or "", record.id))
                reached = _further(reached, part, ends, zone)
                yield records.Page(ordered, reached)

    def source(self) -> Source:
        """Where calls are read; `auto` is the site's get_call_log where it has one and the user may call it. Raises
        AuthFailed, RetryLater."""
        if self._found is None:
            wanted = self._options.call_source
            if wanted == "sql" and self._sql is not None:
                self._found = self._sql
            elif wanted == "get_call_log" or (wanted == "auto" and self._capabilities.may("get_call_log")):
                self._found = self._log
            else:
                self._found = self._export
        return self._found

    def check(self) -> list[errors.Problem]:
        """Use everything once that reading calls needs, and look at the last hour. Raises AuthFailed, RetryLater."""
        self.source().check()
        zone = self._options.zone()
        now = datetime.now(UTC)
        unknown = set()
        for window in windows.between(now - timedelta(hours=1), now, zone, 2) if zone else ():
            for part in self.source().parts(window, archived=False):
                seen = [(row["status"], row["campaign_id"]) for row in part.rows if not isinstance(row, Unreadable)]
                unknown |= {status for status, campaign in set(seen) if not self._flags.is_known(status, campaign)}
        if not unknown:
            return []
        what = f"nobody has said what these statuses of calls mean: {', '.join(sorted(map(repr, unknown)))}"
        return [errors.Problem(what, "status_flags", 'say which flags they have, `""` for none', fatal=False)]

    def campaigns(self) -> frozenset[str]:
        """The ids of the campaigns that the user may see. Raises AuthFailed, RetryLater."""
        return self._log.campaigns()

    def _is_archived(self, begin: datetime, zone: ZoneInfo, window: windows.Window, until: datetime) -> bool:
        """Whether calls of this window may be in the archive tables."""
        if self._options.archived_calls:
            return True
        days = self._options.archive_after_days
        starts = max(begin, min(windows.both(window.first, zone)))
        return days is not None and starts < max(datetime.now(UTC), until) - timedelta(days=days)

    def _records(self, part: Part, zone: ZoneInfo, until: datetime) -> tuple[dict[str, records.Record], Counter[str]]:
        """The calls of a part by id, and what is wrong with rows of which there is no call."""
        found: dict[str, records.Record] = {}
        wrong: Counter[str] = Counter()
        for row in part.rows:
            if isinstance(row, Unreadable):
                wrong[row.why] += 1
            elif self._is_wanted(row):
                made = self._record(row, zone)
                if isinstance(made, Unreadable):
                    wrong[made.why] += 1
                elif made[0] <= until:
                    record = made[1]
                    found[record.id] = _merged(found.get(record.id), record)
        return found, wrong

    def _is_wanted(self, columns: Columns) -> bool:
        """Whether the options name the campaign or in-group, or all; get_call_log cannot be asked for some."""
        chosen = self._options.campaigns if columns["leg"] == "out" else self._options.in_groups
        return _ALL in chosen or columns["campaign_id"] in chosen

    def _report(self, window: windows.Window, wrong: Counter[str]) -> None:
        _LOG.warning(
            "calls_unreadable",
            host=self._api.host,
            rows=wrong.total(),
            why=dict(wrong),
            window=window.first.isoformat(" "),
            source=self.source().name,
        )

    def _record(self, columns: Columns, zone: ZoneInfo) -> tuple[datetime, records.Record] | Unreadable:
        """One call and its start, or what the row lacks that makes a call."""
        uniqueid = columns["uniqueid"]
        if not uniqueid or "|" in uniqueid:
            return Unreadable("no uniqueid")
        if not _LEAD_ID.fullmatch(columns["lead_id"]):
            return Unreadable("no lead_id")
        unique = UNIQUEID.fullmatch(uniqueid)
        epochs = (columns.get("start_epoch"), unique[1] if unique else None, columns.get("order_epoch"))
        try:
            moment = windows.instant(columns["call_date"], tuple(map(_epoch, epochs)), zone)
        except ValueError:
            return Unreadable("no call_date")
        start = records.text(moment)
        fields: dict[str, str | None] = {name: columns[name] for name in _PLAIN if name in columns}
        fields.update({name: columns[name] for name in _NUMBERS if columns.get(name, "").isdigit()})
        if "X" not in columns.get("phone_number", "X"):
            fields["phone_number"] = columns["phone_number"]
        fields.update(
            leg=columns["leg"],
            uniqueid=uniqueid,
            lead_id=columns["lead_id"],
            call_date=start,
            flags=self._flags.of(columns["status"], columns["campaign_id"]),
        )
        record_id = f"{columns['leg']}|{uniqueid}|{columns['campaign_id']}|{start}"
        return moment, records.Record(record_id, fields, archived="archived" in columns)


def _further(reached: records.Cursor, part: Part, ends: datetime, zone: ZoneInfo) -> records.Cursor:
    """The position behind a part. Around a clock change the wall clock does not say how far it is; there only the name
    moves on."""
    if part.reaches is not None:
        return records.Cursor(
            min(ends, max(reached.at, min(windows.both(part.reaches, zone)))), part.reaches.isoformat(" ")
        )
    return records.Cursor(ends, _LAST if reached.id and reached.at == ends else "")


def _epoch(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() and text.strip("0") else None


def _merged(first: records.Record | None, second: records.Record) -> records.Record:
    """Repeated rows of one call (the export joins the agent log) as one: what one lacks the other adds. What an archive
    table has copied of a call is older than the row that is still there, and gives way to it."""
    if first is None or (first.archived and not second.archived):
        return second
    if second.archived and not first.archived:
        return first
    fields = {**first.fields, **{name: value for name, value in second.fields.items() if value}}
    fields["flags"] = (second if second.fields["status"] else first).fields["flags"]
    return records.Record(second.id, fields, archived=second.archived)
