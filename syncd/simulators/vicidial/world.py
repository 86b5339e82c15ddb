"""The simulated VICIdial's data: users, campaigns, lists, DNC, leads with their indexes, hopper, calls."""

import dataclasses
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import columns, rows, text
from .clock import Clock
from .floor import Floor
from .statuses import STATUSES

SYSTEM_DNC = "SYSTEM_INTERNAL"
# Where the recorded server's AUTO_INCREMENT stood; one recorded answer shows it (upsert-skips-dnc).
FIRST_LEAD_ID = 310000
# Accounts of a fresh installation that the dialer books calls on.
_STOCK_USERS: tuple[dict[str, Any], ...] = (
    {"user": "VDAD", "full_name": "Outbound Auto Dial", "user_level": 1, "user_group": "ADMIN"},
    {"user": "VDCL", "full_name": "Inbound No Agent", "user_level": 1, "user_group": "ADMIN"},
)


class _Index:
    """Lead ids by a column's text, as MariaDB compares it: without regard to case or trailing spaces."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: dict[str, list[int]] = {}

    def add(self, value: str, lead_id: int) -> None:
        if value:
            self._ids.setdefault(fold(value), []).append(lead_id)

    def discard(self, value: str, lead_id: int) -> None:
        ids = self._ids.get(fold(value))
        if ids is not None and lead_id in ids:
            ids.remove(lead_id)
            if not ids:
                del self._ids[fold(value)]

    def find(self, value: str) -> list[int]:
        return self._ids.get(fold(value), [])


def fold(value: str) -> str:
    """What MariaDB's default collations compare (accents apart)."""
    return value.rstrip(" ").lower()


def _users(state: Mapping[str, Any], now: int) -> dict[str, rows.User]:
    """Accounts in use, by name: with no earlier login, stock code locks ten failures later than it says."""
    found = {}
    for row in (*_STOCK_USERS, *state.get("users", ())):
        given = {"last_login_epoch": now, **row}
        given["password"] = given.pop("pass", "")
        user = rows.read(rows.User, given)
        found[user.user] = user
    return found


class World:
    """All data of one simulated server. Hold `lock` while reading or changing it from another thread."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.lock = threading.RLock()
        system = state.get("system", {})
        self.use_non_latin = bool(system.get("use_non_latin", 0))
        self.custom_fields_enabled = bool(system.get("custom_fields_enabled", 1))
        self.custom_fields_at_add = bool(system.get("custom_fields_at_add", 0))
        self.raise_on_sql_errors = bool(system.get("raise_on_sql_errors", 0))
        self.version: str = system.get("version", "2.14-194")
        self.build: str = system.get("build", "241004-1518")
        self.clock = Clock(str(system.get("local_gmt", "-5.00")))
        self.filters = text.tables(use_non_latin=self.use_non_latin)
        self.storage = columns.Storage(self.use_non_latin, system.get("charset", "utf8mb4"))
        self.phone_codes: dict[str, str] = dict(state.get("phone_codes", {}))
        self.users = _users(state, self.clock.epoch())
        self.user_groups = {row["user_group"]: rows.read(rows.UserGroup, row) for row in state.get("user_groups", ())}
        self.campaigns = {row["campaign_id"]: rows.read(rows.Campaign, row) for row in state.get("campaigns", ())}
        self.in_groups = {row["group_id"]: rows.read(rows.InGroup, row) for row in state.get("in_groups", ())}
        self.lists = {row["list_id"]: rows.read(rows.LeadList, row) for row in state.get("lists", ())}
        self.custom_columns = _custom_columns(state)
        self.custom_values: dict[str, dict[int, dict[str, str | None]]] = {name: {} for name in self.custom_columns}
        self.dnc: dict[str, set[str]] = {SYSTEM_DNC: set(state.get("dnc", ()))}
        self.dnc.update((name, set(numbers)) for name, numbers in state.get("campaign_dnc", {}).items())
        self.leads: dict[int, rows.Lead] = {}
        # vicidial_list_archive, which a fresh installation does not have: whoever wants it makes it.
        self.has_lead_archive = bool(system.get("lead_archive", 0))
        self.archived_leads: dict[int, rows.Lead] = {}
        self._by_column = {"phone_number": _Index(), "alt_phone": _Index(), "vendor_lead_code": _Index()}
        self.next_lead_id = int(system.get("next_lead_id", FIRST_LEAD_ID))
        # Leads inserted by the API: what the control door waits for and counts.
        self.api_adds = 0
        for row in state.get("leads_for_calls_json", state.get("leads", ())):
            self._insert(rows.read_lead(row))
        self.alt_phones: dict[int, list[tuple[str, str, str]]] = {}
        self.hopper: dict[int, rows.HopperEntry] = {}
        self._hopper_by_lead: dict[int, int] = {}
        self.next_hopper_id = 1
        self.callbacks: dict[int, list[rows.Callback]] = {}
        self.archived_callbacks: dict[int, list[rows.Callback]] = {}
        self.floor = Floor(state)
        self.calls: dict[str, list[rows.Call]] = {}
        self._calls_by_phone: dict[str, list[rows.Call]] = {}
        self._calls_by_uniqueid: dict[str, list[rows.Call]] = {}
        # vicidial_log_archive and vicidial_closer_log_archive: copies of calls as they were when first seen there.
        self.archived: list[rows.Call] = []
        self.statuses = {*STATUSES, *state.get("own_statuses", ())}
        self._next_closecallid = 1
        self._next_call_number = 1
        self._next_agent_log_id = 1
        for row in state.get("outbound_calls", ()):
            self.add_call(rows.read(rows.Call, row))
        for row in state.get("inbound_calls", ()):
            self.add_call(rows.read(rows.Call, {**row, "closecallid": self.take_closecallid()}))
        self.recordings: list[rows.Recording] = []
        for row in state.get("recordings", ()):
            given = dict(row)
            given["vicidial_id"] = given.pop("uniqueid")
            self.recordings.append(rows.read(rows.Recording, given))

    @property
    def custom_fields(self) -> dict[str, list[str]]:
        """List → labels of its custom fields."""
        return {list_id: list(fields) for list_id, fields in self.custom_columns.items()}

    # leads

    def _insert(self, lead: rows.Lead) -> None:
        self.leads[lead.lead_id] = lead
        self.next_lead_id = max(self.next_lead_id, lead.lead_id + 1)
        for name, index in self._by_column.items():
            index.add(getattr(lead, name), lead.lead_id)

    def insert_lead(self, columns: Mapping[str, str]) -> rows.Lead:
        """Insert a lead of stored column values and return it."""
        now = self.clock.text()
        lead = rows.Lead(self.next_lead_id, entry_date=now, modify_date=now, **columns)
        self._insert(lead)
        return lead

    def change_lead(self, lead: rows.Lead, columns: Mapping[str, str]) -> bool:
        """Store column values; return whether any differed (MariaDB's affected rows)."""
        changed = False
        for name, value in columns.items():
            old = getattr(lead, name)
            if old == value:
                continue
            changed = True
            index = self._by_column.get(name)
            if index is not None:
                index.discard(old, lead.lead_id)
                index.add(value, lead.lead_id)
            setattr(lead, name, value)
        if changed:
            lead.modify_date = self.clock.text()
        return changed

    def archive_lead(self, lead: rows.Lead) -> None:
        """Move a lead to the archive, which is made if it is not there."""
        self.has_lead_archive = True
        self.archived_leads[lead.lead_id] = lead
        self.delete_lead(lead)

    def delete_lead(self, lead: rows.Lead) -> None:
        """Delete a lead, or one of the archive; its hopper entry and calls stay, as on a real server."""
        if self.leads.get(lead.lead_id) is not lead:
            del self.archived_leads[lead.lead_id]
            return
        del self.leads[lead.lead_id]
        for name, index in self._by_column.items():
            index.discard(getattr(lead, name), lead.lead_id)

    def leads_where(self, column: str, value: str) -> list[rows.Lead]:
        """Leads with a value of an indexed column (phone_number, alt_phone, vendor_lead_code), oldest first."""
        return [self.leads[lead_id] for lead_id in self._by_column[column].find(value)]

    def campaign_of_list(self, list_id: str) -> str:
        """The campaign a list belongs to; empty for a list that is not defined."""
        found = self.lists.get(list_id)
        return found.campaign_id if found else ""

    def lists_of_campaign(self, campaign_id: str) -> set[str]:
        """Ids of a campaign's lists."""
        return {found.list_id for found in self.lists.values() if found.campaign_id == campaign_id}

    # do-not-call

    def in_dnc(self, phone_number: str, list_name: str, *, areacode: bool) -> bool:
        """Whether a number, or with `areacode` its area-code entry, is on a DNC list (a campaign's or SYSTEM_DNC)."""
        numbers = self.dnc.get(list_name, ())
        return phone_number in numbers or (areacode and phone_number[:3] + "XXXXXXX" in numbers)

    # hopper

    def add_to_hopper(self, lead: rows.Lead, *, campaign_id: str, list_id: str, priority: int, gmt_offset: str) -> int:
        """Insert a hopper entry and return its id."""
        entry = rows.HopperEntry(
            self.next_hopper_id, lead.lead_id, campaign_id, list_id, gmt_offset, lead.state, priority,
            lead.vendor_lead_code,
        )  # fmt: skip
        self.next_hopper_id += 1
        self.hopper[entry.hopper_id] = entry
        self._hopper_by_lead[lead.lead_id] = entry.hopper_id
        return entry.hopper_id

    def hopper_entry(self, lead_id: int) -> rows.HopperEntry | None:
        """A lead's hopper entry."""
        hopper_id = self._hopper_by_lead.get(lead_id)
        return None if hopper_id is None else self.hopper[hopper_id]

    def remove_from_hopper(self, lead_id: int) -> None:
        """Take a lead out of the hopper; one that is not in it is left as it is."""
        hopper_id = self._hopper_by_lead.pop(lead_id, None)
        if hopper_id is not None:
            del self.hopper[hopper_id]

    # calls

    def take_closecallid(self) -> int:
        """The next key of vicidial_closer_log."""
        taken = self._next_closecallid
        self._next_closecallid += 1
        return taken

    def take_call_number(self) -> int:
        """What makes the uniqueids of calls of one second differ."""
        taken = self._next_call_number
        self._next_call_number += 1
        return taken

    def take_agent_log_id(self) -> int:
        """The next key of vicidial_agent_log."""
        taken = self._next_agent_log_id
        self._next_agent_log_id += 1
        return taken

    def add_call(self, call: rows.Call) -> None:
        """Book a call."""
        self.calls.setdefault(call.call_date[:13], []).append(call)
        self._calls_by_phone.setdefault(call.phone_number, []).append(call)
        self._calls_by_uniqueid.setdefault(call.uniqueid, []).append(call)

    def calls_between(self, first: str, last: str) -> Iterator[rows.Call]:
        """Calls with first ≤ call_date ≤ last (texts `YYYY-MM-DD HH:MM:SS`), in order of their time."""
        for hour in sorted(hour for hour in self.calls if first[:13] <= hour <= last[:13]):
            for call in sorted(self.calls[hour], key=lambda call: call.call_date):
                if first <= call.call_date <= last:
                    yield call

    def all_calls(self) -> Iterator[rows.Call]:
        """Every call, in order of its hour."""
        for hour in sorted(self.calls):
            yield from self.calls[hour]

    def calls_of_phone(self, phone_number: str) -> list[rows.Call]:
        """Calls to or from a number."""
        return self._calls_by_phone.get(phone_number, [])

    def calls_of_uniqueid(self, uniqueid: str) -> list[rows.Call]:
        """Calls with this uniqueid: a transferred call has a row in both logs."""
        return self._calls_by_uniqueid.get(uniqueid, [])

    def archive_calls(self, before: str) -> int:
        """Copy each call that is not there yet into the archive, then take away those that began before a time; return
        how many. So the archive also has calls that are still there, and keeps what they were like."""
        there = {_call_key(call) for call in self.archived}
        every = list(self.all_calls())
        self.archived += [dataclasses.replace(call) for call in every if _call_key(call) not in there]
        old = [call for call in every if call.call_date < before]
        for call in old:
            for index, key in (
                (self.calls, call.call_date[:13]),
                (self._calls_by_phone, call.phone_number),
                (self._calls_by_uniqueid, call.uniqueid),
            ):
                index[key].remove(call)
        return len(old)

    # callbacks

    def archive_callbacks(self, lead_id: int) -> int:
        """Move a lead's callbacks to the archive and return how many there were."""
        moved = self.callbacks.pop(lead_id, [])
        self.archived_callbacks.setdefault(lead_id, []).extend(moved)
        return len(moved)


def _call_key(call: rows.Call) -> tuple[bool, str]:
    """The primary key of the call's table."""
    return bool(call.closecallid), str(call.closecallid) if call.closecallid else call.uniqueid


def _custom_columns(state: Mapping[str, Any]) -> dict[str, dict[str, columns.Custom]]:
    """List → its custom fields. The state has each as its label, with its column's type where that is not TEXT:
    "crm_stage VARCHAR(20)"."""
    found: dict[str, dict[str, columns.Custom]] = {}
    for list_id, fields in state.get("custom_fields", {}).items():
        split = (one.partition(" ") for one in fields)
        found[list_id] = {label: columns.Custom.of(declared) for label, _, declared in split}
    return found


def load_state(source: Mapping[str, Any] | Path | None) -> Mapping[str, Any]:
    """Given a state, a file of one, or None for the built-in one, return the state.

    Raise ValueError, with the file's name, if the file is not a JSON object, and OSError if it cannot be read.
    """
    if isinstance(source, Mapping):
        return source
    path = source or Path(__file__).with_name("default_state.json")
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(state, dict):
        raise ValueError(f"{path}: a JSON object is expected, as in the built-in default_state.json")
    return state
