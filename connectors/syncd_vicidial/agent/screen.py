"""Orders to an agent's screen: login and logout, pause, hang-up, disposition, park, tones, timer, in-groups."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import SecretStr

from syncd.sdk import errors
from syncd_vicidial.agent import results
from syncd_vicidial.agent.desk import Desk, flag, moment, repeats
from syncd_vicidial.agent.orders import doubt

_SESSION = re.compile(r"session(?:[ _]?id)?\s*[=:]?\s*([A-Za-z0-9_.-]*\d[A-Za-z0-9_.-]*)", re.IGNORECASE)
Park = Literal[
    "PARK_CUSTOMER", "GRAB_CUSTOMER", "PARK_IVR_CUSTOMER", "GRAB_IVR_CUSTOMER", "PARK_XFER", "GRAB_XFER",
    "SWAP_PARK_CUSTOMER", "SWAP_PARK_XFER", "HANGUP_XFER_GRAB_CUSTOMER",
]  # fmt: skip
Timer = Literal[
    "NONE", "WEBFORM", "WEBFORM2", "D1_DIAL", "D2_DIAL", "D3_DIAL", "D4_DIAL", "D5_DIAL", "MESSAGE_ONLY",
]  # fmt: skip


class Screen(Desk):
    """What can be told to a screen, calls to numbers apart."""

    def login(self, user: str, *, phone_login: str, phone_pass: SecretStr, campaign: str) -> results.Session:
        """Log an agent in by the site's own function (stock VICIdial has none)."""
        password = phone_pass.get_secret_value()
        given = self._checked("login", user, phone_login=phone_login, phone_pass=password, campaign=campaign)
        name = self._options.name_of("agent_login")
        if name is None:
            raise errors.Rejected([errors.Problem("the option `functions` says not to use agent_login", "functions")])
        data, _ = self._tell(name, user, given, None)
        session_id = _session_id(data, {user, *given.values()})
        if session_id is None:
            raise doubt(name, user, "the answer tells no session id")
        self.use_session(user, session_id)
        return results.Session(user=user, session_id=session_id, campaign=campaign)

    def logout(self, user: str) -> results.Done:
        """Log the agent out, after the call if there is one."""
        self._checked("logout", user)
        own = self._options.functions.get("agent_logout") or None
        data, _ = self._tell(own or "logout", user, {"value": "LOGOUT"}, None if own else "logout function set")
        if own is None:
            repeats("logout", user, data, {0: "LOGOUT", 2: user})
        self._sessions.pop(user, None)
        return results.Done(user=user, at=moment(data, 1))

    def external_pause(self, user: str, *, value: Literal["PAUSE", "RESUME"]) -> results.Done:
        """Pause the agent, after the call if there is one, or let the agent go on."""
        self._checked("external_pause", user, value=value)
        data, _ = self._tell("external_pause", user, {"value": value}, "external_pause function set")
        repeats("external_pause", user, data, {0: value, 2: user})
        return results.Done(user=user, at=moment(data, 1))

    def pause_code(self, user: str, *, code: str) -> results.Done:
        """Say why the agent, who is paused, is paused."""
        self._checked("pause_code", user, code=code)
        data, _ = self._tell("pause_code", user, {"value": code}, "pause_code function sent")
        repeats("pause_code", user, data, {0: user})
        return results.Done(user=user)

    def external_hangup(self, user: str) -> results.Done:
        """Hang up the customer's call."""
        self._checked("external_hangup", user)
        data, _ = self._tell("external_hangup", user, {"value": "1"}, "external_hangup function set")
        repeats("external_hangup", user, data, {0: "1", 1: user})
        return results.Done(user=user)

    def external_status(
        self,
        user: str,
        *,
        status: str,
        callback_datetime: datetime | None = None,
        callback_type: Literal["ANYONE", "USERONLY"] | None = None,
        callback_comments: str = "",
        qm_dispo_code: str = "",
    ) -> results.Disposed:
        """Give the agent's call its disposition and go on; with a callback if there is a time for it.

        `callback_datetime`: an instant, or without a zone the server's own time."""
        given = self._checked(
            "external_status",
            user,
            status=status,
            callback_datetime=callback_datetime and callback_datetime.isoformat(),
            callback_type=callback_type,
            callback_comments=callback_comments,
            qm_dispo_code=qm_dispo_code,
        )
        when = self._callback_time(status, callback_datetime, given)
        given |= {"value": given.pop("status"), **({"callback_datetime": when} if when else {})}
        data, _ = self._tell("external_status", user, given, "external_status function set")
        # the server repeats the disposition as STATUS, or as STATUS!time!type!comments!code
        parts = data[0].split("!") if data else [""]
        repeats("external_status", user, [parts[0], data[-1] if data else ""], {0: status, 1: user})
        booked = len(parts) > 3 and parts[1] != ""
        if when and not booked:
            raise errors.Ambiguous(
                f"agent {user} has the disposition {status}, but VICIdial booked no callback: it does not take "
                f"{status} for a callback's status; book it by hand, do not repeat this"
            )
        lost = booked and parts[3] != callback_comments
        return results.Disposed(
            user=user, status=status, callback=booked, notice="VICIdial changed callback_comments" if lost else ""
        )

    def _callback_time(self, status: str, when: datetime | None, given: dict[str, str]) -> str:
        """The callback's time as the server takes it; raise Rejected where no callback could come of it."""
        if when is None:
            extra = [name for name in ("callback_type", "callback_comments") if name in given]
            if extra:
                raise errors.Rejected([errors.Problem("needs callback_datetime", name) for name in extra])
            return ""
        if "callback" not in self._flags.anywhere(status):
            raise errors.Rejected(
                [
                    errors.Problem(
                        f"{status} is no status that books a callback",
                        "status",
                        "use CALLBK; if it is one, say so in the option status_flags",
                    )
                ]
            )
        zone = self._options.zone()
        if when.tzinfo is not None and zone is None:
            raise errors.Rejected(
                [errors.Problem("the server's time zone is not known", "callback_datetime", "set the option time_zone")]
            )
        local = when.astimezone(zone) if when.tzinfo is not None else when
        return local.strftime("%Y-%m-%d %H:%M:%S")

    def park_call(self, user: str, *, value: Park) -> results.Done:
        """Park the customer or the third party, or take them back."""
        self._checked("park_call", user, value=value)
        data, _ = self._tell("park_call", user, {"value": value}, "park_call function set")
        repeats("park_call", user, data, {0: value, 1: user})
        return results.Done(user=user)

    def send_dtmf(self, user: str, *, digits: str) -> results.Done:
        """Send tones into the call: 0-9, A-D, P for #, S for *, Q for a second of silence."""
        self._checked("send_dtmf", user, digits=digits)
        data, _ = self._tell("send_dtmf", user, {"value": digits}, "send_dtmf function set")
        repeats("send_dtmf", user, data, {0: digits, 1: user})
        return results.Done(user=user)

    def set_timer_action(self, user: str, *, value: Timer, notes: str = "", seconds: int | None = None) -> results.Done:
        """Let the screen do something after so many seconds of a call."""
        given = self._checked("set_timer_action", user, value=value, notes=notes, seconds=seconds)
        if "seconds" in given:
            given["rank"] = given.pop("seconds")
        data, _ = self._tell("set_timer_action", user, given, "set_timer_action lead updated")
        repeats("set_timer_action", user, data, {0: self._orders.api_user, 1: user, 2: value})
        lost = data[3:4] != [notes]
        return results.Done(user=user, notice="VICIdial changed the message" if lost else "")

    def change_ingroups(
        self,
        user: str,
        *,
        value: Literal["CHANGE", "ADD", "REMOVE"],
        blended: bool,
        ingroup_choices: Sequence[str] = (),
        set_as_default: bool = False,
    ) -> results.InGroups:
        """Change which in-groups the agent takes calls from; CHANGE without any takes all away."""
        self._checked(
            "change_ingroups",
            user,
            value=value,
            blended=blended,
            ingroup_choices=",".join(ingroup_choices),
            set_as_default=set_as_default,
        )
        if value != "CHANGE" and not ingroup_choices:
            raise errors.Rejected([errors.Problem("is missing", "ingroup_choices", f"{value} needs some")])
        # the server looks at nothing in front of the first space
        choices = " " + "".join(f"{name} " for name in ingroup_choices) + "-"
        parameters = {
            "value": value,
            "blended": flag(blended),
            "ingroup_choices": choices,
            "set_as_default": flag(set_as_default),
        }
        data, _ = self._tell("change_ingroups", user, parameters, "change_ingroups function set")
        repeats("change_ingroups", user, data, {0: self._orders.api_user, 1: user, 3: flag(blended)})
        now, asked = data[2].removesuffix("-").split(), set(ingroup_choices)
        fits = {"CHANGE": set(now) == asked, "ADD": set(now) >= asked, "REMOVE": not set(now) & asked}
        if not fits[value]:
            raise doubt("change_ingroups", user, "the answer names other in-groups")
        return results.InGroups(user=user, in_groups=tuple(now), blended=blended, default=set_as_default)


def _session_id(data: Sequence[str], known: set[str]) -> str | None:
    """The session id in a login's answer: the one that is called so, or the only number that is nothing else."""
    named = {found[1] for found in map(_SESSION.search, data) if found}
    if not named:
        named = {word for part in data for word in [part.rpartition(" - ")[2].strip()] if re.fullmatch(r"\d{4,}", word)}
        named -= known
    return named.pop() if len(named) == 1 else None
