"""What VICIdial makes of a value: what is sent so that it is stored as well as it can be, and what is read afterwards.

Source: the filters of non_agent_api.php and the table vicidial_list, trunk 3884, recordings, and a stock server on
MariaDB 10.11 with the character sets utf8mb4 and latin1. The server drops characters without a word, by field; which
letters stay depends on its setting `use_non_latin`. What would depend on its database (an odd date, four-byte
characters, where a text of bytes is cut) is settled here, before it is sent, so that it can be foretold.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from syncd.sdk import records
from syncd_vicidial.options import Options

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
_FREE_DROPS = ';#"'

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
        *((name, "0-9A-Za-z" + re.sub("[+%]", "", keeps)) for name, keeps in _KEEPS.items()),
        *((name, _ONLY[name]) for name in ("phone_number", "phone_code", "list_id")),
    )
}

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SPACE = re.compile(r"\r\n|\s")
_DATE = re.compile(r"(\d{4}|\d\d)-(\d\d?)-(\d\d?)(?:[T ].*)?|(\d{4})(\d\d)(\d\d)", re.ASCII | re.DOTALL)
_WHOLE = re.compile(r"\+?(\d+)(?:\.\d*)?", re.ASCII)
_GENDERS: Mapping[str, str] = {"m": "M", "male": "M", "f": "F", "female": "F"}
_MOST_RANK = 32767
BLANK = "--BLANK--"  # how update_lead is told to clear a text; so it cannot be stored as a text
_CLEARED: Mapping[str, str] = {"gender": "U", "date_of_birth": "0000-00-00", "rank": "0"}  # where that text is filtered
NOT_CLEARABLE = frozenset({"phone_number", "phone_code", "list_id", "status"})
_NO_DATE = frozenset({"0000-00-00", "0000-00-00 00:00:00"})


@cache
def _dropped(name: str) -> re.Pattern[str]:
    if name in _FREE:
        return re.compile(f"[{_FREE_DROPS}]")
    return re.compile(f"[^{_ONLY[name]}]" if name in _ONLY else f"[^0-9A-Za-z{_KEEPS[name]}]")


def _letters_only(found: re.Match[str]) -> str:
    return found[0] if found[0].isalpha() else ""


def kept(name: str, value: str, *, use_non_latin: bool) -> str:
    """What the server's filter leaves of a value, before it is cut to the column."""
    replacement = _letters_only if use_non_latin and name in _KEEPS else ""
    return _dropped(name).sub(replacement, value).replace("+", " ")


def stored(name: str, value: str, *, use_non_latin: bool) -> str:
    """Given a value that was sent to add_lead, return what a look-up prints of it afterwards. Of dates and of texts
    with characters beyond the basic plane this is known only in the form in which `Words.wire` sends them."""
    left = kept(name, value, use_non_latin=use_non_latin)
    if name in _FREE:
        left = unescaped(left)
    if name == "gender":
        return left if left in {"M", "F"} else "U" if left in {"", "U"} else ""
    if name == "date_of_birth":
        return left if _iso(left) == left else "0000-00-00"
    if name == "rank":
        return str(min(int(left or "0"), _MOST_RANK))
    if use_non_latin:
        left = _ASTRAL.sub("????", left)
    return left[: WIDTHS[name]]


class Words:
    """How one server's values are written and foretold. `transliterate`: letters that the server would drop are spelled
    in ASCII. `encode_plus`: the `+` of an e-mail, of which the server makes a blank, is written `%2B`."""

    def __init__(self, *, use_non_latin: bool = False, transliterate: bool = False, encode_plus: bool = True) -> None:
        self.use_non_latin = use_non_latin
        self._transliterate = transliterate and not use_non_latin
        self._encode_plus = encode_plus

    @classmethod
    def of(cls, options: Options) -> Words:
        """As these options say."""
        return cls(
            use_non_latin=options.use_non_latin,
            transliterate=options.transliterate,
            encode_plus=options.plus_emails == "encode",
        )

    def wire(self, name: str, value: str) -> str:
        """The text to send to add_lead so that the server stores `value` as well as it can; "" for nothing at all.

        update_lead turns a line break of a comment into `!N`, add_lead keeps it: here it is always `!N`, which
        VICIdial's agent screen shows as a line break. Half of a surrogate pair and control characters are dropped."""
        if _is_plain(name, value):
            return value
        if not value.isascii():
            value = value.encode("utf-8", "ignore").decode()
        if name in _FREE:
            value = self._free(name, value)
        elif name in _KEEPS:
            value = self._letters(name, value)
        elif name == "date_of_birth":
            value = _iso(value.strip())
        elif name == "gender":
            value = _GENDERS.get(value.strip().lower(), "")
        elif name == "rank":
            value = _rank(value.strip())
        return "" if kept(name, value, use_non_latin=self.use_non_latin) == BLANK else value

    def update(self, name: str, value: str | None) -> str:
        """The text to send to update_lead; an empty one leaves the old value, so clearing has its own texts.

        Of a value of which the server would keep nothing, nothing is to stay."""
        sent = self.wire(name, value or "")
        return sent if kept(name, sent, use_non_latin=self.use_non_latin) else _CLEARED.get(name, BLANK)

    def canonical(self, name: str, value: str | None) -> str:
        """Given a field as the engine sends it, return it as `read` will read it back."""
        if value and _is_plain(name, value):
            return value
        return self.read(name, stored(name, self.wire(name, value or ""), use_non_latin=self.use_non_latin), None)

    def read(self, name: str, value: str, zone: ZoneInfo | None) -> str:
        """Given a column as VICIdial prints it, return syncd's text for it: no zero dates, line breaks, instants in
        UTC."""
        if name == "date_of_birth" and value in _NO_DATE:
            return ""
        if name == "comments":
            return value.replace("!N", "\n")
        if name == "email" and self._encode_plus:
            return plus_decoded(value)
        if name == "gmt_offset_now":
            try:
                return records.text(Decimal(value)) or ""
            except InvalidOperation:
                return value
        if name == "last_local_call_time":
            return _instant(value, zone)
        return value

    def _letters(self, name: str, value: str) -> str:
        """Any kind of space is one, since the server keeps no other; a letter and its accent are one letter, since the
        server drops accents that stand alone."""
        value = _SPACE.sub(" ", value)
        if not value.isascii():
            if self.use_non_latin:
                value = _ASTRAL.sub("", unicodedata.normalize("NFC", value))
            elif self._transliterate:
                value = "".join(map(_spelled, unicodedata.normalize("NFC", value)))
        if name == "email" and self._encode_plus:
            value = plus_encoded(value)
        return _CONTROL.sub("", value)

    def _free(self, name: str, value: str) -> str:
        """A backslash starts an SQL escape on the server (a last one would break its statement), so it is doubled."""
        value = value.replace("\r\n", "\n").replace("\r", "\n")
        if name == "comments":
            value = value.replace("!N", "! N").replace("\n", "!N")
        value = _CONTROL.sub("", value.replace("\n", " "))
        if not value.isascii():
            value = self.three_bytes(value)
        return self._cut(value, WIDTHS[name]).replace("\\", "\\\\")

    def three_bytes(self, value: str) -> str:
        """With use_non_latin the server's database takes characters of three bytes at most."""
        return _ASTRAL.sub("?", value) if self.use_non_latin else value

    def _cut(self, value: str, width: int) -> str:
        """As much of a text as a column of that width surely holds: without use_non_latin its characters may be bytes
        (a latin1 database), and the server would cut in the middle of one."""
        if len(value) <= width and (self.use_non_latin or value.isascii()):
            return value
        room = width
        for place, char in enumerate(value):
            if char not in _FREE_DROPS:
                room -= 1 if self.use_non_latin else len(char.encode())
            if room < 0:
                return value[:place]
        return value


def _is_plain(name: str, value: str) -> bool:
    """Whether nothing of a value is dropped, cut or read otherwise."""
    unchanged = _UNCHANGED.get(name)
    return unchanged is not None and unchanged(value) is not None and value != BLANK


def plus_encoded(value: str) -> str:
    """An e-mail in which the server finds no `+` to make a blank of; custom fields lose it as well."""
    return value.replace("+", "%2B")


def plus_decoded(value: str) -> str:
    """The e-mail of `plus_encoded`."""
    return value.replace("%2B", "+")


def unescaped(value: str) -> str:
    """An SQL literal's escapes as MariaDB reads them."""
    named = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}
    return re.sub(r"\\(.)", lambda found: named.get(found[1], found[1]), value, flags=re.DOTALL)


def without_control(value: str) -> str:
    """A text without control characters; line breaks and tabs stay."""
    return _CONTROL.sub("", value.encode("utf-8", "ignore").decode().replace("\r\n", "\n").replace("\r", "\n"))


@lru_cache(maxsize=4096)
def _spelled(char: str) -> str:
    """A letter, accent or punctuation mark in ASCII; a symbol has no spelling that belongs into a name."""
    if char.isascii() or unicodedata.category(char)[0] not in "LMNP":
        return char
    import anyascii  # not needed by most sites

    return anyascii.anyascii(char)


def _iso(value: str) -> str:
    """A day as YYYY-MM-DD, "" where it is none; years of two digits as MariaDB takes them (1970 to 2069)."""
    found = _DATE.fullmatch(value)
    if found is None:
        return ""
    year, month, day = (int(part) for part in found.groups() if part)
    if found[1] is not None and len(found[1]) == 2:
        year += 2000 if year < 70 else 1900
    try:
        return date(year, month, day).isoformat() if year >= 1000 else ""
    except ValueError:
        return ""


def _rank(value: str) -> str:
    """The server would make 25 of 2.5 and 5 of -5: it drops all that is no digit."""
    found = _WHOLE.fullmatch(value)
    return str(min(int(found[1]), _MOST_RANK)) if found else ""


def _instant(value: str, zone: ZoneInfo | None) -> str:
    if not value or value in _NO_DATE or zone is None:
        return "" if value in _NO_DATE else value
    try:
        return records.text(datetime.fromisoformat(value).replace(tzinfo=zone)) or ""
    except ValueError:
        return ""
