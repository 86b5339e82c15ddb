"""All that the store knows of one record: its link, what was decided, and each intent with its steps, oldest first."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from syncd.core import model, plan
from syncd.store import known, tables
from syncd.store.database import Database

_link = tables.link
_intent = tables.intent
_event = tables.event
_decision = tables.decision
EVENTS = ("calls", "callbacks")
"""Streams of the dialer whose records are things that took place, each with one of its own in the CRM."""
_OF_EVENTS = ("crm.calls", "crm.tasks")  # where these go


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an intent's life; `run` is 0 where a person did it."""

    at: datetime
    step: str
    detail: str
    run: int


@dataclass(frozen=True, slots=True)
class Intent:
    """One intent with its steps, oldest first. `fields`: the names of what it still holds."""

    id: int
    pipeline: str
    target: str
    subject: str
    record_id: str
    kind: str
    state: str
    result: str
    reason: str
    hint: str
    far_id: str
    fields: tuple[str, ...]
    waits_for: str
    attempts: int
    due_at: datetime
    created_at: datetime
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a pipeline last decided about a record."""

    pipeline: str
    verdict: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """A call (or callback) of the dialer: the id of its record in the CRM ("" if there is none), and when its recording
    is looked for next, if it is awaited."""

    id: str
    activity: str
    decisions: tuple[Decision, ...]
    intents: tuple[Intent, ...]
    recording_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """A CRM record: its link and when that was made, decisions about it, its intents in both directions. `suppressed`:
    why nothing but a removal may go out ("" if all may) and since when. `sharing`: records that are held since this one
    has their phone."""

    crm_id: str
    link: model.Link | None
    linked_at: datetime | None
    decisions: tuple[Decision, ...]
    intents: tuple[Intent, ...]
    suppressed: str = ""
    suppressed_at: datetime | None = None
    sharing: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether the store has anything of it."""
        return self.link is not None or bool(self.decisions or self.intents or self.suppressed)


def record(db: Database, client: str, crm_id: str, leads: Collection[str]) -> Story:
    """The story of a CRM record; `leads`: the pipelines whose decisions go by its id."""
    _safe(crm_id)
    with db.read() as connection:
        row = connection.execute(
            sa.select(_link).where(_link.c.client == client, _link.c.crm_stream == "leads", _link.c.crm_id == crm_id)
        ).first()
        suppressed = connection.execute(
            sa.select(tables.suppressed.c.why, tables.suppressed.c.at).where(
                tables.suppressed.c.client == client, tables.suppressed.c.crm_id == crm_id
            )
        ).first()
        held = connection.execute(
            sa.select(_intent.c.subject, _intent.c.hint)
            .where(_intent.c.client == client, _intent.c.state == "held", _intent.c.reason == "shared_phone")
            .order_by(_intent.c.subject)
        )
        sharing = [row.subject for row in held if row.hint.startswith(plan.shared_with(crm_id))]
        of_leads = _intent.c.target == "dialer.leads"
        intents = [
            *_intents(connection, client, _intent.c.subject == crm_id, _intent.c.target.not_in(_OF_EVENTS)),
            # about a second lead of the record
            *_intents(connection, client, _intent.c.record_id == crm_id, _intent.c.subject != crm_id, of_leads),
        ]
        return Story(
            crm_id,
            known.link_of(row) if row else None,
            row.created_at if row else None,
            _decisions(connection, client, crm_id, leads),
            tuple(sorted(intents, key=lambda one: one.id)),
            suppressed.why if suppressed else "",
            suppressed.at if suppressed else None,
            tuple(sharing),
        )


def call(db: Database, client: str, call_id: str, pipelines: Collection[str]) -> Call:
    """The story of a call or callback; `pipelines`: those whose decisions go by its id."""
    _safe(call_id)
    with db.read() as connection:
        activity = connection.execute(
            sa.select(_link.c.crm_id).where(
                _link.c.client == client, _link.c.dialer_stream.in_(EVENTS), _link.c.dialer_id == call_id
            )
        ).scalar()
        due_at = connection.execute(
            sa.select(sa.func.min(tables.awaited.c.due_at)).where(
                tables.awaited.c.client == client, tables.awaited.c.record_id == call_id
            )
        ).scalar()
        return Call(
            call_id,
            activity or "",
            _decisions(connection, client, call_id, pipelines),
            tuple(_intents(connection, client, _intent.c.subject == call_id, _intent.c.target.in_(_OF_EVENTS))),
            due_at,
        )


def calls_of(db: Database, client: str, crm_id: str, pipelines: Collection[str]) -> list[str]:
    """The calls that are known to be of a CRM record, oldest first: for which `pipelines` planned something of it."""
    with db.read() as connection:
        found = connection.execute(
            sa.select(_intent.c.record_id)
            .where(
                _intent.c.client == client,
                _intent.c.subject == crm_id,
                _intent.c.pipeline.in_(pipelines),
            )
            .order_by(_intent.c.id)
        ).scalars()
        return list(dict.fromkeys(found))


def record_of_call(db: Database, client: str, call_id: str, pipelines: Collection[str]) -> str:
    """The CRM record for which `pipelines` planned something of a call, "" if that is not known."""
    with db.read() as connection:
        found = connection.execute(
            sa.select(_intent.c.subject)
            .where(_intent.c.client == client, _intent.c.pipeline.in_(pipelines), _intent.c.record_id == call_id)
            .order_by(_intent.c.id.desc())
            .limit(1)
        ).scalar()
        newest = sa.select(_link.c.crm_id).where(
            _link.c.client == client, _link.c.crm_stream == "leads", _link.c.call_id == call_id
        )
        return found or connection.execute(newest.limit(1)).scalar() or ""


def calls_named(
    db: Database, client: str, text: str, beginnings: Sequence[str], pipelines: Collection[str]
) -> list[str]:
    """The calls and callbacks that a text may name: by their own id, by that of their record in the CRM, or by how
    their ids begin."""
    _safe(text)
    found: list[str] = []
    ours = (_decision.c.client == client, _decision.c.pipeline.in_(pipelines))
    named = [
        _decision.c.record_id == text,
        *(_decision.c.record_id.startswith(one, autoescape=True) for one in beginnings),
    ]
    with db.read() as connection:
        for where in named:
            found += connection.execute(sa.select(_decision.c.record_id).where(*ours, where)).scalars()
        # SQLite takes no notice of case there
        found = [one for one in found if one == text or one.startswith(tuple(beginnings))]
        found += connection.execute(
            sa.select(_link.c.dialer_id).where(
                _link.c.client == client,
                _link.c.dialer_stream.in_(EVENTS),
                sa.or_(_link.c.dialer_id == text, _link.c.crm_id == text),
            )
        ).scalars()
    return list(dict.fromkeys(found))


def with_phone(db: Database, client: str, whole: str, national: str) -> list[str]:
    """The CRM records that have a phone, by its digests: of calling code and number, as `leads` claims it, and of the
    number alone, as a link's base remembers it."""
    with db.read() as connection:
        holder = connection.execute(
            sa.select(tables.phone.c.crm_id).where(tables.phone.c.client == client, tables.phone.c.digest == whole)
        ).scalars()
        linked = connection.execute(
            sa.select(_link.c.crm_id)
            .where(_link.c.client == client, _link.c.crm_stream == "leads", _link.c.base.contains(f'"{national}"'))
            .order_by(_link.c.id)
        ).scalars()
        return list(dict.fromkeys([*holder, *linked]))


def by_hand(db: Database, client: str, digest: str) -> tuple[Intent, ...]:
    """What operators did by hand with a phone, by its digest."""
    with db.read() as connection:
        return tuple(_intents(connection, client, _intent.c.subject == digest))


def _intents(connection: sa.Connection, client: str, *where: sa.ColumnElement[bool]) -> Iterable[Intent]:
    rows = connection.execute(sa.select(_intent).where(_intent.c.client == client, *where).order_by(_intent.c.id)).all()
    steps: dict[int, list[Step]] = {row.id: [] for row in rows}
    ids = sorted(steps)
    for start in range(0, len(ids), known.SLICE):
        events = sa.select(_event).where(_event.c.intent_id.in_(ids[start : start + known.SLICE])).order_by(_event.c.id)
        for event in connection.execute(events):
            steps[event.intent_id].append(Step(event.at, event.step, event.detail, event.run_id))
    return [_intent_of(row, steps[row.id]) for row in rows]


def _intent_of(row: Any, steps: Sequence[Step]) -> Intent:
    return Intent(
        row.id,
        row.pipeline,
        row.target,
        row.subject,
        row.record_id,
        row.kind,
        row.state,
        row.result,
        row.reason,
        row.hint,
        row.far_id or "",
        tuple(sorted(json.loads(row.body or "{}"))),
        row.waits_for,
        row.attempts,
        row.due_at,
        row.created_at,
        tuple(steps),
    )


def _decisions(
    connection: sa.Connection, client: str, record_id: str, pipelines: Collection[str]
) -> tuple[Decision, ...]:
    rows = connection.execute(
        sa.select(_decision.c.pipeline, _decision.c.verdict, _decision.c.reason, _decision.c.at)
        .where(_decision.c.client == client, _decision.c.pipeline.in_(pipelines), _decision.c.record_id == record_id)
        .order_by(_decision.c.at)
    )
    return tuple(Decision(*row) for row in rows)


def _safe(text: str) -> None:
    """Raise UserError for what no id can be."""
    for _ in known.slices([text]):
        return
