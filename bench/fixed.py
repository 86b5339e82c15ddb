"""Push into a dialer with a fixed service time: syncd beside `wrk`, which does nothing but send, and a plain loop.

The simulator has 4 workers that take 8 ms for each request, whatever the machine is doing: 500 requests a second and
no more; a fifth request waits. With as many requests in flight as there are workers, a worker waits while its client
thinks; with more, the queue in front of them hides that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import child, far, site, wrk
from bench.figures import Aim, Figure, Part, ratios
from bench.push import WARM, Note

WORKERS, SERVICE_MS = 4, 8.0
MOST = WORKERS / SERVICE_MS * 1000  # requests per second
IN_FLIGHT = (8, 4)  # the first keeps all workers busy; the second is the connector's default
_OPTIONS = ("--workers", str(WORKERS), "--service-ms", f"{SERVICE_MS:g}")
_AIM = Aim(0.95)


def measure(folder: Path, *, leads: int, count: int, seconds: float, note: Note) -> Part:
    """`count` rounds in which all take turns, each round beginning with another; each against a fresh simulator.
    `leads` are pushed by syncd, a tenth of them by the loop; wrk sends for `seconds`."""
    found: dict[str, list[float]] = {}
    runs: list[Callable[[Path], dict[str, float]]] = [partial(_loop, leads=max(1, leads // 10))]
    for in_flight in IN_FLIGHT:
        runs.append(partial(_push, leads=leads, in_flight=in_flight))
        if wrk.is_there():
            runs.append(partial(_wrk, in_flight=in_flight, seconds=seconds))
    if wrk.is_there():
        runs.append(partial(_unlimited, seconds=seconds))
    for number in range(count):
        note(f"push at a fixed service time, round {number + 1} of {count}: {leads} leads each")
        start = number % len(runs)
        for place, run in enumerate([*runs[start:], *runs[:start]]):
            for name, value in run(folder / f"fixed{number}-{place}").items():
                found.setdefault(name, []).append(value)
    return Part(
        "fixed", f"Push, a dialer of {WORKERS} workers × {SERVICE_MS:g} ms ({MOST:g}/s at most)", _figures(found)
    )


def _figures(found: dict[str, list[float]]) -> list[Figure]:
    def figure(key: str, what: str, *, absent: str = wrk.ABSENT) -> Figure:
        return Figure(key, what, "/s", found.get(key, ()), absent=absent)

    figures = []
    for many in IN_FLIGHT:
        push, plain = found[f"push_{many}"], found.get(f"wrk_{many}", ())
        figures += [
            figure(f"wrk_{many}", f"wrk, {many} in flight: requests"),
            figure(f"push_{many}", f"syncd, {many} in flight: leads, from the first claim on"),
            Figure(
                f"ratio_{many}",
                f"syncd against wrk, {many} in flight",
                "×",
                ratios(push, plain) if plain else (),
                _AIM if many > WORKERS else None,
                wrk.ABSENT,
            ),
            figure(f"whole_{many}", f"the same run with reading, planning and staging, {many} in flight: leads"),
        ]
    loop = found["loop"]
    figures += [
        figure("loop", "plain loop of `requests.get`, 1 in flight: requests"),
        *(
            Figure(
                f"loop_ratio_{many}",
                f"syncd, {many} in flight, against the loop",
                "×",
                ratios(found[f"push_{many}"], loop),
            )
            for many in IN_FLIGHT
        ),
        figure("unlimited", "the simulator without a service time (wrk): requests"),
        Figure(
            "simulator_cpu",
            "the simulator's own CPU at its most (wrk): of one core",
            "%",
            found.get("cpu", ()),
            None,
            wrk.ABSENT,
        ),
    ]
    return figures


def _loop(folder: Path, leads: int) -> dict[str, float]:
    with site.open_site(folder, dialer_options=_OPTIONS) as place:
        place.configure()
        place.crm.add(leads)
        measured = place.measure(child.loop, leads=leads)
        site.expect(measured, "ok", sent=leads)
    return {"loop": leads / measured["wall_seconds"]}


def _push(folder: Path, leads: int, in_flight: int) -> dict[str, float]:
    """New leads after the first full read has completed."""
    with site.open_site(folder, dialer_options=_OPTIONS) as place:
        place.configure(in_flight=in_flight)
        place.crm.add(WARM)
        measured = place.measure(child.syncd, steps=["run", f"add:{leads}"])
        site.expect(measured, "ok", leads_sent_create=leads)
    return {
        f"push_{in_flight}": leads / measured["delivering"]["wall_seconds"],
        f"whole_{in_flight}": leads / measured["wall_seconds"],
    }


def _wrk(folder: Path, in_flight: int, seconds: float) -> dict[str, float]:
    folder.mkdir()
    with far.simulator("vicidial", *_OPTIONS, folder=folder) as simulator:
        before = simulator.cpu_seconds()
        rate = wrk.send(simulator, in_flight, seconds).per_second
        cpu = (simulator.cpu_seconds() - before) / seconds * 100
    return {f"wrk_{in_flight}": rate, **({"cpu": cpu} if in_flight > WORKERS else {})}


def _unlimited(folder: Path, seconds: float) -> dict[str, float]:
    folder.mkdir()
    with far.simulator("vicidial", folder=folder) as simulator:
        return {"unlimited": wrk.send(simulator, max(IN_FLIGHT), seconds / 2).per_second}
