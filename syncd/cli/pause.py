"""`syncd pause` and `syncd resume`: stop sending now, and go on."""

from __future__ import annotations

from datetime import UTC, datetime

import cyclopts

from syncd.cli import session as sessions


def mount(app: cyclopts.App) -> None:
    """Add the commands."""
    sessions.add(app, pause)
    sessions.add(app, resume)


def pause(
    client: str,
    pipeline: str | None = None,
    /,
    *,
    why: str = "paused by the operator",
    wait_seconds: float = 60.0,
    session: sessions.Given,
) -> int:
    """Send nothing more for a client or one of its pipelines, until `syncd resume`.

    When this command returns nothing more is sent: requests that are under way are waited for. If some have no answer
    after --wait-seconds it says so and exits with 1; no new one is started.

    Example: syncd pause acme leads --why "campaign is being rebuilt"

    Parameters
    ----------
    client
        The client.
    pipeline
        Only this pipeline: leads, calls or dispositions.
    why
        Shown by `syncd status`.
    wait_seconds
        How long to wait for requests that are under way.
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.engine import operate
    from syncd.store import streams

    with session.store(settings) as db, setup.clients(settings, [client], db=db) as clients:
        names = sessions.pipelines(clients[0], pipeline)
        streams.pause(db, client, names, by="operator", why=why)
        sending = operate.quiet(db, client, names, wait_seconds=wait_seconds)
    session.out.line(f"paused: {client} {', '.join(names)}")
    if sending:
        session.out.line(f"{sending} requests that had been sent before have no answer yet; no new one is started")
    session.out.result({"client": client, "paused": names, "still_sending": sending})
    return 1 if sending else 0


def resume(client: str, pipeline: str | None = None, /, *, session: sessions.Given) -> int:
    """Go on after a pause, whoever paused it, and run at once.

    What a guard stopped may pass once. A login that was refused is tried again at once, so correct it first.

    Example: syncd resume acme leads

    Parameters
    ----------
    client
        The client.
    pipeline
        Only this pipeline: leads, calls or dispositions.
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.sdk import protocol
    from syncd.store import streams

    with session.store(settings) as db, setup.clients(settings, [client], db=db) as clients:
        names = sessions.pipelines(clients[0], pipeline)
        before = streams.pipeline_states(db, client)
        for connector in (clients[0].crm, clients[0].dialer):
            if isinstance(connector, protocol.Remembers):
                connector.try_again()
        resumed = streams.resume(db, client, names, now=datetime.now(UTC))
    for name in resumed:
        state = before[name]
        extra = "; what its guard stopped may pass once" if state.paused == "guard" else ""
        session.out.line(f"resumed: {client} {name}, which was paused by {state.paused}: {state.why}{extra}")
    if not resumed:
        session.out.line(f"nothing of {client} was paused")
    session.out.result(
        {"client": client, "resumed": [{"pipeline": name, "paused_by": before[name].paused} for name in resumed]}
    )
    return 0
