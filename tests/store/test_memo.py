"""What connectors remember is changed by one at a time, in whatever process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime

from syncd.store import memo, upgrade
from syncd.store.database import Database


def test_changes_of_several_processes_at_once_are_all_made(store_url: str) -> None:
    with ExitStack() as stack:
        memories: list[memo.Memo] = []
        for _ in range(4):
            db = Database(store_url)
            stack.callback(db.close)
            if not memories:
                upgrade.upgrade(db, now=datetime.now(UTC))
                db.close()  # gives its lock back; the connection is made anew
            memories.append(memo.Memo(db))

        def count(memory: memo.Memo) -> None:
            for _ in range(10):
                memory.change("n", lambda text: str(int(text or 0) + 1))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(count, memories))
        assert memories[0].get("n") == "40"


def test_a_text_can_be_forgotten_and_begun_again(store_url: str) -> None:
    db = Database(store_url)
    upgrade.upgrade(db, now=datetime.now(UTC))
    memory = memo.Memo(db)
    assert memory.get("a") is None
    assert memory.change("a", lambda text: f"{text}!") == "None!"
    assert memory.change("a", lambda text: None) is None
    assert memory.get("a") is None
    assert memory.change("a", lambda text: f"{text}?") == "None?"
    assert memory.get("b") is None
    db.close()
