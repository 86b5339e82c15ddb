"""Who was erased, or is being erased, and the tombstones by which nobody comes back with the next poll.

An erasure names nobody: it and its tombstones hold digests under the store's secret. While it is open it holds what is
still to be done on the dialer; when that is done, only what administrators have to delete by hand, until they have.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from syncd.core import digest
from syncd.store import known, tables
from syncd.store.among import among
from syncd.store.database import Database

_erasure = tables.erasure
_tombstone = tables.tombstone
REVISION = "0011"
"""The first revision whose syncd heeds tombstones: an older one would dial again whom this one has erased."""

_STANDING = sa.select(_tombstone.c.digest).where(
    _tombstone.c.client == sa.bindparam("client"), among(_tombstone.c.digest, "ids")
)


_ANY = sa.select(_tombstone.c.digest).where(_tombstone.c.client == sa.bindparam("client")).limit(1)


@dataclass(frozen=True, slots=True)
class Erasure:
    """One person's. `digest`: of what the operator named. `work`: what is still to be done on the dialer, None once it
    is; `by_hand`: what administrators have to delete; `error`: why the dialer's part failed last."""

    id: int
    client: str
    digest: str
    state: Literal["open", "by_hand", "done"]
    work: Mapping[str, Any] | None
    by_hand: tuple[str, ...]
    counts: Mapping[str, int]
    due_at: datetime | None
    failures: int
    error: str
    created_by: str
    created_at: datetime
    ended_at: datetime | None


def record_digest(hashes: digest.Digest, crm_id: str) -> str:
    """By what the tombstone of a CRM record is known; never what a value of a field hashes to."""
    return hashes.value(f"\x1frecord\x1f{crm_id}")


def phone_digest(hashes: digest.Digest, code: str, national: str) -> str:
    """By what the tombstone of a phone is known: as pipelines claim it, calling code and number."""
    return hashes.value(code + national)


def any_of(db: Database, client: str) -> bool:
    """Whether this client has tombstones at all: most have none, and need not be asked by each digest."""
    with db.read() as connection:
        return connection.execute(_ANY, {"client": client}).first() is not None


def standing(db: Database, client: str, digests: Collection[str]) -> set[str]:
    """Those of the digests that have a tombstone."""
    if not digests or not any_of(db, client):
        return set()
    with db.read() as connection:
        parts = [{"client": client, "ids": part} for part in known.slices(digests)]
        return {one for part in parts for one in connection.execute(_STANDING, part).scalars()}


def erased(db: Database, client: str, crm_ids: Sequence[str]) -> set[str]:
    """Those of the CRM records that were erased."""
    if not any_of(db, client):
        return set()
    hashes = db.hashes()
    by_digest = {record_digest(hashes, crm_id): crm_id for crm_id in crm_ids}
    return {by_digest[one] for one in standing(db, client, by_digest)}


def of_tombstone(db: Database, client: str, digests: Collection[str]) -> Erasure | None:
    """The newest erasure that a tombstone among these belongs to."""
    where = _erasure.c.id.in_(
        sa.select(_tombstone.c.erasure_id).where(
            _tombstone.c.client == client, _tombstone.c.digest.in_(sorted(digests))
        )
    )
    with db.read() as connection:
        row = connection.execute(sa.select(_erasure).where(where).order_by(_erasure.c.id.desc()).limit(1)).first()
    return _of(row) if row else None


def one(db: Database, number: int) -> Erasure | None:
    """The erasure of that number."""
    with db.read() as connection:
        row = connection.execute(sa.select(_erasure).where(_erasure.c.id == number)).first()
    return _of(row) if row else None


def listed(db: Database, client: str = "", states: Sequence[str] = ("open", "by_hand", "done")) -> list[Erasure]:
    """Erasures, oldest first; of one client where it is given."""
    where = [_erasure.c.state.in_(states), *([_erasure.c.client == client] if client else [])]
    with db.read() as connection:
        return [_of(row) for row in connection.execute(sa.select(_erasure).where(*where).order_by(_erasure.c.id))]


def due(db: Database, client: str, now: datetime) -> list[Erasure]:
    """Those of a client that are open and to be gone on with now, by whoever has time."""
    return [one for one in listed(db, client, ("open",)) if one.due_at is None or one.due_at <= now]


def insert(
    db: Database,
    connection: sa.Connection,
    client: str,
    digest_: str,
    *,
    work: Mapping[str, Any],
    counts: Mapping[str, int],
    stones: Iterable[tuple[str, str]],
    by: str,
    now: datetime,
    due_at: datetime,
) -> int:
    """Store an open erasure with its tombstones, (digest, kind) each; returns its number. From the first one on, only a
    syncd that heeds tombstones may use the store."""
    number = db.allocate(connection, _erasure, 1)[0]
    values = {"id": number, "client": client, "digest": digest_, "created_by": by, "created_at": now, "due_at": due_at}
    connection.execute(
        sa.insert(_erasure).values(**values, work=json.dumps(dict(work)), counts=json.dumps(dict(counts)))
    )
    stone = db.insert(_tombstone)
    taken_over = stone.on_conflict_do_update(
        index_elements=[_tombstone.c.client, _tombstone.c.digest], set_={"erasure_id": stone.excluded.erasure_id}
    )
    for digest__, kind in stones:
        connection.execute(taken_over, {"client": client, "digest": digest__, "kind": kind, "erasure_id": number})
    raise_oldest(connection)
    return number


def raise_oldest(connection: sa.Connection) -> None:
    """Let no syncd use the store that does not heed tombstones, where there are any."""
    meta = tables.meta
    connection.execute(
        sa.update(meta)
        .where(meta.c.name == "oldest", meta.c.value < REVISION, sa.exists().where(_tombstone.c.client != ""))
        .values(value=REVISION)
    )


def put_work(db: Database, number: int, work: Mapping[str, Any]) -> None:
    """What is to be done is this now: more was found."""
    with db.write("erase-work") as connection:
        connection.execute(
            sa.update(_erasure).where(_erasure.c.id == number, _erasure.c.state == "open").values(work=_json(work))
        )


def put_off(db: Database, number: int, *, due_at: datetime, error: str = "") -> None:
    """Go on then. `error`: what failed just now, "" where it only waits."""
    with db.write("erase-put-off") as connection:
        failed = {"failures": _erasure.c.failures + 1} if error else {}
        connection.execute(
            sa.update(_erasure)
            .where(_erasure.c.id == number, _erasure.c.state == "open")
            .values(due_at=due_at, error=error[:500], **failed)
        )


def end(db: Database, number: int, by_hand: Sequence[str], counts: Mapping[str, int], now: datetime) -> None:
    """The dialer's part is done: what it needed is forgotten."""
    with db.write("erase-end") as connection:
        connection.execute(
            sa.update(_erasure)
            .where(_erasure.c.id == number, _erasure.c.state == "open")
            .values(
                state="by_hand" if by_hand else "done",
                work=None,
                by_hand=json.dumps(list(by_hand)),
                counts=json.dumps(dict(counts)),
                due_at=None,
                error="",
                ended_at=now,
            )
        )


def confirm(db: Database, client: str, number: int) -> bool:
    """Administrators have deleted what was left to them: forget what that was. False where nothing was."""
    with db.write("erase-confirm") as connection:
        mine = (_erasure.c.id == number, _erasure.c.client == client, _erasure.c.state == "by_hand")
        changed = connection.execute(sa.update(_erasure).where(*mine).values(state="done", by_hand="[]")).rowcount
    return changed == 1


def lift(connection: sa.Connection, client: str, digests: Collection[str]) -> int:
    """Take these tombstones away and, with that of a record, all of its erasure, those of its phones. Returns how many
    there were."""
    named = sa.and_(_tombstone.c.client == client, _tombstone.c.digest.in_(sorted(digests)))
    of_records = sa.select(_tombstone.c.erasure_id).where(named, _tombstone.c.kind == "record")
    ids = connection.execute(of_records).scalars().all()
    beside = sa.and_(_tombstone.c.client == client, _tombstone.c.erasure_id.in_(ids))
    return connection.execute(sa.delete(_tombstone).where(sa.or_(named, beside))).rowcount


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value))


def _of(row: Any) -> Erasure:
    return Erasure(
        row.id,
        row.client,
        row.digest,
        row.state,
        json.loads(row.work) if row.work is not None else None,
        tuple(json.loads(row.by_hand)),
        json.loads(row.counts),
        row.due_at,
        row.failures,
        row.error,
        row.created_by,
        row.created_at,
        row.ended_at,
    )
