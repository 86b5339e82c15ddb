"""`syncd setup`: makes on the far sides what their connectors need there, after showing what it will do."""

from __future__ import annotations

import sys

import cyclopts

from syncd.cli import session as sessions


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, setup)


def setup(client: str, /, *, yes: bool = False, session: sessions.Given) -> int:
    """Make what syncd needs in a client's CRM and dialer, such as unique properties for calls and tasks.

    It shows what it will do and asks first. Exit code 1 if something remains to be done.

    Example: syncd setup acme

    Parameters
    ----------
    client
        The client.
    yes
        Do not ask.
    """
    settings = session.settings()
    from syncd.daemon import setup as setups
    from syncd.sdk import errors, protocol

    with setups.clients(settings, [client]) as clients:
        able = [one for one in (clients[0].crm, clients[0].dialer) if isinstance(one, protocol.SetsUp)]
        try:
            todo = [(connector, step) for connector in able for step in connector.missing()]
            for connector, step in todo:
                session.out.line(f"{client} {connector.role}: {step.what}")
            agreed = bool(todo) and (yes or _agreed())
            for connector, step in todo if agreed else ():
                connector.set_up(step)
                session.out.line(f"done: {step.what}")
        except (errors.AuthFailed, errors.RetryLater, errors.QuotaExhausted, errors.Rejected) as error:
            raise errors.UserError(str(error), hint="`syncd config check` says more") from None
    if not todo:
        session.out.line(f"{client}: nothing to set up")
    elif not agreed:
        session.out.line("nothing was done; say --yes to do it")
    what = [step.what for _, step in todo]
    session.out.result({"client": client, "missing": [] if agreed else what, "made": what if agreed else []})
    return 1 if todo and not agreed else 0


def _agreed() -> bool:
    """Whether the person at the terminal says yes; without one nobody can."""
    if not sys.stdin.isatty():
        return False
    sys.stderr.write("Do this? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
