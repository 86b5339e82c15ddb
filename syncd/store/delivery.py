"""Transaction 2: claim (staged → sending, durable before the network), and what is common to all that follows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from syncd.core import diff, digest, model
from syncd.sdk import records
from syncd.store import bulk, known, statements, tables
from syncd.store.among import among
from syncd.store.lease import Run

_intent = tables.intent
_link = tables.link
STICKY = ("several", "linked_elsewhere")  # holds that no newer version ends: which far record is right?
HELD_FOR_GOOD = (*STICKY, "missing")
SEVERAL_HINT = "several far records carry this record's key; end all but one by hand, then `syncd held retry`"


@dataclass(frozen=True, slots=True)
class Claimed:
    """An intent in `sending` and the change that it stands for. `body` is all that the far side is to hold."""

    id: int
    subject: str
    change: records.Change
    body: records.Fields
    attempts: int
    sent_at: datetime
    link: model.Link | None = None
    call: tuple[datetime, str, str] | None = None
    record_id: str = ""
    settles: model.Base = field(default_factory=dict)


def link_side(pipe: model.Pipeline) -> tuple[str, str, str]:
    """(crm stream, dialer stream, the link's column that a subject of this pipeline stands in)."""
    if pipe.kind in ("calls", "callbacks", "recordings"):
        return pipe.target.stream, pipe.source.stream, "dialer_id"
    crm, dialer = (pipe.source, pipe.target) if pipe.source.role == "crm" else (pipe.target, pipe.source)
    return crm.stream, "leads" if pipe.writes_back else dialer.stream, "crm_id"


def claim(
    run: Run,
    pipe: model.Pipeline,
    *,
    now: datetime,
    size: int,
    hashes: digest.Digest,
    lane: model.Lane = model.Lane.BACKFILL,
    lawful_only: bool = False,
) -> list[Claimed]:
    """Take up to `size` staged intents that are due, urgent lanes first, and mark them `sending` in one commit. `lane`:
    none behind this one. `lawful_only`: nothing but what no guard may stop.

    What differs is worked out against the base as it is now; intents that no longer differ, or that must not go out
    any more (opted out, deleted, erased since they were staged), are cancelled. A record that any pipeline has in
    `sending` is left alone. An empty list means that nothing is ready."""
    with run.db.read() as connection:
        ready = connection.execute(
            sa.select(_intent.c.id)
            .where(
                _intent.c.client == run.client,
                _intent.c.pipeline == pipe.name,
                _intent.c.state == "staged",
                _intent.c.due_at <= now,
                _intent.c.lane <= lane,
            )
            .limit(1)
        ).first()
    if ready is None:
        return []
    while True:
        claimed, ended = _claim_once(run, pipe, now=now, size=size, hashes=hashes, lane=lane, lawful_only=lawful_only)
        if claimed or not ended:
            return claimed


_SUPPRESSED = sa.select(tables.suppressed.c.crm_id).where(
    tables.suppressed.c.client == sa.bindparam("client"), among(tables.suppressed.c.crm_id, "subjects")
)


def suppressed(run: Run, pipe: model.Pipeline, subjects: Sequence[str]) -> set[str]:
    """Those subjects that nothing but a removal may go out for (opted out, deleted, erased)."""
    if not subjects or pipe.target.role != "dialer" or pipe.kind == "adopt":
        return set()
    with run.db.read() as connection:
        parts = [{"client": run.client, "subjects": part} for part in known.slices(subjects)]
        return {crm_id for part in parts for crm_id in connection.execute(_SUPPRESSED, part).scalars()}


NO_PHONE = "no_phone"
_LOCK_CLIENT = (
    sa.select(tables.client.c.client).where(tables.client.c.client == sa.bindparam("client")).with_for_update()
)


_NEEDED = (
    "id", "subject", "record_id", "kind", "key", "marker", "far_id", "body", "call", "base", "attempts", "reason",
    "lane",
)  # fmt: skip


def not_blocked() -> tuple[sa.ColumnElement[bool], ...]:
    """Conditions on an intent: nothing of its record is in flight, and the record that it belongs to is linked."""
    other = _intent.alias("other")
    parent = _link.alias("parent")
    in_flight = sa.exists().where(
        other.c.client == _intent.c.client, other.c.subject == _intent.c.subject, other.c.state == "sending"
    )
    parent_linked = sa.exists().where(
        parent.c.client == _intent.c.client,
        parent.c.crm_stream == "leads",
        parent.c.crm_id == _intent.c.waits_for,
    )
    return ~in_flight, sa.or_(_intent.c.waits_for == "", parent_linked), ~_awaits_adoption()


def _awaits_adoption() -> sa.ColumnElement[bool]:
    """Whether an intent would make a lead of a record that may have one already, or is to have none: while a client's
    leads are being adopted, nothing is created."""
    adoption, record = tables.adoption, tables.adoption_record
    going_on = sa.exists().where(adoption.c.client == _intent.c.client, adoption.c.state == "open")
    undecided = sa.exists().where(
        record.c.client == _intent.c.client,
        record.c.crm_id == _intent.c.subject,
        record.c.decision.in_(("", "adopt", "skip")),
    )
    lead = _link.alias("lead")
    linked = sa.exists().where(
        lead.c.client == _intent.c.client, lead.c.crm_stream == "leads", lead.c.crm_id == _intent.c.subject
    )
    return sa.and_(
        _intent.c.target == "dialer.leads",
        _intent.c.pipeline != "adopt",
        _intent.c.kind != "remove",
        sa.or_(going_on, undecided),
        ~linked,
    )


def lawful() -> sa.ColumnElement[bool]:
    """Whether an intent is what the law wants: a do-not-call request, or somebody taken out of dialling for it."""
    reasons = sa.or_(_intent.c.kind != "remove", _intent.c.reason.in_(model.LAWFUL))
    return sa.and_(_intent.c.lane == int(model.Lane.URGENT), reasons)


def exempt() -> sa.ColumnElement[bool]:
    """Whether an intent is one that no guard counts or stops, see `core.guard`."""
    out = _link.alias("out")
    is_out = sa.exists().where(
        out.c.client == _intent.c.client,
        out.c.crm_stream == "leads",
        out.c.crm_id == _intent.c.subject,
        out.c.removed != "",
    )
    repeats = sa.and_(_intent.c.lane == int(model.Lane.URGENT), _intent.c.kind == "remove", is_out)
    return sa.or_(lawful(), repeats)


@cache
def _ready_to_send(column: str, *, lawful_only: bool) -> sa.Select[Any]:
    """Staged intents that are due with their links and suppressions; built once, since building it costs more than
    running it. `column` is the link's column that a subject stands in."""
    link = sa.and_(
        _link.c.client == _intent.c.client,
        _link.c.crm_stream == sa.bindparam("crm_stream"),
        _link.c.dialer_stream == sa.bindparam("dialer_stream"),
        _link.c[column] == _intent.c.subject,
    )
    suppression = sa.and_(
        tables.suppressed.c.client == _intent.c.client, tables.suppressed.c.crm_id == _intent.c.subject
    )
    return (
        sa.select(*(_intent.c[name] for name in _NEEDED), *known.LINK_COLUMNS, tables.suppressed.c.why)
        .select_from(_intent.outerjoin(_link, link).outerjoin(tables.suppressed, suppression))
        .where(
            _intent.c.client == sa.bindparam("client"),
            _intent.c.pipeline == sa.bindparam("pipeline"),
            _intent.c.state == "staged",
            _intent.c.due_at <= sa.bindparam("now"),
            _intent.c.lane <= sa.bindparam("lane"),
            *not_blocked(),
            *((exempt(),) if lawful_only else ()),
        )
        .order_by(_intent.c.lane, _intent.c.id)
        .limit(sa.bindparam("size"))
    )


def _claim_once(
    run: Run,
    pipe: model.Pipeline,
    *,
    now: datetime,
    size: int,
    hashes: digest.Digest,
    lane: model.Lane,
    lawful_only: bool,
) -> tuple[list[Claimed], int]:
    crm_stream, dialer_stream, column = link_side(pipe)
    with run.write("claim") as connection:
        # two streams of one client may run at once: the row makes their claims wait for each other
        connection.execute(_LOCK_CLIENT, {"client": run.client})
        rows = connection.execute(
            _ready_to_send(column, lawful_only=lawful_only),
            {
                "client": run.client,
                "pipeline": pipe.name,
                "now": now,
                "size": size,
                "lane": lane,
                "crm_stream": crm_stream,
                "dialer_stream": dialer_stream,
            },
        ).all()
        claimed: list[Claimed] = []
        sending, ended, events, calls = [], [], [], []
        for row in rows:
            link = known.joined_link(row)
            body = json.loads(row.body or "{}")
            change, why = _change(pipe, row, body, link, hashes)
            if change is None:
                ended.append({"b_id": row.id, "b_result": "cancelled"})
                events.append(event_row(run, row.id, now, "cancelled", why))
                if why == NO_PHONE:
                    _without_phone(connection, run, pipe, row, now)
                continue
            call = _call(row.call)
            if call and link and (link.called_at is None or link.called_at < call[0]):
                calls.append({"b_id": link.id, "called_at": call[0], "call_id": call[1], "flags": call[2]})
            claimed.append(
                Claimed(
                    row.id,
                    row.subject,
                    change,
                    body,
                    row.attempts,
                    now,
                    link,
                    call,
                    row.record_id,
                    known.base_of(row.base),
                )
            )
            sending.append({"b_id": row.id, "b_kind": change.kind, "b_far_id": change.id})
            events.append(event_row(run, row.id, now, "sending", change.kind))
        bulk.execute(connection, statements.END, ended, b_now=now)
        bulk.execute(connection, statements.SEND, sending, b_now=now, b_run=run.id)
        for values in calls:
            connection.execute(sa.update(_link).where(_link.c.id == values.pop("b_id")).values(**values))
        bulk.insert(connection, tables.event, events)
    return claimed, len(ended)


def _without_phone(connection: sa.Connection, run: Run, pipe: model.Pipeline, row: Any, now: datetime) -> None:
    """A record lost its phone while its create was unclear; it was not applied: skip the record and free the phone."""
    decision, phone = tables.decision, tables.phone
    ours = (decision.c.client == run.client, decision.c.pipeline == pipe.name, decision.c.record_id == row.record_id)
    connection.execute(sa.update(decision).where(*ours).values(verdict="skip", reason=NO_PHONE, at=now))
    connection.execute(sa.delete(phone).where(phone.c.client == run.client, phone.c.crm_id == row.subject))


def carry_over(connection: sa.Connection, pipe: model.Pipeline, staged_id: int, older: Claimed) -> None:
    """A staged intent takes the place of an older one that was not applied: what only the older one holds must not
    get lost, nor that a create may have gone out before."""
    values: dict[str, Any] = {
        "attempts": sa.case((_intent.c.attempts > older.attempts, _intent.c.attempts), else_=older.attempts)
    }
    if pipe.kind == "dispositions":
        body = connection.execute(sa.select(_intent.c.body).where(_intent.c.id == staged_id)).scalar()
        values["body"] = tables.encode({**older.body, **json.loads(body or "{}")})
    connection.execute(sa.update(_intent).where(_intent.c.id == staged_id).values(**values))


def _call(text: str | None) -> tuple[datetime, str, str] | None:
    if not text:
        return None
    at, call_id, flags = json.loads(text)
    return datetime.fromisoformat(at), call_id, flags


def _change(
    pipe: model.Pipeline, row: Any, body: records.Fields, link: model.Link | None, hashes: digest.Digest
) -> tuple[records.Change | None, str]:
    """The change that a staged intent stands for now, or why there is none any more."""
    key = records.SyncKey(row.key, row.marker)
    urgent = row.lane == model.Lane.URGENT
    if pipe.kind == "adopt":  # one who has opted out is adopted, too: else the lead could not be taken out of dialling
        if link is not None or row.why == "tombstone":
            return None, "linked meanwhile" if link is not None else row.why
        return records.Change("update", key, row.far_id, {}, plants=bool(body)), ""
    if row.kind == "remove":
        if row.reason == "twin":
            return records.Change("remove", key, row.far_id, reason="twin", urgent=True), ""
        if link is None and not body:
            return None, "no lead was created"
        return records.Change("remove", key, link.dialer_id if link else None, body, row.reason, urgent=True), ""
    if pipe.target.role == "dialer" and row.why:
        return None, row.why
    if link is None:
        if pipe.writes_back or pipe.kind == "recordings":
            return None, "the link is gone"
        if pipe.fields.phone_fields and not body.get(pipe.fields.phone_fields[1]):
            return None, NO_PHONE
        return records.Change("create", key, None, body, urgent=urgent), ""
    if pipe.writes_back:
        return records.Change("update", key, link.crm_id, body, urgent=urgent), ""
    fields = diff.changed(body, link.base, pipe.source.role, hashes, pipe.appointment)
    if not fields:
        return None, "nothing differs"
    far_id = link.dialer_id if pipe.target.role == "dialer" else link.crm_id
    return records.Change("update", key, far_id, fields, urgent=urgent), ""


def event_row(run: Run, intent_id: int, now: datetime, step: str, detail: str) -> dict[str, Any]:
    return {"at": now, "intent_id": intent_id, "run_id": run.id, "step": step, "detail": detail[:200]}


_WAITING = sa.select(_intent.c.subject, _intent.c.state, _intent.c.id).where(
    _intent.c.client == sa.bindparam("client"),
    _intent.c.target == sa.bindparam("target"),
    _intent.c.pipeline == sa.bindparam("pipeline"),
    among(_intent.c.subject, "subjects"),
    _intent.c.state.in_(("staged", "held")),
)


def waiting(
    connection: sa.Connection, client: str, pipe: model.Pipeline, subjects: Iterable[str]
) -> dict[str, dict[str, int]]:
    """Subject → state → intent, of the pipeline's staged and held intents beside those in `sending`."""
    found: dict[str, dict[str, int]] = {}
    for part in known.slices(subjects):
        asked = {"client": client, "target": str(pipe.target), "pipeline": pipe.name, "subjects": part}
        for row in connection.execute(_WAITING, asked):
            found.setdefault(row.subject, {})[row.state] = row.id
    return found
