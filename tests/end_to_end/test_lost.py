"""What somebody else has lost: the state store, a lead, the whole dialer."""

from __future__ import annotations

from syncd.engine import operate
from syncd.simulators import vicidial
from syncd.store import held, streams
from tests.end_to_end import dialer
from tests.end_to_end import site as sites


def called(site: sites.Site) -> sites.Life:
    """A life in which both people have leads, the first one was sold something, and all of it is known."""
    life = site.start()
    site.settle(life)
    site.door.call(site.door.lead_of("1")["lead_id"], "SALE", seconds_ago=30)
    site.settle(life)
    return life


def test_a_lost_store_doubles_nobody_and_no_call(site: sites.Site) -> None:
    called(site)
    people, calls, leads = site.crm.people(), site.crm.calls(), site.door.leads()
    site.forget()
    life = site.start()
    site.settle(life)
    assert site.door.leads() == leads
    assert site.crm.people() == people
    assert site.crm.calls() == calls
    site.crm.change("2", name="Robert")
    site.settle(life)
    assert site.door.lead_of("2")["first_name"] == "Robert"


def test_a_lead_that_was_deleted_is_created_anew_only_when_an_operator_says_so(site: sites.Site) -> None:
    life = called(site)
    site.door.ask("delete", lead_id=site.door.lead_of("2")["lead_id"])
    site.crm.change("2", name="Robert")
    site.settle(life)
    assert [lead["vendor_lead_code"] for lead in site.door.leads()] == ["", "1"]
    assert "gone on the far side" in site.hints()["2"]
    (retried,) = operate.retry(life.engine, life.client, held.listed(site.db))
    assert retried.state == "staged"
    site.settle(life)
    assert site.door.lead_of("2")["first_name"] == "Robert"
    assert site.hints() == {}


def test_a_rebuilt_dialer_that_gives_lead_ids_again_stops_the_client(site: sites.Site) -> None:
    life = called(site)
    ids = {lead["vendor_lead_code"]: lead["lead_id"] for lead in site.door.leads()}
    other = {"list_id": dialer.LIST, "phone_code": "1", "phone_number": "7275550300", "vendor_lead_code": "other"}
    rebuilt = dialer.state() | {"leads": [other | {"lead_id": ids[key]} for key in ("1", "2")]}
    port = site.simulator.port
    site.simulator.close()
    with vicidial.serve(rebuilt, port=port) as simulator:
        site.door.close()
        site.simulator, site.door = simulator, dialer.Door(simulator.url)
        before = site.door.leads()
        site.crm.change("1", name="Anna")
        site.crm.enter("3", name="Cid", phone="727 555 0003")
        for report in site.round(life) + site.round(life):
            assert report.result in ("failed", "paused")
            assert "carries another record's key" in report.error
        assert site.door.leads() == before, "nothing is written to somebody else's lead"
        states = streams.pipeline_states(site.db, sites.CLIENT)
        assert {state.paused for state in states.values()} == {"mismatch"}
