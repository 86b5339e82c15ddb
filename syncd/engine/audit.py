"""Audits: both sides are read in full and compared by what is planted in them, not by our own links.

An audit is stored (`store.audit`) and goes through phases, each with a position of its own: whoever has the store open
runs it, and a crash costs a page. It reads only, under a lease of its own and, in the daemon, with connectors of its
own, so that live work does not wait for it; its rate, in requests a second, is what the far sides notice of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from syncd.core import model, policy
from syncd.engine import audit_calls, audit_confirm, audit_leads
from syncd.engine.audit_turn import Turn, paced
from syncd.engine.failure import pause_for_login
from syncd.engine.parts import Client, Context, Report
from syncd.engine.run import Engine
from syncd.sdk import errors
from syncd.store import audit as stored

log = structlog.get_logger("syncd.engine")

SIDE = model.Side("crm", "audit")
"""The lease of a client's audits is taken in this name."""

Phase = Callable[[Turn], bool]
PHASES: dict[str, Phase] = {
    "records": audit_leads.read_records,
    "leads": audit_leads.read_leads,
    "missing": audit_leads.look_for_missing,
    "activities": audit_calls.read_activities,
    "calls": audit_calls.read_calls,
    "calls_gone": audit_calls.look_for_activities_without_call,
    "confirm": audit_confirm.confirm,
}


def leads_of(client: Client) -> model.Pipeline:
    """The pipeline that says what a lead should hold; raise UserError where there is none."""
    found = next((pipe for pipe in client.pipelines if pipe.kind == "leads"), None)
    if found is None:
        problem = errors.Problem(f"{client.name} has no pipeline `leads`, so there is nothing to compare")
        raise errors.UserError([problem])
    return found


def start(engine: Engine, client: Client, *, calls_since: datetime | None, rate: float, by: str) -> int:
    """Store an audit of this client and return its number. `calls_since`: from when on calls are compared, None for
    none. Raises UserError while another one is open."""
    leads_of(client)
    now = engine.clock()
    return stored.create(engine.db, client.name, calls_since, now, rate=rate, by=by, now=now)


def run(engine: Engine, client: Client, number: int) -> Report:
    """Go on with an audit until it is done, or told to stop, or a far system fails. Never raises for what a far system
    does; raises UserError for what an operator must mend."""
    report = Report(client.name, str(SIDE))
    leads = leads_of(client)

    def body(ctx: Context) -> None:
        turn = Turn(ctx, number, leads)
        try:
            done = _phases(turn)
        except stored.Halted:
            ctx.report.result = "halted"
            stored.turn_ended(ctx.run, number, now=ctx.clock(), result="halted", error="")
            return
        ctx.report.result = "ok" if done else "stopped"
        stored.turn_ended(ctx.run, number, now=ctx.clock(), result=ctx.report.result, done=done, error="")
        if done:
            row = turn.row
            log.info(
                "audit done", client=client.name, audit=number, drift=row.drift, found=stored.tally(ctx.db, number)
            )

    def failed(ctx: Context, error: Exception) -> None:
        _failed(ctx, number, error)

    try:
        return engine.run_alone(client, SIDE, client.pipelines, report, body, failed)
    except errors.UserError as error:
        due_at = engine.clock() + timedelta(hours=1)
        stored.postpone(engine.db, number, due_at=due_at, error="; ".join(map(str, error.problems)))
        raise


def _phases(turn: Turn) -> bool:
    row, ctx = turn.row, turn.ctx
    if row.state != "open":
        raise stored.Halted
    names = list(PHASES)
    begin = names.index(row.phase) if row.phase else 0
    with paced(row.rate, ctx.stopping):
        for place in range(begin, len(names)):
            if not row.phase or place > begin:
                stored.phase(ctx.run, turn.number, names[place])
            if not PHASES[names[place]](turn):
                return False
    return True


def _failed(ctx: Context, number: int, error: Exception) -> None:
    """What an error means for the next turn."""
    now, report = ctx.clock(), ctx.report
    report.result, report.error = "failed", str(error)
    row = stored.one(ctx.db, number)
    due_at = now + timedelta(seconds=policy.backoff_seconds(row.failures + 1, first=5.0))
    if isinstance(error, errors.LoginRefused):
        report.error, due_at = pause_for_login(ctx.db, ctx.client, ctx.asked, error, now)
    elif isinstance(error, errors.AuthFailed):
        report.error = f"{error}" + (f"; {error.fix}" if error.fix else "")
        due_at = now + timedelta(seconds=policy.auth_pause_seconds(row.failures + 1))
    elif isinstance(error, errors.QuotaExhausted):
        due_at = error.until
    elif isinstance(error, errors.RetryLater) and error.after_seconds is not None:
        due_at = now + timedelta(seconds=max(error.after_seconds, 5.0))
    report.next_due_at = due_at
    log.warning("audit waits", client=ctx.client.name, audit=number, error=type(error).__name__, why=report.error)
    what = f"{type(error).__name__}: {report.error}"
    stored.turn_ended(ctx.run, number, now=now, result="failed", due_at=due_at, error=what)
