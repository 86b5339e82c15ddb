"""Looking up many records at once finds exactly these, whatever their ids look like."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from syncd.sdk import errors
from syncd.store import known, tables, upgrade
from syncd.store.database import Database

AWKWARD = [
    "1",
    "01",
    "1.0",
    "",
    " ",
    "a",
    "A",
    "é",
    "e\u0301",
    "😀",
    'quo"te',
    "it's",
    "back\\slash",
    "a\nb",
    "null",
    "%s",
    "?",
    ":x",
]


def test_records_are_found_by_just_their_ids(store_url: str) -> None:
    db = Database(store_url)
    upgrade.upgrade(db, now=datetime.now(UTC))
    ids = [*AWKWARD, *(f"n{number}" for number in range(1200))]
    with db.write("test") as connection:
        connection.execute(
            sa.insert(tables.decision),
            [
                {"client": client, "pipeline": "leads", "record_id": one, "digest": f"{client}{one}", "verdict": "none"}
                | {"at": datetime.now(UTC)}
                for client in ("acme", "other")
                for one in ids
            ],
        )
    asked = [one for number, one in enumerate(ids) if number % 2]
    found = known.decisions(db, "acme", "leads", [*asked, "missing"])
    assert {one: decision.digest for one, decision in found.items()} == {one: f"acme{one}" for one in asked}
    assert known.decisions(db, "acme", "leads", []) == {}
    with pytest.raises(errors.UserError, match="NUL"):
        known.decisions(db, "acme", "leads", ["a\0b"])
    db.close()


def test_looking_up_ids_on_sqlite_searches_an_index_for_each(tmp_path: object) -> None:
    db = Database(f"sqlite:///{tmp_path}/store.db")
    upgrade.upgrade(db, now=datetime.now(UTC))
    statements: list[tuple[str, object]] = []
    sa.event.listen(
        db.engine, "before_cursor_execute", lambda c, u, text, values, x, many: statements.append((text, values))
    )
    known.decisions(db, "acme", "leads", ["1"])
    known.links_by_crm(db, "acme", "leads", ["1"])
    known.links_by_dialer(db, "acme", "leads", ["1"])
    known.busy(db, "acme", "dialer.leads", ["1"])
    known.phone_holders(db, "acme", ["1"])
    asked = [(text, values) for text, values in statements if "json_each" in text]
    assert len(asked) == 5
    with db.read() as connection:
        for text, values in asked:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)]  # type: ignore[arg-type]  # as the driver got them
            assert plan[0].startswith("SEARCH"), plan
            assert plan[0].count("=?") >= 3 or "phone" in plan[0], plan
    db.close()


def test_looking_up_ids_on_postgresql_compares_no_row_with_each_of_them(postgres_dsn: str) -> None:
    db = Database(postgres_dsn)
    upgrade.upgrade(db, now=datetime.now(UTC))
    statements: list[tuple[str, object]] = []
    sa.event.listen(
        db.engine, "before_cursor_execute", lambda c, u, text, values, x, many: statements.append((text, values))
    )
    known.decisions(db, "acme", "leads", ["1"])
    known.links_by_crm(db, "acme", "leads", ["1"])
    known.phone_holders(db, "acme", ["1"])
    asked = [(text, values) for text, values in statements if "jsonb" in text]
    assert len(asked) == 3
    with db.read() as connection:
        for text, values in asked:  # of tables without statistics, as a first load fills them
            plan = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {text}", values)]  # type: ignore[arg-type]  # as the driver got them
            assert not [line for line in plan if "Loop" in line], plan
    db.close()
