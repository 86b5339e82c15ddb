"""The demo's dialer: what the simulated VICIdial starts with, and its control door: agents, faults, the whole world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from syncd.cli.demo import door, people, scenario

API_USER = "syncdapi"
LOCAL_GMT = -5
TIME_ZONE = "Etc/GMT+5"  # the same, as IANA spells it
_ZONE = timezone(timedelta(hours=LOCAL_GMT))
_WALL = "%Y-%m-%d %H:%M:%S"


def state(password: str) -> dict[str, Any]:
    """The simulator's state file: one campaign, one in-group, two lists, do-not-call lists, agents, the API user."""
    return {
        "system": {"use_non_latin": 1, "local_gmt": f"{LOCAL_GMT:.2f}"},
        "user_groups": [
            {"user_group": "ADMIN", "allowed_campaigns": ["-ALL-CAMPAIGNS-"], "allowed_reports": "ALL REPORTS"}
        ],
        "users": [
            {"user": API_USER, "pass": password, "user_level": 8, "user_group": "ADMIN", "vdc_agent_api_access": 1,
             "modify_leads": 1, "view_reports": 1, "export_reports": 1},
            *({"user": user, "full_name": name, "user_group": "ADMIN"} for user, name in scenario.AGENTS.items()),
        ],
        "campaigns": [{"campaign_id": scenario.CAMPAIGN, "campaign_name": "Sales"}],
        "in_groups": [{"group_id": scenario.IN_GROUP, "group_name": "Hotline"}],
        "lists": [
            {"list_id": list_id, "list_name": name, "campaign_id": scenario.CAMPAIGN}
            for list_id, name in ((scenario.LIST, "Leads"), (scenario.GERMAN_LIST, "Leads in Germany"))
        ],
        "dnc": list(people.SYSTEM_DNC),
        "campaign_dnc": {scenario.CAMPAIGN: list(people.CAMPAIGN_DNC)},
        "leads": [dict(scenario.STRANGER)],
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Booked:
    """A call as the dialer has booked it. `at`: its start, UTC, whole seconds."""

    uniqueid: str
    direction: str
    at: datetime


def utc(wall: str) -> datetime:
    """The dialer's wall-clock text as UTC."""
    return datetime.strptime(wall, _WALL).replace(tzinfo=_ZONE).astimezone(UTC)


class Dialer(door.Door):
    """The control door of a running VICIdial simulator."""

    def leads(self) -> list[dict[str, Any]]:
        """All leads, oldest first."""
        found: list[dict[str, Any]] = self.ask("world", include=["leads"])["leads"]
        return sorted(found, key=lambda lead: int(lead["lead_id"]))

    def calls(self) -> list[dict[str, Any]]:
        """All calls."""
        found: list[dict[str, Any]] = self.ask("world", include=["calls"])["calls"]
        return found

    def requests(self, function: str) -> int:
        """How often a function of the API has been called."""
        return int(self.ask("requests")["functions"].get(function, 0))

    def call(self, lead_id: int, call: scenario.Call) -> Booked:
        """An agent, or the dialer alone, calls a lead."""
        at = utc(self.ask("clock")["now"]) - timedelta(seconds=call.seconds_ago)
        booked = self.ask(
            "call",
            lead_id=lead_id,
            user=call.agent,
            status=call.status,
            in_group=call.in_group,
            call_date=at.astimezone(_ZONE).strftime(_WALL),
            length_in_sec=call.length,
            agent_log_rows=call.rows,
        )
        return Booked(booked["uniqueid"], "in" if call.in_group else "out", at)

    def correct(self, uniqueid: str, status: str) -> None:
        """An agent ends a running call, or a manager changes a call's disposition."""
        self.ask("redispo", uniqueid=uniqueid, status=status)

    def edit(self, lead_id: int, fields: Mapping[str, str]) -> None:
        """An agent changes a lead."""
        self.ask("edit", lead_id=lead_id, fields=dict(fields))
