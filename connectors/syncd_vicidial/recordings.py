"""Recordings of calls, through a site's own `get_recording`, or stock's `recording_lookup` where there is none.

Source: non_agent_api.php, trunk 3884, and recordings of its answers (recordings, recordings-by-uniqueid). A look-up by
uniqueid compares only the part before the dot, so it may bring calls of the same second: rows of another lead are left
out. `duration=Y` prints a column that its header does not name. A row is there while the call runs; its location is
blank until the audio has been mixed and moved, minutes after the call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

from syncd.sdk import errors, records
from syncd_vicidial import answers, windows
from syncd_vicidial.api import Api
from syncd_vicidial.capabilities import Capabilities
from syncd_vicidial.options import Options
from syncd_vicidial.rows import UNIQUEID

NEEDED = ("uniqueid", "lead_id", "call_date", "length_in_sec", "user")
WORDS = {"campaign": "campaign_id", "agent": "user", "status": "status", "unique": "uniqueid"}
_LOOKUP, _OF_SITE = "recording_lookup", "get_recording"
_HEADER = "start_time|user|recording_id|lead_id|"
_ONE_CALL = timedelta(days=1)  # no call, with all its transfers, is longer
_SLACK = timedelta(seconds=30)  # recording begins with the agent, and may end after the hang-up


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of an answer. `seconds` is "" where the answer has none."""

    start: datetime
    user: str
    recording_id: str
    lead_id: str
    seconds: str
    location: str


class Recordings:
    """Looks up recordings, several calls in flight."""

    def __init__(self, api: Api, options: Options, capabilities: Capabilities) -> None:
        self._api = api
        self._options = options
        self._capabilities = capabilities

    def check(self) -> list[errors.Problem]:
        """See `protocol.FindsRecordings`."""
        function = _LOOKUP
        try:
            function = self._function()
            self._rows(function, {"lead_id": "0"}, None)
        except errors.AuthFailed as error:
            return [errors.Problem(str(error), "user", error.fix)]
        except errors.SyncdError as error:
            return [errors.Problem(str(error), "functions.get_recording" if function == _OF_SITE else "")]
        return []

    def find(self, wanted: Sequence[records.Record]) -> list[list[records.Record] | errors.SyncdError]:
        """See `protocol.FindsRecordings`."""
        try:
            function = self._function()
        except errors.LeaseLost:
            raise
        except errors.SyncdError as error:
            return [error for _ in wanted]
        found = self._api.each(lambda call: self._of_call(function, call), wanted)
        for one in found:
            if isinstance(one, errors.LeaseLost):
                raise one
        return found

    def _function(self) -> str:
        """What recordings are asked of. Raises AuthFailed, RetryLater, LeaseLost."""
        return _OF_SITE if self._capabilities.may(_OF_SITE) else _LOOKUP

    def _of_call(self, function: str, call: records.Record) -> list[records.Record]:
        """The recordings of one call, oldest first. Raises AuthFailed, RetryLater, LeaseLost."""
        lead_id, uniqueid = call.fields.get("lead_id") or "", call.fields.get("uniqueid") or ""
        unique = UNIQUEID.fullmatch(uniqueid)
        epoch = int(unique[1]) if unique else None
        rows: list[_Row] = []
        if uniqueid and function == _LOOKUP:
            named = self._rows(function, {"uniqueid": uniqueid}, epoch)
            rows = [row for row in named if row.lead_id == lead_id and _is_near(row, call)]
        if not rows and lead_id:
            rows = [row for row in self._rows(function, {"lead_id": lead_id}, epoch) if _is_during(row, call)]
        # both legs of a transferred call have one uniqueid: each has its own agent's recordings
        own = [row for row in rows if row.user.casefold() == (call.fields.get("user") or "").casefold()]
        return [self._record(row) for row in sorted(own or rows, key=lambda row: (row.start, int(row.recording_id)))]

    def _rows(self, function: str, key: dict[str, str], epoch: int | None) -> list[_Row]:
        text = self._api.read(function, {**key, "header": "YES", "duration": "Y", "stage": "pipe"})
        header, _, body = text.partition("\n")
        if not header.startswith(_HEADER):
            lines = answers.parse(text)
            if len(lines) == 1 and lines[0].kind == "ERROR" and "NO RECORDINGS FOUND" in lines[0].message:
                return []
            refused = answers.refusal(lines[0], function, self._api.user) if lines else None
            raise refused or errors.RetryLater(f"{function} gives an answer that is not understood")
        if not text.endswith("\n"):
            raise errors.RetryLater(f"{function} gives an answer that is cut")
        return [self._row(line.rstrip("\r"), function, epoch) for line in body.split("\n")[:-1] if line.strip()]

    def _row(self, line: str, function: str, epoch: int | None) -> _Row:
        zone = self._options.zone()
        parts = line.split("|")
        try:
            start, user, recording_id, lead_id, *rest = parts
            seconds = rest.pop(0) if len(rest) > 1 and re.fullmatch(r"\d*", rest[0]) else ""
            location = "|".join(rest).strip()
            if zone is None or not rest or not recording_id.isdigit():
                raise ValueError
            return _Row(windows.instant(start, (epoch,), zone), user, recording_id, lead_id, seconds, location)
        except ValueError:
            raise errors.RetryLater(f"{function} gives a row that is not understood") from None

    def _record(self, row: _Row) -> records.Record:
        url = self._rewritten(row.location)
        return records.Record(
            row.recording_id,
            {
                "url": url,
                "recording_id": row.recording_id,
                "filename": unquote(urlsplit(row.location).path.rpartition("/")[2]) if row.location else "",
                "started_at": records.text(row.start.astimezone(UTC)),
                "length_in_sec": row.seconds,
                "user": row.user,
            },
        )

    def _rewritten(self, location: str) -> str:
        """The link as people can open it: the first rule whose beginning fits is applied."""
        for rule in self._options.recording_links:
            if location.startswith(rule.begins):
                return rule.to + location.removeprefix(rule.begins)
        return location


def _is_near(row: _Row, call: records.Record) -> bool:
    """Whether a recording with the call's uniqueid is of this call and not of one that had it before: a clock that was
    wrong makes them come again."""
    return abs(row.start - records.instant(call.fields.get("call_date") or "")) <= _ONE_CALL


def _is_during(row: _Row, call: records.Record) -> bool:
    begun = records.instant(call.fields.get("call_date") or "")
    length = call.fields.get("length_in_sec") or "0"
    ended = begun + timedelta(seconds=int(length) if length.isdigit() else 0)
    return begun - _SLACK <= row.start <= ended + _SLACK
