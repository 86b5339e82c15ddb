"""From rounds to medians, and from medians to a table."""

from __future__ import annotations

from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.bulk import Bulk

_PUSH = {
    "new": "push, new leads",
    "first": "push, first full read (each lead looked for first)",
    "updates": "push, updates of one field",
    "loop": "plain loop of requests.get",
}


def pushed(rounds: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Medians of each kind of push, every round's CPU, and the medians of the loop's CPU and rate against syncd's in
    the same round."""
    found: dict[str, Any] = {}
    for name in _PUSH:
        cpu = [one[name]["cpu_ms_per_lead"] for one in rounds]
        found[name] = {
            "cpu_ms_per_lead": round(median(cpu), 3),
            "leads_per_second": round(median(one[name]["leads_per_second"] for one in rounds), 1),
            "rounds_cpu_ms": [round(value, 3) for value in cpu],
        }
    for name in ("new", "first"):
        found[name]["loop_cpu_ratio"] = _ratio(rounds, "cpu_ms_per_lead", over="loop", under=name)
        found[name]["rate_ratio"] = _ratio(rounds, "leads_per_second", over=name, under="loop")
    return found


def _ratio(rounds: list[dict[str, dict[str, float]]], what: str, *, over: str, under: str) -> float:
    return round(median(one[over][what] / one[under][what] for one in rounds), 2)


def planned(bulk: Bulk) -> dict[str, Any]:
    """Rows per second of processor time, medians and rounds."""
    return {
        name: {"rows_per_cpu_second": round(median(rates)), "rounds": [round(rate) for rate in rates]}
        for name, rates in (("mapped", bulk.mapped_rates), ("unchanged", bulk.unchanged_rates))
    } | {"staged": {"rows_per_cpu_second": round(bulk.stage_rate)}}


def remembered(bulk: Bulk) -> dict[str, Any]:
    """Memory in MB (2^20 bytes)."""
    return {
        "staged": [{"rows": rows, "rss_mb": round(size, 1)} for rows, size in bulk.staged_mb.items()],
        "stage_peak_mb": round(bulk.stage_peak_mb, 1),
        "delivered": bulk.delivered,
        "deliver_peak_mb": round(bulk.deliver_peak_mb, 1),
    }


def show(result: dict[str, Any]) -> None:
    """Print the figures for people."""
    machine, load = result["machine"], result["load"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    print(result["command"])
    print(f"{result['at']}, {machine['cores']} cores of {machine['processor']}, {machine['system']}")
    print(f"load {load['before']} before, {load['after']} after; {versions}")
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("measured")
    for name in ("figure", "rounds"):
        table.add_column(name, justify="right")
    for name, what in _PUSH.items():
        one = result["push"][name]
        rounds = " ".join(f"{value:.3f}" for value in one["rounds_cpu_ms"])
        table.add_row(f"{what}: CPU per lead", f"{one['cpu_ms_per_lead']:.3f} ms", rounds)
        table.add_row("    leads per second", f"{one['leads_per_second']:.0f}", "")
        if "loop_cpu_ratio" in one:
            table.add_row("    the loop's CPU against it", f"{one['loop_cpu_ratio']:.2f} ×", "")
            table.add_row("    its rate against the loop's", f"{one['rate_ratio']:.2f} ×", "")
    plan = result["plan"]
    for name, what in (("unchanged", "rows known by their digest"), ("mapped", "rows mapped and compared again")):
        rounds = " ".join(str(rate) for rate in plan[name]["rounds"])
        table.add_row(f"planning, {what}: per CPU second", str(plan[name]["rows_per_cpu_second"]), rounds)
    table.add_row("planning, rows staged as new: per CPU second", str(plan["staged"]["rows_per_cpu_second"]), "")
    memory = result["memory"]
    for one in memory["staged"]:
        table.add_row(f"memory after {one['rows']} rows staged", f"{one['rss_mb']:.1f} MB", "")
    table.add_row("memory at its highest while staging", f"{memory['stage_peak_mb']:.1f} MB", "")
    table.add_row(f"memory at its highest, {memory['delivered']} delivered", f"{memory['deliver_peak_mb']:.1f} MB", "")
    Console(width=120).print(table)
