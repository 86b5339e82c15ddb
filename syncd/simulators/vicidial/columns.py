"""What MariaDB makes of a text on its way into a column: character sets, SQL escapes, widths, dates, ENUMs.

Source: the tables of trunk 3884, and a stock server on MariaDB 10.11 without strict mode (it converts, never refuses)
with the default character sets utf8mb4 and latin1. Bytes that are not UTF-8 are surrogate escapes here.
"""

import calendar
import dataclasses
import functools
import re
from collections.abc import Callable, Mapping

CHARSETS = ("utf8mb4", "latin1")
WIDTH: Mapping[str, int] = {
    "status": 6, "user": 20, "vendor_lead_code": 20, "source_id": 50, "phone_code": 10, "phone_number": 18, "title": 4,
    "first_name": 30, "middle_initial": 1, "last_name": 30, "address1": 100, "address2": 100, "address3": 100,
    "city": 50, "state": 2, "province": 50, "postal_code": 10, "country_code": 3, "alt_phone": 12, "email": 70,
    "security_phrase": 100, "comments": 255, "owner": 20, "lead_status": 6, "callback_comments": 255,
}  # fmt: skip

_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_DATE = re.compile(r"(\d+)[-/.](\d+)[-/.](\d+)(?:[-T: ](\d+))?(?:[-:](\d+))?(?:[-:](\d+))?", re.ASCII)
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclasses.dataclass(frozen=True, slots=True)
class Storage:
    """A server's database. With `use_non_latin` the API says SET NAMES UTF8 (three bytes a character at most), else
    PHP and MariaDB talk in the server's own character set."""

    use_non_latin: bool = False
    charset: str = "utf8mb4"

    def __post_init__(self) -> None:
        if self.charset not in CHARSETS:
            raise ValueError(f"charset {self.charset!r}: one of {', '.join(CHARSETS)} is expected")

    def literal(self, value: str) -> str | None:
        """Given a text put between double quotes, return what MariaDB reads, or None if it ends the statement early: a
        last, lone backslash escapes the closing quote."""
        if not value.isascii():
            value = self._read(value)
        if "\\" in value:
            if (len(value) - len(value.rstrip("\\"))) % 2:
                return None
            value = _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), value)
        return value

    def _read(self, value: str) -> str:
        if self.use_non_latin or self.charset != "latin1":
            value = _NOT_UTF8.sub("?", value)
        if self.use_non_latin:
            value = _BEYOND_BMP.sub("????", value)
            if self.charset == "latin1":
                value = value.encode("cp1252", "replace").decode("cp1252")
        return value

    def cut(self, value: str, width: int) -> str:
        """A text in a VARCHAR of that width: characters, where each byte is taken for a character bytes."""
        if self.charset == "latin1" and not self.use_non_latin and not value.isascii():
            return value.encode("utf-8", "surrogateescape")[:width].decode("utf-8", "surrogateescape")
        return value[:width]

    def column(self, name: str, value: str) -> str:
        """Given an SQL literal, return what the lead's column holds."""
        width = WIDTH.get(name)
        return column(name, value) if width is None else self.cut(value, width)


@dataclasses.dataclass(frozen=True, slots=True)
class Custom:
    """A column of a list's custom fields, as the type in its table says: VARCHAR(n), TEXT, DATE, ENUM('a','b')."""

    kind: str = "TEXT"
    width: int = 65535
    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, declared: str) -> "Custom":
        """Raise ValueError for another type."""
        if found := re.fullmatch(r"(?i)VARCHAR\((\d+)\)", declared):
            return cls("VARCHAR", int(found[1]))
        if re.fullmatch(r"(?i)ENUM\(('[^']*',?)+\)", declared):
            return cls("ENUM", values=tuple(re.findall(r"'([^']*)'", declared)))
        if declared.upper() in {"", "TEXT", "DATE"}:
            return cls(declared.upper() or "TEXT")
        raise ValueError(f"a custom field's type {declared!r}: VARCHAR(n), TEXT, DATE or ENUM('a','b') is expected")

    def stored(self, storage: Storage, value: str) -> str:
        """Given an SQL literal, return what the column holds."""
        if self.kind == "DATE":
            return _date(value)
        if self.kind == "ENUM":
            folded = value.rstrip(" ").casefold()
            by_name = [one for one in self.values if one.casefold() == folded]
            place = int(value) if re.fullmatch("[0-9]{1,4}", value) else 0
            by_number = self.values[place - 1 : place] if place else ()
            return next((one for one in (*by_name, *by_number)), "")
        return storage.cut(value, self.width)


def column(name: str, value: str) -> str:
    """Given an ASCII literal, return what the lead's column holds."""
    width = WIDTH.get(name)
    if width is not None:
        return value[:width]
    convert = _CONVERT.get(name)
    return value if convert is None else convert(value)


def _integer(low: int, high: int, value: str) -> str:
    match = re.match(r"-?\d+", value)
    return str(min(max(int(match[0]), low), high)) if match else "0"


def _gender(value: str) -> str:
    return value.upper() if value.upper() in {"M", "F", "U"} else ""


def _date(value: str) -> str:
    """As MariaDB reads digits and separators: years of two digits are of 1970 to 2069, day and month may be zero."""
    if re.fullmatch("[0-9]+", value):
        size = 4 if len(value) in {4, 8} or len(value) >= 14 else 2
        parts = [value[:size], *re.findall("..?", value[size:])]
    else:
        found = _DATE.match(value)
        parts = [part for part in found.groups() if part] if found else []
    if len(parts) < 3:
        return "0000-00-00"
    year, month, day, *time = (int(part) for part in parts)
    if len(parts[0]) == 2 and any((year, month, day, *time)):
        year += 2000 if year < 70 else 1900
    if year > 9999 or month > 12 or day > (_DAYS[month - 1] if month else 31):
        return "0000-00-00"
    if (month, day) == (2, 29) and not calendar.isleap(year):
        return "0000-00-00"
    if any(part > most for part, most in zip(time, (23, 59, 59), strict=False)):
        return "0000-00-00"
    return f"{year:04}-{month:02}-{day:02}"


def offset(value: str) -> str:
    """A GMT offset as DECIMAL(4,2) prints it."""
    try:
        return f"{min(max(float(value), -99.99), 99.99):.2f}"
    except ValueError:
        return "0.00"


_CONVERT: Mapping[str, Callable[[str], str]] = {
    "rank": functools.partial(_integer, -32768, 32767),
    "called_count": functools.partial(_integer, 0, 65535),
    "list_id": functools.partial(_integer, 0, 2**64 - 1),
    "entry_list_id": functools.partial(_integer, 0, 2**64 - 1),
    "gender": _gender,
    "date_of_birth": _date,
    "gmt_offset_now": offset,
}
