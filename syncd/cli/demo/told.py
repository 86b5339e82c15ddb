"""Reads what syncd says of itself: `syncd status --json`."""

from __future__ import annotations

import json

from syncd.cli.demo import accounts


def read(status: str) -> accounts.Told:
    """Given what the command printed, return what concerns the demo."""
    pipelines = json.loads(status)[0]["pipelines"]
    leads = next(one for one in pipelines if one["pipeline"] == "leads")
    held: dict[str, int] = {}
    for one in pipelines:
        for reason, number in one["held"].items():
            held[reason] = held.get(reason, 0) + number
    waiting = sum(one["staged"] + one["waiting"] + one["sending"] for one in pipelines)
    return accounts.Told(held, leads["skipped"], waiting)
