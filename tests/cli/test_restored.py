"""A dialer that was put back to an older state, and gives the ids of newer leads again, stops the client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from syncd.simulators import vicidial
from syncd.simulators.vicidial import world
from tests.cli import shop as shops
from tests.simulators.asking import Door


@contextmanager
def put_back(shop: shops.Shop, leads: Sequence[Mapping[str, Any]]) -> Iterator[vicidial.Simulator]:
    """The server of before takes the place of the shop's, at the same address; it has made these leads since."""
    port, old = shop.sim.port, world.load_state(None)
    shop.sim.close()
    older = {**old, "leads_for_calls_json": [*old["leads_for_calls_json"], *leads]}
    with vicidial.serve(older, port=port) as sim:
        yield sim


def ours(shop: shops.Shop) -> dict[str, int]:
    """The key of each lead that syncd made → its id."""
    with shop.sim.world.lock:
        return {
            lead.vendor_lead_code: lead.lead_id for lead in shop.sim.world.leads.values() if "syncd:" in lead.source_id
        }


def somebody(lead_id: int, phone: str) -> dict[str, Any]:
    return {"lead_id": lead_id, "list_id": "101", "phone_code": "1", "phone_number": phone, "status": "NEW"}


def test_a_lead_that_is_somebody_else_stops_the_client_with_what_happened_and_what_to_do(shop: shops.Shop) -> None:
    shop.people(3)
    assert shop.syncd("run", "--once").code == 0
    ids = ours(shop)
    with put_back(shop, [somebody(lead_id, f"813555000{key}") for key, lead_id in ids.items()]) as sim:
        shop.crm("UPDATE people SET first_name = 'Anna', do_not_call = 1 WHERE id = 3")
        ran = shop.syncd("run", "--once")
        assert ran.code == 2
        said = f"lead {ids['3']} was made for CRM record 3, but carries another record's key"
        assert said in ran.out
        assert f'"far_id": "{ids["3"]}"' in ran.err, "in the log, ids that look like phones stay readable"
        status = shop.syncd("status", "acme")
        assert status.out.count("is paused by mismatch") == 3, "all that the client does"
        for words in (said, "restored or rebuilt", "compare the two", "new, empty store", "`syncd resume acme`"):
            assert words in status.out
        [told] = shop.syncd("status", "--json").json()
        assert told["needs_operator"]
        assert {pipe["paused_until"] for pipe in told["pipelines"]} == {None}, "until somebody has looked"
        with sim.world.lock:
            strangers = [sim.world.leads[lead_id] for lead_id in ids.values()]
            assert {(lead.status, lead.first_name) for lead in strangers} == {("NEW", "")}
        assert shop.syncd("resume", "acme").code == 0
        assert shop.syncd("run", "--once").code == 2, "it looks again"


def test_a_call_of_a_lead_that_is_somebody_else_stops_the_client(shop: shops.Shop) -> None:
    shop.people(2)
    assert shop.syncd("run", "--once").code == 0
    ids = ours(shop)
    kept = {"vendor_lead_code": "2", "source_id": "syncd:acme:leads", "first_name": "Person 2"}
    leads = [somebody(ids["1"], "8135550001"), somebody(ids["2"], "7275550002") | kept]
    with put_back(shop, leads) as sim:
        assert shop.syncd("run", "--once").code == 0, "the newest lead is the right one"
        Door(sim.url).sim("call", lead_id=ids["1"], user="1001", status="SALE")
        ran = shop.syncd("run", "--once")
        assert ran.code == 2
        assert f"lead {ids['1']} was made for CRM record 1" in ran.out
        assert shop.crm("SELECT count(*) FROM calls") == [(0,)], "nobody gets a stranger's call"
        assert shop.crm("SELECT count(*) FROM people WHERE lead_status IS NOT NULL") == [(0,)]


def test_with_a_new_store_the_leads_that_are_there_are_found_again(shop: shops.Shop) -> None:
    shop.people(3)
    assert shop.syncd("run", "--once").code == 0
    ids = ours(shop)
    kept = {"vendor_lead_code": "1", "source_id": "syncd:acme:leads", "first_name": "Person 1"}
    leads = [somebody(ids["1"], "7275550001") | kept, somebody(ids["3"], "8135550003")]
    with put_back(shop, leads) as sim:
        assert shop.syncd("run", "--once").code == 2
        for file in shop.folder.glob("syncd.db*"):
            file.unlink()
        assert shop.syncd("db", "upgrade").code == 0
        assert shop.syncd("run", "--once").code == 0
        with sim.world.lock:
            keys = [lead.vendor_lead_code for lead in sim.world.leads.values() if "syncd:" in lead.source_id]
        assert sorted(keys) == ["1", "2", "3"], "each record has one lead"
        assert keys[0] == "1"
