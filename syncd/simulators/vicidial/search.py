"""Finding leads the way update_lead and lead_search do."""

from collections.abc import Iterable, Mapping

from . import rows
from .request import PhpFatal, Request


def lists_to_search(req: Request, list_id: str) -> set[str] | None:
    """Ids of the lists that `search_location` names; None for the whole system."""
    location = req.get("search_location")
    if len(location) < 4 or len(list_id) < 3 or int(list_id) < 99:
        return None
    if "LIST" in location:
        return {list_id}
    if "CAMPAIGN" in location and list_id in req.world.lists:
        return req.world.lists_of_campaign(req.world.campaign_of_list(list_id))
    return None


def limit(req: Request, default: int) -> int:
    """The parameter `records`."""
    return int(req.get("records") or default)


def newest_first(leads: Iterable[rows.Lead], lists: set[str] | None, at_most: int) -> list[rows.Lead]:
    """update_lead's order: by entry date, and of equal dates the lead that was inserted first."""
    within = [lead for lead in leads if lists is None or lead.list_id in lists]
    return sorted(within, key=lambda lead: lead.entry_date, reverse=True)[:at_most]


def table(req: Request) -> Mapping[int, rows.Lead]:
    """The leads among which one is looked up by its id: those in dialling, or the archive's if that is asked for."""
    if req.get("archived_lead") != "Y":
        return req.world.leads
    if not req.world.has_lead_archive:
        raise PhpFatal  # a query of a table that nobody has made
    return req.world.archived_leads


def for_update(req: Request, list_id: str) -> list[rows.Lead]:
    """The leads an update_lead is about; end the request if it names none.

    `search_method` may name several keys; the first that finds something counts.
    """
    method = req.get("search_method")
    method = method if len(method) >= 6 else "LEAD_ID"
    lead_id, vendor_lead_code, phone = req.get("lead_id"), req.get("vendor_lead_code"), req.get("phone_number")
    by_id = "LEAD_ID" in method and bool(lead_id)
    by_vendor = "VENDOR_LEAD_CODE" in method and bool(vendor_lead_code)
    by_phone = "PHONE_NUMBER" in method and 5 < len(phone) < 19
    if not (by_id or by_vendor or by_phone):
        data = f"{req.user_name}|{method}|{lead_id}|{vendor_lead_code}|{phone}"
        raise req.stop(f"ERROR: update_lead NO VALID SEARCH METHOD - {data}")
    lists, at_most = lists_to_search(req, list_id), limit(req, 1)
    found: list[rows.Lead] = []
    if by_id:
        lead = table(req).get(int(lead_id))
        found = newest_first([lead] if lead else [], lists, at_most)
    if by_vendor and not found:
        found = newest_first(req.world.leads_where("vendor_lead_code", vendor_lead_code), lists, at_most)
    if by_phone and not found:
        found = newest_first(req.world.leads_where("phone_number", phone), lists, at_most)
    return found


def lead_search(req: Request) -> None:
    """Print, for each phone number or vendor code asked for, how many leads have it and which."""
    list_id = "".join(filter(str.isdigit, req.get("list_id")))
    method = req.get("search_method")
    method = method if len(method) >= 6 else "PHONE_NUMBER"
    phones = [phone for phone in req.get("phone_number").split(",") if 5 < len(phone) < 19]
    codes = [code for code in req.get("vendor_lead_code").split(",") if code]
    phones = phones if "PHONE_NUMBER" in method else []
    codes = codes if "VENDOR_LEAD_CODE" in method else []
    by_phone = "PHONE_NUMBER" in method and len(req.get("phone_number")) > 5
    if not (by_phone or codes):
        given = f"{req.get('lead_id')}(0)|{req.get('vendor_lead_code')}(0)|{req.get('phone_number')}(0)"
        raise req.stop(f"ERROR: lead_search NO VALID SEARCH METHOD - {req.user_name}|{method}|{given}")
    if list_id and int(list_id) >= 99 and not req.may_use_list(list_id):
        raise req.stop(f"ERROR: lead_search NOT AN ALLOWED LIST ID - {req.get('phone_number')}|{list_id}")
    lists, at_most = lists_to_search(req, list_id), limit(req, 1000)
    hits = _hits(req, "vendor_lead_code", codes, lists)
    if not any(hits.values()):
        hits = _hits(req, "phone_number", phones, lists)
    kept = set(sorted((lead_id for ids in hits.values() for lead_id in ids), reverse=True)[:at_most])
    if not kept:
        given = f"{req.get('lead_id')}|{req.get('vendor_lead_code')}|{req.get('phone_number')}"
        raise req.stop(f"ERROR: lead_search NO MATCHES FOUND IN THE SYSTEM: |{req.user_name}|{given}")
    if req.has_header():
        req.echo("search_keyrecords_foundlead_ids\n")  # stock code never sets this function's delimiter
    for key in (*phones, *codes):
        ids = [lead_id for lead_id in sorted(hits.get(key, ()), reverse=True) if lead_id in kept]
        req.echo(f"{key}|{len(ids)}|{'-'.join(map(str, ids))}\n")


def _hits(req: Request, column: str, keys: list[str], lists: set[str] | None) -> dict[str, list[int]]:
    # PHP compares what the query found with what was asked for: exactly, unlike the query itself.
    return {
        key: [
            lead.lead_id
            for lead in req.world.leads_where(column, key)
            if getattr(lead, column) == key and (lists is None or lead.list_id in lists)
        ]
        for key in keys
    }
