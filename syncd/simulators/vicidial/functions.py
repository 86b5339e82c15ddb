"""The Non-Agent API's functions, and what each demands of the user."""

import dataclasses
from collections.abc import Callable

from . import accounts, dnc, leads, lists, lookups, reports, search, update
from .request import Request


@dataclasses.dataclass(frozen=True, slots=True)
class Function:
    """One API function and what it demands of the user.

    `denied`: what the user may not do, as the refusal says it. `above_level`: user_level must be greater. `needs`:
    columns of vicidial_users that must be 1. `modify_leads`: the highest allowed value of that column, which must be 1
    at least; 0 demands nothing. `count`: what stands behind the user's name in the refusal. `called`: the function's
    name there, where it is not its own.
    """

    run: Callable[[Request], None]
    denied: str
    above_level: int = 7
    needs: tuple[str, ...] = ("vdc_agent_api_access",)
    modify_leads: int = 0
    count: str = "0|"
    called: str = ""
    changes: bool = False
    needs_source: bool = True


_API = ("vdc_agent_api_access",)
_REPORTS = ("vdc_agent_api_access", "view_reports")
_LISTS = ("vdc_agent_api_access", "modify_lists")
_DELETE_DNC = ("modify_lists", "delete_from_dnc")
_UPDATE = "UPDATE LEADS IN THE SYSTEM"
_STATS = "call_status_stats"

STOCK: dict[str, Function] = {
    "add_lead": Function(leads.add_lead, "ADD LEADS TO THE SYSTEM", modify_leads=4, changes=True),
    "update_lead": Function(update.update_lead, _UPDATE, modify_leads=4, changes=True),
    "batch_update_lead": Function(update.batch_update_lead, _UPDATE, modify_leads=4, changes=True),
    "lead_search": Function(search.lead_search, "SEARCH FOR LEADS", modify_leads=5),
    "lead_field_info": Function(lookups.lead_field_info, "GET LEAD INFO", 6, modify_leads=4),
    "lead_all_info": Function(lookups.lead_all_info, "GET LEAD INFO", 6, _REPORTS, modify_leads=5),
    "lead_callback_info": Function(lookups.lead_callback_info, "GET LEAD INFO", 6, _REPORTS),
    "lead_status_search": Function(lookups.lead_status_search, "GET LEAD INFO", 6, modify_leads=4),
    "check_phone_number": Function(lookups.check_phone_number, "CHECK PHONE NUMBERS", count="|"),
    "add_dnc_phone": Function(dnc.add_dnc_phone, "ADD DNC NUMBERS", needs=("modify_lists",), count="0", changes=True),
    "delete_dnc_phone": Function(
        dnc.delete_dnc_phone, "DELETE DNC NUMBERS", needs=_DELETE_DNC, count="0", changes=True
    ),
    "list_info": Function(lists.list_info, "MODIFY LISTS", needs=_LISTS, count="0"),
    "list_custom_fields": Function(lists.list_custom_fields, "MODIFY LISTS", needs=_LISTS, count="0"),
    "update_alt_url": Function(
        lists.update_alt_url, "UPDATE CAMPAIGNS", needs=(*_API, "modify_campaigns"), count="0", changes=True
    ),
    "user_details": Function(accounts.user_details, "GET USER DETAILS", 6, _REPORTS),
    "agent_campaigns": Function(accounts.agent_campaigns, "GET AGENT INFO", needs=(*_REPORTS, "modify_users")),
    "ingroup_list": Function(lists.ingroup_list, "VIEW INBOUND GROUPS LIST", 6, needs=(), needs_source=False),
    "campaigns_list": Function(lists.campaigns_list, "GET CAMPAIGN INFO", needs=_REPORTS),
    "hopper_list": Function(lists.hopper_list, "GET CAMPAIGN INFO", needs=_REPORTS),
    "logged_in_agents": Function(lists.logged_in_agents, "GET AGENT INFO", 6, _REPORTS),
    "phone_number_log": Function(reports.phone_number_log, "GET CALL LOG INFO", 6, _REPORTS),
    "recording_lookup": Function(reports.recording_lookup, "GET RECORDING INFO", 6, _REPORTS),
    "callid_info": Function(reports.callid_info, "GET CALL INFO", 6, _REPORTS),
    "update_log_entry": Function(reports.update_log_entry, "UPDATE LOGS", modify_leads=4, changes=True),
    "call_status_stats": Function(
        reports.call_status_stats, "VIEW STATS", 8, ("view_reports",), called=_STATS, needs_source=False
    ),
    "call_dispo_report": Function(
        reports.call_dispo_report, "VIEW STATS", 8, ("view_reports",), called=_STATS, needs_source=False
    ),
    "in_group_status": Function(reports.in_group_status, "GET IN-GROUP INFO", 6, _REPORTS),
    "user_group_status": Function(reports.user_group_status, "GET USER GROUP INFO", 6, _REPORTS),
    "agent_status": Function(reports.agent_status, "GET AGENT INFO", 6, _REPORTS),
    "agent_stats_export": Function(reports.agent_stats_export, "GET AGENT INFO", 6, _REPORTS),
}
