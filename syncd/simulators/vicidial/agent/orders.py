"""Short orders to an agent's screen: hang up, set a status, pause, log out, park, send tones, show a message.

Stock code writes a column of vicidial_live_agents, and the agent's screen does the work within a second or two. The
simulated screen is quick: whoever is not on a call is paused, resumed or logged out at once.
"""

from syncd.simulators.vicidial import rows, statuses
from syncd.simulators.vicidial.request import Request

from . import seat

ON_CALL = frozenset({"QUEUE", "INCALL"})
_PARK = (
    "PARK_CUSTOMER", "GRAB_CUSTOMER", "PARK_IVR_CUSTOMER", "GRAB_IVR_CUSTOMER", "PARK_XFER", "GRAB_XFER",
)  # fmt: skip


def external_hangup(req: Request) -> None:
    """Hang up the customer."""
    value = req.get("value")
    seat.begin(req, "external_hangup", valid=bool(value) and seat.is_named(req))
    agent = seat.agent(req)
    agent.tell("external_hangup", value)
    seat.say(req, f"SUCCESS: external_hangup function set - {value}|{agent.user}")


def external_status(req: Request) -> None:
    """Set the disposition; with a callback's time and a status that is flagged for callbacks, a callback too."""
    value, when = req.get("value"), req.get("callback_datetime")
    seat.begin(req, "external_status", valid=bool(value) and seat.is_named(req))
    agent = seat.agent(req)
    is_callback = len(when) > 12 and _books_callback(req, value, agent.campaign_id)
    if is_callback:
        kind = req.get("callback_type")
        value = f"{value}!{when}!{kind if len(kind) >= 4 else 'ANYONE'}!{req.get('callback_comments')[:200]}!"
    if code := req.get("qm_dispo_code"):
        value += code if is_callback else f"!!!!{code}"
    agent.tell("external_status", value)
    seat.say(req, f"SUCCESS: external_status function set - {value}|{agent.user}")


def _books_callback(req: Request, status: str, campaign_id: str) -> bool:
    campaign = req.world.campaigns.get(campaign_id)
    own = campaign.callback_statuses if campaign else ()
    return status in statuses.SCHEDULED_CALLBACK or status in own


def external_pause(req: Request) -> None:
    """Pause or resume."""
    value, now = req.get("value"), req.world.clock.epoch()
    valid = ("PAUSE" in value or "RESUME" in value) and seat.is_named(req, alt_user=1)
    seat.begin(req, "external_pause", valid=valid)
    agent = seat.agent(req)
    if "RESUME" in value and agent.status in {"READY", "QUEUE", "INCALL", "CLOSER"}:
        raise seat.end(req, f"ERROR: external_pause agent is not paused - {value}|{agent.user}")
    agent.tell("external_pause", f"{value}!{now}")
    if agent.status not in ON_CALL:
        agent.status = "READY" if "RESUME" in value else "PAUSED"
    seat.say(req, f"SUCCESS: external_pause function set - {value}|{now}|{agent.user}")


def pause_code(req: Request) -> None:
    """Say why somebody is paused."""
    value = req.get("value")
    seat.begin(req, "pause_code", valid=1 <= len(value) <= 6 and seat.is_named(req))
    agent = seat.agent(req)
    if agent.status != "PAUSED":
        raise seat.end(req, f"ERROR: pause_code error - agent is not paused - {agent.user}")
    agent.tell("external_pause_code", value)
    seat.say(req, f"SUCCESS: pause_code function sent - {agent.user}")


def logout(req: Request) -> None:
    """Log out, after the call if there is one."""
    value = req.get("value")
    seat.begin(req, "logout", valid="LOGOUT" in value and seat.is_named(req, alt_user=1))
    agent = seat.agent(req)
    agent.tell("external_pause", value)
    if agent.status not in ON_CALL:
        del req.world.floor.agents[agent.user]
    seat.say(req, f"SUCCESS: logout function set - {value}|{req.world.clock.epoch()}|{agent.user}")


def park_call(req: Request) -> None:
    """Park the customer or the third party, or take them back."""
    value = req.get("value")
    seat.begin(req, "park_call", valid=any(word in value for word in _PARK) and seat.is_named(req))
    agent = seat.agent(req)
    _refuse_without_lead(req, agent)
    agent.tell("external_park", value)
    seat.say(req, f"SUCCESS: park_call function set - {value}|{agent.user}")


def _refuse_without_lead(req: Request, agent: rows.LiveAgent) -> None:
    if agent.lead_id < 1:
        raise seat.end(req, f"ERROR: agent_user does not have a lead on their screen - {agent.user}")


def send_dtmf(req: Request) -> None:
    """Send tones into the call."""
    value = req.get("value")
    seat.begin(req, "send_dtmf", valid=bool(value) and seat.is_named(req))
    agent = seat.agent(req)
    agent.tell("external_dtmf", value)
    seat.say(req, f"SUCCESS: send_dtmf function set - {value}|{agent.user}")


def set_timer_action(req: Request) -> None:
    """Make the screen do something after so many seconds of a call."""
    name, value = req.get("agent_user"), req.get("value")
    seat.begin(req, "set_timer_action", valid=bool(name) and len(value) > 1, data=f"{name}|{value}")
    agent = seat.agent(req, may_be_alt=False)
    if req.user.modify_campaigns != 1:
        raise seat.end(req, f"ERROR: user is not allowed to modify campaign settings - {agent.user}|{req.user_name}")
    notes, seconds = req.get("notes"), req.get("rank")
    agent.tell("external_timer_action", value)
    agent.tell("external_timer_action_message", notes)
    agent.tell("external_timer_action_seconds", seconds)
    data = f"{req.user_name}|{agent.user}|{value}|{notes}|{seconds}"
    seat.say(req, f"SUCCESS: set_timer_action lead updated - {data}")
