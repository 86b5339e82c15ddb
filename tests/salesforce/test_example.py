"""What the example configuration suggests for Salesforce works as it stands."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncd.simulators import salesforce, vicidial
from syncd.simulators.salesforce import logins
from syncd_salesforce import SalesforceConnector
from tests.config import suggested
from tests.end_to_end import dialer
from tests.salesforce.test_end_to_end import Shop

STATE: dict[str, Any] = {
    "records": {
        "User": [{"Name": "Alma", "Username": "alma@acme.test", "Email": "Alma@example.com"}],
        "Lead": [
            {
                "FirstName": "Sam",
                "LastName": "Sample",
                "Company": "C",
                "MobilePhone": "(727) 555-1001",
                "Phone": "7275551002",
                "Email": "sam@example.com",
                "Street": "1 Main St\nFloor 2",
                "City": "Tampa",
                "State": "fl",
                "PostalCode": "33601",
            },
            {"LastName": "Full", "Company": "C", "Phone": "7275551003", "State": "Alaska"},
        ],
    }
}


def test_the_suggested_mappings_carry_a_person_out_and_call_and_disposition_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"salesforce_client_id": logins.APP["id"], "salesforce_client_secret": logins.APP["secret"]}
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(suggested.credentials(tmp_path, **secrets)))
    lists = [{"list_id": "1000", "campaign_id": dialer.CAMPAIGN}]
    with salesforce.serve(STATE) as org, vicidial.serve({**dialer.state(), "lists": lists}) as sim:
        shop = Shop(tmp_path, org, sim)
        with closing(shop.door):
            shop.file = suggested.write(
                tmp_path,
                "salesforce",
                SalesforceConnector.EXAMPLE,
                url=org.url,
                dialer=sim.url,
                agents="{1001: alma@example.com}",
            )
            shop.run("config", "check")
            shop.run("db", "upgrade")
            shop.run("run", "--once")
            sam, full_name = org.world.rows["Lead"]
            leads = shop.dialed()
            assert {name: leads[sam][name] for name in _LEAD} == _LEAD
            assert leads[full_name]["state"] == ""
            booked = shop.door.call(int(leads[sam]["lead_id"]), "DNC", seconds_ago=60)
            shop.run("run", "--once")
        (task,) = org.world.rows["Task"].values()
        (owner,) = (one["Id"] for one in org.world.rows["User"].values() if one["Name"] == "Alma")
        told = {"WhoId": sam, "OwnerId": owner, "ActivityDate": booked.at.date().isoformat(), **_CALL}
        assert {name: task[name] for name in told} == told
        lead = org.world.rows["Lead"][sam]
        assert (lead["Call_Status__c"], lead["DoNotCall"]) == ("do not call", True)
        assert str(lead["Last_Call__c"]).startswith(booked.at.strftime("%Y-%m-%dT%H:%M:%S"))


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
    "Subject": "VICIdial SALES: DNC",
    "CallDurationInSeconds": 40,
    "CallDisposition": "DNC",
    "CallType": "Outbound",
    "TaskSubtype": "Call",
    "Status": "Completed",
}
