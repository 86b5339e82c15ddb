"""Where nothing comes: known however many runs have found nothing since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from syncd.store import tables, upgrade, watching
from syncd.store.database import Database

BEGAN = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def db(store_url: str) -> Iterator[Database]:
    made = Database(store_url)
    upgrade.upgrade(made, now=BEGAN)
    yield made
    made.close()


def runs(db: Database, first: int, last: int, counts: str) -> None:
    """Runs of the numbers, one a minute."""
    with db.write("runs") as connection:
        connection.execute(
            sa.insert(tables.run),
            [
                {
                    "id": number,
                    "client": "acme",
                    "stream": "crm.leads",
                    "owner": "x",
                    "started_at": at(number),
                    "ended_at": at(number),
                    "counts": counts,
                }
                for number in range(first, last + 1)
            ],
        )


def at(number: int) -> datetime:
    return BEGAN + timedelta(minutes=number)


def test_thousands_of_runs_that_read_nothing_do_not_hide_since_when(db: Database) -> None:
    news = watching.News(db)
    assert news.at("acme", ["crm.leads"]) == {}
    runs(db, 1, 2, '{"leads.create": 3}')
    runs(db, 3, 4500, '{"records": 2, "leads.unchanged": 1, "leads.skip.not_ours": 1, "leads.skip.before_start": 1}')
    assert news.at("acme", ["crm.leads"]) == {"crm.leads": at(2)}
    assert watching.News(db).at("acme", ["crm.leads"]) == {"crm.leads": at(2)}, "a restart finds it as well"
    runs(db, 4501, 4501, '{"leads.skip.where": 1}')
    assert news.at("acme", ["crm.leads"]) == {"crm.leads": at(4501)}


def test_a_stream_that_never_read_anything_is_silent_since_its_first_run(db: Database) -> None:
    runs(db, 5, 9, "{}")
    news = watching.News(db)
    assert news.at("acme", ["crm.leads"]) == {"crm.leads": at(5)}
    runs(db, 10, 11, "{}")
    assert news.at("acme", ["crm.leads"]) == {"crm.leads": at(5)}
