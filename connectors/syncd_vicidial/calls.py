"""Calls: read in windows of the server's clock, from `get_call_log` where a site has it, else from the stock export."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import structlog

from syncd.sdk import errors, records
from syncd_vicidial import answers, export, flags, windows
from syncd_vicidial.api import Api
from syncd_vicidial.options import Options

_LOG = structlog.get_logger(__name__)
Source = Literal["get_call_log", "call_report_export"]

FIELDS: Mapping[str, str] = {
    "leg": "out or in",
    "uniqueid": "text 20",
    "call_date": "instant",
    "status": "text 6",
    "flags": "flags",
    "user": "text 20",
    "campaign_id": "text 20",
    "list_id": "digits",
    "length_in_sec": "seconds",
    "term_reason": "text",
    "phone_number": "digits",
    "lead_id": "digits",
    "vendor_lead_code": "text 20",
    "called_count": "integer",
}
_PLAIN = ("status", "user", "campaign_id", "list_id", "vendor_lead_code", "term_reason")
_NUMBERS = ("length_in_sec", "called_count")
_NEEDED = ("uniqueid", "lead_id", "call_date", "campaign_id", "status", "vendor_lead_code")
_LEAD_ID = re.compile(r"[1-9]\d*")
_UNIQUEID = re.compile(r"(?:.*-)?(\d{9,10})\.\d+")  # a Unix time, behind the system's name on some servers
_LEG_COLUMNS = ("leg", "call_type", "direction")
_INBOUND = ("in", "inbound")
_WALL = "%Y-%m-%d %H:%M:%S"


class Calls:
    """The stream "calls" of one server. A call is (leg, uniqueid, campaign or in-group, start)."""

    def __init__(self, api: Api, options: Options) -> None:
        self._api = api
        self._options = options
        self._source: Source | None = None if options.call_source == "auto" else options.call_source
        self._campaigns: frozenset[str] = frozenset()
        self._not_campaigns: set[str] = set()

    def pull(self, since: records.Cursor | None, until: datetime) -> Iterator[records.Page]:
        """The calls that started from `since` to `until`, a page per window; see `protocol.Connector.pull`."""
        zone = self._options.zone()
        if zone is None:
            raise errors.UserError(
                [errors.Problem("calls cannot be read without the server's time zone", "time_zone", "set it")]
            )
        self._not_campaigns.clear()
        begin = since.at if since is not None else until - timedelta(days=self._options.history_days)
        for window in windows.between(begin, until, zone, self._options.hours_per_read):
            found: dict[str, records.Record] = {}
            unreadable = 0
            for row in self._rows(window):
                record = self._record(row, zone) if row is not None else None
                if record is None:
                    unreadable += 1
                elif record.fields["call_date"] <= (records.text(until) or ""):  # type: ignore[operator]  # never None
                    found[record.id] = _merged(found.get(record.id), record)
            if unreadable:
                if not found:
                    raise errors.ContractViolation(f"{self._api.host}: none of {unreadable} rows of calls can be read")
                _LOG.warning(
                    "calls_unreadable", host=self._api.host, rows=unreadable, window=window.first.isoformat(" ")
                )
            ordered = sorted(found.values(), key=lambda record: (record.fields["call_date"] or "", record.id))
            yield records.Page(ordered, records.Cursor(min(window.ends, until)))

    def source(self) -> Source:
        """Where calls are read; `auto` asks the server once, with a harmless request. Raises AuthFailed, RetryLater."""
        if self._source is None:
            now = datetime.now(self._options.zone())
            header = self._call_log(now, now)[:400].partition("\n")[0]
            messages = [line.message for line in answers.parse(header)]
            if "NO FUNCTION SPECIFIED" in messages:
                self._source = "call_report_export"
            elif messages or "uniqueid" in header:
                self._source = "get_call_log"
            else:
                raise errors.RetryLater("the server does not say whether it has get_call_log")
        return self._source

    def check(self) -> None:
        """Use everything once that reading calls needs, without reading any. Raises AuthFailed, RetryLater."""
        if self.source() == "call_report_export":
            long_ago = datetime(2000, 1, 1)  # noqa: DTZ001 – the server's wall clock
            asked = export.parameters(windows.Window(long_ago, long_ago, long_ago), self._options)
            list(export.rows(self._api.export(asked), self._api.user))
        else:
            now = datetime.now(self._options.zone())
            list(self._call_log_rows(self._call_log(now, now)))
            if "---ALL---" in self._options.in_groups:
                self.campaigns()

    def _rows(self, window: windows.Window) -> Iterator[dict[str, str] | None]:
        if self.source() == "call_report_export":
            text = self._api.export(export.parameters(window, self._options))
            for columns in export.rows(text, self._api.user):
                if columns is not None and export.hides_data(columns):
                    raise errors.AuthFailed(
                        f"VICIdial masks the leads of calls for user {self._api.user}",
                        fix="set the user's admin_hide_lead_data to 0",
                    )
                yield columns
        else:
            text = self._call_log(window.first, window.last + timedelta(hours=1))
            yield from self._call_log_rows(text)

    def _call_log(self, start: datetime, end: datetime) -> str:
        times = {"start_date": start.strftime(_WALL), "end_date": end.strftime(_WALL)}
        return self._api.read("get_call_log", {**times, "header": "YES", "stage": "pipe"})

    def _call_log_rows(self, text: str) -> Iterator[dict[str, str] | None]:
        header, _, body = text.partition("\n")
        names = header.rstrip("\r").split("|")
        if "uniqueid" not in names:
            line = next((line for line in answers.parse(header)), None)
            if line is not None and ("NO RECORDS FOUND" in line.message or "NO CALLS" in line.message):
                return
            refused = answers.refusal(line, "get_call_log", self._api.user) if line is not None else None
            raise refused or errors.RetryLater("get_call_log gives an answer that is not understood")
        missing = [name for name in _NEEDED if name not in names]
        if missing:
            raise errors.ContractViolation(f"get_call_log lacks the columns {', '.join(missing)}")
        if not text.endswith("\n"):
            raise errors.RetryLater("get_call_log gives an answer that is cut")
        free = names.index("vendor_lead_code")  # the only column that may hold the separator
        for row in body.split("\n")[:-1]:
            parts = row.rstrip("\r").split("|")
            surplus = len(parts) - len(names)
            if surplus > 0:
                parts[free : free + surplus + 1] = ["|".join(parts[free : free + surplus + 1])]
            if surplus < 0:
                yield None
                continue
            columns = dict(zip(names, parts, strict=True))
            columns["leg"] = self._leg(columns)
            yield columns

    def _leg(self, columns: Mapping[str, str]) -> str:
        """Whether a row of get_call_log is the outbound or the in-group leg of a call.

        In this order: a column that says so; the in-groups that the options name; what is no campaign is an in-group.
        """
        for name in _LEG_COLUMNS:
            if columns.get(name):
                return "in" if columns[name].lower() in _INBOUND else "out"
        campaign = columns["campaign_id"]
        if "---ALL---" not in self._options.in_groups:
            return "in" if campaign in self._options.in_groups else "out"
        if campaign not in self._campaigns and campaign not in self._not_campaigns:
            self._campaigns = self.campaigns()
            if campaign not in self._campaigns:
                self._not_campaigns.add(campaign)
        return "out" if campaign in self._campaigns else "in"

    def campaigns(self) -> frozenset[str]:
        """The ids of the campaigns that the user may see. Raises AuthFailed, RetryLater."""
        text = self._api.read("campaigns_list", {"header": "YES"})
        header, _, body = text.partition("\n")
        if not header.startswith("campaign_id|"):
            lines = answers.parse(text)
            refused = answers.refusal(lines[0], "campaigns_list", self._api.user) if lines else None
            raise refused or errors.RetryLater("campaigns_list gives an answer that is not understood")
        return frozenset(row.partition("|")[0] for row in body.split("\n") if row)

    def _record(self, columns: Mapping[str, str], zone: ZoneInfo) -> records.Record | None:
        """One call, or None where the row lacks what makes a call."""
        unique = _UNIQUEID.fullmatch(columns["uniqueid"])
        if not columns["uniqueid"] or not _LEAD_ID.fullmatch(columns["lead_id"]) or "|" in columns["uniqueid"]:
            return None
        try:
            start = records.text(windows.instant(columns["call_date"], int(unique[1]) if unique else None, zone))
        except ValueError:
            return None
        fields: dict[str, str | None] = {name: columns[name] for name in _PLAIN if name in columns}
        fields.update({name: columns[name] for name in _NUMBERS if columns.get(name, "").isdigit()})
        if "X" not in columns.get("phone_number", "X"):
            fields["phone_number"] = columns["phone_number"]
        fields.update(
            leg=columns["leg"],
            uniqueid=columns["uniqueid"],
            lead_id=columns["lead_id"],
            call_date=start,
            flags=flags.of(columns["status"], self._options.status_flags),
        )
        return records.Record(f"{columns['leg']}|{columns['uniqueid']}|{columns['campaign_id']}|{start}", fields)


def _merged(first: records.Record | None, second: records.Record) -> records.Record:
    """Repeated rows of one call (the export joins the agent log) as one: what one lacks the other adds."""
    if first is None:
        return second
    fields = {**first.fields, **{name: value for name, value in second.fields.items() if value}}
    return records.Record(second.id, fields)
