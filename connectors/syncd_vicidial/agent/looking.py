"""What is looked up: waiting calls, the lead on an agent's screen, how a recording stands; and recording itself."""

from __future__ import annotations

import re
from typing import Literal

from syncd.sdk import errors
from syncd_vicidial.agent import results
from syncd_vicidial.agent.desk import Desk, repeats
from syncd_vicidial.agent.orders import not_understood
from syncd_vicidial.agent.replies import lines

_WAITING = re.compile(r"SUCCESS: calls_in_queue_count - (\d+)\s*")
_LEAD = re.compile(r"SUCCESS: st_get_agent_active_lead lead found - (.*)", re.DOTALL)
_LEAD_COLUMNS = ("vendor_lead_code", "province", "security_phrase", "source_id")


class Looking(Desk):
    """Questions about an agent."""

    def calls_in_queue_count(self, user: str) -> results.Waiting:
        """Count the calls that wait and could go to the agent."""
        self._checked("calls_in_queue_count", user)
        found = _WAITING.fullmatch(self._look("calls_in_queue_count", user, {"value": "DISPLAY"}))
        if found is None:
            raise not_understood("calls_in_queue_count")
        return results.Waiting(user=user, count=int(found[1]))

    def st_get_agent_active_lead(self, user: str, *, crm_user: str = "", vendor_id: str = "") -> results.ActiveLead:
        """Tell which lead is on the agent's screen. VICIdial asks for the agent by another system's name (Custom 3):
        `crm_user`, the user itself if it is not given; Rejected if that is another agent."""
        self._checked("st_get_agent_active_lead", user, crm_user=crm_user, vendor_id=vendor_id)
        parameters = {"value": crm_user or user, "vendor_id": vendor_id or "1"}
        found = _LEAD.match(self._look("st_get_agent_active_lead", user, parameters))
        parts = found[1].removesuffix("\n").split("|") if found else []
        if len(parts) < 3 or not parts[2].isdigit():
            raise not_understood("st_get_agent_active_lead")
        if parts[0] != user:
            raise errors.Rejected(
                [errors.Problem("is the name of another agent", "crm_user", f"see Custom 3 of the user {user}")]
            )
        columns = dict(zip(_LEAD_COLUMNS, parts[3:], strict=True)) if len(parts) == 7 else self._columns(parts[2])
        return results.ActiveLead(user=user, phone_number=parts[1], lead_id=parts[2], **columns)

    def _columns(self, lead_id: str) -> dict[str, str]:
        """Where a value holds the separator, only a look at the lead tells which is which."""
        found = self._leads.get([lead_id], _LEAD_COLUMNS)
        return {name: (found[0].fields.get(name) or "") if found else "" for name in _LEAD_COLUMNS}

    def recording(self, user: str, *, value: Literal["START", "STOP", "STATUS"], stage: str = "") -> results.Recording:
        """Start or stop the recording of the agent's call, or tell how it stands. `stage`: behind the file's name."""
        self._checked("recording", user, value=value, stage=stage)
        if stage and value != "START":
            raise errors.Rejected([errors.Problem(f"means nothing with {value}", "stage", "use it with START")])
        if value == "STATUS":
            return self._recording_now(user)
        parameters = {"value": value, "stage": stage}
        data, _ = self._tell("recording", user, parameters, "recording function sent")
        repeats("recording", user, data, {0: user, 1: value + stage})
        return _recording(user, "told", ["", "", "", *data[5:8]])

    def _recording_now(self, user: str) -> results.Recording:
        for said in lines(self._look("recording", user, {"value": "STATUS"})):
            for state, text in (("active", "recording active"), ("none", "not recording")):
                data = said.data(text) if said.word == "NOTICE" else None
                # user|recording_id|filename|server|start_time|agent's server|session|status
                if data is not None and len(data) == 8 and data[0] == user:
                    return _recording(user, state, [data[1], data[2], data[4], *data[5:]])
        raise not_understood("recording")


def _recording(user: str, state: str, columns: list[str]) -> results.Recording:
    recording_id, filename, started, server, session, status = (*columns, "", "", "")[:6]
    return results.Recording(
        user=user,
        state=state,
        recording_id=recording_id,
        filename=filename,
        started=started,
        server=server,
        session=session,
        status=status,
    )
