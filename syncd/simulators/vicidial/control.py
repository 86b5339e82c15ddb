"""A VICIdial's own commands of the control door: clock, an agent's work, and the whole world as JSON for accounting."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from syncd.simulators.common.control import Arguments, Command, Mistake

from . import columns, rows
from .auth import is_locked
from .world import SYSTEM_DNC

if TYPE_CHECKING:
    from .server import Simulator


_CALLBACK_PRIORITY = 50


def _world(sim: "Simulator", arguments: Arguments) -> Arguments:
    world = sim.world
    with world.lock:
        parts: dict[str, Callable[[], Any]] = {
            "leads": lambda: rows.plain(world.leads.values()),
            "calls": lambda: rows.plain(world.all_calls()),
            "hopper": lambda: rows.plain(world.hopper.values()),
            "agents": lambda: rows.plain(world.floor.agents.values()),
            "manual_dial_queue": lambda: [
                {"user": user, "phone_number": number, "external_dial": order}
                for (user, number), order in world.floor.manual_dial_queue.items()
            ],
            "callbacks": lambda: rows.plain(row for booked in world.callbacks.values() for row in booked),
            "recordings": lambda: rows.plain(world.recordings),
            "dnc": lambda: {name: sorted(numbers) for name, numbers in world.dnc.items()},
            "custom_fields": lambda: {
                name: {
                    str(lead_id): {label: value or "" for label, value in values.items()}
                    for lead_id, values in found.items()
                }
                for name, found in world.custom_values.items()
            },
        }
        wanted = arguments.get("include", list(parts))
        counts = {"leads": len(world.leads), "calls": sum(map(len, world.calls.values())), "hopper": len(world.hopper)}
        return {
            "counts": counts,
            "now": world.clock.text(),
            "writes": world.api_adds,
            **{name: parts[name]() for name in wanted},
        }


def _clock(sim: "Simulator", arguments: Arguments) -> Arguments:
    clock = sim.world.clock
    with sim.world.lock:
        if "zone" in arguments:
            clock.set_zone(arguments["zone"])
        if "offset_seconds" in arguments:
            clock.offset_seconds = float(arguments["offset_seconds"])
        if "freeze" in arguments:
            clock.freeze(frozen=bool(arguments["freeze"]))
        return {"now": clock.text(), "epoch": clock.epoch(), "local_gmt": clock.local_gmt}


def _lead(sim: "Simulator", arguments: Arguments) -> rows.Lead:
    lead = sim.world.leads.get(int(arguments["lead_id"]))
    if lead is None:
        raise Mistake(f"no lead {arguments['lead_id']}")
    return lead


def _call(sim: "Simulator", arguments: Arguments) -> Arguments:
    world = sim.world
    with world.lock:
        lead, user_name, status = _lead(sim, arguments), str(arguments["user"]), str(arguments["status"])
        user = world.users.get(user_name)
        if user is None:
            raise Mistake(f"no user {user_name}")
        in_group = str(arguments.get("in_group") or "")
        campaign_id = in_group or str(arguments.get("campaign_id") or world.campaign_of_list(lead.list_id))
        when = str(arguments.get("call_date") or world.clock.text())
        length = int(arguments.get("length_in_sec", 0))
        uniqueid = str(arguments.get("uniqueid") or f"{world.clock.to_epoch(when)}.{world.take_call_number()}")
        called_count = columns.column("called_count", str(int(lead.called_count) + 1))
        call = rows.Call(
            uniqueid=uniqueid,
            lead_id=lead.lead_id,
            campaign_id=campaign_id,
            call_date=when,
            status=status,
            user=user_name,
            list_id=lead.list_id,
            length_in_sec=length,
            phone_number=lead.phone_number,
            # The dialer books calls that no agent took without a user group.
            user_group=None if user_name in {"VDAD", "VDCL"} else user.user_group,
            term_reason=str(arguments.get("term_reason", "CALLER")),
            called_count=int(called_count),
            queue_seconds=float(arguments.get("queue_seconds", 0)),
            closecallid=world.take_closecallid() if in_group else 0,
            agent_log_rows=int(arguments.get("agent_log_rows", 1)),
        )
        world.add_call(call)
        callback = arguments.get("callback")
        if lead.status in {"CALLBK", "CBHOLD"}:  # the agent screen ends the callbacks of such a lead once it is called
            for booked in world.callbacks.get(lead.lead_id, ()):
                booked.status = "INACTIVE"
        changes = {
            "status": "CBHOLD" if callback else status,
            "called_count": called_count,
            "last_local_call_time": when,
            "user": user_name,
            "called_since_last_reset": "Y",
        }
        world.change_lead(lead, changes)
        world.remove_from_hopper(lead.lead_id)
        if callback:
            _book_callback(sim, lead, call, callback)
        log_id = world.take_agent_log_id()
        if given := arguments.get("recording"):
            _record(sim, call, given if isinstance(given, dict) else {}, agent_log_id=log_id)
        if arguments.get("dnc"):
            world.dnc[SYSTEM_DNC].add(lead.phone_number)
        return {"uniqueid": uniqueid, "call_date": when, "closecallid": call.closecallid, "agent_log_id": log_id}


def _book_callback(sim: "Simulator", lead: rows.Lead, call: rows.Call, given: Arguments) -> None:
    recipient = "USERONLY" if given.get("user") else "ANYONE"
    booked = rows.Callback(
        lead.lead_id, lead.list_id, call.campaign_id, sim.world.clock.text(), str(given["datetime"]), recipient,
        call.user or "", call.user_group or "", str(given.get("comments", "")), call.status,
    )  # fmt: skip
    sim.world.callbacks.setdefault(lead.lead_id, []).append(booked)


def _record(sim: "Simulator", call: rows.Call, given: Arguments, *, agent_log_id: int = 0) -> rows.Recording:
    """A recording of a call; its link appears `after_seconds`, at once, or with null never."""
    recordings = sim.world.recordings
    recording_id = max((found.recording_id for found in recordings), default=0) + 1
    filename = f"{call.call_date.translate(str.maketrans(' ', '-', '-:'))}_{call.phone_number}_{call.user}"
    late = given.get("after_seconds", 0)
    recording = rows.Recording(
        recording_id,
        call.lead_id,
        call.user or "",
        str(given.get("start_time") or call.call_date),
        int(given.get("length_in_sec", call.length_in_sec)),
        str(given.get("vicidial_id") or call.closecallid or call.uniqueid),
        filename,
        str(given.get("location") or f"http://10.10.10.15/RECORDINGS/{filename}-all.wav"),
        None if late is None else sim.world.clock.epoch() + float(late) if late else 0.0,
        _audio(given),
        agent_log_id,
    )
    recordings.append(recording)
    return recording


def _audio(given: Arguments) -> str:
    audio = str(given.get("audio", ""))
    if audio not in ("", "missing", "page", "login"):
        raise Mistake(f"no such trouble with audio: {audio}")
    return audio


def _recording(sim: "Simulator", arguments: Arguments) -> Arguments:
    """Record a call afterwards, or change a recording that is there."""
    with sim.world.lock:
        if "recording_id" not in arguments:
            calls = sim.world.calls_of_uniqueid(str(arguments.get("uniqueid")))
            if not calls:
                raise Mistake(f"no call {arguments.get('uniqueid')}")
            return {"recording_id": _record(sim, calls[-1], arguments).recording_id}
        number = int(arguments["recording_id"])
        found = next((one for one in sim.world.recordings if one.recording_id == number), None)
        if found is None:
            raise Mistake(f"no recording {number}")
        found.location = str(arguments.get("location", found.location))
        if "after_seconds" in arguments:
            late = arguments["after_seconds"]
            found.linked_from = None if late is None else sim.world.clock.epoch() + float(late)
        if "audio" in arguments:
            found.audio = _audio(arguments)
        return {"recording_id": number}


def _archive(sim: "Simulator", arguments: Arguments) -> Arguments:
    with sim.world.lock:
        return {"moved": sim.world.archive_calls(str(arguments["before"]))}


def _hopper_run(sim: "Simulator", _: Arguments) -> Arguments:
    """What stock VDhopper does each minute with callbacks: those that are due become LIVE, and the lead of one for
    ANYONE gets its status back and goes into the hopper, whatever its status was meanwhile."""
    world = sim.world
    with world.lock:
        due = [
            row
            for rows_of_lead in world.callbacks.values()
            for row in rows_of_lead
            if row.status == "ACTIVE" and row.callback_time <= world.clock.text() and row.lead_id in world.leads
        ]
        for row in due:
            row.status = "LIVE"
            if row.recipient != "ANYONE":
                continue
            lead = world.leads[row.lead_id]
            world.change_lead(lead, {"status": row.lead_status, "called_since_last_reset": "N"})
            if world.hopper_entry(row.lead_id) is None:
                world.add_to_hopper(
                    lead,
                    campaign_id=row.campaign_id,
                    list_id=row.list_id,
                    priority=_CALLBACK_PRIORITY,
                    gmt_offset=lead.gmt_offset_now,
                )
        return {"live": len(due)}


def _redispo(sim: "Simulator", arguments: Arguments) -> Arguments:
    status = str(arguments["status"])
    with sim.world.lock:
        calls = sim.world.calls_of_uniqueid(str(arguments["uniqueid"]))
        if not calls:
            raise Mistake(f"no call {arguments['uniqueid']}")
        for call in calls:
            call.status = status
        lead = sim.world.leads.get(calls[-1].lead_id)
        if lead is not None:
            sim.world.change_lead(lead, {"status": status})
        return {"changed": len(calls)}


def _edit(sim: "Simulator", arguments: Arguments) -> Arguments:
    fields = {name: sim.world.storage.column(name, str(value)) for name, value in arguments["fields"].items()}
    unknown = sorted(fields.keys() - set(rows.LEAD_COLUMNS) | fields.keys() & {"lead_id"})
    if unknown:
        raise Mistake(f"no such columns to edit: {', '.join(unknown)}")
    with sim.world.lock:
        return {"changed": sim.world.change_lead(_lead(sim, arguments), fields)}


def _delete(sim: "Simulator", arguments: Arguments) -> Arguments:
    with sim.world.lock:
        lead = _lead(sim, arguments)
        if arguments.get("archive"):
            sim.world.archive_lead(lead)
        else:
            sim.world.delete_lead(lead)
        return {"deleted": lead.lead_id}


def _dnc(sim: "Simulator", arguments: Arguments) -> Arguments:
    with sim.world.lock:
        numbers = sim.world.dnc.setdefault(str(arguments.get("campaign_id") or SYSTEM_DNC), set())
        number = str(arguments["phone_number"])
        if arguments.get("remove"):
            numbers.discard(number)
        else:
            numbers.add(number)
        return {"numbers": len(numbers)}


def _agent(sim: "Simulator", arguments: Arguments) -> Arguments:
    """Log an agent in, out, or change what an agent is doing; what is not said stays."""
    world, name = sim.world, str(arguments["user"])
    with world.lock:
        if name not in world.users:
            raise Mistake(f"no user {name}")
        if not arguments.get("logged_in", True):
            return {"logged_out": world.floor.agents.pop(name, None) is not None}
        agent = world.floor.agents.get(name)
        campaign_id = str(arguments.get("campaign_id") or (agent.campaign_id if agent else next(iter(world.campaigns))))
        if campaign_id not in world.campaigns:
            raise Mistake(f"no campaign {campaign_id}")
        if agent is None:
            agent = world.floor.agents[name] = rows.LiveAgent(name, campaign_id, world.floor.free_session_id())
        agent.campaign_id = campaign_id
        if arguments.get("lead_id"):
            agent.lead_id = _lead(sim, arguments).lead_id
        agent.status = str(arguments.get("status", agent.status))
        if agent.status not in _AGENT_STATUSES:
            raise Mistake(f"status {agent.status}: one of {', '.join(_AGENT_STATUSES)} is expected")
        if agent.status != "INCALL":
            agent.callerid = ""
        elif not agent.callerid:
            agent.callerid = f"V{world.clock.text()[5:19].translate(_NO_SIGNS)}{agent.lead_id:09}"
        if "lead_id" in arguments and not arguments["lead_id"]:
            agent.lead_id = 0
        if "in_groups" in arguments:
            agent.closer_campaigns = " " + "".join(f"{one} " for one in arguments["in_groups"]) + "-"
        agent.press_calls = int(arguments.get("press_calls", agent.press_calls))
        agent.three_way_calls = int(arguments.get("three_way_calls", agent.three_way_calls))
        if "recording_id" in arguments:
            agent.tell("external_recording", str(arguments["recording_id"]))
        return rows.plain([agent])[0]


def _queue(sim: "Simulator", arguments: Arguments) -> Arguments:
    """Let so many calls wait in a campaign or in-group, for one agent only if `agent_only` names one."""
    world, place = sim.world, str(arguments["campaign_id"])
    with world.lock:
        if not any(place in known for known in (world.campaigns, world.in_groups)) and "AGENTDIRECT" not in place:
            raise Mistake(f"no campaign or in-group {place}")
        world.floor.waiting_calls = [call for call in world.floor.waiting_calls if call.campaign_id != place]
        call = rows.WaitingCall(place, str(arguments.get("agent_only", "")))
        world.floor.waiting_calls += [call] * int(arguments["waiting"])
        return {"waiting": len(world.floor.waiting_calls)}


_AGENT_STATUSES = ("READY", "QUEUE", "INCALL", "PAUSED", "CLOSER", "MQUEUE")
_NO_SIGNS = str.maketrans("", "", "-: ")


def _user(sim: "Simulator", arguments: Arguments) -> Arguments:
    world = sim.world
    with world.lock:
        user = world.users.get(str(arguments["user"]))
        if user is None:
            raise Mistake(f"no user {arguments['user']}")
        fields = dict(arguments.get("fields", {}))
        if "pass" in fields:
            fields["password"] = fields.pop("pass")
        rows.change(user, fields)
        return {
            "failed_login_count": user.failed_login_count,
            "refused_logins": user.refused_logins,
            "locked": is_locked(world, user),
        }


_COMMANDS: dict[str, Callable[["Simulator", Arguments], Arguments]] = {
    "world": _world,
    "clock": _clock,
    "call": _call,
    "redispo": _redispo,
    "archive": _archive,
    "hopper_run": _hopper_run,
    "edit": _edit,
    "delete": _delete,
    "dnc": _dnc,
    "agent": _agent,
    "queue": _queue,
    "recording": _recording,
    "user": _user,
}


def commands(sim: "Simulator") -> dict[str, Command]:
    """The commands beside those of any simulator."""
    return {name: functools.partial(command, sim) for name, command in _COMMANDS.items()}
