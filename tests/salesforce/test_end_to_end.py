"""`syncd run --once` as a customer runs it: a Salesforce org and a VICIdial, a YAML file, three pipelines."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.simulators import salesforce, vicidial
from syncd.simulators.salesforce import logins
from tests.end_to_end import dialer
from tests.salesforce.conftest import STATE

COMMAND = Path(sysconfig.get_path("scripts")) / "syncd"
YAML = """
store: sqlite:///$folder/syncd.db
clients:
  acme:
    phone_region: US
    crm:
      type: salesforce
      url: $salesforce
      client_id: $client_id
      client_secret: $client_secret
      where: "Company = 'C'"
      calls: {key_field: Syncd_Call__c}
    dialer:
      type: vicidial
      url: $vicidial
      user: $user
      password: $password
      time_zone: Etc/GMT+5
      use_non_latin: true
      history_days: 1
    pipelines:
      leads:
        start: all
        opt_out: {DoNotCall: true}
        fields:
          phone_number: {from: [MobilePhone, Phone]}
          last_name: LastName
          list_id: {value: 101}
      calls:
        start: all
        fields:
          WhoId: crm_id
          ActivityDate: call_date
          CallDurationInSeconds: length_in_sec
          CallDisposition: status
      dispositions:
        start: all
        fields:
          Call_Status__c: {from: status, map: {SALE: sold, NI: not interested, DNC: do not call}}
          DoNotCall: {rules: [{when: {status: DNC}, value: true}]}
          Last_Call__c: call_date
"""


class Shop:
    """The customer."""

    def __init__(self, folder: Path, org: salesforce.Simulator, site: vicidial.Simulator) -> None:
        self.folder, self.org = folder, org
        self.door = dialer.Door(site.url)
        self.file = folder / "syncd.yaml"
        text = YAML
        values = {
            "folder": str(folder),
            "salesforce": org.url,
            "vicidial": site.url,
            "client_id": logins.APP["id"],
            "client_secret": logins.APP["secret"],
            "user": dialer.API_USER,
            "password": dialer.PASSWORD,
        }
        for name, value in values.items():
            text = text.replace(f"${name}", value)
        self.file.write_text(text, encoding="utf-8")
        self.file.chmod(0o600)

    def run(self, *arguments: str) -> Any:
        ended = subprocess.run(
            (COMMAND, *arguments, "--config", str(self.file), "--json"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    def dialed(self) -> dict[str, dict[str, Any]]:
        """Leads of ours by the record's id."""
        return {lead["vendor_lead_code"]: lead for lead in self.door.leads() if lead["vendor_lead_code"]}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with salesforce.serve(STATE) as org, vicidial.serve(dialer.state()) as site:
        made = Shop(tmp_path, org, site)
        yield made
        made.door.close()


def test_leads_go_out_and_calls_and_dispositions_come_back(shop: Shop) -> None:
    shop.run("config", "check")
    shop.run("db", "upgrade")
    shop.run("run", "--once")
    first, second, third = shop.org.world.rows["Lead"]
    assert set(shop.dialed()) == {first, second, third}

    sold, refused = (int(shop.dialed()[lead]["lead_id"]) for lead in (first, second))
    shop.door.call(sold, "SALE", seconds_ago=60)
    shop.door.call(refused, "DNC", seconds_ago=50)
    contact = shop.org.world.convert(first)
    shop.org.world.put("Lead", third, {"Company": "another"})
    shop.run("run", "--once")
    shop.run("run", "--once")

    tasks = sorted(shop.org.world.rows["Task"].values(), key=lambda task: str(task["CallDisposition"]))
    assert [(task["CallDisposition"], task["WhoId"]) for task in tasks] == [("DNC", second), ("SALE", contact)]
    assert shop.org.world.rows["Contact"][contact]["Call_Status__c"] == "sold"
    lead = shop.org.world.rows["Lead"][second]
    assert (lead["Call_Status__c"], lead["DoNotCall"]) == ("do not call", True)
    assert {one["status"] for name, one in shop.dialed().items() if name in (first, third)} == {"SYNCDX"}
