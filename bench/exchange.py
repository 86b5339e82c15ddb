"""Both ways, CRM by CRM: people are pulled and staged; calls are written back, each with its disposition.

Requests are counted by the CRM's simulator (statements by the MariaDB server), per changed record.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import bulk, child, crm, far, site
from bench.figures import Aim, Figure, Part, Unit
from bench.push import Note

WARM = 50
TITLES = {
    "sqlite": "SQLite (runs inside syncd's process)",
    "mariadb": "MariaDB",
    "hubspot": "HubSpot, simulated",
    "salesforce": "Salesforce, simulated",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What one kind of request may cost: `name` is what the CRM counts it under ("": all kinds), `aim` the most for
    `per` changed records; `kinds`: how many kinds of records it is for."""

    name: str
    what: str
    per: int
    aim: float | None = None
    kinds: int = 1


_SQL_READS = (Asked("select", "SELECTs", 100),)
_READS = {
    "mariadb": _SQL_READS,
    "hubspot": (
        Asked("search", "searches", 100, 1.0),
        Asked("batch/read", "batch/read", 100, 1.0),
        Asked("", "requests of all kinds", 100),
    ),
    "salesforce": (Asked("", "requests of all kinds", 1000, 1.0),),
}
_FIRST_LOAD = {"hubspot": (Asked("list", "list pages", 100, 1.0),)}
_WRITES = {
    "mariadb": (Asked("select", "SELECTs", 100), Asked("insert", "INSERTs", 100), Asked("update", "UPDATEs", 100)),
    "hubspot": (
        Asked("batch/update", "batch/update of dispositions", 100, 1.0),
        Asked("batch/upsert", "batch/upsert of calls", 100, 1.0),
        Asked("batch/associate", "batch/associate of calls", 100, 1.0),
    ),
    "salesforce": (Asked("composite", "composite collections of both", 200, 1.0, kinds=2),),
}
_RATES = {"salesforce": Aim(5000)}
_NO_MARIADB = "no MariaDB server is installed (Debian, Ubuntu: apt-get install mariadb-server-core)"


def measure(folder: Path, *, records: int, calls: int, note: Note) -> list[Part]:
    """One part for each CRM; `records` are what Salesforce and the tables are asked for, HubSpot a fifth of it."""
    parts = []
    for kind in crm.KINDS:
        note(f"both ways, {kind}")
        if kind == "mariadb" and not far.has_mariadb():
            figures = [Figure("read_rate", "records read", "/s", (), absent=_NO_MARIADB)]
        elif kind == "mariadb":
            with far.mariadb() as database, database() as one, database() as other:
                figures = _read(folder / f"{kind}-read", kind, records, one)
                figures += _written(folder / f"{kind}-write", kind, calls, other)
        else:
            many = records // 5 if kind == "hubspot" else records
            figures = _read(folder / f"{kind}-read", kind, many)
            if kind in _FIRST_LOAD:
                figures += _first_load(folder / f"{kind}-first", kind, many)
            figures += _written(folder / f"{kind}-write", kind, calls)
        parts.append(Part(kind, TITLES[kind], figures))
    return parts


def _read(folder: Path, kind: str, many: int, address: str = "") -> list[Figure]:
    """Records that are new since the last run, through read, plan and stage; the same through the connector alone."""
    with site.open_site(folder, kind, address=address) as place:
        place.configure(shadow=True)
        place.crm.add(WARM)
        whole = place.measure(child.syncd, steps=["run", f"add:{many}"])
        site.expect(whole, "ok", leads_create=many)
        alone = place.measure(child.connector, steps=[f"add:{many}"])
        site.expect(alone, "ok", records=many)
    found = [
        Figure("read_rate", f"{many:,} changed records read, planned, staged", "/s", [many / whole["wall_seconds"]]),
        Figure("read_cpu", "    the same", "/CPU s", [many / whole["cpu_seconds"]], _RATES.get(kind)),
        Figure(
            "connector_cpu", "    by the connector alone", "/CPU s", [alone["counts"]["records"] / alone["cpu_seconds"]]
        ),
        *_requests("read", whole, _READS.get(kind, ()), many),
    ]
    if kind in ("hubspot", "salesforce"):
        found += bulk.resident("memory", "staged", many, whole["rss_kib"], whole["peak_kib"], (0.1, 1.0))
    return found


def _first_load(folder: Path, kind: str, many: int) -> list[Figure]:
    with site.open_site(folder, kind) as place:
        place.configure(shadow=True)
        place.crm.add(many)
        whole = place.measure(child.syncd)
        site.expect(whole, "ok", leads_create=many)
    return [
        Figure(
            "first_cpu", f"first load: {many:,} records read, planned, staged", "/CPU s", [many / whole["cpu_seconds"]]
        ),
        *_requests("first", whole, _FIRST_LOAD[kind], many),
    ]


def _written(folder: Path, kind: str, many: int, address: str = "") -> list[Figure]:
    """Calls of linked leads: each becomes a call in the CRM and a disposition of its person."""
    with site.open_site(folder, kind, address=address) as place:
        place.configure(in_flight=8)
        place.crm.add(WARM + many)
        site.expect(place.measure(child.syncd), "ok", leads_sent_create=WARM + many)
        back = place.measure(child.syncd, stream="dialer.calls", steps=["run", f"call:{WARM}", "run", f"call:{many}"])
        site.expect(back, "ok", calls_sent_create=many, dispositions_sent_update=many)
    part, both = back["delivering"], 2 * many
    return [
        Figure("write_rate", f"{many:,} calls and as many dispositions written", "/s", [both / part["wall_seconds"]]),
        Figure("write_cpu", "    the same", "/CPU s", [both / part["cpu_seconds"]]),
        Figure("back_cpu", "    with reading the calls and planning: calls", "/CPU s", [many / back["cpu_seconds"]]),
        *_requests("write", back, _WRITES.get(kind, ()), many),
    ]


def _requests(prefix: str, measured: dict[str, Any], asked: tuple[Asked, ...], many: int) -> list[Figure]:
    found = []
    for one in asked:
        count = measured["requests"].get(one.name, 0) if one.name else sum(measured["requests"].values())
        unit: Unit = {100: "per 100", 200: "per 200", 1000: "per 1000"}[one.per]  # type: ignore[assignment]
        aim = Aim(one.aim, most=True) if one.aim is not None else None
        key = f"{prefix}_{one.name.replace('/', '_') or 'all'}"
        found.append(Figure(key, f"    {one.what}", unit, [count / (many * one.kinds) * one.per], aim))
    return found
