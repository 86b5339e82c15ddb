"""Starts and stops the recording of an agent's call, and tells how it stands."""

from syncd.simulators.vicidial import rows
from syncd.simulators.vicidial.request import Request

from . import seat


def recording(req: Request) -> None:
    """Run START, STOP or STATUS."""
    value, stage = req.get("value"), req.get("stage")
    known = any(word in value for word in ("START", "STOP", "STATUS"))
    seat.begin(req, "recording", valid=known and seat.is_named(req))
    agent = seat.agent(req)
    session = f"{agent.server_ip}|{agent.session_id}|{agent.status}"
    column = agent.external.get("external_recording", "")
    if value == "STATUS":
        raise seat.end(req, _status(req, agent, column, session))
    # PHP 8 compares a text that is no number with 1 as texts; an empty one is less.
    if "STOP" in value and (column == "STOP" or (int(column) if column.isdigit() else len(column)) < 1):
        raise seat.end(req, f"ERROR: stop recording error - {agent.user}|{column}||||{session}")
    if "START" in value:
        value += stage[:14]
    agent.tell("external_recording", value)
    seat.say(req, f"SUCCESS: recording function sent - {agent.user}|{value}||||{session}")


def _status(req: Request, agent: rows.LiveAgent, column: str, session: str) -> str:
    if column in {"", "0", "START", "STOP"}:
        return f"NOTICE: not recording - {agent.user}|||||{session}"
    found = next((one for one in req.world.recordings if str(one.recording_id) == column), None)
    details = f"{found.filename}|{agent.server_ip}|{found.start_time}" if found else "||"
    return f"NOTICE: recording active - {agent.user}|{column}|{details}|{session}"
