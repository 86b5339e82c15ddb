"""What is remembered of clients, streams and pipelines: checkpoints, due times, pauses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from syncd.sdk import errors, records
from syncd.store import tables
from syncd.store.database import Database
from syncd.store.lease import Run

_client = tables.client
_stream = tables.stream
_pipeline = tables.pipeline

# Statements that every run sends are built once: building one costs several times what SQLite takes to run it.
_STREAM_STATE = sa.select(_stream).where(
    _stream.c.client == sa.bindparam("client"), _stream.c.stream == sa.bindparam("stream")
)
_PIPELINE_STATES = sa.select(_pipeline).where(_pipeline.c.client == sa.bindparam("client"))
_FIRST_READ_AT = sa.select(_client.c.first_read_at).where(_client.c.client == sa.bindparam("client"))
_RAN = (
    sa.update(_stream)
    .where(_stream.c.client == sa.bindparam("b_client"), _stream.c.stream == sa.bindparam("b_stream"))
    .values(
        last_run_at=sa.bindparam("now"),
        next_due_at=sa.bindparam("due"),
        last_error=sa.bindparam("error"),
        last_ok_at=sa.case(
            (sa.literal_column("''") == sa.bindparam("error"), sa.bindparam("now")), else_=_stream.c.last_ok_at
        ),
        failures=sa.case((sa.literal_column("''") == sa.bindparam("error"), 0), else_=_stream.c.failures + 1),
    )
)


@dataclass(frozen=True, slots=True)
class StreamState:
    """One stream's memory. `overlap_reads`: overlap in seconds → when it was last read."""

    cursor: records.Cursor | None = None
    overlap_reads: Mapping[float, datetime] | None = None
    vanish_at: datetime | None = None
    vanish_after: str = ""
    next_due_at: datetime | None = None
    failures: int = 0
    last_error: str = ""
    last_run_at: datetime | None = None
    last_ok_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PipelineState:
    """One pipeline's memory. `paused` is "" or who paused it: operator, guard, auth, mismatch, contract. `version`: of
    planning (`model.Pipeline.version`) when everything was last read; "" where that is not known."""

    started_at: datetime | None = None
    paused: str = ""
    why: str = ""
    until: datetime | None = None
    auth_role: str = ""
    auth_failures: int = 0
    guard_pass: bool = False
    version: str = ""
    guard_passed_at: datetime | None = None

    def is_paused(self, now: datetime) -> bool:
        """Whether nothing may be sent now."""
        return self.paused != "" and (self.until is None or now < self.until)


def stream_state(db: Database, client: str, stream: str) -> StreamState:
    """The memory of one stream."""
    with db.read() as connection:
        row = connection.execute(_STREAM_STATE, {"client": client, "stream": stream}).first()
    if row is None:
        return StreamState()
    reads = {
        float(overlap): datetime.fromtimestamp(micros / 1e6, UTC)
        for overlap, micros in json.loads(row.overlap_reads).items()
    }
    cursor = None if row.cursor_at is None else records.Cursor(row.cursor_at, row.cursor_id)
    return StreamState(
        cursor,
        reads,
        row.vanish_at,
        row.vanish_after,
        row.next_due_at,
        row.failures,
        row.last_error,
        row.last_run_at,
        row.last_ok_at,
    )


def put_cursor(db: Database, connection: sa.Connection, client: str, stream: str, cursor: records.Cursor) -> None:
    """Move a stream's checkpoint, inside the transaction of the intents it covers. It never moves back."""
    row = db.insert(_stream).values(client=client, stream=stream, cursor_at=cursor.at, cursor_id=cursor.id)
    connection.execute(
        row.on_conflict_do_update(
            index_elements=[_stream.c.client, _stream.c.stream],
            set_={"cursor_at": row.excluded.cursor_at, "cursor_id": row.excluded.cursor_id},
            where=sa.or_(
                _stream.c.cursor_at.is_(None),
                sa.type_coerce(_stream.c.cursor_at, sa.BigInteger)
                <= sa.type_coerce(row.excluded.cursor_at, sa.BigInteger),
            ),
        )
    )


def put_stream(db: Database, connection: sa.Connection, client: str, stream: str, **values: object) -> None:
    """Set columns of one stream's row, making the row where there is none."""
    connection.execute(db.insert(_stream).values(client=client, stream=stream).on_conflict_do_nothing())
    connection.execute(
        sa.update(_stream).where(_stream.c.client == client, _stream.c.stream == stream).values(**values)
    )


def overlap_read(run: Run, overlaps: Sequence[float], now: datetime) -> None:
    """Note that these overlaps have been read completely."""
    if not overlaps:
        return
    with run.write("overlap") as connection:
        current = connection.execute(
            sa.select(_stream.c.overlap_reads).where(_stream.c.client == run.client, _stream.c.stream == run.stream)
        ).scalar()
        reads = json.loads(current or "{}")
        reads.update({f"{overlap:g}": int(now.timestamp() * 1e6) for overlap in overlaps})
        put_stream(run.db, connection, run.client, run.stream, overlap_reads=json.dumps(reads, sort_keys=True))


def ran(run: Run, *, result: str, now: datetime, next_due_at: datetime | None, error: str = "") -> None:
    """End a run: note how it went and when the stream is due again, and give the lease back."""
    with run.write("ran") as connection:
        values = {"b_client": run.client, "b_stream": run.stream, "now": now, "due": next_due_at, "error": error[:500]}
        if connection.execute(_RAN, values).rowcount == 0:
            connection.execute(sa.insert(_stream).values(client=run.client, stream=run.stream))
            connection.execute(_RAN, values)
        run.finish(connection, result, now)


def pipeline_states(db: Database, client: str) -> dict[str, PipelineState]:
    """The memories of a client's pipelines, by name."""
    with db.read() as connection:
        rows = connection.execute(_PIPELINE_STATES, {"client": client}).all()
    return {
        row.pipeline: PipelineState(
            row.started_at,
            row.paused,
            row.paused_why,
            row.paused_until,
            row.auth_role,
            row.auth_failures,
            bool(row.guard_pass),
            row.version,
            row.guard_passed_at,
        )
        for row in rows
    }


def put_pipeline(db: Database, connection: sa.Connection, client: str, pipeline: str, **values: object) -> None:
    """Set columns of one pipeline's row, making the row where there is none."""
    connection.execute(db.insert(_pipeline).values(client=client, pipeline=pipeline).on_conflict_do_nothing())
    connection.execute(
        sa.update(_pipeline).where(_pipeline.c.client == client, _pipeline.c.pipeline == pipeline).values(**values)
    )


def pause(
    db: Database, client: str, pipelines: Sequence[str], *, by: str, why: str, until: datetime | None = None
) -> None:
    """Pause pipelines. An operator's pause is never weakened by another one."""
    with db.write("pause") as connection:
        for name in pipelines:
            _pause(db, connection, client, name, paused=by, paused_why=why[:500], paused_until=until)


def pause_for_login(
    db: Database, client: str, pipelines: Sequence[str], *, role: str, failures: int, why: str, until: datetime
) -> None:
    """Pause pipelines because the system in `role` refused the login for the `failures`-th time in a row."""
    with db.write("pause") as connection:
        for name in pipelines:
            put_pipeline(db, connection, client, name, auth_role=role, auth_failures=failures)
            _pause(db, connection, client, name, paused="auth", paused_why=why[:500], paused_until=until)


def _pause(db: Database, connection: sa.Connection, client: str, name: str, **values: object) -> None:
    current = connection.execute(
        sa.select(_pipeline.c.paused).where(_pipeline.c.client == client, _pipeline.c.pipeline == name)
    ).scalar()
    if current != "operator" or values["paused"] == "operator":
        put_pipeline(db, connection, client, name, **values)


def resume(db: Database, client: str, pipelines: Sequence[str], *, now: datetime, pass_guard: bool = True) -> list[str]:
    """End every pause of these pipelines and make their streams due; return those that were paused. One that its
    guard stopped may deliver what it has staged, once; where records had vanished, those are not missed any more."""
    resumed = []
    with db.write("resume") as connection:
        for name in pipelines:
            paused = connection.execute(
                sa.select(_pipeline.c.paused).where(_pipeline.c.client == client, _pipeline.c.pipeline == name)
            ).scalar()
            if paused:
                resumed.append(name)
                put_pipeline(
                    db,
                    connection,
                    client,
                    name,
                    paused="",
                    paused_why="",
                    paused_until=None,
                    auth_role="",
                    auth_failures=0,
                    guard_pass=1 if paused == "guard" and pass_guard else 0,
                    **({"guard_passed_at": now} if paused == "mismatch" else {}),
                )
        connection.execute(sa.update(_stream).where(_stream.c.client == client).values(next_due_at=None))
    return resumed


def login_worked(run: Run, role: str) -> None:
    """The system in `role` has answered: forget its refused logins, and the pause that they led to."""
    refused = (_pipeline.c.client == run.client, _pipeline.c.auth_role == role)
    with run.write("login-worked") as connection:
        connection.execute(
            sa.update(_pipeline)
            .where(*refused, _pipeline.c.paused == "auth")
            .values(paused="", paused_why="", paused_until=None)
        )
        connection.execute(sa.update(_pipeline).where(*refused).values(auth_role="", auth_failures=0))


def started(run: Run, pipelines: Mapping[str, datetime], cursor: records.Cursor | None = None) -> None:
    """Note from which instant on each pipeline takes changes, and the stream's first checkpoint with it."""
    with run.write("started") as connection:
        for name, moment in pipelines.items():
            put_pipeline(run.db, connection, run.client, name, started_at=moment)
        if cursor is not None:
            put_cursor(run.db, connection, run.client, run.stream, cursor)


def read_with(run: Run, versions: Mapping[str, str]) -> None:
    """Note with which version of planning each of these pipelines reads everything."""
    with run.write("version") as connection:
        for name, version in versions.items():
            put_pipeline(run.db, connection, run.client, name, version=version)


def guard_passed(run: Run, pipeline: str, now: datetime) -> None:
    """The one permission that an operator gave is used up; what went out before is not counted any more."""
    with run.write("guard-passed") as connection:
        put_pipeline(run.db, connection, run.client, pipeline, guard_pass=0, guard_passed_at=now)


def register(db: Database, client: str, identity: str) -> None:
    """Bind a client's name to the CRM and dialer that it means; raise UserError if the store knows it as another.

    A store from another configuration would take foreign lead ids for its own."""
    with db.write("register") as connection:
        connection.execute(db.insert(_client).values(client=client, identity=identity).on_conflict_do_nothing())
        known = connection.execute(sa.select(_client.c.identity).where(_client.c.client == client)).scalar_one()
    _same(client, known, identity)


def bound(db: Database, client: str, identity: str) -> None:
    """Raise UserError, as `register` does, where the store knows the client as another; binds nothing."""
    with db.read() as connection:
        known = connection.execute(sa.select(_client.c.identity).where(_client.c.client == client)).scalar()
    _same(client, identity if known is None else known, identity)


def _same(client: str, known: str, identity: str) -> None:
    if known != identity:
        raise errors.UserError(
            [
                errors.Problem(
                    "this state store belongs to another configuration: its links lead to another CRM or dialer",
                    where=f"clients.{client}",
                    fix="give the client a new name or its own store; if only an address changed, run "
                    f"`syncd db rebind {client}`",
                )
            ]
        )


def rebind(db: Database, client: str, identity: str) -> None:
    """An operator says that a client's CRM and dialer are the same ones under new addresses."""
    with db.write("rebind") as connection:
        connection.execute(sa.update(_client).where(_client.c.client == client).values(identity=identity))


def first_read_at(db: Database, client: str) -> datetime | None:
    """When the client's first full read had been delivered; None: each create is preceded by a find."""
    with db.read() as connection:
        return connection.execute(_FIRST_READ_AT, {"client": client}).scalar()


def first_read_done(run: Run, now: datetime) -> None:
    """Note that a full read has completed."""
    with run.write("first-read") as connection:
        connection.execute(
            sa.update(_client)
            .where(_client.c.client == run.client, _client.c.first_read_at.is_(None))
            .values(first_read_at=now)
        )


def due_in(state: StreamState, now: datetime) -> timedelta:
    """How long until a stream is due; zero if it is."""
    return max(timedelta(0), state.next_due_at - now) if state.next_due_at else timedelta(0)
