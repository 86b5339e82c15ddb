"""Why a lead is not being dialled: all that VICIdial looks at before it dials one, as far as it can be seen.

Source: AST_VDhopper.pl and non_agent_api.php, trunk 3884. Once a minute the hopper is filled with leads whose campaign
and list are active, whose status the campaign dials, who were not called since the list was last reset (or are to be
recycled), who may be called at this hour and are on no do-not-call list; the dialler takes from the hopper by priority,
for agents who wait.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from syncd.sdk import errors, records
from syncd.sdk.protocol import Circumstance
from syncd_vicidial import answers, callbacks, dial_reads, dial_tables, lead_archive, windows
from syncd_vicidial.api import Api
from syncd_vicidial.calls import Calls
from syncd_vicidial.dial_rules import BY_HAND, of_campaign, of_list, unseen
from syncd_vicidial.dnc import Dnc
from syncd_vicidial.leads import Leads
from syncd_vicidial.options import SYSTEM, Options

_T = TypeVar("_T")
_COLUMNS = frozenset({"status", "list_id", "phone_number", "phone_code", "state", "called_count", "gmt_offset_now"})
_ALWAYS = "24hours"
_UNIQUEID = re.compile(r"(?=.*\.)[A-Za-z0-9.-]{3,20}")
_IN_HOPPER = {
    "QUEUE": "it is being dialled just now",
    "INCALL": "it is being dialled just now",
}
_LEAST_SECONDS = 60


class Dialling:
    """See `protocol.ExplainsDialling`."""

    def __init__(
        self,
        api: Api,
        options: Options,
        leads: Leads,
        calls: Calls,
        tables: dial_tables.Tables | None,
    ) -> None:
        self._api = api
        self._options = options
        self._leads = leads
        self._calls = calls
        self._reads = dial_reads.Reads(api)
        self._dnc = Dnc(api, options)
        self._callbacks = callbacks.Callbacks(api, options)
        self._tables = tables

    def circumstances(self, lead_id: str) -> list[Circumstance]:
        """See `protocol.ExplainsDialling`."""
        return list(self._circumstances(lead_id))

    def leads_with(self, number: str, phone_code: str) -> list[str]:
        """The leads that have this number, oldest first. Raises AuthFailed, RetryLater."""
        found = self._leads.with_phone(number, ["phone_code"])
        ours = [one.id for one in found if one.fields["phone_code"] in ("", phone_code)]
        return sorted(ours, key=int)

    def calls_of(self, lead_id: str, most: int) -> list[records.Record]:
        """The newest calls of a lead, oldest first, by its present number: `phone_number_log` says in which hours there
        were any, and these are read as always. Raises AuthFailed, RetryLater, UserError."""
        zone = self._options.zone()
        lead = self._leads.one(lead_id, frozenset({"phone_number"}))
        phone = (lead.fields["phone_number"] or "") if lead is not None else ""
        if not phone:
            return []
        times = [datetime.fromisoformat(one) for one in self._reads.called_at(phone)[-most:]]
        found: dict[str, records.Record] = {}
        if zone is None:
            problem = errors.Problem("calls cannot be read without the server's time zone", "time_zone", "set it")
            raise errors.UserError([problem])
        for hour in dict.fromkeys(one.replace(minute=0, second=0) for one in times):
            first, last = min(windows.both(hour, zone)), max(windows.both(hour, zone))
            for page in self._calls.pull(records.Cursor(first), last + timedelta(hours=1)):
                found.update((one.id, one) for one in page.records if one.fields.get("lead_id") == lead_id)
        return sorted(found.values(), key=lambda one: one.fields.get("call_date") or "")[-most:]

    def call_beginnings(self, text: str) -> tuple[str, ...]:
        """A call is known by its uniqueid; both legs of a transferred one have it."""
        return (f"out|{text}|", f"in|{text}|") if _UNIQUEID.fullmatch(text) else ()

    # -- what decides

    def _circumstances(self, lead_id: str) -> Iterator[Circumstance]:
        lead = self._looked(lambda: self._leads.one(lead_id, _COLUMNS))
        if isinstance(lead, errors.SyncdError):
            yield unseen("lead", "the lead", lead)
            return
        if lead is None:
            yield from self._gone(lead_id)
            return
        columns = {name: value or "" for name, value in lead.fields.items()}
        list_row = self._looked(lambda: self._reads.list_row(columns["list_id"]))
        yield of_list(columns["list_id"], list_row, self._today())
        campaign_id = list_row.campaign if isinstance(list_row, dial_reads.ListRow) else ""
        if not campaign_id:
            if isinstance(list_row, dial_reads.ListRow):
                fix = f"Lists › {columns['list_id']} › Campaign"
                yield Circumstance("campaign", "prevents", "its list belongs to no campaign", fix)
            yield from self._listed(columns, "", None)
            yield from self._booked(lead_id, columns["status"])
            return
        settings = self._settings(campaign_id, columns["list_id"])
        campaign = self._looked(lambda: self._reads.campaign(campaign_id))
        yield from of_campaign(campaign_id, campaign, columns["status"])
        yield self._reset(lead_id, campaign_id, columns["status"])
        yield from self._listed(columns, campaign_id, settings)
        yield from self._hours(columns, settings)
        yield from self._booked(lead_id, columns["status"])
        yield from self._limits(columns, settings)
        if isinstance(settings, errors.SyncdError | None):
            yield self._unseen_settings(campaign_id, settings)
        yield self._hopper(lead_id, campaign_id, settings)
        if isinstance(campaign, dial_reads.Campaign) and campaign.method not in BY_HAND:
            yield self._agents(campaign_id)

    def _looked(self, look: Callable[[], _T]) -> _T | errors.SyncdError:
        """What `look` says, or why it cannot be seen. Raises LoginRefused: that is not tried again."""
        try:
            return look()
        except errors.LoginRefused:
            raise
        except errors.SyncdError as error:
            return error

    def _today(self) -> str:
        """The server's date; "" where it does not tell."""
        told = self._looked(lambda: answers.version(self._api.version()))
        return "" if isinstance(told, errors.SyncdError) else told.get("DATE", "")[:10]

    def _gone(self, lead_id: str) -> Iterator[Circumstance]:
        """Where a lead is that is not among those that are dialled."""
        said = self._looked(lambda: lead_archive.read(self._api, lead_id))
        if isinstance(said, str) and said.strip() and not said.startswith("ERROR: "):
            fix = "bring it back (function `lead_dearchive`) if it is to be dialled"
            yield Circumstance("archived", "prevents", "the lead was moved to the archive, where nobody dials it", fix)
            return
        fix = "if it is to be dialled, `syncd held retry` makes a new one once its record is held as missing"
        yield Circumstance("gone", "prevents", "the dialer has no such lead any more, or no list for it", fix)
        if isinstance(said, errors.SyncdError):
            yield unseen("archived", "whether the lead was archived", said)

    def _settings(self, campaign_id: str, list_id: str) -> dial_tables.Settings | errors.SyncdError | None:
        tables = self._tables
        return None if tables is None else self._looked(lambda: tables.settings(campaign_id, list_id))

    def _unseen_settings(self, campaign_id: str, settings: errors.SyncdError | None) -> Circumstance:
        what = f"campaign {campaign_id}'s lead filter, limits of calls and lead recycling are not visible"
        if settings is None or self._tables is None:
            return Circumstance("settings", "unknown", what, "needs the option `database`")
        fix = self._tables.fix if isinstance(settings, errors.AuthFailed) else ""
        return Circumstance("settings", "unknown", f"{what}: {settings}", fix)

    def _reset(self, lead_id: str, campaign_id: str, status: str) -> Circumstance:
        code = "called"
        asked = {"lead_id": lead_id, "field_name": "called_since_last_reset"}
        said = self._looked(lambda: self._api.read("lead_field_info", asked, printed_first=True))
        if isinstance(said, errors.SyncdError) or not re.fullmatch(r"N|Y\d*", said):
            refused = said if isinstance(said, errors.SyncdError) else self._refused(said)
            return unseen(code, "whether it was called since its list was last reset", refused)
        if said == "N":
            return Circumstance(code, "fine", "it was not called since its list was last reset")
        told = "it was called since its list was last reset"
        tables = self._tables
        recycled = None if tables is None else self._looked(lambda: tables.recycling(campaign_id, status))
        if isinstance(recycled, dial_tables.Recycling):
            times = int(said[1:] or 0)
            if times < recycled.times:
                after = f"{recycled.after_seconds // _LEAST_SECONDS} min after its last call"
                return Circumstance(code, "delays", f"{told}; leads of status {status} are dialled again {after}")
            told += f", and recycled {times} times, which is all that campaign {campaign_id} wants"
        elif isinstance(recycled, errors.SyncdError):
            told += f"; whether leads of status {status} are recycled is not visible: {recycled}"
        fix = "reset the list, or only this lead (`update_lead` with reset_lead=Y), if it is to be dialled again"
        return Circumstance(code, "prevents", told, fix)

    def _refused(self, said: str) -> errors.SyncdError:
        lines = answers.parse(said)
        refused = answers.refusal(lines[0], "lead_field_info", self._api.user) if lines else None
        return refused or errors.RetryLater("lead_field_info gives an answer that is not understood")

    def _listed(
        self, columns: Mapping[str, str], campaign_id: str, settings: dial_tables.Settings | errors.SyncdError | None
    ) -> Iterator[Circumstance]:
        """The do-not-call lists of the system and of the campaign that dials it."""
        seen = settings if isinstance(settings, dial_tables.Settings) else None
        checks: list[tuple[str, str, dict[str, str], bool | None]] = [
            (SYSTEM, "Use Internal DNC List", {"dnc_check": "AREACODE"}, seen.system_dnc if seen else None)
        ]
        if campaign_id:
            check = {"campaign_dnc_check": "AREACODE", "campaign_id": campaign_id}
            checks.append((campaign_id, "Use Campaign DNC List", check, seen.campaign_dnc if seen else None))
        number, code = columns["phone_number"], columns["phone_code"]
        for name, setting, check, looks in checks:
            found = self._looked(lambda check=check: self._dnc.screened(number, code, check))  # type: ignore[misc]
            if isinstance(found, errors.Screened):
                said = f"its phone is on the do-not-call list {name}"
                if looks is False:
                    said += f", which campaign {campaign_id} does not look at ({setting}: N)"
                elif looks is None and campaign_id:
                    said += f", which campaign {campaign_id} looks at if it says so ({setting}; not visible)"
                fix = "it stays so until the number is taken off (`syncd dnc remove`): the person's own word is needed"
                yield Circumstance("dnc", "fine" if looks is False else "prevents", said, fix)
            elif found is not None:
                yield unseen("dnc", f"whether its phone is on the do-not-call list {name}", found)
            else:
                yield Circumstance("dnc", "fine", f"its phone is not on the do-not-call list {name}")

    def _hours(
        self, columns: Mapping[str, str], settings: dial_tables.Settings | errors.SyncdError | None
    ) -> Iterator[Circumstance]:
        call_time = settings.call_time if isinstance(settings, dial_tables.Settings) else self._options.local_call_time
        if not isinstance(settings, dial_tables.Settings) and call_time == _ALWAYS:
            fix = "needs the option `database`, or the campaign's Call Time in the option `local_call_time`"
            yield Circumstance("hours", "unknown", "the campaign's calling hours are not visible", fix)
            return
        found = self._looked(lambda: self._reads.within(call_time, columns))
        if isinstance(found, errors.SyncdError):
            yield unseen("hours", f"whether it may be called at this hour (Call Time {call_time})", found)
            return
        allowed, offset = found
        where = f"Call Time {call_time}, where its area code is" + (f" (UTC{float(offset):+g} h)" if offset else "")
        own = columns["gmt_offset_now"]
        if offset and own and float(own) != float(offset):
            where += f"; the lead itself says UTC{float(own):+g} h, which is what the hopper goes by"
        if allowed:
            yield Circumstance("hours", "fine", f"it may be called at this hour ({where})")
        else:
            yield Circumstance("hours", "delays", f"it is outside of calling hours ({where})", "wait for them")

    def _booked(self, lead_id: str, status: str) -> Iterator[Circumstance]:
        """A callback that stands: it is dialled at its time, whatever its status."""
        found = self._looked(lambda: [one for one in self._callbacks.of(lead_id) if one.is_open])
        if isinstance(found, errors.SyncdError):
            yield unseen("callback", "whether a callback is booked", found)
            return
        for one in found:
            who = f" for user {one.owner} alone" if one.owner else ""
            said = f"a callback{who} is booked for {one.time} on the server's clock ({one.status})"
            waits = status in (callbacks.HOLD, callbacks.CAME_DUE)
            yield Circumstance("callback", "delays" if waits else "fine", said)

    def _limits(
        self, columns: Mapping[str, str], settings: dial_tables.Settings | errors.SyncdError | None
    ) -> Iterator[Circumstance]:
        if not isinstance(settings, dial_tables.Settings):
            return
        count = int(columns["called_count"]) if columns["called_count"].isdigit() else 0
        if settings.most_calls and count >= settings.most_calls:
            said = f"it was called {count} times, and the campaign's Call Count Limit is {settings.most_calls}"
            yield Circumstance("call_limit", "prevents", said, "raise the limit, if it is to be called again")
        if settings.lead_filter:
            said = (
                f"the campaign has the lead filter {settings.lead_filter}; whether it takes this lead is not looked at"
            )
            yield Circumstance("lead_filter", "unknown", said, f"Filters › {settings.lead_filter}")

    def _hopper(
        self, lead_id: str, campaign_id: str, settings: dial_tables.Settings | errors.SyncdError | None
    ) -> Circumstance:
        if isinstance(settings, dial_tables.Settings) and settings.no_hopper:
            return Circumstance("hopper", "fine", f"campaign {campaign_id} dials without a hopper")
        tables = self._tables
        status = "" if tables is None else self._looked(lambda: tables.hopper_status(lead_id, campaign_id))
        if isinstance(status, str) and status and status != "READY":
            said = _IN_HOPPER.get(status, f"it is in the hopper, and kept back there ({status})")
            return Circumstance("hopper", "fine" if status in _IN_HOPPER else "delays", said)
        places = self._looked(lambda: self._reads.hopper(campaign_id))
        if isinstance(places, errors.SyncdError):
            return unseen("hopper", "whether it is in the hopper", places)
        if lead_id in places:
            said = f"it is in the hopper of campaign {campaign_id}, number {places[lead_id]} of {len(places)}"
            return Circumstance("hopper", "fine", said)
        if status == "READY" or len(places) >= dial_reads.MOST_LISTED:
            behind = f"behind the first {len(places)} leads that are ready"
            if status == "READY":
                return Circumstance("hopper", "fine", f"it is in the hopper of campaign {campaign_id}, {behind}")
            return Circumstance("hopper", "unknown", f"whether it is in the hopper {behind} is not visible")
        said = f"it is not in the hopper of campaign {campaign_id}, which has {len(places)} leads that are ready"
        return Circumstance("hopper", "delays", said, "it is filled once a minute with what nothing else keeps out")

    def _agents(self, campaign_id: str) -> Circumstance:
        found = self._looked(lambda: self._reads.agents(campaign_id))
        if isinstance(found, errors.SyncdError):
            return unseen("agents", f"whether agents of campaign {campaign_id} are at work", found)
        if not found.there:
            said = f"no agent of campaign {campaign_id} is logged in"
            return Circumstance("agents", "delays", said, "it is dialled once agents wait for calls")
        if not found.ready:
            said = f"none of the {found.there} agents of campaign {campaign_id} waits for a call"
            return Circumstance("agents", "delays", said)
        return Circumstance("agents", "fine", f"{found.ready} agents of campaign {campaign_id} wait for a call")
