"""One batch of claimed changes: what of it is there already, the write, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from syncd.core import guard, model
from syncd.engine import recover
from syncd.engine.parts import Context
from syncd.sdk import errors, records
from syncd.store import delivery, recovery, settling, staging

log = structlog.get_logger("syncd.engine")


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of each change of a batch. `violation`: the far side broke the protocol, or the lease was lost."""

    settlements: Sequence[settling.Settlement]
    seconds: float
    violation: errors.SyncdError | None = None

    @property
    def succeeded(self) -> bool:
        """Whether all of it was applied."""
        return all(one.outcome.error is None for one in self.settlements)


def send(ctx: Context, pipe: model.Pipeline, batch: Sequence[delivery.Claimed], *, find_first: bool) -> Sent:
    """Write a batch without those creates that are there already: these are linked. Never raises for what `write` does;
    raises RetryLater, QuotaExhausted or AuthFailed where a key could not be looked up, once all is staged again."""
    began = time.perf_counter()
    to_send = _not_there_yet(ctx, pipe, batch, find_first=find_first)
    if not to_send:
        return Sent([], 0.0)
    connector, _ = ctx.target(pipe)
    violation: errors.SyncdError | None = None
    outcomes: Sequence[records.Outcome]
    try:
        outcomes = connector.write(pipe.target.stream, [one.change for one in to_send])
        if len(outcomes) != len(to_send):
            raise errors.ContractViolation(
                f"{pipe.target}: {len(outcomes)} outcomes for {len(to_send)} changes; each change needs its own"
            )
    except errors.SyncdError as error:
        # the protocol: whatever write raises, each change of the batch may have been applied
        violation = error if isinstance(error, (errors.ContractViolation, errors.LeaseLost)) else None
        outcomes = [records.Outcome(error=errors.Ambiguous(f"write raised {type(error).__name__}"))] * len(to_send)
    except Exception as error:
        log.exception("write raised", client=ctx.client.name, pipeline=pipe.name)
        outcomes = [records.Outcome(error=errors.Ambiguous(f"write raised {type(error).__name__}"))] * len(to_send)
    seconds = time.perf_counter() - began
    # here and not where it is settled: a connector may have to ask its server, and is used by one thread at a time
    settlements = [_settlement(ctx, pipe, one, outcome) for one, outcome in zip(to_send, outcomes, strict=True)]
    return Sent(settlements, seconds, violation)


def settle(ctx: Context, pipe: model.Pipeline, sent: Sent) -> int:
    """Store what became of a batch, in one commit, and log it; return how many changes are newly held. Asks no
    connector for anything.

    Raises LeaseLost, once what was sent in vain is noted."""
    settlements = sent.settlements
    if not settlements:
        return 0
    _take_out_the_screened(ctx, pipe, settlements)
    try:
        held = settling.settle(ctx.run, pipe, settlements, now=ctx.clock(), find_lag=ctx.find_lag(pipe))
    except errors.LeaseLost:
        arrived = [
            one for one in settlements if not isinstance(one.outcome.error, (errors.RetryLater, errors.LeaseLost))
        ]
        recovery.sent_in_vain(ctx.run, pipe, arrived, ctx.clock(), ctx.find_lag(pipe))
        raise
    _log(ctx, pipe, settlements, sent.seconds / len(settlements))
    return len(held)


def give_back(ctx: Context, pipe: model.Pipeline, batch: Sequence[delivery.Claimed]) -> None:
    """Stage claimed changes again of which nothing was sent."""
    if batch:
        unsent = records.Outcome(error=errors.RetryLater("claimed, and not sent", after_seconds=0.0))
        settlements = [settling.Settlement(one, unsent) for one in batch]
        settling.settle(ctx.run, pipe, settlements, now=ctx.clock(), find_lag=ctx.find_lag(pipe))


def raise_what_stops(pipe: model.Pipeline, sent: Sent) -> None:
    """Raise what keeps the pipeline from sending more: a broken protocol, a lost lease, a refused login, a budget that
    is used up, or a far side that took nothing of the batch."""
    if sent.violation is not None:
        raise sent.violation
    found = [one.outcome.error for one in sent.settlements]
    for error in found:
        if isinstance(error, (errors.AuthFailed, errors.LeaseLost, errors.QuotaExhausted)):
            raise error
    if found and all(isinstance(error, (errors.RetryLater, errors.Ambiguous)) for error in found):
        raise errors.RetryLater(f"{pipe.target}: {found[0]}")


def _take_out_the_screened(ctx: Context, pipe: model.Pipeline, settlements: Sequence[settling.Settlement]) -> None:
    """A lead whose new number may not be dialled must not be dialled on its old one: it is taken out, before the
    refusal is settled, so that a crash in between can only repeat it."""
    plans = [
        model.Plan(
            one.claimed.record_id,
            one.claimed.subject,
            "remove",
            key=one.claimed.change.key,
            link_id=one.claimed.link.id,
            reason="screened",
            lane=model.Lane.URGENT,
            modified=ctx.clock(),
        )
        for one in settlements
        if pipe.kind == "leads"
        and isinstance(one.outcome.error, errors.Screened)
        and one.claimed.change.kind == "update"
        and one.claimed.link is not None
        and not one.claimed.link.removed
    ]
    if plans:
        staging.stage(ctx.run, [staging.Batch(pipe, plans, aside=True)], None, ctx.clock())


def _not_there_yet(
    ctx: Context, pipe: model.Pipeline, batch: Sequence[delivery.Claimed], *, find_first: bool
) -> list[delivery.Claimed]:
    """The claimed changes without those creates whose key is found on the far side: these are linked instead."""
    _, spec = ctx.target(pipe)
    doubtful = [
        one for one in batch if one.change.kind == "create" and not spec.upserts and (find_first or one.attempts > 0)
    ]
    if not doubtful:
        return list(batch)
    there = set()
    try:
        for one, hits in zip(doubtful, recover.find(ctx, pipe, doubtful), strict=True):
            if hits:
                recover.settle_found(ctx, pipe, one, hits)
                there.add(one.id)
    except (errors.RetryLater, errors.Ambiguous, errors.QuotaExhausted, errors.AuthFailed) as error:
        # looking changed nothing and nothing was sent: all of them go back as they were
        unsent = errors.RetryLater(str(error)) if isinstance(error, errors.Ambiguous) else error
        rest = [settling.Settlement(one, records.Outcome(error=unsent)) for one in batch if one.id not in there]
        settling.settle(ctx.run, pipe, rest, now=ctx.clock(), find_lag=ctx.find_lag(pipe))
        raise
    return [one for one in batch if one.id not in there]


def _settlement(
    ctx: Context, pipe: model.Pipeline, claimed: delivery.Claimed, outcome: records.Outcome
) -> settling.Settlement:
    if outcome.error is not None and not outcome.unapplied:
        return settling.Settlement(claimed, outcome)
    base = recover.base_once_applied(ctx, pipe, claimed, claimed.change.fields, known=outcome.stored)
    left_out = {pipe.in_base(name) for name in outcome.unapplied}
    unclear = {} if isinstance(outcome.error, errors.Rejected) else dict.fromkeys(left_out, model.UNKNOWN)
    base = {name: base[name] for name in base.keys() - left_out} | unclear
    return settling.Settlement(claimed, outcome, base, recover.altered(pipe, claimed, base))


def _log(ctx: Context, pipe: model.Pipeline, settlements: Sequence[settling.Settlement], seconds_each: float) -> None:
    """One canonical line per intent."""
    for one in settlements:
        error = one.outcome.error
        result = type(error).__name__ if error is not None else one.claimed.change.kind
        ctx.run.count(f"{pipe.name}.sent.{result}")
        change = one.claimed.change
        is_out = one.claimed.link is not None and bool(one.claimed.link.removed)
        if error is None and guard.exempt(change.kind, change.reason, urgent=change.urgent, is_out=is_out):
            ctx.run.count(f"{pipe.name}.lawful.{result}")
        if error is not None and not isinstance(error, errors.Screened):
            ctx.report.failed += 1
        log.info(
            "intent",
            client=ctx.client.name,
            pipeline=pipe.name,
            intent=one.claimed.id,
            subject=one.claimed.subject,
            kind=one.claimed.change.kind,
            far_id=one.outcome.id or one.claimed.change.id,
            result=result,
            fields=len(one.claimed.change.fields),
            attempt=one.claimed.attempts + 1,
            ms=round(seconds_each * 1000, 2),
            **({"why": str(error)[:200]} if error is not None else {}),
            **({"altered": ",".join(one.altered)} if one.altered else {}),
        )
