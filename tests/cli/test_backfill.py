"""`syncd backfill` as the operator sees it: stored, resumable, with a daemon and without."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.cli import shop as shops
from tests.cli import terminal

STAMP = "2026-01-05 12:00:00"


def old_people(shop: shops.Shop, count: int, *, first: int = 1) -> None:
    """People who were entered long before a pipeline with `start: now`, whose slices are whole ones."""
    settings = shop.settings()
    settings["clients"]["acme"]["pipelines"]["leads"] |= {"start": "now", "every": "10s"}
    shop.write(settings)
    shop.people(count, first=first)
    shop.crm("UPDATE people SET modified = ?", STAMP)


def test_without_a_daemon_the_command_does_the_work(shop: shops.Shop) -> None:
    old_people(shop, 4)
    shop.crm("UPDATE people SET do_not_call = 1, modified = ? WHERE id = 4", "2026-01-05 12:00:01")
    dry = shop.syncd("backfill", "acme", "leads", "--since", "2026-01-05", "--dry-run", "--json")
    assert dry.code == 0, dry.err
    assert (dry.json()["create"], dry.json()["remove"]) == (3, 1)  # her number is kept out of dialling
    assert shop.syncd("backfill", "list", "--json").json() == []
    ran = shop.syncd("backfill", "acme", "leads", "--since", "2026-01-05", "--until", "2026-01-05", "--json")
    assert ran.code == 0, ran.err + ran.out
    told = ran.json()
    assert (told["state"], told["counts"]["read"], told["counts"]["create"], told["unsent"]) == ("done", 4, 3, 0)
    assert shop.leads() == ["1", "2", "3"]
    dry = shop.syncd("backfill", "acme", "leads", "--since", "2026-01-05", "--dry-run", "--json")
    assert [dry.json()[what] for what in ("read", "create", "update", "unchanged")] == [4, 0, 0, 3]
    listed = shop.syncd("backfill", "list", "acme").out
    assert "done" in listed


def test_a_daemon_executes_it_and_the_command_follows(shop: shops.Shop) -> None:
    old_people(shop, 30)
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: daemon.lines("started"))
        ran = shop.syncd("backfill", "acme", "leads", "--since", "2026-01-01", "--json")
        assert ran.code == 0, ran.err
        assert ran.json()["counts"]["create"] == 30
        assert len(shop.leads()) == 30
        assert daemon.lines("backfill")
        assert daemon.stop() == 0


def test_fifteen_thousand_with_one_stamp_survive_a_kill(shop: shops.Shop) -> None:
    old_people(shop, 15_000)
    shop.crm("UPDATE people SET phone = NULL, modified = ?", "2026-01-05 12:00:01")
    process = subprocess.Popen(
        [shops.COMMAND, "backfill", "acme", "leads", "--since", "2026-01-01"],
        env=shop.environ({}),
        stdout=subprocess.DEVNULL,
    )
    while not shop.query("SELECT 1 FROM backfill WHERE position_at IS NOT NULL"):
        assert process.poll() is None
    process.kill()
    process.wait()
    [(number, counts)] = shop.query("SELECT id, counts FROM backfill")
    assert '"read": 15000' not in counts
    ran = shop.syncd("backfill", "resume", str(number), "--json")
    assert ran.code == 0, ran.err
    assert (ran.json()["state"], ran.json()["read"]) == ("done", 15_000)
    assert ran.json()["counts"]["skip.no_phone"] == 15_000
    assert shop.query("SELECT count(*) FROM decision") == [(15_000,)]


def test_ids_come_from_a_file_and_are_not_printed(shop: shops.Shop) -> None:
    old_people(shop, 3)
    file = shop.folder / "ids"
    file.write_text("2\n\nsecret-id\n3\n", encoding="utf-8")
    ran = shop.syncd("backfill", "acme", "leads", "--ids", file, "--json")
    assert ran.code == 0, ran.err
    assert (ran.json()["read"], ran.json()["unknown_lines"]) == (2, [3])
    assert shop.leads() == ["2", "3"]
    said = shop.syncd("backfill", "acme", "leads", "--ids", file)
    assert "unknown ids: 1, by line: 3" in said.out
    assert "secret-id" not in said.out + said.err


def test_pause_resume_and_cancel(shop: shops.Shop) -> None:
    old_people(shop, 2)
    number = str(shop.syncd("backfill", "acme", "leads", "--since", "2026-01-01", "--no-wait", "--json").json()["id"])
    assert shop.syncd("backfill", "pause", number, "--json").json()[0]["state"] == "paused"
    assert shop.syncd("pause", "acme", "leads").code == 0
    ran = shop.syncd("backfill", "resume", number)
    assert ran.code == 2
    assert "the pipeline is paused by operator" in ran.err
    assert shop.syncd("resume", "acme").code == 0
    assert shop.syncd("backfill", "resume", number).code == 0
    assert shop.leads() == ["1", "2"]
    assert shop.syncd("backfill", "resume", number).code == 2
    assert shop.syncd("backfill", "cancel", number, "--json").json()[0]["state"] == "done"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("leads",), "--since is missing"),
        (("leads", "--since", "soon"), "--since: not a time"),
        (("leads", "--since", "2999-01-01"), "--since is after --until"),
        (("lads", "--since", "7d"), "did you mean leads?"),
        (("calls", "--ids", "/dev/null"), "there are no ids"),
    ],
)
def test_a_wrong_call_says_how_to_mend_it(shop: shops.Shop, arguments: tuple[str, ...], said: str) -> None:
    ran = shop.syncd("backfill", "acme", *arguments)
    assert ran.code == 2
    assert said in ran.err


def test_ids_are_read_as_people_write_them(shop: shops.Shop) -> None:
    old_people(shop, 5)
    file = shop.folder / "ids"
    file.write_bytes(b"\xef\xbb\xbf2\r\n\r\n  3 \r\n2\r\nno\x0bbody\r\n4")
    ran = shop.syncd("backfill", "acme", "leads", "--ids", file, "--json")
    assert ran.code == 0, ran.err
    assert (ran.json()["read"], ran.json()["unknown_lines"]) == (3, [5])
    assert shop.leads() == ["2", "3", "4"]
    piped = subprocess.run(
        [shops.COMMAND, "backfill", "acme", "leads", "--ids", "-", "--json"],
        env=shop.environ({}),
        input=b"1\n5\n",
        capture_output=True,
        check=False,
    )
    assert piped.returncode == 0, piped.stderr
    assert shop.leads() == ["1", "2", "3", "4", "5"]


def test_on_a_terminal_a_bar_tells_how_fast_it_goes_and_how_long_it_takes(shop: shops.Shop) -> None:
    old_people(shop, 620, first=1000)
    shop.crm("UPDATE people SET phone = NULL, modified = ? WHERE id < 1500", "2026-01-05 12:00:01")
    shop.crm("UPDATE people SET modified = ? WHERE id >= 1500", "2026-01-09 12:00:00")
    shop.sim.hold(10)
    command = ["backfill", "acme", "leads", "--since", "2026-01-01", "--until", "2026-01-11"]
    with terminal.opened(command, shop.environ({})) as screen:
        assert shop.sim.wait_for_adds(10, shops.PATIENCE_SECONDS) >= 10
        shop.sim.release()
        assert screen.end() == 0, screen.shown
        assert re.search(r"━ +500 read, \d+%, \d+/s, about \d+[smhd] left", screen.shown), screen.shown
        assert re.search(r"━ +620 read, 100%, \d+/s", screen.shown), screen.shown
        assert "backfill 1 is done: create 120, read 620, skip 500, skip.no_phone 500" in screen.shown
