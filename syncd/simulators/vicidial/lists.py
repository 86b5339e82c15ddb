"""Functions about lists, campaigns, the hopper and agents at work."""

from .request import Request

_LIST_INFO = ("list_id", "list_name", "campaign_id", "active", "list_changedate", "list_lastcalldate")
_CAMPAIGNS = (
    "campaign_id", "campaign_name", "active", "user_group", "dial_method", "dial_level", "lead_order", "dial_statuses",
    "dial_timeout", "dial_prefix", "manual_dial_prefix", "three_way_dial_prefix",
)  # fmt: skip
_HOPPER = (
    "hopper_order", "priority", "lead_id", "list_id", "phone_number", "phone_code", "state", "status", "count",
    "gmt_offset", "rank", "alt", "hopper_source", "vendor_lead_code", "source_id", "age_days", "last_call_time",
)  # fmt: skip
_AGENTS = (
    "user", "campaign_id", "session_id", "status", "lead_id", "callerid", "calls_today", "full_name", "user_group",
    "user_level",
)  # fmt: skip


def list_info(req: Request) -> None:
    """Print a list's settings and, if asked, how many leads it has."""
    list_id = _list_id(req, "list_info")
    found = req.world.lists[list_id]
    delimiter = req.delimiter()
    header: list[str] = [*_LIST_INFO, "expiration_date", "resets_today"]
    values = [*(getattr(found, name) for name in _LIST_INFO), found.expiration_date, str(found.resets_today)]
    if req.yes("leads_counts"):
        header += ["all_leads_count", "new_leads_count"]
        statuses = [lead.status for lead in req.world.leads.values() if lead.list_id == list_id]
        values += [str(len(statuses)), str(statuses.count("NEW"))]
    if req.has_header():
        req.echo(delimiter.join(header) + "\n")
    # A delimiter for the count of dialable leads is printed even where that is not asked for.
    req.say(delimiter.join(values) + delimiter)


def list_custom_fields(req: Request) -> None:
    """Print the names of a list's custom fields, or of every visible list's for `---ALL---`."""
    if not req.world.custom_fields_enabled:
        reason = "CUSTOM LIST FIELDS ARE NOT ENABLED ON THIS SYSTEM"
        raise req.stop(f"ERROR: {reason}: |{req.user_name}|list_custom_fields|")
    wanted = req.get("list_id")
    if wanted == "---ALL---":
        ids = sorted(filter(req.sees_list, req.world.lists), key=int)
    else:
        ids = [_list_id(req, "list_custom_fields")]
    delimiter = req.delimiter()
    if req.has_header():
        req.echo(delimiter.join((*_LIST_INFO, "custom_fields_list_space_delimited")) + "\n")
    for list_id in ids:
        found = req.world.lists[list_id]
        fields = list(req.world.custom_fields.get(list_id, ()))
        if req.get("custom_order") in {"alpha_up", "alpha_down"}:
            fields.sort(reverse=req.get("custom_order") == "alpha_down")
        req.echo(delimiter.join((*(getattr(found, name) for name in _LIST_INFO), " ".join(fields))) + "\n")


def _list_id(req: Request, function: str) -> str:
    list_id = req.get("list_id")
    if not 2 <= len(list_id) <= 14:
        raise req.stop(
            f"ERROR: {function} YOU MUST USE ALL REQUIRED FIELDS: |{req.user_name}|{list_id}||{req.get('campaign_id')}"
        )
    if not req.may_use_list(list_id):
        raise req.stop(f"ERROR: {function} NOT AN ALLOWED LIST ID - {list_id}")
    if not req.sees_list(list_id):
        raise req.stop(f"ERROR: {function} LIST DOES NOT EXIST: |{req.user_name}|{list_id}")
    return list_id


def update_alt_url(req: Request) -> None:
    """Say that a campaign, in-group or list keeps no alternate URLs: no simulated one is set to use any."""
    entry_id, entry_type, url_type = req.get("campaign_id"), req.get("entry_type"), req.get("url_type")
    user = req.user_name
    if not 2 <= len(entry_id) <= 20:
        raise req.stop(f"ERROR: update_alt_url YOU MUST USE ALL REQUIRED FIELDS: |{user}|{entry_id}||{entry_id}")
    if entry_id not in req.world.campaigns or not req.group().allows(entry_id):
        raise req.stop(f"ERROR: update_alt_url CAMPAIGN DOES NOT EXIST: |{user}|{entry_id}")
    if req.get("alt_url_id") == "LIST":
        data = f"{user}|{url_type}|{entry_type}|{entry_id}|0"
        raise req.stop(f"NOTICE: update_alt_url LIST, No Records Found - {data}")
    types = {"campaign": ("dispo", "start", "noagent"), "ingroup": ("dispo", "start", "noagent", "addlead")}
    allowed = {**types, "list": ("noagent",)}.get(entry_type)
    if allowed is None:
        raise req.stop(f"ERROR: update_alt_url NO ENTRY TYPE DEFINED:: |{user}|{entry_type}|{entry_id}")
    data = f"|{user}|{url_type}|{entry_type}|{entry_id}"
    if url_type not in allowed:
        raise req.stop(f"ERROR: update_alt_url NO VALID URL TYPE DEFINED:: {data}")
    section = {"campaign": "CAMPAIGNS", "ingroup": "INGROUPS", "list": "LISTS"}[entry_type]
    raise req.stop(f"ERROR: update_alt_url {section} {url_type} URL IS NOT SET TO ALT: {data}")


def campaigns_list(req: Request) -> None:
    """Print the campaigns that the user may see."""
    only = req.get("campaign_id")
    visible = [
        campaign
        for campaign in req.world.campaigns.values()
        if req.group().allows(campaign.campaign_id) and (not only or campaign.campaign_id == only)
    ]
    if not visible:
        raise req.stop(f"ERROR: campaigns_list THIS USER HAS NO VIEWABLE CAMPAIGNS: {req.user_name}|")
    delimiter = req.delimiter()
    if req.has_header():
        req.echo(delimiter.join(_CAMPAIGNS) + "\n")
    for campaign in visible:
        values = (
            campaign.campaign_id, campaign.campaign_name, campaign.active, "---ALL---", campaign.dial_method,
            campaign.auto_dial_level, "", campaign.dial_statuses, "60", "9", "", "",
        )  # fmt: skip
        req.echo(delimiter.join(values) + "\n")


def ingroup_list(req: Request) -> None:
    """Print the in-groups as a table to choose from."""
    req.echo("\n<HTML><head><title>NON-AGENT API</title>\n</head>\n\n<body>\n<table border=0>\n")
    for number, group in enumerate(req.world.in_groups.values(), start=1):
        choice = f"<a href=\"javascript:choose_file('{group.group_id}','{req.raw.get('comments', '')}');\">"
        req.echo(f"<tr><td>{number}</td>\n<td colspan=2>{choice}{group.group_id}</a></td>\n")
        req.echo(f"<td>{group.group_name}</td></tr>\n")
    req.echo("</table>\n</body>\n</html>\n")


def hopper_list(req: Request) -> None:
    """Print a campaign's hopper in the order in which it is dialled."""
    campaign_id = req.get("campaign_id")
    world = req.world
    if campaign_id not in world.campaigns or not req.group().allows(campaign_id):
        raise req.stop(f"ERROR: hopper_list THIS CAMPAIGN DOES NOT EXIST: |{req.user_name}|{campaign_id}")
    waiting = sorted(
        (entry for entry in world.hopper.values() if entry.campaign_id == campaign_id and entry.status == "READY"),
        key=lambda entry: (-entry.priority, entry.hopper_id),
    )
    if not waiting:
        reason = "THERE ARE NO LEADS IN THE HOPPER FOR THIS CAMPAIGN"
        raise req.stop(f"ERROR: hopper_list {reason}: {req.user_name}|{campaign_id}")
    delimiter = req.delimiter()
    if req.has_header():
        req.echo(delimiter.join(_HOPPER) + "\n")
    now, server_gmt = world.clock.epoch(), float(world.clock.local_gmt) + world.clock.is_summer()
    for order, entry in enumerate(waiting):
        lead = world.leads.get(entry.lead_id)
        if lead is None:
            continue
        lead_zone_seconds = (float(entry.gmt_offset_now or 0) - server_gmt) * 3600
        last_call = world.clock.to_epoch(lead.last_local_call_time) + lead_zone_seconds
        values = (
            str(order), str(entry.priority), str(entry.lead_id), entry.list_id, lead.phone_number, lead.phone_code,
            entry.state, lead.status, lead.called_count, entry.gmt_offset_now, lead.rank, "NONE", entry.source,
            entry.vendor_lead_code, lead.source_id, str(int((now - world.clock.to_epoch(lead.entry_date)) / 86400)),
            _age(int((now - last_call) / 3600)),
        )  # fmt: skip
        req.echo(delimiter.join(values) + "\n")


def _age(hours: int) -> str:
    if hours < 24:
        return f"{hours} HOURS "
    days = hours // 24
    if days < 365:
        return f"{days} DAYS  "
    return f"{days // 365} YEARS " if days // 365 < 30 else "NEVER    "


def logged_in_agents(req: Request) -> None:
    """Print agents at work in campaigns that the user may see, or in those of them that `campaigns` names."""
    only = req.get("campaigns").split("|") if req.get("campaigns") else None
    found = [
        agent
        for agent in req.world.floor.agents.values()
        if req.group().allows(agent.campaign_id) and (only is None or agent.campaign_id in only)
    ]
    if not found:
        raise req.stop(f"ERROR: logged_in_agents NO LOGGED IN AGENTS: {req.user_name}|")
    delimiter = req.delimiter()
    if req.has_header():
        req.echo(delimiter.join(_AGENTS) + "\n")
    for agent in found:
        user = req.world.users[agent.user]
        values = (
            agent.user, agent.campaign_id, agent.session_id, agent.status, str(agent.lead_id), "", "0", user.full_name,
            user.user_group, str(user.user_level),
        )  # fmt: skip
        req.echo(delimiter.join(values) + "\n")
