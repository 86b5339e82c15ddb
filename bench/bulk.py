"""Many rows: memory while they are staged and delivered, and how fast unchanged rows are planned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench import child, crm_sql, site
from bench.figures import Aim, Figure, Part
from bench.push import Note

SHARES = (0.1, 0.5, 1.0)  # of the rows, after which the memory is looked at
DELIVERED_SHARE = 0.1
MOST_MB = 150
_GROWTH = Aim(1.1, most=True)  # flat, give or take what the allocator keeps


def measure(folder: Path, *, rows: int, count: int, note: Note) -> tuple[Part, Part]:
    """Stage `rows` rows in shadow mode, deliver the first tenth, then read these again and again. Returns the figures
    of planning and of memory."""
    delivered = max(1, int(rows * DELIVERED_SHARE))
    with site.open_site(folder) as place:
        assert isinstance(place.crm, crm_sql.Tables)
        place.crm.add(rows)
        note(f"memory: {rows} rows are staged")
        place.configure(shadow=True)
        staged = place.measure(child.syncd)
        site.expect(staged, "ok", leads_create=rows)
        note(f"memory: {delivered} leads are delivered")
        place.configure()
        sent = place.measure(child.syncd, stop_after=delivered)
        site.expect(sent, "stopped" if delivered < rows else "ok", leads_sent_create=delivered)
        mapped, unchanged = [], []
        for number in range(count):
            note(f"planning, round {number + 1} of {count}: {delivered} unchanged rows")
            # stamps move, values do not: the rows are read again and nothing is to be done
            place.crm.touch(delivered)
            place.configure(shadow=True, version=number + 1)
            cold = place.measure(child.syncd)
            site.expect(cold, "ok", leads_none=delivered)
            mapped.append(cold["counts"]["records"] / cold["cpu_seconds"])
            place.crm.touch(delivered)
            warm = place.measure(child.syncd)
            site.expect(warm, "ok", leads_unchanged=delivered)
            unchanged.append(warm["counts"]["records"] / warm["cpu_seconds"])
    planning = Part(
        "planning",
        "Planning, rows of an SQLite table",
        [
            Figure("unchanged", "known by their digest: rows", "/CPU s", unchanged, Aim(20_000)),
            Figure("mapped", "mapped and compared again: rows", "/CPU s", mapped, Aim(5_000)),
            Figure("staged", "staged as new: rows", "/CPU s", [rows / staged["cpu_seconds"]]),
        ],
    )
    most = Aim(MOST_MB, most=True)
    memory = Part(
        "memory",
        "Memory, resident",
        [
            *resident("sqlite", "rows of an SQLite table staged", rows, staged["rss_kib"], staged["peak_kib"]),
            Figure(
                "deliver_peak", f"highest while {delivered:,} leads are delivered", "MB", [_mb(sent["peak_kib"])], most
            ),
        ],
    )
    return planning, memory


def resident(
    key: str,
    what: str,
    rows: int,
    after_commits_kib: Sequence[int],
    peak_kib: int,
    shares: Sequence[float] = SHARES,
) -> list[Figure]:
    """Given resident memory after each commit that staged some of `rows`, return its course: flat, if it does not grow
    with the rows."""
    at = {share: _mb(after_commits_kib[max(0, round(len(after_commits_kib) * share) - 1)]) for share in shares}
    figures = [
        Figure(f"{key}_{int(share * 100)}", f"after {round(rows * share):,} of {rows:,} {what}", "MB", [size])
        for share, size in at.items()
    ]
    growth = at[shares[-1]] / at[shares[0]]
    return [
        *figures,
        Figure(f"{key}_growth", "the last against the first of these", "×", [growth], _GROWTH),
        Figure(f"{key}_peak", "highest in that time", "MB", [_mb(peak_kib)], Aim(MOST_MB, most=True)),
    ]


def _mb(kib: int) -> float:
    return kib / 1024
