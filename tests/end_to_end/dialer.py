"""The customer's VICIdial: what the simulator starts with, and its control door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.end_to_end import door

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


class Door(door.Door):
    """The control door of the simulated VICIdial."""

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
