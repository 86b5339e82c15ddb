"""non_agent_api.php: logins, who may call which function, and the answer."""

from collections.abc import Mapping, Sequence

from . import auth
from .functions import STOCK, Function
from .guide import GUIDE
from .request import Request, run
from .world import World

PATH = "/vicidial/non_agent_api.php"
_ALL: Mapping[str, Function] = {**STOCK, **GUIDE}


def table(*, guide: bool) -> Mapping[str, Function]:
    """The functions that a server of this profile knows."""
    return _ALL if guide else STOCK


def answer(world: World, pairs: Sequence[tuple[str, str]], *, guide: bool) -> tuple[int, str]:
    """Run one request; return HTTP status and body."""
    return run(_script, Request(world, pairs, guide=guide))


def _script(req: Request) -> None:
    name = req.get("function")
    if name == "version":
        raise req.stop(_version(req.world))
    user_name, password = req.get("user"), req.get("pass")
    verdict = auth.authorize(req.world, user_name, password, above_level=6, md5=req.is_md5_login())
    if verdict == auth.LOCK:
        raise req.stop(f"ERROR: Too many login attempts, try again in 15 minutes: |{user_name}|LOCK|")
    if verdict != auth.GOOD:
        raise req.stop(f"ERROR: Login incorrect, please try again: |{user_name}|{password}|{verdict}|")
    req.user_name, req.user = user_name, req.world.users[user_name]
    function = table(guide=req.guide).get(name)
    if function is None:
        raise req.stop("ERROR: NO FUNCTION SPECIFIED")
    _refuse_if_not_allowed(req, name, function)
    function.run(req)


def _version(world: World) -> str:
    clock, summer = world.clock, world.clock.is_summer()
    # In summer PHP increments the text "-5.00", which makes it the number -4.
    now_gmt = f"{float(clock.local_gmt) + 1:g}" if summer else clock.local_gmt
    return (
        f"VERSION: {world.version}|BUILD: {world.build}|DATE: {clock.text()}|EPOCH: {clock.epoch()}"
        f"|DST: {int(summer)}|TZ: {clock.local_gmt}|TZNOW: {now_gmt}|"
    )


def _refuse_if_not_allowed(req: Request, name: str, function: Function) -> None:
    source, user = req.get("source"), req.user
    if function.needs_source and len(source) < 2:
        req.say(f"ERROR: Invalid Source - {source}")
        raise req.stop(f"ERROR: Invalid Source: |{source}|")
    if "ALL_FUNCTIONS" not in user.api_allowed_functions and name not in user.api_allowed_functions:
        reason = "auth USER DOES NOT HAVE PERMISSION TO USE THIS FUNCTION"
        raise req.stop(f"ERROR: {reason}: |{req.user_name}|{name}|")
    if (
        user.user_level <= function.above_level
        or any(getattr(user, need) != 1 for need in function.needs)
        or (function.modify_leads and not 1 <= user.modify_leads <= function.modify_leads)
    ):
        reason = f"{function.called or name} USER DOES NOT HAVE PERMISSION TO {function.denied}"
        raise req.stop(f"ERROR: {reason}: |{req.user_name}|{function.count}")
