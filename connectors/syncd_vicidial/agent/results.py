"""What comes of an action, typed. `notice` is a sentence where not everything is as it was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime

from syncd.sdk import records


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The agent's screen has been told; it acts within a second or two. `at`: the server's time, where it says one."""

    user: str
    at: datetime | None = None
    notice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Done):
    """A login, by a function of the site. The later requests for this agent carry the session id."""

    session_id: str
    campaign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposed(Done):
    """A disposition, and whether a callback was booked with it."""

    status: str
    callback: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadAdded(Done):
    """A new lead in the list of manual calls."""

    lead_id: str
    list_id: str
    campaign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred(Done):
    """A command of the transfer frame. `call_id`: the live call's; `in_group`: which took it, where one did."""

    call_id: str
    in_group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(Done):
    """How a recording stands: `state` is "told" (to start or stop), "active" or "none". The file's name may hold the
    customer's number. `server`, `session`, `status`: the agent's."""

    state: str
    recording_id: str = ""
    filename: str = field(default="", repr=False)
    started: str = ""
    server: str = ""
    session: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Done):
    """How many calls wait."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveLead(Done):
    """The lead on an agent's screen."""

    lead_id: str
    phone_number: str = field(repr=False)
    vendor_lead_code: str
    province: str = field(repr=False)
    security_phrase: str = field(repr=False)
    source_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InGroups(Done):
    """The in-groups that an agent takes calls from now. `default`: also from the next login on."""

    in_groups: tuple[str, ...]
    blended: bool
    default: bool


def plain(result: Done) -> Mapping[str, str]:
    """A result as texts, without what it does not know."""
    told = {}
    for one in fields(result):
        value = getattr(result, one.name)
        text = " ".join(value) if isinstance(value, tuple) else records.text(value)
        if text is not None and (text or one.name not in ("notice", "at")):
            told[one.name] = text
    return told
