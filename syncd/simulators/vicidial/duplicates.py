"""add_lead's duplicate_check: by phone, alternate phone, title or name; in a list, a campaign or the system."""

from collections.abc import Callable, Iterable

from . import rows
from .request import PhpFatal, Request
from .world import fold

_DAYS = (1, 2, 3, 7, 14, 15, 21, 28, 30, 60, 90, 180, 360)
_SCOPES = {"LIST": "LIST", "CAMP": "CAMPAIGN LISTS", "SYS": "SYSTEM"}


def refuse_if_found(req: Request, list_id: str) -> None:
    """End the request if a lead that `duplicate_check` calls the same exists."""
    check = req.get("duplicate_check").upper()
    if not check:
        return
    for kind, find in _KINDS.items():
        for scope, called in _SCOPES.items():
            if f"{kind}{scope}" in check:
                _look(req, list_id, find, scope=scope, called=called)


Found = tuple[str, str, Iterable[rows.Lead], Callable[[rows.Lead], str]]


def _look(req: Request, list_id: str, find: Callable[[Request], Found], *, scope: str, called: str) -> None:
    check = req.get("duplicate_check").upper()
    what, data, candidates, tail = find(req)
    since = _since(req, check)
    allowed = _lists(req, list_id) if scope == "CAMP" else {list_id}
    for lead in candidates:
        if (scope == "SYS" or lead.list_id in allowed) and lead.entry_date > since:
            data = f"{data}|{list_id}|{lead.lead_id}"
            if scope != "LIST":
                data += f"|{lead.list_id}"
            raise req.stop(f"ERROR: add_lead DUPLICATE {what} IN {called} - {data}{tail(lead)}")


def _lists(req: Request, list_id: str) -> set[str]:
    if list_id not in req.world.lists:
        raise PhpFatal  # an empty IN () is no SQL, and PHP 8 stops at counting the rows of no result
    return req.world.lists_of_campaign(req.world.campaign_of_list(list_id))


def _since(req: Request, check: str) -> str:
    days = [days for days in _DAYS if f"{days}DAY" in check]
    return req.world.clock.text(req.world.clock.epoch() - 86400 * days[-1]) if days else ""


def _no_tail(_: rows.Lead) -> str:
    return ""


def _by_phone(req: Request) -> Found:
    phone = req.get("phone_number")
    return "PHONE NUMBER", phone, req.world.leads_where("phone_number", phone), _no_tail


def _by_phone_or_alt(req: Request) -> Found:
    phone = req.get("phone_number")
    either = {
        lead.lead_id: lead for column in ("phone_number", "alt_phone") for lead in req.world.leads_where(column, phone)
    }
    oldest_first = [either[lead_id] for lead_id in sorted(either)]
    return "PHONE NUMBER", phone, oldest_first, lambda lead: "|PHONE" if lead.phone_number == phone else "|ALT"


def _by_title_and_alt(req: Request) -> Found:
    title, alt_phone = req.get("title"), req.get("alt_phone")
    candidates = req.world.leads_where("alt_phone", alt_phone) if alt_phone else req.world.leads.values()
    same = (lead for lead in candidates if fold(lead.title) == fold(title) and fold(lead.alt_phone) == fold(alt_phone))
    return "TITLE ALT_PHONE", f"{title}|{alt_phone}", same, _no_tail


def _by_name_and_phone(req: Request) -> Found:
    first, last, phone = req.get("first_name"), req.get("last_name"), req.get("phone_number")
    same = (
        lead
        for lead in req.world.leads_where("phone_number", phone)
        if fold(lead.first_name) == fold(first) and fold(lead.last_name) == fold(last)
    )
    return "NAME PHONE", f"{first}|{last}|{phone}", same, _no_tail


_KINDS: dict[str, Callable[[Request], Found]] = {
    "DUP": _by_phone,
    "DUPPHONEALT": _by_phone_or_alt,
    "DUPTITLEALTPHONE": _by_title_and_alt,
    "DUPNAMEPHONE": _by_name_and_phone,
}
