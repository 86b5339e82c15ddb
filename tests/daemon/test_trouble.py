"""A store that cannot be written for a while: said once, and the daemon lives."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from tests.cli import shop as shops
from tests.daemon.test_service import leads_every

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits another process's files")


def test_a_full_disk_under_the_store_is_said_once_and_survived(shop: shops.Shop) -> None:
    leads_every(shop, "1h")
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: shop.query("SELECT count(*) FROM stream WHERE last_ok_at IS NOT NULL") == [(2,)])
        # room for some lines of log, but for no commit: what a full disk does to a database
        limit = (daemon.log.stat().st_size + 4000, resource.RLIM_INFINITY)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, limit)
        shop.people(30)
        assert shop.syncd("resume", "acme").code == 0
        daemon.wait_for(lambda: daemon.lines("trouble"))
        assert "disk" in daemon.lines("trouble")[0]["problems"][0]
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, unlimited)
        daemon.wait_for(lambda: len(shop.leads()) == 30)
        daemon.wait_for(lambda: daemon.lines("trouble is over"))
        assert daemon.stop() == 0
        told = daemon.lines("trouble")
        assert len({str(one["problems"]) for one in told}) == len(told), "each is said once, for all streams"


def test_a_disk_that_fills_during_a_backfill_loses_and_repeats_nobody(shop: shops.Shop) -> None:
    leads_every(shop, "1h")
    settings = shop.settings()
    settings["clients"]["acme"]["pipelines"]["leads"] |= {"every": "1h", "start": "now"}
    shop.write(settings)
    shop.people(600)
    shop.crm("UPDATE people SET modified = strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 day')")
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: shop.query("SELECT count(*) FROM stream WHERE last_ok_at IS NOT NULL") == [(2,)])
        follower = subprocess.Popen(
            [shops.COMMAND, "backfill", "acme", "leads", "--since", "7d"],
            env=shop.environ({}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        daemon.wait_for(shop.leads)
        sizes = [path.stat().st_size for path in shop.folder.glob("syncd.db*")] + [daemon.log.stat().st_size]
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (max(sizes) + 4000, resource.RLIM_INFINITY))
        daemon.wait_for(lambda: daemon.lines("trouble"))
        assert "disk" in daemon.lines("trouble")[0]["problems"][0]
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, unlimited)
        assert follower.wait(shops.PATIENCE_SECONDS) == 0
        assert shop.query("SELECT state FROM backfill") == [("done",)]
        assert daemon.stop() == 0
    assert len(shop.leads()) == len(set(shop.leads())) == 600
    assert shop.query("SELECT count(*) FROM intent WHERE kind = 'create'") == [(600,)], "each was planned once"
