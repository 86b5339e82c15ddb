"""What VICIdial makes of a value: characters it drops, columns it cuts, and how a read value becomes syncd's text.

Source: the filters of non_agent_api.php and the table vicidial_list, trunk 3884, and recordings. The server drops
characters without a word, by field; which letters stay depends on its setting `use_non_latin`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from zoneinfo import ZoneInfo

from syncd.sdk import records

_KEEPS: Mapping[str, str] = {  # what stays beside digits and letters
    "title": r"\- '_.",
    "first_name": r"\- '+_.",
    "middle_initial": r"\-_",
    "last_name": r"\- '+_.",
    **dict.fromkeys(("address1", "address2", "address3", "city"), r"\- '+.:/@_"),
    "state": r"\- ",
    "province": r"\- '+._",
    "postal_code": r"\- '+",
    "country_code": r"\-_",
    "alt_phone": r"\- '+_.",
    "email": r"\- '+.:/@%_",
    "security_phrase": r"\- '+.:/@_",
    "owner": r"\- '+.:/@_",
    "status": r"\-_",
}
_ONLY: Mapping[str, str] = {
    **dict.fromkeys(("phone_number", "phone_code", "list_id", "rank"), "0-9"),
    "date_of_birth": r"\-0-9",
    "gender": "A-Z",
}
_FREE = ("vendor_lead_code", "source_id", "comments")  # lose only ; # "

WIDTHS: Mapping[str, int] = {
    "vendor_lead_code": 20, "source_id": 50, "title": 4, "first_name": 30, "middle_initial": 1, "last_name": 30,
    "address1": 100, "address2": 100, "address3": 100, "city": 50, "state": 2, "province": 50, "postal_code": 10,
    "country_code": 3, "alt_phone": 12, "email": 70, "security_phrase": 100, "comments": 255, "owner": 20,
    "phone_number": 18, "phone_code": 10, "list_id": 14, "status": 6,
}  # fmt: skip

FIELDS: Mapping[str, records.FieldInfo] = {
    **{name: records.FieldInfo(f"text {width}") for name, width in WIDTHS.items()},
    "phone_number": records.FieldInfo("digits 6-16"),
    "phone_code": records.FieldInfo("digits 1-10"),
    "list_id": records.FieldInfo("digits 3-14"),
    "gender": records.FieldInfo("text 1", values=("M", "F", "U")),
    "date_of_birth": records.FieldInfo("date"),
    "rank": records.FieldInfo("integer"),
}

# Values of which nothing is dropped, cut or read otherwise, as most are.
_UNCHANGED: Mapping[str, Callable[[str], re.Match[str] | None]] = {
    name: re.compile(f"[{kept}]{{1,{WIDTHS[name]}}}").fullmatch
    for name, kept in (
        *((name, "0-9A-Za-z" + keeps.replace("+", "")) for name, keeps in _KEEPS.items()),
        *((name, _ONLY[name]) for name in ("phone_number", "phone_code", "list_id")),
    )
}

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BLANK = "--BLANK--"  # how update_lead is told to clear a text
_CLEARED: Mapping[str, str] = {"gender": "U", "date_of_birth": "0000-00-00", "rank": "0"}  # where that text is filtered
NOT_CLEARABLE = frozenset({"phone_number", "phone_code", "list_id", "status"})
_NO_DATE = frozenset({"0000-00-00", "0000-00-00 00:00:00"})


@cache
def _dropped(name: str) -> re.Pattern[str]:
    if name in _FREE:
        return re.compile('[;#"]')
    return re.compile(f"[^{_ONLY[name]}]" if name in _ONLY else f"[^0-9A-Za-z{_KEEPS[name]}]")


def _letters_only(found: re.Match[str]) -> str:
    return found[0] if found[0].isalpha() else ""


def kept(name: str, value: str, *, use_non_latin: bool) -> str:
    """What the server's filter leaves of a value, before it is cut to the column."""
    replacement = _letters_only if use_non_latin and name in _KEEPS else ""
    return _dropped(name).sub(replacement, value).replace("+", " ")


def stored(name: str, value: str, *, use_non_latin: bool) -> str:
    """Given a value that was sent to add_lead, return what a look-up prints of it afterwards."""
    left = kept(name, value, use_non_latin=use_non_latin)
    if name in _FREE:
        left = _unescaped(left)
    if name == "gender":
        return left if left in {"M", "F"} else "U" if left in {"", "U"} else ""
    if name == "date_of_birth":
        return _stored_date(left)
    if name == "rank":
        return str(min(int(left or "0"), 32767))
    return _ASTRAL.sub("????", left)[: WIDTHS[name]]


def wire(name: str, value: str) -> str:
    """The text to send so that the server stores `value` as well as it can.

    update_lead turns a line break of a comment into `!N`, add_lead keeps it: here it is always `!N`, which VICIdial's
    agent screen shows as a line break. A backslash starts an SQL escape on the server (a last one would break its
    statement), so it is doubled where the server does not drop it. Other control characters are dropped."""
    if not value.isascii():
        value = value.encode("utf-8", "ignore").decode()  # half a surrogate pair cannot be sent
    elif value.isprintable() and "\\" not in value:
        return value
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    value = value.replace("\n", "!N" if name == "comments" else " ")
    if name in _FREE:
        value = value.replace("\\", "\\\\")
    return _CONTROL.sub("", value)


def update_value(name: str, value: str | None, *, use_non_latin: bool) -> str:
    """The text to send to update_lead; an empty one leaves the old value, so clearing has its own texts.

    Of a value of which the server would keep nothing, nothing is to stay."""
    sent = wire(name, value or "")
    if kept(name, sent, use_non_latin=use_non_latin):
        return sent
    return _CLEARED.get(name, _BLANK)


def canonical(name: str, value: str | None, *, use_non_latin: bool) -> str:
    """Given a field as the engine sends it, return it as `get` will read it back."""
    if value and (unchanged := _UNCHANGED.get(name)) is not None and unchanged(value) and value not in _NO_DATE:
        return value
    return read(name, stored(name, wire(name, value or ""), use_non_latin=use_non_latin), None)


def read(name: str, value: str, zone: ZoneInfo | None) -> str:
    """Given a column as VICIdial prints it, return syncd's text for it: no zero dates, line breaks, instants in UTC."""
    if value in _NO_DATE:
        return ""
    if name == "comments":
        return value.replace("!N", "\n")
    if name == "gmt_offset_now":
        try:
            return records.text(Decimal(value)) or ""
        except InvalidOperation:
            return value
    if name == "last_local_call_time" and value and zone is not None:
        try:
            return records.text(datetime.fromisoformat(value).replace(tzinfo=zone)) or ""
        except ValueError:
            return ""
    return value


def _unescaped(value: str) -> str:
    """An SQL literal's escapes as MariaDB reads them."""
    named = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}
    return re.sub(r"\\(.)", lambda found: named.get(found[1], found[1]), value, flags=re.DOTALL)


def _stored_date(value: str) -> str:
    parts = value.split("-")
    if len(parts) == 1 and len(value) == 8:
        parts = [value[:4], value[4:6], value[6:]]
    try:
        year, month, day = (int(part) for part in parts)
        return date(year + (0 if len(parts[0]) > 2 else 2000 if year < 70 else 1900), month, day).isoformat()
    except ValueError:
        return "0000-00-00"
