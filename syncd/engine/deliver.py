"""Deliver: claim, write and settle, batch after batch; the store's part goes on beside the network's.

While a full batch is on its way, a thread settles the batch before it and claims the one after it. It never waits for
the network, so no transaction is held open by it; each batch is claimed in a commit of its own before any of it is
sent, and settled in one. What does not succeed is settled before anything more is sent.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from syncd.core import model
from syncd.engine import batch as batches
from syncd.engine.parts import Context
from syncd.sdk import errors
from syncd.store import delivery

_Batch = Sequence[delivery.Claimed]
_Books = Future[tuple[_Batch, int]]
# Both threads share one interpreter: the first requests of a batch go out first, or the far side waits for the books.
_HEAD_START_SECONDS = 0.005


def deliver(ctx: Context, pipe: model.Pipeline, *, find_first: bool, lawful_only: bool = False) -> None:
    """Deliver all that is staged and due. `find_first`: a create is sent only after its key was not found.
    `lawful_only`: nothing but what no guard may stop.

    Raises AuthFailed, ContractViolation or LeaseLost once what was learned is stored."""
    sent: batches.Sent | None = None  # all of it was applied, and that is not stored yet
    ahead: _Batch = ()
    with ThreadPoolExecutor(max_workers=1) as thread:
        while not ctx.stopping() and not (ctx.is_silent(pipe) if lawful_only else ctx.is_paused(pipe)):
            barred = _barred(ctx, pipe, ahead)
            if barred:
                _settle(ctx, pipe, sent)
                sent = None
                batches.give_back(ctx, pipe, barred)  # the next claim cancels them
            batch = [one for one in ahead if one not in barred] or _claim(ctx, pipe, lawful_only=lawful_only)
            ahead = ()
            if not batch:
                break
            is_full = len(batch) == ctx.target(pipe)[1].batch_size
            claim = functools.partial(_claim, ctx, pipe, lawful_only=lawful_only) if is_full else tuple
            books = thread.submit(_keep_books, ctx, pipe, sent, claim) if sent or is_full else None
            sent, ahead = _deliver(ctx, pipe, batch, books, find_first=find_first)
        _settle(ctx, pipe, sent)
        batches.give_back(ctx, pipe, ahead)


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


def _claim(ctx: Context, pipe: model.Pipeline, *, lawful_only: bool) -> _Batch:
    size = ctx.target(pipe)[1].batch_size
    return delivery.claim(ctx.run, pipe, now=ctx.clock(), size=size, hashes=ctx.hashes, lawful_only=lawful_only)
