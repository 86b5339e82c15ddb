"""Orders to read the configuration again, and what each daemon on this store made of the last one.

They are in the store because a daemon may run where no signal gets to: on another machine, in a container.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from syncd.store import lease
from syncd.store.database import Database
from syncd.store.memo import Memo

NAME = "syncd:reload"  # no connector's: theirs begin with their own names
SIGN_OF_LIFE = timedelta(seconds=60)
GONE_AFTER = 5 * SIGN_OF_LIFE

Answer = Mapping[str, Any]
_State = dict[str, Any]


def asked(db: Database) -> int:
    """The number of the last order, 0 if there was none."""
    return int(_read(Memo(db).get(NAME))["asked"])


def here(db: Database, owner: str) -> None:
    """A daemon is there: it will answer orders that are given from now on. To be said again each SIGN_OF_LIFE."""

    def note(state: _State) -> None:
        before = state["daemons"].get(owner, {"done": state["asked"]})
        if db.exclusive:  # whoever else is in the book was killed
            state["daemons"].clear()
        state["daemons"][owner] = {**before, "seen": datetime.now(UTC).isoformat()}

    _change(db, note)


def gone(db: Database, owner: str) -> None:
    """A daemon ends."""

    def note(state: _State) -> None:
        state["daemons"].pop(owner, None)

    _change(db, note)


def ask(db: Database) -> int:
    """Order every daemon on this store to read its configuration again; return the order's number."""
    number = 0

    def note(state: _State) -> None:
        nonlocal number
        state["asked"] = number = state["asked"] + 1
        for owner in [owner for owner, daemon in state["daemons"].items() if not _may_live(db, owner, daemon)]:
            del state["daemons"][owner]

    _change(db, note)
    return number


def answer(db: Database, owner: str, number: int, found: Answer) -> None:
    """What a daemon made of this order and of those before it."""

    def note(state: _State) -> None:
        state["daemons"][owner] = {"done": number, "answer": dict(found), "seen": datetime.now(UTC).isoformat()}

    _change(db, note)


def answers(db: Database, number: int) -> dict[str, Answer | None]:
    """Daemon → what it made of this order or a later one; None: it has not answered yet."""
    daemons = _read(Memo(db).get(NAME))["daemons"]
    return {
        owner: daemon.get("answer") if daemon["done"] >= number else None
        for owner, daemon in daemons.items()
        if daemon["done"] >= number or _may_live(db, owner, daemon)
    }


def _may_live(db: Database, owner: str, daemon: Mapping[str, Any]) -> bool:
    if db.sqlite:
        return lease.may_live(owner) and db.holder() != ""
    return lease.may_live(owner) and datetime.now(UTC) - datetime.fromisoformat(daemon["seen"]) < GONE_AFTER


def _read(text: str | None) -> _State:
    state: _State = json.loads(text) if text else {"asked": 0, "daemons": {}}
    return state


def _change(db: Database, how: Callable[[_State], None]) -> None:
    def changed(text: str | None) -> str:
        state = _read(text)
        how(state)
        return json.dumps(state)

    Memo(db).change(NAME, changed)
