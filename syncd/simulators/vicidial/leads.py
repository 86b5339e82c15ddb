"""add_lead, and what update_lead shares with it."""

from . import columns, dnc, duplicates, followups, rows
from .request import Request

# Columns that come from the parameter of the same name.
COLUMNS = (
    "vendor_lead_code", "source_id", "title", "first_name", "middle_initial", "last_name", "address1", "address2",
    "address3", "city", "state", "province", "postal_code", "country_code", "gender", "date_of_birth", "alt_phone",
    "email", "security_phrase", "comments", "rank", "owner",
)  # fmt: skip


def check_number(req: Request, function: str) -> None:
    """End the request if the phone number's form is refused."""
    phone = req.get("phone_number")
    reason = ""
    if not 6 <= len(phone) <= 16:
        reason = "LENGTH"
    elif req.yes("usacan_prefix_check") and phone[3] in "01,":
        reason = "PREFIX"
    elif req.yes("usacan_areacode_check") and phone[:3] not in req.world.phone_codes:
        reason = "AREACODE"
    if reason:
        raise req.stop(f"ERROR: {function} INVALID PHONE NUMBER {reason} - {phone}|{req.user_name}")


def gmt_offset(req: Request) -> str:
    """The number's offset by the server's phone-code table, which here has only country code 1: that of its area code,
    of an unknown one the country's first, as stock code has it; empty if the table has nothing of the country."""
    codes = req.world.phone_codes
    if not codes or (req.get("phone_code") or "1") != "1":
        return ""
    return codes.get(req.get("phone_number")[:3], next(iter(codes.values()))).replace("+", "")


def insert(req: Request, list_id: str, *, status: str, gender: str, function: str) -> rows.Lead:
    """Insert a lead of the request's parameters; `gender` is stored where the request has none."""
    phone, offset = req.get("phone_number"), gmt_offset(req)
    storage = req.world.storage
    stored = {
        "status": storage.column("status", status),
        "user": storage.column("user", req.user_name),
        "list_id": columns.column("list_id", list_id),
        "entry_list_id": columns.column("entry_list_id", req.get("entry_list_id")),
        "phone_code": columns.column("phone_code", req.get("phone_code") or "1"),
        "phone_number": columns.column("phone_number", phone),
        "gmt_offset_now": columns.offset(offset),
        "last_local_call_time": req.world.clock.text(),
        "gender": gender,
        "date_of_birth": "0000-00-00",
    }
    for name in COLUMNS:
        if name in req.raw:
            value = req.get(name)
            literal = storage.literal(value)
            if literal is None:
                statement = (
                    f'INSERT INTO vicidial_list SET phone_number="{phone}",list_id="{list_id}",{name}="{value}";'
                )
                raise req.stop(
                    f"ERROR: {function} LEAD HAS NOT BEEN ADDED - {phone}|{list_id}|{statement}|{req.user_name}"
                )
            if literal:
                stored[name] = storage.column(name, literal)
    lead = req.world.insert_lead(stored)
    req.world.api_adds += 1
    if req.guide and function == "add_lead":
        req.say(f"SUCCESS: lead_id={lead.lead_id}")
    else:
        req.say(f"SUCCESS: {function} LEAD HAS BEEN ADDED - {phone}|{list_id}|{lead.lead_id}|{offset}|{req.user_name}")
    return lead


def add_lead(req: Request) -> None:
    """Insert a lead unless its list, number, a DNC list or a duplicate forbids it."""
    list_id = "".join(filter(str.isdigit, req.get("list_id")))
    phone = req.get("phone_number")
    if not req.may_use_list(list_id):
        raise req.stop(f"ERROR: add_lead NOT AN ALLOWED LIST ID - {phone}|{list_id}")
    if "Y" in req.get("list_exists_check").upper() and list_id not in req.world.lists:
        raise req.stop(f"ERROR: add_lead NOT A DEFINED LIST ID, LIST EXISTS CHECK ENABLED - {phone}|{list_id}")
    if len(list_id) < 3:
        list_id = "999"
    if req.yes("nanpa_ac_prefix_check") or "NANPA" in req.get("tz_method").upper():
        req.say(f"NOTICE: add_lead NANPA options disabled, NANPA prefix data not loaded - 0|{req.user_name}")
    check_number(req, "add_lead")
    dnc.refuse_if_listed(req, "add_lead")
    duplicates.refuse_if_found(req, list_id)
    status = "CBHOLD" if req.yes("callback") else "NEW"
    lead = insert(req, list_id, status=status, gender="U", function="add_lead")
    followups.add_alt_phones(req, lead, "add_lead")
    followups.insert_custom_fields(req, lead, list_id, "add_lead")
    if req.yes("add_to_hopper") and not req.yes("remove_from_hopper"):
        followups.hopper(req, lead, list_id, "add_lead")
    if req.yes("callback"):
        followups.add_callback(req, lead, list_id, "add_lead")
