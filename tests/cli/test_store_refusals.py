"""A state store that cannot be what the configuration says: refused with the reason, and nothing is left behind."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing

from tests.cli import shop as shops

_FULL_DISK = """
import resource, sys
from syncd.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))
sys.exit(main.main(sys.argv[1:]))
"""


def test_upgrade_refuses_a_database_of_somebody_else(bare: shops.Shop) -> None:
    settings = bare.settings()
    settings["store"] = settings["clients"]["acme"]["crm"]["url"]
    bare.write(settings)
    ran = bare.syncd("db", "upgrade")
    assert ran.code == 2
    assert "calls, people" in ran.err
    assert "a database of its own" in ran.err
    assert bare.crm("SELECT name FROM sqlite_master WHERE name IN ('meta', 'intent')") == []
    assert bare.crm("PRAGMA journal_mode") == [("delete",)]


def test_upgrade_explains_the_revision_of_a_newer_syncd(shop: shops.Shop) -> None:
    with closing(sqlite3.connect(shop.store)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE meta SET value = '9998' WHERE name = 'oldest'")
    ran = shop.syncd("db", "upgrade")
    assert ran.code == 2
    assert "revision 9999, which this syncd does not know: it is newer" in ran.err
    assert "Traceback" not in ran.err
    assert list(shop.folder.glob("*.bak")) == []


def test_a_backup_that_cannot_be_written_is_explained_and_leaves_no_file(shop: shops.Shop) -> None:
    nowhere = shop.folder / "nowhere" / "x.db"
    ran = shop.syncd("db", "backup", "--to", nowhere)
    assert ran.code == 2
    assert str(nowhere) in ran.err
    assert "--to" in ran.err
    copy = shop.folder / "copy.db"
    full = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, "db", "backup", "--to", str(copy)],
        env=shop.environ({}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert full.returncode == 2, full.stderr
    assert str(copy) in full.stderr
    assert list(shop.folder.glob("copy.db*")) == []


def test_a_server_behind_a_socket_that_is_down_is_said_to_be_unreachable(bare: shops.Shop) -> None:
    settings = bare.settings()
    settings["store"] = f"postgresql:///syncd?host={bare.folder}"
    bare.write(settings)
    for arguments in (("status",), ("run", "--once")):
        ran = bare.syncd(*arguments)
        assert ran.code == 2, ran.err
        assert "the state store's server cannot be reached" in ran.err


def test_config_check_refuses_an_address_that_is_none_of_a_store(bare: shops.Shop) -> None:
    settings = bare.settings()
    settings["store"] = "mysql://somewhere/syncd"
    bare.write(settings)
    ran = bare.syncd("config", "check", "--offline")
    assert ran.code == 2
    assert "store: mysql is not supported" in ran.err


def test_a_reference_that_leads_nowhere_is_not_taken_for_a_password(bare: shops.Shop) -> None:
    settings = bare.settings()
    settings["clients"]["acme"]["dialer"]["password"] = "${env:NOT_THERE}"
    bare.write(settings)
    bare.config.chmod(0o644)
    ran = bare.syncd("config", "check", "--offline")
    assert ran.code == 2
    assert "NOT_THERE is not set" in ran.err
    assert "everybody may read" not in ran.err
