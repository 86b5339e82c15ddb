"""Each fault does what its name says to the client, and applies the request or does not."""

import dataclasses
import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from syncd.simulators import vicidial
from tests.simulators.asking import EXPORT, Door

PHONE = "7275554000"


@contextmanager
def faulty(faults: str, seed: int = 0) -> Iterator[tuple[vicidial.Simulator, Door]]:
    with vicidial.serve(faults=faults, seed=seed) as sim:
        yield sim, Door(sim.url)


def _applied(door: Door) -> bool:
    return PHONE in door.leads()


@pytest.mark.parametrize(("fault", "applied"), [("reset_before", False), ("reset_after", True)])
def test_a_reset_breaks_the_connection(fault: str, *, applied: bool) -> None:
    with faulty(f"{fault}@1") as (_, door):
        with pytest.raises(ConnectionResetError):
            door.add_lead(PHONE)
        assert _applied(door) is applied


@pytest.mark.parametrize(("fault", "applied"), [("timeout_before", False), ("timeout_after", True)])
def test_a_time_out_never_answers(fault: str, *, applied: bool) -> None:
    with faulty(f"{fault}@1") as (_, door):
        with pytest.raises(TimeoutError):
            dataclasses.replace(door, timeout_seconds=0.2).add_lead(PHONE)
        assert _applied(door) is applied


def test_a_late_request_is_applied_after_the_client_gave_up() -> None:
    with faulty("late@1:1") as (sim, door):
        with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
            door.add_lead(PHONE)
        assert not _applied(door)
        assert sim.wait_for_late(timeout_seconds=10)
        assert _applied(door)


@pytest.mark.parametrize(
    ("fault", "status", "text", "applied"),
    [
        ("error_before", 500, "", False),
        ("error_after", 500, "SUCCESS: add_lead LEAD HAS BEEN ADDED - ", True),
        ("error_503", 503, "<html>", False),
        ("html", 200, "<!DOCTYPE html>", False),
        ("html_after", 200, "<!DOCTYPE html>", True),
        ("empty", 200, "", True),
        ("login_incorrect", 200, "ERROR: Login incorrect, please try again: |6666|1234|BAD|", False),
        ("locked", 200, "ERROR: Too many login attempts, try again in 15 minutes: |6666|LOCK|", False),
    ],
)
def test_a_wrong_answer_is_given(fault: str, status: int, text: str, *, applied: bool) -> None:
    with faulty(f"{fault}@1") as (_, door):
        got_status, body = door.full("add_lead", phone_number=PHONE, list_id="101")
        assert got_status == status
        assert body.startswith(text)
        assert bool(body) is bool(text)
        assert _applied(door) is applied


def test_a_truncated_answer_is_shorter_than_it_says() -> None:
    with faulty("truncated@1") as (_, door):
        with pytest.raises(http.client.IncompleteRead):
            door.add_lead(PHONE)
        assert _applied(door)


def test_a_slow_answer_comes_after_the_client_s_patience_or_in_the_end() -> None:
    with faulty("slow@1:0.5,slow@2:0.01") as (sim, door):
        with pytest.raises(TimeoutError):
            dataclasses.replace(door, timeout_seconds=0.1).add_lead("7275554001")
        door.add_lead(PHONE)
        assert sim.wait_for_adds(2, timeout_seconds=10) == 2


def test_refused_connections_are_accepted_again_later() -> None:
    with faulty("refuse@1:0.2") as (_, door):
        address = urlsplit(door.url)
        idle = socket.create_connection((str(address.hostname), address.port or 0), timeout=10)
        door.add_lead(PHONE)
        with pytest.raises(ConnectionRefusedError):
            door.ask("version")
        assert idle.recv(1) == b""
        idle.close()
        for _ in range(1000):
            try:
                assert _applied(door)
            except ConnectionRefusedError:
                threading.Event().wait(0.01)
                continue
            return
        pytest.fail("the simulator never listened again")


def test_a_refused_login_hits_reads_and_the_export_too() -> None:
    with faulty("login_incorrect") as (_, door):
        assert door.ask("list_info", list_id="101") == "ERROR: Login incorrect, please try again: |6666|1234|BAD|\n"
        status, body = door.post(EXPORT, {"run_export": "1"}, basic="6666:1234")
        assert (status, body) == (401, "Login incorrect, please try again: |6666|1234|BAD|\n")


def test_other_faults_spare_reads_unless_told_otherwise() -> None:
    with faulty("error_before") as (_, door):
        assert door.full("list_info", list_id="101")[0] == 200
        assert door.full("update_lead", lead_id="5001", no_update="Y")[0] == 200
        assert door.full("update_lead", lead_id="5001", city="Tampa")[0] == 500
        door.sim("faults", spec="all.error_before")
        assert door.full("list_info", list_id="101")[0] == 500


def test_a_fault_from_the_nth_write_on_leaves_the_earlier_ones() -> None:
    with faulty("error_before@3+") as (_, door):
        statuses = [door.full("add_lead", phone_number=PHONE)[0] for _ in range(5)]
        assert statuses == [200, 200, 500, 500, 500]


def test_the_same_seed_fails_the_same_writes_and_another_seed_others() -> None:
    def statuses(seed: int) -> list[int]:
        with faulty("error_before=0.5", seed) as (_, door):
            return [door.full("add_lead", phone_number=PHONE)[0] for _ in range(24)]

    assert statuses(1) == statuses(1)
    assert statuses(1) != statuses(2)


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("explode", "no such fault; known are refuse, reset_before"),
        ("slow=2", "a probability is between 0 and 1"),
        ("slow@0", "the first request is number 1"),
        ("slow=:", "write name=PROBABILITY"),
        ("slow=1.2.3", "a number is expected"),
    ],
)
def test_a_wrong_specification_is_refused_with_the_reason(spec: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        vicidial.serve(faults=spec)
