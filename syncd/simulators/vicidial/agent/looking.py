"""What the Agent API only looks up: calls that wait for an agent, and the lead on an agent's screen."""

from syncd.simulators.vicidial.request import Request

from . import seat


def calls_in_queue_count(req: Request) -> None:
    """Count the calls that could go to an agent; e-mails, which stock code adds, are not simulated."""
    seat.begin(req, "calls_in_queue_count", valid=req.get("value") == "DISPLAY" and seat.is_named(req))
    agent = seat.agent(req)
    chosen = agent.closer_campaigns.removesuffix(" -").split()
    direct = any("AGENTDIRECT" in name.upper() for name in chosen)
    waiting = sum(
        call.campaign_id in {agent.campaign_id, *chosen} - {"AGENTDIRECT"}
        or (direct and "AGENTDIRECT" in call.campaign_id and call.agent_only == agent.user)
        for call in req.world.floor.waiting_calls
    )
    req.echo(f"SUCCESS: calls_in_queue_count - {waiting}")  # stock code prints no line end here


def st_get_agent_active_lead(req: Request) -> None:
    """Print the lead on the screen of the agent whom another system knows by `value`."""
    value, vendor_id = req.get("value"), req.get("vendor_id")
    valid = bool(value) and bool(vendor_id)
    seat.begin(req, "st_get_agent_active_lead", valid=valid, data=f"{value}|{vendor_id}")
    found = seat.by_alt_user(req, value)
    if found is None:
        raise seat.end(req, f"ERROR: no user found - {value}")
    agent = req.world.floor.agents.get(found.user)
    if agent is None:
        raise seat.end(req, f"ERROR: user not logged in - {found.user}")
    if agent.lead_id < 1:
        raise seat.end(req, f"ERROR: no active lead found - {found.user}")
    lead = req.world.leads.get(agent.lead_id)  # gone since: PHP prints its columns as nothing
    columns = (lead.vendor_lead_code, lead.province, lead.security_phrase, lead.source_id) if lead else ("", "", "", "")
    data = "|".join((found.user, lead.phone_number if lead else "", str(agent.lead_id), *columns))
    seat.say(req, f"SUCCESS: st_get_agent_active_lead lead found - {data}")
