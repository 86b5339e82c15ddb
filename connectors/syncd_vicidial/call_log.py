"""Calls from `get_call_log`, an addition of some sites: one row a call, columns by name, both legs mixed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

from syncd.sdk import errors
from syncd_vicidial import answers
from syncd_vicidial.api import Api
from syncd_vicidial.options import Options
from syncd_vicidial.rows import Columns, Part, SourceName, Unreadable
from syncd_vicidial.windows import Window

_NEEDED = ("uniqueid", "lead_id", "call_date", "campaign_id", "status", "vendor_lead_code")
_LEG_COLUMNS = ("leg", "call_type", "direction")
_INBOUND = ("in", "inbound")
_ASK_AGAIN_SECONDS = 60.0
_WALL = "%Y-%m-%d %H:%M:%S"


class CallLog:
    """See `rows.Source`. What the site's addition makes of archive tables is its own affair."""

    name: SourceName = "get_call_log"

    def __init__(self, api: Api, options: Options) -> None:
        self._api = api
        self._options = options
        self._campaigns: frozenset[str] = frozenset()
        self._not_campaigns: set[str] = set()
        self._ask_again = 0.0

    def parts(self, window: Window, *, archived: bool) -> Iterator[Part]:
        del archived
        if time.monotonic() > self._ask_again:
            self._not_campaigns.clear()  # a campaign may be new
            self._ask_again = time.monotonic() + _ASK_AGAIN_SECONDS
        yield Part(self._rows(self._asked(window.first, window.end)))

    def check(self) -> None:
        list(self._rows(self._asked_now()))
        if "---ALL---" in self._options.in_groups:
            self.campaigns()

    def _asked_now(self) -> str:
        now = datetime.now(self._options.zone())
        return self._asked(now, now)

    def _asked(self, start: datetime, end: datetime) -> str:
        times = {"start_date": start.strftime(_WALL), "end_date": end.strftime(_WALL)}
        return self._api.read("get_call_log", {**times, "header": "YES", "stage": "pipe"})

    def _rows(self, text: str) -> Iterator[Columns | Unreadable]:
        header, _, _ = text[:4000].partition("\n")
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
        start = len(header) + 1
        while start < len(text):
            end = text.index("\n", start)
            parts = text[start:end].rstrip("\r").split("|")
            start = end + 1
            if parts == [""]:
                continue
            surplus = len(parts) - len(names)
            if surplus > 0:
                parts[free : free + surplus + 1] = ["|".join(parts[free : free + surplus + 1])]
            if surplus < 0:
                yield Unreadable("too few columns")
                continue
            columns = dict(zip(names, parts, strict=True))
            columns["leg"] = self._leg(columns)
            yield columns

    def _leg(self, columns: Columns) -> str:
        """Whether a row is the outbound or the in-group leg of a call.

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
