"""Still open: callbacks with a task are looked at again, some each run, since no call need tell of their end."""

from __future__ import annotations

from syncd.core import model, plan
from syncd.engine import planning
from syncd.engine.parts import Context
from syncd.sdk import records
from syncd.store import known, staging, streams


def look(ctx: Context) -> None:
    """Look at the next open callbacks and stage what follows; one that is no longer there counts as cancelled."""
    for pipe in (one for one in ctx.pipes if one.kind == "callbacks"):
        after = int(streams.stream_state(ctx.db, ctx.client.name, str(ctx.side)).vanish_after or "0")
        links = known.open_links(
            ctx.db, ctx.client.name, pipe.name, pipe.source.stream, plan.ENDED, after, pipe.per_run
        )
        if links:
            ids = [link.dialer_id for link in links]
            there = {record.id: record for record in ctx.source.get(ctx.side.stream, ids, ())}
            page = [there.get(one) or records.Record(one, {}, deleted=True) for one in ids]
            ctx.run.count("looked_at", len(page))
            batches = planning.plan_page(ctx, page, {one.name: model.EPOCH for one in ctx.pipes})
            ctx.report.held += len(staging.stage(ctx.run, batches, None, ctx.clock()))
        position = str(links[-1].id) if len(links) == pipe.per_run else ""
        with ctx.run.write("still-open") as connection:
            streams.put_stream(
                ctx.db, connection, ctx.client.name, str(ctx.side), vanish_after=position, vanish_at=ctx.clock()
            )
