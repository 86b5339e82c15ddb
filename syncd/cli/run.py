"""`syncd run`: the daemon, or every stream once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cyclopts

from syncd.cli import output
from syncd.cli import session as sessions

if TYPE_CHECKING:
    from syncd.config import models
    from syncd.engine import parts

_DONE = ("create", "update", "remove")


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, run)


def run(*, once: bool = False, client: list[str] | None = None, session: sessions.Given) -> int:
    """Keep all clients in step until stopped (SIGTERM, Ctrl-C), or run every stream once.

    The daemon ends what it has begun within `stop_seconds` when it is told to stop, and at once (exit code 4) when it
    is told twice. With --once the exit code is 2 if a pipeline is paused until you act (also if this run paused it),
    else 1 if something was newly held or failed.

    Example: syncd run --once --client acme

    Parameters
    ----------
    once
        Run each stream once, whether it is due or not, and print what was done.
    client
        Only this client; may be given several times.
    """
    settings = session.settings()
    output.problems(settings.warnings)
    from syncd.daemon import logs

    logs.configure(shape=settings.log.format, level=settings.log.level)
    if once:
        return _once(settings, client or [], session)
    from syncd.daemon import service

    return service.serve(settings, path=session.config, only=client or [])


def _once(settings: models.Settings, only: Sequence[str], given: sessions.Session) -> int:
    from syncd.daemon import setup, signals
    from syncd.engine import erasing, reread
    from syncd.engine.run import Engine
    from syncd.store import machine, streams

    stop = signals.Signals()
    stop.install()
    with setup.database(settings) as db, setup.clients(settings, only, db=db) as clients:
        db.lock()
        machine.check(db)
        engine = Engine(db, stopping=stop)
        setup.register(engine, clients)
        for one in clients:
            reread.warn(db, one)
            erasing.finish(engine, one)
        todo = [(client, side) for client in clients for side in client.sources()]
        reports = [engine.run_stream(client, side) for client, side in todo if not stop()]
        waiting = [
            f"{client.name} {name}"
            for client in clients
            for name, state in streams.pipeline_states(db, client.name).items()
            if state.is_paused(engine.clock()) and state.paused != "operator"
        ]
    rows = [_row(report) for report in reports]
    given.out.table(list(rows[0]), [list(row.values()) for row in rows])
    for name in waiting:
        given.out.line(f"{name} is paused: see `syncd status {name.split()[0]}`")
    given.out.result({"runs": [row | {"counts": one.counts} for row, one in zip(rows, reports, strict=True)]})
    if waiting:
        return 2
    return 1 if any(report.held or report.failed or report.result == "failed" for report in reports) else 0


def _row(report: parts.Report) -> dict[str, object]:
    counts = report.counts

    def total(middle: str) -> int:
        return sum(number for name, number in counts.items() if middle in name)

    done = {f"{what}d": total(f".sent.{what}") for what in _DONE}
    return {
        "client": report.client,
        "stream": report.stream,
        "result": report.result,
        "read": counts.get("records", 0),
        **done,
        "skipped": total(".skip."),
        "held": report.held,
        "failed": report.failed,
        "note": report.error,
    }
