"""The guide's `login`: no such stock function, its answers are our assumption.

It takes `phone_login`, `phone_pass` and `campaign` and answers a line with the session id, which later calls for this
agent carry as `session_id`; `logout` ends it.
"""

from syncd.simulators.vicidial import rows
from syncd.simulators.vicidial.request import Request

from . import seat


def login(req: Request) -> None:
    """Log an agent in, paused."""
    name, phone, campaign_id = (
        req.get(one) or req.raw.get(one, "") for one in ("agent_user", "phone_login", "campaign")
    )
    password = req.raw.get("phone_pass", "")
    seat.begin(req, "login", valid=all((name, phone, password, campaign_id)), data=f"{name}|{phone}|{campaign_id}")
    if name not in req.world.users:
        raise seat.end(req, f"ERROR: no user found - {name}")
    if req.world.floor.phones.get(phone) != password:
        raise seat.end(req, f"ERROR: login phone not valid - {name}|{phone}|{password}")
    if campaign_id not in req.world.campaigns:
        raise seat.end(req, f"ERROR: login campaign not valid - {name}|{campaign_id}")
    if name in req.world.floor.agents:
        raise seat.end(req, f"ERROR: login agent_user is already logged in - {name}")
    session_id = req.world.floor.free_session_id()
    req.world.floor.agents[name] = rows.LiveAgent(name, campaign_id, session_id, by_api=True)
    seat.say(req, f"SUCCESS: login function set - {name}|{session_id}|{campaign_id}")
