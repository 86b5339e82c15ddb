"""Two releases and one store: the one before runs on what the one after has made of it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from syncd.store import upgrade
from tests.cli import shop as shops

ROOT = Path(__file__).parents[2]
_RUN = """
import sys
sys.path[:0] = sys.argv.pop(1).split(":")
from syncd.cli import main
sys.exit(main.main(sys.argv[1:]))
"""
_ONE_MORE = """
INSERT INTO people (id, first_name, phone, modified)
VALUES (99, 'Zoe', '727 555 0999', strftime('%Y-%m-%d %H:%M:%f', 'now'))
"""
_NEXT = '''"""What the next release adds."""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"
branch_labels = None
depends_on = None
oldest = "{oldest}"


def upgrade() -> None:
    op.add_column("link", sa.Column("shade", sa.Text(), server_default="grey", nullable=False))
    op.create_table("shade", sa.Column("name", sa.Text(), nullable=False))
'''


def ran_by(tree: Path, shop: shops.Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the syncd in that folder."""
    path = f"{tree}:{tree / 'connectors'}"
    return subprocess.run(
        [sys.executable, "-c", _RUN, path, "--config", str(shop.config), *arguments],
        env=shop.environ({}),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def next_release(folder: Path, oldest: str) -> Path:
    """This syncd with one migration more."""
    for name in ("syncd", "connectors", "migrations"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "migrations" / "versions" / "9001_next.py").write_text(
        _NEXT.format(head=upgrade.HEAD, oldest=oldest), "utf-8"
    )
    module = folder / "syncd" / "store" / "upgrade.py"
    module.write_text(module.read_text("utf-8").replace(f'HEAD = "{upgrade.HEAD}"', 'HEAD = "9001"'), "utf-8")
    return folder


def leads(shop: shops.Shop) -> int:
    with closing(sqlite3.connect(shop.store)) as connection:
        return int(connection.execute("SELECT count(*) FROM link").fetchone()[0])


def test_this_release_runs_on_a_store_to_which_the_next_one_has_only_added(shop: shops.Shop, tmp_path: Path) -> None:
    shop.people(2)
    assert shop.syncd("run", "--once").code == 0
    after = next_release(tmp_path / "next", oldest=upgrade.HEAD)
    upgraded = ran_by(after, shop, "db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    assert f"from {upgrade.HEAD} to revision 9001" in upgraded.stdout
    assert len(list(shop.folder.glob("*.bak"))) == 1, "a copy was made before"
    shop.crm(_ONE_MORE)
    for command in (("run", "--once"), ("status",), ("db", "current"), ("db", "check"), ("db", "upgrade")):
        ran = shop.syncd(*command)
        assert ran.code == 0, (command, ran.err)
    assert leads(shop) == 3
    assert ran_by(after, shop, "run", "--once").returncode == 0


def test_a_store_from_which_the_next_one_has_taken_something_is_refused(shop: shops.Shop, tmp_path: Path) -> None:
    after = next_release(tmp_path / "next", oldest="9001")
    assert ran_by(after, shop, "db", "upgrade").returncode == 0
    ran = shop.syncd("run", "--once")
    assert ran.code == 2
    assert "revision 9001, which this syncd does not know: it is newer" in ran.err
    assert "restore the copy" in ran.err


def test_the_last_release_runs_on_the_store_of_this_one(shop: shops.Shop, tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "tag", "--list", "v*", "--sort=-v:refname", "--merged", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    if not listed.stdout.strip():
        pytest.skip("nothing has been released yet")
    tag = listed.stdout.split()[0]
    before = tmp_path / tag
    before.mkdir()
    packed = subprocess.run(["git", "archive", tag], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", os.fspath(before)], input=packed.stdout, check=True)
    shop.people(2)
    assert shop.syncd("run", "--once").code == 0
    shop.crm(_ONE_MORE)
    ran = ran_by(before, shop, "run", "--once")
    assert ran.returncode == 0, ran.stderr
    assert leads(shop) == 3
