"""Asks whether the server has a function and the user may call it, by requests that can change nothing.

Every stock function looks at the user's rights before it looks at what it is asked for (non_agent_api.php, trunk 3884),
so each is asked for something that is not there: no lead has the id 0. What the functions of the copied guide do is not
known; asked like this, they have nothing to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from syncd.sdk import errors
from syncd_vicidial import answers, permissions
from syncd_vicidial.api import Api
from syncd_vicidial.options import Options

State = Literal["may", "may_not", "not_allowed", "absent", "unknown"]
"""May be called; the user lacks a right; not among the user's API Allowed Functions; there is no such function; the
server did not say (never remembered)."""

_WALL = "%Y-%m-%d %H:%M:%S"
AGENT_LOGIN = "agent_login"
# Of the guide: whatever these say of themselves, they are there unless VICIdial says that there is no such function.
ADDITIONS: Mapping[str, Mapping[str, str]] = {
    "get_call_log": {"header": "YES", "stage": "pipe"},
    "dnc_check": {"phone_number": ""},
    "lead_field_update": {"lead_id": "0", "custom_field_label": "", "custom_field_value": ""},
    "get_recording": {"lead_id": "0"},
    "campaign_call_stats": {"campaign_id": "", "header": "YES", "stage": "pipe"},
    AGENT_LOGIN: {"agent_user": "", "phone_login": "", "phone_pass": "", "campaign": ""},
}
STOCK: Mapping[str, Mapping[str, str]] = {
    "add_lead": {"phone_number": "", "list_id": "999"},
    "update_lead": {"lead_id": "0", "no_update": "Y"},
    "batch_update_lead": {"lead_ids": ""},
    "lead_search": {"phone_number": "0000000000"},
    "lead_all_info": {"lead_id": "0"},
    "lead_field_info": {"lead_id": "0", "field_name": "status"},
    "lead_callback_info": {"lead_id": "0"},
    "check_phone_number": {"phone_number": "", "local_call_time": "24hours"},
    "campaigns_list": {"header": "YES"},
    "list_custom_fields": {"list_id": ""},
    "user_details": {"agent_user": ""},
    "recording_lookup": {"lead_id": "0"},
    "phone_number_log": {"phone_number": ""},
    "in_group_status": {"in_groups": ""},
    "user_group_status": {"user_groups": ""},
    "logged_in_agents": {"header": "YES"},
    "hopper_list": {"campaign_id": ""},
    "call_status_stats": {"campaigns": "NONE", "query_date": "2000-01-01"},
    "call_dispo_report": {"campaigns": "NONE", "query_date": "2000-01-01"},
    "add_dnc_phone": {"phone_number": "", "campaign_id": ""},
    "delete_dnc_phone": {"phone_number": "", "campaign_id": ""},
    "update_alt_url": {"campaign_id": ""},
    "agent_campaigns": {"agent_user": ""},
}
# How an answer begins that is a table instead of a line with a marker.
_BEGINS: Mapping[str, re.Pattern[str]] = {
    "get_call_log": re.compile(r"[^\n]*\buniqueid\b"),
    "get_recording": re.compile(r"start_time[|,]user[|,]"),
    "campaign_call_stats": re.compile(r"[a-z_]+(?:\|[a-z_]+)+\r?\n"),
    "lead_callback_info": re.compile(r"lead_id\|callback_type\|"),
    "campaigns_list": re.compile(r"campaign_id\|campaign_name\|"),
    "list_custom_fields": re.compile(r"list_id\|list_name\|"),
    "recording_lookup": re.compile(r"start_time[|,]user[|,]"),
    "phone_number_log": re.compile(r"(?:phone_number[|,]call_date|\d+\|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\|)"),
    "in_group_status": re.compile(r"ingroups\|total_calls\|"),
    "user_group_status": re.compile(r"usergroups\|calls_waiting\|"),
    "logged_in_agents": re.compile(r"user\|campaign_id\|"),
    "hopper_list": re.compile(r"hopper_order\|"),
    "call_status_stats": re.compile(r"[^\n|]*\|\d+\|\d+\|\d\d-\d+,"),
    "call_dispo_report": re.compile(r"CAMPAIGN,TOTAL CALLS"),
}
_REFUSALS: tuple[tuple[str, State], ...] = (
    ("NO FUNCTION SPECIFIED", "absent"),
    ("DOES NOT HAVE PERMISSION TO USE THIS FUNCTION", "not_allowed"),
    ("DOES NOT HAVE PERMISSION", "may_not"),
)
_NO_CALLS = re.compile(r"There are no (?:outbound |inbound )?calls")
_EXPORT_REFUSALS = (
    ("You are not allowed to view reports", permissions.REPORTS),
    ("You do not have permissions for export reports", "export_reports"),
    ("You are not allowed to view this report", "allowed_reports"),
)


@dataclass(frozen=True, slots=True)
class Told:
    """What the server says of a function. `lacks`: the setting that is missing, where it says which."""

    state: State
    lacks: str = ""


def ask(api: Api, options: Options, function: str) -> Told:
    """Ask about one function. Raises LoginRefused, RetryLater, and AuthFailed for what has nothing to do with it."""
    if options.name_of(function) is None:
        return Told("absent")
    if function == permissions.EXPORT:
        return _export(api.export(_NO_EXPORT)[:400].decode("utf-8", "replace"))
    try:
        text = api.probe(function, _parameters(function, options), agent=function == AGENT_LOGIN)
    except errors.LoginRefused:
        raise
    except errors.AuthFailed:
        if function != AGENT_LOGIN:
            raise
        return Told("may_not", permissions.API)
    if not text.strip() and function == AGENT_LOGIN:
        return Told("absent")  # how the Agent API answers an unknown function
    begins = _BEGINS.get(function)
    if begins is not None and begins.match(text):
        return Told("may")
    lines = answers.parse(text)
    for line in lines:
        for said, state in _REFUSALS:
            if said in line.message:
                return Told(state)
    own = [line for line in lines if line.function == options.name_of(function) or function in ADDITIONS]
    if own and "Invalid Source" not in own[0].message:
        return Told("may")
    asked = options.name_of(function) or function
    refused = answers.refusal(lines[0], asked, api.user) if lines else None
    raise refused or errors.RetryLater(f"the server does not say whether it has {asked}")


def _parameters(function: str, options: Options) -> Mapping[str, str]:
    if function == "get_call_log":
        now = datetime.now(options.zone()).strftime(_WALL)
        return {"start_date": now, "end_date": now, **ADDITIONS[function]}
    return {**STOCK, **ADDITIONS}[function]


# An hour long ago, of no campaign.
_NO_EXPORT = (
    ("run_export", "1"), ("header_row", "YES"), ("date_field", "call_date"), ("rec_fields", "NONE"),
    ("query_date", "2000-01-01"), ("query_hour", "00"), ("end_date", "2000-01-01"), ("end_hour", "00"),
)  # fmt: skip


def _export(text: str) -> Told:
    for said, setting in _EXPORT_REFUSALS:
        if text.startswith(said):
            return Told("may_not", setting)
    if _NO_CALLS.match(text) or text.startswith("call_date\t"):
        return Told("may")
    raise errors.RetryLater("the call export gives an answer that is not understood; check the option export_path")
