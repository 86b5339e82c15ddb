"""What a VICIdial user needs for each function that syncd calls (non_agent_api.php, trunk 3884)."""

from __future__ import annotations

from collections.abc import Mapping

_API = "vdc_agent_api_access"
_NEEDED: Mapping[str, str] = {
    "add_lead": f"user_level 8 or more, modify_leads 1 to 4, {_API}",
    "update_lead": f"user_level 8 or more, modify_leads 1 to 4, {_API}",
    "lead_search": f"user_level 8 or more, modify_leads 1 to 5, {_API}",
    "lead_all_info": f"user_level 7 or more, modify_leads 1 to 5, view_reports, {_API}",
    "lead_callback_info": f"user_level 7 or more, view_reports, {_API}",
    "lead_field_info": f"user_level 7 or more, modify_leads 1 to 4, {_API}",
    "add_dnc_phone": f"user_level 8 or more, modify_lists, {_API}",
    "delete_dnc_phone": f"user_level 8 or more, modify_lists, delete_from_dnc, {_API}",
    "list_custom_fields": f"user_level 8 or more, modify_lists, {_API}",
    "check_phone_number": f"user_level 8 or more, {_API}",
    "recording_lookup": f"user_level 7 or more, view_reports, {_API}",
    "campaigns_list": f"user_level 8 or more, view_reports, {_API}",
    "logged_in_agents": f"user_level 7 or more, view_reports, {_API}",
    "in_group_status": f"user_level 7 or more, view_reports, {_API}",
    "call_status_stats": "user_level 9, view_reports",
    "call_report_export.php": "user_level 7 or more, view_reports, export_reports, and the report "
    "'Export Calls Report' among the allowed reports of the user's group",
}


def needed(function: str) -> str:
    """The settings of a user who may use `function`, for a person."""
    return _NEEDED.get(function, f"{_API} and what this site's {function} asks for")
