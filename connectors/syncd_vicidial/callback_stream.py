"""The stream "callbacks": what agents have booked, found through the calls that ended with it.

VICIdial lists no callbacks and prints no id of one. A callback is (lead, time of its booking): an administrator's
change of time or user keeps both, a new booking gets another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from syncd.sdk import errors, records
from syncd_vicidial import callbacks
from syncd_vicidial.api import Api
from syncd_vicidial.calls import Calls
from syncd_vicidial.leads import Leads
from syncd_vicidial.names import FLAGS_FIELD, KEY_FIELD
from syncd_vicidial.options import Options

STATES = ("open", "done", "cancelled")
FIELDS: Mapping[str, records.FieldInfo] = {
    name: records.FieldInfo(word, writable=False)
    for name, word in {
        "due_at": "instant",
        "user": "text 20; blank for anyone",
        "comments": "text",
        "campaign_id": "text 8",
        "entered_at": "instant",
        "lead_id": "digits",
        KEY_FIELD: "text 20",
    }.items()
} | {"state": records.FieldInfo("text", writable=False, values=STATES)}
_LEAD = re.compile(r"([1-9]\d*)(?![^-])")  # of an id


class CallbackStream:
    """The stream "callbacks" of one server."""

    def __init__(self, api: Api, options: Options, calls: Calls, leads: Leads) -> None:
        self._api = api
        self._options = options
        self._calls = calls
        self._leads = leads
        self._callbacks = callbacks.Callbacks(api, options)

    def pull(self, since: records.Cursor | None, until: datetime) -> Iterator[records.Page]:
        """The callbacks of leads whose calls ended with one, a page per window of calls; see `Calls.pull`."""
        for page in self._calls.pull(since, until):
            keys = {
                call.fields["lead_id"] or "": call.fields[KEY_FIELD] or ""
                for call in page.records
                if "callback" in (call.fields[FLAGS_FIELD] or "").split()
            }
            yield records.Page(self._of(keys), page.cursor)

    def get(self, ids: Sequence[str]) -> list[records.Record]:
        """The callbacks of these ids that are there, or in the archive. Raises AuthFailed, RetryLater."""
        lead_ids = dict.fromkeys(found[1] for one in ids if (found := _LEAD.match(one)))
        leads = self._leads.get(list(lead_ids), [KEY_FIELD])
        wanted = set(ids)
        there = self._of({lead.id: lead.fields[KEY_FIELD] or "" for lead in leads})
        return [record for record in there if record.id in wanted]

    def of_lead(self, lead_id: str) -> list[records.Record]:
        """The callbacks of a lead, archived ones included. Raises AuthFailed, RetryLater, UserError."""
        return self._of({lead_id: ""})

    def _of(self, keys: Mapping[str, str]) -> list[records.Record]:
        zone = self._options.zone()
        if zone is None:
            what = "callbacks cannot be read without the server's time zone"
            raise errors.UserError([errors.Problem(what, "time_zone", "set it")])
        found = self._api.all(self._callbacks.all_of, list(keys))
        return [
            record
            for (lead_id, key), booked in zip(keys.items(), found, strict=True)
            for record in _records(lead_id, key, booked, zone)
        ]


def _records(lead_id: str, key: str, booked: Iterable[callbacks.Booked], zone: ZoneInfo) -> list[records.Record]:
    """One record for each booking; of two of one second the one that is not archived."""
    result: dict[str, records.Record] = {}
    for one in booked:
        due, entered = callbacks.instant(one.time, zone), callbacks.instant(one.entered, zone)
        if due is None or entered is None:
            continue  # a row that VICIdial itself never calls
        record_id = f"{lead_id}-{re.sub(r'[^0-9]', '', one.entered)[:14]}"
        fields = {
            "due_at": records.text(due),
            "user": one.owner,
            "comments": one.comments,
            "state": one.state,
            "campaign_id": one.campaign,
            "entered_at": records.text(entered),
            "lead_id": lead_id,
            KEY_FIELD: key,
        }
        result[record_id] = records.Record(record_id, fields)
    return list(result.values())
