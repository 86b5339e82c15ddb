"""A store that is not where it was: copied to another machine, or put back to an older state."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from syncd.store import machine
from tests.cli import shop as shops
from tests.services.missing import missing


def as_if_elsewhere(shop: shops.Shop, *, copied: bool) -> None:
    """The store was last used on another machine; `copied`: as another file."""
    with closing(sqlite3.connect(shop.store)) as connection, connection:
        (text,) = connection.execute("SELECT value FROM meta WHERE name = 'machine'").fetchone()
        machine, inode, _ = text.split(" ", 2)
        other = f"{machine[::-1]} {int(inode) + copied} oldhost"
        connection.execute("UPDATE meta SET value = ? WHERE name = 'machine'", [other])


@pytest.fixture(autouse=True)
def machine_id() -> None:
    """A machine without an id cannot be told from another."""
    if not machine.MACHINE_ID.exists():
        missing("no /etc/machine-id; systemd-machine-id-setup makes one")


def test_a_copy_on_another_machine_is_refused_until_somebody_says_that_it_has_moved(shop: shops.Shop) -> None:
    shop.people(2)
    assert shop.syncd("run", "--once").code == 0
    as_if_elsewhere(shop, copied=True)
    shop.people(1, first=3)
    for command in (("run", "--once"), ("run",), ("backfill", "acme", "leads", "--since", "1d")):
        ran = shop.syncd(*command)
        assert ran.code == 2, command
        assert "was last used on another machine (oldhost)" in ran.err
        assert "`syncd db moved`" in ran.err
    assert len(shop.leads()) == 2
    assert shop.syncd("status").code == 0, "looking does no harm"
    assert shop.syncd("db", "moved").code == 0
    assert shop.syncd("run", "--once").code == 0
    assert len(shop.leads()) == 3


def test_a_container_that_is_made_anew_has_not_moved(shop: shops.Shop) -> None:
    shop.people(1)
    assert shop.syncd("run", "--once").code == 0
    as_if_elsewhere(shop, copied=False)
    assert shop.syncd("run", "--once").code == 0


def test_a_store_that_was_put_back_makes_nobody_a_lead_twice(shop: shops.Shop) -> None:
    shop.people(2)
    assert shop.syncd("run", "--once").code == 0
    saved = shop.folder / "yesterday.db"
    assert shop.syncd("db", "backup", "--to", saved).code == 0
    shop.people(3, first=3)
    assert shop.syncd("run", "--once").code == 0
    before = shop.leads()
    for left in shop.folder.glob("syncd.db-*"):
        left.unlink()
    shutil.copyfile(saved, shop.store)
    shop.people(1, first=6)
    assert shop.syncd("run", "--once").code == 0
    assert len(before) == 5
    assert len(shop.leads()) == 6
    assert len(set(shop.leads())) == 6
    assert shop.query("SELECT count(*) FROM link WHERE crm_stream = 'leads'") == [(6,)], "they were found by their keys"
