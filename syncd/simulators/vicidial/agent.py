"""agc/api.php, the Agent API: login checks, and functions for an agent who is or is not logged in."""

from collections.abc import Callable, Sequence

from . import auth, rows
from .request import Request, run
from .world import World

PATH = "/agc/api.php"
VERSION, BUILD = "2.14-81", "240429-2220"
# A refused login's answer repeats the query, password included.
_LOGIN_QUERY = (
    "SELECT count(*) from vicidial_users where user='{user}' and pass='{password}' and user_level > 0 and active='Y'"
    " and ( (failed_login_count < {failures}) or (UNIX_TIMESTAMP(last_login_date) < {over}) );"
)


def answer(world: World, pairs: Sequence[tuple[str, str]], *, guide: bool) -> tuple[int, str]:
    """Run one request; return HTTP status and body."""
    return run(_script, Request(world, pairs, guide=guide))


def _script(req: Request) -> None:
    name, clock = req.get("function"), req.world.clock
    if name == "version":
        raise req.stop(f"VERSION: {VERSION}|BUILD: {BUILD}|DATE: {clock.text()}|EPOCH: {clock.epoch()}")
    source = req.get("source")
    if len(source) < 2:
        raise req.stop(f"ERROR: Invalid Source - {source}")
    _log_in(req)
    functions = {**_STOCK, **_GUIDE} if req.guide else _STOCK
    function = functions.get(name)
    if function is None:
        return  # an unknown function answers with an empty body
    user = req.user
    if "ALL_FUNCTIONS" not in user.api_allowed_functions and name not in user.api_allowed_functions:
        reason = "auth USER DOES NOT HAVE PERMISSION TO USE THIS FUNCTION"
        raise req.stop(f"ERROR: {reason} - {req.get('value')}|{user.user}|{name}|{user.user_group}")
    function(req)


def _log_in(req: Request) -> None:
    user_name, password = req.get("user"), req.get("pass")
    verdict = auth.authorize(req.world, user_name, password, above_level=0)
    user = req.world.users.get(user_name)
    may_use_api = int(user is not None and user.vdc_agent_api_access == 1)
    if user is not None and verdict == auth.GOOD and may_use_api:
        req.user_name, req.user = user_name, user
        return
    if verdict == auth.BAD:
        over = req.world.clock.epoch() - auth.LOCK_SECONDS
        query = _LOGIN_QUERY.format(user=user_name, password=password, failures=auth.LOCK_AFTER_FAILURES, over=over)
        verdict += f"|0|api|{query}"
    good = int(verdict == auth.GOOD)
    raise req.stop(f"ERROR: Invalid Username/Password: |{user_name}|{password}|{good}|{may_use_api}|{verdict}|")


def _agent(req: Request) -> rows.LiveAgent:
    """The agent whom a request is about; end it if he is not logged in."""
    name = req.get("agent_user")
    agent = req.world.live_agents.get(name)
    if agent is None:
        raise req.stop(f"ERROR: agent_user is not logged in - {name}")
    return agent


def _value(req: Request, function: str, accepted: Callable[[str], bool]) -> str:
    value, name = req.get("value"), req.get("agent_user")
    # A parameter that is absent passes, one that is empty does not (recorded: agent-missing-value).
    if not name or ("value" in req.raw and not accepted(value)):
        raise req.stop(f"ERROR: {function} not valid - {value}|{name}")
    return value


def _external_hangup(req: Request) -> None:
    value = _value(req, "external_hangup", bool)
    agent = _agent(req)
    req.say(f"SUCCESS: external_hangup function set - {value}|{agent.user}")


def _external_status(req: Request) -> None:
    value = _value(req, "external_status", bool)
    agent = _agent(req)
    agent.external_status = value
    req.say(f"SUCCESS: external_status function set - {value}|{agent.user}")


def _external_pause(req: Request) -> None:
    value = _value(req, "external_pause", lambda value: "PAUSE" in value or "RESUME" in value)
    agent = _agent(req)
    if "RESUME" in value:
        if agent.status != "PAUSED":
            raise req.stop(f"ERROR: external_pause agent is not paused - {value}|{agent.user}")
        agent.status = "READY"
    else:
        agent.status = "PAUSED"
    req.say(f"SUCCESS: external_pause function set - {value}|{req.world.clock.epoch()}|{agent.user}")


def _logout(req: Request) -> None:
    value = _value(req, "logout", lambda value: "LOGOUT" in value)
    agent = _agent(req)
    del req.world.live_agents[agent.user]
    req.say(f"SUCCESS: logout function set - {value}|{req.world.clock.epoch()}|{agent.user}")


def _external_dial(req: Request) -> None:
    value = "".join(filter(str.isdigit, req.get("value")))
    wanted = [req.raw.get(name, "") for name in ("search", "preview", "focus")]
    if (len(value) < 2 and not req.get("lead_id")) or any(len(word) < 2 for word in wanted):
        data = "|".join((req.get("phone_code"), *wanted, req.get("lead_id")))
        raise req.stop(f"ERROR: external_dial not valid - {value}|{data}|{req.get('agent_user')}|")
    agent = _agent(req)
    data = "|".join((value, agent.user, req.get("phone_code"), *wanted))
    req.say(f"SUCCESS: external_dial function set - {data}")


def _calls_in_queue_count(req: Request) -> None:
    _value(req, "calls_in_queue_count", lambda value: value == "DISPLAY")
    _agent(req)
    req.echo("SUCCESS: calls_in_queue_count - 0")


def _active_lead(req: Request) -> None:
    value, vendor_id = req.get("value"), req.raw.get("vendor_id", "")
    if not value or not vendor_id:
        raise req.stop(f"ERROR: st_get_agent_active_lead not valid - {value}|{vendor_id}")
    found = next((user for user in req.world.users.values() if user.custom_three == value), None)
    if found is None:
        raise req.stop(f"ERROR: no user found - {value}")
    agent = req.world.live_agents.get(found.user)
    if agent is None:
        raise req.stop(f"ERROR: user not logged in - {found.user}")
    lead = req.world.leads.get(agent.lead_id)
    if lead is None:
        raise req.stop(f"ERROR: no active lead found - {found.user}")
    data = (
        f"{found.user}|{lead.phone_number}|{lead.lead_id}|{lead.vendor_lead_code}|{lead.province}"
        f"|{lead.security_phrase}|{lead.source_id}"
    )
    req.say(f"SUCCESS: st_get_agent_active_lead lead found - {data}")


def _login(req: Request) -> None:
    """The guide's login: no such stock function; its answer is our assumption (a line with the session id)."""
    name, campaign_id = req.get("agent_user") or req.user_name, req.raw.get("campaign", "")
    if name not in req.world.users or campaign_id not in req.world.campaigns:
        raise req.stop(f"ERROR: login not valid - {name}|{campaign_id}")
    session_id = str(8600051 + len(req.world.live_agents))
    req.world.live_agents[name] = rows.LiveAgent(name, campaign_id, session_id)
    req.say(f"SUCCESS: login function set - {name}|{session_id}|{campaign_id}")


_STOCK: dict[str, Callable[[Request], None]] = {
    "external_hangup": _external_hangup,
    "external_status": _external_status,
    "external_pause": _external_pause,
    "external_dial": _external_dial,
    "logout": _logout,
    "calls_in_queue_count": _calls_in_queue_count,
    "st_get_agent_active_lead": _active_lead,
}
_GUIDE: dict[str, Callable[[Request], None]] = {"login": _login}
