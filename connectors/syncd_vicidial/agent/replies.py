"""Reads what the Agent API answers: `WORD: constant text - data|data`, in several lines where there is more to say.

Only the texts of agc/api.php (trunk 3884) are taken for what they mean. Answers may hold numbers, the login's password
and SQL: nothing of them gets into an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from syncd.sdk import errors

_LINE = re.compile(r"(SUCCESS|NOTICE|ERROR): ([^\r\n]*)")


class NotLoggedIn(errors.NotNow):
    """The agent is not at work."""


class WrongMoment(errors.NotNow):
    """The agent is doing something that this does not go with: not paused, no call, no recording, …"""


@dataclass(frozen=True, slots=True)
class Said:
    """One line: its word, and what follows, not split yet."""

    word: str
    rest: str = field(repr=False)

    def data(self, text: str) -> list[str] | None:
        """The data behind this constant text; None if the line says something else."""
        if self.rest == text:
            return []
        behind = self.rest.removeprefix(f"{text} - ")
        return behind.split("|") if behind != self.rest else None


def lines(text: str) -> list[Said]:
    """The lines that begin with a word that counts; other text counts for nothing."""
    return [Said(found[1], found[2]) for line in text.split("\n") if (found := _LINE.match(line))]


_NOT_NOW: Mapping[str, tuple[str, str]] = {
    "external_pause agent is not paused": ("the agent is not paused", ""),
    "pause_code error - agent is not paused": ("the agent is not paused", "pause the agent first"),
    "agent_user is not paused": ("the agent is not paused, or has a lead on the screen", "pause the agent first"),
    "agent_user does not have a lead on their screen": ("the agent has no lead on the screen", ""),
    "agent_user does not have a live call": ("the agent has no live call", ""),
    "no active lead found": ("the agent has no lead on the screen", ""),
    "stop recording error": ("nothing is being recorded", ""),
    "agent_user has previous active 3-way calls": ("earlier calls of that kind are still alive", "wait for their end"),
    "agent_user has current active 3-way call": ("a three-way call is alive", "end it first"),
    "phone_number is already in this agents manual dial queue": ("the number waits in the agent's queue already", ""),
}
# Text → what is wrong, where, how to mend it.
_REFUSED: Mapping[str, tuple[str, str, str]] = {
    "session_id not valid": (
        "the session id is missing or another one", "session_id", "give the one that `login` answered",
    ),
    "agent_user is not allowed to place manual dial calls": (
        "the agent may not place manual calls", "user", "set Agent Call Manual of the agent's user to 1",
    ),
    "caller_id_number from group_alias is not valid": (
        "the group alias has no usable number", "group_alias", "correct it in VICIdial",
    ),
    "group_alias is not valid": ("there is no such group alias", "group_alias", ""),
    "outbound_cid is not allowed on this system": (
        "VICIdial does not allow it", "outbound_cid", "set Outbound Call Any CID in its System Settings",
    ),
    "phone number is not valid": ("the lead has no such number", "alt_dial", ""),
    "phone number lead_id search not found": ("the lead has no such number", "phone_number", ""),
    "ingroup is not valid": ("there is no such in-group, or it is not active", "ingroup_choices", ""),
    "ingroup does not exist": ("there is no such in-group", "ingroup_choices", ""),
    "ingroup_choices are required for ADD and REMOVE values": ("is missing", "ingroup_choices", ""),
    "cid_choice is not valid": ("this VICIdial does not know it", "cid_choice", ""),
    "value is not valid": ("this VICIdial does not know it", "value", ""),
    "campaign does not allow inbound calls": ("the agent's campaign allows no inbound calls", "", ""),
    "campaign dial_method does not allow outbound autodial": (
        "the agent's campaign does not dial by itself", "blended", "say no",
    ),
    "campaign manual dial list undefined": ("the agent's campaign has no list for manual calls", "", ""),
}  # fmt: skip
_NOT_ALLOWED: Mapping[str, str] = {
    "user is not allowed to change agent in-groups": "set change_agent_campaign of the API user to 1",
    "user is not allowed to modify campaign settings": "set modify_campaigns of the API user to 1",
    "System API NOT ACTIVE": "activate the Agent API in VICIdial's System Settings",
}


def meaning(said: Said, function: str, user: str, *, api_user: str) -> errors.SyncdError | None:
    """Given an ERROR line answered to `function` for the agent `user`, return what it means; None for a text that is
    not known. All of them mean that nothing was done."""
    for text, (what, fix) in _NOT_NOW.items():
        if said.data(text) is not None:
            return WrongMoment([errors.Problem(what, f"agent {user}", fix)])
    for text, (what, where, fix) in _REFUSED.items():
        if said.data(text) is not None:
            return errors.Rejected([errors.Problem(what, where, fix)])
    for text, fix in _NOT_ALLOWED.items():
        if said.data(text) is not None:
            return errors.AuthFailed(f"user {api_user} may not use {function} like this", fix=fix)
    return _by_kind(said, function, user, api_user)


def _by_kind(said: Said, function: str, user: str, api_user: str) -> errors.SyncdError | None:
    def is_said(*texts: str) -> bool:
        return any(said.data(text) is not None for text in texts)

    if is_said("agent_user is not logged in", "user not logged in"):
        return NotLoggedIn([errors.Problem("is not logged in", f"agent {user}")])
    if is_said("no user found"):
        return errors.Rejected([errors.Problem("nobody is known by this name", "user")])
    if is_said("lead_id is not valid"):
        return errors.Missing("there is no such lead")
    if is_said("add_lead PHONE NUMBER IN DNC"):
        return errors.Screened("dnc", "the number is on the do-not-call list")
    if is_said("add_lead PHONE NUMBER IN CAMPAIGN DNC"):
        return errors.Screened("campaign_dnc", "the number is on the do-not-call list of the agent's campaign")
    if is_said("lead insertion failed"):
        return errors.RetryLater("the server could not store the lead")
    if is_said("auth USER DOES NOT HAVE PERMISSION TO USE THIS FUNCTION"):
        return errors.AuthFailed(
            f"user {api_user} may not use {function}", fix=f"add {function} to the user's api_allowed_functions"
        )
    if is_said("Invalid Source"):
        return errors.AuthFailed("VICIdial refuses the option `source`", fix="use 2 to 20 letters and digits")
    if is_said(f"{function} not valid"):
        return errors.Rejected([errors.Problem(f"VICIdial does not accept what {function} was given")])
    return None
