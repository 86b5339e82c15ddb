"""What the example configuration suggests for HubSpot works as it stands."""

from pathlib import Path

import pytest

from syncd.simulators import vicidial
from syncd_hubspot import HubspotConnector
from tests.config import suggested
from tests.end_to_end import dialer
from tests.hubspot.portal import key_property, opened
from tests.hubspot.test_end_to_end import Site
from tests.simulators.asking import Door

PERSON = {
    "firstname": "Sam",
    "lastname": "Sample",
    "mobilephone": "(727) 555-1001",
    "phone": "7275551002",
    "email": "sam@example.com",
    "address": "1 Main St\nFloor 2",
    "city": "Tampa",
    "state": "fl",
    "zip": "33601",
}


def test_the_suggested_mappings_carry_a_person_out_and_call_and_disposition_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(suggested.credentials(tmp_path, hubspot_token="pat-sim")))
    lists = [{"list_id": "1000", "campaign_id": dialer.CAMPAIGN}]
    with opened(key_property()) as portal, vicidial.serve({**dialer.state(), "lists": lists}) as sim:
        config = suggested.write(
            tmp_path,
            "hubspot",
            HubspotConnector.EXAMPLE,
            url=portal.sim.url,
            dialer=sim.url,
            agents="{1001: agent@example.com}",
        )
        site = Site(portal, Door(sim.url), config)
        contact, full_name = portal.add(PERSON, {"phone": "7275551003", "state": "Alaska"})
        site.syncd("config", "check")
        site.syncd("db", "upgrade")
        site.syncd("run", "--once")
        leads = site.leads()
        assert {name: leads[contact][name] for name in _LEAD} == _LEAD
        assert leads[full_name]["state"] == ""
        site.dialer.sim("call", lead_id=leads[contact]["lead_id"], user="1001", status="DNC", length_in_sec=42)
        site.syncd("run", "--once")
        (call,) = portal.objects("calls").values()
        assert {name: call[name] for name in _CALL} == _CALL
        (tie,) = portal.door.sim("world", include=[])["associations"]
        assert tie[3] == contact
        person = portal.objects()[contact]
        assert (person["hs_lead_status"], person["do_not_call"]) == ("UNQUALIFIED", "true")
        assert person["last_call"] == call["hs_timestamp"]


_LEAD = {
    "phone_code": "1",
    "phone_number": "7275551001",
    "first_name": "Sam",
    "last_name": "Sample",
    "email": "sam@example.com",
    "address1": "1 Main St Floor 2",
    "city": "Tampa",
    "state": "FL",
    "postal_code": "33601",
    "list_id": "1000",
}
_CALL = {
    "hs_call_title": "VICIdial SALES: DNC",
    "hs_call_duration": "42000",
    "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7",  # Connected
    "hs_call_direction": "OUTBOUND",
    "hubspot_owner_id": "77001",
}
