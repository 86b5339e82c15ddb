"""`syncd audit`: compare both sides in full, show what is not as it should be, and mend what is safe to mend.

The audit is stored first. With a daemon on the store this command only follows it; else it does the work itself, as
the one process that syncs with the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import cyclopts

from syncd.cli import alone as alone_
from syncd.cli import audit_report, backfill, backfill_wanted, output
from syncd.cli import session as sessions
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.config import models
    from syncd.engine import parts
    from syncd.store import audit as stored
    from syncd.store.database import Database

POLL_SECONDS = 0.2
LINE_SECONDS = 5.0
PATIENCE_SECONDS = 120.0  # a wait for a far side that is longer ends the command
NOBODY_SECONDS = 15.0
SHOWN = 50


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, audit)


def audit(
    client: str,
    /,
    *,
    since: str | None = None,
    no_calls: bool = False,
    rate: Annotated[float | None, cyclopts.Parameter(validator=cyclopts.validators.Number(gt=0, lte=1000))] = None,
    repair: bool = False,
    resume: bool = False,
    cancel: bool = False,
    last: bool = False,
    list_: Annotated[bool, cyclopts.Parameter(name="--list")] = False,
    html: Path | None = None,
    limit: Annotated[int, cyclopts.Parameter(validator=cyclopts.validators.Number(gte=0))] = SHOWN,
    session: sessions.Given,
) -> int:
    """Read both sides in full and compare them by what is planted in them, not by syncd's own memory: leads that are
    missing, doubled, orphaned or differ, calls without activity and the reverse, calls a day as the dialer counts them.

    It only reads, at a rate that you choose, and goes on where it was after a crash. A running daemon does the work and
    this command follows it. Ids and names of fields are shown, no values. Exit codes: 0 nothing was found; 1 something
    was; 2 you must act.

    Example: syncd audit acme --repair

    Parameters
    ----------
    client
        The client.
    since
        From when on calls are compared: a date, an instant, or how far back. Default: `audit.calls`, 30 days.
    no_calls
        Compare leads only.
    rate
        How many requests a second may begin, to both sides together. Default: `audit.rate`, 20.
    repair
        Mend what is safe: records are planned again, deleted ones are put before you as held.
    resume
        Go on with the one that was interrupted.
    cancel
        End the one that is not done.
    last
        Show the last one that is done, instead of a new one.
    list_
        List those that are kept.
    html
        Write the report to this file, as one page.
    limit
        At most so many findings are listed on the terminal; all are counted.
    """
    _one_of(resume=resume, cancel=cancel, last=last, list=list_)
    if repair and (cancel or last or list_):
        raise errors.UserError([errors.Problem("--repair goes with a new audit", fix="leave the other option out")])
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.store import audit as stored

    setup.chosen(settings, [client])
    with session.store(settings) as db:
        if list_:
            return _listed(db, client, session.out)
        if last:
            done = stored.last(db, client, "done")
            if done is None:
                raise _nothing(client, "done")
            return _report(db, done, session.out, limit=limit, html=html)
        open_one = stored.last(db, client, "open")
        if (resume or cancel) and open_one is None:
            raise _nothing(client, "open")
        if cancel and open_one is not None:
            stored.cancel(db, open_one.id, datetime.now(UTC))
            session.out.line(f"audit {open_one.id} of {client} is cancelled")
            session.out.result(audit_report.head(stored.one(db, open_one.id)))
            return 0
        with setup.clients(settings, [client], db=db) as clients:
            if resume and open_one is not None:
                number = open_one.id
            else:
                number = _start(settings, db, clients[0], since, rate, no_calls=no_calls)
            return _go_on(db, clients[0], number, session, repair=repair, limit=limit, html=html)


def _one_of(**given: bool) -> None:
    names = [f"--{name}" for name, said in given.items() if said]
    if len(names) > 1:
        raise errors.UserError([errors.Problem(f"{' and '.join(names)} exclude each other", fix="give one of them")])


def _nothing(client: str, state: str) -> errors.UserError:
    return errors.UserError([errors.Problem(f"{client} has no audit that is {state}", fix=f"`syncd audit {client}`")])


def _start(
    settings: models.Settings,
    db: Database,
    client: parts.Client,
    since: str | None,
    rate: float | None,
    *,
    no_calls: bool,
) -> int:
    from syncd.engine import audit as audits
    from syncd.store import streams

    streams.bound(db, client.name, client.identity)
    configured = settings.clients[client.name].audit_or_default
    calls_since = None
    if not no_calls:
        zone = ZoneInfo(settings.clients[client.name].time_zone or "UTC")
        now = datetime.now(UTC)
        back = now - timedelta(seconds=configured.calls)
        calls_since = back if since is None else backfill_wanted.instant(since, "--since", zone, now)
        if calls_since > now:
            raise errors.UserError([errors.Problem("--since is not yet", fix="give an earlier one")])
    engine = alone_.engine(db, lambda: False)
    return audits.start(engine, client, calls_since=calls_since, rate=rate or configured.rate, by=alone_.who())


def _go_on(
    db: Database,
    client: parts.Client,
    number: int,
    session: sessions.Session,
    *,
    repair: bool,
    limit: int,
    html: Path | None,
) -> int:
    from syncd.daemon import logs, setup, signals
    from syncd.store import audit as stored

    logs.configure(shape="console", level="error")
    alone = alone_.took_over(db)
    stop = signals.Signals()
    stop.install()
    progress = _Progress(db, number, session.out)

    def stopping() -> bool:
        progress()
        return stop()

    engine = alone_.engine(db, stopping)
    if alone:
        setup.register(engine, [client])
        why = _work(db, client, number, engine, stop)
    else:
        why = _followed(db, number, stopping)
    row = stored.one(db, number)
    if row.state != "done":
        what = why or f"audit {number} is {row.state}"
        fix = f"`syncd audit {client.name} --resume` goes on with it"
        if not alone and alone_.others(db) and row.state == "open":
            fix = "the daemon goes on with it"
        output.problems([errors.Problem(what, f"audit {number}", fix)])
        session.out.result(audit_report.head(row))
        return 2
    mended: dict[str, Any] | None = None
    if repair:
        mended = _mended(db, client, number, engine, stop, alone=alone)
    return _report(db, row, session.out, limit=limit, html=html, mended=mended)


def _work(db: Database, client: parts.Client, number: int, engine: Any, stop: Callable[[], bool]) -> str:
    """Do the work; return why it stopped before the end, "" if it did not."""
    from syncd.engine import audit as audits
    from syncd.store import audit as stored

    while not stop():
        row = stored.one(db, number)
        if row.state != "open":
            return ""
        wait = (row.due_at - datetime.now(UTC)).total_seconds() if row.due_at is not None else 0.0
        if wait > PATIENCE_SECONDS:
            return row.error
        if wait > 0:
            time.sleep(min(wait, POLL_SECONDS))
            continue
        report = audits.run(engine, client, number)
        if report.result == "busy":
            time.sleep(POLL_SECONDS)
    return "stopped"


def _followed(db: Database, number: int, stopping: Callable[[], bool]) -> str:
    from syncd.store import audit as stored

    seen_at = time.monotonic()
    while not stopping():
        if stored.one(db, number).state != "open":
            return ""
        time.sleep(POLL_SECONDS)
        if alone_.others(db):
            seen_at = time.monotonic()
        elif time.monotonic() - seen_at > NOBODY_SECONDS:
            return "no daemon runs any more"
    return "stopped"


class _Progress:
    """A line now and then while an audit goes on."""

    def __init__(self, db: Database, number: int, out: output.Output) -> None:
        self._db, self._number, self._out = db, number, out
        self._said_at = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self._said_at < LINE_SECONDS:
            return
        from syncd.store import audit as stored

        self._said_at = time.monotonic()
        row = stored.one(self._db, self._number)
        counts = ", ".join(f"{row.counts[name]} {name}" for name in audit_report.READ if row.counts.get(name))
        self._out.line(f"{row.phase}: {counts or 'nothing read yet'}" + (f"; {row.error}" if row.error else ""))


def _mended(
    db: Database, client: parts.Client, number: int, engine: Any, stop: Callable[[], bool], *, alone: bool
) -> dict[str, Any]:
    """Hand on what can be mended, and let the backfills come to their end."""
    from syncd.engine import audit_repair
    from syncd.store import backfill as stored_backfill

    done = audit_repair.repair(engine, client, number, by=alone_.who())
    open_ones = []
    for backfill_id in done.backfills:
        why = backfill.until_it_ends(db, client, backfill_id, engine, stop, lambda row, busy: None, alone=alone)
        if why or stored_backfill.one(db, backfill_id).state != "done":
            open_ones.append(backfill_id)
    return {
        "handed": done.handed,
        "held": done.held,
        "left": done.left,
        "backfills": done.backfills,
        "unfinished": open_ones,
    }


def _report(
    db: Database,
    row: stored.Audit,
    out: output.Output,
    *,
    limit: int,
    html: Path | None,
    mended: dict[str, Any] | None = None,
) -> int:
    report = audit_report.made(db, row, mended)
    audit_report.say(out, report, limit)
    if html is not None:
        audit_report.write_page(html, report)
        out.line(f"the report is in {html}")
    out.result(report)
    return 1 if report["found"] else 0


def _listed(db: Database, client: str, out: output.Output) -> int:
    from syncd.store import audit as stored

    found = [audit_report.head(one) for one in stored.listed(db, client)]
    columns = ("id", "state", "phase", "drift", "created_at", "ended_at", "created_by", "error")
    out.table(columns, [[output.plain(one[name]) for name in columns] for one in found])
    out.result(found)
    return 0
