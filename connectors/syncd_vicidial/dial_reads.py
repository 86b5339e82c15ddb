"""Reads what the non-agent API tells of dialling: a list, a campaign, its hopper and agents, calling hours.

Source: non_agent_api.php, trunk 3884, and recordings (list-info, campaigns-list, hopper-list, logged-in-agents,
check-phone, phone-log-*). `hopper_list` prints the entries that are READY, ten thousand at most, in the order in which
they are dialled; `search_method=BLOCK` makes it one statement instead of one for each entry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from syncd.sdk import errors
from syncd_vicidial import answers
from syncd_vicidial.api import Api

_FROM_THE_END = 5  # where dial_statuses stands in a row of campaigns_list: names before it may hold the separator
_CAMPAIGN_COLUMNS = 12
MOST_LISTED = 10_000  # entries of the hopper that hopper_list prints
_HOURS = re.compile(r"AREACODE: ([01])\|(-?[\d.]*)#")
_WALL = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_LIST_COLUMNS = ("campaign_id", "active", "list_changedate", "list_lastcalldate", "expiration_date", "resets_today")


@dataclass(frozen=True, slots=True)
class ListRow:
    """A list; `expires` is a date, its last day, or blank."""

    campaign: str
    active: bool
    expires: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign. `statuses`: which ones it dials."""

    active: bool
    method: str
    level: str
    statuses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Agents:
    """How many agents of a campaign are logged in, and how many of them wait for a call."""

    there: int
    ready: int


class Reads:
    """Each raises AuthFailed where the user may not, RetryLater where the answer cannot be understood."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def list_row(self, list_id: str) -> ListRow | None:
        """A list; None if there is none that the user may see."""
        text = self._read("list_info", {"list_id": list_id})
        header, _, body = text.partition("\n")
        names = header.split("|")
        if names[0] != "list_id":
            if "LIST DOES NOT EXIST" in text:
                return None
            raise self._refused("list_info", text)
        parts = body.rstrip("\r\n").removesuffix("|").split("|")
        if len(parts) < len(names):
            raise _not_understood("list_info")
        # the name comes second and may hold the separator
        row = dict(zip(_LIST_COLUMNS, parts[-len(_LIST_COLUMNS) :], strict=True))
        return ListRow(row["campaign_id"], row["active"] == "Y", row["expiration_date"].replace("0000-00-00", ""))

    def campaign(self, campaign_id: str) -> Campaign | None:
        """A campaign; None if there is none that the user may see."""
        text = self._read("campaigns_list", {"campaign_id": campaign_id})
        if not text.startswith("campaign_id|"):
            if "NO VIEWABLE CAMPAIGNS" in text:
                return None
            raise self._refused("campaigns_list", text)
        for row in text.split("\n")[1:]:
            parts = row.rstrip("\r").split("|")
            if len(parts) >= _CAMPAIGN_COLUMNS and parts[0].casefold() == campaign_id.casefold():
                end = len(parts) - _FROM_THE_END
                return Campaign(
                    active=_active(parts),
                    method=parts[end - 3],
                    level=parts[end - 2],
                    statuses=frozenset(parts[end].split()) - {"-"},
                )
        return None

    def hopper(self, campaign_id: str) -> dict[str, int]:
        """Lead → its place among those that are ready to be dialled, 1 being next; the first ten thousand."""
        text = self._read("hopper_list", {"campaign_id": campaign_id, "search_method": "BLOCK"})
        if not text.startswith("hopper_order|"):
            if "NO LEADS IN THE HOPPER" in text:
                return {}
            raise self._refused("hopper_list", text)
        rows = [row.split("|") for row in text.split("\n")[1:] if row.strip()]
        if not text.endswith("\n") or any(len(row) < 4 for row in rows):
            raise _not_understood("hopper_list")
        return {row[2]: place for place, row in enumerate(rows, 1)}

    def agents(self, campaign_id: str) -> Agents:
        """The agents of a campaign."""
        text = self._read("logged_in_agents", {"campaigns": campaign_id})
        if not text.startswith("user|campaign_id|"):
            if "NO LOGGED IN AGENTS" in text:
                return Agents(0, 0)
            raise self._refused("logged_in_agents", text)
        rows = [row.split("|") for row in text.split("\n")[1:] if row.strip()]
        found = [row for row in rows if len(row) > 4 and row[1].casefold() == campaign_id.casefold()]
        # one who is ready with a lead is still writing up its call
        ready = sum(row[3] == "CLOSER" or (row[3] == "READY" and row[4] in ("", "0")) for row in found)
        return Agents(len(found), ready)

    def within(self, call_time: str, columns: Mapping[str, str]) -> tuple[bool, str]:
        """Whether a lead's number may be called now by a Call Time, and the offset that its area code gives."""
        asked = {name: columns.get(name, "") for name in ("phone_number", "phone_code", "state")}
        text = self._api.read("check_phone_number", {**asked, "local_call_time": call_time})
        found = _HOURS.match(text)
        if found is None:
            raise self._refused("check_phone_number", text)
        return found[1] == "1", found[2]

    def called_at(self, phone: str) -> list[str]:
        """When calls to or from a number began, on the server's wall clock, oldest first."""
        text = self._read("phone_number_log", {"phone_number": phone, "type": "ALL"})
        if not text.startswith("phone_number|call_date|"):
            if "NO RECORDS FOUND" in text:
                return []
            raise self._refused("phone_number_log", text)
        found = [row.split("|")[1:2] for row in text.split("\n")[1:] if row.strip()]
        return sorted({one[0] for one in found if one and _WALL.fullmatch(one[0])})

    def _read(self, function: str, parameters: Mapping[str, str]) -> str:
        return self._api.read(function, {**parameters, "header": "YES", "stage": "pipe"})

    def _refused(self, function: str, text: str) -> errors.SyncdError:
        lines = answers.parse(text[:2000])
        refused = answers.refusal(lines[0], function, self._api.user) if lines else None
        return refused or _not_understood(function)


def _active(parts: list[str]) -> bool:
    """Whether the row of a campaign says that it is active. Its name may hold the separator, its group may not."""
    return parts[len(parts) - _FROM_THE_END - 5] == "Y"


def _not_understood(function: str) -> errors.RetryLater:
    return errors.RetryLater(f"{function} gives an answer that is not understood")
