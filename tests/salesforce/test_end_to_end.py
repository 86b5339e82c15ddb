"""`syncd run --once` as a customer runs it: a Salesforce org and a VICIdial, a YAML file, three pipelines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.simulators import salesforce
from syncd.simulators.salesforce import logins
from tests.cli import forks
from tests.crms import site as sites
from tests.crms.site import Site
from tests.salesforce.conftest import STATE

YAML = """\
    phone_region: US
    crm:
      type: salesforce
      url: $salesforce
      client_id: $client_id
      client_secret: $client_secret
      where: "Company = 'C'"
      calls: {key_field: Syncd_Call__c}
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


@pytest.fixture
def org() -> Iterator[salesforce.Simulator]:
    with salesforce.serve(STATE) as found:
        found.world.offset_seconds = 1  # it tells whole seconds: what is there was there a second ago
        yield found


@pytest.fixture
def site(tmp_path: Path, forks_: forks.Forks, org: salesforce.Simulator) -> Iterator[Site]:
    with sites.opened(tmp_path, forks_) as made:
        made.configure(YAML, salesforce=org.url, client_id=logins.APP["id"], client_secret=logins.APP["secret"])
        made.syncd("db", "upgrade")
        yield made


def test_leads_go_out_and_calls_and_dispositions_come_back(site: Site, org: salesforce.Simulator) -> None:
    site.syncd("config", "check")
    site.syncd("run", "--once")
    first, second, third = org.world.rows["Lead"]
    assert set(site.leads()) == {first, second, third}

    site.call(first, "SALE", seconds_ago=60)
    site.call(second, "DNC", seconds_ago=50)
    contact = org.world.convert(first)
    org.world.put("Lead", third, {"Company": "another"})
    org.world.offset_seconds = 2
    site.syncd("run", "--once")
    site.syncd("run", "--once")

    tasks = sorted(org.world.rows["Task"].values(), key=lambda task: str(task["CallDisposition"]))
    assert [(task["CallDisposition"], task["WhoId"]) for task in tasks] == [("DNC", second), ("SALE", contact)]
    assert org.world.rows["Contact"][contact]["Call_Status__c"] == "sold"
    lead = org.world.rows["Lead"][second]
    assert (lead["Call_Status__c"], lead["DoNotCall"]) == ("do not call", True)
    assert {one["status"] for name, one in site.leads().items() if name in (first, third)} == {"SYNCDX"}


def test_pitfall_12_syncd_stops_by_itself_before_the_org_refuses_and_do_not_call_still_goes(
    site: Site, org: salesforce.Simulator
) -> None:
    first, second, _ = org.world.rows["Lead"]
    site.syncd("run", "--once")
    site.call(first, "SALE", seconds_ago=60)
    site.call(second, "DNC", seconds_ago=50)
    org.world.daily = 1000
    org.world.used = before = 960  # of which 5 % are kept
    org.world.put("Lead", first, {"LastName": "Changed"})
    site.syncd("run", "--once", code=1)
    lead = org.world.rows["Lead"][second]
    assert (lead["Call_Status__c"], lead["DoNotCall"]) == ("do not call", True)
    assert org.world.rows["Lead"][first]["Call_Status__c"] is None
    assert site.leads()[first]["last_name"] == "A"
    assert org.world.used - before < 10
    (told,) = site.told("status", "acme")
    assert [one["waiting"] for one in told["pipelines"] if one["pipeline"] == "dispositions"] == [1]
    org.world.used, org.world.offset_seconds = 0, 2
    site.syncd("run", "--once")
    assert site.leads()[first]["last_name"] == "Changed"
