"""Transaction 1: what was decided for a page, and the cursor that stands after it, in one commit.

A newer version of a record replaces its staged or held intent, an older one never does; a staged intent that is no
longer needed is cancelled. An intent that is held because several far records carry its key stays: only a person can
tell which is right. So does one whose far record is gone, as long as there is nothing to send that would show it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from syncd.core import erased, model
from syncd.sdk import records
from syncd.store import awaited, bulk, delivery, known, statements, streams, tables
from syncd.store.among import among
from syncd.store.lease import Run

_intent = tables.intent
_link = tables.link
_OPEN = sa.select(
    *(
        _intent.c[name]
        for name in (
            "id", "subject", "state", "version_at", "body", "reason", "kind", "lane", "attempts",
        )
    )
).where(
    _intent.c.client == sa.bindparam("client"),
    _intent.c.target == sa.bindparam("target"),
    _intent.c.pipeline == sa.bindparam("pipeline"),
    among(_intent.c.subject, "subjects"),
    sa.or_(_intent.c.state.in_(("staged", "held")), _intent.c.result == "dropped"),
)  # fmt: skip
_RELEASE_PHONES = sa.delete(tables.phone).where(
    tables.phone.c.client == sa.bindparam("client"), among(tables.phone.c.crm_id, "ids")
)
_PERMIT = sa.delete(tables.suppressed).where(
    tables.suppressed.c.client == sa.bindparam("client"),
    among(tables.suppressed.c.crm_id, "ids"),
    tables.suppressed.c.why != "tombstone",
)


@dataclass(frozen=True, slots=True)
class Batch:
    """The plans of one pipeline for one page, with the base to remember for fields that agree already and the
    digests of claimed phones."""

    pipe: model.Pipeline
    plans: Sequence[model.Plan]
    agreed: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)  # record id → base
    phone_digest: Callable[[str], str] = lambda text: text
    aside: bool = False  # these plans did not come of reading their records: nothing is noted but the intents
    backfill: bool = False  # goes out after live work, unless live work has staged it already or it is urgent


def stage(
    run: Run,
    batches: Sequence[Batch],
    cursor: records.Cursor | None,
    now: datetime,
    *,
    also: Callable[[sa.Connection, int], None] | None = None,
) -> list[int]:
    """Store the plans and the cursor in one commit, and whatever `also` (told how many were newly held) stores with
    them. Returns the ids of intents that were newly held."""
    held: list[int] = []
    with run.write("stage") as connection:
        for batch in batches:
            if batch.plans:
                held += _Stager(run, connection, batch, now).store()
        if cursor is not None:
            streams.put_cursor(run.db, connection, run.client, run.stream, _unnamed(cursor, batches))
        if also is not None:
            also(connection, len(held))
    return held


def _unnamed(cursor: records.Cursor, batches: Sequence[Batch]) -> records.Cursor:
    """The position without the id of somebody who was erased: the time alone is one, too."""
    named = (plan for batch in batches for plan in batch.plans if plan.record_id == cursor.id)
    return replace(cursor, id="") if any(plan.reason == erased.ERASED for plan in named) else cursor


@cache
def _note(is_sqlite: bool) -> sa.Insert:
    """The statement that remembers decisions."""
    table = tables.decision
    row = sqlite.insert(table) if is_sqlite else postgresql.insert(table)
    return row.on_conflict_do_update(
        index_elements=[table.c.client, table.c.pipeline, table.c.record_id],
        set_={name: row.excluded[name] for name in ("digest", "verdict", "reason", "at")},
    )


class _Stager:
    """The writes of one batch, collected first and sent in bulk."""

    def __init__(self, run: Run, connection: sa.Connection, batch: Batch, now: datetime) -> None:
        self.run, self.db, self.connection, self.batch, self.now = run, run.db, connection, batch, now
        self.pipe = batch.pipe
        self.target = str(batch.pipe.target)
        self.rows: list[dict[str, Any]] = []
        self.replaced: list[dict[str, Any]] = []
        self.ended: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []

    def store(self) -> list[int]:
        plans = {plan.subject: plan for plan in self.batch.plans if not plan.counted}
        for plan in self.batch.plans:
            self.run.count(f"{self.pipe.name}.{plan.verdict}" + (f".{plan.reason}" if plan.reason else ""))
        open_rows = self._open(list(plans))
        ids = iter(self.db.allocate(self.connection, _intent, len(plans)) if plans else ())
        held = [new for plan in plans.values() if (new := self._one(plan, open_rows, ids)) is not None]
        bulk.execute(self.connection, statements.END, self.ended, b_now=self.now)
        bulk.execute(self.connection, statements.RESTAGE, self.replaced, b_now=self.now)
        bulk.insert(self.connection, _intent, self.rows)
        bulk.insert(self.connection, tables.event, self.events)
        if self.batch.aside:
            return held
        self._decide([plan for plan in self.batch.plans if not plan.counted])
        self._phones()
        self._suppress()
        self._agree()
        if self.pipe.kind == "recordings":
            awaited.put(self.run, self.connection, self.pipe, self.batch.plans, self.now)
        return held

    def _open(self, subjects: list[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for part in known.slices(subjects):
            asked = {"client": self.run.client, "target": self.target, "pipeline": self.pipe.name, "subjects": part}
            for row in self.connection.execute(_OPEN, asked):
                found.setdefault(row.subject, {})[row.state] = row  # "settled": an operator dropped it
        return found

    def _one(self, plan: model.Plan, open_rows: dict[str, dict[str, Any]], ids: Any) -> int | None:
        existing = open_rows.get(plan.subject, {})
        staged, held = existing.get("staged"), existing.get("held")
        if held is not None and held.reason in delivery.STICKY:
            return None
        # a record without a time of its last change is as it was read just now
        dated = self.pipe.kind not in ("leads", "calls") or plan.modified > model.EPOCH
        if (
            dated
            and any(row is not None and row.version_at > plan.modified for row in (staged, held))
            and plan.verdict != "remove"
        ):
            return None  # an older version never replaces a newer one
        wants = plan.verdict in ("create", "update", "remove")
        partial = self.pipe.kind == "dispositions"  # holds only what differed: an older one may hold more
        waits_on = partial and plan.verdict == "hold"  # a newer call that cannot be mapped takes nothing of it back
        if staged is not None and not wants and not waits_on:
            left = {}
            if partial and plan.verdict == "none":
                left = {name: value for name, value in json.loads(staged.body).items() if name not in plan.agreed}
            if left:  # what this plan does not speak of waits on
                self.connection.execute(
                    sa.update(_intent).where(_intent.c.id == staged.id).values(body=tables.encode(left))
                )
            else:
                self._end(staged.id, "cancelled", plan.reason or "no longer differs")
        if held is not None:
            if plan.verdict == "hold" and held.reason == plan.reason and held.kind == "review":
                return None
            if plan.verdict == "none" and held.reason == "missing":
                return None  # that it differs in nothing from the record that is gone does not bring that back
            self._end(held.id, "replaced", plan.verdict)
        if wants and staged is not None:
            values = self._values(plan, staged if partial else None) | {"lane": self._lane(plan, staged)}
            self.replaced.append({f"b_{name}": value for name, value in values.items()} | {"b_id": staged.id})
            self._event(staged.id, "restaged", plan.verdict)
            return None
        if wants or plan.verdict == "hold":
            intent_id = next(ids)
            state = "staged" if wants else "held"
            earlier = [row.attempts for row in (held, existing.get("settled")) if row is not None]
            self.rows.append(
                self._values(plan, held if wants and partial else None)
                | {
                    "id": intent_id,
                    "client": self.run.client,
                    "target": self.target,
                    "subject": plan.subject,
                    "state": state,
                    "lane": self._lane(plan, None),
                    "due_at": self.now,
                    # a create that may have gone out before is looked for first
                    "attempts": max(earlier, default=0) if plan.verdict == "create" else 0,
                    "created_at": self.now,
                    "updated_at": self.now,
                }
            )
            self._event(intent_id, state, plan.reason or plan.verdict)
            return intent_id if state == "held" else None
        return None

    def _lane(self, plan: model.Plan, staged: Any) -> int:
        """A backfill never pushes back what live work has staged, and holds up nobody's removal."""
        if not self.batch.backfill or plan.lane == model.Lane.URGENT:
            return int(plan.lane)
        if staged is None or staged.lane == model.Lane.BACKFILL:
            return int(model.Lane.BACKFILL)
        # a removal's lane is not for what takes its place
        return int(plan.lane if staged.kind == "remove" else min(staged.lane, plan.lane))

    def _values(self, plan: model.Plan, merge_with: Any) -> dict[str, Any]:
        fields = dict(plan.fields)
        kind: str = "review" if plan.verdict == "hold" else plan.verdict
        if merge_with is not None and merge_with.body and kind != "remove":
            older = {name: value for name, value in json.loads(merge_with.body).items() if name not in plan.agreed}
            fields = {**older, **fields}
            kind = merge_with.kind if merge_with.kind == "create" else kind
        return {
            "pipeline": self.pipe.name,
            "record_id": plan.record_id,
            "kind": kind,
            "key": plan.key.value if plan.key else "",
            "marker": plan.key.marker if plan.key else None,
            "body": tables.encode(fields),
            "call": json.dumps([plan.call[0].isoformat(), *plan.call[1:]]) if plan.call else None,
            "base": tables.encode(plan.settles) if plan.settles else None,
            "lane": int(plan.lane),
            "version_at": plan.modified,
            "waits_for": plan.waits_for,
            "reason": plan.reason,
            "hint": plan.hint,
            "far_id": plan.far_id or None,
        }

    def _end(self, intent_id: int, result: str, detail: str) -> None:
        self.ended.append({"b_id": intent_id, "b_result": result})
        self._event(intent_id, result, detail)

    def _event(self, intent_id: int, step: str, detail: str) -> None:
        self.events.append(
            {"at": self.now, "intent_id": intent_id, "run_id": self.run.id, "step": step, "detail": detail}
        )

    def _decide(self, plans: Sequence[model.Plan]) -> None:
        rows = [
            {
                "client": self.run.client,
                "pipeline": self.pipe.name,
                "record_id": plan.record_id,
                "digest": plan.digest,
                "verdict": "intent" if plan.verdict in ("create", "update", "remove") else plan.verdict,
                "reason": plan.reason,
                "at": self.now,
            }
            for plan in plans
        ]
        bulk.execute(self.connection, _note(self.db.sqlite), rows)

    def _phones(self) -> None:
        table = tables.phone
        if self.pipe.kind != "leads" or self.pipe.shared_phone == "allow":
            return
        claims = {plan.record_id: self.batch.phone_digest(plan.phone) for plan in self.batch.plans if plan.phone}
        released = [*(plan.record_id for plan in self.batch.plans if plan.frees_phone), *claims]
        for part in known.slices(released):
            self.connection.execute(_RELEASE_PHONES, {"client": self.run.client, "ids": part})
        rows = [{"client": self.run.client, "digest": digest, "crm_id": crm_id} for crm_id, digest in claims.items()]
        bulk.insert(self.connection, table, rows)

    def _suppress(self) -> None:
        table = tables.suppressed
        if self.pipe.kind != "leads":
            return
        on = [plan for plan in self.batch.plans if plan.suppress]
        off = [plan.record_id for plan in self.batch.plans if not plan.suppress and plan.reason != "not_ours"]
        for part in known.slices(off):
            self.connection.execute(_PERMIT, {"client": self.run.client, "ids": part})
        if on:
            row = self.db.insert(table)
            self.connection.execute(
                row.on_conflict_do_update(
                    index_elements=[table.c.client, table.c.crm_id],
                    set_={"why": row.excluded.why, "at": row.excluded.at},
                    where=table.c.why != "tombstone",
                ),
                [
                    {"client": self.run.client, "crm_id": plan.record_id, "why": plan.suppress, "at": self.now}
                    for plan in on
                ],
            )

    def _agree(self) -> None:
        # the order in which `settle` locks links, too: a transaction of another stream may want the same ones
        for plan in sorted(self.batch.plans, key=lambda plan: plan.link_id or 0):
            base = self.batch.agreed.get(plan.record_id)
            if plan.link_id is None or not (base or plan.call):
                continue
            current = self.connection.execute(
                sa.select(_link.c.base).where(_link.c.id == plan.link_id).with_for_update()
            ).scalar()
            if current is None:
                continue
            values: dict[str, Any] = {}
            if base:
                values["base"] = json.dumps({**json.loads(current), **base})
            if plan.call:
                values |= {"called_at": plan.call[0], "call_id": plan.call[1], "flags": plan.call[2]}
            self.connection.execute(sa.update(_link).where(_link.c.id == plan.link_id).values(**values))
