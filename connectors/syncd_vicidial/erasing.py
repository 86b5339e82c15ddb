"""Leads are deleted, with their callbacks and custom values, for people who want to be forgotten.

Source: non_agent_api.php and admin_modify_lead.php, trunk 3884, and recordings (delete-lead). `update_lead` with
`delete_lead` moves the lead's callbacks to their archive, whose comments stay, and leaves the hopper, all logs and
further numbers alone. Custom values can be deleted only while the lead is there, so they go first. Do-not-call lists
stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from syncd.sdk import errors, records
from syncd_vicidial import all_info, answers, flags, lead_archive
from syncd_vicidial.api import Api
from syncd_vicidial.callback_stream import CallbackStream
from syncd_vicidial.dialling import Dialling
from syncd_vicidial.leads import OF_LIST, Leads, list_of
from syncd_vicidial.names import KEY_FIELD
from syncd_vicidial.options import Options

_MOST_CALLS = 1000
_CALL_AT_MOST = timedelta(hours=4)  # a lead that has been in a call for longer is one that VICIdial has forgotten
_OUT = {"remove_from_hopper": "Y", "callback": "REMOVE"}
_SEARCHED = (KEY_FIELD, "phone_number")  # columns by which leads can be searched for


class Erasing:
    """See `protocol.Erases`."""

    def __init__(
        self,
        api: Api,
        options: Options,
        leads: Leads,
        booked: CallbackStream,
        dialling: Dialling,
        meaning: flags.Flags,
    ) -> None:
        self._api = api
        self._options = options
        self._leads = leads
        self._booked = booked
        self._dialling = dialling
        self._flags = meaning

    def events_of(self, lead_id: str) -> list[str]:
        """The ids of its calls, by its present number, and of its callbacks. Raises AuthFailed, RetryLater,
        UserError."""
        calls = [one.id for one in self._dialling.calls_of(lead_id, _MOST_CALLS)]
        return [*calls, *(one.id for one in self._booked.of_lead(lead_id))]

    def erase(self, lead_id: str, holding: Mapping[str, str | None]) -> None:
        """See `protocol.Erases`. Each step can be repeated, so a lead of which only some are done is gone on with."""
        times = () if self._options.zone() is None else ("last_local_call_time",)
        lead = self._leads.one(lead_id, frozenset({"status", *times, *OF_LIST, *holding}))
        if lead is not None:
            _same(lead_id, lead.fields, holding)
            self._not_in_call(lead)
            self._update(lead_id, {**_OUT, "status": self._options.opt_out_status}, "LEAD HAS BEEN UPDATED")
            if list_id := list_of(lead.fields):
                custom = {"delete_cf_data": "Y", "force_entry_list_id": list_id}
                self._update(lead_id, custom, "CUSTOM FIELDS DATA HAS BEEN DELETED")
        elif self._is_hidden(lead_id):
            self._found_by_search(lead_id, holding)
        self._delete(lead_id)
        self._delete_archived(lead_id, holding)

    def left_by_hand(self, lead_ids: Sequence[str]) -> list[str]:
        """See `protocol.Erases`."""
        if not lead_ids:
            return []
        ids = sorted(lead_ids, key=int)
        which = f"lead{'s' if len(ids) > 1 else ''} {', '.join(ids)}"
        recordings = (
            f"VICIdial, recordings of {which}: admin_modify_lead.php?gdpr_action=purge&lead_id={ids[0]} (and so on) "
            "empties their entries and queues the files for deletion, also of a lead that is gone (System Settings › "
            "Enable GDPR-compliant Data Download Deletion; the user: Export GDPR-Compliant Leads 2); copies elsewhere "
            "are to be deleted there"
        )
        logs = (
            f"VICIdial, call, agent and carrier logs of {which} and their archives, some with the number: in the "
            "database, by lead_id"
        )
        tables = (
            "VICIdial, archived callbacks (vicidial_callbacks_archive, with comments) and further numbers "
            f"(vicidial_list_alt_phones) of {which}: in the database, by lead_id; if there is an archive of leads "
            "(vicidial_list_archive) that cannot be read, there, too"
        )
        requests = (
            "VICIdial, vicidial_api_log and vicidial_url_log keep requests with names and numbers: the cron job that "
            "archives logs deletes old ones"
        )
        return [recordings, logs, tables, requests]

    def _not_in_call(self, lead: records.Record) -> None:
        """Raise RetryLater while somebody talks to the person: the call's end would be lost, and write to the lead."""
        if "live" not in self._flags.of_lead(lead.fields["status"] or "").split():
            return
        called_at = lead.fields.get("last_local_call_time")
        if called_at and datetime.now(UTC) - records.instant(called_at) > _CALL_AT_MOST:
            return
        raise errors.RetryLater(f"lead {lead.id} is in a call", after_seconds=60.0)

    def _is_hidden(self, lead_id: str) -> bool:
        """Whether a lead that nobody is shown is there all the same: its list is gone."""
        lines = self._api.write("update_lead", {"lead_id": lead_id, "no_update": "Y"})
        return any("LEADS FOUND IN THE SYSTEM" in line.message for line in lines)

    def _found_by_search(self, lead_id: str, holding: Mapping[str, str | None]) -> None:
        """Raise Rejected unless a search by what the lead must hold finds it."""
        for name in _SEARCHED:
            if (value := holding.get(name)) and lead_id in self._leads.ids_having(name, value):
                return
        what = f"lead {lead_id} is in a list that is gone, so whose it is cannot be seen"
        raise errors.Rejected([errors.Problem(what, fix="make the list anew, or delete the lead in the database")])

    def _delete(self, lead_id: str, **more: str) -> None:
        asked = {"lead_id": lead_id, "delete_lead": "Y", "custom_fields": "Y", "remove_from_hopper": "Y", **more}
        try:
            self._update(lead_id, asked, "LEAD HAS BEEN DELETED")
        except errors.Missing:
            return

    def _delete_archived(self, lead_id: str, holding: Mapping[str, str | None]) -> None:
        """Delete its copy in the archive of leads, where the server has one (and knows the parameter)."""
        if (there := self._archived(lead_id)) is None:
            return
        _same(lead_id, there, holding)
        self._delete(lead_id, archived_lead="Y")
        if self._archived(lead_id) is not None:
            what = f"the archive of leads keeps lead {lead_id}"
            raise errors.Rejected([errors.Problem(what, fix="delete it in the database (vicidial_list_archive)")])

    def _archived(self, lead_id: str) -> Mapping[str, str] | None:
        said = lead_archive.read(self._api, lead_id)
        lead = all_info.parse(said, lead_id)
        if lead is not None:
            return lead.columns
        if not said or said.lstrip().startswith("ERROR: "):
            return None
        raise errors.RetryLater("lead_all_info gives an answer that is not understood")

    def _update(self, lead_id: str, values: Mapping[str, str], done: str) -> None:
        """Raises Missing where there is no such lead."""
        lines = self._api.write("update_lead", {"lead_id": lead_id, **values})
        if any(line.function == "update_lead" and done in line.message for line in lines):
            return
        for line in lines:
            if line.kind == "ERROR" and (error := answers.refusal(line, "update_lead", self._api.user)):
                raise error
        raise errors.Ambiguous("update_lead gives an answer that is not understood")


def _same(lead_id: str, there: records.Fields, holding: Mapping[str, str | None]) -> None:
    """Raise Rejected where a lead holds something else."""
    if other := sorted(name for name, value in holding.items() if (there.get(name) or "") != (value or "")):
        what = f"lead {lead_id} is another one by now: its {', '.join(other)} differs"
        fix = "look whether the dialer was restored (`syncd status`); it is not touched"
        raise errors.Rejected([errors.Problem(what, fix=fix)])
