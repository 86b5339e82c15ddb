"""What is over is deleted, on both stores; what somebody still needs is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from syncd.store import by_hand, lease, retention, tables, upgrade
from syncd.store.database import Database

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
OLD = NOW - timedelta(days=100)
KEPT = retention.Before(settled=NOW - timedelta(days=90), runs=NOW - timedelta(days=30))


@pytest.fixture
def db(store_url: str) -> Iterator[Database]:
    with closing(Database(store_url)) as found:
        upgrade.upgrade(found, now=NOW)
        yield found


def intent(db: Database, **values: Any) -> int:
    """An intent with one event; old and settled where nothing else is said."""
    at = values.pop("at", OLD)
    with db.write("test") as connection:
        number = db.allocate(connection, tables.intent, 1)[0]
        row: dict[str, Any] = {
            "id": number, "client": "acme", "pipeline": "leads", "target": "dialer.leads", "subject": f"s{number}",
            "record_id": f"s{number}", "state": "settled", "kind": "create", "lane": 1, "version_at": at, "due_at": at,
            "result": "created", "created_at": at, "updated_at": at, **values,
        }  # fmt: skip
        connection.execute(sa.insert(tables.intent).values(**row))
        connection.execute(sa.insert(tables.event).values(at=at, intent_id=number, run_id=1, step="created", detail=""))
        return number


def ids(db: Database, table: sa.Table) -> list[int]:
    with db.read() as connection:
        return list(connection.execute(sa.select(table.c.id).order_by(table.c.id)).scalars())


def test_only_what_nobody_needs_any_more_goes(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "LOOKED_AT", 3)  # so that there are several slices
    gone = [intent(db) for _ in range(7)]
    kept = [
        intent(db, result="dropped", attempts=1),
        intent(db, look_at=NOW),
        intent(db, pipeline=by_hand.PIPELINE, target="dialer.dnc"),
        intent(db, state="held", result="", reason="phone"),
        intent(db, subject="twice"),
        intent(db, subject="twice#twin:7", record_id="twice", state="held", result="", reason="several"),
        intent(db, updated_at=NOW - timedelta(days=1)),  # it waited for long, and was sent yesterday
    ]
    gone.append(intent(db, result="updated", kind="update"))
    kept += [intent(db, at=NOW - timedelta(days=89)), intent(db, at=NOW)]
    assert retention.prune(db, KEPT, dry=True)["settled"] == len(gone)
    assert ids(db, tables.intent) == sorted(gone + kept)
    assert retention.prune(db, KEPT)["settled"] == len(gone)
    assert ids(db, tables.intent) == kept
    with db.read() as connection:
        assert sorted(connection.execute(sa.select(tables.event.c.intent_id)).scalars()) == kept, "their events, too"
    assert +retention.prune(db, KEPT) == {}
    assert +retention.prune(db, retention.Before()) == {}


def test_the_newest_number_is_not_given_again(db: Database) -> None:
    last = [intent(db) for _ in range(3)][-1]
    retention.prune(db, KEPT)
    assert ids(db, tables.intent) == [last]
    assert intent(db) > last


def test_steps_may_go_before_their_intents_but_not_those_of_open_ones(db: Database) -> None:
    settled, held = intent(db), intent(db, state="held", result="", reason="phone")
    last = intent(db, at=NOW)
    before = retention.Before(settled=NOW - timedelta(days=200), events=NOW - timedelta(days=90))
    assert retention.prune(db, before) == {"events": 1, "settled": 0}
    assert ids(db, tables.intent) == [settled, held, last]
    with db.read() as connection:
        assert sorted(connection.execute(sa.select(tables.event.c.intent_id)).scalars()) == [held, last]


def test_of_runs_the_last_of_each_stream_and_what_holds_a_lease_stay(db: Database) -> None:
    def run(stream: str, at: datetime, *, ended: bool = True) -> int:
        one = lease.acquire(db, "acme", stream, owner="a test", lease_seconds=60.0, now=at)
        if ended:
            with one.write("test") as connection:
                one.finish(connection, "ok", at)
        return one.id

    old = [run("crm.leads", OLD) for _ in range(3)]
    calls = run("dialer.calls", OLD)
    open_one = run("dialer.calls", OLD, ended=False)
    fresh = run("crm.leads", NOW)
    assert retention.prune(db, KEPT)["runs"] == len(old)
    assert ids(db, tables.run) == [calls, open_one, fresh]


def test_it_stops_when_it_is_told_to(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "LOOKED_AT", 2)
    for _ in range(7):
        intent(db)
    retention.prune(db, KEPT, stopping=lambda: True)
    assert len(ids(db, tables.intent)) == 5
    retention.vacuum(db)
    assert len(ids(db, tables.intent)) == 5
