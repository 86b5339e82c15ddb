"""Whether the functions are there, and the user may call them, that live statistics are read with."""

from __future__ import annotations

from collections.abc import Iterator

from syncd.sdk import errors, protocol
from syncd_vicidial import answers, needs, permissions
from syncd_vicidial.capabilities import Capabilities
from syncd_vicidial.options import Options
from syncd_vicidial.probes import Told

_OF_SITE = "campaign_call_stats"


def problems(capabilities: Capabilities, options: Options) -> Iterator[errors.Problem]:
    """What keeps them from being read; a function that the server has not leaves figures empty, which is a warning.
    Each function is asked for something that is not there (`probes`); after a refused login nothing more is."""
    try:
        yield from _problems(capabilities, options)
    except answers.LoginRefused as error:
        yield errors.Problem(str(error), "user", error.fix)


def _problems(capabilities: Capabilities, options: Options) -> Iterator[errors.Problem]:
    user = options.user
    used: set[str] = set()
    named = options.name_of(_OF_SITE)
    if named is not None:
        told = _asked(capabilities, _OF_SITE)
        if isinstance(told, errors.SyncdError):
            yield errors.Problem(f"statistics: {told}", f"functions.{_OF_SITE}")
        elif told.state == "may":
            used.add(_OF_SITE)
        elif named != _OF_SITE:  # somebody says that it is there
            what = "the server has no function" if told.state == "absent" else f"user {user} may not call"
            said = f"{what} {named}: statistics are put together from stock functions"
            fix = "correct the name, or give the user the right; or say `false`"
            yield errors.Problem(said, f"functions.{_OF_SITE}", fix, fatal=False)
    for function in needs.stock(protocol.Use(statistics=True), options, used):
        told = _asked(capabilities, function)
        if isinstance(told, errors.SyncdError):
            yield errors.Problem(f"statistics: {told}", "user" if isinstance(told, errors.AuthFailed) else "")
        elif told.state == "absent":
            what = f"the server has no function {function}: its figures stay empty in the statistics"
            yield errors.Problem(what, "", "upgrade VICIdial", fatal=False)
        elif told.state == "not_allowed":
            what = f"user {user} may not use {function}, which statistics need"
            yield errors.Problem(what, "user", f"add {function} to the user's api_allowed_functions")
        elif told.state != "may":
            what = f"user {user} lacks a permission for {function}, which statistics need"
            yield errors.Problem(what, "user", f"the user needs {permissions.needed(function)}")


def _asked(capabilities: Capabilities, function: str) -> Told | errors.SyncdError:
    try:
        return capabilities.ask(function)
    except (answers.LoginRefused, errors.LeaseLost):
        raise
    except errors.SyncdError as error:
        return error
