"""`syncd db prune`, and the same by the daemon, which is told how long by the configuration."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from syncd.config import load
from syncd.daemon import upkeep
from syncd.engine.run import Engine
from syncd.store import tables
from tests.cli.shop import Shop


@pytest.fixture
def aged(shop: Shop) -> Shop:
    """Five changes and two runs, all but the last of them forty days old."""
    shop.people(5)
    assert shop.syncd("run", "--once").code == 0
    assert shop.syncd("run", "--once").code == 0
    past = datetime.now(UTC) - timedelta(days=40)
    with closing(shop.database()) as db, db.write("test") as connection:
        connection.execute(sa.update(tables.intent).values(created_at=past, updated_at=past))
        connection.execute(sa.update(tables.run).values(started_at=past, ended_at=past))
    return shop


def test_by_hand_it_counts_first_deletes_then_and_makes_the_file_smaller(aged: Shop) -> None:
    shop = aged
    runs = len({stream for (stream,) in shop.query("SELECT stream FROM run")})
    assert shop.syncd("db", "prune", "--json").json()["deleted"] == {"settled": 0, "events": 0, "runs": runs}
    settings = shop.settings()
    settings["retention"] = {"settled": "30d", "runs": None}
    shop.write(settings)
    counted = shop.syncd("db", "prune", "--dry-run")
    assert "would be deleted: settled 4" in counted.out
    assert shop.query("SELECT count(*) FROM intent") == [(5,)]
    done = shop.syncd("db", "prune", "--vacuum")
    assert "deleted: settled 4" in done.out
    assert "written anew" in done.out
    assert shop.query("SELECT count(*) FROM intent") == [(1,)]
    assert shop.query("PRAGMA freelist_count") == [(0,)]
    assert "say one of them" in shop.syncd("db", "prune", "--dry-run", "--vacuum").err
    shop.crm("UPDATE people SET first_name = 'Ann' WHERE id = 1")
    assert shop.syncd("run", "--once").code == 0
    assert len(shop.leads()) == 5, "nobody is made twice"
    assert shop.query("SELECT result FROM intent ORDER BY id DESC LIMIT 1") == [("updated",)]


def test_the_daemon_does_it_once_a_day(aged: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = aged
    monkeypatch.setattr(upkeep, "FIRST_PRUNE_SECONDS", 0.0)
    before = len(shop.query("SELECT id FROM run"))
    with closing(shop.database()) as db:
        one = upkeep.Upkeep(db, Engine(db), lambda: load.load(shop.config), list)
        one.work()
        after = len(shop.query("SELECT id FROM run"))
        assert after < before
        very_old = datetime.now(UTC) - timedelta(days=100)
        with db.write("test") as connection:
            connection.execute(sa.update(tables.intent).values(created_at=very_old, updated_at=very_old))
        one.work()
        assert shop.query("SELECT count(*) FROM intent") == [(5,)], "the rest is for tomorrow"
