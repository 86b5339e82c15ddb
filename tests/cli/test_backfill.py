"""`syncd backfill` as the operator sees it: stored, resumable, with a daemon and without."""

from __future__ import annotations

import subprocess

import pytest

from tests.cli import shop as shops

STAMP = "2026-01-05 12:00:00"


def old_people(shop: shops.Shop, count: int) -> None:
    """People who were entered long before a pipeline with `start: now`."""
    settings = shop.settings()
    settings["clients"]["acme"]["pipelines"]["leads"] |= {"start": "now"}
    shop.write(settings)
    shop.people(count)
    shop.crm("UPDATE people SET modified = ?", STAMP)


def test_without_a_daemon_the_command_does_the_work(shop: shops.Shop) -> None:
    old_people(shop, 4)
    shop.crm("UPDATE people SET do_not_call = 1, modified = ? WHERE id = 4", "2026-01-05 12:00:01")
    dry = shop.syncd("backfill", "acme", "leads", "--since", "2026-01-05", "--dry-run", "--json")
    assert dry.code == 0, dry.err
    assert (dry.json()["create"], dry.json()["skip"]) == (3, {"opt_out": 1})
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
    shop.crm("UPDATE people SET do_not_call = 1, modified = ?", STAMP)
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
    assert ran.json()["counts"]["skip.opt_out"] == 15_000
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
    assert "1 ids are unknown, on the lines 3" in said.out
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
