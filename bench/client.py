"""The VICIdial client alone, without a store: what a request costs it, beside `wrk`, in alternating rounds."""

from __future__ import annotations

from pathlib import Path

from bench import child, far, site, wrk
from bench.figures import Aim, Figure, Part, ratios
from bench.push import Note

MOST_MS = 0.35
Costs = dict[str, tuple[float, float]]  # name → CPU per request in ms, requests per second


def measure(folder: Path, *, requests: int, count: int, seconds: float, note: Note) -> Part:
    """`count` rounds, each against a fresh simulator that answers at once; every second one begins with wrk. The client
    writes `requests` new leads; wrk, where it is installed, sends for `seconds`."""
    rounds: list[Costs] = []
    for number in range(count):
        note(f"the client alone, round {number + 1} of {count}: {requests} requests")
        found: Costs = {}
        for what in ("client", "wrk") if number % 2 == 0 else ("wrk", "client"):
            place = folder / f"{what}{number}"
            if what == "client":
                found[what] = _client(place, requests)
            elif wrk.is_there():
                found[what] = _wrk(place, seconds)
        rounds.append(found)
    cost, rate = ({name: [one[name][at] for one in rounds] for name in rounds[0]} for at in range(2))
    many = f"{site.IN_FLIGHT} in flight"
    figures = [
        Figure("cpu", f"add_lead, {many}: CPU per request", "ms", cost["client"], Aim(MOST_MS, most=True)),
        Figure("rate", f"add_lead, {many}: requests", "/s", rate["client"]),
        Figure("wrk_cpu", f"wrk, {many}: CPU per request", "ms", cost.get("wrk", ()), absent=wrk.ABSENT),
        Figure("wrk_rate", f"wrk, {many}: requests", "/s", rate.get("wrk", ()), absent=wrk.ABSENT),
        Figure(
            "cpu_ratio",
            "the client's CPU against wrk's",
            "×",
            ratios(cost["client"], cost["wrk"]) if "wrk" in cost else (),
            absent=wrk.ABSENT,
        ),
    ]
    return Part("client", "The VICIdial client alone, a dialer that answers at once", figures)


def _client(folder: Path, requests: int) -> tuple[float, float]:
    with site.open_site(folder) as place:
        place.configure()
        measured = place.measure(child.client, requests=requests)
        site.expect(measured, "ok", sent=requests)
    return measured["cpu_seconds"] / requests * 1000, requests / measured["wall_seconds"]


def _wrk(folder: Path, seconds: float) -> tuple[float, float]:
    folder.mkdir()
    with far.simulator("vicidial", folder=folder) as simulator:
        sent = wrk.send(simulator, site.IN_FLIGHT, seconds)
    return sent.cpu_seconds / sent.requests * 1000, sent.per_second
