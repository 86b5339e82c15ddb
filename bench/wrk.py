"""`wrk`, which does nothing but send: as many `add_lead` as the simulator answers, over kept-alive connections."""

from __future__ import annotations

import math
import re
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench import dialer, far

ABSENT = "wrk is not installed (Debian, Ubuntu: apt-get install wrk)"
_SCRIPT = Path(__file__).with_name("add_lead.lua")


@dataclass(frozen=True, slots=True)
class Sent:
    """What it had answered. `cpu_seconds`: its own user and system time, start and all."""

    requests: int
    per_second: float
    cpu_seconds: float


def is_there() -> bool:
    """Whether it is installed."""
    return shutil.which("wrk") is not None


def send(simulator: far.Simulator, in_flight: int, seconds: float) -> Sent:
    """Send for so many seconds, so many at once. Raise SystemExit unless each request inserted a lead."""
    calls = dialer.Dialer(simulator.url)
    arguments = [dialer.USER, dialer.PASSWORD, dialer.LIST_ID]
    command = ["wrk", "--threads", "1", "--connections", str(in_flight), "--duration", f"{math.ceil(seconds)}s"]
    before = _ended_children()
    done = subprocess.run(
        [*command, "--script", str(_SCRIPT), simulator.url + dialer.API_PATH, "--", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    cpu_seconds = _ended_children() - before
    requests = re.search(r"(\d+) requests in ", done.stdout)
    rate = re.search(r"Requests/sec: +([0-9.]+)", done.stdout)
    if requests is None or rate is None or calls.writes() < int(requests[1]):
        raise SystemExit(f"wrk was not answered as it should be:\n{done.stdout}")
    return Sent(int(requests[1]), float(rate[1]), cpu_seconds)


def _ended_children() -> float:
    """Processor time in seconds of all children that have ended; nobody else's ends while wrk is waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
