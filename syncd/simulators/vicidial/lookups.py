"""Functions that print leads, by id, phone, callback or call status; and check_phone_number."""

from collections.abc import Mapping

from . import dnc, leads, rows, search, times
from .request import PhpFatal, Request

_ALL_INFO = (
    "status", "user", "vendor_lead_code", "source_id", "list_id", "gmt_offset_now", "phone_code", "phone_number",
    "title", "first_name", "middle_initial", "last_name", "address1", "address2", "address3", "city", "state",
    "province", "postal_code", "country_code", "gender", "date_of_birth", "alt_phone", "email", "security_phrase",
    "comments", "called_count", "last_local_call_time", "rank", "owner", "entry_list_id",
)  # fmt: skip
_CALLBACK_HEADER = (
    "lead_id", "callback_type", "recipient", "callback_status", "lead_status", "callback_date", "entry_date", "user",
    "list_id", "campaign_id", "user_group", "customer_timezone", "customer_time", "comments",
)  # fmt: skip
_COLUMNS = frozenset(rows.LEAD_COLUMNS)
_NEWLINE = {"newline": "\n"}


def lead_field_info(req: Request) -> None:
    """Print one field's value, without a line end."""
    lead_id, field = req.get("lead_id"), req.get("field_name")
    if not 0 < len(lead_id) < 12 or not field:
        raise req.stop(f"ERROR: lead_field_info INVALID SEARCH PARAMETERS: {req.user_name}|{lead_id}|{field}")
    lead = req.world.leads.get(int(lead_id))
    if lead is None:
        raise req.stop(f"ERROR: lead_field_info LEAD NOT FOUND: {req.user_name}|{lead_id}")
    if not req.sees_list(lead.list_id):
        raise req.stop(f"ERROR: lead_field_info LIST NOT FOUND: {req.user_name}|{lead_id}|{lead.list_id}")
    if not req.yes("custom_fields"):
        if field not in _COLUMNS:
            raise PhpFatal  # an unknown column is an SQL error, and PHP 8 stops at counting the rows of no result
        _print_and_log(req, str(getattr(lead, field)))
        return
    source = req.get("list_id") if len(req.get("list_id")) > 1 else lead.entry_list_id
    if field not in req.world.custom_fields.get(source, ()):
        raise PhpFatal
    values = req.world.custom_values[source].get(lead.lead_id)
    if values is None:
        raise req.stop(f"ERROR: lead_field_info LIST FIELD NOT FOUND: {req.user_name}|{lead_id}")
    _print_and_log(req, values[field] or "")


def _print_and_log(req: Request, value: str) -> None:
    """Print a value, then log it: the log's SQL breaks at an apostrophe."""
    req.echo(value)
    if req.world.raise_on_sql_errors and "'" in value:
        raise PhpFatal


def lead_all_info(req: Request) -> None:
    """Print all columns of one lead, or of each lead with a phone number; nothing is escaped."""
    lead_id, phone = req.get("lead_id"), req.get("phone_number")
    data = f"{req.user_name}|{lead_id}|{phone}"
    found: list[rows.Lead] = []
    if lead_id:
        lead = search.table(req).get(int(lead_id))
        found = [lead] if lead else []
    elif 6 <= len(phone) <= 19:
        found = sorted(req.world.leads_where("phone_number", phone), key=lambda lead: -lead.lead_id)[:1000]
    if not found:
        raise req.stop(f"ERROR: lead_all_info LEAD NOT FOUND: {data}")
    printed, hidden = "", ""
    for lead in found:
        if req.sees_list(lead.list_id):
            printed += _all_info(req, lead)
        else:
            hidden = lead.list_id
            if req.user.api_list_restrict:
                req.say(f"ERROR: lead_all_info LIST NOT FOUND: {data}")
    if printed:
        # Stock code logs the answer before it prints it, and the log's SQL breaks at an apostrophe.
        if req.world.raise_on_sql_errors and "'" in printed:
            raise PhpFatal
        req.echo(printed)
    elif hidden:
        raise req.stop(f"ERROR: lead_all_info LIST NOT FOUND: {data}|{hidden}")


def _all_info(req: Request, lead: rows.Lead) -> str:
    delimiter = req.delimiter(_NEWLINE)
    custom: Mapping[str, str | None] = {}
    if req.yes("custom_fields"):
        source = req.get("force_entry_list_id") or lead.entry_list_id
        if not req.world.custom_fields.get(source):
            raise PhpFatal  # a query for no column at all
        custom = req.world.custom_values[source].get(lead.lead_id, {})
    header = delimiter.join((*_ALL_INFO, "lead_id", *custom)) + "\n" if req.has_header() else ""
    values = (
        *(getattr(lead, name) for name in _ALL_INFO),
        str(lead.lead_id),
        *(value or "" for value in custom.values()),
    )
    return header + delimiter.join(values) + "\n"


def lead_callback_info(req: Request) -> None:
    """Print a lead's scheduled callbacks, current or archived."""
    lead_id, location, stage = req.get("lead_id"), req.get("search_location"), req.get("stage")
    if not 0 < len(lead_id) < 12:
        raise req.stop(f"ERROR: lead_callback_info INVALID SEARCH PARAMETERS: {req.user_name}|{lead_id}")
    found = []
    if location in {"ARCHIVE", "ALL"}:
        found += [("ARCHIVE", booked) for booked in req.world.archived_callbacks.get(int(lead_id), ())]
    if location in {"CURRENT", "ALL", ""}:
        found += [("CURRENT", booked) for booked in req.world.callbacks.get(int(lead_id), ())]
    if not found:
        stage = stage if stage in {"csv", "tab", "pipe", "newline"} else "pipe"
        data = f"{req.user_name}|{lead_id}|{stage}|{location}"
        raise req.stop(f"ERROR: lead_callback_info CALLBACK NOT FOUND: {data}")
    delimiter = req.delimiter(_NEWLINE)
    if req.has_header():
        req.echo(delimiter.join(_CALLBACK_HEADER) + "\n")
    for kind, booked in found:
        if req.user.api_list_restrict and not req.sees_list(booked.list_id):
            raise req.stop(f"ERROR: lead_callback_info LEAD NOT FOUND: |{req.user_name}|1|")
        values = (
            lead_id, kind, booked.recipient, booked.status, booked.lead_status, booked.callback_time,
            booked.entry_time, booked.user, booked.list_id, booked.campaign_id, booked.user_group, "", "",
            booked.comments,
        )  # fmt: skip
        req.echo(delimiter.join(values) + "\n")


def lead_status_search(req: Request) -> None:
    """Print every lead with a call of a status on a day, outbound calls first, newest call first."""
    status, date, lead_id = req.get("status"), req.get("date"), req.get("lead_id")
    calls: list[rows.Call]
    if status and len(date) == 10:
        calls = [
            call for call in req.world.calls_between(f"{date} 00:00:00", f"{date} 23:59:59") if call.status == status
        ]
    elif lead_id:
        calls = [call for call in req.world.all_calls() if call.lead_id == int(lead_id)]
    else:
        raise req.stop(
            f"ERROR: lead_status_search INVALID SEARCH PARAMETERS: {req.user_name}|{status}|{date}|{lead_id}"
        )
    calls.sort(key=lambda call: call.call_date, reverse=True)
    calls.sort(key=lambda call: call.closecallid > 0)
    printed = 0
    for called in dict.fromkeys(call.lead_id for call in calls):
        lead = req.world.leads.get(called)
        if lead is None or not req.may_use_list(lead.list_id):
            continue
        printed += 1
        req.echo(f";---------- START OF RECORD {printed} ----------\nlead_id => {called}\n")
        req.echo("".join(f"{name} => {getattr(lead, name)}\n" for name in _ALL_INFO))
        if req.yes("custom_fields"):
            source = lead.entry_list_id if int(lead.entry_list_id) > 99 else lead.list_id
            values = req.world.custom_values.get(source, {}).get(called, {})
            req.echo("".join(f"{name} => {value or ''}\n" for name, value in values.items()))
    if not printed:
        raise req.stop(f"ERROR: lead_status_search NO RESULTS FOUND: {req.user_name}|{lead_id}|{status}|")


def check_phone_number(req: Request) -> None:
    """Say whether a number may be called now: its form, DNC lists and the hour."""
    call_time = req.get("local_call_time")
    if call_time not in times.CALL_TIMES:
        raise req.stop(f"ERROR: check_phone_number THIS IS NOT A VALID CALL TIME: |{req.user_name}|{call_time}|")
    methods = req.get("tz_method") or "AREACODE"
    if req.yes("nanpa_ac_prefix_check") or "NANPA" in methods.upper():
        raise req.stop(
            f"ERROR: check_phone_number NANPA options disabled, NANPA prefix data not loaded - 0|{req.user_name}"
        )
    leads.check_number(req, "check_phone_number")
    dnc.refuse_if_listed(req, "check_phone_number")
    answer, offset = "", leads.gmt_offset(req)
    for method in ("AREACODE", "POSTAL", "TZCODE"):
        if method not in methods.upper():
            continue
        # The simulated server has no tables of postal codes and zones; stock code prints 0 where it looked at none.
        knows = method == "AREACODE"
        allowed = int(times.dialable(req.world.clock, call_time, offset)) if knows else 0
        answer += f"{method}: {allowed}|{offset if knows else ''}#"
    number = f"{req.get('phone_number')}|{req.get('phone_code') or '1'}"
    req.say(f"{answer}PHONE: {number}|{req.get('postal_code')}|{req.get('state')}|{req.get('owner')}|")
