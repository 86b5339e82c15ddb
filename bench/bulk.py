"""Many rows: memory while they are staged and delivered, and how fast unchanged rows are planned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import push, site

SHARES = (0.1, 0.5, 1.0)  # of the rows, after which the memory is looked at
DELIVERED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Bulk:
    """staged: rows → resident MB after them. Peaks are of the whole process, in MB. Rates are rows per second of
    processor time, one per round."""

    delivered: int
    staged_mb: dict[int, float]
    stage_peak_mb: float
    deliver_peak_mb: float
    stage_rate: float
    mapped_rates: list[float]
    unchanged_rates: list[float]


def run(folder: Path, *, rows: int, count: int, note: push.Note) -> Bulk:
    """Stage `rows` rows in shadow mode, deliver the first tenth, then read these again and again."""
    delivered = max(1, int(rows * DELIVERED_SHARE))
    with site.open_site(folder) as place:
        place.crm.add(rows)
        note(f"memory: {rows} rows are staged")
        staged = place.measure("syncd", str(place.configure(shadow=True)))
        _expect(staged, "ok", "leads.create", rows)
        note(f"memory: {delivered} leads are delivered")
        sent = place.measure("syncd", str(place.configure()), "--stop-after", str(delivered))
        _expect(sent, "stopped" if delivered < rows else "ok", "leads.sent.create", delivered)
        mapped, unchanged = [], []
        for number in range(count):
            note(f"planning, round {number + 1} of {count}: {delivered} unchanged rows")
            # stamps move, values do not: the rows are read again and nothing is to be done
            place.crm.touch(delivered)
            cold = place.measure("syncd", str(place.configure(shadow=True, version=number + 1)))
            _expect(cold, "ok", "leads.none", delivered)
            mapped.append(cold["counts"]["records"] / cold["cpu_seconds"])
            place.crm.touch(delivered)
            warm = place.measure("syncd", str(place.configure(shadow=True, version=number + 1)))
            _expect(warm, "ok", "leads.unchanged", delivered)
            unchanged.append(warm["counts"]["records"] / warm["cpu_seconds"])
    resident = staged["rss_kib"]
    return Bulk(
        delivered=sent["counts"]["leads.sent.create"],
        staged_mb={int(rows * share): resident[max(0, round(len(resident) * share) - 1)] / 1024 for share in SHARES},
        stage_peak_mb=staged["peak_kib"] / 1024,
        deliver_peak_mb=sent["peak_kib"] / 1024,
        stage_rate=rows / staged["cpu_seconds"],
        mapped_rates=mapped,
        unchanged_rates=unchanged,
    )


def _expect(measured: dict[str, Any], result: str, what: str, least: int) -> None:
    """A figure counts only if the work was done."""
    if measured["result"] != result or measured["counts"].get(what, 0) < least:
        raise SystemExit(f"{what}: {least} were to be done, but: {measured['result']} {measured['counts']}")
