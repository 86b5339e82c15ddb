"""Deliver: claim a batch, write it to the far side with no transaction open, settle it in one commit."""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog

from syncd.core import model
from syncd.engine import recover
from syncd.engine.parts import Context
from syncd.sdk import errors, records
from syncd.store import delivery, recovery, settling, staging

log = structlog.get_logger("syncd.engine")


def deliver(ctx: Context, pipe: model.Pipeline, *, find_first: bool) -> None:
    """Deliver all that is staged and due. `find_first`: a create is sent only after its key was not found.

    Raises AuthFailed, ContractViolation or LeaseLost once what was learned is stored."""
    _, spec = ctx.target(pipe)
    while not ctx.stopping():
        if ctx.is_paused(pipe):
            return
        batch = delivery.claim(ctx.run, pipe, now=ctx.clock(), size=spec.batch_size, hashes=ctx.hashes)
        if not batch:
            return
        _batch(ctx, pipe, batch, find_first=find_first)


def _batch(ctx: Context, pipe: model.Pipeline, batch: Sequence[delivery.Claimed], *, find_first: bool) -> None:
    began = time.perf_counter()
    to_send = _not_there_yet(ctx, pipe, batch, find_first=find_first)
    if not to_send:
        return
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
    settlements = [_settlement(ctx, pipe, one, outcome) for one, outcome in zip(to_send, outcomes, strict=True)]
    _take_out_the_screened(ctx, pipe, settlements)
    try:
        held = settling.settle(ctx.run, pipe, settlements, now=ctx.clock(), find_lag=ctx.find_lag(pipe))
    except errors.LeaseLost:
        sent = [one for one in settlements if not isinstance(one.outcome.error, (errors.RetryLater, errors.LeaseLost))]
        recovery.sent_in_vain(ctx.run, pipe, sent, ctx.clock(), ctx.find_lag(pipe))
        raise
    ctx.report.held += len(held)
    _log(ctx, pipe, settlements, (time.perf_counter() - began) / len(to_send))
    if violation is not None:
        raise violation
    for settlement in settlements:
        if isinstance(settlement.outcome.error, (errors.AuthFailed, errors.LeaseLost, errors.QuotaExhausted)):
            raise settlement.outcome.error
    if all(isinstance(one.outcome.error, (errors.RetryLater, errors.Ambiguous)) for one in settlements):
        raise errors.RetryLater(f"{pipe.target}: {settlements[0].outcome.error}")


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
    base = recover.base_once_applied(ctx, pipe, claimed, claimed.change.fields)
    left_out = {pipe.in_base(name) for name in outcome.unapplied}
    unclear = {} if isinstance(outcome.error, errors.Rejected) else dict.fromkeys(left_out, model.UNKNOWN)
    return settling.Settlement(claimed, outcome, {name: base[name] for name in base.keys() - left_out} | unclear)


def _log(ctx: Context, pipe: model.Pipeline, settlements: Sequence[settling.Settlement], seconds_each: float) -> None:
    """One canonical line per intent."""
    for one in settlements:
        error = one.outcome.error
        result = type(error).__name__ if error is not None else one.claimed.change.kind
        ctx.run.count(f"{pipe.name}.sent.{result}")
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
        )
