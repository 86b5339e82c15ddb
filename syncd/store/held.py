"""Held intents: what waits for a person, and what a person may do with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from syncd.core import model
from syncd.sdk import records
from syncd.store import delivery, streams, tables
from syncd.store.database import Database
from syncd.store.lease import Run

_intent = tables.intent
_link = tables.link
_event = tables.event
BY_HAND = 0  # an event's run where no run did it
UNTIL_REPLANNED = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Event:
    """One step of an intent's life."""

    at: datetime
    step: str
    detail: str


@dataclass(frozen=True, slots=True)
class Held:
    """One held intent. `kind` is "review" where planning held it, before anything was to be sent. `fields` is what it
    would write: personal data, shown only when asked for."""

    id: int
    client: str
    pipeline: str
    subject: str
    record_id: str
    kind: str
    reason: str
    hint: str
    far_id: str | None
    attempts: int
    created_at: datetime
    held_at: datetime
    version_at: datetime
    fields: records.Fields = field(default_factory=dict)

    @property
    def is_twin(self) -> bool:
        """Whether it is about a second copy of a lead, which somebody has called already."""
        return "#twin:" in self.subject


def _held(row: Any) -> Held:
    return Held(
        row.id,
        row.client,
        row.pipeline,
        row.subject,
        row.record_id,
        row.kind,
        row.reason,
        row.hint,
        row.far_id,
        row.attempts,
        row.created_at,
        row.updated_at,
        row.version_at,
        json.loads(row.body or "{}"),
    )


def listed(db: Database, client: str = "", pipeline: str = "") -> list[Held]:
    """Everything that is held, oldest first; of one client or pipeline where they are given."""
    where = [_intent.c.state == "held"]
    if client:
        where.append(_intent.c.client == client)
    if pipeline:
        where.append(_intent.c.pipeline == pipeline)
    with db.read() as connection:
        return [_held(row) for row in connection.execute(sa.select(_intent).where(*where).order_by(_intent.c.id))]


def one(db: Database, intent_id: int) -> tuple[Held, list[Event]] | None:
    """A held intent and its story; None if there is none of that number (any more)."""
    with db.read() as connection:
        row = connection.execute(sa.select(_intent).where(_intent.c.id == intent_id, _intent.c.state == "held")).first()
        if row is None:
            return None
        story = connection.execute(
            sa.select(_event.c.at, _event.c.step, _event.c.detail)
            .where(_event.c.intent_id == intent_id)
            .order_by(_event.c.id)
        )
        return _held(row), [Event(*step) for step in story]


def drop(db: Database, intent_id: int, now: datetime) -> bool:
    """Settle a held intent as dropped: its record is planned again only when it changes. False if it is not held."""
    with db.write("drop") as connection:
        changed = connection.execute(
            sa.update(_intent)
            .where(_intent.c.id == intent_id, _intent.c.state == "held")
            .values(state="settled", result="dropped", body=None, updated_at=now)
        ).rowcount
        if changed:
            _note(connection, intent_id, BY_HAND, now, step="dropped")
        return changed == 1


def release(run: Run, pipe: model.Pipeline, held: Held, now: datetime, *, forget_link: bool) -> bool:
    """Stage a held intent again, or leave it to planning where planning held it. False if it is held no longer.

    It counts as tried before, so that a create looks for its key first, and is due only in a minute: by then it has
    been planned again, and if the program dies before that, nothing is lost. `forget_link`: the far record is gone and
    is to be created anew."""
    with run.write("release") as connection:
        current = connection.execute(
            sa.select(_intent.c.id).where(_intent.c.id == held.id, _intent.c.state == "held").with_for_update()
        ).first()
        if current is None:
            return False
        if forget_link:
            crm_stream, dialer_stream, column = delivery.link_side(pipe)
            connection.execute(
                sa.delete(_link).where(
                    _link.c.client == run.client,
                    _link.c.crm_stream == crm_stream,
                    _link.c.dialer_stream == dialer_stream,
                    _link.c[column] == held.subject,
                )
            )
            if pipe.kind == "calls":  # the new one lacks the recording that the old one may have had
                connection.execute(
                    sa.update(tables.decision)
                    .where(
                        tables.decision.c.client == run.client,
                        tables.decision.c.pipeline == "recordings",
                        tables.decision.c.record_id == held.subject,
                    )
                    .values(digest="")
                )
        if held.kind == "review":
            return True
        waiting = delivery.waiting(connection, run.client, pipe, [held.subject])
        staged = waiting.get(held.subject, {}).get("staged")
        tried = {"attempts": sa.case((_intent.c.attempts > 1, _intent.c.attempts), else_=1)}
        if staged is None:
            reason = "left" if held.kind == "remove" else ""  # a removal says why it is one
            values = {**tried, "state": "staged", "reason": reason, "hint": "", "due_at": now + UNTIL_REPLANNED}
        else:
            connection.execute(sa.update(_intent).where(_intent.c.id == staged).values(**tried))
            values = {"state": "settled", "result": "replaced", "body": None}
        connection.execute(sa.update(_intent).where(_intent.c.id == held.id).values(**values, updated_at=now))
        _note(connection, held.id, run.id, now, step="retried")
        return True


def look_again(run: Run, pipe: model.Pipeline, held: Held, now: datetime) -> None:
    """Settle what is held about a second copy of a lead, and ask for another look at how many there are."""
    with run.write("look-again") as connection:
        connection.execute(
            sa.update(_intent)
            .where(_intent.c.id == held.id, _intent.c.state == "held")
            .values(state="settled", result="retried", body=None, updated_at=now)
        )
        _note(connection, held.id, run.id, now, step="retried", detail="another look")
        newest = (
            sa.select(sa.func.max(_intent.c.id))
            .where(
                _intent.c.client == run.client,
                _intent.c.pipeline == pipe.name,
                _intent.c.subject == held.record_id,
                _intent.c.state == "settled",
            )
            .scalar_subquery()
        )
        connection.execute(sa.update(_intent).where(_intent.c.id == newest).values(look_at=now))
        streams.put_stream(run.db, connection, run.client, run.stream, next_due_at=None)


def end(run: Run, pipe: model.Pipeline, subjects: Sequence[str], now: datetime) -> dict[str, str]:
    """Give the lease back after a retry, and make what it staged due now. Returns subject → state, of those that are
    staged or held."""
    found: dict[str, str] = {}
    with run.write("retried") as connection:
        waiting = delivery.waiting(connection, run.client, pipe, subjects)
        for subject, states in waiting.items():
            found[subject] = "staged" if "staged" in states else "held"
            if "staged" in states:
                connection.execute(sa.update(_intent).where(_intent.c.id == states["staged"]).values(due_at=now))
        streams.put_stream(run.db, connection, run.client, run.stream, next_due_at=None)
        run.finish(connection, "retried", now)
    return found


def _note(
    connection: sa.Connection, intent_id: int, run_id: int, now: datetime, *, step: str, detail: str = "by the operator"
) -> None:
    connection.execute(sa.insert(_event).values(at=now, intent_id=intent_id, run_id=run_id, step=step, detail=detail))
