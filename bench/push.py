"""Push: what a lead costs on its way from the table into the dialer, beside a plain loop, in alternating rounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import child, site
from bench.figures import Aim, Figure, Part, ratios

WARM = 50  # leads of the run before, which is not measured
Note = Callable[[str], None]
Costs = dict[str, tuple[float, float]]  # name → CPU per lead in ms, leads per second
_NAMES = {
    "new": "new leads",
    "first": "first full read, each lead looked for first",
    "updates": "updates of one field",
    "loop": "plain loop of `requests.get`",
}


def measure(folder: Path, *, leads: int, count: int, note: Note) -> Part:
    """`count` rounds; every second one begins with the loop."""
    rounds: list[Costs] = []
    for number in range(count):
        note(f"push, round {number + 1} of {count}: {leads} leads each")
        parts = [(_loop, folder / f"loop{number}"), (_syncd, folder / f"push{number}")]
        found: Costs = {}
        for part, place in parts if number % 2 == 0 else reversed(parts):
            found |= part(place, leads)
        rounds.append(found)
    cost = {name: [one[name][0] for one in rounds] for name in _NAMES}
    rate = {name: [one[name][1] for one in rounds] for name in _NAMES}
    figures = []
    for name, what in _NAMES.items():
        aim = Aim(1.0, most=True) if name == "new" else None
        figures.append(Figure(f"{name}_cpu", f"{what}: CPU per lead", "ms", cost[name], aim))
        figures.append(Figure(f"{name}_rate", f"{what}: leads", "/s", rate[name]))
    for name in ("new", "first"):
        what = _NAMES[name].partition(",")[0]
        figures.append(
            Figure(f"{name}_cpu_ratio", f"the loop's CPU against {what}", "×", ratios(cost["loop"], cost[name]))
        )
        figures.append(
            Figure(f"{name}_rate_ratio", f"{what}: rate against the loop's", "×", ratios(rate[name], rate["loop"]))
        )
    return Part("push", "Push, a dialer that answers at once", figures)


def _loop(folder: Path, leads: int) -> Costs:
    with site.open_site(folder) as place:
        place.configure()
        place.crm.add(leads)
        return {"loop": _costs(place.measure(child.loop, leads=leads), "sent", leads)}


def _syncd(folder: Path, leads: int) -> Costs:
    """The first full read, which the first step leaves unfinished; new leads after it; updates of these."""
    with site.open_site(folder) as place:
        place.configure()
        place.crm.add(WARM)
        first = _costs(place.measure(child.syncd, steps=["begin", f"add:{leads}"]), "leads_sent_create", leads)
        place.crm.add(WARM)
        new = _costs(place.measure(child.syncd, steps=["run", f"add:{leads}"]), "leads_sent_create", leads)
        # these run through the same statements as the measured ones
        updates = _costs(
            place.measure(child.syncd, steps=[f"rename:{WARM}", "run", f"rename:{leads}"]), "leads_sent_update", leads
        )
    return {"first": first, "new": new, "updates": updates}


def _costs(measured: dict[str, Any], what: str, leads: int) -> tuple[float, float]:
    site.expect(measured, "ok", **{what: leads})
    return measured["cpu_seconds"] / leads * 1000, leads / measured["wall_seconds"]
