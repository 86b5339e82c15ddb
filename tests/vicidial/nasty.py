"""Records that are likely to be stored otherwise than they were sent: a seeded generator, biased to the nasty cases."""

from __future__ import annotations

import random

from syncd_vicidial import text

# Of every kind that a filter, an escape, a character set or a column treats in its own way.
PIECES = (
    "a", "Z", "0", "9", "é", "ß", "ü", "ñ", "Ø", "İ", "日本", "हिन्दी", "ก็", "א", "ا", "Ж", "Ω", "々", "ー", "ﬁ", "ª",
    "ʼ", "ʰ", "٣", "Ⅷ", "²", "½", "e\u0301", "A\u030a", "\u0640", "😀", "👨\u200d👩\u200d👧", "𝒜", "𠮷", "\U0010ffff",
    "-", "'", "_", ".", "+", ":", "/", "@", "%", "%2B", "%00", ";", "#", '"', "|", ",", "<", ">", "&", "&amp;", "<b>",
    "=", "?", "!", "!N", "*", "(", ")", "[", "]", "{", "}", "~", "`", "^", "$", "’", "“", "”", "–", "…", "€", "£",
    "（", "）", "\\", "\\\\", "\\n", "\\0", "\\%", "\\_", "\\'", " ", "  ", "\t", "\r", "\n", "\r\n",
    "\x00", "\x01", "\x0b", "\x1a", "\x1b", "\x7f", "\x85", "\u00a0", "\u200b", "\u200d", "\u2028", "\u2029",
    "\u3000", "\ufeff", "\ufffd", "\ufffe", "\uffff", "\ue000", "\ud800", "\udfff",
    "--BLANK--", "BLANK", "NULL", "' OR 1=1 --", "&first_name=",
)  # fmt: skip
WHOLE = (
    "", " ", "   ", "--BLANK--", "-- BLANK--", '"--BLANK--"', "0", "\\", "\\\\", "\\\\\\", "+", "++", "é", "😀", "\x00",
    "!N", "!\n", "\n", " a ", " a", "a ", "a\t", "A" * 300, "é" * 300, "日" * 300, "😀" * 300, "a" * 254 + "é",
    "é" * 127 + "ab", "é" + "a" * 254, "a" * 253 + "\\\\", "a" * 254 + "!N", ";" * 300 + "a" * 254 + "é", "+" * 60,
)  # fmt: skip
DATES = (
    "1970-01-31", "1970-1-31", "70-1-31", "69-12-31", "19700131", "700131", "197001", "1970-01", "1970", "1970/01/31",
    "31.01.1970", "01-31-1970", "1970-02-30", "2000-02-29", "1900-02-29", "1970-00-00", "1970-01-00", "1970-13-01",
    "0000-00-00", "0001-01-01", "0999-12-31", "9999-12-31", "10000-01-01", "-1970-01-01", "1970--01--31", "1970-01-31 ",
    "1970-01-31 10:00:00", "1970-01-31T10:00:00Z", "1970-01-31T23:00:00-05:00", "19700131101112", "１９７０-01-31", "-",
    "200101011", "2001-01-01-", "20010", "0", "00000000", "2001-0101", "yesterday",
)  # fmt: skip
NUMBERS = (
    "5", "-5", "0", "-0", "007", "32767", "32768", "99999", "-32768", "1e3", "2.5", "2.", ".5", " 7 ", "+7", "٣",
    "9" * 25, "12abc", "abc", "1,000", "²", "0x10", "NaN",
)  # fmt: skip
GENDERS = (
    "M",
    "F",
    "U",
    "m",
    "f",
    "u",
    "Male",
    "FEMALE",
    "Mrs",
    "X",
    "MF",
    "M ",
    " m",
    "Ｍ",
    "1",
    "2",
    "Ü",
    "UM",
    "Frau",
)
_SPECIAL = {"date_of_birth": DATES, "rank": NUMBERS, "gender": GENDERS}
_UNMAPPED = ("vendor_lead_code", "phone_number", "phone_code", "list_id")
FIELDS = sorted(text.FIELDS.keys() - {*_UNMAPPED, "status"})


def _text(rng: random.Random, length: int) -> str:
    return "".join(rng.choice(PIECES) for _ in range(max(0, length)))


def value(rng: random.Random, name: str) -> str | None:
    """A value for a field; None clears it."""
    special = _SPECIAL.get(name)
    if special is not None and rng.random() < 0.7:
        return rng.choice(special)
    width = text.WIDTHS.get(name, 10)
    match rng.randrange(10):
        case 0:
            return None
        case 1:
            return rng.choice(WHOLE)
        case 2 | 3:  # at the end of the column
            return _text(rng, width)[: width + rng.randint(-2, 3)]
        case 4:
            return "x" * (width - 1) + _text(rng, 3)
        case _:
            return _text(rng, rng.randint(0, 12))


def record(rng: random.Random) -> dict[str, str | None]:
    """Some fields of a lead, or all."""
    return {name: value(rng, name) for name in rng.sample(FIELDS, rng.randint(1, len(FIELDS)))}


def status(rng: random.Random) -> str:
    """A status that leaves something after VICIdial's filter; it cannot be cleared."""
    return "S" + _text(rng, rng.randint(0, 6))
