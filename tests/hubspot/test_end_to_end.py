"""A customer's YAML, the command as a process, HubSpot and VICIdial on loopback."""

import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncd.simulators import vicidial
from tests.hubspot.portal import Portal, key_property, opened
from tests.simulators.asking import Door

CONFIG = """
store: sqlite:///{folder}/syncd.db
clients:
  acme:
    crm:
      type: hubspot
      url: {hubspot}
      token: pat-sim
      portal: "4242"
      object: contacts
      calls: {{key_property: vicidial_call_id}}
    dialer:
      type: vicidial
      url: {vicidial}
      user: "6666"
      password: "1234"
      time_zone: America/New_York
      find_lag_seconds: 0
      history_days: 1
    pipelines:
      leads:
        start: all
        opt_out: {{do_not_call: true}}
        fields:
          phone_number: {{from: [mobilephone, phone]}}
          first_name: firstname
          list_id: {{value: "101"}}
      calls:
        start: all
        fields:
          record_id: crm_id
          hs_timestamp: call_date
          duration_seconds: length_in_sec
          hs_call_title: {{value: VICIdial call}}
          hs_call_direction: {{value: OUTBOUND}}
          hs_call_disposition: {{from: status, map: {{SALE: Connected, DNC: Connected, NA: No answer}}}}
          hs_call_source: {{value: INTEGRATIONS_PLATFORM}}
      dispositions:
        start: all
        fields:
          hs_lead_status: {{from: status, map: {{SALE: CONNECTED, DNC: UNQUALIFIED, NA: ATTEMPTED_TO_CONTACT}}}}
          do_not_call: {{rules: [{{when: {{status: DNC}}, value: "true"}}]}}
          last_call: call_date
"""


@dataclass
class Site:
    """A customer."""

    portal: Portal
    dialer: Door
    config: Path

    def syncd(self, *arguments: str, code: int = 0) -> str:
        """Run a command and return what it says."""
        program = Path(sysconfig.get_path("scripts"), "syncd").as_posix()
        ended = subprocess.run(
            [program, "--config", str(self.config), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
            stdin=subprocess.DEVNULL,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def leads(self) -> dict[str, dict[str, Any]]:
        """syncd's leads by the contact's id."""
        found = self.dialer.sim("world", include=["leads"])["leads"]
        return {lead["vendor_lead_code"]: lead for lead in found if "syncd:" in (lead["source_id"] or "")}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with opened(key_property()) as portal, vicidial.serve() as dialer:
        config = tmp_path / "syncd.yaml"
        text = CONFIG.format(folder=tmp_path, hubspot=portal.sim.url, vicidial=dialer.url)
        config.write_text(text, encoding="utf-8")
        config.chmod(0o600)
        made = Site(portal, Door(dialer.url), config)
        made.syncd("db", "upgrade")
        yield made


def test_contacts_become_leads_and_calls_and_dispositions_come_back_once(site: Site) -> None:
    site.syncd("config", "check")
    sold, refused, opted_out = site.portal.add(
        {"firstname": "Sam", "phone": "7275551001"},
        {"firstname": "Ref", "phone": "7275551002", "mobilephone": "7275551003"},
        {"firstname": "Opt", "phone": "7275551004", "do_not_call": "true"},
    )
    site.syncd("run", "--once")
    leads = site.leads()
    assert leads.keys() == {sold, refused}
    assert leads[refused]["phone_number"] == "7275551003"
    for contact, status in ((sold, "SALE"), (refused, "DNC")):
        site.dialer.sim("call", lead_id=leads[contact]["lead_id"], user="1001", status=status, length_in_sec=42)
    for _ in range(2):
        site.syncd("run", "--once")
        calls = site.portal.objects("calls")
        assert sorted(call["hs_call_duration"] for call in calls.values()) == ["42000", "42000"]
        tied = {row[3] for row in site.portal.door.sim("world", include=[])["associations"]}
        assert tied == {sold, refused}
        contacts = site.portal.objects()
        assert [contacts[one].get("hs_lead_status") for one in (sold, refused, opted_out)] == [
            "CONNECTED", "UNQUALIFIED", None,
        ]  # fmt: skip
        assert contacts[refused]["do_not_call"] == "true"
        assert "do_not_call" not in contacts[sold]
    assert len(site.leads()) == 2


def test_pitfall_10_an_archived_contact_and_a_merged_one_leave_dialling(site: Site) -> None:
    winner, loser, gone = site.portal.add(*({"firstname": "n", "phone": f"727555200{number}"} for number in range(3)))
    site.syncd("run", "--once")
    assert site.leads().keys() == {winner, loser, gone}
    site.portal.door.sim("merge", type="contacts", id=winner, loser=loser)
    site.portal.door.sim("archive", type="contacts", id=gone)
    site.portal.ahead(1)
    site.syncd("run", "--once")
    statuses = {contact: lead["status"] for contact, lead in site.leads().items()}
    assert statuses == {winner: "NEW", loser: "SYNCDX", gone: "SYNCDX"}


def test_an_answer_lost_after_the_call_was_made_leaves_one_call(site: Site) -> None:
    (contact,) = site.portal.add({"firstname": "Sam", "phone": "7275553001"})
    site.syncd("run", "--once")
    site.dialer.sim("call", lead_id=site.leads()[contact]["lead_id"], user="1001", status="SALE")
    site.portal.door.sim("faults", spec="reset_after")  # the upsert and the association, too
    site.syncd("run", "--once", code=1)
    assert site.portal.requests()["batch/upsert"] == 1
    site.portal.door.sim("faults", spec="")
    site.syncd("run", "--once")
    assert len(site.portal.objects("calls")) == 1
    assert len(site.portal.door.sim("world", include=[])["associations"]) == 1
