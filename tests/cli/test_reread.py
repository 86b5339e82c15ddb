"""A mapping that changed: the operator is told how to read again what has not changed, until that is done."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli import shop as shops

ALL = "syncd backfill acme leads --since 1970-01-01T00:00:00Z"
CALLS, DISPOSITIONS = (f"syncd backfill acme {name} --since 30d" for name in ("calls", "dispositions"))


def told(shop: shops.Shop) -> dict[str, str]:
    """What `syncd status` suggests, by pipeline."""
    ran = shop.syncd("status", "acme", "--json")
    return {pipe["pipeline"]: pipe["reread"] for pipe in ran.json()[0]["pipelines"] if pipe["reread"]}


def remap(shop: shops.Shop, pipeline: str, **more: Any) -> None:
    """Change a pipeline's part of the original configuration."""
    settings = shop.settings()
    settings["clients"]["acme"]["pipelines"][pipeline] |= more
    shop.write(settings)


@pytest.fixture
def begun(shop: shops.Shop) -> shops.Shop:
    """A shop whose streams have been read."""
    shop.people(2)
    assert shop.syncd("run", "--once").code == 0
    assert told(shop) == {}
    return shop


@pytest.mark.parametrize(
    ("pipeline", "change", "commands"),
    [
        ("leads", {"where": {"first_name": "Person 1"}}, {"leads": ALL}),
        ("leads", {"opt_out": {"do_not_call": 2}}, {"leads": ALL, "dispositions": DISPOSITIONS}),
        ("calls", {"fields": {"person": "crm_id", "status": "status"}}, {"calls": CALLS}),
    ],
)
def test_each_change_that_may_plan_differently_counts(
    begun: shops.Shop, pipeline: str, change: dict[str, Any], commands: dict[str, str]
) -> None:
    remap(begun, pipeline, **change)
    assert told(begun) == commands
    remap(begun, pipeline, every="2s")
    assert told(begun) == {}


def test_the_command_begins_where_the_pipeline_began(shop: shops.Shop) -> None:
    remap(shop, "leads", start="2026-01-05T12:00:00-05:00")
    assert shop.syncd("run", "--once").code == 0
    remap(shop, "leads", start="2026-01-05T12:00:00-05:00", where={"first_name": "Ann"})
    assert told(shop) == {"leads": "syncd backfill acme leads --since 2026-01-05T17:00:00Z"}


def test_a_backfill_up_to_now_ends_it_and_one_of_a_part_does_not(begun: shops.Shop) -> None:
    remap(begun, "leads", where={"first_name": "Person 1"})
    (begun.folder / "ids").write_text("1\n", "utf-8")
    for part in (("--since", "2d", "--until", "1d"), ("--ids", str(begun.folder / "ids"))):
        assert begun.syncd("backfill", "acme", "leads", *part).code == 0
        assert told(begun) == {"leads": ALL}
    assert begun.syncd("backfill", "acme", "leads", "--since", "1h").code == 0
    assert told(begun) == {}
    remap(begun, "leads")
    assert told(begun) == {"leads": ALL}


def test_a_backfill_that_was_done_with_another_mapping_than_it_was_asked_for_does_not(begun: shops.Shop) -> None:
    wanted: dict[str, Any] = {"where": {"first_name": "Person 1"}}
    remap(begun, "leads", **wanted)
    ran = begun.syncd("backfill", "acme", "leads", "--since", "1h", "--no-wait", "--json")
    remap(begun, "leads")
    assert begun.syncd("backfill", "resume", str(ran.json()["id"]), "--json").json()["state"] == "done"
    remap(begun, "leads", **wanted)
    assert told(begun) == {"leads": ALL}


def backfills(shop: shops.Shop) -> list[tuple[Any, ...]]:
    """Those that a changed mapping asked for."""
    return shop.query("SELECT pipeline, state, counts FROM backfill WHERE reread != '' ORDER BY id")


def test_a_daemon_reads_again_what_was_read_before_and_plan_says_what_comes_of_it(shop: shops.Shop) -> None:
    began: dict[str, Any] = {"start": "now", "every": "1h"}
    remap(shop, "leads", **began)
    shop.people(2)
    assert shop.syncd("run", "--once").code == 0
    shop.people(2, first=3)
    assert shop.syncd("run", "--once").code == 0
    assert shop.leads() == ["3", "4"]
    remap(shop, "leads", **began, where={"first_name": ["Person 1", "Person 3"]})
    (planned,) = shop.syncd("plan", "acme", "leads", "--json").json()
    counts = {name: planned["reread_plan"][name] for name in ("read", "create", "update", "remove")}
    assert counts == {"read": 2, "create": 0, "update": 0, "remove": 1}
    assert "Of what is read again because the mapping has changed" in shop.syncd("plan", "acme").out
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: [state for _, state, _ in backfills(shop)] == ["done"])
        with shop.sim.world.lock:
            ours = [lead for lead in shop.sim.world.leads.values() if "syncd:" in lead.source_id]
            assert [lead.vendor_lead_code for lead in ours if lead.status != "NEW"] == ["4"]
        assert shop.leads() == ["3", "4"], "nobody whom `start` left out"
        assert told(shop) == {}
        remap(shop, "leads", **began)
        assert "acme changed" in shop.syncd("reload").out
        daemon.wait_for(lambda: [state for _, state, _ in backfills(shop)] == ["done", "done"])
        assert daemon.stop() == 0
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: len(daemon.lines("started")) == 2)
        assert daemon.stop() == 0
    assert len(backfills(shop)) == 2, "once for each version"
