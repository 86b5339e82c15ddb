"""`syncd simulate`: far systems on loopback, to try things without a real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import cyclopts

from syncd.cli import session as sessions

SIMULATORS = ("hubspot", "salesforce", "vicidial")


def mount(app: cyclopts.App) -> None:
    """Add the group."""
    group = cyclopts.App(name="simulate", help="Start a far system on loopback, its data in memory.")
    sessions.add(group, hubspot)
    sessions.add(group, salesforce)
    sessions.add(group, vicidial)
    app.command(group)


def hubspot(*options: Annotated[str, cyclopts.Parameter(allow_leading_hyphen=True)]) -> int:
    """A HubSpot portal: objects, search, batches, properties, associations. Its token is pat-sim; more options: --help.

    Example: syncd simulate hubspot --listen 127.0.0.1:8081 --index-lag 5
    """
    return run("hubspot", options)


def salesforce(*options: Annotated[str, cyclopts.Parameter(allow_leading_hyphen=True)]) -> int:
    """A Salesforce org: logins, REST, SOQL, composite, Bulk API 2.0 queries. It has options of its own, see --help.

    Example: syncd simulate salesforce --listen 127.0.0.1:8081
    """
    return run("salesforce", options)


def vicidial(*options: Annotated[str, cyclopts.Parameter(allow_leading_hyphen=True)]) -> int:
    """A VICIdial: non-agent API, agent API, call export. It has options of its own, see --help.

    Example: syncd simulate vicidial --listen 127.0.0.1:8080 --profile stock
    """
    return run("vicidial", options)


def run(name: str, options: Sequence[str]) -> int:
    """Run the simulator of that name, one of SIMULATORS, with its own options; return its exit code."""
    from importlib import import_module

    module = import_module(f"syncd.simulators.{name}")
    try:
        code: int = module.main(options)
    except SystemExit as ended:  # argparse's way out
        return ended.code if isinstance(ended.code, int) else 2
    return code
