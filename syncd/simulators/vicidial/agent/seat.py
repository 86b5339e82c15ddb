"""What every function of the Agent API begins with: its parameters, the right to call it, the agent it is for."""

from syncd.simulators.vicidial import rows
from syncd.simulators.vicidial.request import Finished, Request


def end(req: Request, line: str) -> Finished:
    """Print a last line; `raise` the result. (The Agent API's log takes quotes out, so that it never stops PHP.)"""
    say(req, line)
    return Finished()


def say(req: Request, line: str) -> None:
    """Print a line."""
    req.echo(line + "\n")


def is_named(req: Request, *, agent_user: int = 1, alt_user: int = 2) -> bool:
    """Whether the agent is named, by a name of so many characters at least."""
    return len(req.get("agent_user")) >= agent_user or len(req.get("alt_user")) >= alt_user


def begin(req: Request, function: str, *, valid: bool, data: str = "") -> None:
    """End the request unless its parameters are valid and the user may call the function, in this order.

    `data`: what the refusal shows; the value and the agent's name, if it is not given."""
    if not valid:
        raise end(req, f"ERROR: {function} not valid - {data or value_and_agent(req)}")
    user = req.user
    if "ALL_FUNCTIONS" not in user.api_allowed_functions and function not in user.api_allowed_functions:
        reason = "auth USER DOES NOT HAVE PERMISSION TO USE THIS FUNCTION"
        raise end(req, f"ERROR: {reason} - {req.get('value')}|{user.user}|{function}|{user.user_group}")


def value_and_agent(req: Request) -> str:
    """What most refusals show."""
    return f"{req.get('value')}|{req.get('agent_user')}"


def by_alt_user(req: Request, alt_user: str) -> rows.User | None:
    """The user whom another system knows by this name."""
    found = [user for user in req.world.users.values() if user.custom_three == alt_user]
    return min(found, key=lambda user: user.user, default=None)


def agent(req: Request, *, may_be_alt: bool = True) -> rows.LiveAgent:
    """The agent whom a request is for; end the request if nobody of that name is logged in.

    An `alt_user` whom nobody knows is told, and then stock code goes on with `agent_user`."""
    name, alt_user = req.get("agent_user"), req.get("alt_user")
    if may_be_alt and len(alt_user) > 1:
        known = by_alt_user(req, alt_user)
        if known is None:
            say(req, f"ERROR: no user found - {alt_user}")
        else:
            name = known.user
    found = req.world.floor.agents.get(name)
    if found is None:
        raise end(req, f"ERROR: agent_user is not logged in - {name}")
    session_id = req.raw.get("session_id", "")
    if found.by_api and session_id != found.session_id:
        raise end(req, f"ERROR: session_id not valid - {name}|{session_id}")
    return found
