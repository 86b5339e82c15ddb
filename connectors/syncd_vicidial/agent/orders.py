"""Sends one request of the Agent API and decides what became of it; nothing is ever sent twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from syncd.sdk import errors
from syncd_vicidial.agent import replies
from syncd_vicidial.api import Api


class Orders:
    """The Agent API of one server, function by function."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.api_user = api.user

    def do(
        self, function: str, user: str, parameters: Mapping[str, str], success: str | None
    ) -> tuple[list[str], list[str]]:
        """Let the agent's screen be told something; return the data behind the text `success`, and the notices.

        `success` is None for a function of the site's own, whose words nobody knows: every SUCCESS counts and every
        ERROR refuses. Raises what `replies.meaning` makes of an ERROR, AuthFailed, RetryLater and LeaseLost where
        nothing was done, Ambiguous where it may have been."""
        try:
            text = self._api.agent(function, _complete(user, parameters))
        except errors.Ambiguous as error:
            raise doubt(function, user, str(error)) from None
        said = replies.lines(text)
        notices = [line.rest for line in said if line.word == "NOTICE"]
        done = [line for line in said if line.word == "SUCCESS"]
        refused = [line for line in said if line.word == "ERROR"]
        if refused and not done:
            meant = replies.meaning(refused[0], function, user, api_user=self.api_user)
            if meant is None and success is None:
                meant = errors.Rejected(
                    [
                        errors.Problem(
                            f"the site's {function} refuses", fix="its words are not shown, they may hold secrets"
                        )
                    ]
                )
            if meant is not None:
                raise meant
        if len(done) == 1 and not refused:
            data = done[0].rest.split("|") if success is None else done[0].data(success)
            if data is not None:
                return data, notices
        if not text.strip():
            self._nothing_said(function, user)
        raise doubt(function, user, "the answer is not understood")

    def look(self, function: str, user: str, parameters: Mapping[str, str]) -> str:
        """Ask what changes nothing; return the answer's text, which says something but no known ERROR.

        Raises what `replies.meaning` makes of an ERROR, AuthFailed, RetryLater and LeaseLost."""
        try:
            text = self._api.agent(function, _complete(user, parameters))
            is_unknown = not text.strip() and not self._exists(function)
        except errors.Ambiguous as error:
            raise errors.RetryLater(str(error)) from None
        first = next(iter(replies.lines(text)), None)
        if first is not None and first.word == "ERROR":
            meant = replies.meaning(first, function, user, api_user=self.api_user)
            raise meant or not_understood(function)
        if is_unknown:
            raise _no_function(function)
        return text

    def _nothing_said(self, function: str, user: str) -> NoReturn:
        """An unknown function is answered with nothing; so is one whose answer got lost behind a proxy."""
        try:
            exists = self._exists(function)
        except errors.SyncdError:
            exists = True
        if exists:
            raise doubt(function, user, "the answer is empty")
        raise _no_function(function)

    def _exists(self, function: str) -> bool:
        """Whether the server has the function, asked without an agent: then it refuses before it does anything. A
        site's own functions are not asked, nobody knows what they do without."""
        if function not in _STOCK:
            return False
        text = self._api.agent(function, {"agent_user": "", "value": ""})
        return bool(text.strip())


_STOCK = frozenset(
    {
        "external_hangup", "external_status", "external_pause", "external_dial", "external_add_lead", "pause_code",
        "transfer_conference", "park_call", "recording", "calls_in_queue_count", "st_get_agent_active_lead",
        "change_ingroups", "set_timer_action", "send_dtmf", "logout",
    }
)  # fmt: skip


def _complete(user: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """With a `value` in any case: without one the server takes that of the last parameter, whatever it is."""
    return {"agent_user": user, "value": "", **{name: value for name, value in parameters.items() if value}}


def doubt(function: str, user: str, why: str) -> errors.Ambiguous:
    """The error of an action of which nobody can say whether it was done."""
    return errors.Ambiguous(f"{function} may have been done for agent {user} ({why}): look before you repeat it")


def not_understood(function: str) -> errors.RetryLater:
    """The error of an answer to a question that says nothing known."""
    return errors.RetryLater(f"{function} gives an answer that is not understood")


def _no_function(function: str) -> errors.AuthFailed:
    fix = "check the option agent_api_path and the server's version"
    if function not in _STOCK:
        fix = "some sites have it, maybe under another name (option `functions`); elsewhere agents use a browser for it"
    return errors.AuthFailed(f"the server's Agent API has no function {function}", fix=fix)
