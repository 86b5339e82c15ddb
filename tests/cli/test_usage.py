"""Calling syncd wrongly, or at the wrong time: said on one line, exit code 2, no traceback."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from syncd.daemon.signals import AT_ONCE
from tests.cli import shop as shops

COMMANDS = (
    ("run",),
    ("plan",),
    ("status",),
    ("why",),
    ("held", "list"),
    ("held", "show"),
    ("held", "retry"),
    ("held", "drop"),
    ("pause",),
    ("resume",),
    ("backfill",),
    ("backfill", "list"),
    ("backfill", "pause"),
    ("backfill", "resume"),
    ("backfill", "cancel"),
    ("agent",),
    ("altered",),
    ("db", "upgrade"),
    ("db", "current"),
    ("db", "check"),
    ("db", "backup"),
    ("db", "rebind"),
    ("config", "check"),
    ("config", "schema"),
    ("doctor",),
    ("fields",),
    ("init",),
    ("simulate", "vicidial"),
)


def test_every_command_has_help_with_an_example_and_the_options_that_go_everywhere() -> None:
    script = f"""
import sys, io, contextlib
from syncd.cli import main
for command in {COMMANDS!r}:
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        assert main.main([*command, "--help"]) == 0, command
    if command[0] != "simulate":
        assert "Example: syncd " + " ".join(command) in text.getvalue(), text.getvalue()
        assert "--config" in text.getvalue() and "--json" in text.getvalue(), command
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_help_and_version_import_nothing_that_is_slow_to_import() -> None:
    script = """
import sys
from syncd.cli import main
main.main(["--help"])
main.main(["--version"])
slow = {"sqlalchemy", "alembic", "pydantic", "yaml", "urllib3", "phonenumbers", "structlog", "apscheduler"}
assert not slow & set(sys.modules), slow & set(sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", script], check=True, timeout=60, capture_output=True, text=True)
    assert ended.stdout.splitlines()[-1].count(".") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rnu",), 'Did you mean "run"?'),
        (("held", "lst"), 'Did you mean "list"?'),
        (("run", "--onec"), "Did you mean --once?"),
        (("status", "--jsno"), "Did you mean --json?"),
        (("held", "show", "x"), "int"),
        (("pause",), "CLIENT"),
        (("status", "--config"), "requires an argument"),
        (("status", "--config", "nowhere.yaml"), "nowhere.yaml: there is no such file"),
    ],
)
def test_a_wrong_call_says_what_was_meant(bare: shops.Shop, arguments: tuple[str, ...], said: str) -> None:
    ran = bare.syncd(*arguments)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""


def test_without_a_store_it_says_which_command_makes_one(bare: shops.Shop) -> None:
    ran = bare.syncd("run", "--json")
    assert ran.code == 2
    assert "there is no state store yet – run `syncd db upgrade`" in ran.err
    assert ran.json()["problems"][0]["fix"] == "run `syncd db upgrade`"
    assert not bare.store.exists()


def test_an_unknown_client_or_pipeline_is_refused_with_what_there_is(shop: shops.Shop) -> None:
    ran = shop.syncd("plan", "acne")
    assert ran.code == 2
    assert "there is no client 'acne', did you mean acme?" in ran.err
    ran = shop.syncd("pause", "acme", "dnc")
    assert ran.code == 2
    assert "there is no pipeline of acme 'dnc' – there are: leads, calls, dispositions" in ran.err


def test_a_store_of_a_newer_syncd_is_refused(shop: shops.Shop) -> None:
    with closing(sqlite3.connect(shop.store)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE meta SET value = '9999' WHERE name = 'oldest'")
    ran = shop.syncd("status")
    assert ran.code == 2
    assert "revision 9999, which this syncd does not know: it is newer" in ran.err


def test_a_file_that_is_no_store_is_refused(shop: shops.Shop) -> None:
    shop.store.write_bytes(b"not a database at all" * 100)
    ran = shop.syncd("status")
    assert ran.code == 2
    assert "this file is no state store" in ran.err


def test_a_bug_is_told_apart_from_the_operators_mistakes(shop: shops.Shop) -> None:
    with closing(sqlite3.connect(shop.store)) as connection, connection:
        connection.execute("INSERT INTO stream (client, stream, overlap_reads) VALUES ('acme', 'crm.leads', 'broken')")
    ran = shop.syncd("status", "--json")
    assert ran.code == 3
    assert "Traceback" in ran.err
    assert ran.json() == {
        "problems": [{"what": "internal error: JSONDecodeError", "where": "", "fix": "", "fatal": True}]
    }


def test_a_store_that_was_filled_from_other_systems_is_refused_until_it_is_bound_anew(shop: shops.Shop) -> None:
    assert shop.syncd("run", "--once").code == 0
    settings = shop.settings()
    settings["clients"]["acme"]["dialer"]["url"] = shop.sim.url.replace("127.0.0.1", "localhost")
    shop.write(settings)
    for arguments in (("plan", "acme"), ("run", "--once")):
        ran = shop.syncd(*arguments)
        assert ran.code == 2
        assert "belongs to another configuration" in ran.err
        assert "syncd db rebind acme" in ran.err
    assert shop.syncd("db", "rebind", "acme").code == 0
    assert shop.syncd("run", "--once").code == 0


def test_the_documentation_names_every_command_and_exit_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert command[0] in text
        assert command[-1] in text
    for code in (0, 1, 2, 3, AT_ONCE):
        assert f"\n| {code} |" in text
