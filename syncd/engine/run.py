"""One run of one stream: lease, recover, pull and stage, guard, deliver; and what an error means for the next one."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from syncd.core import model
from syncd.engine import deliver, failure, guarding, pull, recover, sameness, seeking
from syncd.engine.parts import Client, Clock, Context, Report
from syncd.sdk import errors, fence
from syncd.store import adoption, backfill, clocks, lease, recovery, streams
from syncd.store import guarding as staged
from syncd.store.database import Database

log = structlog.get_logger("syncd.engine")


def utc_now() -> datetime:
    """The machine's time, aware, UTC."""
    return datetime.now(UTC)


class Engine:
    """Runs streams of clients on one state store. Thread-safe; a stream is run by one thread at a time (the lease)."""

    def __init__(
        self,
        db: Database,
        *,
        clock: Clock = utc_now,
        lease_seconds: float = 60.0,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.db = db
        self.clock = clock
        self.stopping = stopping
        self._lease_seconds = lease_seconds
        self._running: set[tuple[str, str]] = set()
        self._caught_up: set[tuple[str, str]] = set()  # streams that this program has read to their end
        self._looked: sameness.Looked = {}
        self._claims = threading.Lock()
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{id(self):x}"

    def register(self, client: Client) -> None:
        """Bind the client to this store; raise UserError if the store knows it as another."""
        streams.register(self.db, client.name, client.identity)

    def begins(self, client: str) -> None:
        """This client runs with another configuration from now on: whether both systems are still the ones that we know
        is looked at as at the start of the program."""
        for place in list(self._looked):  # other threads may add to it meanwhile
            if place[0] == client:
                self._looked.pop(place, None)

    def is_due(self, client: Client, side: model.Side) -> bool:
        """Whether the stream's next run is due by the store's knowledge (back-off, pauses, hooks)."""
        now = self.clock()
        state = streams.stream_state(self.db, client.name, str(side))
        if state.next_due_at is None or state.next_due_at <= now:
            return True
        # a wall clock that was set back must not put a stream to sleep
        return state.last_run_at is not None and state.last_run_at > now

    def run_stream(self, client: Client, side: model.Side) -> Report:
        """Run one stream once. Never raises for what a far system does; raises UserError where the store fails."""
        report = Report(client.name, str(side))
        pipes = client.reading(side)
        now = self.clock()
        if set_back := clocks.catch_up(self.db, client.name, now):
            log.warning("the clock was set back", client=client.name, seconds=round(set_back.total_seconds(), 3))
        states = streams.pipeline_states(self.db, client.name)
        silent = [
            state
            for pipe in pipes
            if (state := states.get(pipe.name, streams.PipelineState())).is_paused(now) and state.paused != "guard"
        ]
        if len(silent) == len(pipes):
            report.result, report.error = "paused", silent[0].why
            report.next_due_at = silent[0].until
            return report
        return self.run_alone(client, side, pipes, report, self._run, failure.note)

    def run_alone(
        self,
        client: Client,
        side: model.Side,
        pipes: Sequence[model.Pipeline],
        report: Report,
        body: Callable[[Context], None],
        failed: Callable[[Context, Exception], None],
    ) -> Report:
        """Run `body` under the stream's lease, or report that the stream is busy. `failed` is told what a far system
        did; a UserError is raised, a lost lease reported."""
        with self._claims:
            if (client.name, str(side)) in self._running:
                report.result, report.error = "busy", "another thread runs this stream"
                return report
            self._running.add((client.name, str(side)))
        try:
            return self._under_lease(client, side, pipes, report, body, failed)
        finally:
            with self._claims:
                self._running.discard((client.name, str(side)))

    def _under_lease(
        self,
        client: Client,
        side: model.Side,
        pipes: Sequence[model.Pipeline],
        report: Report,
        body: Callable[[Context], None],
        failed: Callable[[Context, Exception], None],
    ) -> Report:
        try:
            run = lease.acquire(
                self.db,
                client.name,
                str(side),
                owner=self.owner,
                lease_seconds=self._lease_seconds,
                now=self.clock(),
            )
        except lease.Busy as busy:
            report.result, report.error = "busy", str(busy)
            return report
        ctx = Context(self.db, client, side, pipes, run, self.clock, self.db.hashes(), report, self.stopping)
        try:
            with fence.held(self._fence(ctx)):
                body(ctx)
        except errors.LeaseLost as error:
            report.result, report.error = "failed", str(error)
            log.warning("lease lost", client=client.name, stream=str(side))
            return report
        except (errors.SyncdError, model.Mismatch) as error:
            if isinstance(error, errors.UserError):
                raise
            failed(ctx, error)
        report.counts = dict(run.counts)
        return report

    def _fence(self, ctx: Context) -> fence.Check:
        names, before = [pipe.name for pipe in ctx.pipes], fence.current()

        def check(timeout_seconds: float) -> None:
            before(timeout_seconds)
            by_operator = [name for name in names if ctx.state(name).paused == "operator"]
            if len(by_operator) == len(names) or ctx.sending in by_operator:
                raise errors.RetryLater("paused by the operator", after_seconds=0.0)
            ctx.client.pace.wait(ctx.stopping)
            ctx.run.outlives(timeout_seconds)
            ctx.requests += 1

        return check

    def _run(self, ctx: Context) -> None:
        live = [pipe for pipe in ctx.pipes if not pipe.shadow]
        self.look_back(ctx, live)
        with ctx.asking(ctx.side.role):
            complete = pull.pull(ctx)
        find_first = self.finds_first(ctx)
        adopting = _is_adopting(ctx)
        failed: errors.SyncdError | None = None
        for pipe in ctx.pipes:
            if ctx.is_silent(pipe):
                continue
            if pipe.kind == "recordings" and not ctx.is_paused(pipe):
                seeking.seek(ctx, pipe)
            if pipe.shadow:
                continue
            if pipe.kind == "leads":
                sameness.check_crm(ctx, pipe, self._looked, creates=ctx.run.counts.get(f"{pipe.name}.create", 0))
            all_of_it = not ctx.is_paused(pipe) and guarding.lets_pass(ctx, pipe)
            try:
                with ctx.asking(pipe.target.role, pipe.name):
                    bounds = deliver.Bounds(self._lane(ctx, pipe), lawful_only=not all_of_it)
                    deliver.deliver(ctx, pipe, find_first=find_first, bounds=bounds)
            except (errors.RetryLater, errors.Ambiguous, errors.QuotaExhausted) as error:
                failed = failed or error  # the other pipelines may write elsewhere, or something urgent
                continue
            first_load = complete and find_first and pipe.kind == "leads" and pipe.start == "all" and all_of_it
            may_end = first_load and not adopting and not ctx.stopping()
            if may_end and staged.totals(ctx.run, pipe, ctx.hashes).creates == 0:
                streams.first_read_done(ctx.run, self.clock())
        if failed is not None:
            raise failed
        if complete and not ctx.stopping():
            self._caught_up.add((ctx.client.name, str(ctx.side)))
        now = self.clock()
        every = timedelta(seconds=min(pipe.every_seconds for pipe in ctx.pipes))
        looks = [
            recovery.next_look(ctx.run, pipe, ctx.find_lag(pipe), self._lane(ctx, pipe))
            for pipe in live
            if not ctx.is_silent(pipe)
        ]
        due = min([now + every, *(look for look in looks if look is not None)])
        ctx.report.next_due_at = max(due, now)
        if ctx.stopping():
            ctx.report.result = "stopped"
        elif all(ctx.is_paused(pipe) for pipe in ctx.pipes):
            ctx.report.result = "paused"
            ctx.report.error = ctx.report.error or ctx.state(ctx.pipes[0].name).why
        streams.ran(ctx.run, result=ctx.report.result, now=now, next_due_at=ctx.report.next_due_at)

    def finds_first(self, ctx: Context) -> bool:
        """Whether each create is preceded by a find: until the client's first full read is done, and until this
        program has read the stream once, since the store may be an older copy of itself that lacks the newest links."""
        if (ctx.client.name, str(ctx.side)) not in self._caught_up:
            return True
        return streams.first_read_at(self.db, ctx.client.name) is None

    def _lane(self, ctx: Context, pipe: model.Pipeline) -> model.Lane:
        """The last one that live work delivers: what an open backfill has staged is its slices' own, in turns."""
        is_open = backfill.is_open(self.db, ctx.client.name, pipe.name)
        return model.Lane.UPDATE if is_open else model.Lane.BACKFILL

    def look_back(self, ctx: Context, live: Sequence[model.Pipeline]) -> None:
        """Before anything new: is the dialer still the one that we know, and what did an earlier run leave?"""
        for pipe in live:
            if ctx.is_silent(pipe):
                continue
            with ctx.asking(pipe.target.role, pipe.name):
                if pipe.kind == "leads":
                    sameness.check_dialer(ctx, pipe)
                    sameness.check_crm(ctx, pipe, self._looked, creates=0)
                recover.recover(ctx, pipe)
                if pipe.kind == "leads":
                    recover.look_for_twins(ctx, pipe)


def _is_adopting(ctx: Context) -> bool:
    """Whether no lead is created for the client, which the report says."""
    name = ctx.client.name
    if not any(pipe.kind == "leads" for pipe in ctx.pipes) or not adoption.is_open(ctx.db, name):
        return False
    ctx.report.error = f"no lead is created before the adoption of leads is done: `syncd adopt {name}` goes on with it"
    return True


def run_all(engine: Engine, clients: Sequence[Client]) -> list[Report]:
    """Run every stream of every client once, dialer streams last, so that a new lead's calls find it linked."""
    return [engine.run_stream(client, side) for client in clients for side in client.sources()]
