"""`syncd demo`: a CRM, a dialer and the daemon on this machine, through a crash, and an account of it all."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cyclopts

from syncd.cli import session as sessions


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, demo)


def demo(
    *,
    once: bool = False,
    profile: Literal["stock", "guide"] = "stock",
    crm: Literal["sql", "hubspot", "salesforce"] = "sql",
    keep: Path | None = None,
    session: sessions.Given,
) -> int:
    """Show what syncd does, on this machine alone: nothing is installed, nothing outside a temporary folder is touched.

    A CRM of 60 people is seeded, a simulated VICIdial and the real daemon are started; syncd is killed in the middle
    and started again; agents call, people change. Then both sides are counted and compared with what must be there.
    Exit code 0 if every number is exactly right, else 1.

    Example: syncd demo --once

    Parameters
    ----------
    once
        End after the account; else the demo lives on with new people and calls until Ctrl-C.
    profile
        Which VICIdial is simulated: a stock one, or one with the functions of the guide that many sites copied.
    crm
        Which CRM: a SQLite file, or a simulated HubSpot or Salesforce.
    keep
        Do everything in this folder (new or empty) and leave it there, to look at.
    """
    from syncd.cli.demo import telling

    return telling.run(once=once, profile=profile, crm=crm, keep=keep, out=session.out)
