"""A dialer whose clock is an hour off, through the pipelines."""

from __future__ import annotations

from tests.cli import shop as shops
from tests.vicidial import site


def test_while_a_dialer_is_in_another_zone_its_calls_wait_and_leads_go_on(shop: shops.Shop) -> None:
    """Each call is in the CRM once in the end, at its own time; what keeps it waiting is said."""
    shop.people(1)
    assert shop.syncd("run", "--once").code == 0
    lead_id = next(one["lead_id"] for one in site.leads(shop.sim.url) if "syncd:" in (one["source_id"] or ""))
    site.door(shop.sim.url, "call", lead_id=lead_id, user="1001", status="NI", length_in_sec=30)
    site.door(shop.sim.url, "clock", zone="America/Chicago")
    shop.people(1, first=2)
    ran = shop.syncd("run", "--once")
    assert ran.code == 1
    assert "calls are not read: time_zone: the server's clock is at UTC-" in ran.out
    assert len(shop.leads()) == 2
    assert shop.crm("SELECT * FROM calls") == []
    assert "calls are not read: time_zone" in shop.syncd("status", "acme").out
    site.door(shop.sim.url, "clock", zone="America/New_York")
    for _ in range(2):
        assert shop.syncd("run", "--once").code == 0
    assert shop.crm("SELECT person, status, seconds FROM calls") == [(1, "NI", 30)]
    assert shop.crm("SELECT lead_status FROM people") == [("NI",), (None,)]
