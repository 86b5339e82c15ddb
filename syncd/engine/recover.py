"""Recover: what may have been applied is looked up before it is sent again; twins are taken out of dialling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from syncd.core import diff, model
from syncd.engine.parts import Context
from syncd.sdk import errors, protocol, records
from syncd.store import delivery, recovery, settling

log = structlog.get_logger("syncd.engine")

LOOKUPS = 50  # keys looked up in one go


def recover(ctx: Context, pipe: model.Pipeline) -> None:
    """Settle or stage again every intent that an earlier run left in `sending`, as far as it can be known now."""
    after = 0
    while found := recovery.unfinished(ctx.run, pipe, limit=LOOKUPS, after=after):
        after = found[-1].id
        _recover(ctx, pipe, found)


def _recover(ctx: Context, pipe: model.Pipeline, found: Sequence[delivery.Claimed]) -> None:
    _, spec = ctx.target(pipe)
    ctx.run.count("recovered", len(found))
    if spec.upserts:
        # repeating it does no harm, but the first one, still on its way, would undo what is newer
        due = [one for one in found if _visible_by_now(ctx, pipe, one)]
        recovery.send_again(ctx.run, pipe, due, ctx.clock(), "an upsert may be repeated")
        return
    creates = [one for one in found if one.change.kind == "create" and one.link is None]
    rest = [one for one in found if one not in creates]
    for claimed, hits in zip(creates, find(ctx, pipe, creates), strict=True):
        if hits:
            settle_found(ctx, pipe, claimed, hits)
        elif _visible_by_now(ctx, pipe, claimed):
            recovery.send_again(ctx.run, pipe, [claimed], ctx.clock(), "not found after the find lag")
    _recover_changes(ctx, pipe, rest)


def _visible_by_now(ctx: Context, pipe: model.Pipeline, claimed: delivery.Claimed) -> bool:
    """Whether a request that was sent would have had its effect by now; only then "not found" is a proof."""
    return ctx.clock() >= claimed.sent_at + ctx.find_lag(pipe)


def find(ctx: Context, pipe: model.Pipeline, wanted: Sequence[delivery.Claimed]) -> list[list[records.Record]]:
    """The far records that carry each create's key."""
    connector, spec = ctx.target(pipe)
    keys = [(one.change.key, {name: one.body.get(name) for name in spec.near if one.body.get(name)}) for one in wanted]
    if not keys:
        return []
    if isinstance(connector, protocol.FindsMany):
        return connector.find_many(pipe.target.stream, keys)
    return [connector.find(pipe.target.stream, key, near) for key, near in keys]


def settle_found(ctx: Context, pipe: model.Pipeline, claimed: delivery.Claimed, hits: Sequence[records.Record]) -> None:
    """A create's key was found: link the one far record that carries it, or hold where there are several."""
    if len(hits) > 1:
        recovery.hold(ctx.run, pipe, claimed, reason="several", hint=delivery.SEVERAL_HINT, now=ctx.clock())
        ctx.report.held += 1
        return
    hit = hits[0]
    stored = ctx.stored(pipe, claimed.body)
    sent = diff.without_blank_appointment(claimed.body, pipe.appointment)
    same = {name: value for name, value in sent.items() if _holds(hit, name, stored.get(name))}
    unclear = {name: model.UNKNOWN for name in pipe.appointment if name in sent}
    base = {**unclear, **diff.base_of(pipe, same, stored, ctx.hashes)}
    changed = altered(pipe, claimed, base)
    recovery.found(
        ctx.run,
        pipe,
        claimed,
        hit.id,
        base=base,
        complete=len(same) == len(sent),
        altered=changed,
        now=ctx.clock(),
    )
    _log(ctx, pipe, claimed, hit.id, changed)


def _holds(record: records.Record, name: str, value: str | None) -> bool:
    return name in record.fields and (record.fields[name] or "") == (value or "")


def _recover_changes(ctx: Context, pipe: model.Pipeline, found: Sequence[delivery.Claimed]) -> None:
    """Updates and removals: settled where the far record already holds what was sent, else sent again once an old
    request can no longer arrive and undo a newer one."""
    if not found:
        return
    connector, _ = ctx.target(pipe)
    names = sorted({name for one in found for name in one.body})
    ids = [one.change.id for one in found if one.change.id]
    current = {record.id: record for record in connector.get(pipe.target.stream, ids, names)}
    settlements, again = [], []
    for one in found:
        far = current.get(one.change.id or "")
        fields = one.body
        if one.link is not None and not pipe.writes_back and one.change.kind == "update":
            fields = diff.changed(one.body, one.link.base, pipe.source.role, ctx.hashes, pipe.appointment)
        stored = ctx.stored(pipe, fields)
        if far is not None and one.change.kind == "update" and all(_holds(far, n, stored.get(n)) for n in fields):
            base = base_once_applied(ctx, pipe, one, fields)
            changed = altered(pipe, one, base)
            settlements.append(settling.Settlement(one, records.Outcome(one.change.id), base, changed))
            _log(ctx, pipe, one, one.change.id, changed)
        elif far is None and one.change.kind == "update":
            settlements.append(settling.Settlement(one, records.Outcome(error=errors.Missing("gone"))))
        elif _visible_by_now(ctx, pipe, one):
            again.append(one)
    if settlements:
        held = settling.settle(ctx.run, pipe, settlements, now=ctx.clock(), find_lag=ctx.find_lag(pipe))
        ctx.report.held += len(held)
    recovery.send_again(ctx.run, pipe, again, ctx.clock(), "not as sent after the find lag")


def base_once_applied(
    ctx: Context,
    pipe: model.Pipeline,
    claimed: delivery.Claimed,
    fields: records.Fields,
    *,
    known: records.Fields | None = None,
) -> Mapping[str, tuple[str, str]]:
    """What both sides agree on once these fields of an intent are on the far side; `known`: how it holds some of them,
    as it has said itself."""
    return claimed.settles or diff.base_of(pipe, fields, {**ctx.stored(pipe, fields), **(known or {})}, ctx.hashes)


def altered(pipe: model.Pipeline, claimed: delivery.Claimed, base: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    """The fields of a lead of which the dialer does not hold what the CRM has, unless that was told before."""
    if pipe.kind != "leads":
        return ()
    return diff.altered(base, claimed.link.base if claimed.link is not None else {})


def _log(
    ctx: Context, pipe: model.Pipeline, claimed: delivery.Claimed, far_id: str | None, changed: Sequence[str]
) -> None:
    """The canonical line of an intent that turned out to be applied."""
    log.info(
        "intent",
        client=ctx.client.name,
        pipeline=pipe.name,
        intent=claimed.id,
        subject=claimed.subject,
        kind=claimed.change.kind,
        far_id=far_id,
        result="found",
        fields=len(claimed.body),
        attempt=claimed.attempts,
        **({"altered": ",".join(changed)} if changed else {}),
    )


def look_for_twins(ctx: Context, pipe: model.Pipeline) -> None:
    """Look once more for creates that may have been sent twice: the younger, uncalled twin leaves dialling, a called
    one is a person's to judge, as long as its record is dialled."""
    connector, spec = ctx.target(pipe)
    recovery.let_go(ctx.run, pipe, ctx.clock())
    for intent_id, key, link, far_id in recovery.to_look_at(ctx.run, pipe, ctx.clock()):
        linked = connector.get(pipe.target.stream, [link.dialer_id], spec.near)
        near = {name: linked[0].fields.get(name) for name in spec.near} if linked else {}
        hits = {hit.id: hit for hit in connector.find(pipe.target.stream, key, near)}
        if far_id and far_id not in hits:  # near leads past it if the linked lead's phone has changed since
            there = connector.get(pipe.target.stream, [far_id], _seen(spec))
            hits |= {hit.id: hit for hit in there if hit.fields.get(spec.key_field or "") == key.value}
        others = [hit for hit in hits.values() if hit.id != link.dialer_id]
        worked = [hit.id for hit in others if spec.worked_field and _worked(hit, spec.worked_field)]
        twins = [hit.id for hit in others if hit.id not in worked]
        recovery.looked(ctx.run, pipe, intent_id, key, link, twins, worked, ctx.clock())
        if others:
            ctx.run.count("twins", len(others))


def _seen(spec: records.StreamSpec) -> list[str]:
    return [name for name in (spec.key_field, spec.worked_field) if name]


def _worked(record: records.Record, name: str) -> bool:
    return (record.fields.get(name) or "0") != "0"
