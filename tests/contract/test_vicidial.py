"""The contract on VicidialConnector, through HTTP to the simulated VICIdial.

People's work, troubles of rights and missing lists are made in the simulator's data; troubles of the network are its
faults. Each call gets a lead of its own, whose `vendor_lead_code` is the call's text: the export prints the lead's
current one.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from syncd.sdk import protocol, records
from syncd.sdk.testing import contract_far
from syncd.sdk.testing.contract import ConnectorContract
from syncd.simulators import vicidial
from syncd_vicidial import VicidialConnector
from syncd_vicidial.options import Options
from tests.contract import patience
from tests.end_to_end import dialer

SECRET = "Canary-Word_4711"
_HOURS = 4  # of one read of calls, so that a day is several pages
_STREAMS = {
    "leads": contract_far.Stream(
        frozenset({"enter", "change", "delete", "get", "create", "update", "remove"}),
        "address1",
        clear="email",
        typed={"rank": "5", "gender": "F", "date_of_birth": "1990-02-28"},
        refused={"phone_number": "123"},
    ),
    "calls": contract_far.Stream(
        frozenset({"enter", "change"}), "vendor_lead_code", page_seconds=_HOURS * 3600.0 + 1, page_size=2
    ),
    "callbacks": contract_far.Stream(
        frozenset({"enter", "change", "get"}), "vendor_lead_code", page_seconds=_HOURS * 3600.0 + 1, page_size=2
    ),
}
_FAULTS: Mapping[str, str] = {
    "429": "busy_bare",
    "429_after": "busy",
    "503": "error_503",
    "500_before": "error_before",
    "500_after": "error_after",
    "reset_before": "reset_before",
    "reset_after": "reset_after",
    "timeout_before": "timeout_before",
    "timeout_after": "timeout_after",
    "late": "late:0.2",
    "cut": "truncated",
    "empty": "empty",
}


class FarVicidial:
    """A running simulator as a far side."""

    streams = _STREAMS
    # The password itself, and as HTTP Basic sends it.
    secrets: Sequence[str] = (SECRET, base64.b64encode(f"{dialer.API_USER}:{SECRET}".encode()).decode())
    without: Mapping[str, str] = {
        "quota": "VICIdial has no budget of requests",
        "busy": "VICIdial's tables wait for a lock without a word",
        "409 update": "VICIdial looks for duplicates of new leads only",
        "422 update": "VICIdial drops what it does not take, it refuses no update",
    }

    def __init__(self, sim: vicidial.Simulator, door: dialer.Door, **options: object) -> None:
        self._sim = sim
        self._door = door
        self._options = options
        self._people: dict[str, dict[str, int]] = {
            "leads": {},
            "calls": {},
            "callbacks": {},
        }  # whom people entered: id → lead
        self._offset = 0.0
        self._next = 0
        self._given: list[VicidialConnector] = []

    def connector(self) -> protocol.Connector:
        given = {
            "url": self._sim.url,
            "user": dialer.API_USER,
            "password": SECRET,
            "time_zone": dialer.TIME_ZONE,
            "use_non_latin": True,
            "hours_per_read": _HOURS,
            "history_days": 1,
            **self._options,
        }
        connector = VicidialConnector(Options.model_validate(given), client="acme")
        self._given.append(connector)
        return connector

    def sample(self, stream: str, number: int) -> dict[str, str | None]:
        if stream != "leads":
            return {"vendor_lead_code": f"K{number}"}
        phone = {"phone_code": "1", "phone_number": f"727555{number:04}"}
        return {"list_id": dialer.LIST, "address1": f"{number} Main Street", **phone}

    def enter(self, stream: str, rows: Sequence[records.Fields], *, at: datetime | None = None) -> list[str]:
        ids = []
        for row in rows:
            self._next += 1
            lead_id = self._lead({"phone_code": "1", "phone_number": f"813555{self._next:04}", **row})
            found = str(lead_id) if stream == "leads" else self._call(lead_id, at, promises=stream == "callbacks")
            self._people[stream][found] = lead_id
            ids.append(found)
        return ids

    def _lead(self, fields: records.Fields) -> int:
        columns = {name: value for name, value in fields.items() if value is not None}
        with self._sim.lock:
            return self._sim.world.insert_lead({"list_id": dialer.LIST, "status": "NEW", **columns}).lead_id

    def _call(self, lead_id: int, at: datetime | None, *, promises: bool) -> str:
        """Book a call, maybe with a callback; return the id by which the connector knows it, or the callback."""
        start = (at or datetime.now(UTC) + timedelta(seconds=self._offset)).replace(microsecond=0)
        local = start + timedelta(hours=dialer.LOCAL_GMT)
        uniqueid = f"{int(start.timestamp())}.{self._next}"
        booked = {"user": "1001", "status": "NI", "uniqueid": uniqueid, "call_date": f"{local:%Y-%m-%d %H:%M:%S}"}
        if promises:
            callback = {"user": "1001", "datetime": "2030-12-01 10:00:00"}
            self._door.ask("call", lead_id=lead_id, callback=callback, **{**booked, "status": "CALLBK"})
            (row,) = self._sim.world.callbacks[lead_id]
            return f"{lead_id}-{row.entry_time.translate(str.maketrans('', '', '- :'))}"
        self._door.ask("call", lead_id=lead_id, length_in_sec=40, **booked)
        return f"out|{uniqueid}|{dialer.CAMPAIGN}|{records.text(start)}"

    def record(self, call_id: str, *, begins: float, linked: bool = True) -> str:
        uniqueid = call_id.split("|")[1]
        start = datetime.fromtimestamp(int(uniqueid.partition(".")[0]), UTC)
        link = f"http://10.10.10.15/RECORDINGS/{uniqueid}-{begins:g}.wav"
        late = {} if linked else {"after_seconds": None}
        local = f"{start + timedelta(hours=dialer.LOCAL_GMT, seconds=begins):%Y-%m-%d %H:%M:%S}"
        self._door.ask("recording", uniqueid=uniqueid, start_time=local, length_in_sec=20, location=link, **late)
        return link if linked else ""

    def change(self, stream: str, record_id: str, text: str) -> None:
        lead_id = self._people[stream][record_id]
        self._door.ask("edit", lead_id=lead_id, fields={_STREAMS[stream].text: text})

    def delete(self, stream: str, record_id: str) -> None:
        self._door.ask("delete", lead_id=self._people[stream][record_id])

    def holds(self, stream: str) -> Mapping[str, records.Fields]:
        leads = {str(lead["lead_id"]): lead for lead in self._door.leads()}
        callers = {
            str(lead_id): far_id for name in ("calls", "callbacks") for far_id, lead_id in self._people[name].items()
        }
        names = ("address1", "email", "vendor_lead_code", "source_id")
        held = {one: {name: str(lead[name]) for name in names} for one, lead in leads.items()}
        if stream != "leads":
            return {far_id: held[str(lead_id)] for far_id, lead_id in self._people[stream].items()}
        others = {*callers, str(dialer.STRANGER["lead_id"])}
        return {one: fields for one, fields in held.items() if one not in others}

    def pass_time(self, seconds: float) -> None:
        self._offset += seconds
        self._door.ask("clock", offset_seconds=self._offset)
        assert self._sim.wait_for_late(10)

    def requests(self) -> int:
        return sum(self._sim.functions.values())

    @contextmanager
    def trouble(self, kind: contract_far.Trouble, stream: str, *, of: Literal["read", "write"]) -> Iterator[None]:
        user, world = self._sim.world.users[dialer.API_USER], self._sim.world
        match kind:
            case "401":
                user.password, kept = "changed", user.password
                yield
                user.password = kept
                for connector in self._given:
                    connector.try_again()
            case "403":
                user.modify_leads = user.export_reports = 0
                yield
                user.modify_leads = user.export_reports = 1
            case "404":
                kept_leads = dict(world.leads)
                world.leads.clear()
                yield
                world.leads.update(kept_leads)
            case "409":
                lead_id = self._lead(self.sample("leads", 1))
                yield
                self._door.ask("delete", lead_id=lead_id)
            case "422":
                kept_list = world.lists.pop(dialer.LIST)
                yield
                world.lists[dialer.LIST] = kept_list
            case "refused":
                while self._sim.in_flight:
                    time.sleep(0.001)
                self._sim.refuse_for(3600)
                yield
                self._sim.listen_again()
            case _:
                self._door.ask("faults", spec=("all." if of == "read" else "") + _FAULTS[kind])
                yield
                self._door.ask("faults", spec="")


class TestVicidial(ConnectorContract):
    @pytest.fixture
    def far(self, request: pytest.FixtureRequest) -> Iterator[FarVicidial]:
        callspec = getattr(request.node, "callspec", None)
        kind = str(callspec.params.get("kind", "")) if callspec else ""
        options: dict[str, Any] = {"read_seconds": patience.read_seconds(request)}
        if kind == "409":  # without it VICIdial knows no conflict
            options["duplicate_check"] = "DUPSYS"
        rights = {"user_level": 9, "modify_lists": 1, "delete_from_dnc": 1}  # for statistics, and to take off lists
        with vicidial.serve(dialer.state(**{"pass": SECRET, **rights})) as sim:
            door = dialer.Door(sim.url)
            yield FarVicidial(sim, door, **options)
            door.close()
