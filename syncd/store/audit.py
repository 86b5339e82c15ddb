"""What is stored of audits: how far each is, what one side holds until the other was compared with it, and findings.

What a page brought and the position behind it are one commit, so that a crash costs a page. An audit that is done keeps
its findings; the last ones of a client are kept.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from syncd.core import audit as core
from syncd.core import model
from syncd.sdk import errors
from syncd.store import bulk, known, tables
from syncd.store.among import among
from syncd.store.database import Database
from syncd.store.lease import Run

State = Literal["open", "done", "cancelled"]
RowSide = Literal["record", "activity"]
FindingState = Literal["suspected", "confirmed", "mended"]
KEPT = 10

_audit = tables.audit
_row = tables.audit_row
_finding = tables.audit_finding
_day = tables.audit_day
_intent = tables.intent


@dataclass(frozen=True, slots=True)
class Audit:
    """One stored audit. `since`: of the calls that are compared, None for none; `drift`: findings of records and calls,
    once it is done; `notes`: what could not be seen."""

    id: int
    client: str
    since: datetime | None
    until: datetime
    state: State
    phase: str
    position: Mapping[str, Any]
    rate: float
    counts: Mapping[str, int]
    notes: Sequence[str]
    drift: int | None
    due_at: datetime | None
    failures: int
    error: str
    created_by: str
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """What one side holds: a CRM record or an activity."""

    id: str
    key: str
    state: str = ""
    wanted: str = ""
    far_id: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """The calls of a day: read, and as the dialer counts them (None: it does not say)."""

    day: str
    calls: int
    told: int | None


@dataclass(slots=True)
class Step:
    """One commit's worth of progress."""

    position: Mapping[str, Any] | None = None
    rows: Sequence[Row] = ()
    side: RowSide = "record"
    far: Mapping[str, str] = field(default_factory=dict)  # row → what was found for it
    suspects: Sequence[core.Finding] = ()
    counts: Counter[str] = field(default_factory=Counter)
    day: Day | None = None
    confirmed: Sequence[core.Finding] = ()
    judged: Collection[tuple[str, str]] = ()  # suspicions that are over: (kind, subject)


class Halted(Exception):
    """The audit was cancelled meanwhile: nothing of this commit is stored."""


def create(
    db: Database, client: str, since: datetime | None, until: datetime, *, rate: float, by: str, now: datetime
) -> int:
    """Store an audit and return its number; raise UserError while another one of the client is open. Older ones than
    the last KEPT are forgotten."""
    with db.write("audit") as connection:
        other = connection.execute(
            sa.select(_audit.c.id).where(_audit.c.client == client, _audit.c.state == "open")
        ).scalar()
        if other is not None:
            fix = f"`syncd audit {client} --resume` goes on with it, `syncd audit {client} --cancel` ends it"
            raise errors.UserError([errors.Problem(f"audit {other} of {client} is not done", fix=fix)])
        number = db.allocate(connection, _audit, 1)[0]
        connection.execute(
            sa.insert(_audit).values(
                id=number, client=client, since_at=since, until_at=until, rate=rate, created_by=by, created_at=now
            )
        )
        old = sa.select(_audit.c.id).where(_audit.c.client == client).order_by(_audit.c.id.desc()).offset(KEPT)
        connection.execute(sa.delete(_audit).where(_audit.c.id.in_(list(connection.execute(old).scalars()))))
    return number


def listed(db: Database, client: str = "") -> list[Audit]:
    """All audits, oldest first; of one client if it is given."""
    query = sa.select(_audit).order_by(_audit.c.id)
    with db.read() as connection:
        return [_of(row) for row in connection.execute(query.where(_audit.c.client == client) if client else query)]


def one(db: Database, number: int) -> Audit:
    """An audit; raise UserError if there is none of that number."""
    with db.read() as connection:
        row = connection.execute(sa.select(_audit).where(_audit.c.id == number)).first()
    if row is None:
        raise errors.UserError([errors.Problem(f"there is no audit {number}", fix="`syncd audit CLIENT --list`")])
    return _of(row)


def last(db: Database, client: str, state: State | None = None) -> Audit | None:
    """The newest audit of a client, in that state where one is given."""
    query = sa.select(_audit).where(_audit.c.client == client).order_by(_audit.c.id.desc()).limit(1)
    with db.read() as connection:
        row = connection.execute(query.where(_audit.c.state == state) if state else query).first()
    return _of(row) if row is not None else None


def _of(row: Any) -> Audit:
    return Audit(
        row.id,
        row.client,
        row.since_at,
        row.until_at,
        row.state,
        row.phase,
        json.loads(row.position or "{}"),
        row.rate,
        json.loads(row.counts),
        json.loads(row.notes),
        row.drift,
        row.due_at,
        row.failures,
        row.error,
        row.created_by,
        row.created_at,
        row.ended_at,
    )


def cancel(db: Database, number: int, now: datetime) -> None:
    """End an open audit for good."""
    with db.write("audit-cancel") as connection:
        where = (_audit.c.id == number, _audit.c.state == "open")
        if connection.execute(sa.update(_audit).where(*where).values(state="cancelled", ended_at=now)).rowcount:
            connection.execute(sa.delete(_row).where(_row.c.audit_id == number))


def advance(run: Run, number: int, step: Step) -> None:
    """Store what a page brought, with the position behind it. Raises Halted."""
    with run.write("audit-step") as connection:
        _still_open(connection, number)
        current = connection.execute(sa.select(_audit.c.counts).where(_audit.c.id == number)).scalar_one()
        counts = Counter(json.loads(current)) + step.counts
        values: dict[str, Any] = {"counts": json.dumps(dict(sorted(counts.items())))}
        if step.position is not None:
            values["position"] = json.dumps(dict(step.position))
        connection.execute(sa.update(_audit).where(_audit.c.id == number).values(**values))
        _put_rows(run.db, connection, number, step)
        found = [{"b_id": one, "b_far": far_id} for one, far_id in step.far.items()]
        bulk.execute(connection, _FAR, found, b_a=number, b_s=step.side)
        _put_findings(run.db, connection, number, step.suspects, "suspected")
        for kind, subject in step.judged:
            connection.execute(sa.delete(_finding).where(*_is(number, kind, subject)))
        _put_findings(run.db, connection, number, step.confirmed, "confirmed")
        if step.day is not None:
            row = run.db.insert(_day).values(
                audit_id=number, day=step.day.day, calls=step.day.calls, told=step.day.told
            )
            connection.execute(
                row.on_conflict_do_update(
                    index_elements=[_day.c.audit_id, _day.c.day],
                    set_={"calls": row.excluded.calls, "told": row.excluded.told},
                )
            )


def _still_open(connection: sa.Connection, number: int) -> None:
    state = connection.execute(sa.select(_audit.c.state).where(_audit.c.id == number).with_for_update()).scalar()
    if state != "open":
        raise Halted


_FAR = (
    sa.update(_row)
    .where(
        _row.c.audit_id == sa.bindparam("b_a"),
        _row.c.side == sa.bindparam("b_s"),
        _row.c.record_id == sa.bindparam("b_id"),
    )
    .values(far_id=sa.bindparam("b_far"))
)


def _put_rows(db: Database, connection: sa.Connection, number: int, step: Step) -> None:
    if not step.rows:
        return
    row = db.insert(_row)
    put = row.on_conflict_do_update(
        index_elements=[_row.c.audit_id, _row.c.side, _row.c.record_id],
        set_={name: row.excluded[name] for name in ("key", "state", "wanted", "far_id")},
    )
    unique = {one.id: one for one in step.rows}
    connection.execute(
        put,
        [
            {
                "audit_id": number,
                "side": step.side,
                "record_id": one.id,
                "key": one.key,
                "state": one.state,
                "wanted": one.wanted,
                "far_id": one.far_id,
            }
            for one in unique.values()
        ],
    )


def _is(number: int, kind: str, subject: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (_finding.c.audit_id == number, _finding.c.kind == kind, _finding.c.subject == subject)


def _put_findings(
    db: Database, connection: sa.Connection, number: int, found: Sequence[core.Finding], state: FindingState
) -> None:
    if not found:
        return
    row = db.insert(_finding)
    names = ("state", "far_ids", "reason", "fields", "mend", "at")
    put = row.on_conflict_do_update(
        index_elements=[_finding.c.audit_id, _finding.c.kind, _finding.c.subject],
        set_={name: row.excluded[name] for name in names},
    )
    unique = {(one.kind, one.subject): one for one in found}
    connection.execute(
        put,
        [
            {
                "audit_id": number,
                "kind": one.kind,
                "subject": one.subject,
                "state": state,
                "far_ids": json.dumps(one.far_ids),
                "reason": one.reason,
                "fields": json.dumps(one.fields),
                "mend": one.mend,
                "at": one.at,
            }
            for one in unique.values()
        ],
    )


def rows_by(
    db: Database, number: int, side: RowSide, column: Literal["record_id", "key", "far_id"], values: Iterable[str]
) -> dict[str, Row]:
    """The value of that column → the row that has it."""
    found: dict[str, Row] = {}
    query = sa.select(_row).where(_row.c.audit_id == number, _row.c.side == side, among(_row.c[column], "ids"))
    with db.read() as connection:
        for part in known.slices(values):
            for row in connection.execute(query, {"ids": part}):
                found[getattr(row, column)] = Row(row.record_id, row.key, row.state, row.wanted, row.far_id)
    return found


def unseen(db: Database, number: int, side: RowSide, after: str, limit: int) -> list[Row]:
    """The rows that nothing was found for, in the order of their ids, behind `after`; of records those that should
    have a lead."""
    query = (
        sa.select(_row)
        .where(_row.c.audit_id == number, _row.c.side == side, _row.c.far_id == "", _row.c.record_id > after)
        .order_by(_row.c.record_id)
        .limit(limit)
    )
    if side == "record":
        query = query.where(_row.c.state == "")
    with db.read() as connection:
        return [Row(row.record_id, row.key, row.state, row.wanted, row.far_id) for row in connection.execute(query)]


def findings(
    db: Database,
    number: int,
    states: Sequence[FindingState],
    *,
    after: tuple[str, str] = ("", ""),
    limit: int | None = None,
) -> list[core.Finding]:
    """Findings in the order of kind and subject, behind `after`."""
    query = (
        sa.select(_finding)
        .where(
            _finding.c.audit_id == number,
            _finding.c.state.in_(states),
            sa.tuple_(_finding.c.kind, _finding.c.subject) > sa.tuple_(*(sa.literal(one) for one in after)),
        )
        .order_by(_finding.c.kind, _finding.c.subject)
        .limit(limit)
    )
    with db.read() as connection:
        return [
            core.Finding(
                row.kind,
                row.subject,
                row.reason,
                tuple(json.loads(row.far_ids)),
                tuple(json.loads(row.fields)),
                row.mend,
                row.at,
            )
            for row in connection.execute(query)
        ]


def tally(db: Database, number: int) -> dict[str, int]:
    """Kind → how many findings are confirmed or mended."""
    query = (
        sa.select(_finding.c.kind, sa.func.count())
        .where(_finding.c.audit_id == number, _finding.c.state != "suspected")
        .group_by(_finding.c.kind)
    )
    with db.read() as connection:
        found = {row[0]: row[1] for row in connection.execute(query)}
    return {kind: found[kind] for kind in core.KINDS if kind in found}


def days(db: Database, number: int) -> list[Day]:
    """The days whose calls were counted, oldest first."""
    query = sa.select(_day).where(_day.c.audit_id == number).order_by(_day.c.day)
    with db.read() as connection:
        return [Day(row.day, row.calls, row.told) for row in connection.execute(query)]


def note(run: Run, number: int, text: str) -> None:
    """Note something that cannot be seen, once."""
    with run.write("audit-note") as connection:
        _still_open(connection, number)
        notes = json.loads(connection.execute(sa.select(_audit.c.notes).where(_audit.c.id == number)).scalar_one())
        if text not in notes:
            connection.execute(sa.update(_audit).where(_audit.c.id == number).values(notes=json.dumps([*notes, text])))


def phase(run: Run, number: int, name: str) -> None:
    """Go on with the next phase, at its beginning. Raises Halted."""
    with run.write("audit-phase") as connection:
        _still_open(connection, number)
        connection.execute(sa.update(_audit).where(_audit.c.id == number).values(phase=name, position=""))


def turn_ended(
    run: Run, number: int, *, now: datetime, result: str, done: bool = False, due_at: datetime | None = None, error: str
) -> None:
    """End a turn and give the lease back. `done`: the findings stand, and what was read is forgotten."""
    with run.write("audit-turn") as connection:
        values: dict[str, Any] = {
            "due_at": due_at,
            "error": error[:500],
            "failures": _audit.c.failures + 1 if error else 0,
        }
        where = (_audit.c.id == number, _audit.c.state == "open")
        if done:
            drift = connection.execute(
                sa.select(sa.func.count())
                .select_from(_finding)
                .where(_finding.c.audit_id == number, _finding.c.state == "confirmed", _finding.c.kind.in_(core.DRIFT))
            ).scalar_one()
            values |= {"state": "done", "drift": drift, "ended_at": now}
            connection.execute(sa.delete(_row).where(_row.c.audit_id == number))
        connection.execute(sa.update(_audit).where(*where).values(**values))
        run.finish(connection, result, now)


def postpone(db: Database, number: int, *, due_at: datetime, error: str) -> None:
    """A turn ended in a way that an operator must mend: not again before `due_at`."""
    with db.write("audit-postponed") as connection:
        connection.execute(
            sa.update(_audit)
            .where(_audit.c.id == number, _audit.c.state == "open")
            .values(due_at=due_at, error=error[:500], failures=_audit.c.failures + 1)
        )


def link_of_activity(db: Database, client: str, crm_stream: str, crm_id: str, key: str) -> str:
    """The call that an activity was made for, by our own memory; "" where it has none."""
    link = tables.link
    query = sa.select(link.c.dialer_id).where(
        link.c.client == client, link.c.crm_stream == crm_stream, sa.or_(link.c.crm_id == crm_id, link.c.key == key)
    )
    with db.read() as connection:
        return connection.execute(query.limit(1)).scalar() or ""


def due(db: Database, client: str, now: datetime) -> int | None:
    """The open audit of a client that can go on now."""
    query = sa.select(_audit.c.id).where(
        _audit.c.client == client,
        _audit.c.state == "open",
        sa.or_(_audit.c.due_at.is_(None), _audit.c.due_at <= now),
    )
    with db.read() as connection:
        return connection.execute(query.limit(1)).scalar()


def mended(db: Database, number: int, found: Iterable[core.Finding]) -> None:
    """These findings were handed to the pipelines."""
    with db.write("audit-mended") as connection:
        for one in found:
            connection.execute(sa.update(_finding).where(*_is(number, one.kind, one.subject)).values(state="mended"))


def looked_for(connection: sa.Connection, pipe: model.Pipeline, subjects: Sequence[str]) -> None:
    """Let what is held of these subjects count as tried: should a create come of it, its key is looked for first."""
    for part in known.slices(subjects):
        connection.execute(
            sa.update(_intent)
            .where(
                _intent.c.client == pipe.client,
                _intent.c.pipeline == pipe.name,
                _intent.c.state == "held",
                _intent.c.attempts == 0,
                among(_intent.c.subject, "ids"),
            )
            .values(attempts=1),
            {"ids": part},
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """What the intents of a subject say. `busy`: staged or on its way; `held`: why; `last`: how the newest ended."""

    busy: bool = False
    held: str = ""
    last: str = ""


def standing(db: Database, client: str, target: str, pipeline: str, subjects: Iterable[str]) -> dict[str, Standing]:
    """Subject → what is under way or held for it at this target; `last` of this pipeline's intents."""
    query = (
        sa.select(_intent.c.subject, _intent.c.state, _intent.c.reason, _intent.c.result, _intent.c.pipeline)
        .where(_intent.c.client == client, _intent.c.target == target, among(_intent.c.subject, "ids"))
        .order_by(_intent.c.id)
    )
    found: dict[str, dict[str, Any]] = {}
    with db.read() as connection:
        for part in known.slices(subjects):
            for row in connection.execute(query, {"ids": part}):
                one = found.setdefault(row.subject, {})
                if row.state in ("staged", "sending"):
                    one["busy"] = True
                elif row.pipeline != pipeline:
                    continue
                elif row.state == "held":
                    one["held"] = row.reason
                elif row.result not in ("replaced", "cancelled"):
                    one["last"] = row.result
    return {subject: Standing(**values) for subject, values in found.items()}
