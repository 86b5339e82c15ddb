"""What a VICIdial user needs for each function that syncd calls (non_agent_api.php, trunk 3884)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

EXPORT = "call_report_export.php"
API, LEADS, REPORTS, LISTS = "vdc_agent_api_access", "modify_leads", "view_reports", "modify_lists"

# Column of vicidial_users → what the page Users › Modify calls it.
WORDS: Mapping[str, str] = {
    "user_level": "User Level",
    API: "Agent API Access",
    LEADS: "Modify Leads",
    REPORTS: "View Reports",
    "export_reports": "Export Reports",
    LISTS: "Modify Lists",
    "delete_from_dnc": "Delete From DNC Lists",
    "modify_campaigns": "Modify Campaigns",
    "modify_users": "Modify Users",
    "api_allowed_functions": "API Allowed Functions",
    "api_list_restrict": "API List Restrict",
    "api_only_user": "API Only User",
}


@dataclass(frozen=True, slots=True)
class Needs:
    """User Level at least, settings that must be on, and the highest allowed value of modify_leads where that is one of
    them."""

    level: int
    rights: tuple[str, ...]
    most: int = 4

    def texts(self) -> tuple[str, ...]:
        """Each setting with its value, by the names of the columns."""
        values = {LEADS: f" 1 to {self.most}"}
        return f"user_level {self.level} or more", *(f"{name}{values.get(name, '')}" for name in self.rights)


NEEDED: Mapping[str, Needs] = {
    "add_lead": Needs(8, (LEADS, API)),
    "update_lead": Needs(8, (LEADS, API)),
    "batch_update_lead": Needs(8, (LEADS, API)),
    "lead_search": Needs(8, (LEADS, API), most=5),
    "lead_all_info": Needs(7, (LEADS, REPORTS, API), most=5),
    "lead_field_info": Needs(7, (LEADS, API)),
    "lead_callback_info": Needs(7, (REPORTS, API)),
    "check_phone_number": Needs(8, (API,)),
    "campaigns_list": Needs(8, (REPORTS, API)),
    "list_info": Needs(8, (LISTS, API)),
    "list_custom_fields": Needs(8, (LISTS, API)),
    "user_details": Needs(7, (REPORTS, API)),
    "recording_lookup": Needs(7, (REPORTS, API)),
    "phone_number_log": Needs(7, (REPORTS, API)),
    "in_group_status": Needs(7, (REPORTS, API)),
    "user_group_status": Needs(7, (REPORTS, API)),
    "logged_in_agents": Needs(7, (REPORTS, API)),
    "hopper_list": Needs(8, (REPORTS, API)),
    "call_status_stats": Needs(9, (REPORTS,)),
    "call_dispo_report": Needs(9, (REPORTS,)),
    "add_dnc_phone": Needs(8, (LISTS,)),
    "delete_dnc_phone": Needs(8, (LISTS, "delete_from_dnc")),
    "update_alt_url": Needs(8, ("modify_campaigns", API)),
    "agent_campaigns": Needs(8, ("modify_users", REPORTS, API)),
    EXPORT: Needs(7, (REPORTS, "export_reports")),
}
_ALSO = {EXPORT: "and the report 'Export Calls Report' among the allowed reports of the user's group"}


def needed(function: str) -> str:
    """The settings of a user who may use `function`, for a person."""
    needs = NEEDED.get(function)
    if needs is None:
        return f"{API} and what this site's {function} asks for"
    return ", ".join([*needs.texts(), *filter(None, [_ALSO.get(function)])])
