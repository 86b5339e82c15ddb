"""Functions of sites that follow the copied guide: no such stock functions, their answers are our assumption.

A call log of half-open time, a DNC look-up, one custom field's update, recordings, and a campaign's live numbers.
"""

from . import followups, reports, rows, text
from .functions import Function
from .request import Request
from .world import SYSTEM_DNC

_CALL_LOG = (
    "uniqueid", "lead_id", "vendor_lead_code", "phone_number", "call_date", "status", "user", "campaign_id", "list_id",
    "length_in_sec", "term_reason",
)  # fmt: skip
_STATS = (
    "campaign_id", "calls_in_queue", "agents_available", "abandon_rate", "average_speed_of_answer", "calls_today",
)  # fmt: skip
_NOBODY = frozenset({"VDAD", "VDCL"})  # users on whom calls are booked that no agent took


def get_call_log(req: Request) -> None:
    """Print the calls with start_date ≤ call_date < end_date, both logs, in order of their time."""
    start, end = (req.raw.get(name, "").replace("+", " ") for name in ("start_date", "end_date"))
    if len(start) != 19 or len(end) != 19:
        raise req.stop(f"ERROR: get_call_log INVALID SEARCH PARAMETERS: {req.user_name}|{start}|{end}")
    delimiter = req.delimiter()
    if req.has_header():
        req.echo(delimiter.join(_CALL_LOG) + "\n")
    for call in req.world.calls_between(start, end):
        lead = req.world.leads.get(call.lead_id)
        if call.call_date >= end or not _sees(req, call):
            continue
        values = (
            call.uniqueid, str(call.lead_id), lead.vendor_lead_code if lead else "", call.phone_number, call.call_date,
            call.status, call.user or "", call.campaign_id, call.list_id, str(call.length_in_sec), call.term_reason,
        )  # fmt: skip
        req.echo(delimiter.join(values) + "\n")


def _sees(req: Request, call: rows.Call) -> bool:
    return bool(call.closecallid) or req.group().allows(call.campaign_id)


def dnc_check(req: Request) -> None:
    """Say whether a number, or its area code, is on the system's or a campaign's DNC list."""
    phone, campaign_id = req.get("phone_number"), req.get("campaign_id")
    if len(phone) < 6:
        raise req.stop(f"ERROR: dnc_check INVALID PHONE NUMBER LENGTH - {phone}")
    listed = any(req.world.in_dnc(phone, name, areacode=True) for name in filter(None, (SYSTEM_DNC, campaign_id)))
    if listed:
        raise req.stop(f"ERROR: dnc_check PHONE NUMBER IN DNC - {phone}")
    req.say(f"SUCCESS: dnc_check PHONE NUMBER IS CLEAN - {phone}")


def lead_field_update(req: Request) -> None:
    """Store one field of a lead, a custom one of its list or a standard one."""
    lead_id, label = req.get("lead_id"), req.raw.get("custom_field_label", "")
    data = f"{req.user_name}|{lead_id}|{label}"
    lead = req.world.leads.get(int(lead_id or 0))
    if lead is None:
        raise req.stop(f"ERROR: lead_field_update LEAD NOT FOUND: {data}")
    if not req.may_use_list(lead.list_id):
        raise req.stop(f"ERROR: lead_field_update NOT AN ALLOWED LIST ID - {lead.list_id}")
    source = lead.entry_list_id if int(lead.entry_list_id) > 99 else lead.list_id
    fields = req.world.custom_fields.get(source, [])
    if label in fields:
        values = req.world.custom_values.setdefault(source, {}).setdefault(lead.lead_id, dict.fromkeys(fields))
        values[label] = followups.custom_value(req, source, label, parameter="custom_field_value")
        req.world.change_lead(lead, {"entry_list_id": source})
    elif label in rows.LEAD_COLUMNS and label != "lead_id":
        value = text.clean(req.world.filters, label, req.raw.get("custom_field_value", ""))
        storage = req.world.storage
        req.world.change_lead(lead, {label: storage.column(label, storage.literal(value) or "")})
    else:
        raise req.stop(f"ERROR: lead_field_update FIELD NOT FOUND: {data}")
    req.say(f"SUCCESS: lead_field_update FIELD HAS BEEN UPDATED - {data}")


def get_recording(req: Request) -> None:
    """Print the recordings of a lead, or of one entry of the agent log, in the rows of recording_lookup."""
    lead_id, entry_id = req.get("lead_id"), "".join(filter(str.isdigit, req.raw.get("agent_log_id", "")))
    found = [
        recording
        for recording in req.world.recordings
        if (lead_id and recording.lead_id == int(lead_id)) or (entry_id and recording.agent_log_id == int(entry_id))
    ]
    if not found:
        raise req.stop(f"ERROR: get_recording NO RECORDINGS FOUND - {req.user_name}|{lead_id}|{entry_id}")
    reports.print_recordings(req, found)


def campaign_call_stats(req: Request) -> None:
    """Print a campaign's live numbers."""
    campaign_id = req.get("campaign_id")
    if campaign_id not in req.world.campaigns or not req.group().allows(campaign_id):
        raise req.stop(f"ERROR: campaign_call_stats CAMPAIGN DOES NOT EXIST: |{req.user_name}|{campaign_id}")
    today = req.world.clock.text()[:10]
    calls = [
        call
        for call in req.world.calls_between(f"{today} 00:00:00", f"{today} 23:59:59")
        if call.campaign_id == campaign_id
    ]
    dropped = sum(call.status == "DROP" for call in calls)
    rate = f"{100 * dropped / len(calls):.2f}" if calls else "0.00"
    waits = [call.queue_seconds for call in calls if call.user and call.user not in _NOBODY]
    speed = f"{sum(waits) / len(waits):g}" if waits else "0"
    available = sum(
        agent.campaign_id == campaign_id and agent.status in {"READY", "CLOSER"} and not agent.lead_id
        for agent in req.world.floor.agents.values()
    )
    waiting = sum(call.campaign_id == campaign_id for call in req.world.floor.waiting_calls)
    delimiter = req.delimiter()
    if req.has_header():
        req.echo(delimiter.join(_STATS) + "\n")
    req.echo(delimiter.join((campaign_id, str(waiting), str(available), rate, speed, str(len(calls)))) + "\n")


_REPORTS = ("vdc_agent_api_access", "view_reports")
GUIDE: dict[str, Function] = {
    "get_call_log": Function(get_call_log, "GET CALL LOG INFO", 6, _REPORTS),
    "dnc_check": Function(dnc_check, "CHECK PHONE NUMBERS"),
    "lead_field_update": Function(lead_field_update, "UPDATE LEADS IN THE SYSTEM", modify_leads=4, changes=True),
    "get_recording": Function(get_recording, "GET RECORDING INFO", 6, _REPORTS),
    "campaign_call_stats": Function(campaign_call_stats, "VIEW STATS", 6, _REPORTS),
}
