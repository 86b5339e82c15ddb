"""From a page to plans: look up what the store and the target know, then decide (purely) for each pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from syncd.core import diff, erased, mapping, model, plan, recording
from syncd.engine import editing, seeking
from syncd.engine.parts import Context
from syncd.sdk import records
from syncd.store import adoption, erasures, known, staging


def fields_to_read(ctx: Context) -> tuple[str, ...]:
    """The fields that any pipeline of this stream looks at."""
    names = {name for pipe in ctx.pipes if pipe.looks_at == ctx.side for name in pipe.reads}
    seeks = any(pipe.kind == "recordings" for pipe in ctx.pipes)
    if ctx.spec.length_field and (seeks or any(pipe.looks_at != ctx.side for pipe in ctx.pipes)):
        names.add(ctx.spec.length_field)
    if seeks:
        names.update(seeking.needed(ctx))
    return tuple(sorted((names - {"crm_id"}) | set(_always(ctx.spec))))


def _always(spec: records.StreamSpec) -> tuple[str, ...]:
    return tuple(name for name in (*(spec.parent or ()), spec.occurred_field, spec.flags_field) if name)


def plan_page(
    ctx: Context,
    page: Sequence[records.Record],
    started: dict[str, datetime],
    *,
    again: bool = False,
    asked: bool = False,
    backfill: bool = False,
) -> list[staging.Batch]:
    """Plans of each pipeline for these records. `again`: plan even what has not changed since it was last planned;
    `asked`: an operator named each record, so that one without a time is not left out; `backfill`: goes out after live
    work."""
    batches = []
    news: dict[str, records.Record] = {}
    occurred = ctx.spec.occurred_field
    for pipe in ctx.pipes:
        since = started[pipe.name]
        fresh = [record for record in page if (moment := at(occurred, record)) is None or moment >= since]
        if len(fresh) < len(page):
            ctx.run.count(f"{pipe.name}.skip.before_start", len(page) - len(fresh))
        todo, told = _changed(ctx, pipe, fresh, again=again)
        if pipe.kind != "leads":
            news.update((record.id, record) for record in told)
        if todo:
            batch, *aside = _planned(ctx, pipe, todo, asked=asked)
            batches += [replace(batch, backfill=backfill), *aside]
    return batches + _removed_again(ctx, list(news.values()))


def _planned(
    ctx: Context, pipe: model.Pipeline, todo: Sequence[tuple[records.Record, str]], *, asked: bool
) -> list[staging.Batch]:
    if pipe.kind == "leads":
        return _leads(ctx, pipe, todo, asked=asked)
    return [_dnc(ctx, pipe, todo)] if pipe.kind == "dnc" else _calls(ctx, pipe, todo)


def _removed_again(ctx: Context, news: Sequence[records.Record]) -> list[staging.Batch]:
    """Leads that are out of dialling but were called: the call's disposition may have put them back, so they are
    taken out once more. Calls that say nothing new have had that already."""
    spec = ctx.spec
    out = next((one for one in ctx.client.pipelines if one.kind == "leads"), None)
    if out is None or spec.parent is None or not news:
        return []
    ended = {record.fields.get(spec.parent[0]) or "" for record in news if "live" not in plan.flags_of(record, spec)}
    links = known.links_by_dialer(ctx.db, ctx.client.name, "leads", ended)
    plans = [
        model.Plan(
            link.crm_id,
            link.crm_id,
            "remove",
            key=records.SyncKey(link.key),
            link_id=link.id,
            reason=link.removed,
            lane=model.Lane.URGENT,
        )
        for link in links.values()
        if link.removed
    ]
    return [staging.Batch(out, plans, aside=True)] if plans else []


def at(occurred_field: str | None, record: records.Record) -> datetime | None:
    """When a record came about: a call's start, else its last change; None where the source does not know."""
    occurred = record.fields.get(occurred_field) if occurred_field else None
    return records.instant(occurred) if occurred else record.modified


def _changed(
    ctx: Context, pipe: model.Pipeline, page: Sequence[records.Record], *, again: bool
) -> tuple[list[tuple[records.Record, str]], list[records.Record]]:
    """The records to plan with the digests of their rows – those whose row differs from when this pipeline last planned
    it; `again`: all – and those whose row does differ."""
    names = [name for name in pipe.reads if name != "crm_id"] if pipe.looks_at == ctx.side else []
    names += [name for name in _always(ctx.spec) if name not in names]
    row, version = ctx.hashes.row, pipe.version
    digests = [row([*map(record.fields.get, names), _mark(record)], version) for record in page]
    last = known.decisions(ctx.db, ctx.client.name, pipe.name, [record.id for record in page])
    rows = list(zip(page, digests, strict=True))
    told = [(record, raw) for record, raw in rows if _tells(record, raw, last.get(record.id))]
    todo = rows if again else told
    if len(todo) < len(page):
        ctx.run.count(f"{pipe.name}.unchanged", len(page) - len(todo))
    return todo, [record for record, _ in told]


def _tells(record: records.Record, raw: str, last: known.Decision | None) -> bool:
    """Whether this row says what was not known: it differs from the last one, and is no old copy of a record that was
    planned as it was itself (while a call ran, or could not be decided, it was not)."""
    if last is None:
        return True
    return last.digest != raw and (not record.archived or not last.digest or last.reason == "live")


def _mark(record: records.Record) -> str:
    return "deleted" if record.deleted else "left" if record.left else ""


def _leads(
    ctx: Context, pipe: model.Pipeline, todo: Sequence[tuple[records.Record, str]], *, asked: bool
) -> list[staging.Batch]:
    """The plans, and those of `edits` that planning showed to be needed."""
    ids = [record.id for record, _ in todo]
    name = ctx.client.name
    links = known.links_by_crm(ctx.db, name, pipe.source.stream, ids)
    busy = known.busy(ctx.db, name, str(pipe.target), ids)
    adopted = adoption.standing(ctx.db, name, [one for one in ids if one not in links])
    mapped = [mapping.Mapped() if record.deleted or record.left else pipe.fields(record.fields) for record, _ in todo]
    claims = [_phone_digest(ctx, pipe, one) for one in mapped]
    holders = known.phone_holders(ctx.db, name, {claim for claim in claims if claim})
    claimed_by = {crm_id: phone for phone, crm_id in holders.items()}
    gone = erasures.erased(ctx.db, name, ids)
    numbers = erasures.standing(ctx.db, name, {claim for claim in claims if claim})
    plans = []
    planned_as = replace(pipe, start="all") if asked else pipe
    for (record, raw), one, claim in zip(todo, mapped, claims, strict=True):
        if record.id in gone:
            plans.append(erased.record(record, raw))
            continue
        holder = holders.get(claim, "") if claim else ""
        facts = model.Known(
            link=links.get(record.id),
            busy=record.id in busy,
            phone_of=holder if holder != record.id else "",
            adoption=adopted.get(record.id, ""),
        )
        decided = plan.lead(planned_as, record, facts, one, ctx.hashes, raw)
        if claim in numbers:
            decided = erased.phone(pipe, decided, facts, one, ctx.hashes)
        if decided.frees_phone or decided.phone:
            holders.pop(claimed_by.pop(record.id, ""), None)
        if decided.phone and claim:
            holders[claim] = record.id
            claimed_by[record.id] = claim
        plans.append(decided)
    plans, aside = editing.spared(ctx, pipe, plans, links)
    return [staging.Batch(pipe, plans, phone_digest=ctx.hashes.value), *aside]


def _phone_digest(ctx: Context, pipe: model.Pipeline, mapped: mapping.Mapped) -> str:
    if not pipe.fields.phone_fields:
        return ""
    phone = "".join(mapped.fields.get(name) or "" for name in pipe.fields.phone_fields)
    return ctx.hashes.value(phone) if phone else ""


def _calls(ctx: Context, pipe: model.Pipeline, todo: Sequence[tuple[records.Record, str]]) -> list[staging.Batch]:
    spec, name = ctx.spec, ctx.client.name
    if spec.parent is None:
        raise AssertionError(f"{ctx.side} has no parent to tell which record a call belongs to")
    parent_field, key_field = spec.parent
    lead_ids = {record.id: record.fields.get(parent_field) or "" for record, _ in todo}
    parents = known.links_by_dialer(ctx.db, name, "leads", set(lead_ids.values()))
    gone = _gone(
        ctx, [record for record, _ in todo if lead_ids[record.id] in parents and not record.fields.get(key_field)]
    )
    orphans = {record.fields.get(key_field) or "" for record, _ in todo if lead_ids[record.id] not in parents}
    pending = known.pending_creates(ctx.db, name, "dialer.leads", orphans)

    def facts(record: records.Record) -> model.Known:
        parent = parents.get(lead_ids[record.id])
        waits_for = "" if parent else pending.get(record.fields.get(key_field) or "", "")
        return model.Known(parent=parent, waits_for=waits_for, parent_gone=lead_ids[record.id] in gone)

    whole = [(record, raw, facts(record)) for record, raw in todo]
    if pipe.kind == "callbacks":
        return [_callbacks(ctx, pipe, whole)]
    if pipe.kind == "edits":
        return editing.of_calls(ctx, pipe, whole)
    if pipe.kind == "recordings":
        asked = seeking.needed(ctx)
        plans = [recording.awaited(pipe, record, facts, spec, raw, asked) for record, raw, facts in whole]
        return [staging.Batch(pipe, plans)]
    return [_activities(ctx, pipe, whole) if pipe.kind == "calls" else _dispositions(ctx, pipe, whole)]


def _gone(ctx: Context, unsaid: Sequence[records.Record]) -> set[str]:
    """Those parents of calls of ours that are no longer there, asked for where a call does not tell its parent's key:
    nobody tells the key of a deleted lead, while a lead without one is somebody else's."""
    if ctx.spec.parent is None or not unsaid:
        return set()
    parent_field, key_field = ctx.spec.parent
    ids = sorted({record.fields.get(parent_field) or "" for record in unsaid})
    with ctx.asking(ctx.side.role):
        there = {record.id for record in ctx.source.get("leads", ids, [key_field]) if not record.deleted}
    return set(ids) - there


def _activities(
    ctx: Context, pipe: model.Pipeline, todo: Sequence[tuple[records.Record, str, model.Known]]
) -> staging.Batch:
    ids = [record.id for record, _, _ in todo]
    links = known.links_by_dialer(ctx.db, ctx.client.name, pipe.source.stream, ids)
    busy = known.busy(ctx.db, ctx.client.name, str(pipe.target), ids)
    plans = []
    for record, raw, facts in todo:
        own = replace(facts, link=links.get(record.id), busy=record.id in busy)
        plans.append(plan.call(pipe, record, own, ctx.spec, ctx.hashes, raw))
    return staging.Batch(pipe, plans)


def _callbacks(
    ctx: Context, pipe: model.Pipeline, todo: Sequence[tuple[records.Record, str, model.Known]]
) -> staging.Batch:
    name = ctx.client.name
    ids = [record.id for record, _, _ in todo]
    links = known.links_by_dialer(ctx.db, name, pipe.source.stream, ids)
    busy = known.busy(ctx.db, name, str(pipe.target), ids)
    parents = [facts.parent.crm_id for _, _, facts in todo if facts.parent]
    unclear = known.busy(ctx.db, name, "dialer.leads", parents)
    appointment = next(iter(ctx.source.streams["leads"].appointment), "")
    plans = []
    for record, raw, facts in todo:
        own = model.Known(
            links.get(record.id),
            facts.parent,
            busy=record.id in busy,
            waits_for=facts.waits_for,
            unclear=facts.parent is not None and facts.parent.crm_id in unclear,
        )
        plans.append(plan.callback(pipe, record, own, ctx.spec, ctx.hashes, raw, appointment=appointment))
    return staging.Batch(pipe, plans)


def _dispositions(
    ctx: Context, pipe: model.Pipeline, todo: Sequence[tuple[records.Record, str, model.Known]]
) -> staging.Batch:
    """Only the newest ended call of a lead stands for it, a stronger one before it for its status; the target records
    are read first, in one go."""
    ended: dict[str, list[records.Record]] = {}
    for record, _, facts in todo:
        subject = facts.parent.crm_id if facts.parent else facts.waits_for
        if subject and "live" not in plan.flags_of(record, ctx.spec) and pipe.where(record.fields):
            ended.setdefault(subject, []).append(record)

    def order(record: records.Record) -> tuple[str, str]:
        return record.fields.get(ctx.spec.occurred_field or "") or "", record.id

    newest = {subject: max(calls, key=order) for subject, calls in ended.items()}
    targets = _targets(ctx, pipe, [facts.parent.crm_id for _, _, facts in todo if facts.parent])
    busy = known.busy(ctx.db, ctx.client.name, str(pipe.target), list(newest))
    untold = [
        facts.parent.crm_id if facts.parent else facts.waits_for
        for _, _, facts in todo
        if facts.parent is None or facts.parent.called_at is None
    ]
    waiting = known.waiting_calls(ctx.db, ctx.client.name, str(pipe.target), [one for one in untold if one])
    plans, agreed = [], {}
    for record, raw, facts in todo:
        subject = facts.parent.crm_id if facts.parent else facts.waits_for
        calls = ended.get(subject, [])
        if record in calls and record is not newest[subject]:
            plans.append(model.Plan(record.id, plan.beside(subject, record), "skip", digest=raw, reason="older"))
            continue
        strongest = max(calls, key=lambda call: (plan.strength(call, ctx.spec), order(call)), default=record)
        own = replace(facts, busy=subject in busy, target=targets.get(subject), call=waiting.get(subject))
        decided = plan.disposition(
            pipe,
            record,
            own,
            ctx.spec,
            ctx.hashes,
            raw,
            stronger=strongest if plan.strength(strongest, ctx.spec) > plan.strength(record, ctx.spec) else None,
        )
        if decided.agreed:
            agreed[record.id] = diff.base_of(pipe, decided.agreed, {}, ctx.hashes)
        plans.append(decided)
    return staging.Batch(pipe, plans, agreed)


def _dnc(ctx: Context, pipe: model.Pipeline, todo: Sequence[tuple[records.Record, str]]) -> staging.Batch:
    """Only leads that carry the dialer's do-not-call mark are looked up in the CRM."""
    name = ctx.client.name
    marked = [record.id for record, _ in todo if "dnc" in plan.flags_of(record, ctx.spec)]
    links = known.links_by_dialer(ctx.db, name, pipe.source.stream, marked)
    crm_ids = [link.crm_id for link in links.values()]
    targets = _targets(ctx, pipe, crm_ids)
    busy = known.busy(ctx.db, name, str(pipe.target), crm_ids)
    plans, agreed = [], {}
    for record, raw in todo:
        link = links.get(record.id)
        crm_id = link.crm_id if link else ""
        facts = model.Known(parent=link, target=targets.get(crm_id), busy=crm_id in busy)
        decided = plan.dnc(pipe, record, facts, ctx.spec, ctx.hashes, raw)
        if decided.agreed:
            agreed[record.id] = diff.base_of(pipe, decided.agreed, {}, ctx.hashes)
        plans.append(decided)
    return staging.Batch(pipe, plans, agreed)


def _targets(ctx: Context, pipe: model.Pipeline, ids: Sequence[str]) -> dict[str, records.Record]:
    if not ids:
        return {}
    connector, spec = ctx.target(pipe)
    names = list(dict.fromkeys([*pipe.fields.targets, *(pipe.opt_out.fields if pipe.opt_out else ())]))
    found: dict[str, records.Record] = {}
    size = max(1, spec.batch_size)
    unique = list(dict.fromkeys(ids))
    for start in range(0, len(unique), size):
        with ctx.asking(pipe.target.role):
            part = connector.get(pipe.target.stream, unique[start : start + size], names)
        found.update((record.id, record) for record in part if not record.deleted)
    return found
