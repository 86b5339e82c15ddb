"""What an error of a run means for what comes next: its class says it, nobody reads its message."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from syncd.core import model, policy
from syncd.engine.parts import Client, Context
from syncd.sdk import errors, protocol
from syncd.store import streams
from syncd.store.database import Database

log = structlog.get_logger("syncd.engine")


def note(ctx: Context, error: Exception) -> None:
    """End the run as failed: pause what must be paused and say when the stream is due again."""
    report, now, name = ctx.report, ctx.clock(), ctx.client.name
    report.result, report.error = "failed", str(error)
    report.failed += 1
    state = streams.stream_state(ctx.db, name, str(ctx.side))
    due = now + timedelta(seconds=policy.backoff_seconds(state.failures + 1, first=5.0))
    seen: dict[str, str] = {}
    match error:
        case errors.AuthFailed():
            report.result = "paused"
            report.error, due = pause_for_login(ctx.db, ctx.client, ctx.asked, error, now)
        case errors.QuotaExhausted():
            # a target without budget keeps its intents waiting; reading goes on, for what is urgent has a reserve
            every = timedelta(seconds=min(pipe.every_seconds for pipe in ctx.pipes))
            due = error.until if ctx.asked == ctx.side.role else min(error.until, now + every)
        case errors.ContractViolation():
            streams.pause(ctx.db, name, [pipe.name for pipe in ctx.pipes], by="contract", why=str(error))
        case model.Mismatch():
            seen = {"subject": error.crm_id, "far_id": error.dialer_id} if error.crm_id else {}
            report.error = f"{error}; nothing is written for this client until an operator has looked"
            everything = [pipe.name for pipe in ctx.client.pipelines]
            streams.pause(ctx.db, name, everything, by="mismatch", why=report.error)
        case errors.RetryLater() if error.after_seconds is not None:
            due = now + timedelta(seconds=error.after_seconds)
    report.next_due_at = due
    log.error("run failed", client=name, stream=str(ctx.side), error=type(error).__name__, why=report.error, **seen)
    streams.ran(ctx.run, result=report.result, now=now, next_due_at=due, error=report.error)


def pause_for_login(
    db: Database, client: Client, role: protocol.Role, error: errors.AuthFailed, now: datetime
) -> tuple[str, datetime]:
    """Pause all pipelines of a client since its system in `role` refused the login or a permission; return what is said
    of it and until when nothing is sent. Each refusal in a row makes the pause longer; a login that was not even tried
    is none."""
    states = streams.pipeline_states(db, client.name)
    failures = max((one.auth_failures for one in states.values() if one.auth_role == role), default=0)
    if isinstance(error, errors.LoginRefused) and error.until is not None:
        until = max(now, error.until)
    else:
        failures += 1
        until = now + timedelta(seconds=policy.auth_pause_seconds(failures))
    why = f"{error}" + (f"; {error.fix}" if error.fix else "")
    names = [pipe.name for pipe in client.pipelines]
    streams.pause_for_login(db, client.name, names, role=role, failures=failures, why=why, until=until)
    return why, until


def refuse_while_paused(db: Database, client: Client, role: protocol.Role, now: datetime) -> None:
    """Raise LoginRefused while a client is paused since its system in `role` refused a login: outside of any run, too,
    nothing more is sent, so that a script that goes on trying cannot lock the account under the daemon."""
    for name, state in streams.pipeline_states(db, client.name).items():
        # An operator's pause hides the end of the one for the login: then only `resume` ends both.
        if state.auth_role == role and (state.paused == "operator" or state.is_paused(now)):
            raise errors.LoginRefused(
                f"not sent: {client.name} {name} is paused, since the {role} refused a login or a permission",
                fix=f"correct it, then run `syncd resume {client.name}`; `syncd status {client.name}` says more",
            )
