"""What the store can tell an operator without stopping anybody: how far each stream is, what waits, what is paused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from syncd.store import lease, streams, tables
from syncd.store.database import Database

_intent = tables.intent
_stream = tables.stream
_pipeline = tables.pipeline
_run = tables.run
_link = tables.link
_decision = tables.decision


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream: its memory, who runs it now ("" if nobody), and what its last run counted. `interrupted`: that run's
    process died before it could say how the run ended."""

    name: str
    state: streams.StreamState
    running: str = ""
    interrupted: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline: pauses, and its intents by state. `waiting` are the staged ones that are not due yet or wait for
    their record's create; `held` and `skipped` are counted by reason."""

    name: str
    state: streams.PipelineState
    staged: int = 0
    waiting: int = 0
    sending: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Client:
    """One client. `links`: CRM records with a lead that may be dialled; `removed`: with one taken out of dialling.
    `process`: who holds the store, see Database.holder."""

    name: str
    streams: Sequence[Stream]
    pipelines: Sequence[Pipeline]
    links: int = 0
    removed: int = 0
    first_read_at: datetime | None = None
    process: str = ""


def client(db: Database, name: str, stream_names: Sequence[str], pipelines: Sequence[str], now: datetime) -> Client:
    """What is known of one client's streams and pipelines, each in the given order."""
    states = streams.pipeline_states(db, name)
    memories = {one: streams.stream_state(db, name, one) for one in stream_names}
    process = db.holder()
    with db.read() as connection:
        leases = _leases(db, connection, name)
        runs = {one: owner for one, (owner, live) in leases.items() if live and _lives(db, owner, process)}
        counts = {one: _last_counts(connection, name, one) for one in stream_names}
        intents = _intents(connection, name, now)
        held = _by_reason(connection, _intent, name, _intent.c.state == "held")
        skipped = _by_reason(connection, _decision, name, _decision.c.verdict == "skip")
        links = {False: 0, True: 0}
        for removed, number in connection.execute(
            sa.select(_link.c.removed, sa.func.count())
            .where(_link.c.client == name, _link.c.crm_stream == "leads")
            .group_by(_link.c.removed)
        ):
            links[removed != ""] += number
        first_read_at = connection.execute(
            sa.select(tables.client.c.first_read_at).where(tables.client.c.client == name)
        ).scalar()
    return Client(
        name,
        [
            Stream(one, memories[one], runs.get(one, ""), one in leases and one not in runs, counts[one])
            for one in stream_names
        ],
        [
            Pipeline(
                one,
                states.get(one, streams.PipelineState()),
                *intents.get(one, (0, 0, 0)),
                held.get(one, {}),
                skipped.get(one, {}),
            )
            for one in pipelines
        ],
        links[False],
        links[True],
        first_read_at,
        process,
    )


def _leases(db: Database, connection: sa.Connection, client_name: str) -> dict[str, tuple[str, bool]]:
    """Stream → who has its lease, and whether it has not expired. A run that ends gives its lease back."""
    rows = connection.execute(
        sa.select(
            tables.lease.c.stream,
            tables.lease.c.owner,
            sa.type_coerce(tables.lease.c.expires_at, sa.BigInteger) > db.clock_micros(),
        ).where(tables.lease.c.client == client_name)
    )
    return {stream: (owner, bool(live)) for stream, owner, live in rows}


def _lives(db: Database, owner: str, process: str) -> bool:
    """Whether the owner of a lease ("host:process:…") may still run. A retry takes a lease without the store's lock."""
    if db.sqlite and not process and not owner.endswith(":retry"):
        return False
    return lease.may_live(owner)


def _last_counts(connection: sa.Connection, client_name: str, stream: str) -> dict[str, int]:
    text = connection.execute(
        sa.select(_run.c.counts)
        .where(_run.c.client == client_name, _run.c.stream == stream, _run.c.ended_at.is_not(None))
        .order_by(_run.c.started_at.desc(), _run.c.id.desc())
        .limit(1)
    ).scalar()
    return dict(json.loads(text)) if text else {}


def _intents(connection: sa.Connection, client_name: str, now: datetime) -> dict[str, tuple[int, int, int]]:
    """Pipeline → (staged and due, staged but waiting, sending)."""
    waits = sa.case((sa.or_(_intent.c.due_at > now, _intent.c.waits_for != ""), 1), else_=0)
    found: dict[str, list[int]] = {}
    for name, state, waiting, number in connection.execute(
        sa.select(_intent.c.pipeline, _intent.c.state, waits, sa.func.count())
        .where(_intent.c.client == client_name, _intent.c.state.in_(("staged", "sending")))
        .group_by(_intent.c.pipeline, _intent.c.state, waits)
    ):
        place = 2 if state == "sending" else 1 if waiting else 0
        found.setdefault(name, [0, 0, 0])[place] += number
    return {name: (one[0], one[1], one[2]) for name, one in found.items()}


def _by_reason(
    connection: sa.Connection, table: sa.Table, client_name: str, where: sa.ColumnElement[bool]
) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for name, reason, number in connection.execute(
        sa.select(table.c.pipeline, table.c.reason, sa.func.count())
        .where(table.c.client == client_name, where)
        .group_by(table.c.pipeline, table.c.reason)
        .order_by(table.c.pipeline, table.c.reason)
    ):
        found.setdefault(name, {})[reason] = number
    return found


def due_moments(db: Database) -> dict[tuple[str, str], tuple[datetime | None, str]]:
    """(client, stream) → when it is due by the store's knowledge, and which pipelines of the client are paused.

    Another process changes this (`resume`, `held retry`): the daemon looks for the change, not for the value."""
    with db.read() as connection:
        paused: dict[str, str] = {}
        for row in connection.execute(
            sa.select(_pipeline.c.client, _pipeline.c.pipeline)
            .where(_pipeline.c.paused != "")
            .order_by(_pipeline.c.client, _pipeline.c.pipeline)
        ):
            paused[row.client] = f"{paused.get(row.client, '')} {row.pipeline}"
        return {
            (row.client, row.stream): (row.next_due_at, paused.get(row.client, ""))
            for row in connection.execute(sa.select(_stream.c.client, _stream.c.stream, _stream.c.next_due_at))
        }


def being_sent(db: Database, client_name: str, pipelines: Sequence[str]) -> int:
    """How many intents of these pipelines a living run has sent whose answers it has not stored yet. What a crash
    left in `sending` is not counted."""
    with db.read() as connection:
        return connection.execute(
            sa.select(sa.func.count())
            .select_from(
                _intent.join(
                    tables.lease,
                    sa.and_(tables.lease.c.client == _intent.c.client, tables.lease.c.run_id == _intent.c.sent_by),
                )
            )
            .where(
                _intent.c.client == client_name,
                _intent.c.pipeline.in_(pipelines),
                _intent.c.state == "sending",
                sa.type_coerce(tables.lease.c.expires_at, sa.BigInteger) > db.clock_micros(),
            )
        ).scalar_one()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A staged intent: what it is about and which fields it holds, without their values."""

    id: int
    pipeline: str
    subject: str
    kind: str
    reason: str
    fields: tuple[str, ...]
    due_at: datetime


def staged(db: Database, client_name: str, pipelines: Sequence[str]) -> list[Waiting]:
    """What these pipelines have staged, in the order in which it goes out."""
    with db.read() as connection:
        rows = connection.execute(
            sa.select(_intent)
            .where(
                _intent.c.client == client_name,
                _intent.c.pipeline.in_(pipelines),
                _intent.c.state == "staged",
            )
            .order_by(_intent.c.lane, _intent.c.id)
        ).all()
    return [
        Waiting(
            row.id,
            row.pipeline,
            row.subject,
            row.kind,
            row.reason,
            tuple(sorted(json.loads(row.body or "{}"))),
            row.due_at,
        )
        for row in rows
    ]
