"""Calls from call_report_export.php, whose in-group rows do not line up with their header (trunk 3884).

`search_archived_data` reads the archive tables *instead of* the live ones (`use_archive_table` in functions.php), so
both are asked for. An archive table has a copy of each call as it was when the site's archiving first saw it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

import structlog

from syncd.sdk import errors
from syncd_vicidial import answers, permissions
from syncd_vicidial.api import Api
from syncd_vicidial.options import Options
from syncd_vicidial.rows import UNIQUEID, Columns, Part, SourceName, Unreadable
from syncd_vicidial.windows import Window

_LOG = structlog.get_logger(__name__)
_FUNCTION = "call_report_export.php"
_NONE = re.compile(r"There are no (?:outbound |inbound )?calls during this time period")
_NOT_ALLOWED = re.compile(r"You (?:are not allowed to view (?:reports|this report)|do not have permissions)")
_QUEUE_SECONDS = re.compile(r"\d+(?:\.\d+)?")
_BEGINS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\t")
_WHEN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|")
_LEAD_COLUMNS = 36  # call_date … lead_id: the same in every row
_TAIL_FROM = "list_name"  # from here on rows line up again, counted from the end
_HEAD = ("call_date", "phone_number_dialed", "status", "user", "campaign_id", "vendor_lead_code", "alt_dial", "lead_id")
_MOST_LINES = 30  # of which one row is put together
_LONG_AGO = datetime(2000, 1, 1)  # noqa: DTZ001 – the server's wall clock


class Export:
    """See `rows.Source`."""

    name: SourceName = "call_report_export"

    def __init__(self, api: Api, options: Options) -> None:
        self._api = api
        self._options = options
        self._phones_hidden = False

    def parts(self, window: Window, *, archived: bool) -> Iterator[Part]:
        yield Part(self._rows(window, archived=archived))

    def check(self) -> None:
        list(self._read(Window(_LONG_AGO, _LONG_AGO, _LONG_AGO), archive=False))

    def _rows(self, window: Window, *, archived: bool) -> Iterator[Columns | Unreadable]:
        masked = shown = 0
        for archive in (False, True) if archived else (False,):
            for row in self._read(window, archive=archive):
                if not isinstance(row, Unreadable) and row["vendor_lead_code"]:
                    hidden = _hides_lead(row)
                    masked, shown = masked + hidden, shown + (not hidden)
                    if not self._phones_hidden and "X" in row["phone_number"]:
                        self._phones_hidden = True
                        _LOG.warning(
                            "calls_without_phones", host=self._api.host, fix="admin_hide_phone_data of the user"
                        )
                yield row
        if masked and not shown:  # one lead may really be called X
            raise errors.AuthFailed(
                f"VICIdial masks the leads of calls for user {self._api.user}",
                fix="set the user's admin_hide_lead_data to 0",
            )

    def _read(self, window: Window, *, archive: bool) -> Iterator[Columns | Unreadable]:
        body = self._api.export(parameters(window, self._options, archive=archive))
        for row in rows(body, self._api.user):
            yield {**row, "archived": "yes"} if archive and not isinstance(row, Unreadable) else row


def parameters(window: Window, options: Options, *, archive: bool) -> list[tuple[str, str]]:
    """The form that asks for the calls of a window, in the archive tables or in the live ones."""

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
    if archive:
        form.append(("search_archived_data", "checked"))
    return form


def rows(body: bytes, user: str) -> Iterator[Columns | Unreadable]:
    """Given an export, yield each call's columns, `leg` among them, reading one line after the other.

    A row that a line break in a list's description has torn is put together again; what tabs there have made longer is
    read, too, as long as all that counts stands in its place. What is left is given as Unreadable.

    Raises AuthFailed, RetryLater (a web page, a cut answer), ContractViolation (another layout)."""
    start = body.find(b"\r\n") + 2
    names = body[: max(0, start - 2)].decode("utf-8", "replace").split("\t")
    if names[0] != "call_date":
        beginning = body[:4000].decode("utf-8", "replace")
        if _NONE.match(beginning):
            return
        raise _refused(beginning, user)
    layout = _Layout(names)
    if not body.endswith(b"\r\n"):
        raise errors.RetryLater("the call export is cut")
    torn: list[str] = []
    while start < len(body):
        end = body.index(b"\r\n", start)
        line = body[start:end].decode("utf-8", "replace")
        start = end + 2
        if _BEGINS.match(line):
            if torn:
                yield Unreadable("too few columns")
            torn = [line]
        elif torn and len(torn) < _MOST_LINES:
            torn.append(line)
        else:
            if line.strip():
                yield Unreadable("a line that is no row")
            continue
        columns = layout.columns("\r\n".join(torn).split("\t"), patched=len(torn) > 1)
        if columns is not None:
            torn = []
            yield columns
    if torn:
        yield Unreadable("too few columns")


class _Layout:
    """Where the columns of a row stand, by the header's names. Raises ContractViolation for another layout."""

    def __init__(self, names: list[str]) -> None:
        tail_length = len(names) - names.index(_TAIL_FROM) if _TAIL_FROM in names else 0
        missing = [name for name in (*_HEAD, "uniqueid", "length_in_sec") if name not in names]
        if missing or len(names) <= _LEAD_COLUMNS or names[_LEAD_COLUMNS - 1] != "lead_id" or not tail_length:
            what = f"the call export has another layout; missing: {', '.join(missing) or 'order'}"
            raise errors.ContractViolation(what)
        self._length = len(names)
        self._head, self._middle = names[:_LEAD_COLUMNS], names[_LEAD_COLUMNS:-tail_length]
        self._tail = names[-tail_length:]

    def columns(self, parts: list[str], *, patched: bool) -> Columns | None:
        """One row's columns; None where they do not stand where they should. `patched`: it was put together."""
        if len(parts) < self._length:
            return None
        columns = dict(zip(self._head, parts, strict=False))
        columns.update(zip(self._tail, parts[-len(self._tail) :], strict=True))
        columns["leg"] = "in" if _QUEUE_SECONDS.fullmatch(columns["alt_dial"]) else "out"
        # In-group rows have one column (wrap-up seconds) first here, and the last of the header is missing.
        begin, names = _LEAD_COLUMNS, self._middle
        if columns["leg"] == "in":
            begin, names = begin + 1, names[:-1]
        columns.update(zip(names, parts[begin:], strict=False))
        if (patched or len(parts) > self._length) and not _in_place(columns):
            return None
        columns["phone_number"] = columns["phone_number_dialed"]
        return columns


def _in_place(columns: Columns) -> bool:
    """Whether all that counts stands where it should, by what tells the columns beside it from others: a row that is
    longer than the header must have its surplus elsewhere."""
    return (
        columns.get("gender") in ("M", "F", "U")
        and columns["length_in_sec"].lstrip("-").isdigit()
        and columns.get("rank", "").lstrip("-").isdigit()
        and columns["lead_id"].isdigit()
        and _WHEN.fullmatch(columns.get("entry_date", "?")) is not None
        and UNIQUEID.fullmatch(columns["uniqueid"]) is not None
    )


def _hides_lead(columns: Columns) -> bool:
    """Whether what should name a person is nothing but X in this row."""
    if columns["vendor_lead_code"].strip("X"):
        return False
    named = [columns[name] for name in ("source_id", "first_name", "last_name") if columns.get(name)]
    return bool(named) and not any(value.strip("X") for value in named)


def _refused(text: str, user: str) -> errors.SyncdError:
    if _NOT_ALLOWED.match(text):
        return errors.AuthFailed(
            f"user {user} may not use {_FUNCTION}", fix=f"the user needs {permissions.needed(_FUNCTION)}"
        )
    if answers.is_html(text):
        return errors.RetryLater("the call export answers with a web page; check the options url and export_path")
    return errors.RetryLater("the call export gives an answer that is not understood")
