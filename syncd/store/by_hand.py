"""What an operator did by hand outside of any pipeline, for the record: who, when, why, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa

from syncd.core import model
from syncd.store import held, tables
from syncd.store.database import Database

PIPELINE = "by hand"


@dataclass(slots=True)
class Note:
    """What is being done; `done` is to be filled in."""

    done: Sequence[str] = field(default_factory=tuple)


@contextmanager
def noted(db: Database, client: str, subject: str, *, what: str, who: str, why: str) -> Iterator[Note]:
    """Record that `who` asks for `what` on a subject (a digest: no personal data) before it is done, and afterwards
    what came of it. An error inside is recorded by its class, and raised."""
    with db.write("by-hand") as connection:
        intent_id = asked(db, connection, client, subject, what=what, who=who, why=why, target="dialer.dnc")
    note = Note()
    said = "failed"
    try:
        yield note
        said = ", ".join(note.done) or "nothing"
    except BaseException as error:
        said = f"failed: {type(error).__name__}"
        raise
    finally:
        with db.write("by-hand") as connection:
            _event(connection, intent_id, datetime.now(UTC), what, said)


def asked(
    db: Database, connection: sa.Connection, client: str, subject: str, *, what: str, who: str, why: str, target: str
) -> int:
    """The record that `who` asked for `what` on a subject (a digest), inside a transaction; returns its number."""
    now = datetime.now(UTC)
    intent_id = db.allocate(connection, tables.intent, 1)[0]
    connection.execute(
        sa.insert(tables.intent).values(
            id=intent_id,
            client=client,
            pipeline=PIPELINE,
            target=target,
            subject=subject,
            record_id="",
            state="settled",
            kind="remove",
            lane=int(model.Lane.URGENT),
            version_at=now,
            due_at=now,
            result=what,
            reason=why,
            hint=who,
            created_at=now,
            updated_at=now,
        )
    )
    _event(connection, intent_id, now, "asked", f"{who}: {why}")
    return intent_id


def _event(connection: sa.Connection, intent_id: int, at: datetime, step: str, detail: str) -> None:
    connection.execute(
        sa.insert(tables.event).values(at=at, intent_id=intent_id, run_id=held.BY_HAND, step=step, detail=detail[:200])
    )
