"""Everything that the store holds of a person, found by ids and deleted in one transaction.

Ids of CRM records and of leads are told apart by where they stand: a lead's may be another person's CRM id.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from syncd.core import plan
from syncd.store import known, tables
from syncd.store.among import among

_intent = tables.intent
_link = tables.link
_decision = tables.decision
_adopted = tables.adoption_record
EVENTS = ("calls", "callbacks")  # streams of the dialer
_LEADS = "dialer.leads"
_OF_EVENTS = ("crm.calls", "crm.tasks")  # targets that these go to
_FREED_HINT = "the record that had this phone was erased; `syncd held retry` looks at this one again"


@dataclass(frozen=True, slots=True)
class Traces:
    """By what a person is known. `events`: ids of their calls and callbacks."""

    records: frozenset[str] = frozenset()
    leads: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Names:
    """Names of a client's pipelines, by what the decisions of theirs go by: a CRM record, a lead, an event."""

    of_records: Sequence[str]
    of_leads: Sequence[str]
    of_events: Sequence[str]


@dataclass(slots=True)
class Removed:
    """What there was: numbers by table; `entries`, the records of calls and callbacks in the CRM, "calls/ID" each;
    `leads`: those that were linked, with their keys; `bodies`: what waited to be sent to leads; `until`: until then a
    lead may still appear of a request that nobody knows the end of."""

    counts: Counter[str] = field(default_factory=Counter)
    entries: list[str] = field(default_factory=list)
    leads: dict[str, str] = field(default_factory=dict)
    bodies: list[dict[str, str | None]] = field(default_factory=list)
    until: datetime | None = None


def counted(connection: sa.Connection, client: str, traces: Traces, names: Names) -> dict[str, int]:
    """How many rows there are, by table; deletes nothing."""
    found = {"intents": len(_intents(connection, client, traces))}
    for rows in _rows(client, traces, names):
        count = sa.select(sa.func.count()).select_from(rows.table).where(rows.where)
        found[rows.name] = found.get(rows.name, 0) + connection.execute(count, rows.values).scalar_one()
    return {name: number for name, number in found.items() if number}


def remove(connection: sa.Connection, client: str, traces: Traces, names: Names, *, find_lag: timedelta) -> Removed:
    """Delete all of it. What waits or is held of a person ends with it, without a trace."""
    removed = Removed()
    for row in _intents(connection, client, traces):
        if row.target == _LEADS and row.body:
            removed.bodies.append(json.loads(row.body))
        late = row.sent_at + find_lag if row.state == "sending" and row.target == _LEADS else None
        for moment in (late, row.look_at):
            if moment is not None:
                removed.until = max(removed.until or moment, moment)
        connection.execute(sa.delete(tables.event).where(tables.event.c.intent_id == row.id))
        connection.execute(sa.delete(_intent).where(_intent.c.id == row.id))
        removed.counts["intents"] += 1
    removed.entries = _entries(connection, client, traces)
    linked = sa.select(_link.c.dialer_id, _link.c.key).where(
        _mine(_link, client, _link.c.crm_stream == "leads"), among(_link.c.crm_id, "ids")
    )
    found = connection.execute(linked, {"ids": sorted(traces.records)})
    removed.leads = {row.dialer_id: row.key for row in found}
    for rows in _rows(client, traces, names):
        removed.counts[rows.name] += connection.execute(sa.delete(rows.table).where(rows.where), rows.values).rowcount
    _positions(connection, client, traces)
    _hints(connection, client, traces.records)
    _proposals(connection, client, traces.leads | removed.leads.keys())
    removed.counts = +removed.counts
    return removed


def _intents(connection: sa.Connection, client: str, traces: Traces) -> list[sa.Row[Any]]:
    """Intents about the records or second leads of theirs, and about their events, open and settled."""
    columns = [
        _intent.c[name] for name in ("id", "target", "subject", "state", "sent_at", "look_at", "waits_for", "body")
    ]
    mine = _intent.c.client == client
    found: dict[int, sa.Row[Any]] = {}
    for ids in (traces.records, traces.events):
        of_event = _intent.c.target.in_(_OF_EVENTS)
        where = (among(_intent.c.subject, "ids"), of_event if ids is traces.events else ~of_event)
        for part in known.slices(sorted(ids)):
            rows = connection.execute(sa.select(*columns).where(mine, *where), {"ids": part})
            found.update((row.id, row) for row in rows)
    for crm_id in sorted(traces.records):
        beside = _intent.c.subject.startswith(f"{crm_id}#", autoescape=True)
        waits = sa.and_(_intent.c.state != "settled", _intent.c.waits_for == crm_id)
        for row in connection.execute(sa.select(*columns).where(mine, sa.or_(beside, waits))):
            # SQLite takes no notice of case in LIKE
            if row.subject.startswith(f"{crm_id}#") or row.waits_for == crm_id:
                found[row.id] = row
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Rows:
    """Some rows of a table, by one of its columns; `name` is what to call them."""

    name: str
    table: sa.Table
    column: str
    ids: frozenset[str]
    more: sa.ColumnElement[bool]

    @property
    def where(self) -> sa.ColumnElement[bool]:
        return sa.and_(self.more, among(self.table.c[self.column], "ids"))

    @property
    def values(self) -> dict[str, Sequence[str]]:
        return {"ids": sorted(self.ids)}


def _rows(client: str, traces: Traces, names: Names) -> Iterator[_Rows]:
    """All rows but intents."""
    records, leads, events = traces.records, traces.leads, traces.events
    yield _Rows("links", _link, "crm_id", records, _mine(_link, client, _link.c.crm_stream == "leads"))
    yield _Rows("links", _link, "dialer_id", events, _mine(_link, client, _link.c.dialer_stream.in_(EVENTS)))
    for of, ids in ((names.of_records, records), (names.of_leads, leads), (names.of_events, events)):
        yield _Rows("decisions", _decision, "record_id", ids, _mine(_decision, client, _decision.c.pipeline.in_(of)))
    for name, table in (("phones", tables.phone), ("suppressed", tables.suppressed)):
        yield _Rows(name, table, "crm_id", records, _mine(table, client))
    yield _Rows("adoptions", _adopted, "crm_id", records, _mine(_adopted, client))
    yield _Rows("awaited", tables.awaited, "record_id", events, _mine(tables.awaited, client))
    named = tables.backfill_record
    for role, ids in (("crm.", records), ("dialer.", events)):
        backfills = sa.select(tables.backfill.c.id).where(
            tables.backfill.c.client == client, tables.backfill.c.stream.startswith(role)
        )
        yield _Rows("backfills", named, "record_id", ids, named.c.backfill_id.in_(backfills))
    audits = sa.select(tables.audit.c.id).where(tables.audit.c.client == client)
    row, finding = tables.audit_row, tables.audit_finding
    for side, ids in (("record", records), ("activity", events)):
        yield _Rows("audits", row, "record_id", ids, sa.and_(row.c.audit_id.in_(audits), row.c.side == side))
    subjects = records | events | {f"lead {one}" for one in leads}
    yield _Rows("audits", finding, "subject", subjects, finding.c.audit_id.in_(audits))


def _mine(table: sa.Table, client: str, *more: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.client == client, *more)


def _entries(connection: sa.Connection, client: str, traces: Traces) -> list[str]:
    """The CRM's records of their events."""
    found: list[str] = []
    for part in known.slices(sorted(traces.events)):
        rows = connection.execute(
            sa.select(_link.c.crm_stream, _link.c.crm_id)
            .where(_link.c.client == client, _link.c.dialer_stream.in_(EVENTS), among(_link.c.dialer_id, "ids"))
            .order_by(_link.c.id),
            {"ids": part},
        )
        found += [f"{row.crm_stream}/{row.crm_id}" for row in rows]
    return found


def _positions(connection: sa.Connection, client: str, traces: Traces) -> None:
    """Positions in streams that name one of their records: the time alone is a position, too."""
    streams, backfills = tables.stream, tables.backfill
    for role, ids in (("crm.", traces.records), ("dialer.", traces.events)):
        values = {"ids": sorted(ids)}
        for table, name in ((streams, "cursor_id"), (streams, "vanish_after"), (backfills, "position_id")):
            mine = (table.c.client == client, table.c.stream.startswith(role), among(table.c[name], "ids"))
            connection.execute(sa.update(table).where(*mine).values({name: ""}), values)


def _hints(connection: sa.Connection, client: str, records: Collection[str]) -> None:
    """What is held of others because one of these records has their phone names it no more."""
    rows = connection.execute(
        sa.select(_intent.c.id, _intent.c.hint).where(
            _intent.c.client == client, _intent.c.state == "held", _intent.c.reason == "shared_phone"
        )
    ).all()
    for row in rows:
        if any(row.hint.startswith(plan.shared_with(crm_id)) for crm_id in records):
            connection.execute(sa.update(_intent).where(_intent.c.id == row.id).values(hint=_FREED_HINT))


def _proposals(connection: sa.Connection, client: str, leads: Collection[str]) -> None:
    """One of these leads is proposed no more for the record of somebody else, who has to be decided on anew."""
    for lead_id in leads:
        named = sa.or_(_adopted.c.lead_id == lead_id, _adopted.c.leads.contains(json.dumps(lead_id), autoescape=True))
        for row in connection.execute(sa.select(_adopted).where(_mine(_adopted, client, named))).all():
            values: dict[str, object] = {"leads": json.dumps([one for one in json.loads(row.leads) if one != lead_id])}
            if row.lead_id == lead_id:
                values |= {"lead_id": "", "decision": "", "todo": 0, "reason": "lead_gone"}
            mine = _mine(_adopted, client, _adopted.c.crm_id == row.crm_id)
            connection.execute(sa.update(_adopted).where(mine).values(**values))
