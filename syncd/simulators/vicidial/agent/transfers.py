"""`transfer_conference`: transfers, three-way calls and their hang-ups."""

from syncd.simulators.vicidial import rows
from syncd.simulators.vicidial.request import Request

from . import dialing, seat

_DIALS = frozenset({"BLIND_TRANSFER", "LEAVE_VM", "DIAL_WITH_CUSTOMER", "PARK_CUSTOMER_DIAL"})
_CONSULTS = frozenset({"DIAL_WITH_CUSTOMER", "PARK_CUSTOMER_DIAL"})
_ENDS = frozenset({"HANGUP_XFER", "HANGUP_BOTH", "LEAVE_3WAY_CALL"})
_CID_CHOICES = ("CAMPAIGN", "AGENT_PHONE", "CUSTOMER", "CUSTOM_CID")


def transfer_conference(req: Request) -> None:
    """Run one of the transfer frame's commands for an agent with a live call."""
    value = req.get("value")
    seat.begin(req, "transfer_conference", valid=len(value) >= 8 and seat.is_named(req))
    agent = seat.agent(req)
    if agent.lead_id < 1 or len(agent.callerid) <= 15:
        raise seat.end(req, f"ERROR: agent_user does not have a live call - {agent.user}")
    consults = "YES" if req.get("consultative") == "YES" else "NO"
    in_group, now = req.get("ingroup_choices"), req.world.clock.epoch()
    if value == "LOCAL_CLOSER" or (value in _CONSULTS and consults == "YES"):
        in_group = _in_group(req, agent, in_group)
        alias, caller_id, choice = _caller_id(req, agent)
        phone = req.get("phone_number")
        order = f"{value}---{in_group}---{phone}---{consults}------{alias}---{caller_id}---{now}---{choice}"
    elif value in _DIALS:
        alias, caller_id, choice = _caller_id(req, agent)
        override = req.get("dial_override")
        order = f"{value}------{req.get('phone_number')}---NO---{override}---{alias}---{caller_id}---{now}---{choice}"
    elif value in _ENDS:
        order = f"{value}---------NO------------{now}"
    else:
        raise seat.end(req, f"ERROR: value is not valid - {value}|{req.user_name}")
    several = _several(req, agent)
    if "YES" in req.get("tw_check").upper() and agent.three_way_calls:
        data = f"{agent.user}|{agent.three_way_calls}|0|{req.get('tw_check')}"
        raise seat.end(req, f"ERROR: agent_user has current active 3-way call - {data}")
    agent.tell("external_transferconf", order)
    data = f"{value}|{in_group}|{req.get('phone_number')}|{consults}|{agent.user}|{agent.callerid}{several}|"
    seat.say(req, f"SUCCESS: transfer_conference function set - {data}")


def _in_group(req: Request, agent: rows.LiveAgent, asked: str) -> str:
    """The in-group that takes the call. The simulated calls are outbound: their default is the campaign's."""
    name = asked
    if len(name) >= 2 and "DEFAULTINGROUP" in name:
        campaign = req.world.campaigns.get(agent.campaign_id)
        name = campaign.default_xfer_group if campaign else ""
    found = req.world.in_groups.get(name)
    if len(asked) < 2 or found is None or found.active != "Y":
        raise seat.end(req, f"ERROR: ingroup is not valid - {name}")
    return name


def _caller_id(req: Request, agent: rows.LiveAgent) -> tuple[str, str, str]:
    alias, choice = req.get("group_alias"), req.get("cid_choice")
    number = dialing.group_alias_number(req, agent, alias)
    if len(choice) > 1 and not any(known in choice for known in _CID_CHOICES):
        raise seat.end(req, f"ERROR: cid_choice is not valid - {agent.user}|{choice}")
    return alias, number, choice


def _several(req: Request, agent: rows.LiveAgent) -> str:
    """What is said of the third parties who are all called at once; empty if there are none."""
    given = req.get("multi_dial_phones")
    if len(given) <= 4:
        return ""
    phones, kept = given.split(","), ""
    count = 0
    for phone in phones:
        if 4 < len(phone) < 19 and phone not in kept:  # stock code looks for the digits anywhere in what it has
            kept += f",{phone}" if kept else phone
            count += 1
    check = req.get("md_check")
    if count and "YES" in check.upper() and agent.press_calls:
        data = f"{agent.user}|{agent.press_calls}|0|{check}"
        raise seat.end(req, f"ERROR: agent_user has previous active 3-way calls - {data}")
    agent.external["multi_dial_phones"] = kept
    return f"|Multi-phones: {count} {len(phones)} {int(count > 0)}"
