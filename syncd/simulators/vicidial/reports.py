"""Functions that print calls, recordings and statistics."""

from collections import Counter
from collections.abc import Iterable

from . import rows
from .request import Request
from .statuses import STATUSES
from .world import World

_HOURS = tuple(f"{hour:02}" for hour in range(24))
_PHONE_LOG = (
    "phone_number", "call_date", "list_id", "length_in_sec", "lead_status", "hangup_reason", "call_status",
    "source_id", "user",
)  # fmt: skip
_IN_GROUP_STATUS = (
    "ingroups", "total_calls", "calls_waiting", "agents_logged_in", "agents_in_calls", "agents_waiting",
    "agents_paused", "agents_in_dispo", "agents_in_dial",
)  # fmt: skip
_USER_GROUP_STATUS = (
    "usergroups", "calls_waiting", "agents_logged_in", "agents_in_calls", "agents_waiting", "agents_paused",
    "agents_in_dead_calls", "agents_in_dispo", "agents_in_dial",
)  # fmt: skip
_AGENT_STATUS = (
    "status", "callerid", "lead_id", "campaign_id", "calls_today", "full_name", "user_group", "user_level",
    "pause_code", "real_time_sub_status", "phone_number", "vendor_lead_code", "session_id",
)  # fmt: skip


def phone_number_log(req: Request) -> None:
    """Print the calls of phone numbers, per number the outbound ones before the inbound ones, newest first."""
    given = req.get("phone_number")
    phones = [phone for phone in given.split(",") if len(phone) > 3] if len(given) > 3 else []
    if not phones:
        data = f"{req.user_name}|{given}|{req.get('date')}"
        raise req.stop(f"ERROR: phone_number_log NO VALID PHONE NUMBERS DEFINED: {data}")
    kind = req.get("type") if req.get("type") in {"IN", "OUT", "ALL"} else "OUT"
    found: list[rows.Call] = []
    for phone in phones:
        newest = sorted(req.world.calls_of_phone(phone), key=lambda call: call.call_date, reverse=True)
        outbound = [call for call in newest if not call.closecallid and kind != "IN"]
        inbound = [call for call in newest if call.closecallid and kind != "OUT"]
        at_most = 1 if req.get("detail") == "LAST" else None
        found += outbound[:at_most] + inbound[:at_most]
    if not found:
        data = f"{req.user_name}|{given}|{req.get('lead_id')}|{req.get('date')}"
        raise req.stop(f"NOTICE: phone_number_log NO RECORDS FOUND FOR THIS PHONE NUMBER - {data}")
    delimiter = req.delimiter()
    if req.has_header():
        req.echo(delimiter.join(_PHONE_LOG) + "\n")
    for call in found:
        lead = req.world.leads.get(call.lead_id)
        values = (
            call.phone_number, call.call_date, call.list_id, str(call.length_in_sec),
            lead.status if lead else call.status, call.term_reason, call.status, lead.source_id if lead else "",
            call.user or "",
        )  # fmt: skip
        req.echo(delimiter.join(values) + "\n")


def recording_lookup(req: Request) -> None:
    """Print recordings by lead or call, or by two of agent, day and extension."""
    uniqueid, agent_user, lead_id, date = (req.get(name) for name in ("uniqueid", "agent_user", "lead_id", "date"))
    data = f"{req.user_name}|{agent_user}|{lead_id}|{date}|{uniqueid}"
    keys = _recording_keys(req, uniqueid) if len(uniqueid) > 8 else set()
    agent = agent_user if 2 < len(agent_user) < 21 else ""
    lead = lead_id if 0 < len(lead_id) < 11 else ""
    day = date if len(date) == 10 else ""
    extension = 2 < len(req.get("extension")) < 101
    if 2 * bool(keys) + bool(agent) + 2 * bool(lead) + extension + bool(day) < 2:
        raise req.stop(f"ERROR: recording_lookup INVALID SEARCH PARAMETERS: {data}")
    found = [
        recording
        for recording in sorted(req.world.recordings, key=lambda recording: recording.start_time)
        if (not keys or recording.vicidial_id in keys)
        and (not agent or recording.user == agent)
        and (not lead or recording.lead_id == int(lead))
        and (not day or recording.start_time.startswith(day))
        and not extension  # the simulated server records no extensions
    ]
    if not found:
        raise req.stop(f"ERROR: recording_lookup NO RECORDINGS FOUND - {data}")
    print_recordings(req, found)


def _recording_keys(req: Request, uniqueid: str) -> set[str]:
    prefix = uniqueid.partition(".")[0]
    calls = [call for call in req.world.all_calls() if call.uniqueid.startswith(prefix)]
    return {str(call.closecallid) if call.closecallid else call.uniqueid for call in calls}


def print_recordings(req: Request, found: Iterable[rows.Recording]) -> None:
    """The rows of recording_lookup; the header never names the duration."""
    delimiter = req.delimiter()
    if req.has_header():
        req.echo(delimiter.join(("start_time", "user", "recording_id", "lead_id", "location")) + "\n")
    for recording in (row.told_at(req.world.clock.epoch()) for row in found):
        duration = [str(recording.length_in_sec)] if "Y" in req.get("duration") else []
        values = (
            recording.start_time, recording.user, str(recording.recording_id), str(recording.lead_id), *duration,
            recording.location,
        )  # fmt: skip
        req.echo(delimiter.join(values) + "\n")


def callid_info(req: Request) -> None:
    """Stock callid_info wants a caller code, whose log the simulated server does not keep: nothing is found."""
    call_id = req.get("call_id")
    if not 17 < len(call_id) < 40 or not call_id.startswith(("Y", "J", "V", "M", "DC", "S", "LP", "XL")):
        raise req.stop(f"ERROR: callid_info INVALID SEARCH PARAMETERS: {req.user_name}|{call_id}")
    raise req.stop(f"ERROR: callid_info CALL NOT FOUND: {req.user_name}|{call_id}")


def update_log_entry(req: Request) -> None:
    """Change the status of a call; a uniqueid never arrives whole, because its dot is filtered out."""
    group, call_id, status = req.get("group"), req.get("call_id"), req.get("status")
    data = f"{req.user_name}|{group}|{call_id}|{status}"
    if len(group) >= 2 and len(call_id) >= 8 and len(status) >= 8:
        raise req.stop(f"ERROR: update_log_entry INVALID SEARCH PARAMETERS: {data}")
    inbound = group in req.world.in_groups
    if not inbound and group not in req.world.campaigns:
        raise req.stop(f"ERROR: update_log_entry GROUP NOT FOUND: {req.user_name}|{group}")
    tail = call_id[-10:]
    lead_id = int(tail) if tail.isdecimal() else 0
    calls = [
        call
        for call in req.world.all_calls()
        if call.lead_id == lead_id and call.campaign_id == group and bool(call.closecallid) == inbound
    ]
    if not calls:
        raise req.stop(f"ERROR: update_log_entry NO RECORDS FOUND: {data}")
    call = max(calls, key=lambda call: call.closecallid if inbound else call.call_date)
    key = str(call.closecallid) if inbound else call.uniqueid
    if call.status == status:
        raise req.stop(f"ERROR: update_log_entry NO RECORDS UPDATED: {data}|{call.status}|{key}")
    old, call.status = call.status, status
    req.say(f"SUCCESS: update_log_entry RECORD HAS BEEN UPDATED - {req.user_name}|{data}|{old}|{key}|")


def _period(req: Request) -> tuple[str, str]:
    first = req.get("query_date") or req.world.clock.text()[:10]
    last = req.get("end_date") or first
    return f"{first} {req.get('query_time') or '00:00:00'}", f"{last} {req.get('end_time') or '23:59:59'}"


def call_status_stats(req: Request) -> None:
    """Print, per campaign and in-group, calls, human answers, calls by hour and by status."""
    campaigns, statuses = req.get("campaigns"), req.get("statuses")
    if len(campaigns) < 2:
        req.say(f"ERROR: call_status_stats INVALID OR MISSING CAMPAIGNS - {req.get('source')}")
        raise req.stop(f"ERROR: Invalid Source: |{req.get('source')}|")
    names = campaigns.split("-")
    every = "ALLCAMPAIGNS" in names or "---ALL---" in campaigns
    outbound = sorted(req.world.campaigns) if every else sorted(names)
    named = req.get("ingroups")
    ingroups = sorted(set(named.split("-") if named else _taken_by(req.world, outbound)))
    wanted = set(statuses.split("-")) if statuses else None
    calls = [call for call in req.world.calls_between(*_period(req)) if wanted is None or call.status in wanted]
    for name in outbound:
        req.echo(_stats_line(name, [call for call in calls if call.campaign_id == name and not call.closecallid]))
    for name in ingroups:
        req.echo(_stats_line(name, [call for call in calls if call.campaign_id == name and call.closecallid]))


def _taken_by(world: World, campaigns: Iterable[str]) -> list[str]:
    """The in-groups from which these campaigns take calls, by their `closer_campaigns`."""
    taking = [world.campaigns[name].closer_campaigns for name in campaigns if name in world.campaigns]
    return [name for names in taking for name in names.removesuffix(" -").split()]


def _stats_line(name: str, calls: list[rows.Call]) -> str:
    answered = sum(STATUSES.get(call.status, ("", False))[1] for call in calls)
    by_hour = Counter(call.call_date[11:13] for call in calls)
    by_status = Counter(call.status for call in calls)
    hours = ",".join(f"{hour}-{by_hour[hour]}" for hour in _HOURS)
    statuses = ",".join(f"{status}-{by_status[status]}" for status in sorted(by_status))
    return f"{name}|{len(calls)}|{answered}|{hours}|{statuses}|\n"


def call_dispo_report(req: Request) -> None:
    """Print calls per campaign or in-group as CSV, by status if asked; the last line has no end."""
    campaigns, ingroups = req.get("campaigns"), req.get("ingroups")
    if len(campaigns) < 2 and len(ingroups) < 2:
        reason = "call_dispo_report INVALID OR MISSING CAMPAIGNS, INGROUPS, OR DIDS"
        req.say(f"ERROR: {reason} - {req.get('source')}")
        raise req.stop(f"ERROR: Invalid Source: |{req.get('source')}|")
    calls = list(req.world.calls_between(*_period(req)))
    outbound = _named(calls, campaigns, every="ALLCAMPAIGNS", inbound=False)
    inbound = _named(calls, ingroups, every="ALLGROUPS", inbound=True)
    counted = [*outbound, *inbound]
    by_status = bool(req.get("status_breakdown"))
    # PHP collects them campaign by campaign, and prints a campaign's own sorted.
    statuses = list(dict.fromkeys(call.status for call in counted)) if by_status else []
    req.echo(",".join(("CAMPAIGN", "TOTAL CALLS", *statuses)) + "\n")
    percent = by_status and bool(req.get("show_percentages"))
    for part in (outbound, inbound):
        for name in dict.fromkeys(call.campaign_id for call in part):
            own = [call for call in part if call.campaign_id == name]
            req.echo(_dispo_line(name, own, statuses, percent=percent) + "\n")
    req.echo(_dispo_line("TOTAL", counted, statuses, percent=percent))


def _named(calls: list[rows.Call], names: str, *, every: str, inbound: bool) -> list[rows.Call]:
    wanted = names.split("-")
    anything = every in wanted or "---ALL---" in names
    found = [call for call in calls if bool(call.closecallid) == inbound and (anything or call.campaign_id in wanted)]
    return sorted(found, key=lambda call: (call.campaign_id, call.status)) if names else []


def _dispo_line(name: str, calls: list[rows.Call], statuses: list[str], *, percent: bool) -> str:
    counts = Counter(call.status for call in calls)
    cells = [
        f"{counts[status]} ({100 * counts[status] / len(calls):.1f}%)" if percent else str(counts[status])
        for status in sorted(statuses)
    ]
    return ",".join((name, str(len(calls)), *cells))


def in_group_status(req: Request) -> None:
    """Print live counts of in-groups, one row for all that are named. Their calls are those that wait: the simulated
    server keeps no row of a call that an agent has. The calls of a campaign are counted as well, its agents are not."""
    wanted = req.get("in_groups").split("|")
    waiting = sum(call.campaign_id in wanted for call in req.world.floor.waiting_calls)
    agents = [
        agent for agent in req.world.floor.agents.values() if not set(wanted).isdisjoint(agent.closer_campaigns.split())
    ]
    _live_counts(req, "in_group_status", "in_groups", _IN_GROUP_STATUS, [waiting, waiting], agents, dead=0)


def user_group_status(req: Request) -> None:
    """Print live counts of user groups, one row for all that are named."""
    wanted = req.get("user_groups").split("|")
    agents = [agent for agent in req.world.floor.agents.values() if req.world.users[agent.user].user_group in wanted]
    _live_counts(req, "user_group_status", "user_groups", _USER_GROUP_STATUS, [0], agents, dead=1)


def _live_counts(
    req: Request,
    function: str,
    parameter: str,
    header: tuple[str, ...],
    calls: list[int],
    agents: list[rows.LiveAgent],
    *,
    dead: int,
) -> None:
    groups = req.get(parameter)
    if not groups:
        raise req.stop(f"ERROR: {function} INVALID SEARCH PARAMETERS: {req.user_name}|{groups}")
    kinds = Counter(
        "DISPO" if agent.status in {"READY", "PAUSED"} and agent.lead_id else agent.status for agent in agents
    )
    in_calls = kinds["INCALL"] + kinds["QUEUE"] + kinds["MQUEUE"]
    free = kinds["READY"] + kinds["CLOSER"]
    counts = [*calls, len(agents), in_calls, free, kinds["PAUSED"], *[0] * dead, kinds["DISPO"], 0]
    delimiter = req.delimiter()
    if req.has_header():
        req.echo(delimiter.join(header) + "\n")
    req.say(delimiter.join((groups.replace("|", " "), *map(str, counts))))


def agent_status(req: Request) -> None:
    """Print what an agent is doing."""
    name = req.get("agent_user")
    if not 0 < len(name) < 100:
        raise req.stop(f"ERROR: agent_status INVALID SEARCH PARAMETERS: {req.user_name}|{name}")
    user = req.world.users.get(name)
    if user is None:
        raise req.stop(f"ERROR: agent_status AGENT NOT FOUND: {req.user_name}|{name}")
    agent = req.world.floor.agents.get(name)
    if agent is None:
        raise req.stop(f"ERROR: agent_status AGENT NOT LOGGED IN: {req.user_name}|{name}")
    lead = req.world.leads.get(agent.lead_id)
    values = (
        agent.status, "", str(agent.lead_id), agent.campaign_id, "0", user.full_name, user.user_group,
        str(user.user_level), "", "", lead.phone_number if lead else "", lead.vendor_lead_code if lead else "",
        agent.session_id,
    )  # fmt: skip
    delimiter = req.delimiter()
    if req.has_header():
        req.echo(delimiter.join(_AGENT_STATUS) + "\n")
    req.echo(delimiter.join(values) + "\n")


def agent_stats_export(req: Request) -> None:
    """Stock agent_stats_export reads the agent log, which the simulated server does not keep: nothing is found."""
    start, end = req.get("datetime_start"), req.get("datetime_end")
    data = f"{req.user_name}|{req.get('agent_user')}|{start}|{end}|{req.get('campaign_id')}"
    if len(start) != 19 or len(end) != 19:
        raise req.stop(f"ERROR: agent_stats_export INVALID SEARCH PARAMETERS: {data}")
    raise req.stop(f"ERROR: agent_stats_export NO RECORDS FOUND - {data}")
