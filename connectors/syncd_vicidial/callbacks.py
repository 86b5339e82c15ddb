"""Scheduled callbacks of leads: what is to be sent to book, move or take back one, and what is booked.

Source: non_agent_api.php and AST_VDhopper.pl, trunk 3884, and recordings (callback-*). A callback has a time on the
server's wall clock; when it has come, one for ANYONE goes into the hopper whatever the lead's status is by then, so a
lead that must not be dialled must have none. `update_lead` takes any user for a callback that it changes in place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from syncd.sdk import errors, records
from syncd_vicidial import answers
from syncd_vicidial.api import Api
from syncd_vicidial.options import Options

AT, USER, COMMENTS = "callback_at", "callback_user", "callback_comments"
NAMES = (AT, USER, COMMENTS)
FIELDS: Mapping[str, records.FieldInfo] = {
    AT: records.FieldInfo("instant; blank takes the callback back"),
    USER: records.FieldInfo("VICIdial user; blank for anyone"),
    COMMENTS: records.FieldInfo("text 255"),
}
PARAMETERS = frozenset(
    {"callback", "campaign_id", "callback_datetime", "callback_type", USER, COMMENTS, "remove_from_hopper"}
)
HOLD = "CBHOLD"  # status of a lead that waits for its callback
CAME_DUE = "CALLBK"  # what VICIdial makes of it then
PAST = "callback-past"
_ENDED = frozenset({"INACTIVE", "DEAD", "ARCHIVE"})
_WIDTH = 255
_COLUMNS = 14
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Booked:
    """A row of vicidial_callbacks, or of its archive; `time` and `entered` are the server's wall clock."""

    time: str
    recipient: str
    user: str
    status: str
    comments: str
    entered: str
    campaign: str = ""
    archived: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it waits for its time, or for somebody who calls."""
        return not self.archived and self.status not in _ENDED

    @property
    def state(self) -> str:
        """ "open", "done" once somebody has called, "cancelled" where it was taken away before."""
        return "open" if self.is_open else "done" if self.status == "INACTIVE" else "cancelled"

    @property
    def owner(self) -> str:
        """The user who is to call, "" for anyone."""
        return self.user if self.recipient == "USERONLY" else ""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done about a lead's callback: nothing, take it back, or book one with these parameters. `afresh`:
    what is there must go first. `waits`: a callback stands afterwards."""

    kind: Literal["keep", "cancel", "book"]
    parameters: Mapping[str, str]
    afresh: bool = False
    waits: bool = False
    notes: tuple[str, ...] = ()


def wall(at: datetime, zone: ZoneInfo) -> str:
    """The server's wall clock at an instant, never one that comes earlier: where the clock is put back, the hour that
    comes twice means its first time to VICIdial, so an instant in the second becomes the end of that hour."""
    if at.microsecond:
        at = at.replace(microsecond=0) + timedelta(seconds=1)
    local = at.astimezone(zone)
    if local.fold:
        naive = local.replace(tzinfo=None, fold=0)
        if naive.second:
            naive = naive.replace(second=0) + _MINUTE
        while naive.replace(tzinfo=zone).utcoffset() != naive.replace(tzinfo=zone, fold=1).utcoffset():
            naive += _MINUTE
        local = naive.replace(tzinfo=zone)
    return local.strftime("%Y-%m-%d %H:%M:%S")


def instant(text: str, zone: ZoneInfo) -> datetime | None:
    """When a callback of this wall-clock time is due: the first of two such times; of a time that a clock put forward
    leaves out, the moment in which it passes it. None for no time."""
    try:
        naive = datetime.fromisoformat(text)
    except ValueError:
        return None
    early, late = (naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early.astimezone(zone).replace(tzinfo=None) == naive:
        return early
    late = late.replace(second=0)
    while late.astimezone(zone).replace(tzinfo=None) < naive:  # before the gap, however long it is
        late += _MINUTE
    return late


def stored_comments(value: str | None, *, use_non_latin: bool) -> str:
    """What VICIdial keeps of a callback's comments, which have one line."""

    def kept(char: str) -> bool:
        return char in "- +.:/@_" or (char.isascii() and char.isalnum()) or (use_non_latin and char.isalpha())

    return "".join(char for char in " ".join((value or "").split()) if kept(char))[:_WIDTH]


class Callbacks:
    """The callbacks of one server's leads."""

    def __init__(self, api: Api, options: Options) -> None:
        self._api = api
        self._options = options
        self._zone = options.zone()

    def of(self, lead_id: str) -> list[Booked]:
        """The callbacks of a lead that VICIdial has not archived, in the order of their booking. Raises as `all_of`."""
        return [one for one in self.all_of(lead_id) if not one.archived]

    def all_of(self, lead_id: str) -> list[Booked]:
        """The callbacks of a lead, archived ones first. Raises AuthFailed, RetryLater."""
        answer = self._api.read("lead_callback_info", {"lead_id": lead_id, "header": "YES", "search_location": "ALL"})
        lines = answers.parse(answer)
        if answer.startswith("ERROR: "):
            if "CALLBACK NOT FOUND" in lines[0].message:
                return []
            if "LEAD NOT FOUND" in lines[0].message:
                raise errors.AuthFailed(
                    f"user {self._api.user} may not see the callbacks of lead {lead_id}",
                    fix="allow the list's campaign to the group of the user",
                )
            error = answers.refusal(lines[0], "lead_callback_info", self._api.user)
            raise error or errors.RetryLater("lead_callback_info gives an answer that is not understood")
        header, *rest = answer.split("\n")
        if not header.startswith("lead_id|callback_type|") or not answer.endswith("\n"):
            raise errors.RetryLater("lead_callback_info gives an answer that is cut or not understood")
        found = []
        rows = re.split(rf"^{lead_id}\|(?=(?:CURRENT|ARCHIVE)\|)", "\n".join(rest), flags=re.MULTILINE)
        for row in filter(None, rows):
            parts = row.removesuffix("\n").split("|", _COLUMNS - 2)
            if len(parts) != _COLUMNS - 1:
                raise errors.RetryLater("lead_callback_info gives an answer that is not understood")
            kind, recipient, status, _, time, entered, user, _, campaign = parts[:9]
            found.append(Booked(time, recipient, user, status, parts[-1], entered, campaign, kind == "ARCHIVE"))
        return found

    def read(self, lead_id: str) -> dict[str, str | None]:
        """The fields of the callback that a lead waits for, blank where there is none. Raises as `of`."""
        booked = next((one for one in reversed(self.of(lead_id)) if one.is_open), None)
        due = instant(booked.time, self._zone) if booked and self._zone else None
        if booked is None or due is None:
            return dict.fromkeys(NAMES, "")
        return {AT: records.text(due), USER: booked.owner, COMMENTS: booked.comments}

    def canonical(self, fields: records.Fields) -> dict[str, str | None]:
        """Given the fields of a callback as they are sent, return what `read` will tell of them."""
        at = self._parsed(fields.get(AT) or "")
        if AT in fields and not fields[AT]:
            return {name: "" for name in NAMES if name in fields}
        result: dict[str, str | None] = {name: fields[name] or "" for name in NAMES if name in fields}
        if at is not None and self._zone is not None:
            due = instant(wall(at, self._zone), self._zone)
            result[AT] = records.text(due)
        if COMMENTS in result:
            result[COMMENTS] = stored_comments(result[COMMENTS], use_non_latin=self._options.use_non_latin)
        return result

    def booking(self, fields: records.Fields) -> tuple[Mapping[str, str] | None, tuple[str, ...]]:
        """The parameters that book what the fields of a new lead ask for, None for no callback; and notes.

        Raises Rejected where that cannot be booked, AuthFailed, RetryLater."""
        wanted = self._wanted(fields)
        if wanted is None:
            return None, ()
        at, parameters = wanted
        return (parameters, ()) if at > self._now() else (None, (PAST,))

    def step(self, lead_id: str, fields: records.Fields) -> Step:
        """What makes a lead's callback what the fields say. Raises Rejected, AuthFailed, RetryLater."""
        wanted = self._wanted(fields)
        there = self.of(lead_id)
        waiting = [one for one in there if one.is_open]
        if wanted is None:
            return Step("cancel" if waiting else "keep", {})
        at, parameters = wanted
        owner, comments = parameters.get(USER, ""), parameters.get(COMMENTS, "")
        alone = waiting[0] if len(there) == len(waiting) == 1 else None
        if alone and (alone.time, alone.owner, alone.comments) == (parameters["callback_datetime"], owner, comments):
            return Step("keep", {}, waits=True)
        if at <= self._now():
            return Step("cancel" if waiting else "keep", {}, notes=(PAST,))
        in_place = alone is not None and alone.owner == owner and (comments or not alone.comments)
        return Step("book", parameters, afresh=bool(there) and not in_place, waits=True)

    def _wanted(self, fields: records.Fields) -> tuple[datetime, dict[str, str]] | None:
        """The instant and the parameters of the callback that is asked for; None for none. Raises Rejected."""
        if not fields.get(AT):
            return None
        at, user = self._parsed(fields[AT] or ""), fields.get(USER) or ""
        problems = []
        if at is None:
            what = "is no instant with a time zone, for example 2026-12-01T15:30:00Z"
            problems.append(errors.Problem(what, AT, "correct the record, or map a field that holds date and time"))
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,20}", user):
            what = "a VICIdial user has up to 20 letters, digits, - and _"
            problems.append(errors.Problem(what, USER, "map the owner through `agents: user`, or correct the record"))
        for name, value in (("time_zone", self._zone), ("campaign_id", self._options.campaign_id)):
            if value is None:
                problems.append(errors.Problem("callbacks need it", name, f"say `{name}` under `dialer`"))
        if problems or at is None or self._zone is None:
            raise errors.Rejected(problems)
        comments = stored_comments(fields.get(COMMENTS), use_non_latin=self._options.use_non_latin)
        parameters = {
            "callback": "Y",
            "campaign_id": self._options.campaign_id or "",
            "callback_datetime": wall(at, self._zone),
            "callback_type": "USERONLY" if user else "ANYONE",
        }
        parameters |= {name: value for name, value in ((USER, user), (COMMENTS, comments)) if value}
        return at, parameters

    def _parsed(self, value: str) -> datetime | None:
        try:
            return records.instant(value)
        except ValueError:
            return None

    def _now(self) -> datetime:
        """By the server's clock, which says when a callback is due."""
        return datetime.fromtimestamp(int(answers.version(self._api.version())["EPOCH"]), UTC)


def refused(lines: Sequence[answers.Line]) -> errors.Rejected | None:
    """Why the callback that an add_lead or update_lead asked for was not booked; None where it was.

    Raises Ambiguous where the answer does not tell."""
    told = [line.message for line in lines if line.message.startswith("SCHEDULED CALLBACK")]
    if len(told) == 1 and told[0].split()[2:] in (["ADDED"], ["UPDATED"]):
        return None
    if len(told) == 1 and told[0].endswith("USER NOT VALID"):
        problem = errors.Problem(
            "no callback is booked: VICIdial has no such user", USER, "correct the user or the client's `agents`"
        )
    elif len(told) == 1 and told[0].endswith("CAMPAIGN NOT VALID"):
        problem = errors.Problem(
            "no callback is booked: VICIdial has no such campaign", "campaign_id", "correct it under `dialer`"
        )
    else:
        raise errors.Ambiguous("the answer does not say whether the callback is booked")
    return errors.Rejected([problem])
