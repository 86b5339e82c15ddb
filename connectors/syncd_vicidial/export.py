"""Reads the rows of call_report_export.php, whose in-group rows do not line up with their header (trunk 3884)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from syncd.sdk import errors
from syncd_vicidial import answers, permissions
from syncd_vicidial.options import Options
from syncd_vicidial.windows import Window

_FUNCTION = "call_report_export.php"
_NONE = re.compile(r"There are no (?:outbound |inbound )?calls during this time period")
_NOT_ALLOWED = re.compile(r"You (?:are not allowed to view (?:reports|this report)|do not have permissions)")
_QUEUE_SECONDS = re.compile(r"\d+(?:\.\d+)?")
_LEAD_COLUMNS = 36  # call_date … lead_id: the same in every row
_TAIL_FROM = "list_name"  # from here on rows line up again, counted from the end
_HEAD = ("call_date", "phone_number_dialed", "status", "user", "campaign_id", "vendor_lead_code", "alt_dial", "lead_id")


def parameters(window: Window, options: Options) -> list[tuple[str, str]]:
    """The form that asks for the calls of a window."""

    def day(moment: datetime) -> str:
        return moment.strftime("%Y-%m-%d")

    form = [
        ("run_export", "1"), ("header_row", "YES"), ("date_field", "call_date"), ("rec_fields", "NONE"),
        ("custom_fields", "NO"), ("call_notes", "NO"), ("export_fields", "EXTENDED_2"),
        ("query_date", day(window.first)), ("query_hour", f"{window.first:%H}"),
        ("end_date", day(window.last)), ("end_hour", f"{window.last:%H}"),
        ("list_id[]", "---ALL---"), ("status[]", "---ALL---"), ("user_group[]", "---ALL---"),
    ]  # fmt: skip
    form += [("campaign[]", name) for name in options.campaigns]
    form += [("group[]", name) for name in options.in_groups]
    if options.archived_calls:
        form.append(("search_archived_data", "checked"))
    return form


def rows(text: str, user: str) -> Iterator[dict[str, str] | None]:
    """Given an export, yield each call's columns with `leg` ("out" or "in"); None for a row that cannot be read.

    Raises AuthFailed, RetryLater (a web page, a cut answer), ContractViolation (another layout)."""
    header, _, _ = text[:4000].partition("\r\n")
    names = header.split("\t")
    if names[0] != "call_date":
        if _NONE.match(text):
            return
        raise _refused(text[:4000], user)
    tail_length = len(names) - names.index(_TAIL_FROM) if _TAIL_FROM in names else 0
    missing = [name for name in (*_HEAD, "uniqueid", "length_in_sec") if name not in names]
    if missing or names[_LEAD_COLUMNS - 1] != "lead_id" or not tail_length:
        raise errors.ContractViolation(f"the call export has another layout; missing: {', '.join(missing) or 'order'}")
    if not text.endswith("\r\n"):
        raise errors.RetryLater("the call export is cut")
    start = len(header) + 2
    while start < len(text):
        end = text.index("\r\n", start)
        yield _row(names, text[start:end].split("\t"), tail_length)
        start = end + 2


def _row(names: list[str], parts: list[str], tail_length: int) -> dict[str, str] | None:
    if len(parts) < _LEAD_COLUMNS + tail_length:
        return None
    columns = dict(zip(names[:_LEAD_COLUMNS], parts, strict=False))
    columns.update(zip(names[-tail_length:], parts[-tail_length:], strict=True))
    middle = names[_LEAD_COLUMNS:-tail_length]
    if _QUEUE_SECONDS.fullmatch(columns["alt_dial"]):
        columns["leg"] = "in"
        # One column (wrap-up seconds) comes first here, and the last of the header is missing.
        columns.update(zip(middle, parts[_LEAD_COLUMNS + 1 : -tail_length], strict=False))
    else:
        if len(parts) != len(names):
            return None
        columns["leg"] = "out"
        columns.update(zip(middle, parts[_LEAD_COLUMNS:-tail_length], strict=True))
    columns["phone_number"] = columns["phone_number_dialed"]
    return columns


def hides_data(columns: Mapping[str, str]) -> bool:
    """Whether the server masks leads for this user: what should name a person is nothing but X."""
    named = [
        columns[name] for name in ("vendor_lead_code", "source_id", "first_name", "last_name") if columns.get(name)
    ]
    return len(named) > 1 and all(set(value) == {"X"} for value in named)


def _refused(text: str, user: str) -> errors.SyncdError:
    if _NOT_ALLOWED.match(text):
        return errors.AuthFailed(
            f"user {user} may not use {_FUNCTION}", fix=f"the user needs {permissions.needed(_FUNCTION)}"
        )
    if answers.is_html(text):
        return errors.RetryLater("the call export answers with a web page; check the options url and export_path")
    return errors.RetryLater("the call export gives an answer that is not understood")
