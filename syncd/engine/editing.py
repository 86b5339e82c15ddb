"""Planning of `edits`: the leads that were called and their CRM records are read as they are now, then compared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from syncd.core import diff, edit, model, plan
from syncd.engine.parts import Context
from syncd.sdk import records
from syncd.sdk.protocol import Role
from syncd.store import known, staging

LATER = ""  # the digest of a call that must be planned again when it is read next


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A link to look at: the call (or whatever else) that it is planned for, with the digest of its row."""

    link: model.Link
    record_id: str
    raw: str = LATER
    called: tuple[datetime, datetime] | None = None


def of_calls(
    ctx: Context, pipe: model.Pipeline, todo: Sequence[tuple[records.Record, str, model.Known]]
) -> list[staging.Batch]:
    """Plans for a page of calls. Only the newest ended call of each lead leads to a look at it. Raises WrongKey."""
    plans: list[model.Plan] = []
    wanted: dict[str, _Wanted] = {}
    for record, raw, facts in todo:
        link = facts.parent
        subject = plan.beside(link.crm_id if link else facts.waits_for, record)
        outside = plan.outside(pipe, record, facts, ctx.spec, raw, subject=subject)
        if outside is not None:
            plans.append(outside)
            continue
        if link is None:
            plans.append(model.Plan(record.id, subject, "skip", digest=LATER, reason="waiting"))
            continue
        one = _Wanted(link, record.id, raw, _called(ctx, record))
        other = wanted.get(link.crm_id)
        if other is not None:
            older, one = sorted((one, other), key=_order)
            plans.append(
                model.Plan(older.record_id, f"{link.crm_id}#{older.record_id}", "skip", older.raw, reason="older")
            )
        wanted[link.crm_id] = one
    batch, *aside = _looked(ctx, pipe, list(wanted.values()))
    return [replace(batch, plans=[*plans, *batch.plans]), *aside]


def again(ctx: Context, pipe: model.Pipeline, held: Mapping[str, str]) -> list[staging.Batch]:
    """Plans for CRM records, whatever calls they had: subject → the record that its intent came from."""
    links = known.links_by_crm(ctx.db, ctx.client.name, pipe.target.stream, list(held))
    return _looked(ctx, pipe, [_Wanted(link, held[crm_id]) for crm_id, link in links.items()])


def spared(
    ctx: Context, pipe: model.Pipeline, plans: Sequence[model.Plan], links: Mapping[str, model.Link]
) -> tuple[list[model.Plan], list[staging.Batch]]:
    """The plans of `leads` without the fields that an agent has changed as well, unless the CRM wins them: what becomes
    of these is planned by `edits` at once, since the lead would else be overwritten before its call is read."""
    edits = next((one for one in ctx.client.pipelines if one.kind == "edits" and not one.shadow), None)
    if edits is None:
        return list(plans), []
    covered = set(edits.fields.sources) & set(pipe.fields.targets)
    doubtful = {
        one.record_id: links[one.record_id]
        for one in plans
        if one.verdict == "update"
        and one.record_id in links
        and diff.changed(
            {name: value for name, value in one.fields.items() if name in covered},
            links[one.record_id].base,
            "crm",
            ctx.hashes,
        )
    }
    busy = known.busy(ctx.db, ctx.client.name, str(pipe.target), list(doubtful))
    pairs = _pairs(ctx, edits, [_Wanted(link, crm_id) for crm_id, link in doubtful.items() if crm_id not in busy])
    kept, aside = [], []
    for one in plans:
        pair = pairs.get(one.record_id)
        compared = _compare(ctx, edits, pair) if isinstance(pair, edit.Pair) else edit.Edits()
        if compared.contested:
            aside.append(_decided(ctx, edits, _Wanted(links[one.record_id], one.record_id), compared))
        kept.append(replace(one, fields=_without(one.fields, compared.contested)))
    return kept, [staging.Batch(edits, aside, aside=True)] if aside else []


def _without(fields: records.Fields, names: Collection[str]) -> records.Fields:
    return {name: value for name, value in fields.items() if name not in names} if names else fields


def _called(ctx: Context, call: records.Record) -> tuple[datetime, datetime] | None:
    start = call.fields.get(ctx.spec.occurred_field or "")
    if not start:
        return None
    length = call.fields.get(ctx.spec.length_field or "") or "0"
    begin = records.instant(start)
    return begin, begin + timedelta(seconds=int(length) if length.isdigit() else 0)


def _order(one: _Wanted) -> tuple[datetime, str]:
    return one.called[0] if one.called else model.EPOCH, one.record_id


def _looked(ctx: Context, pipe: model.Pipeline, wanted: Sequence[_Wanted]) -> list[staging.Batch]:
    """Read both sides of each link and plan; what is being written just now is looked at later. Where the CRM wins, its
    fields are planned for the lead, too: `leads` may have spared them."""
    ids, leads = [one.link.crm_id for one in wanted], _leads(ctx)
    busy = {
        crm_id
        for target in {str(pipe.target), "dialer.leads"}
        for crm_id in known.busy(ctx.db, ctx.client.name, target, ids)
    }
    plans: list[model.Plan] = []
    yielded: list[model.Plan] = []
    agreed: dict[str, dict[str, tuple[str, str]]] = {}
    pairs = _pairs(ctx, pipe, [one for one in wanted if one.link.crm_id not in busy])
    for one in wanted:
        pair = pairs.get(one.link.crm_id, "busy")
        if isinstance(pair, str):
            raw = LATER if pair == "busy" else one.raw
            subject = f"{one.link.crm_id}#{one.record_id}" if pair == "busy" else one.link.crm_id
            plans.append(model.Plan(one.record_id, subject, "skip", digest=raw, link_id=one.link.id, reason=pair))
            continue
        compared = _compare(ctx, pipe, pair)
        plans.append(_decided(ctx, pipe, one, compared))
        if compared.yields and leads is not None and not leads.shadow:
            yielded.append(_yielding(leads, pair, compared))
        if compared.agreed:
            agreed[one.record_id] = compared.agreed
    batch = staging.Batch(pipe, plans, agreed)
    return [batch, staging.Batch(leads, yielded, aside=True)] if leads is not None and yielded else [batch]


def _yielding(leads: model.Pipeline, pair: edit.Pair, compared: edit.Edits) -> model.Plan:
    """What `leads` plans for a record whose CRM side wins."""
    return model.Plan(
        pair.target.id,
        pair.target.id,
        "update",
        key=records.SyncKey.of(leads.client, leads.source.stream, pair.target.id, marked=leads.marked),
        link_id=pair.link.id,
        fields=_without(leads.fields(pair.target.fields).fields, compared.contested),
        modified=pair.target.modified or model.EPOCH,
    )


def _leads(ctx: Context) -> model.Pipeline | None:
    return next((one for one in ctx.client.pipelines if one.kind == "leads"), None)


def _compare(ctx: Context, pipe: model.Pipeline, pair: edit.Pair) -> edit.Edits:
    return edit.compare(pipe, _leads(ctx), pair, ctx.hashes, lambda fields: ctx.stored(pipe, fields))


def _decided(ctx: Context, pipe: model.Pipeline, one: _Wanted, compared: edit.Edits) -> model.Plan:
    stem = model.Plan(
        one.record_id,
        one.link.crm_id,
        "none",
        digest=one.raw,
        link_id=one.link.id,
        lane=model.Lane.DISPOSITION,
        modified=ctx.clock(),
    )
    if compared.problems:
        return plan.held(stem, compared.problems)
    if compared.conflicts:
        return plan.conflict(stem, compared.conflicts, "`policy`")
    if compared.write:
        return replace(stem, verdict="update", fields=compared.write, settles=compared.settles)
    return stem


def _pairs(ctx: Context, pipe: model.Pipeline, wanted: Sequence[_Wanted]) -> dict[str, edit.Pair | str]:
    """CRM id → lead and CRM record as they are now, or why there is nothing to compare. Raises WrongKey."""
    if not wanted:
        return {}
    leads = _leads(ctx)
    name, crm_ids = ctx.client.name, [one.link.crm_id for one in wanted]
    key = ctx.client.dialer.streams["leads"].key_field
    of_lead = dict.fromkeys([*pipe.reads, *([key] if key else [])])
    of_crm = dict.fromkeys([*pipe.fields.targets, *(leads.reads if leads else ())])
    there = _read(ctx, "dialer", "leads", [one.link.dialer_id for one in wanted], list(of_lead))
    targets = _read(ctx, "crm", pipe.target.stream, crm_ids, list(of_crm))
    written = known.last_written(ctx.db, name, str(pipe.target), crm_ids)
    pairs: dict[str, edit.Pair | str] = {}
    for one in wanted:
        crm_id, lead, target = one.link.crm_id, there.get(one.link.dialer_id), targets.get(one.link.crm_id)
        if lead is not None and key and lead.fields.get(key) != one.link.key:
            raise model.WrongKey(one.link)
        if lead is None or target is None:
            pairs[crm_id] = "deleted"
        elif not pipe.where(lead.fields):
            pairs[crm_id] = "where"
        else:
            pairs[crm_id] = edit.Pair(one.link, lead, target, one.called, written.get(crm_id))
    return pairs


def _read(ctx: Context, role: Role, stream: str, ids: Iterable[str], names: Sequence[str]) -> dict[str, records.Record]:
    """The records of these ids that are there, in the batches that the far side likes."""
    connector = ctx.client.connector(role)
    size = max(1, connector.streams[stream].batch_size)
    unique = list(dict.fromkeys(ids))
    found: dict[str, records.Record] = {}
    for start in range(0, len(unique), size):
        with ctx.asking(role):
            part = connector.get(stream, unique[start : start + size], names)
        found.update((record.id, record) for record in part if not record.deleted)
    return found
