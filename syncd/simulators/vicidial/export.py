"""call_report_export.php: the calls of whole hours as tab-separated text.

Source: call_report_export.php of trunk 3884. In-group rows do not line up with the header: `alt_dial` holds queue
seconds, one more column follows `lead_id`, and the last of the extra columns is missing.
"""

import dataclasses
import re
from collections.abc import Callable, Collection, Iterator, Sequence

from syncd.simulators.common.wire import HTML, HttpAnswer

from . import auth, rows
from .request import Request
from .statuses import STATUSES
from .world import World

PATH = "/vicidial/call_report_export.php"
_REPORT = "Export Calls Report"
_LEAD_PART = (
    "vendor_lead_code", "source_id", "list_id", "gmt_offset_now", "phone_code", "phone_number", "title", "first_name",
    "middle_initial", "last_name", "address1", "address2", "address3", "city", "state", "province", "postal_code",
    "country_code", "gender", "date_of_birth", "alt_phone", "email", "security_phrase", "comments",
)  # fmt: skip
_HEADER = (
    "call_date", "phone_number_dialed", "status", "user", "full_name", "campaign_id", *_LEAD_PART, "length_in_sec",
    "user_group", "alt_dial", "rank", "owner", "lead_id",
)  # fmt: skip
_DATES = ("entry_date", "called_count", "last_local_call_time", "modify_date", "called_since_last_reset")
_DID = (
    "wrapup_time", "queue_time", "uniqueid", "caller_code", "server_ip", "hangup_cause", "dialstatus", "channel",
    "dial_time", "answered_time", "cpd_result", "did_pattern", "did_id", "did_description",
)  # fmt: skip
_DID_CUSTOM = (
    "did_custom_one", "did_custom_two", "did_custom_three", "did_custom_four", "did_custom_five",
    "did_carrier_description",
)  # fmt: skip
# By export_fields: columns between lead_id and list_name, and columns at the end.
_EXTENDED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "EXTENDED": (_DATES, _DID),
    "EXTENDED_2": ((*_DATES, "term_reason"), _DID),
    "EXTENDED_3": ((*_DATES, "term_reason"), (*_DID, *_DID_CUSTOM)),
    "EXTENDED_4": (("log_called_count", "log_list_id"), _DID),
}
_RECORDING = {
    "ID": ("recording_id",),
    "FILENAME": ("filename",),
    "LOCATION": ("location",),
    "ALL": ("recording_id", "filename", "location"),
}
_RECORDING_HEADER = {"recording_id": "recording_id", "filename": "recording_filename", "location": "recording_location"}
_VISIBLE_DIGITS = {"4_DIGITS": 4, "3_DIGITS": 3, "2_DIGITS": 2}


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    call: rows.Call
    lead: rows.Lead
    full_name: str


def answer(world: World, pairs: Sequence[tuple[str, str]], login: tuple[str, str]) -> HttpAnswer:
    """Run one export; `login` is user and password of HTTP Basic."""
    user_name, password = (rows.NOT_A_NAME.sub("", part) for part in login)
    verdict = auth.authorize(world, user_name, password, above_level=6)
    if verdict == auth.LOCK:
        return _text(f"Too many login attempts, try again in 15 minutes: |{user_name}|LOCK|\n")
    if verdict != auth.GOOD:
        return _unauthorized(f"Login incorrect, please try again: |{user_name}|{password}|{verdict}|\n")
    req = Request(world, pairs, guide=False)
    req.user_name, req.user = user_name, world.users[user_name]
    if not req.user.view_reports:
        return _text(f"You are not allowed to view reports: |{user_name}|GOOD|\n")
    if not req.user.export_reports:
        return _text(f"You do not have permissions for export reports: |{user_name}|\n")
    reports = req.group().allowed_reports
    if _REPORT not in reports and "ALL REPORTS" not in reports:
        return _unauthorized(f"You are not allowed to view this report: |{user_name}|{_REPORT}|\n")
    if req.raw.get("run_export", "") in {"", "0"}:
        return _text("<HTML><HEAD><TITLE>ADMINISTRATION: Export Calls Report</TITLE></HEAD><BODY></BODY></HTML>\n")
    return _export(req)


def _text(body: str) -> HttpAnswer:
    return HttpAnswer(200, body.encode(), HTML)


def _unauthorized(body: str) -> HttpAnswer:
    return HttpAnswer(401, body.encode(), HTML, {"WWW-Authenticate": 'Basic realm="CONTACT-CENTER-ADMIN"'})


def _export(req: Request) -> HttpAnswer:
    campaigns = _chosen(req, "campaign", filter(req.group().allows, req.world.campaigns))
    groups = _chosen(req, "group", req.world.in_groups)
    outbound = list(_rows(req, campaigns, inbound=False)) if campaigns is not None else []
    if campaigns is not None and not outbound and groups is None:
        return _text("There are no outbound calls during this time period for these parameters\n")
    inbound = list(_rows(req, groups, inbound=True)) if groups is not None else []
    if groups is not None and not inbound and not outbound:
        return _text("There are no inbound calls during this time period for these parameters\n")
    if not outbound and not inbound:
        return _text("There are no calls during this time period for these parameters\n")
    form = _FORMS.get(req.raw.get("export_fields", ""), _standard)
    body = _header(req) if req.raw.get("header_row") == "YES" else ""
    body += "".join(form(req, row) + _tail(req, row) + "\r\n" for row in (*outbound, *inbound))
    stamp = req.world.clock.text().translate(str.maketrans(" ", "-", "-:"))
    return HttpAnswer(
        200,
        body.encode("utf-8", "surrogateescape"),
        "application/octet-stream",
        {"Content-Disposition": f'attachment; filename="EXPORT_CALL_REPORT_{stamp}.txt"'},
    )


def _chosen(req: Request, name: str, every: "Collection[str] | filter[str]") -> set[str] | None:
    """The values of a repeated parameter that may be seen; None if it was not sent."""
    given = req.lists.get(name)
    if not given:
        return None
    allowed = set(every)
    return allowed if "---ALL---" in given else allowed & set(given)


def _moment(date: str, hour: str, rest: str) -> str:
    return f"{date} {hour.zfill(2)}:{rest}"


def _rows(req: Request, chosen: set[str] | None, *, inbound: bool) -> Iterator[_Row]:
    world, today = req.world, req.world.clock.text()[:10]
    first = _moment(req.raw.get("query_date", today), req.raw.get("query_hour", "00"), "00:00")
    last = _moment(req.raw.get("end_date", today), req.raw.get("end_hour", "23"), "59:59")
    by_entry_date = req.raw.get("date_field") == "entry_date"
    calls = world.all_calls() if by_entry_date else world.calls_between(first, last)
    if req.raw.get("search_archived_data"):  # these tables instead of the live ones
        calls = iter([call for call in world.archived if by_entry_date or first <= call.call_date <= last])
    wanted = _conditions(req)
    found = []
    for call in calls:
        lead, user = world.leads.get(call.lead_id), world.users.get(call.user or "")
        if lead is None or user is None or bool(call.closecallid) != inbound or call.campaign_id not in (chosen or ()):
            continue
        if by_entry_date and not first <= lead.entry_date <= last:
            continue
        if all(condition(call, lead) for condition in wanted):
            found += [_Row(call, lead, user.full_name)] * call.agent_log_rows
    found.sort(
        key=lambda row: row.lead.entry_date if by_entry_date else row.call.call_date,
        reverse=req.raw.get("sort_dir") == "desc",
    )
    return iter(found)


def _conditions(req: Request) -> list[Callable[[rows.Call, rows.Lead], bool]]:
    visible_lists = set(filter(req.sees_list, req.world.lists))
    lists, statuses = req.lists.get("list_id"), req.lists.get("status")
    groups, user = req.lists.get("user_group"), req.raw.get("user")
    conditions: list[Callable[[rows.Call, rows.Lead], bool]] = []
    if not lists or "---ALL---" in lists:
        conditions.append(lambda call, lead: call.list_id in visible_lists)
    else:
        conditions.append(lambda call, lead: lead.list_id in lists)
    wanted = req.world.statuses if not statuses or "---ALL---" in statuses else set(statuses)
    conditions.append(lambda call, lead: call.status in wanted)
    if not groups or "---ALL---" in groups:
        # NULL is exported, an empty text is not.
        conditions.append(lambda call, lead: call.user_group is None or call.user_group in req.world.user_groups)
    else:
        conditions.append(lambda call, lead: call.user_group in groups)
    if user:
        conditions.append(lambda call, lead: call.user == user)
    return conditions


def _header(req: Request) -> str:
    kind = req.raw.get("export_fields", "")
    recording = "".join(f"\t{_RECORDING_HEADER[name]}" for name in _RECORDING.get(req.raw.get("rec_fields", ""), ()))
    notes = "\tcall_notes" if req.raw.get("call_notes") == "YES" else ""
    ivr = "\tivr_path" if req.raw.get("ivr_export") == "YES" else ""
    custom = "\tcustom_fields" if req.raw.get("custom_fields") == "YES" else ""
    if kind == "ALTERNATE_1":
        short = (
            "call_date", "phone_number_dialed", "status", "campaign_id", "vendor_lead_code", "source_id", "first_name",
            "last_name", "length_in_sec", "called_count", "last_local_call_time",
        )  # fmt: skip
        return f"{'|'.join(short)}{recording}|caller_code{notes}{ivr.replace(chr(9), '|')}{custom}\r\n"
    if kind == "ALTERNATE_2":
        return ""  # its header is an option of the server, unset on a fresh one
    middle, end = _EXTENDED.get(kind, ((), ()))
    names = (*_HEADER, *middle, "list_name", "list_description", "status_name")
    return "\t".join(names) + recording + "".join(f"\t{name}" for name in end) + notes + ivr + custom + "\r\n"


def _cell(value: object) -> str:
    return str("" if value is None else value).replace("\t", " -- ")


def _masked(phone: str, how: str) -> str:
    if how == "0":
        return phone
    visible = _VISIBLE_DIGITS.get(how, 0)
    return "X" * (len(phone) - visible) + (phone[-visible:] if visible else "")


def _base(req: Request, row: _Row) -> list[str]:
    call, lead, mask = row.call, row.lead, req.user.admin_hide_phone_data
    lead_part = {name: getattr(lead, name) for name in _LEAD_PART}
    lead_part["phone_number"] = _masked(lead.phone_number, mask)
    lead_part["comments"] = re.sub(r"[\n\r]", "!N", lead.comments)
    alt_dial = f"{call.queue_seconds:.2f}" if call.closecallid else call.alt_dial
    values = (
        call.call_date, _masked(call.phone_number, mask), call.status, call.user, row.full_name, call.campaign_id,
        *lead_part.values(), call.length_in_sec, call.user_group, alt_dial, lead.rank, lead.owner, lead.lead_id,
    )  # fmt: skip
    return [_cell(value) for value in values]


def _list_and_status(req: Request, row: _Row) -> list[str]:
    found = req.world.lists.get(row.lead.list_id)
    name, _ = STATUSES.get(row.call.status, ("", False))
    return [found.list_name if found else "", found.list_description if found else "", name]


def _standard(req: Request, row: _Row) -> str:
    return "\t".join((*_base(req, row), *_list_and_status(req, row)))


def _extended(req: Request, row: _Row) -> str:
    call, lead = row.call, row.lead
    kind = req.raw.get("export_fields", "")
    if kind == "EXTENDED_4":
        middle: list[object] = [call.called_count, call.list_id]
    else:
        middle = [lead.entry_date, call.called_count, lead.last_local_call_time, lead.modify_date]
        middle.append(lead.called_since_last_reset)
        if kind != "EXTENDED":
            middle.append(call.term_reason)
    if call.closecallid:
        middle = [0, *middle[:-1]]  # stock code starts one column early here
    return "\t".join((*_base(req, row), *map(_cell, middle), *_list_and_status(req, row)))


def _alternate_1(req: Request, row: _Row) -> str:
    base, call = _base(req, row), row.call
    short = [_minutes(call.call_date), *(base[column] for column in (1, 2, 5, 6, 7, 13, 15, 30))]
    outbound_end = [str(call.called_count), _minutes(row.lead.last_local_call_time)]
    end = [call.uniqueid, ""] if call.closecallid else outbound_end
    return "|".join((*short, *end)) + "|"


def _minutes(moment: str) -> str:
    return re.sub(r"-| |:|\d\d$", "", moment)


def _alternate_2(req: Request, row: _Row) -> str:
    base = _base(req, row)
    status_name = _list_and_status(req, row)[2]
    return "\t".join((*(base[column] for column in (18, 13, 15, 11, 17)), status_name, base[0]))


_FORMS: dict[str, Callable[[Request, _Row], str]] = {
    **dict.fromkeys(_EXTENDED, _extended),
    "ALTERNATE_1": _alternate_1,
    "ALTERNATE_2": _alternate_2,
}


def _tail(req: Request, row: _Row) -> str:
    kind = req.raw.get("export_fields", "")
    if kind == "ALTERNATE_2":
        return ""
    cells = _recording_cells(req, row.call)
    end = _EXTENDED.get(kind, ((), ()))[1]
    if end:
        queue = f"{row.call.queue_seconds:.2f}" if row.call.closecallid else "0"
        # The simulated server has no carrier, CPD and DID logs: those columns are empty.
        cells += ["0", queue, row.call.uniqueid, *[""] * (len(end) - 3)]
    tail = "".join(f"\t{cell}" for cell in cells)
    tail += "\t" if req.raw.get("call_notes") == "YES" else ""
    if req.raw.get("ivr_export") == "YES":
        tail += "|" if kind == "ALTERNATE_1" else "\t"
    return tail + (_custom_cells(req, row.lead) if req.raw.get("custom_fields") == "YES" else "")


def _recording_cells(req: Request, call: rows.Call) -> list[str]:
    names = _RECORDING.get(req.raw.get("rec_fields", ""), ())
    key = str(call.closecallid) if call.closecallid else call.uniqueid
    found = [recording for recording in reversed(req.world.recordings) if recording.vicidial_id == key][:10]
    told = [recording.told_at(req.world.clock.epoch()) for recording in found]
    return ["|".join(_cell(getattr(recording, name)) for recording in told) for name in names]


def _custom_cells(req: Request, lead: rows.Lead) -> str:
    source = lead.entry_list_id if int(lead.entry_list_id) > 99 else lead.list_id
    values = req.world.custom_values.get(source, {}).get(lead.lead_id)
    if values is None:
        return ""
    # Stock code counts the key column too and starts at zero: two empty cells follow.
    found = [value or "" for value in values.values()]
    cells = [_cell(value).replace("\r\n", "!N").replace("\n", "!N") for value in (*found, "", "")]
    return "".join(f"\t{cell}" for cell in cells)
