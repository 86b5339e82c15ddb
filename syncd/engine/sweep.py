"""Sweep: a stream that cannot be read by change is looked at lead by lead, some each run, round and round."""

from __future__ import annotations

from syncd.core import model
from syncd.engine import planning
from syncd.engine.parts import Context
from syncd.sdk import records
from syncd.store import known, staging, streams


def sweep(ctx: Context) -> bool:
    """Look at the next leads and stage what follows. Returns False where the run was told to stop before."""
    after = _position(ctx)
    page, last = look(ctx, after)
    if ctx.stopping():
        return False
    batches = planning.plan_page(ctx, page, {pipe.name: model.EPOCH for pipe in ctx.pipes})
    ctx.report.held += len(staging.stage(ctx.run, batches, None, ctx.clock()))
    with ctx.run.write("sweep") as connection:
        streams.put_stream(
            ctx.db, connection, ctx.client.name, str(ctx.side), vanish_after=str(last or ""), vanish_at=ctx.clock()
        )
    return True


def next_page(ctx: Context) -> list[records.Record]:
    """What the next run would look at; nothing is stored."""
    return look(ctx, _position(ctx))[0]


def look(ctx: Context, after: int) -> tuple[list[records.Record], int]:
    """The leads of the links behind number `after`, and the number to go on from; 0 begins anew."""
    most = max(pipe.per_run for pipe in ctx.pipes)
    links = known.links_after(ctx.db, ctx.client.name, ctx.side.stream, after, most)
    names = list(planning.fields_to_read(ctx))
    if ctx.spec.key_field:
        names.append(ctx.spec.key_field)
    found: list[records.Record] = []
    size = max(1, ctx.spec.batch_size)
    for start in range(0, len(links), size):
        if ctx.stopping():
            break
        ids = [link.dialer_id for link in links[start : start + size]]
        found += ctx.source.get(ctx.side.stream, ids, names)
    ctx.run.count("looked_at", len(found))
    return found, links[-1].id if len(links) == most else 0


def _position(ctx: Context) -> int:
    return int(streams.stream_state(ctx.db, ctx.client.name, str(ctx.side)).vanish_after or "0")
