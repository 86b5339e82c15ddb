"""Adoptions: how far one is, and what is decided of the records that a person must look at."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from syncd.store import known, tables
from syncd.store.among import among
from syncd.store.database import Database
from syncd.store.lease import Run

_adoption = tables.adoption
_record = tables.adoption_record
_intent = tables.intent
_link = tables.link
PIPELINE = "adopt"


@dataclass(frozen=True, slots=True)
class Adoption:
    """One client's adoption. `position`: up to where the CRM has been read."""

    client: str
    state: str
    position: datetime | None
    until: datetime
    read_to_end: bool
    options: Mapping[str, Any]
    counts: Mapping[str, int]
    error: str
    created_by: str
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """One CRM record: `leads` that may be its, the one that is proposed, decided or adopted, and what is decided: ""
    (nothing yet), adopt, adopted, create or skip. `was`: what stood in the lead where its key is now."""

    crm_id: str
    phone: str = ""
    leads: Sequence[str] = ()
    lead_id: str = ""
    reason: str = ""
    decision: str = ""
    todo: bool = False
    was: Mapping[str, str] = field(default_factory=dict)


def one(db: Database, client: str) -> Adoption | None:
    """The client's adoption, None if there never was one."""
    with db.read() as connection:
        row = connection.execute(sa.select(_adoption).where(_adoption.c.client == client)).first()
    if row is None:
        return None
    return Adoption(
        row.client,
        row.state,
        row.position_at,
        row.until_at,
        bool(row.read_to_end),
        json.loads(row.options),
        json.loads(row.counts),
        row.error,
        row.created_by,
        row.created_at,
        row.ended_at,
    )


_IS_OPEN = sa.select(_adoption.c.client).where(
    _adoption.c.client == sa.bindparam("client"), _adoption.c.state == "open"
)


def is_open(db: Database, client: str) -> bool:
    """Whether nothing is to be created for the client, since whose leads are there is not known yet."""
    with db.read() as connection:
        return connection.execute(_IS_OPEN, {"client": client}).first() is not None


def begin(run: Run, *, until: datetime, options: Mapping[str, Any], by: str, now: datetime) -> None:
    """Begin the client's adoption anew. From this commit on nothing is created for it."""
    values = {
        "state": "open",
        "position_at": None,
        "until_at": until,
        "read_to_end": 0,
        "options": json.dumps(dict(options)),
        "counts": "{}",
        "error": "",
        "created_by": by,
        "created_at": now,
        "ended_at": None,
    }
    with run.write("adopt") as connection:
        row = run.db.insert(_adoption).values(client=run.client, **values)
        connection.execute(row.on_conflict_do_update(index_elements=[_adoption.c.client], set_=values))


def put(run: Run, **values: object) -> None:
    """Set columns of the client's adoption."""
    with run.write("adopt") as connection:
        connection.execute(sa.update(_adoption).where(_adoption.c.client == run.client).values(**values))


def note(db: Database, client: str, error: str) -> None:
    """Note why an adoption stopped."""
    with db.write("adopt") as connection:
        connection.execute(sa.update(_adoption).where(_adoption.c.client == client).values(error=error[:500]))


def cancel(db: Database, client: str, now: datetime) -> None:
    """End an open adoption: leads are created again. What is undecided stays so."""
    with db.write("adopt") as connection:
        ours = (_adoption.c.client == client, _adoption.c.state == "open")
        connection.execute(sa.update(_adoption).where(*ours).values(state="cancelled", ended_at=now))


def _row(row: Any) -> Row:
    return Row(
        row.crm_id,
        row.phone,
        json.loads(row.leads),
        row.lead_id,
        row.reason,
        row.decision,
        bool(row.todo),
        json.loads(row.was),
    )


_ROWS = sa.select(_record).where(_record.c.client == sa.bindparam("client"), among(_record.c.crm_id, "ids"))


def rows(db: Database, client: str, ids: Collection[str]) -> dict[str, Row]:
    """What is stored of these CRM records."""
    with db.read() as connection:
        return {
            row.crm_id: _row(row)
            for part in known.slices(ids)
            for row in connection.execute(_ROWS, {"client": client, "ids": part})
        }


def each(
    db: Database, client: str, decision: str | None = None, *, todo: bool | None = None, size: int = 100
) -> Iterator[list[Row]]:
    """The rows of that decision, in the order of their ids, some at a time."""
    where = [_record.c.client == client]
    if decision is not None:
        where.append(_record.c.decision == decision)
    if todo is not None:
        where.append(_record.c.todo == int(todo))
    after = ""
    while True:
        statement = sa.select(_record).where(*where, _record.c.crm_id > after).order_by(_record.c.crm_id).limit(size)
        with db.read() as connection:
            found = [_row(row) for row in connection.execute(statement)]
        if found:
            yield found
        if len(found) < size:
            return
        after = found[-1].crm_id


def storing(run: Run, found: Sequence[Row], now: datetime) -> Callable[[sa.Connection, int], None]:
    """What stores these rows in a commit that stages something; see `staging.stage`."""

    def store(connection: sa.Connection, _held: int) -> None:
        if not found:
            return
        row = run.db.insert(_record)
        names = ("phone", "leads", "lead_id", "reason", "decision", "todo", "was", "at")
        connection.execute(
            row.on_conflict_do_update(
                index_elements=[_record.c.client, _record.c.crm_id], set_={name: row.excluded[name] for name in names}
            ),
            [
                {
                    "client": run.client,
                    "crm_id": one.crm_id,
                    "phone": one.phone,
                    "leads": json.dumps(list(one.leads)),
                    "lead_id": one.lead_id,
                    "reason": one.reason,
                    "decision": one.decision,
                    "todo": int(one.todo),
                    "was": json.dumps(dict(one.was)),
                    "at": now,
                }
                for one in found
            ],
        )

    return store


def decide(db: Database, client: str, found: Sequence[Row], now: datetime) -> None:
    """Store what a person has decided, all of it in one commit; the next run of the adoption carries it out."""
    with db.write("decide") as connection:
        for one_ in found:
            connection.execute(
                sa.update(_record)
                .where(_record.c.client == client, _record.c.crm_id == one_.crm_id)
                .values(decision=one_.decision, lead_id=one_.lead_id, todo=1, at=now)
            )


def forget(run: Run, ids: Collection[str]) -> None:
    """Nothing is to be decided of these records any more."""
    if not ids:
        return
    with run.write("adopt") as connection:
        for part in known.slices(ids):
            connection.execute(
                sa.delete(_record).where(_record.c.client == run.client, among(_record.c.crm_id, "ids")),
                {"ids": part},
            )


# one state each: a partial index serves no list of states
_PENDING = sa.union_all(
    *(
        sa.select(_intent.c.subject, _intent.c.far_id).where(
            _intent.c.client == sa.bindparam("client"), _intent.c.pipeline == PIPELINE, _intent.c.state == state
        )
        for state in ("staged", "sending")
    )
)


def pending(db: Database, client: str) -> dict[str, str]:
    """CRM record → lead, of adoptions that are on their way: a batch of them at most."""
    with db.read() as connection:
        return {row.subject: row.far_id for row in connection.execute(_PENDING, {"client": client})}


def propose(run: Run, *, adopt: bool) -> None:
    """Hold the proposals by name against each other: whose phone several records have, and whose lead another record
    has got by now, are for a person to decide. `adopt`: the others are decided."""
    other = _record.alias("other")
    ours = (_record.c.client == run.client, _record.c.decision == "", _record.c.reason == "name")
    shared = sa.exists().where(
        other.c.client == _record.c.client, other.c.phone == _record.c.phone, other.c.crm_id != _record.c.crm_id
    )
    taken = sa.exists().where(
        _link.c.client == _record.c.client, _link.c.dialer_stream == "leads", _link.c.dialer_id == _record.c.lead_id
    )
    with run.write("adopt") as connection:
        connection.execute(sa.update(_record).where(*ours, taken).values(reason="taken"))
        connection.execute(sa.update(_record).where(*ours, shared).values(reason="shared_phone"))
        if adopt:
            connection.execute(sa.update(_record).where(*ours).values(decision="adopt", todo=1))


def to_review(run: Run, now: datetime) -> int:
    """What the dialer refused to adopt is a person's to decide; returns how many these are."""
    held = (
        _intent.c.client == run.client,
        _intent.c.target == "dialer.leads",
        _intent.c.pipeline == PIPELINE,
        _intent.c.state == "held",
    )
    columns = (_intent.c.id, _intent.c.subject, _intent.c.far_id, _intent.c.reason)
    with run.db.read() as connection:
        found = connection.execute(sa.select(*columns).where(*held)).all()
    if not found:
        return 0
    before = rows(run.db, run.client, [row.subject for row in found])
    reviews = []
    for row in found:
        stood = before.get(row.subject, Row(row.subject, leads=[row.far_id]))
        reason = "lead_gone" if row.reason in ("missing", "linked_elsewhere") else "refused"
        reviews.append(Row(row.subject, stood.phone, stood.leads, reason=reason))
    with run.write("adopt") as connection:
        storing(run, reviews, now)(connection, 0)
        connection.execute(
            sa.update(_intent).where(*held).values(state="settled", result="review", body=None, updated_at=now)
        )
    return len(found)


def settle(run: Run, ids: Collection[str] | None) -> None:
    """Those of these records (None: of all) that were decided and have their lead by now are adopted."""
    linked = sa.exists().where(
        _link.c.client == _record.c.client, _link.c.crm_stream == "leads", _link.c.crm_id == _record.c.crm_id
    )
    ours = (_record.c.client == run.client, _record.c.decision == "adopt")
    adopted = sa.update(_record).where(*ours, linked).values(decision="adopted")
    with run.write("adopt") as connection:
        if ids is None:
            connection.execute(adopted)
            return
        for part in known.slices(ids):
            connection.execute(adopted.where(among(_record.c.crm_id, "ids")), {"ids": part})


def tally(db: Database, client: str) -> dict[str, dict[str, int]]:
    """Decision → reason → how many records; "" is the decision that is still to be made."""
    found: dict[str, dict[str, int]] = {}
    with db.read() as connection:
        for decision, reason, number in connection.execute(
            sa.select(_record.c.decision, _record.c.reason, sa.func.count())
            .where(_record.c.client == client)
            .group_by(_record.c.decision, _record.c.reason)
            .order_by(_record.c.decision, _record.c.reason)
        ):
            found.setdefault(decision, {})[reason] = number
    return found


_STANDING = sa.select(_record.c.crm_id, _record.c.decision).where(
    _record.c.client == sa.bindparam("client"),
    among(_record.c.crm_id, "ids"),
    _record.c.decision.in_(("", "adopt", "skip")),
)


def standing(db: Database, client: str, ids: Collection[str]) -> dict[str, Literal["skip", "undecided"]]:
    """CRM record → "skip" or "undecided", of those for which nothing is to be created."""
    found: dict[str, Literal["skip", "undecided"]] = {}
    if not ids:
        return found
    with db.read() as connection:
        for part in known.slices(ids):
            for crm_id, decision in connection.execute(_STANDING, {"client": client, "ids": part}):
                found[crm_id] = "skip" if decision == "skip" else "undecided"
    return found
