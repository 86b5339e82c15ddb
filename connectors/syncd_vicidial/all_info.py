"""Reads what `lead_all_info` prints: one lead, its columns separated by a character that values may hold as well."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

COLUMNS = (
    "status", "user", "vendor_lead_code", "source_id", "list_id", "gmt_offset_now", "phone_code", "phone_number",
    "title", "first_name", "middle_initial", "last_name", "address1", "address2", "address3", "city", "state",
    "province", "postal_code", "country_code", "gender", "date_of_birth", "alt_phone", "email", "security_phrase",
    "comments", "called_count", "last_local_call_time", "rank", "owner", "entry_list_id", "lead_id",
)  # fmt: skip

# Columns whose values cannot be anything, as far as a row that has been torn apart would show.
_SHAPES = {
    "list_id": r"\d+",
    "gmt_offset_now": r"-?\d*\.\d*|",
    "phone_code": r"\d*",
    "phone_number": r"[\dX]*",
    "gender": "[MFU]?",
    "date_of_birth": r"\d{4}-\d\d-\d\d|",
    "called_count": r"\d+",
    "last_local_call_time": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|",
    "rank": r"-?\d+",
    "entry_list_id": r"\d+",
    "lead_id": r"[1-9]\d*",
}
_CHECKED = tuple((COLUMNS.index(name), re.compile(shape)) for name, shape in _SHAPES.items())
_COMMENTS = COLUMNS.index("comments")


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead's columns as printed. `certain` is False where a value holds the separator: then only the columns outside
    of `doubtful` are beyond doubt. `custom`: the custom fields behind them, where they were asked for."""

    columns: dict[str, str]
    certain: bool = True
    custom: dict[str, str] = field(default_factory=dict)


# Where the row has too many separators, the surplus is taken for a part of the comments; these lie next to it and any
# of them may be the one (the API keeps no separator in the others, and a shift of those shows in the shapes).
DOUBTFUL = ("alt_phone", "email", "security_phrase", "comments")


def parse(text: str, lead_id: str, *, separator: str = "|") -> Lead | None:
    """Given the answer to lead_all_info for `lead_id`, with or without its header line, return the lead.

    None where the answer is cut, is not a lead's, or cannot be taken apart (with custom fields: as soon as a value
    holds the separator)."""
    if not text.endswith("\n"):
        return None
    body = text[:-1]
    header, _, rest = body.partition("\n")
    names = header.split(separator)
    custom: list[str] = []
    if names[:2] == ["status", "user"] and "lead_id" in names:
        body = rest
        end = names.index("lead_id") + 1
        names, custom = names[:end], names[end:]
    else:
        names = list(COLUMNS)
    parts = body.split(separator)
    surplus = len(parts) - len(names) - len(custom)
    if surplus == 0:
        values = dict(zip(custom, parts[len(names) :], strict=True))
        return _checked(names, parts[: len(names)], lead_id, certain=True, custom=values)
    if surplus < 0 or custom or tuple(names) != COLUMNS:
        return None
    end = _COMMENTS + surplus + 1
    comments = separator.join(parts[_COMMENTS:end])
    return _checked(names, [*parts[:_COMMENTS], comments, *parts[end:]], lead_id, certain=False, custom={})


def _checked(
    names: Sequence[str], parts: Sequence[str], lead_id: str, *, certain: bool, custom: dict[str, str]
) -> Lead | None:
    columns = dict(zip(names, parts, strict=True))
    if columns["lead_id"] != lead_id:
        return None
    if tuple(names) == COLUMNS and not all(shape.fullmatch(parts[place]) for place, shape in _CHECKED):
        return None
    return Lead(columns, certain, custom)
