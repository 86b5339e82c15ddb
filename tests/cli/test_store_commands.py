"""`syncd db` and `syncd config`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from syncd.store import upgrade
from tests.cli import shop as shops


def test_upgrade_makes_a_store_that_only_its_owner_may_read(bare: shops.Shop) -> None:
    settings = bare.settings()
    settings["store"] = f"sqlite:///{bare.folder}/new/folder/syncd.db"
    bare.write(settings)
    current = bare.syncd("db", "current", "--json")
    assert current.code == 2
    assert current.json()["revision"] == ""
    ran = bare.syncd("db", "upgrade", "--json")
    assert ran.code == 0, ran.err
    assert ran.json()["from"] == ""
    assert (bare.folder / "new/folder/syncd.db").stat().st_mode & 0o777 == 0o600
    current = bare.syncd("db", "current", "--json")
    assert current.code == 0
    assert current.json()["revision"] == current.json()["needed"] == ran.json()["to"]


def test_the_needed_revision_is_the_newest_migration() -> None:
    assert upgrade.revisions()[0] == upgrade.HEAD


def test_check_finds_a_schema_that_is_not_as_it_should_be(shop: shops.Shop) -> None:
    sound = shop.syncd("db", "check", "--json")
    assert (sound.code, sound.json()) == (0, {"problems": []})
    with closing(sqlite3.connect(shop.store)) as connection, connection:
        connection.execute("DROP INDEX uq_intent_sending")
    ran = shop.syncd("db", "check")
    assert ran.code == 2
    assert "uq_intent_sending" in ran.err


def test_backup_copies_a_store_and_never_overwrites(shop: shops.Shop, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert shop.syncd("db", "backup", "--to", copy).code == 0
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM meta WHERE name = 'secret'").fetchone() == (1,)
    assert copy.stat().st_mode & 0o777 == 0o600
    again = shop.syncd("db", "backup", "--to", copy)
    assert again.code == 2
    assert "exists already" in again.err


def test_config_check_asks_every_system(bare: shops.Shop) -> None:
    ran = bare.syncd("config", "check", "--json")
    assert ran.code == 0, ran.err
    assert ran.json()["checked"] == ["clients.acme.crm", "clients.acme.dialer"]
    settings = bare.settings()
    settings["clients"]["acme"]["dialer"]["password"] = "wrong"
    settings["clients"]["acme"]["crm"]["leads"]["table"] = "persons"
    bare.write(settings)
    ran = bare.syncd("config", "check")
    assert ran.code == 2
    assert "clients.acme.dialer" in ran.err
    assert " clients.acme.crm.leads.table: persons: no such table" in ran.err
    assert "persons" in ran.err
    assert "wrong" not in ran.err.split("clients.acme.dialer", 1)[1].splitlines()[0]
    assert bare.syncd("config", "check", "--offline").code == 0


def test_config_check_finds_lists_that_the_mapping_names_and_the_dialer_does_not_have(bare: shops.Shop) -> None:
    settings = bare.settings()
    settings["clients"]["acme"]["pipelines"]["leads"]["fields"]["list_id"] = {
        "rules": [{"when": {"first_name": "Ann"}, "value": "4711"}],
        "from": "lead_status",
        "map": {"hot": "101", "cold": "12"},
        "default": "998877",
    }
    bare.write(settings)
    ran = bare.syncd("config", "check")
    assert ran.code == 2
    said = [line for line in ran.err.splitlines() if "there is no list" in line]
    assert [line.split("there is no list ")[1].split()[0] for line in said] == ["12", "4711", "998877"]
    assert all(" clients.acme.pipelines.leads.fields.list_id: " in line for line in said)
