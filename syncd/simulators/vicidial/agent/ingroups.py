"""`change_ingroups`: which in-groups an agent takes calls from."""

from syncd.simulators.vicidial import rows
from syncd.simulators.vicidial.request import Request

from . import seat


def change_ingroups(req: Request) -> None:
    """Set, add to or take from an agent's in-groups; the simulated screen does so at once."""
    value = "".join(char for char in req.get("value") if "A" <= char <= "Z")
    blended, choices, name = req.get("blended"), req.get("ingroup_choices"), req.get("agent_user")
    valid = len(blended) >= 2 and len(name) >= 2 and len(value) >= 3
    seat.begin(req, "change_ingroups", valid=valid, data=f"{value}|{blended}|{choices}|{name}")
    agent = seat.agent(req, may_be_alt=False)
    campaign = req.world.campaigns.get(agent.campaign_id)
    if campaign is None or campaign.campaign_allow_inbound != "Y":
        raise seat.end(req, f"ERROR: campaign does not allow inbound calls - {agent.user}")
    if req.user.change_agent_campaign != 1:
        raise seat.end(req, f"ERROR: user is not allowed to change agent in-groups - {req.user_name}")
    if blended == "YES" and campaign.dial_method in {"MANUAL", "INBOUND_MAN"}:
        data = f"{agent.user}|{blended}"
        raise seat.end(req, f"ERROR: campaign dial_method does not allow outbound autodial - {data}")
    asked = _names(choices)
    unknown = next((group for group in asked if group not in req.world.in_groups), None)
    if unknown is not None:
        raise seat.end(req, f"ERROR: ingroup does not exist - {agent.user}|{unknown}|{choices}")
    if not choices and value in {"ADD", "REMOVE"}:
        data = f"{agent.user}|{value}|{choices}"
        raise seat.end(req, f"ERROR: ingroup_choices are required for ADD and REMOVE values - {data}")
    chosen = _changed(value, agent, asked, choices)
    flag = "1" if blended == "YES" else "0"
    agent.tell("external_ingroups", chosen)
    agent.tell("external_blended", flag)
    agent.tell("external_igb_set_user", req.user_name)
    agent.closer_campaigns, agent.blended = chosen, flag
    note = ""
    user = req.world.users.get(agent.user)
    if req.get("set_as_default") == "YES" and user is not None:
        user.closer_campaigns, user.closer_default_blended = chosen, flag
        note = "User settings set as default"
    data = f"{req.user_name}|{agent.user}|{chosen}|{blended}|{note}"
    seat.say(req, f"SUCCESS: change_ingroups function set - {data}")


def _names(choices: str) -> list[str]:
    """The in-groups of a text like " ONE TWO -": stock code never looks at what stands before the first space."""
    return [name for name in choices.removesuffix("-").split(" ")[1:] if len(name) > 1]


def _changed(value: str, agent: rows.LiveAgent, asked: list[str], choices: str) -> str:
    now = _names(agent.closer_campaigns)
    match value:
        case "ADD":
            return " " + "".join(f"{name} " for name in dict.fromkeys([*now, *asked])) + "-"
        case "REMOVE":
            left = agent.closer_campaigns
            for name in asked:
                left = left.replace(f" {name} ", " ")
            return left
        case _:
            return choices
