"""Transaction 3: settle – what became of a batch, in one commit: intents, links and base."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from syncd.core import model, policy
from syncd.sdk import errors, records
from syncd.sdk.protocol import Role
from syncd.store import bulk, delivery, known, statements, tables
from syncd.store.among import among
from syncd.store.lease import Run

_intent = tables.intent
_link = tables.link
ALTERED = "altered"  # an event's step: the target holds these fields otherwise than they were sent


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of one claimed intent. `base` is to be remembered where it was applied: of a change that was applied
    but for some fields, without these. `altered`: fields of which the target holds something else than was sent, told
    once."""

    claimed: delivery.Claimed
    outcome: records.Outcome
    base: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    altered: Sequence[str] = ()


class _Settler:
    """The writes that one batch of outcomes asks for, collected and sent in bulk."""

    def __init__(
        self,
        run: Run,
        connection: sa.Connection,
        pipe: model.Pipeline,
        now: datetime,
        lag: timedelta,
        others: Mapping[str, Mapping[str, int]],
    ) -> None:
        self.run, self.connection, self.pipe, self.now, self.lag = run, connection, pipe, now, lag
        self.others = others
        self.crm_stream, self.dialer_stream, _ = delivery.link_side(pipe)
        self.updates: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.links: list[dict[str, Any]] = []
        self.still_sending: list[dict[str, Any]] = []
        self.held: list[int] = []

    def settled(self, one: Settlement, result: str, detail: str = "", look_at: datetime | None = None) -> None:
        self._put(one, state="settled", result=result, body=None, look_at=look_at)
        self.events.append(delivery.event_row(self.run, one.claimed.id, self.now, result, detail))

    def screened(self, one: Settlement, reason: str) -> None:
        """The far side's policy refuses the record: from now on it counts as skipped, unless a newer version waits."""
        self.settled(one, "screened", reason)
        self.skipped(one, reason)

    def skipped(self, one: Settlement, reason: str) -> None:
        """From now on the record counts as skipped, unless a newer version waits."""
        if "staged" in self.others.get(one.claimed.subject, {}):
            return
        decision = tables.decision
        self.connection.execute(
            sa.update(decision)
            .where(
                decision.c.client == self.run.client,
                decision.c.pipeline == self.pipe.name,
                decision.c.record_id == one.claimed.record_id,
            )
            .values(verdict="skip", reason=reason, at=self.now)
        )

    def hold(self, one: Settlement, reason: str, hint: str) -> None:
        """Hold it, unless a newer version of the record waits to be tried. A hold that only a person can end also
        ends what waits beside it."""
        others = self.others.get(one.claimed.subject, {})
        if reason in delivery.HELD_FOR_GOOD:
            for state, intent_id in others.items():
                if state == "held" or reason in delivery.STICKY:
                    self._end(intent_id, "cancelled", reason)
        elif others:
            self._replaced(one, others, reason)
            return
        self._put(one, state="held", reason=reason, hint=hint)
        self.events.append(delivery.event_row(self.run, one.claimed.id, self.now, "held", reason))
        self.held.append(one.claimed.id)

    def back(self, one: Settlement, due_at: datetime, detail: str) -> None:
        """Stage it again, unless a newer version is staged already."""
        others = self.others.get(one.claimed.subject, {})
        if "staged" in others:
            self._replaced(one, others, detail)
            return
        self._put(one, state="staged", due_at=due_at)
        self.events.append(delivery.event_row(self.run, one.claimed.id, self.now, "staged", detail))

    def unclear(self, one: Settlement, detail: str) -> None:
        """It stays `sending`. We gave up on it just now, however long ago its batch was claimed: from here on it has
        the find lag to show."""
        self.still_sending.append({"b_id": one.claimed.id})
        self.events.append(delivery.event_row(self.run, one.claimed.id, self.now, "ambiguous", detail))

    def _replaced(self, one: Settlement, others: Mapping[str, int], detail: str) -> None:
        if "staged" in others:
            delivery.carry_over(self.connection, self.pipe, others["staged"], one.claimed)
        self.settled(one, "replaced", detail)

    def _end(self, intent_id: int, result: str, detail: str) -> None:
        self.connection.execute(
            sa.update(_intent)
            .where(_intent.c.id == intent_id)
            .values(state="settled", body=None, result=result, updated_at=self.now)
        )
        self.events.append(delivery.event_row(self.run, intent_id, self.now, result, detail))

    def _put(self, one: Settlement, **values: Any) -> None:
        stem = {"state": "", "result": "", "reason": "", "hint": "", "due_at": self.now, "look_at": None}
        if values["state"] != "settled":
            stem["body"] = tables.encode(one.claimed.body)
        if one.claimed.change.kind == "remove":
            stem["reason"] = one.claimed.change.reason
        self.updates.append({f"b_{name}": value for name, value in {**stem, **values, "id": one.claimed.id}.items()})

    def flush(self) -> None:
        bulk.insert(self.connection, _link, self.links)
        bulk.execute(self.connection, statements.SETTLE, self.updates, b_now=self.now)
        bulk.execute(self.connection, statements.STILL_SENDING, self.still_sending, b_now=self.now)
        bulk.insert(self.connection, tables.event, self.events)


def settle(
    run: Run, pipe: model.Pipeline, settlements: Iterable[Settlement], *, now: datetime, find_lag: timedelta
) -> list[int]:
    """Store what became of a batch, in one commit: intents, links and base. Returns the ids newly held.

    An Ambiguous outcome stays `sending` for recovery; LeaseLost does, too (it was not sent, but this run may no longer
    write)."""
    todo = list(settlements)
    with run.write("settle") as connection:
        others = delivery.waiting(connection, run.client, pipe, [one.claimed.subject for one in todo])
        settler = _Settler(run, connection, pipe, now, find_lag, others)
        done = [one for one in todo if one.outcome.error is None or one.outcome.unapplied]
        ended = _applied(settler, done)
        for one in todo:
            if one.outcome.error is not None and one.claimed.id not in ended:
                _failed(settler, one, one.outcome.error)
        settler.flush()
    return settler.held


def _applied(settler: _Settler, done: Sequence[Settlement]) -> set[int]:
    """Links and base of what was applied, the intent itself where all of it was; returns what has come to an end."""
    run, pipe, connection = settler.run, settler.pipe, settler.connection
    taken = _dialer_ids_taken(settler, done)
    bases = _bases(connection, [one.claimed.link.id for one in done if one.claimed.link is not None])
    merged: list[dict[str, Any]] = []
    ended = set()
    for one in done:
        change, link = one.claimed.change, one.claimed.link
        wholly = one.outcome.error is None
        if wholly:
            ended.add(one.claimed.id)
        notes = ",".join(one.outcome.notes)
        if change.kind == "remove":
            if link is not None and change.reason != "twin":
                base = tables.encode({**bases.get(link.id, {}), **one.base})
                connection.execute(
                    sa.update(_link).where(_link.c.id == link.id).values(removed=change.reason, base=base)
                )
            settler.settled(one, "removed", change.reason)
            if link is None and change.id is None:  # somebody who opted out without ever having had a lead
                settler.skipped(one, change.reason)
        elif link is not None:
            before = bases.get(link.id, {})
            kept = {name: before[name] for name in before.keys() - one.outcome.unapplied}
            merged.append({"b_id": link.id, "b_base": tables.encode({**kept, **one.base})})
            if wholly:
                settler.settled(one, "updated", notes)
        else:
            far_id = one.outcome.id or ""
            crm_id, dialer_id = (
                (one.claimed.subject, far_id) if pipe.target.role == "dialer" else (far_id, one.claimed.subject)
            )
            if far_id in taken or not far_id:
                settler.hold(
                    one, "linked_elsewhere", "the far record found already belongs to another record; look at both"
                )
                ended.add(one.claimed.id)
                continue
            settler.links.append(
                {
                    "client": run.client,
                    "crm_stream": settler.crm_stream,
                    "crm_id": crm_id,
                    "dialer_stream": settler.dialer_stream,
                    "dialer_id": dialer_id,
                    "key": change.key.value,
                    "base": tables.encode(one.base),
                    "created_at": settler.now,
                }
            )
            # a create that was sent more than once may still surface a second time: look again later
            again = one.claimed.attempts > 0 and pipe.target.role == "dialer"
            if wholly and change.kind == "update":
                settler.settled(one, "adopted", notes)
            elif wholly:
                settler.settled(one, "created", notes, settler.now + settler.lag if again else None)
        if one.altered:
            run.count(f"{pipe.name}.altered")
            detail = ", ".join(one.altered)
            settler.events.append(delivery.event_row(run, one.claimed.id, settler.now, ALTERED, detail))
    bulk.execute(connection, statements.MERGE_BASE, merged)
    return ended


def _bases(connection: sa.Connection, ids: Sequence[int]) -> dict[int, dict[str, list[str]]]:
    """The bases of links as they are now: another stream's run may have changed other fields since the claim."""
    found: dict[int, dict[str, list[str]]] = {}
    ordered = sorted(ids)
    for start in range(0, len(ordered), known.SLICE):
        rows = connection.execute(
            sa.select(_link.c.id, _link.c.base)
            .where(_link.c.id.in_(ordered[start : start + known.SLICE]))
            .order_by(_link.c.id)
            .with_for_update()
        )
        found.update((row.id, json.loads(row.base)) for row in rows)
    return found


@cache
def _taken(side: Role) -> sa.Select[Any]:
    """The ids, of those asked for, that links of a client hold on this side."""
    of_side = _link.c[f"{side}_id"]
    stream = _link.c[f"{side}_stream"]
    return sa.select(of_side).where(
        _link.c.client == sa.bindparam("client"), stream == sa.bindparam("stream"), among(of_side, "ids")
    )


def _dialer_ids_taken(settler: _Settler, done: Sequence[Settlement]) -> set[str]:
    """Ids of far records that another link holds already."""
    ids = [one.outcome.id or "" for one in done if one.claimed.change.kind != "remove" and one.claimed.link is None]
    side = settler.pipe.target.role
    stream = settler.dialer_stream if side == "dialer" else settler.crm_stream
    taken: set[str] = {far_id for far_id in ids if ids.count(far_id) > 1} if len(set(ids)) < len(ids) else set()
    for part in known.slices(ids):
        asked = {"client": settler.run.client, "stream": stream, "ids": part}
        taken.update(settler.connection.execute(_taken(side), asked).scalars())
    return taken


def _failed(settler: _Settler, one: Settlement, error: errors.SyncdError) -> None:
    now = settler.now
    match error:
        case errors.Ambiguous() | errors.LeaseLost() | errors.ContractViolation():
            settler.unclear(one, str(error))
        case errors.RetryLater():
            wait = error.after_seconds
            if wait is None:
                wait = policy.backoff_seconds(one.claimed.attempts + 1)
            settler.back(one, now + timedelta(seconds=wait), str(error))
        case errors.QuotaExhausted():
            settler.back(one, error.until, str(error))
        case errors.AuthFailed():
            settler.back(one, now, "refused")
        case errors.Screened():
            settler.screened(one, error.reason)
        case errors.Several():
            settler.hold(one, "several", delivery.SEVERAL_HINT)
        case errors.Missing():
            settler.hold(
                one, "missing", "gone on the far side; `syncd held retry` creates it anew, `held drop` forgets it"
            )
        case errors.Rejected():
            settler.hold(one, "rejected", str(error)[:1000])
        case _:
            settler.unclear(one, type(error).__name__)
