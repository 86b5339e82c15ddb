"""The actions and what each takes: one list for the checks before a request, for the command line and for its help.

Names are VICIdial's own, but where it says `value` for a thing with a name of its own (a status, a number). What is
allowed: agc/api.php and AGENT_API.txt of trunk 3884, and the columns of vicidial_live_agents.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from syncd.sdk import errors, protocol

YES_NO = ("yes", "no")
_NAME = "[A-Za-z0-9_-]"
_STAMP = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d)?"


@dataclass(frozen=True, slots=True)
class Parameter(protocol.Parameter):
    """A parameter with the pattern that its whole text must match."""

    pattern: str = ""


def _one_of(name: str, choices: tuple[str, ...], text: str, *, required: bool = False) -> Parameter:
    return Parameter(name, text, "one of the choices", choices, required)


def _flag(name: str, text: str, *, required: bool = False) -> Parameter:
    return _one_of(name, YES_NO, text, required=required)


def _digits(
    name: str, text: str, least: int, most: int, *, personal: bool = False, required: bool = False
) -> Parameter:
    word = f"digits {least}-{most}"
    return Parameter(name, text, word, (), required, "personal" if personal else "", f"[0-9]{{{least},{most}}}")


def _name(name: str, text: str, most: int, *, required: bool = False, least: int = 1) -> Parameter:
    return Parameter(name, text, f"name {least}-{most}", (), required, "", f"{_NAME}{{{least},{most}}}")


def _text(name: str, text: str, most: int, *, personal: bool = False) -> Parameter:
    # A quotation mark ends the statement by which VICIdial stores some texts, and is dropped from the others.
    kept = rf'[^\x00-\x1f"]{{0,{most}}}'
    return Parameter(name, text, f"text {most}", (), False, "personal" if personal else "", kept)


_ALIAS = Parameter(
    "group_alias", "Group alias whose number is shown to the called", "letters and digits 2-30", (), False, "",
    "[A-Za-z0-9]{2,30}",
)  # fmt: skip
_TRANSFERS = (
    "BLIND_TRANSFER", "LOCAL_CLOSER", "DIAL_WITH_CUSTOMER", "PARK_CUSTOMER_DIAL", "LEAVE_VM", "LEAVE_3WAY_CALL",
    "HANGUP_XFER", "HANGUP_BOTH",
)  # fmt: skip
_PARKS = (
    "PARK_CUSTOMER", "GRAB_CUSTOMER", "PARK_IVR_CUSTOMER", "GRAB_IVR_CUSTOMER", "PARK_XFER", "GRAB_XFER",
    "SWAP_PARK_CUSTOMER", "SWAP_PARK_XFER", "HANGUP_XFER_GRAB_CUSTOMER",
)  # fmt: skip
_TIMERS = (
    "NONE", "WEBFORM", "WEBFORM2", "D1_DIAL", "D2_DIAL", "D3_DIAL", "D4_DIAL", "D5_DIAL", "MESSAGE_ONLY",
)  # fmt: skip
_LEAD_TEXTS: Mapping[str, int] = {
    "title": 4, "first_name": 30, "middle_initial": 1, "last_name": 30, "address1": 100, "address2": 100,
    "address3": 100, "city": 50, "state": 2, "province": 50, "postal_code": 10, "email": 70, "alt_phone": 12,
    "security_phrase": 100, "comments": 255, "owner": 20,
}  # fmt: skip
LEAD_FIELDS = (*_LEAD_TEXTS, "country_code", "gender", "date_of_birth", "rank", "vendor_lead_code", "source_id")

SESSION = Parameter(
    "session_id", "Session id that this site's `login` answered; stock VICIdial has none", "name 1-40", (), False, "",
    "[A-Za-z0-9_.-]{1,40}",
)  # fmt: skip

_ALL = (
    protocol.Action(
        "login",
        "Log an agent in, where the site has such a function (stock VICIdial has none: agents log in with a browser)",
        (
            Parameter("phone_login", "Login of the agent's phone", "name 1-15", (), True, "", f"{_NAME}{{1,15}}"),
            Parameter(
                "phone_pass", "Password of the agent's phone", "text 100", (), True, "secret", r"[^\x00-\x1f]{1,100}"
            ),
            _name("campaign", "Campaign to work in", 8, required=True),
        ),
    ),
    protocol.Action("logout", "Log the agent out, after the call if there is one"),
    protocol.Action(
        "external_pause",
        "Pause the agent, after the call if there is one, or let the agent go on",
        (_one_of("value", ("PAUSE", "RESUME"), "What to do", required=True),),
    ),
    protocol.Action(
        "pause_code",
        "Say why the agent, who is paused, is paused",
        (_name("code", "Pause code of the campaign", 6, required=True),),
    ),
    protocol.Action("external_hangup", "Hang up the customer's call"),
    protocol.Action(
        "external_status",
        "Give the agent's call its disposition and go on to the next one",
        (
            _name("status", "Status, as VICIdial has it", 6, required=True),
            Parameter(
                "callback_datetime", "When to call back: the server's time, or with an offset (…T12:00+02:00)",
                "date and time", (), False, "", _STAMP,
            ),
            _one_of("callback_type", ("ANYONE", "USERONLY"), "Who calls back; ANYONE if it is not said"),
            _text("callback_comments", "What the caller is to know; letters, digits and - . _", 200, personal=True),
            Parameter(
                "qm_dispo_code", "Code for QueueMetrics", "name 1-18", (), False, "", "[A-Za-z0-9._-]{1,18}"
            ),
        ),
    ),
    protocol.Action(
        "external_dial",
        "Make the agent, who must be paused, call a number or a lead; nobody on a do-not-call list",
        (
            _digits("phone_number", "Number to call, without the country code", 2, 16, personal=True),
            _digits("lead_id", "Lead to call; its own number is dialled", 1, 10),
            _flag("next_lead", "Call whom the campaign would call next"),
            _digits("phone_code", "Country code of the number; 1 if it is not said", 1, 10),
            _flag("search", "Look for the number among the leads; else it becomes a new one. yes if it is not said"),
            _flag("preview", "Show the lead and let the agent dial; no if it is not said"),
            _flag("focus", "Bring the agent's browser window to the front; no if it is not said"),
            Parameter(
                "vendor_id", "Vendor lead code to show", "text 20", (), False, "", r"[A-Za-z0-9 ._:/@-]{1,20}"
            ),
            Parameter(
                "dial_prefix", "What to dial in front of the number", "letters and digits 1-10", (), False, "",
                "[A-Za-z0-9]{1,10}",
            ),
            _ALIAS,
            _digits("outbound_cid", "Number to be shown to the called, where VICIdial allows it", 2, 20),
            _one_of("alt_dial", ("MAIN", "ALT", "ADDR3", "SEARCH"), "Which number of the lead; SEARCH: phone_number"),
            _name("dial_ingroup", "In-group as which to call", 20),
        ),
    ),
    protocol.Action(
        "external_add_lead",
        "Put a lead into the agent's list of manual calls; nobody on a do-not-call list",
        (
            Parameter(
                "phone_number", "Its number, without the country code", "digits 6-16", (), True, "personal",
                "[0-9]{6,16}",
            ),
            _digits("phone_code", "Country code of the number; 1 if it is not said", 1, 10),
            *(_text(name, "Of the lead", most, personal=True) for name, most in _LEAD_TEXTS.items()),
            Parameter("country_code", "Of the lead", "capitals 2-3", (), False, "", "[A-Z]{2,3}"),
            _one_of("gender", ("M", "F", "U"), "Of the lead"),
            Parameter("date_of_birth", "Of the lead", "date", (), False, "personal", r"\d{4}-\d\d-\d\d"),
            _digits("rank", "Of the lead", 1, 5),
            _text("vendor_lead_code", "Its id in another system", 20),
            _text("source_id", "Where it comes from; not syncd:…, which marks the leads that syncd keeps", 50),
        ),
    ),
    protocol.Action(
        "transfer_conference",
        "Transfer the agent's call, add a third party, or end one of these; nobody on a do-not-call list",
        (
            _one_of("value", _TRANSFERS, "What to do", required=True),
            Parameter(
                "phone_number", "Number to call or transfer to; for LOCAL_CLOSER an agent", "digits, * and # 1-18", (),
                False, "personal", "[0-9*#]{1,18}",
            ),
            _name("ingroup_choices", "In-group that takes the call, or DEFAULTINGROUP", 20, least=2),
            _flag("consultative", "Talk to the other agent first"),
            _flag("dial_override", "Dial the number just as it is"),
            _ALIAS,
            _one_of("cid_choice", ("CAMPAIGN", "AGENT_PHONE", "CUSTOMER", "CUSTOM_CID"), "Which number is shown"),
            Parameter(
                "multi_dial_phones", "Up to 10 numbers to call at once, with commas between", "digits 5-18 each", (),
                False, "personal", "[0-9]{5,18}(,[0-9]{5,18}){0,9}",
            ),
            _flag("md_check", "Not while earlier calls of that kind are alive"),
            _flag("tw_check", "Not while another three-way call is alive"),
        ),
    ),
    protocol.Action(
        "park_call",
        "Park the customer or the third party, or take them back",
        (_one_of("value", _PARKS, "What to do", required=True),),
    ),
    protocol.Action(
        "send_dtmf",
        "Send tones into the call",
        (
            Parameter(
                "digits", "0 to 9, A to D; P for #, S for *, Q for a second of silence", "tones 1-100", (), True,
                "personal", "[0-9A-DPSQ]{1,100}",
            ),
        ),
    ),
    protocol.Action(
        "recording",
        "Start or stop the recording of the agent's call, or tell how it stands",
        (
            _one_of("value", ("START", "STOP", "STATUS"), "What to do", required=True),
            Parameter(
                "stage", "Put behind the name of the file (START)", "name 1-14", (), False, "",
                "[A-Za-z0-9_.-]{1,14}",
            ),
        ),
    ),
    protocol.Action("calls_in_queue_count", "Count the calls that wait and could go to the agent"),
    protocol.Action(
        "st_get_agent_active_lead",
        "Tell which lead is on the agent's screen",
        (
            _name("crm_user", "What the field Custom 3 of the agent's user holds; the user itself if not said", 100),
            _text("vendor_id", "Your team's id; VICIdial wants one and does not use it", 50),
        ),
    ),
    protocol.Action(
        "change_ingroups",
        "Change which in-groups the agent takes calls from",
        (
            _one_of("value", ("CHANGE", "ADD", "REMOVE"), "These alone, these as well, these no more", required=True),
            _flag("blended", "Take outbound calls, too", required=True),
            Parameter(
                "ingroup_choices", "In-groups, with commas between", "names", (), False, "",
                f"{_NAME}{{2,20}}([ ,]+{_NAME}{{2,20}})*",
            ),
            _flag("set_as_default", "Also from the next login on; no if it is not said"),
        ),
    ),
    protocol.Action(
        "set_timer_action",
        "Let the agent's screen do something after so many seconds of a call",
        (
            _one_of("value", _TIMERS, "What to do", required=True),
            _text("notes", "Message to show; letters, digits and - . _", 255),
            _digits("seconds", "How many seconds into the call", 1, 6),
        ),
    ),
)  # fmt: skip
ACTIONS: Mapping[str, protocol.Action] = {
    one.name: protocol.Action(one.name, one.help, (*one.parameters, *(() if one.name == "login" else (SESSION,))))
    for one in _ALL
}


def check(action: str, user: str, values: Mapping[str, str]) -> None:
    """Raise Rejected with everything that VICIdial would refuse, drop or misread; values are not repeated."""
    known = {parameter.name: parameter for parameter in ACTIONS[action].parameters}
    problems = []
    if not re.fullmatch(f"{_NAME}{{2,20}}", user):
        problems.append(errors.Problem("an agent's user has 2 to 20 letters, digits, - and _", "user"))
    for name, value in values.items():
        parameter = known.get(name)
        if parameter is None:
            problems.append(errors.Problem(f"{action} takes no {name}", name, f"it takes: {', '.join(known)}"))
        elif parameter.choices and value not in parameter.choices:
            problems.append(errors.Problem("no such choice", name, f"one of {', '.join(parameter.choices)}"))
        elif isinstance(parameter, Parameter) and parameter.pattern and not re.fullmatch(parameter.pattern, value):
            problems.append(errors.Problem(f"not accepted; expected: {parameter.type}", name, parameter.help))
    missing = [one for one in known.values() if one.required and not values.get(one.name)]
    problems += [errors.Problem("is missing", one.name, one.help) for one in missing]
    if problems:
        raise errors.Rejected(problems)
