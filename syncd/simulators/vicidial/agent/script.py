"""The Agent API's script: version, source, login, and which function is asked for."""

from collections.abc import Callable, Mapping, Sequence

from syncd.simulators.common.wire import HttpRequest
from syncd.simulators.vicidial import auth
from syncd.simulators.vicidial.request import Request, run
from syncd.simulators.vicidial.world import World

from . import dialing, filters, guide, ingroups, looking, orders, recording, seat, transfers

PATH = "/agc/api.php"
VERSION, BUILD = "2.14-81", "240429-2220"
Pairs = list[tuple[str, str]]
# A refused login's answer repeats the query, password included.
_LOGIN_QUERY = (
    "SELECT count(*) from vicidial_users where user='{user}' and pass='{password}' and user_level > 0 and active='Y'"
    " and ( (failed_login_count < {failures}) or (UNIX_TIMESTAMP(last_login_date) < {over}) );"
)
_STOCK: Mapping[str, Callable[[Request], None]] = {
    "external_hangup": orders.external_hangup,
    "external_status": orders.external_status,
    "external_pause": orders.external_pause,
    "pause_code": orders.pause_code,
    "logout": orders.logout,
    "park_call": orders.park_call,
    "send_dtmf": orders.send_dtmf,
    "set_timer_action": orders.set_timer_action,
    "recording": recording.recording,
    "external_dial": dialing.external_dial,
    "external_add_lead": dialing.external_add_lead,
    "transfer_conference": transfers.transfer_conference,
    "change_ingroups": ingroups.change_ingroups,
    "calls_in_queue_count": looking.calls_in_queue_count,
    "st_get_agent_active_lead": looking.st_get_agent_active_lead,
}
_GUIDE: Mapping[str, Callable[[Request], None]] = {**_STOCK, "login": guide.login}
_ONLY_LOOK = frozenset({"calls_in_queue_count", "st_get_agent_active_lead"})


def parameters(request: HttpRequest) -> Pairs:
    """A request's parameters as the script has them.

    Before it reads `value`, stock code uses the variable `$value` to run over what was posted: a request without a
    `value` has the last posted parameter's (recorded: agent-missing-value)."""
    posted = dict(request.posted())
    return [("value", list(posted.values())[-1]), *request.pairs()] if posted else request.pairs()


def changes(found: Mapping[str, str], *, guide: bool) -> bool:
    """Whether a request with these parameters tells an agent's screen to do something."""
    name = found.get("function", "")
    looks = name in _ONLY_LOOK or (name == "recording" and found.get("value") == "STATUS")
    return name in (_GUIDE if guide else _STOCK) and not looks


def answer(world: World, pairs: Sequence[tuple[str, str]], *, guide: bool) -> tuple[int, str]:
    """Run one request; return HTTP status and body."""
    kept = filters.tables(use_non_latin=world.use_non_latin)
    return run(_script, Request(world, pairs, guide=guide, filters=kept))


def refused(world: World, found: Mapping[str, str], *, locked: bool) -> str:
    """What a refused login of a user with API access is answered."""
    user_name, password = found.get("user", ""), found.get("pass", "")
    verdict = auth.LOCK if locked else _bad(world, user_name, password)
    return f"ERROR: Invalid Username/Password: |{user_name}|{password}|0|1|{verdict}|\n"


def _script(req: Request) -> None:
    name, clock = req.get("function"), req.world.clock
    if name == "version":
        raise seat.end(req, f"VERSION: {VERSION}|BUILD: {BUILD}|DATE: {clock.text()}|EPOCH: {clock.epoch()}")
    source = req.get("source")
    if len(source) < 2:
        raise seat.end(req, f"ERROR: Invalid Source - {source}")
    _log_in(req)
    function = (_GUIDE if req.guide else _STOCK).get(name)
    if function is not None:  # an unknown function answers with an empty body
        function(req)


def _log_in(req: Request) -> None:
    user_name, password = req.get("user"), req.get("pass")
    verdict = auth.authorize(req.world, user_name, password, above_level=0, md5=req.is_md5_login())
    user = req.world.users.get(user_name)
    may_use_api = int(user is not None and user.vdc_agent_api_access == 1)
    if user is not None and verdict == auth.GOOD and may_use_api and len(user_name) > 1 and len(password) > 1:
        req.user_name, req.user = user_name, user
        return
    good = int(verdict == auth.GOOD)
    if verdict == auth.BAD:
        verdict = _bad(req.world, user_name, password)
    raise seat.end(req, f"ERROR: Invalid Username/Password: |{user_name}|{password}|{good}|{may_use_api}|{verdict}|")


def _bad(world: World, user_name: str, password: str) -> str:
    over = world.clock.epoch() - auth.LOCK_SECONDS
    query = _LOGIN_QUERY.format(user=user_name, password=password, failures=auth.LOCK_AFTER_FAILURES, over=over)
    return f"{auth.BAD}|0|api|{query}"
