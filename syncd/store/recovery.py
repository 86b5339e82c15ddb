"""What a crash, a time-out or a lost lease left behind: intents in `sending`, and twins to look for."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from syncd.core import diff, model
from syncd.sdk import records
from syncd.store import delivery, known, settling, tables
from syncd.store.lease import Run

_intent = tables.intent
_link = tables.link


_OURS = (_intent.c.client == sa.bindparam("client"), _intent.c.pipeline == sa.bindparam("pipeline"))
# every run sends these: building one costs several times what the database takes to run it
_UNFINISHED = (
    sa.select(_intent)
    .where(*_OURS, _intent.c.state == "sending", _intent.c.id > sa.bindparam("after"))
    .order_by(_intent.c.id)
    .limit(sa.bindparam("limit"))
)
_CHOICES_OF_THE_REMOVED = sa.select(_intent.c.id).where(
    *_OURS,
    _intent.c.state == "held",
    _intent.c.kind == "remove",
    _intent.c.reason == "several",
    sa.exists().where(
        _link.c.client == _intent.c.client,
        _link.c.crm_stream == "leads",
        _link.c.crm_id == _intent.c.record_id,
        _link.c.removed != "",
    ),
)
_TO_LOOK_AT = sa.select(_intent.c.id, _intent.c.key, _intent.c.marker, _intent.c.subject, _intent.c.far_id).where(
    *_OURS, _intent.c.state == "settled", _intent.c.look_at <= sa.bindparam("now")
)


@cache
def _next() -> tuple[sa.Select[datetime | None], ...]:
    """The earliest look, request without an answer, and intent that waits for nothing but its time."""
    linked = sa.exists().where(
        _link.c.client == _intent.c.client, _link.c.crm_stream == "leads", _link.c.crm_id == _intent.c.subject
    )
    return (
        sa.select(sa.func.min(_intent.c.look_at)).where(
            *_OURS, _intent.c.state == "settled", _intent.c.look_at.is_not(None), linked
        ),
        sa.select(sa.func.min(_intent.c.sent_at)).where(*_OURS, _intent.c.state == "sending"),
        sa.select(sa.func.min(_intent.c.due_at)).where(
            *_OURS, _intent.c.state == "staged", _intent.c.lane <= sa.bindparam("lane"), *delivery.not_blocked()
        ),
    )


def unfinished(run: Run, pipe: model.Pipeline, *, limit: int = 500, after: int = 0) -> list[delivery.Claimed]:
    """Intents of a pipeline that are `sending`: none of them is being sent now, since this run holds the lease."""
    with run.db.read() as connection:
        rows = connection.execute(
            _UNFINISHED, {"client": run.client, "pipeline": pipe.name, "after": after, "limit": limit}
        ).all()
    if not rows:
        return []
    crm_stream, dialer_stream, column = delivery.link_side(pipe)
    subjects = [row.subject for row in rows]
    links = (
        known.links_by_dialer(run.db, run.client, dialer_stream, subjects)
        if column == "dialer_id"
        else known.links_by_crm(run.db, run.client, crm_stream, subjects)
    )
    return [_claimed(row, links.get(row.subject)) for row in rows]


def _claimed(row: Any, link: model.Link | None) -> delivery.Claimed:
    key = records.SyncKey(row.key, row.marker)
    body = json.loads(row.body or "{}")
    reason = row.reason if row.kind == "remove" else ""
    change = records.Change(row.kind, key, row.far_id, body, reason, row.lane == model.Lane.URGENT)
    call = None
    if row.call:
        at, call_id, flags = json.loads(row.call)
        call = (datetime.fromisoformat(at), call_id, flags)
    return delivery.Claimed(
        row.id, row.subject, change, body, row.attempts, row.sent_at, link, call, row.record_id, known.base_of(row.base)
    )


def send_again(run: Run, pipe: model.Pipeline, found: Sequence[delivery.Claimed], now: datetime, why: str) -> None:
    """Put intents back to `staged`. Where a newer version of the record waits already, the old one ends here, and the
    newer one inherits that a create may have gone out before. What an update may have changed counts as unknown, so
    that a newer version that takes it back is written, too."""
    if not found:
        return
    with run.write("send-again") as connection:
        others = delivery.waiting(connection, run.client, pipe, [one.subject for one in found])
        for claimed in found:
            staged = others.get(claimed.subject, {}).get("staged")
            values: dict[str, Any] = {"state": "staged", "due_at": now}
            if staged is not None:
                values = {"state": "settled", "result": "replaced", "body": None}
                delivery.carry_over(connection, pipe, staged, claimed)
            if claimed.link is not None and claimed.change.kind == "update" and not pipe.writes_back:
                hashes = run.db.hashes()
                sent = diff.changed(claimed.body, claimed.link.base, pipe.source.role, hashes, pipe.appointment)
                _forget(connection, claimed.link, sent)
            connection.execute(sa.update(_intent).where(_intent.c.id == claimed.id).values(**values, updated_at=now))
            _event(connection, run, claimed.id, now, values["state"], why)


def found(
    run: Run,
    pipe: model.Pipeline,
    claimed: delivery.Claimed,
    far_id: str,
    *,
    base: Mapping[str, tuple[str, str]],
    complete: bool,
    altered: Sequence[str] = (),
    now: datetime,
) -> None:
    """A create turned out to be applied: link it. Unless the far record is `complete`, the intent goes back to
    `staged`, where it is claimed as an update of what still differs, before it settles."""
    crm_stream, dialer_stream, _ = delivery.link_side(pipe)
    sides = (claimed.subject, far_id) if pipe.target.role == "dialer" else (far_id, claimed.subject)
    with run.write("found") as connection:
        taken = connection.execute(
            sa.select(_link.c.crm_id).where(
                _link.c.client == run.client,
                _link.c[f"{pipe.target.role}_stream"]
                == (dialer_stream if pipe.target.role == "dialer" else crm_stream),
                _link.c[f"{pipe.target.role}_id"] == far_id,
            )
        ).scalar()
        twin = _twin(claimed.subject, far_id)
        others = delivery.waiting(connection, run.client, pipe, [claimed.subject, twin])
        values: dict[str, Any]
        if taken is not None:
            values = {"state": "held", "reason": "linked_elsewhere", "hint": delivery.SEVERAL_HINT}
            _cancel(connection, run, others.get(claimed.subject, {}).values(), now, "linked_elsewhere")
        else:
            _cancel(connection, run, others.get(twin, {}).values(), now, "linked after all")
            connection.execute(
                sa.insert(_link).values(
                    client=run.client,
                    crm_stream=crm_stream,
                    crm_id=sides[0],
                    dialer_stream=dialer_stream,
                    dialer_id=sides[1],
                    key=claimed.change.key.value,
                    base=json.dumps(dict(base)),
                    created_at=now,
                )
            )
            if complete or "staged" in others.get(claimed.subject, {}):
                # only leads have twins to look for
                look_at = now if pipe.target.role == "dialer" else None
                values = {"state": "settled", "result": "found", "body": None, "look_at": look_at}
            else:
                values = {"state": "staged", "due_at": now}
        connection.execute(sa.update(_intent).where(_intent.c.id == claimed.id).values(**values, updated_at=now))
        _event(connection, run, claimed.id, now, "found", values["state"])
        if altered and taken is None:
            _event(connection, run, claimed.id, now, settling.ALTERED, ", ".join(altered))


def _cancel(connection: sa.Connection, run: Run, ids: Iterable[int], now: datetime, why: str) -> None:
    for intent_id in ids:
        connection.execute(
            sa.update(_intent)
            .where(_intent.c.id == intent_id)
            .values(state="settled", body=None, result="cancelled", updated_at=now)
        )
        _event(connection, run, intent_id, now, "cancelled", why)


def hold(run: Run, pipe: model.Pipeline, claimed: delivery.Claimed, *, reason: str, hint: str, now: datetime) -> None:
    """Hold an unfinished intent for a person; what waits beside it is cancelled, since it would be sent blindly."""
    with run.write("hold") as connection:
        others = delivery.waiting(connection, run.client, pipe, [claimed.subject])
        _cancel(connection, run, others.get(claimed.subject, {}).values(), now, reason)
        connection.execute(
            sa.update(_intent)
            .where(_intent.c.id == claimed.id)
            .values(state="held", reason=reason, hint=hint, updated_at=now)
        )
        _event(connection, run, claimed.id, now, "held", reason)


def _event(connection: sa.Connection, run: Run, intent_id: int, now: datetime, step: str, detail: str) -> None:
    connection.execute(
        sa.insert(tables.event).values(at=now, intent_id=intent_id, run_id=run.id, step=step, detail=detail[:200])
    )


def sent_in_vain(
    run: Run, pipe: model.Pipeline, sent: Sequence[settling.Settlement], now: datetime, lag: timedelta
) -> None:
    """What a run did after another one had taken over, and unknown to that one: a lead may be a second one, or one that
    nobody wants any more; an update may have undone a newer one, so what it wrote counts as unknown.

    The only writes without a fence: they only ask for more work. A look finds second leads, a removal takes out a lead
    unless it is linked until then, and records are planned again when their overlap is read."""
    crm_stream, dialer_stream, column = delivery.link_side(pipe)
    lookup = known.links_by_dialer if column == "dialer_id" else known.links_by_crm
    stream = dialer_stream if column == "dialer_id" else crm_stream
    links = lookup(run.db, run.client, stream, [one.claimed.subject for one in sent])
    with run.db.write("sent-in-vain") as connection:
        for one in sent:
            link = links.get(one.claimed.subject)
            create = one.claimed.change.kind == "create" and pipe.kind == "leads"
            if create:
                look = sa.update(_intent).where(_intent.c.id == one.claimed.id)
                connection.execute(look.values(look_at=now + lag, far_id=one.outcome.id))
            if create and link is None and one.outcome.id:
                _take_out(connection, run, pipe, one.claimed.subject, one.outcome.id, one.claimed.change.key, now)
            if link is not None and one.claimed.change.kind != "remove":
                _forget(connection, link, [pipe.in_base(name) for name in one.claimed.change.fields])
                _plan_again(connection, run, pipe, one.claimed, link)


def _forget(connection: sa.Connection, link: model.Link, fields: Collection[str]) -> None:
    """Count what the target holds in these fields, by their names in the base, as unknown."""
    current = connection.execute(sa.select(_link.c.base).where(_link.c.id == link.id).with_for_update()).scalar()
    base = {**json.loads(current or "{}"), **dict.fromkeys(fields, model.UNKNOWN)}
    connection.execute(sa.update(_link).where(_link.c.id == link.id).values(base=tables.encode(base)))


def _plan_again(
    connection: sa.Connection, run: Run, pipe: model.Pipeline, claimed: delivery.Claimed, link: model.Link
) -> None:
    """Count the records that an intent comes from as never planned."""
    decision = tables.decision
    connection.execute(
        sa.update(decision)
        .where(
            decision.c.client == run.client,
            decision.c.pipeline == pipe.name,
            decision.c.record_id.in_((claimed.record_id, link.call_id)),
        )
        .values(digest="")
    )


def let_go(run: Run, pipe: model.Pipeline, now: datetime) -> None:
    """Second leads that a person was to choose from leave dialling with their record: there is no choice any more."""
    whose = {"client": run.client, "pipeline": pipe.name}
    with run.db.read() as connection:
        ids = connection.execute(_CHOICES_OF_THE_REMOVED, whose).scalars().all()
    if not ids:
        return
    with run.write("let-go") as connection:
        connection.execute(
            sa.update(_intent)
            .where(_intent.c.id.in_(ids), _intent.c.state == "held")
            .values(state="staged", reason="twin", hint="", due_at=now, updated_at=now)
        )
        for intent_id in ids:
            _event(connection, run, intent_id, now, "staged", "its record is out of dialling")


def to_look_at(
    run: Run, pipe: model.Pipeline, now: datetime
) -> list[tuple[int, records.SyncKey, model.Link, str | None]]:
    """Settled creates whose key must be looked for once more: (intent, key, link, a far record known to carry it)."""
    crm_stream, _, _ = delivery.link_side(pipe)
    with run.db.read() as connection:
        rows = connection.execute(_TO_LOOK_AT, {"client": run.client, "pipeline": pipe.name, "now": now}).all()
    if not rows:
        return []
    links = known.links_by_crm(run.db, run.client, crm_stream, [row.subject for row in rows])
    return [
        (row.id, records.SyncKey(row.key, row.marker), links[row.subject], row.far_id)
        for row in rows
        if row.subject in links
    ]


def next_look(run: Run, pipe: model.Pipeline, find_lag: timedelta, lane: model.Lane) -> datetime | None:
    """When there is something to do again: the earliest look, the earliest `sending` plus the find lag, or the earliest
    staged intent, of no lane behind `lane`, that waits for nothing but its time."""
    whose = {"client": run.client, "pipeline": pipe.name}
    look_at, sent_at, due_at = _next()
    with run.db.read() as connection:
        look, sent = (connection.execute(statement, whose).scalar() for statement in (look_at, sent_at))
        due = connection.execute(due_at, {**whose, "lane": lane}).scalar()
    moments = [moment for moment in (look, sent + find_lag if sent else None, due) if moment is not None]
    return min(moments, default=None)


def looked(
    run: Run,
    pipe: model.Pipeline,
    intent_id: int,
    key: records.SyncKey,
    link: model.Link,
    twins: Sequence[str],
    worked: Sequence[str],
    now: datetime,
) -> None:
    """Note the result of a look: each uncalled twin gets an intent that takes it out of dialling, each called one is
    held for a person."""
    with run.write("looked") as connection:
        connection.execute(sa.update(_intent).where(_intent.c.id == intent_id).values(look_at=None, updated_at=now))
        for far_id in [*twins, *worked]:
            _take_out(connection, run, pipe, link.crm_id, far_id, key, now, called=far_id in worked)


def _take_out(
    connection: sa.Connection,
    run: Run,
    pipe: model.Pipeline,
    crm_id: str,
    far_id: str,
    key: records.SyncKey,
    now: datetime,
    *,
    called: bool = False,
) -> None:
    """Stage the removal of a lead that is not linked; hold it for a person where somebody has called it."""
    subject = _twin(crm_id, far_id)
    exists = connection.execute(
        sa.select(_intent.c.id).where(
            _intent.c.client == run.client, _intent.c.subject == subject, _intent.c.state != "settled"
        )
    ).first()
    if exists:
        return
    new_id = run.db.allocate(connection, _intent, 1)[0]
    state, reason, hint = "staged", "twin", ""
    if called:
        hint = f"lead {far_id} is a second one of this record and was called; end one by hand"
        state, reason = "held", "several"
    connection.execute(
        sa.insert(_intent).values(
            id=new_id,
            client=run.client,
            pipeline=pipe.name,
            target=str(pipe.target),
            subject=subject,
            record_id=crm_id,
            state=state,
            kind="remove",
            key=key.value,
            marker=key.marker,
            far_id=far_id,
            body="{}",
            lane=int(model.Lane.URGENT),
            version_at=now,
            due_at=now,
            reason=reason,
            hint=hint,
            created_at=now,
            updated_at=now,
        )
    )
    _event(connection, run, new_id, now, state, "twin")


def _twin(crm_id: str, far_id: str) -> str:
    """The subject of an intent about a lead that is not the linked one of its record."""
    return f"{crm_id}#twin:{far_id}"
