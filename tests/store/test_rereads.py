"""What a changed mapping asks to be read again, once for each version of it."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import sqlalchemy as sa

from syncd.store import backfill, tables, upgrade
from syncd.store.database import Database

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_it_is_asked_for_once_and_a_change_back_reads_again_what_was_begun(store_url: str) -> None:
    with closing(Database(store_url)) as db:
        upgrade.upgrade(db, now=NOW)

        def order(version: str, read_with: str = "a") -> int | None:
            wanted = backfill.Wanted("acme", "leads", "crm.leads", None, NOW, version=version, reread=True)
            return backfill.reread(db, wanted, read_with=read_with, now=NOW)

        def states() -> list[tuple[str, str]]:
            return [(one.reread or one.version, one.state) for one in backfill.listed(db)]

        assert order("a") is None
        assert order("b", read_with="") is None, "it is not known how it was read"
        number = order("b")
        assert number is not None
        assert order("b") is None
        backfill.change(db, number, "cancelled", now=NOW)
        assert order("b") is None, "an operator does not want it"
        backfill.change(db, order("c") or 0, "paused", now=NOW)
        assert order("a") is not None, "some may have been planned with b or c"
        assert states() == [("b", "cancelled"), ("c", "cancelled"), ("a", "waiting")]
        by_hand = backfill.Wanted("acme", "leads", "crm.leads", NOW, NOW, version="d")
        backfill.create(db, by_hand, by="ann", now=NOW)
        order("d")
        assert states()[2:] == [("a", "cancelled"), ("d", "waiting"), ("d", "waiting")]
        with db.write("older") as connection:
            connection.execute(sa.update(tables.backfill).values(state="done"))
        assert order("d", read_with="d") is None
        assert order("d") is not None, "a syncd that does not know what it was has ended it"
        assert all(one.by_id and not one.version for one in backfill.listed(db) if one.reread), "nor would it dial"
