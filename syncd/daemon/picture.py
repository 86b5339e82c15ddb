"""What the daemon looks like from outside, taken now and then from the store: for metrics and alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from syncd.core import model
from syncd.engine import parts
from syncd.sdk import protocol
from syncd.store import audit, status, watching
from syncd.store.database import Database


@dataclass(frozen=True, slots=True)
class One:
    """One client. `every`: stream → seconds between its runs. `undelivered_since`: since when the oldest do-not-call
    request or opt-out waits to be delivered. `news_at`: stream → when a run last read something that was new or
    changed. `budgets`: role → what is left of its requests, where it tells. `drift`: what the
    last audit found, and when; None where there was none."""

    status: status.Client
    every: Mapping[str, float]
    shadow: frozenset[str]
    undelivered_since: datetime | None = None
    news_at: Mapping[str, datetime] = field(default_factory=dict)
    budgets: Mapping[str, protocol.Budget] = field(default_factory=dict)
    drift: int | None = None
    drift_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """All clients at one moment."""

    at: datetime
    clients: Sequence[One] = ()


def take(db: Database, found: Sequence[tuple[parts.Client, model.Side]], news: watching.News, now: datetime) -> Picture:
    """Look at the store; nothing is sent to anybody. Raises UserError where the store fails."""
    by_name: dict[str, list[parts.Client]] = {}
    for client, _ in found:
        by_name.setdefault(client.name, []).append(client)
    return Picture(now, [_one(db, name, sets, news, now) for name, sets in by_name.items()])


def _one(db: Database, name: str, sets: Sequence[parts.Client], news: watching.News, now: datetime) -> One:
    client = sets[0]
    sides = client.sources()
    names = [str(side) for side in sides]
    audited = audit.last(db, name, "done")
    return One(
        status.client(db, name, names, [pipe.name for pipe in client.pipelines], now),
        {str(side): min(pipe.every_seconds for pipe in client.reading(side)) for side in sides},
        frozenset(pipe.name for pipe in client.pipelines if pipe.shadow),
        watching.undelivered_since(db, name),
        news.at(name, names),
        _budgets(sets, now),
        audited.drift if audited is not None else None,
        audited.ended_at if audited is not None else None,
    )


def _budgets(sets: Sequence[parts.Client], now: datetime) -> dict[str, protocol.Budget]:
    """Each stream has connectors of its own, which hear of the budget at different times: most used is newest."""
    found: dict[str, protocol.Budget] = {}
    for client in sets:
        for connector in (client.crm, client.dialer):
            if not isinstance(connector, protocol.TellsBudget):
                continue
            budget = connector.budget()
            if budget is None or (budget.renewed_at is not None and budget.renewed_at <= now):
                continue
            if connector.role not in found or budget.used > found[connector.role].used:
                found[connector.role] = budget
    return found
