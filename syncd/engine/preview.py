"""A dry run: what the next run would do, without a lease and without a write on either side or in the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NoReturn

from syncd.core import diff, guard, model
from syncd.engine import planning, reread, sweep
from syncd.engine.parts import Client, Context, Report
from syncd.engine.run import Engine
from syncd.sdk import errors, records
from syncd.store import delivery, guarding, known, lease, status, streams
from syncd.store.database import Database


@dataclass(frozen=True, slots=True)
class Item:
    """What is planned for one record; names of fields, never values."""

    subject: str
    verdict: model.Verdict
    reason: str
    hint: str
    fields: tuple[str, ...]


@dataclass(slots=True)
class Preview:
    """What one pipeline's next run would do. `items` are the records for which something would happen or that would
    be held; `skipped` and `held` count by reason; `taken_out`, `updated`, `phones` and `blanked` are what the guard
    looks at (see `core.guard.Totals`); `staged` is what waits from earlier runs; `guard` says why its guard would stop
    it; `paused` says who paused it; `reread` is how to read again what was read with another mapping."""

    pipeline: str
    read: int = 0
    unchanged: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    items: list[Item] = field(default_factory=list)
    taken_out: int = 0
    updated: int = 0
    phones: int = 0
    blanked: Counter[str] = field(default_factory=Counter)
    staged: list[status.Waiting] = field(default_factory=list)
    guard: str = ""
    paused: str = ""
    reread: str = ""


class Unleased(lease.Run):
    """A run that took no lease: it counts, and it cannot write."""

    def __init__(self, db: Database, client: str, stream: str) -> None:
        super().__init__(db, 0, client, stream, 0.0, 0.0)

    def write(self, label: str) -> NoReturn:
        """A dry run that wants to write is a bug: raise AssertionError."""
        raise AssertionError(f"a dry run wanted to write: {label}")


Pages = Callable[[Context], Iterator[Sequence[records.Record]]]


def preview(
    engine: Engine,
    client: Client,
    side: model.Side,
    pipelines: Sequence[str],
    pages: Pages | None = None,
    *,
    asked: bool = False,
) -> list[Preview]:
    """Read a stream from its checkpoint and plan it for these pipelines. Raises what the far systems raise, and
    WrongKey. `pages`: a backfill's records instead, planned whether they have changed or not; `asked`: by their ids."""
    run = Unleased(engine.db, client.name, str(side))
    pipes = [pipe for pipe in client.reading(side) if pipe.name in pipelines]
    ctx = Context(
        engine.db, client, side, pipes, run, engine.clock, engine.db.hashes(), Report(client.name, str(side)), _never
    )
    states = streams.pipeline_states(engine.db, client.name)
    found = {pipe.name: Preview(pipe.name, paused=_paused(states, pipe, engine.clock())) for pipe in pipes}
    phones = _Phones(ctx)
    everything = {pipe.name: model.EPOCH for pipe in pipes}
    read = _pages(ctx, states) if pages is None else ((page, everything) for page in pages(ctx))
    for page, started in read:
        for one in found.values():
            one.read += len(page)
        for batch in planning.plan_page(ctx, page, started, again=pages is not None, asked=asked):
            if batch.pipe.name not in found:
                continue  # a removal beside another pipeline's backfill
            _add(ctx, found[batch.pipe.name], batch.pipe, [phones.settle(batch.pipe, plan) for plan in batch.plans])
    for pipe in pipes:
        one = found[pipe.name]
        one.unchanged += run.counts.get(f"{pipe.name}.unchanged", 0)
        if before_start := run.counts.get(f"{pipe.name}.skip.before_start"):
            one.skipped["before_start"] = before_start
        one.staged = status.staged(engine.db, client.name, [pipe.name])
        if pages is None:
            one.reread = reread.command(client.name, pipe, states.get(pipe.name, streams.PipelineState()))
        one.guard = _guard(ctx, pipe, one, states.get(pipe.name, streams.PipelineState()))
    return list(found.values())


def _never() -> bool:
    return False


def _paused(states: Mapping[str, streams.PipelineState], pipe: model.Pipeline, now: datetime) -> str:
    state = states.get(pipe.name, streams.PipelineState())
    return f"{state.paused}: {state.why}" if state.is_paused(now) else ""


def _pages(
    ctx: Context, states: Mapping[str, streams.PipelineState]
) -> Iterator[tuple[Sequence[records.Record], dict[str, datetime]]]:
    """The pages that the next run would read, with the instant from which each pipeline takes changes."""
    if not ctx.spec.readable:
        yield sweep.next_page(ctx), {pipe.name: model.EPOCH for pipe in ctx.pipes}
        return
    until = ctx.source.clock()
    state = streams.stream_state(ctx.db, ctx.client.name, str(ctx.side))
    started, joining = {}, []
    for pipe in ctx.pipes:
        begun = states.get(pipe.name, streams.PipelineState()).started_at
        start = until if pipe.start == "now" else model.EPOCH if pipe.start == "all" else pipe.start
        started[pipe.name] = begun or start
        if begun is None:
            joining.append(started[pipe.name])
    positions = [None if moment == model.EPOCH else records.Cursor(moment) for moment in joining]
    if state.cursor is not None:
        overlap = max((seconds for every, seconds in ctx.spec.overlaps if not every), default=0.0)
        positions.append(records.Cursor(state.cursor.at - timedelta(seconds=overlap)))
    since = None if None in positions else min((one for one in positions if one is not None), default=None)
    for page in ctx.source.pull(ctx.side.stream, since, until, planning.fields_to_read(ctx)):
        yield page.records, started


class _Phones:
    """Phones that earlier pages of this dry run have claimed: nothing is stored, so planning cannot know them."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._claimed: dict[str, str] = {}

    def settle(self, pipe: model.Pipeline, plan: model.Plan) -> model.Plan:
        """The plan, or a hold where another record of this dry run has its phone already."""
        if pipe.kind != "leads" or pipe.shared_phone != "hold" or not plan.phone:
            return plan
        holder = self._claimed.setdefault(self._ctx.hashes.value(plan.phone), plan.record_id)
        if holder == plan.record_id:
            return plan
        return replace(
            plan, verdict="hold", reason="shared_phone", hint=f"CRM record {holder} has this phone", fields={}
        )


def _add(ctx: Context, one: Preview, pipe: model.Pipeline, plans: Sequence[model.Plan]) -> None:
    links = _links(ctx, pipe, [plan.subject for plan in plans if plan.verdict == "update"])
    for plan in plans:
        if plan.verdict == "skip":
            one.skipped[plan.reason] += 1
            continue
        if plan.verdict == "hold":
            one.held[plan.reason] += 1
        elif plan.verdict == "none":
            one.unchanged += 1
            continue
        else:
            one.verdicts[plan.verdict] += 1
            one.taken_out += plan.takes_out
        fields: Mapping[str, object] = plan.fields
        link = links.get(plan.subject)
        if plan.verdict == "update" and plan.lane != model.Lane.URGENT:
            phone, blanked = guard.effects(pipe, plan.fields, link.base if link else None, ctx.hashes)
            one.updated += 1
            one.phones += phone
            one.blanked.update(blanked)
        if link is not None:
            fields = diff.changed(plan.fields, link.base, pipe.source.role, ctx.hashes, pipe.appointment)
        one.items.append(Item(plan.subject, plan.verdict, plan.reason, plan.hint, tuple(sorted(fields))))


def _links(ctx: Context, pipe: model.Pipeline, subjects: Sequence[str]) -> Mapping[str, model.Link]:
    """The links whose base says which of an update's fields differ; dispositions plan only what differs."""
    crm_stream, dialer_stream, column = delivery.link_side(pipe)
    if pipe.writes_back:
        return {}
    if column == "dialer_id":
        return known.links_by_dialer(ctx.db, ctx.client.name, dialer_stream, subjects)
    return known.links_by_crm(ctx.db, ctx.client.name, crm_stream, subjects)


def _guard(ctx: Context, pipe: model.Pipeline, one: Preview, state: streams.PipelineState) -> str:
    if state.guard_pass:
        return ""
    there = guarding.totals(ctx.run, pipe, ctx.hashes)
    planned = replace(
        there,
        creates=there.creates + one.verdicts["create"],
        updates=there.updates + one.updated,
        removes=there.removes + one.taken_out,
        phones=there.phones + one.phones,
        blanked=Counter(there.blanked) + one.blanked,
    )
    done = guarding.done_before(ctx.run, pipe, now=ctx.clock(), passed_at=state.guard_passed_at)
    return guard.guard(planned.after(*done), pipe.guard)


def of_client(engine: Engine, client: Client, pipelines: Sequence[str]) -> list[Preview]:
    """Dry runs of these pipelines of a client, in the order of its streams; raise UserError where a far system does
    not let itself be read, and where the store knows the client as another."""
    streams.bound(engine.db, client.name, client.identity)
    found: list[Preview] = []
    for side in client.sources():
        wanted = [pipe.name for pipe in client.reading(side) if pipe.name in pipelines]
        if not wanted:
            continue
        with explained(client.name, side):
            found += preview(engine, client, side, wanted)
    return found


@contextmanager
def explained(client: str, side: model.Side) -> Iterator[None]:
    """What a far system raises, as the operator's error."""
    try:
        yield
    except model.Mismatch as error:
        raise errors.UserError([errors.Problem(str(error), f"{client} {side}", error.HINT)]) from None
    except (errors.AuthFailed, errors.RetryLater, errors.QuotaExhausted, errors.Ambiguous) as error:
        fix = error.fix if isinstance(error, errors.AuthFailed) else "try again later"
        raise errors.UserError([errors.Problem(str(error), f"{client} {side}", fix)]) from None
