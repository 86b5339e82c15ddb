"""Looking up what the store knows of the records of a page."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from syncd.core import model
from syncd.sdk import errors
from syncd.store import tables
from syncd.store.among import among
from syncd.store.database import Database

_link = tables.link
_intent = tables.intent
SLICE = 500  # values in one look-up


def slices(values: Iterable[str]) -> Iterator[list[str]]:
    """The values without repeats, in slices for one look-up each. Raises UserError for one with a NUL character: at
    it, PostgreSQL's texts and SQLite's JSON end."""
    unique = list(dict.fromkeys(values))
    if any("\0" in value for value in unique):
        what = "the id of a record has a NUL character in it"
        raise errors.UserError([errors.Problem(what, fix="leave that record out of what is read, or correct its id")])
    for start in range(0, len(unique), SLICE):
        yield unique[start : start + SLICE]


def base_of(text: str | None) -> dict[str, tuple[str, str]]:
    """A base as it is stored."""
    return {name: (pair[0], pair[1]) for name, pair in json.loads(text or "{}").items()}


def link_of(row: sa.Row[tuple[object, ...]]) -> model.Link:
    """A row of `link` as a Link."""
    return model.Link(
        id=row.id,
        crm_id=row.crm_id,
        dialer_id=row.dialer_id,
        key=row.key,
        base=base_of(row.base),
        removed=row.removed,
        called_at=row.called_at,
        call_id=row.call_id,
        flags=row.flags,
        created_at=row.created_at,
    )


LINK_COLUMNS = tuple(
    _link.c[name].label(f"link_{name}")
    for name in ("id", "crm_id", "dialer_id", "key", "base", "removed", "called_at", "call_id", "flags")
)


def joined_link(row: Any) -> model.Link | None:
    """The link among a row's LINK_COLUMNS, None where an outer join found none."""
    if row.link_id is None:
        return None
    return model.Link(
        row.link_id,
        row.link_crm_id,
        row.link_dialer_id,
        row.link_key,
        base_of(row.link_base),
        row.link_removed,
        row.link_called_at,
        row.link_call_id,
        row.link_flags,
    )


_BY_CRM = sa.select(_link).where(
    _link.c.client == sa.bindparam("client"),
    _link.c.crm_stream == sa.bindparam("stream"),
    among(_link.c.crm_id, "ids"),
)
_BY_DIALER = sa.select(_link).where(
    _link.c.client == sa.bindparam("client"),
    _link.c.dialer_stream == sa.bindparam("stream"),
    among(_link.c.dialer_id, "ids"),
)


def links_by_crm(db: Database, client: str, crm_stream: str, ids: Collection[str]) -> dict[str, model.Link]:
    """Links by the CRM record's id."""
    return {link.crm_id: link for link in _links(db, _BY_CRM, client, crm_stream, ids)}


def links_by_dialer(db: Database, client: str, dialer_stream: str, ids: Collection[str]) -> dict[str, model.Link]:
    """Links by the dialer record's id."""
    return {link.dialer_id: link for link in _links(db, _BY_DIALER, client, dialer_stream, ids)}


def _links(db: Database, statement: sa.Select[Any], client: str, stream: str, ids: Collection[str]) -> list[model.Link]:
    with db.read() as connection:
        return [
            link_of(row)
            for part in slices(ids)
            for row in connection.execute(statement, {"client": client, "stream": stream, "ids": part})
        ]


_DECISIONS = sa.select(tables.decision.c.record_id, tables.decision.c.digest, tables.decision.c.reason).where(
    tables.decision.c.client == sa.bindparam("client"),
    tables.decision.c.pipeline == sa.bindparam("pipeline"),
    among(tables.decision.c.record_id, "ids"),
)


class Decision(NamedTuple):
    """When a pipeline last planned a record: the digest of its row, and the reason that it gave."""

    digest: str
    reason: str


def decisions(db: Database, client: str, pipeline: str, ids: Collection[str]) -> dict[str, Decision]:
    """What this pipeline last decided of each record."""
    found: dict[str, Decision] = {}
    with db.read() as connection:
        for part in slices(ids):
            rows = connection.execute(_DECISIONS, {"client": client, "pipeline": pipeline, "ids": part})
            found.update((row[0], Decision(row[1], row[2])) for row in rows)
    return found


_SENDING = sa.select(_intent.c.subject).where(
    _intent.c.client == sa.bindparam("client"),
    _intent.c.target == sa.bindparam("target"),
    among(_intent.c.subject, "ids"),
    _intent.c.state == "sending",
)


def busy(db: Database, client: str, target: str, subjects: Collection[str]) -> set[str]:
    """The subjects of which an intent may be applied at this moment: `sending`, or held because several far records
    were found."""
    found: set[str] = set()
    with db.read() as connection:
        for part in slices(subjects):
            found.update(connection.execute(_SENDING, {"client": client, "target": target, "ids": part}).scalars())
    return found


def pending_creates(db: Database, client: str, target: str, keys: Collection[str]) -> dict[str, str]:
    """Key → CRM record of creates that may have been applied but are not settled."""
    wanted = {key for key in keys if key}
    if not wanted:
        return {}
    with db.read() as connection:
        rows = connection.execute(
            sa.select(_intent.c.key, _intent.c.subject).where(
                _intent.c.client == client,
                _intent.c.target == target,
                _intent.c.kind == "create",
                _intent.c.sent_at.is_not(None),
                _intent.c.state.in_(("staged", "sending", "held")),
            )
        )
        return {key: subject for key, subject in rows if key in wanted}


_LAST_WRITTEN = (
    sa.select(_intent.c.subject, sa.func.max(_intent.c.updated_at).label("at"))
    .where(
        _intent.c.client == sa.bindparam("client"),
        _intent.c.target == sa.bindparam("target"),
        among(_intent.c.subject, "ids"),
        _intent.c.result == "updated",
    )
    .group_by(_intent.c.subject)
)


def last_written(db: Database, client: str, target: str, subjects: Collection[str]) -> dict[str, datetime]:
    """Subject → when one of our own updates of its far record was settled last, by our clock."""
    found: dict[str, datetime] = {}
    with db.read() as connection:
        for part in slices(subjects):
            rows = connection.execute(_LAST_WRITTEN, {"client": client, "target": target, "ids": part})
            found.update((row.subject, row.at) for row in rows)
    return found


_WAITING_CALLS = sa.select(_intent.c.subject, _intent.c.call).where(
    _intent.c.client == sa.bindparam("client"),
    _intent.c.target == sa.bindparam("target"),
    among(_intent.c.subject, "ids"),
    _intent.c.state.in_(("staged", "sending", "held")),
    _intent.c.call.is_not(None),
)


def waiting_calls(
    db: Database, client: str, target: str, subjects: Collection[str]
) -> dict[str, tuple[datetime, str, str]]:
    """Subject → the newest call, (start, id, flags), whose disposition is not settled."""
    found: dict[str, tuple[datetime, str, str]] = {}
    if not subjects:
        return found
    with db.read() as connection:
        for part in slices(subjects):
            for subject, text in connection.execute(_WAITING_CALLS, {"client": client, "target": target, "ids": part}):
                at, call_id, flags = json.loads(text)
                call = (datetime.fromisoformat(at), call_id, flags)
                found[subject] = max(call, found.get(subject, call))
    return found


_HOLDERS = sa.select(tables.phone.c.digest, tables.phone.c.crm_id).where(
    tables.phone.c.client == sa.bindparam("client"), among(tables.phone.c.digest, "ids")
)


def phone_holders(db: Database, client: str, digests_: Collection[str]) -> dict[str, str]:
    """Phone digest → the CRM record that has claimed it."""
    found: dict[str, str] = {}
    with db.read() as connection:
        for part in slices(digests_):
            rows = connection.execute(_HOLDERS, {"client": client, "ids": part})
            found.update((row[0], row[1]) for row in rows)
    return found


_NEWEST_LINKS = (
    sa.select(_link)
    .where(
        _link.c.client == sa.bindparam("client"),
        _link.c.crm_stream == sa.bindparam("crm_stream"),
        _link.c.removed == "",
    )
    .order_by(_link.c.id.desc())
    .limit(sa.bindparam("size"))
)


def newest_links(db: Database, client: str, crm_stream: str, limit: int) -> list[model.Link]:
    """The youngest links of a stream that are not taken out of dialling, the youngest first."""
    with db.read() as connection:
        asked = {"client": client, "crm_stream": crm_stream, "size": limit}
        return [link_of(row) for row in connection.execute(_NEWEST_LINKS, asked)]


def links_after(db: Database, client: str, dialer_stream: str, after: int, limit: int) -> list[model.Link]:
    """The links of leads that are not taken out of dialling, in the order in which they were made, behind `after`."""
    with db.read() as connection:
        rows = connection.execute(
            sa.select(_link)
            .where(
                _link.c.client == client,
                _link.c.dialer_stream == dialer_stream,
                _link.c.removed == "",
                _link.c.id > after,
            )
            .order_by(_link.c.id)
            .limit(limit)
        )
        return [link_of(row) for row in rows]


def open_links(
    db: Database, client: str, pipeline: str, dialer_stream: str, ended: Sequence[str], after: int, limit: int
) -> list[model.Link]:
    """The links of records whose last plan by this pipeline did not say that they have ended, in the order in which
    they were made, behind `after`."""
    decision = tables.decision
    over = sa.exists().where(
        decision.c.client == client,
        decision.c.pipeline == pipeline,
        decision.c.record_id == _link.c.dialer_id,
        decision.c.reason.in_(ended),
    )
    ours = (_link.c.client == client, _link.c.dialer_stream == dialer_stream, _link.c.id > after)
    with db.read() as connection:
        rows = connection.execute(sa.select(_link).where(*ours, ~over).order_by(_link.c.id).limit(limit))
        return [link_of(row) for row in rows]


def decided_ids(db: Database, client: str, pipeline: str, after: str, limit: int) -> Sequence[str]:
    """Records that this pipeline has planned, in order of their text, after `after`."""
    decision = tables.decision
    query = (
        sa.select(decision.c.record_id)
        .where(decision.c.client == client, decision.c.pipeline == pipeline, decision.c.record_id > after)
        .order_by(decision.c.record_id)
        .limit(limit)
    )
    with db.read() as connection:
        return list(connection.execute(query).scalars())


def linked_ids(db: Database, client: str, crm_stream: str, after: str, limit: int) -> Sequence[str]:
    """CRM ids that have a link and are not known to be deleted, in order of their text, after `after`."""
    with db.read() as connection:
        return list(
            connection.execute(
                sa.select(_link.c.crm_id)
                .where(
                    _link.c.client == client,
                    _link.c.crm_stream == crm_stream,
                    _link.c.crm_id > after,
                    _link.c.removed != "deleted",
                )
                .order_by(_link.c.crm_id)
                .limit(limit)
            ).scalars()
        )
