"""Orders to reload, as they stand in the store."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from datetime import UTC, datetime

import pytest

from syncd.daemon.reload import Orders
from syncd.store import reloads, upgrade
from syncd.store.database import Database

HERE = f"{socket.gethostname()}:{os.getpid()}"


def test_each_daemon_answers_each_order_once(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.daemon.reload.PAUSE_SECONDS", 0.0)
    with closing(Database(store_url)) as daemon:
        upgrade.upgrade(daemon, now=datetime.now(UTC))
        daemon.lock()
        with closing(Database(store_url)) as db:
            assert reloads.answers(db, reloads.ask(db)) == {}
            orders = Orders(daemon, f"{HERE}:1")
            orders.here()
            assert orders.wanted(hung_up=False) is None, "what was asked before it was there"
            assert orders.wanted(hung_up=True) == 1
            orders.answer(1, {"unchanged": 7})
            first, second = reloads.ask(db), reloads.ask(db)
            assert reloads.answers(db, first) == {f"{HERE}:1": None}
            assert orders.wanted(hung_up=False) == second
            orders.answer(second, {"unchanged": 8})
            assert orders.wanted(hung_up=False) is None
            assert reloads.answers(db, first) == reloads.answers(db, second) == {f"{HERE}:1": {"unchanged": 8}}
            reloads.ask(db)
            orders.gone()
            assert reloads.answers(db, second + 1) == {}


def test_nobody_waits_for_a_daemon_that_was_killed(store_url: str) -> None:
    with closing(Database(store_url)) as db:
        upgrade.upgrade(db, now=datetime.now(UTC))
        reloads.here(db, f"{socket.gethostname()}:{2**22 + 1}:1")  # no process has such a number
        assert reloads.answers(db, reloads.ask(db)) == {}


def test_on_postgresql_a_daemon_elsewhere_is_waited_for(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Database(postgres_dsn)) as db:
        upgrade.upgrade(db, now=datetime.now(UTC))
        reloads.here(db, "elsewhere:1:1")
        number = reloads.ask(db)
        assert reloads.answers(db, number) == {"elsewhere:1:1": None}
        monkeypatch.setattr(reloads, "GONE_AFTER", reloads.GONE_AFTER * 0)
        assert reloads.answers(db, number) == {}
