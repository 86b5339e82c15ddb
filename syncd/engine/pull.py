"""Pull and stage: read a stream once from its checkpoint, plan for each pipeline, store both together."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from syncd.core import model
from syncd.engine import planning, still_open, sweep
from syncd.engine.parts import Context
from syncd.sdk import errors, records
from syncd.store import clocks, known, staging, streams

log = structlog.get_logger("syncd.engine")

VANISH_SLICES = 10  # slices of known ids that one run asks for, where deleted records simply disappear


def pull(ctx: Context) -> bool:
    """Read what changed and stage it. Returns whether the stream was read to its end (False: told to stop)."""
    if not ctx.spec.readable:
        return sweep.sweep(ctx)
    until = ctx.source.clock()
    state = _checkpoint(ctx, streams.stream_state(ctx.db, ctx.client.name, str(ctx.side)), until)
    started, since, new = _begin(ctx, state, until)
    overlaps = _due_overlaps(ctx, state)
    if since is not None and not new:
        overlap = max((seconds for _, seconds in overlaps), default=0.0)
        since = records.Cursor(since.at - timedelta(seconds=overlap))
    complete = True
    if since is None or since.at <= until:
        complete = _pages(ctx, since, until, started)
    if complete:
        if new:
            streams.started(ctx.run, {name: started[name] for name in new})
        streams.overlap_read(ctx.run, [seconds for every, seconds in overlaps if every], ctx.clock())
        if ctx.spec.deletes == "vanish":
            _vanished(ctx, state, started)
        still_open.look(ctx)
    return complete


def _checkpoint(ctx: Context, state: streams.StreamState, until: datetime) -> streams.StreamState:
    """The stream's memory, with its checkpoint put back where the source's clock was set back by more than the overlap
    makes up for: new changes have times from before the checkpoint."""
    cursor = state.cursor
    if cursor is None or cursor.at <= until:
        return state
    earliest = clocks.earliest_stamp(state, until, ctx.clock())
    if earliest is not None and earliest >= cursor.at - lateness(ctx.spec):
        return state
    position = clocks.source_set_back(ctx.run, [pipe.name for pipe in ctx.pipes], earliest or until)
    log.warning(
        "the source's clock was set back; what it may have stamped since is read again",
        client=ctx.client.name,
        stream=str(ctx.side),
        seconds=round((cursor.at - until).total_seconds(), 3),
        since=position.at.isoformat(timespec="seconds"),
    )
    return replace(state, cursor=position)


def lateness(spec: records.StreamSpec) -> timedelta:
    """How late a record may show: each run reads as far back."""
    return timedelta(seconds=min((seconds for every, seconds in spec.overlaps if not every), default=0.0))


def _begin(
    ctx: Context, state: streams.StreamState, until: datetime
) -> tuple[dict[str, datetime], records.Cursor | None, list[str]]:
    """From when each pipeline takes changes, where to read from, and which pipelines join a stream that others have
    read already (it is read again from their start; the others skip what they know)."""
    states = streams.pipeline_states(ctx.db, ctx.client.name)
    started: dict[str, datetime] = {}
    joining: list[str] = []
    unknown = [pipe for pipe in ctx.pipes if not states.get(pipe.name, streams.PipelineState()).version]
    if unknown:
        streams.read_with(ctx.run, {pipe.name: pipe.version for pipe in unknown})
    for pipe in ctx.pipes:
        begun = states.get(pipe.name, streams.PipelineState()).started_at
        started[pipe.name] = begun or _start(pipe, until)
        if begun is None:
            joining.append(pipe.name)
    if state.cursor is None:  # also where nothing has been read yet because there was nothing
        earliest = min(started.values())
        since = None if earliest == model.EPOCH else records.Cursor(earliest)
        streams.started(ctx.run, started, since)
        return started, since, []
    earliest = min((started[name] for name in joining), default=until)
    if joining and earliest < state.cursor.at:
        return started, None if earliest == model.EPOCH else records.Cursor(earliest), joining
    if joining:
        streams.started(ctx.run, {name: started[name] for name in joining})
    return started, state.cursor, []


def _start(pipe: model.Pipeline, until: datetime) -> datetime:
    if pipe.start == "all":
        return model.EPOCH
    return until if pipe.start == "now" else pipe.start


def _due_overlaps(ctx: Context, state: streams.StreamState) -> list[tuple[float, float]]:
    reads = state.overlap_reads or {}
    now = ctx.clock()
    return [
        (every, seconds)
        for every, seconds in ctx.spec.overlaps
        if not every or seconds not in reads or not timedelta(0) <= now - reads[seconds] < timedelta(seconds=every)
    ]


def _pages(ctx: Context, since: records.Cursor | None, until: datetime, started: dict[str, datetime]) -> bool:
    last: records.Cursor | None = None
    seen_at_last: set[str] = set()
    names = planning.fields_to_read(ctx)
    for page in ctx.source.pull(ctx.side.stream, since, until, names):
        advances(ctx, page, since, last, until, seen_at_last)
        if last is None or page.cursor.at != last.at:
            seen_at_last = set()
        seen_at_last.add(page.cursor.id)
        last = page.cursor
        ctx.run.count("records", len(page.records))
        held = staging.stage(ctx.run, planning.plan_page(ctx, page.records, started), page.cursor, ctx.clock())
        ctx.report.held += len(held)
        if ctx.stopping():
            return False
    return True


def advances(
    ctx: Context,
    page: records.Page,
    since: records.Cursor | None,
    last: records.Cursor | None,
    until: datetime,
    seen: set[str],
) -> None:
    """Raise ContractViolation where a page's cursor stands still, goes back or passes the run's start."""
    floor = last or since
    if page.cursor.at > until:
        raise errors.ContractViolation(f"{ctx.side}: the cursor passed the time at which the run began")
    if floor is not None and page.cursor.at < floor.at:
        raise errors.ContractViolation(f"{ctx.side}: the cursor went back")
    if last is not None and page.cursor.at == last.at and page.cursor.id in seen:
        raise errors.ContractViolation(f"{ctx.side}: the cursor did not advance")


def _vanished(ctx: Context, state: streams.StreamState, started: dict[str, datetime]) -> None:
    """Ask for known ids, a few slices a run; those that are no longer there count as deleted."""
    after = state.vanish_after
    for _ in range(VANISH_SLICES):
        ids = known.linked_ids(ctx.db, ctx.client.name, ctx.side.stream, after, known.SLICE)
        if ids:
            present = {record.id for record in ctx.source.get(ctx.side.stream, ids, ())}
            gone = [records.Record(crm_id, {}, deleted=True) for crm_id in ids if crm_id not in present]
            if gone:
                ctx.run.count("vanished", len(gone))
                batches = planning.plan_page(ctx, gone, started)
                ctx.report.held += len(staging.stage(ctx.run, batches, None, ctx.clock()))
        after = ids[-1] if len(ids) == known.SLICE else ""
        with ctx.run.write("vanish") as connection:
            streams.put_stream(
                ctx.db, connection, ctx.client.name, str(ctx.side), vanish_after=after, vanish_at=ctx.clock()
            )
        if not after or ctx.stopping():
            return
