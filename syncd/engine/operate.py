"""What an operator asks for besides runs: another try of what is held, and quiet after a pause."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from syncd.core import model
from syncd.engine import editing, planning
from syncd.engine.parts import PAUSE_CHECK_SECONDS, Client, Context, Report
from syncd.engine.run import Engine
from syncd.sdk import errors, records
from syncd.store import held, lease, staging, status
from syncd.store.database import Database

POLL_SECONDS = 0.05
LEASE_SECONDS = 60.0
PASSES = 5  # how often a running daemon may take the stream away from a retry
FORGETS_LINK = ("leads", "calls", "callbacks")  # pipelines that create: their far record can be created anew


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of one held intent: "staged" (it goes out with the next run), "held" (still, `said` tells why),
    "settled" (nothing is left to do), "gone" (it was not held any more)."""

    id: int
    client: str
    pipeline: str
    subject: str
    state: Literal["staged", "held", "settled", "gone"]
    said: str


def quiet(db: Database, client: str, pipelines: Sequence[str], *, wait_seconds: float) -> int:
    """After a pause: wait until nothing of these pipelines is being sent any more. Returns how many requests are
    still without an answer when `wait_seconds` have passed; none has been started since."""
    time.sleep(2 * PAUSE_CHECK_SECONDS)  # a run may have looked just before the pause
    deadline = time.monotonic() + wait_seconds
    while (sending := status.being_sent(db, client, pipelines)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return sending


def retry(engine: Engine, client: Client, wanted: Sequence[held.Held], *, wait_seconds: float = 60.0) -> list[Retried]:
    """Read the records of held intents again, plan them again, and stage what there is to do.

    Raises UserError where the source cannot be read or the stream stays busy; what was not tried stays held."""
    done: list[Retried] = []
    for pipe in client.pipelines:
        mine = [one for one in wanted if one.pipeline == pipe.name]
        if mine:
            done += _retry_pipeline(engine, client, pipe, mine, wait_seconds)
    known = {pipe.name for pipe in client.pipelines}
    for one in wanted:
        if one.pipeline not in known:
            problem = errors.Problem(
                f"{one.id} belongs to the pipeline {one.pipeline}, which is not configured any more",
                fix=f"`syncd held drop {one.id}`",
            )
            raise errors.UserError([problem])
    return done


def _retry_pipeline(
    engine: Engine, client: Client, pipe: model.Pipeline, mine: Sequence[held.Held], wait_seconds: float
) -> list[Retried]:
    deadline = time.monotonic() + wait_seconds
    for _ in range(PASSES):
        run = _leased(engine, client, pipe, deadline)
        ctx = Context(
            engine.db,
            client,
            pipe.source,
            [pipe],
            run,
            engine.clock,
            engine.db.hashes(),
            Report(client.name, str(pipe.source)),
            lambda: False,
        )
        try:
            return _retry(ctx, pipe, mine)
        except errors.LeaseLost:
            continue  # the daemon began a run; doing it all again is harmless
        except (errors.AuthFailed, errors.RetryLater, errors.QuotaExhausted, errors.Ambiguous) as error:
            held.end(run, pipe, [], engine.clock())
            fix = error.fix if isinstance(error, errors.AuthFailed) else "try again later"
            raise errors.UserError([errors.Problem(str(error), f"{client.name} {pipe.source}", fix)]) from None
    raise _busy(client, pipe)


def _busy(client: Client, pipe: model.Pipeline) -> errors.UserError:
    return errors.UserError(
        [errors.Problem("a run is under way and does not end", f"{client.name} {pipe.source}", "try again later")]
    )


def _leased(engine: Engine, client: Client, pipe: model.Pipeline, deadline: float) -> lease.Run:
    owner = f"{socket.gethostname()}:{os.getpid()}:retry"
    while True:
        try:
            return lease.acquire(
                engine.db,
                client.name,
                str(pipe.source),
                owner=owner,
                lease_seconds=LEASE_SECONDS,
                now=engine.clock(),
            )
        except lease.Busy:
            if time.monotonic() >= deadline:
                raise _busy(client, pipe) from None
            time.sleep(POLL_SECONDS)


def _retry(ctx: Context, pipe: model.Pipeline, mine: Sequence[held.Held]) -> list[Retried]:
    twins = [one for one in mine if one.is_twin]
    rest = [one for one in mine if not one.is_twin]
    done: list[Retried] = []
    for one in twins:
        held.look_again(ctx.run, pipe, one, ctx.clock())
        done.append(_said(one, "settled", "the next run looks again how many leads there are"))
    found = _read_again(ctx, rest) if pipe.kind != "edits" else {}
    notes: dict[int, str] = {}
    for one in rest:
        forget = one.reason == "missing" and pipe.kind in FORGETS_LINK
        held.release(ctx.run, pipe, one, ctx.clock(), forget_link=forget)
        if forget:
            notes[one.id] = "its link to the far record that is gone was forgotten; "
        if one.reason in ("several", "linked_elsewhere"):
            notes[one.id] = "its key is looked for before anything is sent; "
    page = [found[one.record_id] for one in rest if one.record_id in found]
    plans: dict[str, model.Plan] = {}
    batches = planning.plan_page(ctx, page, {pipe.name: model.EPOCH}, again=True)
    if pipe.kind == "edits" and rest:  # what counts is how both records are now, not the call
        batches = editing.again(ctx, pipe, {one.subject: one.record_id for one in rest})
    for batch in batches:
        staging.stage(ctx.run, [batch], None, ctx.clock())
        plans.update((plan.record_id, plan) for plan in batch.plans if not batch.aside)
    states = held.end(ctx.run, pipe, [one.subject for one in rest], ctx.clock())
    for one in rest:
        state, said = _became(one, plans.get(one.record_id), states.get(one.subject))
        done.append(_said(one, state, notes.get(one.id, "") + said))
    return done


def _said(one: held.Held, state: Literal["staged", "held", "settled", "gone"], said: str) -> Retried:
    return Retried(one.id, one.client, one.pipeline, one.subject, state, said)


def _became(
    one: held.Held, plan: model.Plan | None, state: str | None
) -> tuple[Literal["staged", "held", "settled", "gone"], str]:
    if plan is None:
        if state == "staged":
            return "staged", "the source does not have the record any more; it goes out as it was"
        return "held", f"the source does not have the record any more; `syncd held drop {one.id}` ends it"
    if state == "held":
        return "held", plan.hint or one.hint
    if plan.awaits is not None:
        return "settled", "its recording is looked up again with the next runs"
    if state == "staged":
        return "staged", f"goes out with the next run ({plan.verdict})"
    return "settled", f"nothing to do any more ({plan.reason or plan.verdict})"


def _read_again(ctx: Context, wanted: Sequence[held.Held]) -> dict[str, records.Record]:
    """The records as the source has them now, by id. One that is gone from a stream of records counts as deleted;
    events (calls) cannot be asked for by id, so their stretch of time is read again."""
    ids = {one.record_id for one in wanted}
    if not ids:
        return {}
    names = planning.fields_to_read(ctx)
    found: dict[str, records.Record] = {}
    if ctx.spec.parent is None or ctx.pipes[0].kind == "callbacks":
        size = max(1, ctx.spec.batch_size)
        for start in range(0, len(ids), size):
            part = sorted(ids)[start : start + size]
            found.update((record.id, record) for record in ctx.source.get(ctx.side.stream, part, names))
        return {one: found.get(one) or records.Record(one, {}, deleted=True) for one in ids}
    overlap = timedelta(seconds=max((seconds for _, seconds in ctx.spec.overlaps), default=0.0))
    since = min(
        one.version_at if one.version_at > model.EPOCH else one.created_at - overlap for one in wanted
    ) - timedelta(minutes=1)
    for page in ctx.source.pull(ctx.side.stream, records.Cursor(since), ctx.source.clock(), names):
        found.update((record.id, record) for record in page.records if record.id in ids)
        if len(found) == len(ids):
            break
    return found
