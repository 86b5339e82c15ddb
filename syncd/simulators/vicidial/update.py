"""update_lead and batch_update_lead."""

import dataclasses

from . import columns, followups, leads, rows, search
from .request import Finished, Request

_RENAMED = {"user_field": "user", "list_id_field": "list_id"}
_UPDATABLE = ("user_field", "list_id_field", "status", *leads.COLUMNS, "gmt_offset_now", "called_count", "phone_code")
_NOT_IN_HOPPER_ANY_MORE = frozenset({"INCALL", "DONE", "HOLD", "DNC"})


def _columns(req: Request) -> dict[str, str]:
    """Column values the request asks to store; an empty parameter leaves its column as it is."""
    stored: dict[str, str] = {}
    for name in _UPDATABLE:
        if name in req.raw and (value := req.get(name)):
            value = "" if value == "--BLANK--" else value.replace("\n", "!N")
            literal = req.world.storage.literal(value)
            if literal is None:
                # The statement fails as a whole, and stock code reports it as nothing changed (-1 affected rows).
                return {}
            column = _RENAMED.get(name, name)
            stored[column] = req.world.storage.column(column, literal)
    if req.yes("reset_lead"):
        stored["called_since_last_reset"] = "N"
    return stored


def _asks_for_change(req: Request) -> bool:
    return req.yes("reset_lead") or any(req.get(name) for name in _UPDATABLE if name in req.raw)


def update_lead(req: Request) -> None:
    """Find leads by id, vendor code or phone; change, delete or just report them; insert if asked to."""
    list_id = "".join(filter(str.isdigit, req.get("list_id")))
    found = search.for_update(req, list_id)
    phone = req.get("phone_number")
    if list_id and int(list_id) >= 99 and not req.may_use_list(list_id):
        raise req.stop(f"ERROR: update_lead NOT AN ALLOWED LIST ID, SEARCH - {phone}|{list_id}")
    target = req.get("list_id_field")
    if target and "Y" in req.get("list_exists_check").upper() and target not in req.world.lists:
        raise req.stop(f"ERROR: update_lead NOT A DEFINED LIST ID, LIST EXISTS CHECK ENABLED - {phone}|{target}")
    lead: rows.Lead | None = found[0] if found else None
    if req.yes("no_update"):
        _report(req, found)
    elif found:
        for one in found:
            _update_one(req, one)
    else:
        lead = _insert_if_asked(req, list_id)
    if lead is not None:
        _hopper(req, lead, list_id or lead.list_id)


def _report(req: Request, found: list[rows.Lead]) -> None:
    vendor_lead_code, phone = req.get("vendor_lead_code"), req.get("phone_number")
    if not found:
        data = f"{req.get('lead_id')}|{vendor_lead_code}|{phone}"
        raise req.stop(f"NOTICE: update_lead NO MATCHES FOUND IN THE SYSTEM: |{req.user_name}|{data}")
    # The id that was asked for is printed, even if another key found the lead.
    lead_id = req.get("lead_id") or str(found[0].lead_id)
    data = f"{lead_id}|{vendor_lead_code}|{phone}|{found[0].list_id}|{found[0].entry_list_id}"
    req.say(f"NOTICE: update_lead LEADS FOUND IN THE SYSTEM: |{req.user_name}|{data}")


def _insert_if_asked(req: Request, list_id: str) -> rows.Lead:
    phone, asked = req.get("phone_number"), req.yes("insert_if_not_found")
    word = "NOTICE" if asked else "ERROR"
    data = f"{req.get('lead_id')}|{req.get('vendor_lead_code')}|{phone}"
    req.say(f"{word}: update_lead NO MATCHES FOUND IN THE SYSTEM: |{req.user_name}|{data}")
    if not asked:
        raise Finished
    list_id = req.get("list_id_field") or list_id
    phone_code = req.get("phone_code")
    if not 6 <= len(phone) <= 18 or not phone_code or len(list_id) < 3:
        data = f"{req.user_name}|{phone}|{phone_code}|{list_id}|Y"
        raise req.stop(f"ERROR: update_lead INVALID DATA FOR LEAD INSERTION - {data}")
    if int(list_id) >= 99 and not req.may_use_list(list_id):
        raise req.stop(f"ERROR: update_lead NOT AN ALLOWED LIST ID, INSERT - {phone}|{list_id}")
    lead = leads.insert(req, list_id, status=req.get("status") or "NEW", gender="", function="update_lead")
    followups.add_alt_phones(req, lead, "update_lead")
    followups.insert_custom_fields(req, lead, list_id, "update_lead")
    return lead


def _update_one(req: Request, lead: rows.Lead) -> None:
    if req.user.api_list_restrict and int(lead.list_id) >= 99 and not req.sees_list(lead.list_id):
        raise req.stop(f"ERROR: update_lead NOT AN ALLOWED LIST ID, RESULTS - {lead.list_id}")
    # Later lines print where the lead was when it was found.
    before = dataclasses.replace(lead)
    if req.yes("delete_cf_data"):
        _delete_custom_data(req, lead)
    if req.yes("delete_lead"):
        archived = req.world.archive_callbacks(lead.lead_id)
        req.world.delete_lead(lead)
        counts = f"{archived}|{archived}"
        data = f"{req.user_name}|{lead.lead_id}|1|{counts}|"
        req.say(f"SUCCESS: update_lead LEAD HAS BEEN DELETED {counts} - {data}")
    else:
        _change(req, lead)
    _callback(req, before)
    if req.yes("custom_fields"):
        _custom_fields(req, lead, before)


def _change(req: Request, lead: rows.Lead) -> None:
    changes = _columns(req)
    asked = _asks_for_change(req)
    if req.yes("update_phone_number") and (phone := req.get("phone_number")):
        asked = True
        changes["phone_number"] = columns.column("phone_number", phone)
    entry_list_id = req.get("force_entry_list_id") if len(req.get("force_entry_list_id")) > 1 else ""
    entry_list_id = entry_list_id or req.get("entry_list_id")
    if entry_list_id and not req.yes("custom_fields"):
        asked = True
        changes["entry_list_id"] = columns.column("entry_list_id", entry_list_id)
    if asked:
        count = int(req.world.change_lead(lead, changes)) if changes else -1
        req.say(f"SUCCESS: update_lead LEAD HAS BEEN UPDATED - {req.user_name}|{lead.lead_id}|{count}|||")


def _delete_custom_data(req: Request, lead: rows.Lead) -> None:
    source = req.get("force_entry_list_id") or req.get("entry_list_id") or lead.entry_list_id
    values = req.world.custom_values.get(source)
    deleted = "" if values is None else str(int(values.pop(lead.lead_id, None) is not None))
    count = int(req.world.change_lead(lead, {"entry_list_id": "0"}))
    data = f"{req.user_name}|{lead.lead_id}|{source}|{count}|{deleted}"
    req.say(f"NOTICE: update_lead CUSTOM FIELDS DATA HAS BEEN DELETED - {data}")


def _callback(req: Request, lead: rows.Lead) -> None:
    wanted = req.get("callback")
    if wanted == "REMOVE":
        count = req.world.archive_callbacks(lead.lead_id)
        data = f"{req.user_name}|{lead.lead_id}|{count}|{count}"
        req.say(f"NOTICE: update_lead SCHEDULED CALLBACK DELETED - {data}")
    elif wanted == "Y":
        existing = req.world.callbacks.get(lead.lead_id)
        if existing:
            _change_callback(req, existing[0])
        else:
            followups.add_callback(req, lead, lead.list_id, "update_lead")


def _change_callback(req: Request, booked: rows.Callback) -> None:
    when = followups.callback_time(req)
    given = {
        "callback_time": when,
        "lead_status": req.world.storage.column("lead_status", req.get("callback_status")),
        "campaign_id": req.get("campaign_id"),
        "list_id": req.get("list_id_field"),
        "recipient": req.get("callback_type"),
        "comments": req.world.storage.column("callback_comments", req.get("callback_comments")),
        "user": req.get("callback_user"),
    }
    changes = {name: value for name, value in given.items() if value}
    if not changes:
        req.say(f"NOTICE: update_lead SCHEDULED CALLBACK NOT UPDATED, NO FIELDS SPECIFIED - {booked.lead_id}|")
        return
    for name, value in {**changes, "status": "ACTIVE", "entry_time": req.world.clock.text()}.items():
        setattr(booked, name, value)
    data = (
        f"{booked.lead_id}|{req.get('campaign_id')}|{when}|{req.get('callback_type')}|{req.get('callback_user')}"
        f"|{req.get('callback_status')}"
    )
    req.say(f"NOTICE: update_lead SCHEDULED CALLBACK UPDATED - {data}")


def _custom_fields(req: Request, lead: rows.Lead, before: rows.Lead) -> None:
    forced = req.get("force_entry_list_id") if len(req.get("force_entry_list_id")) > 1 else ""
    entry_list_id = forced or before.entry_list_id
    source = entry_list_id if int(entry_list_id) > 99 else before.list_id
    data = f"{req.get('phone_number')}|{lead.lead_id}|{before.list_id}"
    fields = req.world.custom_fields.get(source)
    if fields is None:
        req.say(f"NOTICE: update_lead CUSTOM FIELDS NOT ADDED, NO CUSTOM FIELDS DEFINED FOR THIS LIST - {data}")
        return
    values = req.world.custom_values.setdefault(source, {})
    data += f"|{entry_list_id}|{source}"
    if req.yes("delete_lead"):
        if values.pop(lead.lead_id, None) is not None:
            req.say(f"NOTICE: update_lead CUSTOM FIELDS ENTRY DELETED - {data}|1")
        return
    given = {name: followups.custom_value(req, source, name) for name in fields if req.seems_given(name)}
    if not given:
        return
    old = values.get(lead.lead_id)
    new = {**(old or dict.fromkeys(fields)), **given}
    values[lead.lead_id] = new
    count = int(old != new)
    req.say(f"NOTICE: update_lead CUSTOM FIELDS VALUES UPDATED - {data}|{count}")
    if count and lead.lead_id in req.world.leads:
        req.world.change_lead(lead, {"entry_list_id": source})


def _hopper(req: Request, lead: rows.Lead, list_id: str) -> None:
    who = f"{req.get('phone_number')}|{lead.lead_id}"
    remove = req.yes("remove_from_hopper")
    entry = req.world.hopper_entry(lead.lead_id)
    if req.yes("add_to_hopper") and not remove:
        if entry is not None:
            reason = "LEAD IS ALREADY IN THE HOPPER"
        elif lead.lead_id not in req.world.leads:
            reason = "LEAD NOT FOUND"
        else:
            followups.hopper(req, lead, list_id, "update_lead")
            return
        req.say(f"NOTICE: update_lead NOT ADDED TO HOPPER, {reason} - {who}|{req.user_name}")
    elif remove:
        if entry is None:
            req.say(f"NOTICE: update_lead NOT REMOVED FROM HOPPER, LEAD IS NOT IN THE HOPPER - {who}|{req.user_name}")
        elif entry.status in _NOT_IN_HOPPER_ANY_MORE:
            req.say(f"NOTICE: update_lead NOT REMOVED FROM HOPPER - {who}|{entry.status}|{req.user_name}")
        else:
            req.world.remove_from_hopper(lead.lead_id)
            req.say(f"NOTICE: update_lead REMOVED FROM HOPPER - {who}|{entry.status}|{req.user_name}")


def batch_update_lead(req: Request) -> None:
    """Store one set of values in many leads."""
    lead_ids, target = req.get("lead_ids"), req.get("list_id_field")
    if not lead_ids:
        raise req.stop(f"ERROR: batch_update_lead NO LEADS DEFINED - {req.user_name}|")
    if target and int(target) >= 99 and not req.may_use_list(target):
        raise req.stop(f"ERROR: batch_update_lead NOT AN ALLOWED LIST ID - {req.user_name}|{target}")
    if target and "Y" in req.get("list_exists_check").upper() and target not in req.world.lists:
        raise req.stop(
            f"ERROR: batch_update_lead NOT A DEFINED LIST ID, LIST EXISTS CHECK ENABLED - {req.user_name}|{target}"
        )
    wanted = sorted({int(lead_id) for lead_id in lead_ids.split(",") if lead_id}, reverse=True)
    found = [
        lead
        for lead_id in wanted
        if (lead := req.world.leads.get(lead_id)) is not None and req.may_use_list(lead.list_id)
    ][: search.limit(req, 1000)]
    if not found:
        raise req.stop(f"ERROR: batch_update_lead NO MATCHES FOUND IN THE SYSTEM: |{req.user_name}|{lead_ids}")
    if not _asks_for_change(req):
        return
    changes = _columns(req)
    count = sum(req.world.change_lead(lead, changes) for lead in found) if changes else -1
    ids = ",".join(str(lead.lead_id) for lead in found)
    req.say(f"SUCCESS: batch_update_lead LEADS HAVE BEEN UPDATED - {req.user_name}|{count}|{len(found)}|{ids}")
