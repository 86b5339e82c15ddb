"""What the example configuration suggests for HubSpot and Salesforce works as it stands: options and all mappings."""

from __future__ import annotations

import os
import re
import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from syncd.sdk import protocol
from syncd.simulators import salesforce, vicidial
from syncd.simulators.salesforce import logins
from syncd_hubspot import HubspotConnector
from syncd_salesforce import SalesforceConnector
from tests.cli import forks
from tests.end_to_end import dialer
from tests.hubspot.portal import key_property, opened

LISTS = [{"list_id": "1000", "campaign_id": dialer.CAMPAIGN}]
DIALER = f"""\
type: vicidial
user: {dialer.API_USER}
password: {dialer.PASSWORD}
time_zone: {dialer.TIME_ZONE}
use_non_latin: true
find_lag_seconds: 0
history_days: 1
"""
LEAD = {
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
RECORDING = "https://dialer.example.com/RECORDINGS/1.wav"
STREET, STATE, FULL_NAME = "1 Main St\nFloor 2", "fl", "Alaska"


@dataclass
class Site:
    """A customer who has taken over the example. `door`: the VICIdial's."""

    folder: Path
    forks: forks.Forks
    sim: vicidial.Simulator
    door: dialer.Door

    def configure(
        self, crm: str, example: protocol.Example, *, url: str, owner: str, secrets: Mapping[str, str]
    ) -> None:
        """Write the configuration; of what is suggested only the address is changed."""
        (self.folder / "secrets").mkdir()
        for name, secret in secrets.items():
            (self.folder / "secrets" / name).write_text(secret, "utf-8")
        options = re.sub(r"^url: .*\n", "", example.options, flags=re.MULTILINE)
        client = [f"agents: {{1001: {owner}}}", "crm:", _in(f"type: {crm}\nurl: {url}\n{options}")]
        client += ["dialer:", _in(f"url: {self.sim.url}\n{DIALER}"), "pipelines:"]
        for kind, text in example.pipelines.items():
            client += [f"  {kind}:", _in(f"start: all\n{text}", 2)]
        config = self.folder / "syncd.yaml"
        whole = f"store: sqlite:///{self.folder}/syncd.db\nclients:\n  acme:\n" + _in("\n".join(client), 2)
        config.write_text(whole, "utf-8")
        config.chmod(0o600)

    def syncd(self, *arguments: str) -> None:
        """Run a command that finds nothing wrong."""
        environ = {
            **os.environ,
            "SYNCD_CONFIG": str(self.folder / "syncd.yaml"),
            "CREDENTIALS_DIRECTORY": str(self.folder / "secrets"),
        }
        code, out, err = self.forks.run(arguments, environ, self.folder)
        assert code == 0, out + err

    def first_run(self) -> None:
        """Everything up to the first two leads. A CRM's clock tells whole seconds: who was entered within the second
        that the first run began in is read by the next."""
        self.syncd("config", "check")
        self.syncd("db", "upgrade")
        self.syncd("run", "--once")
        if len([lead for lead in self.door.leads() if "syncd:" in (lead["source_id"] or "")]) < 2:
            time.sleep(1.0)
            self.syncd("run", "--once")

    def refuses(self, person: str) -> dialer.Call:
        """The person, whose lead must be as suggested, is called, corrects the first name, and asks not to be called
        again; the next run."""
        lead = self.door.lead_of(person)
        assert {name: lead[name] for name in LEAD} == LEAD
        self.sim.world.leads[int(lead["lead_id"])].first_name = "Samuel"
        call = self.door.call(int(lead["lead_id"]), "DNC", seconds_ago=600)
        self.door.ask("recording", uniqueid=call.uniqueid, location=RECORDING)
        self.syncd("run", "--once")
        return call


def _in(text: str, deep: int = 1) -> str:
    return textwrap.indent(text, "  " * deep)


@pytest.fixture
def site(tmp_path: Path, forks_: forks.Forks) -> Iterator[Site]:
    with vicidial.serve({**dialer.state(), "lists": LISTS}) as sim, closing(dialer.Door(sim.url)) as door:
        yield Site(tmp_path, forks_, sim, door)


def test_hubspot(site: Site) -> None:
    person = {"firstname": "Sam", "lastname": "Sample", "mobilephone": "(727) 555-1001", "phone": "7275551002"}
    person |= {"email": "sam@example.com", "address": STREET, "city": "Tampa", "state": STATE, "zip": "33601"}
    with opened(key_property()) as portal:
        example, secrets = HubspotConnector.EXAMPLE, {"hubspot_token": "pat-sim"}
        site.configure("hubspot", example, url=portal.sim.url, owner="agent@example.com", secrets=secrets)
        sam, other = portal.add(person, {"phone": "7275551003", "state": FULL_NAME})
        site.first_run()
        assert site.door.lead_of(other)["state"] == ""
        booked = site.refuses(sam)
        (call,) = portal.objects("calls").values()
        told = {
            "hs_call_title": "VICIdial SALES: DNC",
            "hs_call_duration": "40000",
            "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7",  # Connected
            "hs_call_direction": "OUTBOUND",
            "hs_timestamp": booked.at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "hubspot_owner_id": "77001",
            "hs_call_recording_url": RECORDING,
        }
        assert {name: call[name] for name in told} == told
        (tie,) = portal.door.sim("world", include=[])["associations"]
        assert tie[3] == sam
        contact = portal.objects()[sam]
        changed = {
            "firstname": "Samuel",
            "hs_lead_status": "UNQUALIFIED",
            "do_not_call": "true",
            "last_call": told["hs_timestamp"],
        }
        assert {name: contact[name] for name in changed} == changed


def test_salesforce(site: Site) -> None:
    person = {"FirstName": "Sam", "LastName": "Sample", "MobilePhone": "(727) 555-1001", "Phone": "7275551002"}
    person |= {"Email": "sam@example.com", "Street": STREET, "City": "Tampa", "State": STATE, "PostalCode": "33601"}
    other = {"LastName": "Other", "Company": "C", "Phone": "7275551003", "State": FULL_NAME}
    user = {"Name": "Alma", "Username": "alma@acme.test", "Email": "Alma@example.com"}
    state: dict[str, Any] = {"records": {"User": [user], "Lead": [{**person, "Company": "C"}, other]}}
    with salesforce.serve(state) as org:
        secrets = {"salesforce_client_id": logins.APP["id"], "salesforce_client_secret": logins.APP["secret"]}
        example = SalesforceConnector.EXAMPLE
        site.configure("salesforce", example, url=org.url, owner="alma@example.com", secrets=secrets)
        site.first_run()
        first, second = org.world.rows["Lead"]
        assert site.door.lead_of(second)["state"] == ""
        booked = site.refuses(first)
        (task,) = org.world.rows["Task"].values()
        (owner,) = (one["Id"] for one in org.world.rows["User"].values() if one["Name"] == "Alma")
        told = {
            "WhoId": first,
            "OwnerId": owner,
            "Subject": "VICIdial SALES: DNC",
            "CallDurationInSeconds": 40,
            "CallDisposition": "DNC",
            "CallType": "Outbound",
            "Recording_URL__c": RECORDING,
            "ActivityDate": booked.at.astimezone(ZoneInfo("America/New_York")).date().isoformat(),
        }
        assert {name: task[name] for name in told} == told
        lead = org.world.rows["Lead"][first]
        assert (lead["Call_Status__c"], lead["DoNotCall"], lead["FirstName"]) == ("do not call", True, "Samuel")
        assert str(lead["Last_Call__c"]).startswith(booked.at.strftime("%Y-%m-%dT%H:%M:%S"))
