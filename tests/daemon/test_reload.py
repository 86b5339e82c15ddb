"""Another configuration for a daemon that runs: only what changed begins anew, and nothing where anything is wrong."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli import forks
from tests.cli import shop as shops
from tests.daemon.test_service import listening


@pytest.fixture
def other(tmp_path: Path, forks_: forks.Forks) -> Iterator[shops.Shop]:
    """A second client's CRM and dialer; its store is not used."""
    folder = tmp_path / "other"
    folder.mkdir()
    with shops.opened(folder, forks_) as shop:
        yield shop


def both(shop: shops.Shop, other: shops.Shop) -> dict[str, Any]:
    """A configuration with both clients: acme and beta."""
    settings = shop.settings()
    settings["clients"]["beta"] = other.settings()["clients"]["acme"]
    return settings


def test_what_changed_begins_anew_and_nobody_else_notices(shop: shops.Shop, other: shops.Shop) -> None:
    settings = both(shop, other)
    shop.write(settings)
    other.people(60)
    other.sim.hold(5)
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: other.sim.wait_for_adds(5, 0.1) >= 5)
        settings["clients"]["beta"]["pipelines"]["leads"]["fields"]["title"] = {"value": "Dr"}
        shop.write(settings)
        ran = shop.syncd("reload")
        assert ran.code == 0, ran.err
        assert f"reloaded {shop.config}: beta changed, 1 unchanged; still ending a batch: beta" in ran.out

        shop.people(3)  # acme goes on while beta's run waits for its dialer
        daemon.wait_for(lambda: len(shop.leads()) == 3)
        assert not daemon.lines("ended")
        other.sim.release()
        daemon.wait_for(lambda: [line["client"] for line in daemon.lines("ended")] == ["beta"])
        other.people(1, first=61)
        daemon.wait_for(lambda: len(other.leads()) == 61)
        with other.sim.world.lock:
            assert [lead.title for lead in other.sim.world.leads.values() if lead.vendor_lead_code == "61"] == ["Dr"]

        del settings["clients"]["beta"]
        settings["clients"]["gamma"] = other.settings()["clients"]["acme"] | {"phone_region": "CA"}
        settings["clients"]["gamma"]["pipelines"]["leads"]["start"] = "now"
        settings["log"] = {"level": "debug"}
        shop.write(settings)
        answer = shop.syncd("reload", "--json").json()[0]
        assert (answer["added"], answer["changed"], answer["removed"]) == (["gamma"], [], ["beta"])
        assert (answer["unchanged"], answer["restart"]) == (1, ["log"])
        daemon.wait_for(lambda: len(daemon.lines("ended")) == 2)
        assert daemon.stop() == 0
    assert shop.query("SELECT count(*) FROM lease") == [(0,)]
    assert shop.query("SELECT count(DISTINCT dialer_id) FROM link WHERE client = 'beta'") == [(61,)]
    assert shop.syncd("reload").code == 2, "nobody is there"


def test_what_is_to_end_sends_nothing_after_stop_seconds(shop: shops.Shop) -> None:
    settings = shop.settings() | {"stop_seconds": "1ms"}
    shop.write(settings)
    shop.people(40)
    shop.sim.hold(5)
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: shop.sim.wait_for_adds(5, 0.1) >= 5)
        settings["clients"]["acme"]["pipelines"]["leads"]["mode"] = "shadow"
        shop.write(settings)
        assert shop.syncd("reload").code == 0
        shop.sim.release()
        daemon.wait_for(lambda: daemon.lines("ended"))
    assert 5 <= len(shop.leads()) < 40
    assert shop.query("SELECT count(*) FROM intent WHERE state = 'sending'") == [(0,)]


def test_a_configuration_that_is_wrong_anywhere_changes_nothing(shop: shops.Shop, other: shops.Shop) -> None:
    settings = both(shop, other)
    shop.write(settings)
    path = Path("/tmp") / f"syncd-{shop.folder.name[-8:]}-{id(shop):x}.sock"
    try:
        with listening(path) as manager, shop.daemon(environ={"NOTIFY_SOCKET": str(path)}) as daemon:
            assert manager.hears("READY=1")
            settings["clients"]["beta"]["pipelines"]["leads"]["every"] = "soon"
            settings["clients"]["acme"]["pipelines"]["leads"]["mode"] = "shadow"
            shop.write(settings)
            ran = shop.syncd("reload")
            assert ran.code == 2
            assert f"{shop.config}:" in ran.err
            assert "clients.beta.pipelines.leads.every" in ran.err
            assert "the daemon goes on with the configuration that it has" in ran.err
            daemon.process.send_signal(signal.SIGHUP)
            assert manager.hears("RELOADING=1\nMONOTONIC_USEC=")
            assert manager.hears("READY=1", times=2)
            assert manager.hears("STATUS=4 streams; reload refused: 1 problems")
            assert "clients.beta.pipelines.leads.every" in daemon.lines("reload refused")[0]["problems"][0]

            settings = both(shop, other)
            settings["clients"]["beta"]["crm"]["leads"] |= {"table": "calls", "id": "call_key"}
            shop.write(settings)
            ran = shop.syncd("reload", "--json")
            assert ran.code == 2
            assert "clients.beta: this state store belongs to another configuration" in ran.err
            assert ran.json()[0]["problems"][0]["where"] == "clients.beta"
            shop.people(1)
            daemon.wait_for(lambda: shop.leads() == ["1"])

            shop.write(both(shop, other))
            assert "2 unchanged" in shop.syncd("reload").out
            assert daemon.stop() == 0
    finally:
        path.unlink(missing_ok=True)


def test_a_storm_of_signals_is_one_or_two_reloads_and_the_last_one_counts(shop: shops.Shop) -> None:
    settings = shop.settings()
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: daemon.lines("started"))
        for number in range(200):
            if number == 199:
                settings["clients"]["acme"]["pipelines"]["leads"]["every"] = "2s"
                shop.write(settings)
            daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for(lambda: any(line["changed"] == ["acme"] for line in daemon.lines("reloaded")))
        assert len(daemon.lines("reloaded")) <= 2
        assert daemon.stop() == 0
