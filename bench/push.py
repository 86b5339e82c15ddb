"""Push: what a lead costs on its way from the table into the dialer, beside a plain loop, in alternating rounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import site

WARM = 50  # leads of the run before, which is not measured
Note = Callable[[str], None]


def rounds(folder: Path, *, leads: int, count: int, note: Note) -> list[dict[str, dict[str, float]]]:
    """`count` rounds: name → CPU per lead in ms and leads per second. Every second round begins with the loop."""
    done = []
    for number in range(count):
        note(f"push, round {number + 1} of {count}: {leads} leads each")
        parts: list[Callable[[], dict[str, dict[str, float]]]] = [
            lambda: {"loop": _loop(folder / f"loop{number}", leads)},  # noqa: B023  # called in this round
            lambda: _syncd(folder / f"push{number}", leads),  # noqa: B023
        ]
        found: dict[str, dict[str, float]] = {}
        for part in parts if number % 2 == 0 else reversed(parts):
            found |= part()
        done.append(found)
    return done


def _loop(folder: Path, leads: int) -> dict[str, float]:
    with site.open_site(folder) as place:
        place.crm.add(leads)
        return _figures(place.measure("loop", str(place.crm.path), place.url), "sent", leads)


def _syncd(folder: Path, leads: int) -> dict[str, dict[str, float]]:
    """The first full read, which the warm run leaves unfinished; new leads after it; updates of these."""
    with site.open_site(folder) as place:
        run = ("syncd", str(place.configure()), "--warm", "--then")
        place.crm.add(WARM)
        first = _figures(place.measure(*run, f"add:{leads}"), "leads.sent.create", leads)
        place.crm.add(WARM)
        new = _figures(place.measure(*run, f"add:{leads}"), "leads.sent.create", leads)
        place.crm.rename(WARM)
        updates = _figures(place.measure(*run, f"rename:{leads}"), "leads.sent.update", leads)
    return {"first": first, "new": new, "updates": updates}


def _figures(measured: dict[str, Any], what: str, leads: int) -> dict[str, float]:
    """A figure counts only if the work was done."""
    if measured["result"] != "ok" or measured["counts"].get(what) != leads:
        raise SystemExit(f"{what}: {leads} were to be done, but: {measured}")
    return {
        "cpu_ms_per_lead": measured["cpu_seconds"] / leads * 1000,
        "leads_per_second": leads / measured["wall_seconds"],
    }
