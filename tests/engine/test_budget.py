"""A target whose daily budget is used up: ordinary changes wait until it is back, urgent ones use the reserve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from syncd.engine import parts, run
from syncd.sdk import errors, records
from syncd.sdk.testing import memory
from tests.engine import site as sites


class FrugalConnector(memory.MemoryConnector):
    """A CRM that takes nothing but what is urgent until its budget is back, an hour after it was used up."""

    def __init__(self, world: memory.World) -> None:
        super().__init__(world=world)
        self.until = world.now + timedelta(hours=1)

    def write(self, stream: str, changes: Sequence[records.Change]) -> Sequence[records.Outcome]:
        """Urgent ones first come through; the others only later."""
        if self.world.now >= self.until:
            return super().write(stream, changes)
        refused = records.Outcome(error=errors.QuotaExhausted("used up", until=self.until))
        return [super(FrugalConnector, self).write(stream, [one])[0] if one.urgent else refused for one in changes]


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    made.upgrade()
    yield made
    made.close()


def test_a_do_not_call_mark_passes_while_everything_else_waits_for_the_budget(site: sites.Site) -> None:
    for person in ("1", "2", "3"):
        site.person(person, phone=f"727 555 000{person}")
    engine, client = site.start()
    run.run_all(engine, [client])
    frugal = FrugalConnector(site.crm)
    client = parts.Client(client.name, frugal, client.dialer, client.pipelines, client.identity)
    of_people, of_calls = client.sources()

    def status(person: str) -> str | None:
        return site.crm.table("leads")[person].fields.get("lead_status")

    site.call("1", "NI")
    site.call("2", "DNC", flags="dnc")
    report = engine.run_stream(client, of_calls)
    assert (report.result, status("1"), status("2")) == ("failed", None, "DNC")
    assert report.next_due_at is not None
    assert report.next_due_at < frugal.until, "calls must be read on, there may be a do-not-call request"
    site.advance(60)
    site.call("3", "DNC", flags="dnc")
    engine.run_stream(client, of_calls)
    assert (status("1"), status("3")) == (None, "DNC")
    assert site.crm.table("calls") == {}
    assert engine.run_stream(client, of_people).result == "ok"
    site.advance(3600)
    assert engine.run_stream(client, of_calls).result == "ok"
    assert status("1") == "NI"
    assert len(site.crm.table("calls")) == 3
