"""`syncd alerts`: what is wrong now, and whether somebody would hear of it."""

from __future__ import annotations

import cyclopts

from syncd.cli import session as sessions
from syncd.sdk import errors

_TITLE, _BODY = "syncd: a test", "This is a test of syncd's alerts. Nothing is wrong."


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, alerts)


def alerts(*, test: bool = False, session: sessions.Given) -> int:
    """List what the daemon has found wrong and nobody has mended yet.

    Example: syncd alerts --test

    Parameters
    ----------
    test
        Send a message to each address of `alerts.to` instead, and say which took it.
    """
    settings = session.settings()
    from syncd.daemon import alerts as noticed
    from syncd.daemon import watch
    from syncd.store import memo

    if test:
        if not settings.alerts.to:
            raise errors.UserError(
                [errors.Problem("nobody is told of alerts", "alerts.to", "name addresses, see docs/monitoring.md")]
            )
        sent = {channel.name: channel.send(_TITLE, _BODY) for channel in watch.channels(settings)}
        for name, arrived in sent.items():
            session.out.line(f"{name}: {'took it' if arrived else 'did not take it'}")
        session.out.result(sent)
        return 0 if all(sent.values()) else 1
    with session.store(settings) as db:
        found = noticed.active(memo.Memo(db))
    for one in found:
        session.out.line(f"{one['since'][:16].replace('T', ' ')} UTC  {one['text']}")
    if not found:
        session.out.line("nothing is wrong, as far as the daemon has looked")
    session.out.result(found)
    return 0
