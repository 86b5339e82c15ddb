"""Audits on both stores, with far systems that list nothing, stop in the middle, or change while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncd.core import audit as core
from syncd.engine import audit, audit_repair, run
from syncd.engine.parts import Client
from syncd.sdk import errors
from syncd.store import audit as stored
from syncd.store import held
from tests.engine.site import CLIENT, Site


@pytest.fixture
def site(store_url: str) -> Iterator[Site]:
    """People with leads, all in step."""
    made = Site(store_url)
    made.upgrade()
    for number in range(1, 8):
        made.person(str(number), first_name=f"Person {number}", phone=f"727555{number:04}")
    engine, client = made.start()
    run.run_all(engine, [client])
    made.advance(600)
    yield made
    made.close()


def begun(site: Site, stopping: Callable[[], bool] = lambda: False) -> tuple[run.Engine, Client, int]:
    engine, client = site.start()
    engine.stopping = stopping
    number = audit.start(engine, client, calls_since=site.now(), rate=1000.0, by="test")
    return engine, client, number


def found(site: Site, number: int) -> dict[tuple[str, str], str]:
    return {(one.kind, one.subject): one.reason for one in stored.findings(site.db, number, ["confirmed"])}


def test_one_that_is_stopped_after_each_page_finds_the_same_and_counts_each_record_once(site: Site) -> None:
    [gone] = site.leads_of("3")
    del site.dialer.table("leads")[gone.id]
    site.dialer.put("leads", "5000", **site.leads_of("4")[0].fields)
    turns: list[str] = []
    engine, client, number = begun(site, lambda: len(turns) < 20)
    while stored.one(site.db, number).state == "open":
        turns.append(audit.run(engine, client, number).result)
    row = stored.one(site.db, number)
    assert (len(turns) > 3, set(turns)) == (True, {"ok", "stopped"})
    assert (row.drift, row.counts["records"], row.state) == (2, 7, "done")
    assert found(site, number) == {("missing", "3"): "gone", ("doubled", "4"): ""}
    done = audit_repair.repair(engine, client, number, by="test")
    assert (done.held, done.left, done.backfills) == (1, 1, [])
    assert [(one.subject, one.reason) for one in held.listed(site.db, CLIENT)] == [("3", "missing")]


def test_what_changes_while_both_sides_are_read_is_no_finding(site: Site) -> None:
    [lead] = site.leads_of("2")
    del site.dialer.table("leads")[lead.id]
    engine, client, number = begun(site, lambda: True)
    audit.run(engine, client, number)
    suspects = stored.findings(site.db, number, ["suspected"])
    assert [(one.kind, one.subject) for one in suspects] == [("missing", "2")]
    site.dialer.table("leads")[lead.id] = lead
    engine.stopping = lambda: False
    audit.run(engine, client, number)
    assert (stored.one(site.db, number).state, stored.one(site.db, number).drift) == ("done", 0)


def test_only_one_at_a_time_and_a_cancelled_one_stores_nothing_more(site: Site) -> None:
    engine, client, number = begun(site)
    with pytest.raises(errors.UserError, match="is not done"):
        audit.start(engine, client, calls_since=None, rate=20.0, by="test")
    stored.cancel(site.db, number, site.now())
    assert audit.run(engine, client, number).result == "halted"
    assert stored.one(site.db, number).state == "cancelled"
    assert stored.due(site.db, CLIENT, site.now()) is None
    for _ in range(stored.KEPT + 2):
        number = audit.start(engine, client, calls_since=None, rate=20.0, by="test")
        stored.cancel(site.db, number, site.now())
    assert len(stored.listed(site.db, CLIENT)) == stored.KEPT


def test_an_outage_is_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, client, number = begun(site)

    def refuses(*_: object, **__: object) -> None:
        raise errors.RetryLater("not now", after_seconds=30.0)

    monkeypatch.setattr(client.crm, "clock", refuses)
    assert audit.run(engine, client, number).result == "failed"
    row = stored.one(site.db, number)
    assert (row.error, row.failures, row.state) == ("RetryLater: not now", 1, "open")
    assert stored.due(site.db, CLIENT, site.now()) is None
    monkeypatch.undo()
    site.advance(60)
    assert stored.due(site.db, CLIENT, site.now()) == number
    assert audit.run(engine, client, number).result == "ok"
    assert stored.one(site.db, number).drift == 0


def test_the_page_names_all_kinds_of_findings() -> None:
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text("utf-8")
    assert [kind for kind in core.KINDS if f"`{kind}`" not in page] == []
