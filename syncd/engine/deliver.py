"""Deliver: claim, write and settle, batch after batch; the store's part goes on beside the network's.

While a full batch is on its way, a thread settles the batch before it and claims the one after it. It never waits for
the network, so no transaction is held open by it; each batch is claimed in a commit of its own before any of it is
sent, and settled in one. What does not succeed is settled before anything more is sent.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from syncd.core import model
from syncd.engine import batch as batches
from syncd.engine.parts import Context
from syncd.sdk import errors
from syncd.store import delivery

_Batch = Sequence[delivery.Claimed]
_Books = Future[tuple[_Batch, int]]
# Both threads share one interpreter: the first requests of a batch go out first, or the far side waits for the books.
_HEAD_START_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is delivered at once: nothing of a lane behind `lane`, batches of at most `most`, none after the first
    that would begin after `until` (of the monotonic clock). `lawful_only`: nothing but what no guard may stop."""

    lane: model.Lane = model.Lane.BACKFILL
    lawful_only: bool = False
    most: int | None = None
    until: float = math.inf


def deliver(ctx: Context, pipe: model.Pipeline, *, find_first: bool, bounds: Bounds) -> bool:
    """Deliver what is staged and due; return False where time ran out and there may be more. `find_first`: a create is
    sent only after its key was not found.

    Raises AuthFailed, ContractViolation or LeaseLost once what was learned is stored."""
    sent: batches.Sent | None = None  # all of it was applied, and that is not stored yet
    ahead: _Batch = ()
    has_begun = is_late = False
    with ThreadPoolExecutor(max_workers=1) as thread:
        while not ctx.stopping() and not (ctx.is_silent(pipe) if bounds.lawful_only else ctx.is_paused(pipe)):
            is_late = has_begun and time.monotonic() > bounds.until
            if is_late and not ahead:
                break
            has_begun = True
            barred = _barred(ctx, pipe, ahead)
            if barred:
                _settle(ctx, pipe, sent)
                sent = None
                batches.give_back(ctx, pipe, barred)  # the next claim cancels them
            batch = [one for one in ahead if one not in barred] or _claim(ctx, pipe, bounds)
            ahead = ()
            if not batch:
                is_late = False
                break
            goes_on = len(batch) == _size(ctx, pipe, bounds) and not is_late
            claim = functools.partial(_claim, ctx, pipe, bounds) if goes_on else tuple
            books = thread.submit(_keep_books, ctx, pipe, sent, claim) if sent or goes_on else None
            sent, ahead = _deliver(ctx, pipe, batch, books, find_first=find_first)
        _settle(ctx, pipe, sent)
        batches.give_back(ctx, pipe, ahead)
    return not is_late


def _barred(ctx: Context, pipe: model.Pipeline, ahead: _Batch) -> _Batch:
    """Of what was claimed ahead, the records that nothing may go out for since then."""
    changes = [one for one in ahead if one.change.kind != "remove"]
    suppressed = delivery.suppressed(ctx.run, pipe, [one.subject for one in changes])
    return [one for one in changes if one.subject in suppressed]


def _settle(ctx: Context, pipe: model.Pipeline, sent: batches.Sent | None) -> None:
    if sent is not None:
        ctx.report.held += batches.settle(ctx, pipe, sent)


def _deliver(
    ctx: Context, pipe: model.Pipeline, batch: _Batch, books: _Books | None, *, find_first: bool
) -> tuple[batches.Sent | None, _Batch]:
    """Send a batch while the books are kept; return it if it remains to be settled, and the batch claimed meanwhile."""
    try:
        sent = batches.send(ctx, pipe, batch, find_first=find_first)
    except errors.SyncdError:
        batches.give_back(ctx, pipe, _claimed_ahead(ctx, books))
        raise
    try:
        ahead = _claimed_ahead(ctx, books)
    except errors.LeaseLost:
        batches.settle(ctx, pipe, sent)  # notes what was sent in vain
        raise
    if ahead and sent.succeeded:
        return sent, ahead
    _settle(ctx, pipe, sent)
    try:
        batches.raise_what_stops(pipe, sent)
    except errors.SyncdError:
        batches.give_back(ctx, pipe, ahead)
        raise
    return None, ahead


def _claimed_ahead(ctx: Context, books: _Books | None) -> _Batch:
    """The next batch, once the books are up to date; raise what kept them from being so."""
    if books is None:
        return ()
    ahead, held = books.result()
    ctx.report.held += held
    return ahead


def _keep_books(
    ctx: Context, pipe: model.Pipeline, sent: batches.Sent | None, claim: Callable[[], _Batch]
) -> tuple[_Batch, int]:
    time.sleep(_HEAD_START_SECONDS)
    held = batches.settle(ctx, pipe, sent) if sent is not None else 0
    return claim(), held


def _size(ctx: Context, pipe: model.Pipeline, bounds: Bounds) -> int:
    size = ctx.target(pipe)[1].batch_size
    return size if bounds.most is None else min(size, bounds.most)


def _claim(ctx: Context, pipe: model.Pipeline, bounds: Bounds) -> _Batch:
    return delivery.claim(
        ctx.run,
        pipe,
        now=ctx.clock(),
        size=_size(ctx, pipe, bounds),
        hashes=ctx.hashes,
        lane=bounds.lane,
        lawful_only=bounds.lawful_only,
    )
