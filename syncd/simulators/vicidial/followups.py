"""What add_lead and update_lead do beside the lead's row: custom fields, alternate phones, hopper, callback."""

import re

from . import rows, text, times
from .request import PhpFatal, Request


def add_alt_phones(req: Request, lead: rows.Lead, function: str) -> None:
    """Book `multi_alt_phones`; each number is printed without a line end (stock debugging output)."""
    given = req.get("multi_alt_phones")
    if len(given) <= 5:
        return
    booked = []
    for entry in given.split("!"):
        number, code, note = (*entry.split("_"), "", "")[:3]
        req.echo(f"{number}|{code}|{note}")
        booked.append((number, code or "1", note))
    req.world.alt_phones[lead.lead_id] = booked
    req.say(f"NOTICE: {function} MULTI-ALT-PHONE NUMBERS LOADED - {len(booked)}|{lead.lead_id}|{req.user_name}")


def insert_custom_fields(req: Request, lead: rows.Lead, list_id: str, function: str) -> None:
    """Store custom fields of a lead just inserted.

    In the recorded build add_lead's INSERT ends in a comma: nothing is stored, and PHP that raises on SQL errors stops.
    The setting `custom_fields_at_add` is for builds without that mistake.
    """
    if not req.yes("custom_fields"):
        return
    phone = req.get("phone_number")
    if not req.world.custom_fields_enabled:
        req.say(f"NOTICE: {function} CUSTOM FIELDS NOT ADDED, CUSTOM FIELDS DISABLED - {phone}|{lead.lead_id}|Y|0")
        return
    data = f"{phone}|{lead.lead_id}|{list_id}"
    fields = req.world.custom_fields.get(list_id)
    if fields is None:
        req.say(f"NOTICE: {function} CUSTOM FIELDS NOT ADDED, NO CUSTOM FIELDS DEFINED FOR THIS LIST - {data}")
    elif not fields:
        req.say(f"NOTICE: {function} CUSTOM FIELDS NOT ADDED, NO FIELDS DEFINED - {data}")
    elif function == "add_lead" and not req.world.custom_fields_at_add:
        if req.world.raise_on_sql_errors:
            raise PhpFatal
        req.say(f"NOTICE: {function} CUSTOM FIELDS NOT ADDED, NO FIELDS TO UPDATE DEFINED - {data}")
    else:
        forced = req.get("force_entry_list_id") if function == "update_lead" else ""
        target = forced if len(forced) > 1 else list_id
        req.world.custom_values.setdefault(target, {})[lead.lead_id] = {
            name: custom_value(req, list_id, name) for name in fields
        }
        count = req.world.change_lead(lead, {"entry_list_id": target})
        req.say(f"NOTICE: {function} CUSTOM FIELDS VALUES ADDED - {data}|{int(count)}")


def custom_value(req: Request, list_id: str, name: str, *, parameter: str = "") -> str:
    """A custom field's value as it is stored; `parameter`: where it is sent under another name. Raises PhpFatal where
    it ends the statement early: stock code then asks for the error's text in a way that PHP 8 does not know."""
    value = text.clean_custom(req.raw.get(parameter or name, ""))
    literal = "" if value == "--BLANK--" else req.world.storage.literal(value)
    if literal is None:
        raise PhpFatal
    return req.world.custom_columns[list_id][name].stored(req.world.storage, literal)


def hopper(req: Request, lead: rows.Lead, list_id: str, function: str) -> None:
    """Put a lead into the hopper if the request says so and, where it asks for that, the hour allows it."""
    campaign_id = req.world.campaign_of_list(list_id)
    campaign = req.world.campaigns.get(campaign_id)
    call_time = campaign.local_call_time if campaign else ""
    gmt_offset = lead.gmt_offset_now
    who = f"{req.get('phone_number')}|{lead.lead_id}"
    if req.yes("hopper_local_call_time_check") and not times.dialable(req.world.clock, call_time, gmt_offset):
        req.say(f"NOTICE: {function} NOT ADDED TO HOPPER, OUTSIDE OF LOCAL TIME - {who}|{gmt_offset}|0|{req.user_name}")
        return
    given = req.get("hopper_priority")
    priority = min(max(int(given) if re.fullmatch(r"-?\d+", given) else 0, -99), 99)
    hopper_id = req.world.add_to_hopper(
        lead, campaign_id=campaign_id, list_id=list_id, priority=priority, gmt_offset=gmt_offset
    )
    req.say(f"NOTICE: {function} ADDED TO HOPPER - {who}|{hopper_id}|{req.user_name}")


def callback_time(req: Request) -> str:
    """The parameter callback_datetime; NOW and nDAYS are resolved."""
    given = req.get("callback_datetime")
    clock = req.world.clock
    if given == "NOW":
        return clock.text()
    if re.search(r"\dDAYS$", given, re.IGNORECASE):
        return clock.text(clock.epoch() + 86400 * int(re.sub(r"\D", "", given)))
    return given


def add_callback(req: Request, lead: rows.Lead, list_id: str, function: str) -> None:
    """Schedule a callback, unless the campaign or the user does not exist."""
    campaign_id = req.get("campaign_id")
    who = f"{lead.lead_id}|{campaign_id}"
    if campaign_id not in req.world.campaigns:
        req.say(f"NOTICE: {function} SCHEDULED CALLBACK NOT ADDED, CAMPAIGN NOT VALID - {who}")
        return
    recipient, owner, user_group = "ANYONE", "", ""
    if req.get("callback_type") == "USERONLY":
        recipient, owner = "USERONLY", req.get("callback_user")
        if owner not in req.world.users:
            req.say(f"NOTICE: {function} SCHEDULED CALLBACK NOT ADDED, USER NOT VALID - {who}|{owner}|{recipient}")
            return
        user_group = req.world.users[owner].user_group
    status, when = req.get("callback_status") or "CALLBK", callback_time(req)
    booked = rows.Callback(
        lead.lead_id, list_id, campaign_id, req.world.clock.text(), when, recipient, owner, user_group,
        req.world.storage.column("callback_comments", req.get("callback_comments")),
        req.world.storage.column("lead_status", status),
    )  # fmt: skip
    req.world.callbacks.setdefault(lead.lead_id, []).append(booked)
    req.say(f"NOTICE: {function} SCHEDULED CALLBACK ADDED - {who}|{when}|{recipient}|{owner}|{status}")
