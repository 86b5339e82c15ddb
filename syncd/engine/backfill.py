"""Backfills: what a pipeline's source holds from one instant to another is read and planned once more, in slices.

A backfill is stored (`store.backfill`): whoever has the store open runs its slices, and a crash costs at most the slice
under way. A slice is a run of the stream like any other – lease, look back, read, stage, guard, deliver – of one
pipeline and of at most 500 records, with a position of its own that moves in the commit of the intents. One that has
taken a tenth of the time between two live runs ends; the next ones deliver what it has staged, live runs do not.
`until` is frozen at the start, at the source's clock at the latest: what changes later is live work's. Both ends are
included.

What an operator asks for is planned even if it has not changed, or changed before the pipeline's `start`. All else
holds: opt-outs, `where`, do-not-call lists, shared phones, removed leads, find-first, the mapping and the guard (which
counts all slices of a backfill together, since otherwise none would ever be large). Nobody is dialled whom live work
would not dial.

What is planned must not be older than what live work has planned: it would undo it (an opt-out, for example). So a pull
is kept from slice to slice only while no other run of the stream came between, and for minutes at most; else it begins
anew at the position. What is left of a page is kept, too, if nobody has planned any of it meanwhile.

A slice that fails is tried again later without touching the live stream's own back-off; a refused login and a dialer
that reuses lead ids pause the pipelines, as they do in a live run.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import structlog

from syncd.core import guard, model, policy
from syncd.engine import backfill_reading as reads
from syncd.engine import deliver, failure, guarding, planning
from syncd.engine import preview as previews
from syncd.engine.parts import Client, Context, Report
from syncd.engine.run import Engine
from syncd.sdk import errors, records
from syncd.store import backfill as stored
from syncd.store import backfill_slices, known, staging, streams

log = structlog.get_logger("syncd.engine")

SLICE = 500
FIRST_BATCH = 10  # nobody knows yet how fast it goes
SHARE = 0.1  # of the time between two live runs that a slice may take: live work waits for half of that on average
READ_SECONDS = 10.0  # a slice that reads for longer than this lets live work come between once it has got somewhere


class Slices:
    """Runs slices of stored backfills. Thread-safe for different streams."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._readings: dict[int, tuple[Client, reads.Reading]] = {}
        self._batches: dict[int, int] = {}  # how many records may go out at once

    def run(self, client: Client, side: model.Side, number: int) -> Report:
        """Run one slice of this backfill; nothing happens if it is not to run now. Never raises for what a far system
        does; raises UserError for what an operator must mend."""
        engine = self._engine
        report = Report(client.name, str(side))
        row = stored.one(engine.db, number)
        pipe = next((one for one in client.reading(side) if one.name == row.pipeline), None)
        if pipe is None:
            report.result, report.error = "failed", f"the pipeline {row.pipeline} is not configured any more"
            later = engine.clock() + timedelta(hours=1)
            backfill_slices.postpone(engine.db, number, now=engine.clock(), due_at=later, error=report.error)
            return report
        state = streams.pipeline_states(engine.db, client.name).get(pipe.name, streams.PipelineState())
        if state.is_paused(engine.clock()):
            report.result, report.error = "paused", state.why
            return report
        allowed_seconds = SHARE * min(other.every_seconds for other in client.reading(side))
        reader, reading = self._readings.pop(number, (client, None))
        if reader is not client:  # its configuration was changed meanwhile: the pull is of connectors that are closed
            reading = None
        one = _Slice(engine, pipe, number, reading, allowed_seconds)
        one.batch = self._batches.get(number, FIRST_BATCH)
        try:
            engine.run_alone(client, side, [pipe], report, one.run, one.failed)
        except Exception as error:
            words = "; ".join(map(str, error.problems)) if isinstance(error, errors.UserError) else type(error).__name__
            now = engine.clock()
            due_at = now + timedelta(seconds=policy.backoff_seconds(row.failures + 1, first=5.0))
            backfill_slices.postpone(engine.db, number, now=now, due_at=due_at, error=words)
            raise
        if one.reading is not None and report.result == "ok" and not one.done:
            self._readings[number] = client, one.reading
        self._batches[number] = one.batch
        if one.done:
            del self._batches[number]
        return report


class _Slice:
    """One slice of one backfill."""

    def __init__(
        self,
        engine: Engine,
        pipe: model.Pipeline,
        number: int,
        reading: reads.Reading | None,
        allowed_seconds: float,
    ) -> None:
        self._engine, self._pipe, self._number = engine, pipe, number
        self._allowed_seconds = allowed_seconds
        self._until = time.monotonic() + allowed_seconds
        self._room = min(SLICE, max(FIRST_BATCH, int(SLICE * allowed_seconds)))  # all of it is planned within a second
        self._is_late = False
        self.batch = FIRST_BATCH
        self.reading = reading
        self._started = {pipe.name: model.EPOCH}
        self._halted = False
        self.done = False

    def run(self, ctx: Context) -> None:
        """The slice, under the lease."""
        row = stored.one(ctx.db, self._number)
        if not row.is_open:
            self._end(ctx, "halted")
            return
        if {row.version, row.reread} - {"", stored.MIXED, self._pipe.version}:
            backfill_slices.mixed(ctx.run, self._number)
        if self.reading is not None and not self._is_current(ctx, self.reading):
            self.reading = None
        if not self._pipe.shadow:
            self._engine.look_back(ctx, [self._pipe])
        if not self._deliver(ctx):  # what an earlier slice could not
            return
        ended = row.read_to_end
        if not ended and not self._is_late:
            ended = self._ended(ctx)
            self._is_late = time.monotonic() > self._until
            if not self._is_late and not self._deliver(ctx):
                return
        if ctx.stopping():
            ctx.report.result = "stopped"
        self.done = ended and not ctx.stopping() and not self._is_late
        self._end(ctx, "halted" if self._halted else ctx.report.result, done=self.done)

    def _ended(self, ctx: Context) -> bool:
        """Read and stage on; returns whether all has been read."""
        try:
            ended = self._read(ctx, stored.one(ctx.db, self._number))
        except backfill_slices.Halted:
            self._halted, ended = True, False
        if ended:
            backfill_slices.to_end(ctx.run, self._number)
        return ended

    def _read(self, ctx: Context, row: stored.Backfill) -> bool:
        """Read and stage a slice's worth; returns whether that was the last. Raises Halted."""
        if row.walks:
            return self._planned_before(ctx, row)
        return self._ids(ctx, row) if row.by_id else self._stretch(ctx, row)

    def _is_current(self, ctx: Context, reading: reads.Reading) -> bool:
        """Whether what was read, or what is left of it, can still be planned."""
        if reading.is_old:
            return False
        if backfill_slices.run_before(ctx.run) == reading.run_id:
            return True
        reading.pages = None
        return not reading.used_up and self._planned(ctx, reading) == reading.planned

    def _planned(self, ctx: Context, reading: reads.Reading) -> dict[str, known.Decision]:
        return known.decisions(ctx.db, ctx.client.name, self._pipe.name, [record.id for record in reading.rest])

    def _deliver(self, ctx: Context) -> bool:
        """Deliver what is staged; False where the guard stopped it, which ends the slice."""
        if self._pipe.shadow or ctx.is_paused(self._pipe):
            return True
        row = stored.one(ctx.db, self._number)
        passes = ctx.state(self._pipe.name).guard_pass
        before = guard.Totals(updates=row.guard_updates, removes=row.guard_removes)
        if not guarding.lets_pass(ctx, self._pipe, before):
            self._end(ctx, "paused", error=ctx.report.error)
            ctx.report.result = "paused"
            return False
        if passes:
            backfill_slices.let_pass(ctx.run, self._number)
        # who names records may know better than the store whether there is a lead already
        find_first = (row.by_id and not row.walks) or self._engine.finds_first(ctx)
        bounds, began, before_it = deliver.Bounds(most=self.batch, until=self._until), time.monotonic(), _sent(ctx)
        with ctx.asking(self._pipe.target.role, self._pipe.name):
            self._is_late = not deliver.deliver(ctx, self._pipe, find_first=find_first, bounds=bounds)
        self.batch = policy.next_batch(
            self.batch,
            sent=_sent(ctx) - before_it,
            seconds=time.monotonic() - began,
            allowed_seconds=self._allowed_seconds / 2,  # one more is claimed while the last one is on its way
        )
        return True

    def _end(self, ctx: Context, result: str, *, done: bool = False, error: str = "") -> None:
        counts = {"failed": ctx.report.failed, "newly_held": ctx.report.held}
        backfill_slices.turn_ended(
            ctx.run, self._number, now=ctx.clock(), result=result, counts=counts, done=done, error=error
        )
        if done:
            log.info("backfill done", client=ctx.client.name, pipeline=self._pipe.name, backfill=self._number)

    def _stretch(self, ctx: Context, row: stored.Backfill) -> bool:
        """Read on from the position; returns whether the end was reached."""
        position = row.position
        room, moved, until = self._room, False, min(self._until, time.monotonic() + READ_SECONDS)
        while room > 0 and not ctx.stopping() and not (moved and time.monotonic() > until):
            with ctx.asking(ctx.side.role):
                if self.reading is None or self.reading.used_up:
                    self.reading = reads.begin(ctx, row, position)
                part = self.reading.part(ctx, room)
                if part is None and self.reading.until < row.until:
                    self.reading = reads.begin(ctx, row, position, settled=False)
                    part = self.reading.part(ctx, room)
            if part is None:
                self.reading = None
                return True
            ids = [record.id for record in part.some]
            again = backfill_slices.seen(ctx.db, self._number, ids)
            fresh = [record for record in part.some if record.id not in again]
            if fresh or (part.position is not None and (position is None or part.position.at > position.at)):
                position = self._store(ctx, row, fresh, part, position)
                room, moved = room - len(fresh), True
        if self.reading is not None:
            self.reading.run_id, self.reading.planned = ctx.run.id, self._planned(ctx, self.reading)
        return False

    def _store(
        self,
        ctx: Context,
        row: stored.Backfill,
        fresh: Sequence[records.Record],
        part: reads.Part,
        position: records.Cursor | None,
    ) -> records.Cursor | None:
        """Plan a part and store it with the position; returns the position that stands now."""
        if self.reading is None:
            raise AssertionError("a part comes of a reading")
        step = backfill_slices.Step()
        if part.position is None:  # in the middle of a page: the position waits, all that was read is remembered
            step.seen = [record.id for record in fresh]
        else:
            step.position = self.reading.reached(part.position, position)
            step.stays = position is not None and part.position.at == position.at
            again = fresh if step.stays else part.page
            step.seen = [one.id for one in again if (at := self._at(ctx, one)) is None or at >= part.position.at]
        inside = [record for record in fresh if self._inside(ctx, row, record)]
        self._stage(ctx, inside, step, asked=False)
        return step.position or position

    def _at(self, ctx: Context, record: records.Record) -> datetime | None:
        return planning.at(ctx.spec.occurred_field, record)

    def _inside(self, ctx: Context, row: stored.Backfill, record: records.Record) -> bool:
        at = self._at(ctx, record)
        return at is None or ((row.since is None or at >= row.since) and at <= row.until)

    def _ids(self, ctx: Context, row: stored.Backfill) -> bool:
        """Read the next of the ids that were asked for; returns whether none is left."""
        wanted = backfill_slices.asked(ctx.db, self._number, self._room)
        size = max(1, ctx.spec.batch_size)
        for start in range(0, len(wanted), size):
            if ctx.stopping():
                return False
            ids = wanted[start : start + size]
            found = read_ids(ctx, ids)
            inside = [record for record in found if self._inside(ctx, row, record)]
            there = {record.id for record in found}
            step = backfill_slices.Step(read=[one for one in ids if one in there])
            step.unknown = [one for one in ids if one not in there]
            step.counts.update({"unknown": len(step.unknown), "outside": len(found) - len(inside)})
            self._stage(ctx, inside, step, asked=True)
        return len(wanted) < self._room

    def _planned_before(self, ctx: Context, row: stored.Backfill) -> bool:
        """Read the next of the records that the pipeline has planned before; returns whether none is left."""
        after = row.position.id if row.position else ""
        wanted = known.decided_ids(ctx.db, ctx.client.name, self._pipe.name, after, self._room)
        size = max(1, ctx.spec.batch_size)
        for start in range(0, len(wanted), size):
            if ctx.stopping():
                return False
            ids = wanted[start : start + size]
            step = backfill_slices.Step(position=records.Cursor(model.EPOCH, ids[-1]))
            self._stage(ctx, read_ids(ctx, ids), step, asked=False)
        return len(wanted) < self._room

    def _stage(self, ctx: Context, page: Sequence[records.Record], step: backfill_slices.Step, *, asked: bool) -> None:
        batches = planning.plan_page(ctx, page, self._started, again=True, asked=asked, backfill=True)
        step.counts.update(read=len(page))
        step.counts.update(counted(batches))
        step.updates = step.counts["update"]
        step.removes = sum(plan.takes_out for batch in batches if not batch.aside for plan in batch.plans)
        ctx.run.count("records", len(page))
        staging.stage(ctx.run, batches, None, ctx.clock(), also=backfill_slices.advancing(self._number, step))

    def failed(self, ctx: Context, error: Exception) -> None:
        """What an error means for the next slice."""
        now, report = ctx.clock(), ctx.report
        report.result, report.error = "failed", str(error)
        row = stored.one(ctx.db, self._number)
        counts = {"failed": report.failed, "newly_held": report.held}
        if isinstance(error, errors.AuthFailed | model.Mismatch):
            backfill_slices.note(ctx.run, self._number, counts)
            failure.note(ctx, error)
            return
        if ctx.is_paused(self._pipe):  # the fence: the operator paused it in the middle
            report.result = "paused"
            backfill_slices.turn_ended(ctx.run, self._number, now=now, result="paused", counts=counts)
            return
        due_at = now + timedelta(seconds=policy.backoff_seconds(row.failures + 1, first=5.0))
        if isinstance(error, errors.QuotaExhausted):
            due_at = error.until
        elif isinstance(error, errors.RetryLater) and error.after_seconds is not None:
            due_at = now + timedelta(seconds=error.after_seconds)
        violated = isinstance(error, errors.ContractViolation)
        report.next_due_at = due_at
        log.error(
            "backfill failed" if violated else "backfill waits",
            client=ctx.client.name,
            pipeline=self._pipe.name,
            backfill=self._number,
            error=type(error).__name__,
            why=report.error,
        )
        backfill_slices.turn_ended(
            ctx.run,
            self._number,
            now=now,
            result="failed",
            counts=counts,
            due_at=due_at,
            error=f"{type(error).__name__}: {error}",
            failed=violated,
        )


def _sent(ctx: Context) -> int:
    return sum(number for name, number in ctx.run.counts.items() if ".sent." in name)


def read_ids(ctx: Context, ids: Sequence[str]) -> list[records.Record]:
    """The records of these ids that the source has, and, as deleted, those that are gone but have a lead."""
    with ctx.asking(ctx.side.role):
        found = {one.id: one for one in ctx.source.get(ctx.side.stream, ids, planning.fields_to_read(ctx))}
    gone = [one for one in ids if one not in found]
    if gone and ctx.spec.deletes != "none":
        linked = known.links_by_crm(ctx.db, ctx.client.name, ctx.side.stream, gone)
        found |= {one: records.Record(one, {}, deleted=True) for one in gone if one in linked}
    return [found[one] for one in ids if one in found]


def _planned_before(ctx: Context, pipe: model.Pipeline) -> Iterator[Sequence[records.Record]]:
    after, size = "", max(1, ctx.spec.batch_size)
    while ids := known.decided_ids(ctx.db, ctx.client.name, pipe.name, after, size):
        yield read_ids(ctx, ids)
        after = ids[-1]


def counted(batches: Sequence[staging.Batch]) -> Counter[str]:
    """What was planned, by verdict, and skips and holds also by reason."""
    found: Counter[str] = Counter()
    for batch in batches:
        if batch.aside:
            continue
        for plan in batch.plans:
            found[plan.verdict] += 1
            if plan.verdict in ("skip", "hold"):
                found[f"{plan.verdict}.{plan.reason}"] += 1
    return found


def preview(engine: Engine, client: Client, wanted: stored.Wanted) -> previews.Preview:
    """A dry run of a backfill: what it would do, without a write anywhere. Raises as `preview.of_client`."""
    pipe = next(one for one in client.pipelines if one.name == wanted.pipeline)

    def pages(ctx: Context) -> Iterator[Sequence[records.Record]]:
        if wanted.ids is not None:
            ids, size = list(wanted.ids), max(1, ctx.spec.batch_size)
            found: Iterator[Sequence[records.Record]] = (
                read_ids(ctx, ids[start : start + size]) for start in range(0, len(ids), size)
            )
        elif wanted.since is None:
            yield from _planned_before(ctx, pipe)
            return
        else:
            since = records.Cursor(wanted.since)
            names = planning.fields_to_read(ctx)
            found = (page.records for page in ctx.source.pull(ctx.side.stream, since, wanted.until, names))
        for page in found:
            yield [
                one
                for one in page
                if (at := planning.at(ctx.spec.occurred_field, one)) is None
                or (wanted.since or model.EPOCH) <= at <= wanted.until
            ]

    streams.bound(engine.db, client.name, client.identity)
    with previews.explained(client.name, pipe.source):
        (found,) = previews.preview(engine, client, pipe.source, [pipe.name], pages, asked=wanted.ids is not None)
    return found
