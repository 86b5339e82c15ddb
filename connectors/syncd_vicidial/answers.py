"""Reads the text that VICIdial's API answers: one parser for every function and every shape of it.

Everything is HTTP 200 and text, errors too; only a marker (`SUCCESS:`, `NOTICE:`, `ERROR:`) counts, unknown text never
becomes success. Shapes: stock trunk 3884 as recorded, the official documentation, and the guide that many sites copied.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from syncd.sdk import errors, http
from syncd_vicidial import permissions

Kind = Literal["SUCCESS", "NOTICE", "ERROR"]


LoginRefused = errors.LoginRefused


class Stopped(errors.RetryLater):
    """PHP stopped with HTTP 500 while it answered a read."""


_MARK = re.compile(r"(SUCCESS|NOTICE|ERROR): ?")
_FUNCTION = re.compile(r"([a-z][a-z0-9_]*) (?![=:])")
_REST = re.compile(r"(.*?)(?: (-) |(:) ?|$)(.*)", re.DOTALL)
_GUIDE_ID = re.compile(r"lead_id ?[=:] ?(\d+)")
_OFFSET = re.compile(r"-?\d*\.?\d*")
_HTML = re.compile(r"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
# Only at the beginning (PHP's own warnings may come first): a lead's comment may hold such words, too.
_NO_LOGIN = re.compile(
    r"(?:\s*<.*>\s*\n)*\s*(?:ERROR: )?"
    r"(Login incorrect|Invalid Username/Password|Too many login attempts|Your IP Address is not allowed)"
)
# What the Agent API adds: is the login right, may the user use the API, and the word that says why not.
_VERDICT = re.compile(r": \|[^|]*\|[^|]*\|([01])\|([01])\|(\w+)")
_SECOND_FACTOR = re.compile(r"^[^\n]*\|2FA\|\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Line:
    """One line that counts. `function` is "" where the line names none; `message` is VICIdial's constant text, `fields`
    what it adds (phone numbers, ids: never to be printed)."""

    kind: Kind
    function: str
    message: str
    fields: tuple[str, ...] = field(default=(), repr=False)

    @property
    def code(self) -> str:
        """The message as a short code."""
        return re.sub(r"[^a-z]+", "-", self.message.lower()).strip("-")[:60]


def parse(text: str) -> list[Line]:
    """The lines of an answer that carry a marker; junk in front of a marker is ignored.

    What a refused login repeats (it is the password) is left out."""
    found = []
    for raw in text.split("\n"):
        mark = _MARK.search(raw)
        if mark is None:
            continue
        rest = raw[mark.end() :].rstrip("\r")
        name = _FUNCTION.match(rest)
        function = name[1] if name else ""
        split = _REST.match(rest, name.end() if name else 0)
        message, dash, _, data = split.groups() if split else (rest, None, None, "")
        if _NO_LOGIN.match(message):
            data = ""
        elif not dash:
            data = data.removeprefix("|")
        fields = tuple(data.split("|")) if data else ()
        found.append(Line(mark[1], function, message, fields))  # type: ignore[arg-type]  # the pattern has these three
    return found


def is_html(text: str) -> bool:
    """Whether a web page came instead of an answer."""
    return "<" in text and _HTML.search(text) is not None


def version(text: str) -> dict[str, str]:
    """Given the answer of `version`, return its parts by name; raise RetryLater where it is none."""
    parts = dict(part.split(": ", 1) for part in text.strip().split("|") if ": " in part)
    if not parts.get("EPOCH", "").isdigit() or "VERSION" not in parts:
        raise errors.RetryLater("the address does not answer like VICIdial's non-agent API; check url and api_path")
    return parts


def refused_login(text: str, user: str) -> errors.AuthFailed | None:
    """The error of an answer that refuses the login itself, LoginRefused, or AuthFailed where the login is right but
    the user may not use the Agent API at all; the answer is not quoted, it repeats the password."""
    found = _NO_LOGIN.match(text)
    if found is None:
        return None
    verdict = _VERDICT.match(text, found.end())
    word = verdict[3] if verdict else ""
    if verdict and verdict[1] == "1" and verdict[2] == "0":
        return errors.AuthFailed(
            f"user {user} may not use VICIdial's Agent API", fix="set vdc_agent_api_access of the user to 1"
        )
    if found[1].startswith("Too many") or word == "LOCK":
        return LoginRefused(
            f"VICIdial has locked user {user} for 15 minutes after too many wrong logins",
            fix="find what uses a wrong password, then wait 15 minutes",
        )
    if found[1].startswith("Your IP") or word == "IPBLOCK":
        return LoginRefused(
            "VICIdial does not allow this machine's address",
            fix=f"add it to the API IP list of the group of user {user}",
        )
    if _SECOND_FACTOR.search(text):
        return LoginRefused(
            f"VICIdial wants a second factor from user {user}, which an API cannot give",
            fix="set Two Factor Auth Override of the user to DISABLED",
        )
    return LoginRefused(
        f"VICIdial refuses the login of user {user}",
        fix="check user and password; the user must be active with user_level 7 or more (8 or more to write leads)",
    )


def refusal(line: Line, function: str, user: str) -> errors.SyncdError | None:
    """Given an ERROR line answered to `function`, return what it means; None for a text that is not known."""
    message = line.message
    if "PHONE NUMBER IN CAMPAIGN DNC" in message:
        return errors.Screened("campaign_dnc", "the number is on the campaign's do-not-call list")
    if "PHONE NUMBER IN DNC" in message:
        return errors.Screened("dnc", "the number is on the do-not-call list")
    if "DOES NOT HAVE PERMISSION TO USE THIS FUNCTION" in message:
        return errors.AuthFailed(
            f"user {user} may not use {function}", fix=f"add {function} to the user's api_allowed_functions"
        )
    if "DOES NOT HAVE PERMISSION" in message or "user_group DOES NOT EXIST" in message:
        return errors.AuthFailed(
            f"user {user} lacks a permission for {function}", fix=f"the user needs {permissions.needed(function)}"
        )
    if message == "NO FUNCTION SPECIFIED":
        return errors.AuthFailed(
            f"the server has no function {function}", fix="check the address and the options `functions`"
        )
    if "Invalid Source" in message:
        return errors.AuthFailed("VICIdial refuses the option `source`", fix="use 2 to 20 letters and digits")
    if "NOT A VALID CALL TIME" in message:
        return errors.AuthFailed(
            "the option `local_call_time` names no call time of the server",
            fix="use one of its Call Times, e.g. 24hours",
        )
    if "NO MATCHES FOUND" in message or "LEAD NOT FOUND" in message:
        return errors.Missing("the lead is gone")
    if "HAS NOT BEEN ADDED" in message:
        return errors.RetryLater("the server could not store the lead")
    return _rejection(line)


def _rejection(line: Line) -> errors.Rejected | None:
    list_id = line.fields[-1] if line.fields and line.fields[-1].isdigit() else "the list"
    if "NOT A DEFINED LIST ID" in line.message:
        problem = errors.Problem(
            f"there is no list {list_id}", "list_id", "create the list in VICIdial or correct the mapping"
        )
    elif "NOT AN ALLOWED LIST ID" in line.message:
        problem = errors.Problem(
            f"the API user may not use list {list_id}",
            "list_id",
            "allow the list's campaign to the user's group, or take api_list_restrict off the user",
        )
    elif "INVALID PHONE NUMBER" in line.message:
        what = line.message.partition("INVALID PHONE NUMBER")[2].strip().lower() or "as a whole"
        problem = errors.Problem(
            f"VICIdial refuses the phone number ({what})",
            "phone_number",
            "correct the phone in the CRM (6 to 16 digits)",
        )
    else:
        return None
    return errors.Rejected([problem])


def added_lead(lines: Sequence[Line], *, phone: str, list_id: str, user: str) -> str | None:
    """The id of the lead that `add_lead` reports, or None where the answer leaves any doubt.

    Stock trunk 3884 prints phone|list|lead|offset|user, the documentation phone|user|list|lead|offset, the guide
    `lead_id=N`. The values that were sent tell the shapes apart; a position is never guessed."""
    success = [line for line in lines if line.kind == "SUCCESS"]
    if len(success) != 1 or success[0].function not in ("", "add_lead") or any(line.kind == "ERROR" for line in lines):
        return None
    parts = success[0].fields
    fits = []
    if len(parts) == 5 and parts[0] == phone:
        if parts[1] == list_id and parts[4] == user and _OFFSET.fullmatch(parts[3]):
            fits.append(parts[2])
        if parts[1] == user and parts[2] == list_id and _OFFSET.fullmatch(parts[4]):
            fits.append(parts[3])
    elif not parts and (guide := _GUIDE_ID.fullmatch(success[0].message)):
        fits.append(guide[1])
    if len(fits) != 1 or not re.fullmatch(r"[1-9]\d*", fits[0]) or fits[0] in (phone, list_id):
        return None
    return fits[0]


def duplicate_of(line: Line, list_id: str) -> str | None:
    """The existing lead's id in a DUPLICATE line (behind the list id that was asked for), or None."""
    if list_id not in line.fields[:-1]:
        return None
    lead = line.fields[line.fields.index(list_id) + 1]
    return lead if re.fullmatch(r"[1-9]\d*", lead) else None


def notes(lines: Sequence[Line]) -> tuple[str, ...]:
    """What is worth storing of an answer. That there was no callback to take back is not, and what became of custom
    fields is told by field."""
    nothing = [line for line in lines if "CALLBACK DELETED" in line.message and line.fields[2:3] == ("0",)]
    nothing += [line for line in lines if "CUSTOM FIELDS" in line.message]
    return tuple(line.code for line in lines if line.kind == "NOTICE" and line not in nothing)


def unclear(answer: http.Answer) -> errors.Ambiguous:
    """The error of an answer to a write that says neither yes nor no."""
    text = answer.text()
    what = (
        "a web page" if is_html(text) else "an empty body" if not text.strip() else "an answer that is not understood"
    )
    return errors.Ambiguous(f"HTTP {answer.status} with {what}")
