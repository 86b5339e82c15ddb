"""`syncd systemd-unit`: the service of this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import cyclopts

from syncd.cli import output
from syncd.cli import session as sessions


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, systemd_unit, "systemd-unit")


def systemd_unit(*, program: Path | None = None, user: str = "syncd", session: sessions.Given) -> int:
    """Print a hardened systemd unit for this machine and configuration: with a LoadCredential= line for each secret
    that the configuration asks for, and the folders that it needs. Looks up no secret and changes nothing.

    Example: syncd systemd-unit > /etc/systemd/system/syncd.service && systemctl daemon-reload

    Parameters
    ----------
    program
        The command that the unit starts; by default the one that prints it.
    user
        Who it runs as.
    """
    from syncd.config import references
    from syncd.daemon import unit

    config = session.config.absolute()
    own = Path(sys.executable).with_name("syncd")
    started = program or (own if own.exists() else Path(sys.argv[0]))
    made = unit.render(references.asked(config), program=started.absolute(), config=config, user=user)
    output.problems(made.problems)
    session.out.line(made.text.removesuffix("\n"))
    session.out.result({"unit": made.text, "problems": made.problems})
    return 0
