"""The guard at work: a mass change pauses its pipeline, with what would happen and the command that lets it pass once.

What the law wants goes out nevertheless (see `core.guard`): such a pipeline goes on reading and planning, and delivers
opt-outs and do-not-call requests alone.
"""

from __future__ import annotations

import structlog

from syncd.core import guard, model
from syncd.engine.parts import Context
from syncd.store import guarding, streams

log = structlog.get_logger("syncd.engine")
NOTHING = guard.Totals()


def lets_pass(ctx: Context, pipe: model.Pipeline, before: guard.Totals = NOTHING) -> bool:
    """Whether what is staged may go out; a mass change pauses the pipeline instead. `before`: what earlier slices of
    the same backfill changed, which counts as well."""
    state = ctx.state(pipe.name)
    staged = guarding.totals(ctx.run, pipe, ctx.hashes)
    if staged.updates or staged.removes:
        now = ctx.clock()
        done = guarding.done_before(ctx.run, pipe, now=now, passed_at=state.guard_passed_at)
        why = guard.guard(staged.after(*done).at_least(before), pipe.guard)
    else:
        why = ""
    if not why:
        return True
    if state.guard_pass:
        streams.guard_passed(ctx.run, pipe.name, ctx.clock())
        return True
    name = ctx.client.name
    hint = f"look with `syncd plan {name} {pipe.name}`, then `syncd resume {name} {pipe.name}` lets it pass once"
    streams.pause(ctx.db, name, [pipe.name], by="guard", why=f"{why}; {hint}")
    ctx.forget_states()
    log.error("guard", client=name, pipeline=pipe.name, why=why)
    ctx.report.failed += 1
    ctx.report.error = why
    return False
