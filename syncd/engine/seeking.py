"""Seek: look up the recordings of calls whose time has come, a bounded number in each run, and stage what follows.

A dialer that does not let recordings be looked up must not hold up its calls: what fails here is tried again later, and
the run goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from syncd.core import model, recording
from syncd.engine.parts import Context
from syncd.sdk import errors, protocol, records
from syncd.store import awaited, known, staging

log = structlog.get_logger("syncd.engine")

LOOKUPS = 25  # calls of one look: between two of them the run may be told to stop


def needed(ctx: Context) -> Sequence[str]:
    """The fields of a call that looking up its recordings needs."""
    return _finder(ctx).recordings_by


def seek(ctx: Context, pipe: model.Pipeline) -> None:
    """Look up what is due, newest calls first, `per_run` at most. Raises LeaseLost."""
    left = pipe.per_run
    orphans = awaited.orphaned(ctx.db, ctx.client.name, pipe, now=ctx.clock(), limit=known.SLICE)
    _stage(ctx, pipe, [recording.without_activity(one) for one in orphans])
    while left > 0 and not ctx.stopping():
        some = awaited.due(ctx.db, ctx.client.name, pipe, now=ctx.clock(), limit=min(left, LOOKUPS))
        if not some:
            return
        left -= len(some)
        if _looked(ctx, pipe, some):
            return  # the rest waits for the next run


def _looked(ctx: Context, pipe: model.Pipeline, some: Sequence[model.Awaited]) -> bool:
    """Look these up, stage what follows. Returns whether every look failed."""
    with ctx.asking(ctx.side.role, pipe.name):
        found = _find(ctx, some)
    ids = [one.record_id for one in some]
    links = known.links_by_dialer(ctx.db, ctx.client.name, pipe.source.stream, ids)
    busy = known.busy(ctx.db, ctx.client.name, str(pipe.target), ids)
    now = ctx.clock()
    plans = [
        recording.looked(
            pipe, one, looked, model.Known(link=links.get(one.record_id), busy=one.record_id in busy), ctx.hashes, now
        )
        for one, looked in zip(some, found, strict=True)
    ]
    _stage(ctx, pipe, plans)
    failed = [looked for looked in found if isinstance(looked, errors.SyncdError)]
    ctx.run.count(f"{pipe.name}.looked_up", len(some))
    if failed:
        ctx.run.count(f"{pipe.name}.look_failed", len(failed))
        log.warning("recordings cannot be looked up", client=ctx.client.name, calls=len(failed), why=str(failed[0]))
    return len(failed) == len(some)


def _find(ctx: Context, some: Sequence[model.Awaited]) -> Sequence[list[records.Record] | errors.SyncdError]:
    calls = [records.Record(one.record_id, one.fields) for one in some]
    found = _finder(ctx).recordings(calls)
    if len(found) != len(calls):
        raise errors.ContractViolation(f"{ctx.side}: {len(found)} answers about the recordings of {len(calls)} calls")
    return found


def _finder(ctx: Context) -> protocol.FindsRecordings:
    connector = ctx.source
    if not isinstance(connector, protocol.FindsRecordings):
        raise errors.ContractViolation(f"{ctx.side.role}: its connector finds no recordings")
    return connector


def _stage(ctx: Context, pipe: model.Pipeline, plans: Sequence[model.Plan]) -> None:
    if plans:
        ctx.report.held += len(staging.stage(ctx.run, [staging.Batch(pipe, plans)], None, ctx.clock()))
