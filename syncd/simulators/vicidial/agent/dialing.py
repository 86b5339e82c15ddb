"""Numbers for an agent to call: `external_dial` and `external_add_lead`."""

import re
from collections.abc import Mapping

from syncd.simulators.vicidial import rows
from syncd.simulators.vicidial.request import PhpFatal, Request
from syncd.simulators.vicidial.world import SYSTEM_DNC

from . import seat

_ALT = {"ALT": "alt_phone", "ADDR3": "address3"}
_LEAD_FIELDS = (
    "source_id", "title", "first_name", "middle_initial", "last_name", "address1", "address2", "address3", "city",
    "state", "province", "postal_code", "country_code", "gender", "date_of_birth", "alt_phone", "email",
    "security_phrase", "comments", "rank", "owner",
)  # fmt: skip


def external_dial(req: Request) -> None:
    """Make the screen dial a number or a lead, or put it into the agent's queue of manual calls."""
    value = req.get("value")
    if value != "MANUALNEXT":
        value = re.sub("[^0-9]", "", value)
    words = [req.get(name) for name in ("search", "preview", "focus")]
    lead_id, data = req.get("lead_id"), "|".join((req.get("phone_code"), *words, req.get("lead_id")))
    named = seat.is_named(req, agent_user=2)
    valid = (len(value) >= 2 or bool(lead_id)) and named and all(len(word) >= 2 for word in words)
    data = f"{value}|{data}|{req.get('agent_user')}|{req.get('alt_user')}"
    seat.begin(req, "external_dial", valid=valid, data=data)
    agent = seat.agent(req)
    campaign = req.world.campaigns.get(agent.campaign_id) or rows.Campaign(agent.campaign_id)
    is_queued = campaign.api_manual_dial != "STANDARD"
    in_group = req.get("dial_ingroup")
    if in_group and in_group not in req.world.in_groups:
        seat.say(req, f"NOTICE: defined dial_ingroup not found - {in_group}")
        in_group = ""
    if not is_queued and not in_group and (agent.status != "PAUSED" or agent.lead_id >= 1):
        raise seat.end(req, f"ERROR: agent_user is not paused - {agent.user}")
    user = req.world.users.get(agent.user)
    if user is None or user.agentcall_manual != "1":
        raise seat.end(req, f"ERROR: agent_user is not allowed to place manual dial calls - {agent.user}")
    alias, caller_id = _caller_id(req, agent)
    if "YES" in req.get("vtiger_callback") and value.startswith("99"):
        value = str(int(value[2:] or 0))  # a Vtiger to look it up in is not simulated
    phone_code, alt_dial = req.get("phone_code"), req.get("alt_dial")
    if lead_id:
        value, phone_code, alt_dial = _of_lead(req, agent, lead_id, searched=value)
    shown = (phone_code, *words, req.get("vendor_id"), str(req.world.clock.epoch()), req.get("dial_prefix"))
    order = "!".join((value, *shown, alias, caller_id, "", lead_id, alt_dial, in_group))
    if not is_queued:
        agent.tell("external_dial", order)
    elif (agent.user, value) in req.world.floor.manual_dial_queue:
        raise seat.end(req, f"ERROR: phone_number is already in this agents manual dial queue - {agent.user}|{value}")
    else:
        req.world.floor.manual_dial_queue[agent.user, value] = order[: rows.EXTERNAL_WIDTH["external_dial"]]
    data = "|".join((value, agent.user, *shown, alias, caller_id, alt_dial))
    seat.say(req, f"SUCCESS: external_dial function set - {data}")


def _caller_id(req: Request, agent: rows.LiveAgent) -> tuple[str, str]:
    """The group alias and caller ID of a manual call."""
    alias, forced = req.get("group_alias"), req.get("outbound_cid")
    caller_id = group_alias_number(req, agent, alias)
    if len(forced) > 1:
        setting = req.world.floor.outbound_cid_any
        if setting != "API_ONLY":
            data = f"{agent.user}|{forced}|{setting}"
            raise seat.end(req, f"ERROR: outbound_cid is not allowed on this system - {data}")
        return "-FORCE-", forced
    return alias, caller_id


def group_alias_number(req: Request, agent: rows.LiveAgent, alias: str) -> str:
    """The caller ID of a group alias, empty for none; end the request if there is no such alias or number."""
    if len(alias) <= 1:
        return ""
    number = req.world.floor.group_aliases.get(alias)
    if number is None:
        raise seat.end(req, f"ERROR: group_alias is not valid - {agent.user}|{alias}")
    if int(number) < 4 if number.isdigit() else number < "4":  # as PHP 8 compares a text with a number
        data = f"{agent.user}|{alias}|{number}"
        raise seat.end(req, f"ERROR: caller_id_number from group_alias is not valid - {data}")
    return number


def _of_lead(req: Request, agent: rows.LiveAgent, lead_id: str, *, searched: str) -> tuple[str, str, str]:
    """Number, phone code and `alt_dial` of a call to a lead; its own number wins over the one that was sent."""
    alt_dial = req.get("alt_dial")
    lead = req.world.leads.get(int(lead_id))
    if alt_dial == "SEARCH":
        alt_dial = ""
        if lead is not None:
            columns = {"MAIN": "phone_number", **_ALT}
            alt_dial = next((name for name, column in columns.items() if getattr(lead, column) == searched), "")
            if not alt_dial:
                data = f"{agent.user}||{lead_id}|"
                raise seat.end(req, f"ERROR: phone number lead_id search not found - {data}")
    if lead is None:
        raise seat.end(req, f"ERROR: lead_id is not valid - {agent.user}|{lead_id}")
    number = re.sub("[^0-9]", "", getattr(lead, _ALT.get(alt_dial, "phone_number")))
    if len(number) < 2:
        raise seat.end(req, f"ERROR: phone number is not valid - {agent.user}|{number}|{lead_id}|{alt_dial}")
    return number, lead.phone_code, alt_dial


def external_add_lead(req: Request) -> None:
    """Insert a lead into the list of manual calls of the agent's campaign; only exact DNC entries are looked at."""
    phone = req.get("value") or req.get("phone_number")
    phone_code, name = req.get("phone_code"), req.get("agent_user")
    valid = seat.is_named(req, agent_user=2) and bool(phone_code) and len(phone) >= 2
    data = f"{phone}|{phone_code}|{name}|{req.get('alt_user')}"
    seat.begin(req, "external_add_lead", valid=valid, data=data)
    agent = seat.agent(req)
    campaign = req.world.campaigns.get(agent.campaign_id)
    if campaign is None:
        raise seat.end(req, f"ERROR: campaign manual dial list undefined - {phone}||{agent.user}")
    asked = {"Y", "YES"}
    dnc_of_campaign = campaign.use_other_campaign_dnc or campaign.campaign_id
    in_dnc = req.get("dnc_check") in asked and req.world.in_dnc(phone, SYSTEM_DNC, areacode=False)
    in_campaign_dnc = req.get("campaign_dnc_check") in asked and req.world.in_dnc(
        phone, dnc_of_campaign, areacode=False
    )
    if in_dnc:
        seat.say(req, f"ERROR: add_lead PHONE NUMBER IN DNC - {phone}|{agent.user}")
    if in_campaign_dnc:
        seat.say(req, f"ERROR: add_lead PHONE NUMBER IN CAMPAIGN DNC - {phone}|{campaign.campaign_id}|{agent.user}")
    if not in_dnc and not in_campaign_dnc:
        _insert(req, agent, campaign, phone, phone_code)


def _insert(req: Request, agent: rows.LiveAgent, campaign: rows.Campaign, phone: str, phone_code: str) -> None:
    vendor_lead_code = req.get("vendor_id") or req.get("vendor_lead_code")
    given = {name: req.get(name) for name in _LEAD_FIELDS} | {"vendor_lead_code": vendor_lead_code}
    columns = _stored(req, {**given, "phone_code": phone_code, "phone_number": phone})
    where = f"{phone}|{campaign.campaign_id}|{campaign.manual_dial_list_id}"
    if columns is None:
        if req.world.raise_on_sql_errors:
            raise PhpFatal
        raise seat.end(req, f"ERROR: lead insertion failed - {where}|{agent.user}")
    columns |= {
        "list_id": campaign.manual_dial_list_id,
        "status": "NEW",
        "user": req.world.storage.column("user", req.user_name),
        "last_local_call_time": req.world.clock.text(),
    }
    lead = req.world.insert_lead(columns)
    req.world.api_adds += 1
    seat.say(req, f"SUCCESS: lead added - {where}|{lead.lead_id}|{agent.user}")


def _stored(req: Request, given: Mapping[str, str]) -> dict[str, str] | None:
    """The values as the columns hold them; None if one of them ends the statement early (a quote, a last backslash)."""
    columns = {}
    for name, value in given.items():
        literal = None if '"' in value else req.world.storage.literal(value)
        if literal is None:
            return None
        columns[name] = req.world.storage.column(name, literal)
    return columns
