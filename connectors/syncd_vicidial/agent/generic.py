"""The client behind `protocol.CommandsAgents`: texts in, texts out."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from datetime import datetime

from pydantic import SecretStr

from syncd.sdk import errors
from syncd_vicidial.agent import catalogue, results
from syncd_vicidial.agent.client import AgentApi

_CONVERT: Mapping[str, Callable[[str], object]] = {
    "callback_datetime": datetime.fromisoformat,
    "seconds": int,
    "phone_pass": SecretStr,
    "multi_dial_phones": lambda text: tuple(text.split(",")),
}


def command(api: AgentApi, action: str, user: str, values: Mapping[str, str]) -> Mapping[str, str]:
    """Carry out an action of the catalogue. Raises as `AgentApi`'s methods do, Rejected also for an unknown action."""
    if action not in catalogue.ACTIONS:
        near = difflib.get_close_matches(action, catalogue.ACTIONS, n=1)
        fix = f"did you mean {near[0]}?" if near else f"there are: {', '.join(catalogue.ACTIONS)}"
        raise errors.Rejected([errors.Problem(f"no such action: {action}", fix=fix)])
    given = {name: value for name, value in values.items() if value}
    catalogue.check(action, user, given)
    session_id = given.pop("session_id", "")
    if session_id:
        api.use_session(user, session_id)
    result: results.Done = getattr(api, action)(
        user, **{name: _converted(action, name, value) for name, value in given.items()}
    )
    return results.plain(result)


def _converted(action: str, name: str, value: str) -> object:
    parameter = next(one for one in catalogue.ACTIONS[action].parameters if one.name == name)
    if parameter.choices == catalogue.YES_NO:
        return value == "yes"
    if name == "ingroup_choices" and action == "change_ingroups":
        return tuple(value.replace(",", " ").split())
    try:
        return _CONVERT.get(name, str)(value)
    except ValueError:
        raise errors.Rejected([errors.Problem(f"no such {parameter.type}", name, parameter.help)]) from None
