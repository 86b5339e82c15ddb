"""`syncd backfill`: sync a stretch of the past, or named records, once more.

The backfill is stored first. With a daemon on the store this command only follows it; else it runs the slices itself,
as the one process that syncs with the store.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import cyclopts

from syncd.cli import alone as alone_
from syncd.cli import backfill_progress, backfill_wanted, output
from syncd.cli import plan as plans
from syncd.cli import session as sessions
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.engine import parts
    from syncd.store import backfill as stored
    from syncd.store.database import Database

POLL_SECONDS = 0.2
NOBODY_SECONDS = 15.0  # so long without a daemon, and this command stops following one
STOPPED, NOBODY = "stopped", "no daemon runs any more"


def mount(app: cyclopts.App) -> None:
    """Add the group."""
    text = inspect.getdoc(start) or ""
    group = cyclopts.App(name="backfill", help=sessions.flowing(text.partition("\nParameters\n")[0]))
    group.default(start)
    for function, name in ((list_, "list"), (pause, "pause"), (resume, "resume"), (cancel, "cancel")):
        sessions.add(group, function, name)
    app.command(group)


def start(
    client: str,
    pipeline: str,
    /,
    *,
    since: str | None = None,
    until: str | None = None,
    ids: Annotated[str | None, cyclopts.Parameter(allow_leading_hyphen=True)] = None,
    dry_run: bool = False,
    no_wait: bool = False,
    limit: int = plans.SHOWN,
    session: sessions.Given,
) -> int:
    """Read what changed (calls: what began) from --since to --until once more and sync it, whatever the pipeline's
    `start` says.

    Opt-outs, `where`, do-not-call lists, shared phones, removed leads and the guard hold as ever. It is stored and goes
    on after a crash. A running daemon executes it between live work and this command shows its progress until it is
    done; Ctrl-C leaves it to the daemon. Without a daemon this command does the work.

    Example: syncd backfill acme leads --since 7d

    Parameters
    ----------
    client
        The client.
    pipeline
        The pipeline: leads, calls or dispositions.
    since
        A date, an instant, or how far back (7d, 12h); in the client's time zone where none is given. Included.
    until
        The same; a date means its whole day. Included. Default: now.
    ids
        A file with the ids of the records, one a line; - reads standard input. --since and --until narrow it.
    dry_run
        Show what it would do; write nothing.
    no_wait
        Store it, and leave it to a daemon.
    limit
        With --dry-run: at most so many records are listed; all are counted.
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.engine import backfill as engine_backfill
    from syncd.store import backfill as stored
    from syncd.store import streams

    with session.store(settings) as db, setup.clients(settings, [client], db=db) as clients:
        one = clients[0]
        setup.named(pipeline, sessions.pipelines(one, None), f"pipeline of {client}")
        engine = alone_.engine(db, lambda: False)
        streams.bound(db, one.name, one.identity)
        wanted = backfill_wanted.wanted(settings, one, pipeline, since, until, ids)
        if dry_run:
            shown = plans.shown(client, engine_backfill.preview(engine, one, wanted), limit)
            plans.say(session.out, shown)
            session.out.result(shown)
            return 0
        number = stored.create(db, wanted, by=alone_.who(), now=datetime.now(UTC))
        session.out.line(f"backfill {number} of {client} {pipeline} is stored, until {output.plain(wanted.until)}")
        return _go_on(db, one, number, session, no_wait=no_wait)


def list_(client: str | None = None, /, *, session: sessions.Given) -> int:
    """List the backfills, how far they are and who asked for them.

    Example: syncd backfill list acme

    Parameters
    ----------
    client
        Only this client.
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.store import backfill as stored

    setup.chosen(settings, [client] if client else [])
    with session.store(settings) as db:
        found = [_shown(one) for one in stored.listed(db, client or "")]
    columns = ("id", "client", "pipeline", "state", "since", "until", "read", "position", "created_by", "error")
    session.out.table(columns, [[output.plain(one[name]) for name in columns] for one in found])
    session.out.result(found)
    return 0


def pause(*ids: int, session: sessions.Given) -> int:
    """Let backfills rest until `syncd backfill resume`. What the slice under way has staged still goes out.

    Example: syncd backfill pause 3

    Parameters
    ----------
    ids
        The numbers that `syncd backfill list` shows.
    """
    return _change(ids, "paused", session)


def cancel(*ids: int, session: sessions.Given) -> int:
    """End backfills for good. Nothing more is read; what was staged already (a slice at most) goes out as live work
    does.

    Example: syncd backfill cancel 3

    Parameters
    ----------
    ids
        The numbers that `syncd backfill list` shows.
    """
    return _change(ids, "cancelled", session)


def resume(number: int, /, *, no_wait: bool = False, session: sessions.Given) -> int:
    """Go on with a backfill that was paused, interrupted or has failed.

    Example: syncd backfill resume 3

    Parameters
    ----------
    number
        The number that `syncd backfill list` shows.
    no_wait
        Leave it to a daemon.
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.store import backfill as stored
    from syncd.store import streams

    with session.store(settings) as db:
        row = stored.one(db, number)
        with setup.clients(settings, [row.client], db=db) as clients:
            setup.named(row.pipeline, sessions.pipelines(clients[0], None), f"pipeline of {row.client}")
            streams.bound(db, row.client, clients[0].identity)
            before = stored.change(db, number, "waiting", now=datetime.now(UTC))
            if before in stored.ENDED:
                raise errors.UserError([errors.Problem(f"backfill {number} is {before}", fix="start another one")])
            return _go_on(db, clients[0], number, session, no_wait=no_wait)


def _change(ids: tuple[int, ...], to: Literal["paused", "cancelled"], session: sessions.Session) -> int:
    settings = session.settings()
    from syncd.store import backfill as stored

    if not ids:
        raise errors.UserError(
            [errors.Problem("no backfill is named", fix="`syncd backfill list` shows their numbers")]
        )
    with session.store(settings) as db:
        for number in ids:
            stored.one(db, number)
        for number in ids:
            stored.change(db, number, to, now=datetime.now(UTC))
        found = [_shown(stored.one(db, number)) for number in ids]
    for one in found:
        session.out.line(f"backfill {one['id']} is {one['state']}")
    session.out.result(found)
    return 0


def _go_on(db: Database, client: parts.Client, number: int, session: sessions.Session, *, no_wait: bool) -> int:
    from syncd.store import backfill as stored

    if no_wait:
        row = stored.one(db, number)
        if not alone_.others(db):
            session.out.line(f"no daemon runs; `syncd run` or `syncd backfill resume {number}` goes on with it")
        session.out.result(_shown(row))
        return 0
    from syncd.daemon import logs, setup, signals

    logs.configure(shape="console", level="error")
    alone = alone_.took_over(db)
    stop = signals.Signals()
    stop.install()
    engine = alone_.engine(db, stop)
    if alone:
        setup.register(engine, [client])
    with backfill_progress.showing(session.out) as show:
        why = until_it_ends(db, client, number, engine, stop, show, alone=alone)
    row = stored.one(db, number)
    return _said(db, row, session, why, followed=not alone)


def until_it_ends(
    db: Database,
    client: parts.Client,
    number: int,
    engine: Any,
    stop: Callable[[], bool],
    show: Callable[[stored.Backfill, str], None],
    *,
    alone: bool,
) -> str:
    """Run the slices, or follow those that a daemon runs; return why it stopped before the end, "" if it did not."""
    from syncd.engine.backfill import Slices
    from syncd.store import backfill as stored
    from syncd.store import streams

    slices, seen_at = Slices(engine), time.monotonic()
    pipe = next(one for one in client.pipelines if one.name == stored.one(db, number).pipeline)
    busy = ""
    while True:
        row = stored.one(db, number)
        show(row, busy)
        if not row.is_open:
            return ""
        if stop():
            return STOPPED
        state = streams.pipeline_states(db, client.name).get(pipe.name, streams.PipelineState())
        if state.is_paused(datetime.now(UTC)):
            return f"the pipeline is paused by {state.paused}: {state.why}; `syncd resume {client.name} {pipe.name}`"
        if alone and (row.due_at is None or row.due_at <= datetime.now(UTC)):
            report = slices.run(client, pipe.source, number)
            busy = report.error if report.result == "busy" else ""
            if busy:
                time.sleep(POLL_SECONDS)
            continue
        time.sleep(POLL_SECONDS)
        if alone or alone_.others(db):
            seen_at = time.monotonic()
        elif time.monotonic() - seen_at > NOBODY_SECONDS:
            return NOBODY


def _said(db: Database, row: stored.Backfill, session: sessions.Session, why: str, *, followed: bool) -> int:
    from syncd.core import model
    from syncd.store import backfill as stored

    shown = _shown(row)
    left = stored.unsent(db, row.client, row.pipeline, int(model.Lane.BACKFILL))
    shown["unsent"] = left
    counts = {name: number for name, number in row.counts.items() if number}
    session.out.line(f"backfill {row.id} is {row.state}: {output.reasons(counts) or 'nothing was read'}")
    if row.error:
        session.out.line(f"  {row.error}")
    if row.unknown:
        lines = ", ".join(map(str, row.unknown))
        session.out.line(f"  unknown ids: {len(row.unknown)}, by line: {lines}")
    if left:
        session.out.line(f"  changes not sent yet: {left}; the next runs send them")
    if why == STOPPED and followed:
        why = "" if alone_.others(db) else NOBODY
    if followed and row.is_open and not why:
        session.out.line("  the daemon goes on with it")
    if why:
        if why in (STOPPED, NOBODY):
            why = f"{why}; `syncd run` or `syncd backfill resume {row.id}` goes on with it"
        output.problems([errors.Problem(why, f"backfill {row.id}")])
    session.out.result(shown)
    if why or row.state == "paused":
        return 2
    bad = row.counts.get("newly_held", 0) + row.counts.get("failed", 0)
    return 1 if bad or row.state in ("failed", "cancelled") else 0


def _shown(row: stored.Backfill) -> dict[str, Any]:
    """A backfill with stable keys."""
    return {
        "id": row.id,
        "client": row.client,
        "pipeline": row.pipeline,
        "state": row.state,
        "since": row.since,
        "until": row.until,
        "position": row.position.at if row.position and not row.walks else None,
        "read": row.counts.get("read", 0),
        "counts": dict(row.counts),
        "asked": row.asked if row.by_id and not row.walks else None,
        "unknown_lines": list(row.unknown),
        "error": row.error,
        "due_at": row.due_at,
        "created_by": row.created_by,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
    }
