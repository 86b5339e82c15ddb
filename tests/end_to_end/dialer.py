"""The customer's VICIdial: what the simulator starts with, and its control door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import urllib3

API_USER, PASSWORD = "syncdapi", "right-Password_1"
LOCAL_GMT = -5
TIME_ZONE = "Etc/GMT+5"  # the same, as IANA spells it
CAMPAIGN, IN_GROUP = "SALES", "HOTLINE"
LIST, OTHER_LIST = "101", "102"
DNC_NUMBER, CAMPAIGN_DNC_NUMBER, DNC_AREA = "7275550666", "7275550777", "999"
STRANGER = {"lead_id": 900, "list_id": LIST, "phone_code": "1", "phone_number": "7275550199", "first_name": "Walk-in"}
_WALL = "%Y-%m-%d %H:%M:%S"


def state(**user: object) -> dict[str, Any]:
    """The simulator's state; `user` overrides columns of the API user."""
    api_user = {
        "user": API_USER,
        "pass": PASSWORD,
        "user_level": 8,
        "user_group": "ADMIN",
        "vdc_agent_api_access": 1,
        "modify_leads": 1,
        "view_reports": 1,
        "export_reports": 1,
    }
    return {
        "system": {"use_non_latin": 1, "local_gmt": f"{LOCAL_GMT:.2f}"},
        "user_groups": [
            {"user_group": "ADMIN", "allowed_campaigns": ["-ALL-CAMPAIGNS-"], "allowed_reports": "ALL REPORTS"}
        ],
        "users": [api_user | user, {"user": "1001", "full_name": "Alma Agent", "user_group": "ADMIN"}],
        "campaigns": [{"campaign_id": CAMPAIGN}],
        "in_groups": [{"group_id": IN_GROUP}],
        "lists": [{"list_id": list_id, "campaign_id": CAMPAIGN} for list_id in (LIST, OTHER_LIST)],
        "dnc": [DNC_NUMBER, f"{DNC_AREA}XXXXXXX"],
        "campaign_dnc": {CAMPAIGN: [CAMPAIGN_DNC_NUMBER]},
        "leads": [STRANGER],
    }


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was booked. `at`: its start, UTC, whole seconds."""

    uniqueid: str
    at: datetime


class Door:
    """The control door of a running simulator, over HTTP."""

    def __init__(self, url: str) -> None:
        self._url = url
        # a simulator that refuses connections for a while refuses its control door as well
        retries = urllib3.Retry(total=200, read=0, other=0, backoff_factor=0.01, backoff_max=0.02)
        self._http = urllib3.PoolManager(timeout=30, retries=retries)

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """Run one command."""
        answer = self._http.request("POST", f"{self._url}/_sim/{command}", json=arguments)
        told = answer.json()
        assert isinstance(told, dict)
        assert answer.status == 200, told
        return told

    def leads(self) -> list[dict[str, Any]]:
        """All leads."""
        found: list[dict[str, Any]] = self.ask("world", include=["leads"])["leads"]
        return found

    def lead_of(self, key: str) -> dict[str, Any]:
        """The one lead that carries this key."""
        (found,) = (lead for lead in self.leads() if lead["vendor_lead_code"] == key)
        return found

    def call(self, lead_id: int, status: str, *, seconds_ago: int, in_group: str = "", user: str = "1001") -> Call:
        """An agent has called a lead, or a lead has called in."""
        now = datetime.strptime(self.ask("clock")["now"], _WALL).replace(tzinfo=UTC)
        start = now - timedelta(seconds=seconds_ago)
        booked = self.ask(
            "call",
            lead_id=lead_id,
            user=user,
            status=status,
            in_group=in_group,
            call_date=start.strftime(_WALL),
            length_in_sec=40,
        )
        return Call(booked["uniqueid"], start - timedelta(hours=LOCAL_GMT))

    def is_idle(self) -> bool:
        """Whether no request is being served or waits to be applied late."""
        told = self.ask("requests")
        return not (told["in_flight"] or told["late_pending"])

    def requests(self, function: str) -> int:
        """How often a function of the API has been asked for."""
        return int(self.ask("requests")["functions"].get(function, 0))

    def close(self) -> None:
        """Close the connections."""
        self._http.clear()
