"""A customer's YAML, the command, HubSpot and VICIdial on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import forks
from tests.crms import site as sites
from tests.crms.site import Site
from tests.hubspot.portal import Portal, key_property, opened

CONFIG = """\
    crm:
      type: hubspot
      url: $hubspot
      token: pat-sim
      portal: "4242"
      object: contacts
      find_lag_seconds: 0
      calls: {key_property: vicidial_call_id}
    pipelines:
      leads:
        start: all
        opt_out: {do_not_call: true}
        fields:
          phone_number: {from: [mobilephone, phone]}
          first_name: firstname
          list_id: {value: "101"}
      calls:
        start: all
        fields:
          record_id: crm_id
          hs_timestamp: call_date
          duration_seconds: length_in_sec
          hs_call_title: {value: VICIdial call}
          hs_call_direction: {value: OUTBOUND}
          hs_call_disposition: {from: status, map: {SALE: Connected, DNC: Connected, NA: No answer}}
          hs_call_source: {value: INTEGRATIONS_PLATFORM}
      dispositions:
        start: all
        fields:
          hs_lead_status: {from: status, map: {SALE: CONNECTED, DNC: UNQUALIFIED, NA: ATTEMPTED_TO_CONTACT}}
          do_not_call: {rules: [{when: {status: DNC}, value: "true"}]}
          last_call: call_date
"""


@pytest.fixture
def portal() -> Iterator[Portal]:
    with opened(key_property()) as found:
        yield found


@pytest.fixture
def site(tmp_path: Path, forks_: forks.Forks, portal: Portal) -> Iterator[Site]:
    with sites.opened(tmp_path, forks_) as made:
        made.configure(CONFIG, hubspot=portal.sim.url)
        made.syncd("db", "upgrade")
        yield made


def test_contacts_become_leads_and_calls_and_dispositions_come_back_once(site: Site, portal: Portal) -> None:
    site.syncd("config", "check")
    sold, refused, opted_out = portal.add(
        {"firstname": "Sam", "phone": "7275551001"},
        {"firstname": "Ref", "phone": "7275551002", "mobilephone": "7275551003"},
        {"firstname": "Opt", "phone": "7275551004", "do_not_call": "true"},
    )
    site.syncd("run", "--once")
    leads = site.leads()
    assert leads.keys() == {sold, refused}
    assert leads[refused]["phone_number"] == "7275551003"
    for contact, status in ((sold, "SALE"), (refused, "DNC")):
        site.call(contact, status)
    for _ in range(2):
        site.syncd("run", "--once")
        calls = portal.objects("calls")
        assert sorted(call["hs_call_duration"] for call in calls.values()) == ["40000", "40000"]
        tied = {row[3] for row in portal.door.sim("world", include=[])["associations"]}
        assert tied == {sold, refused}
        contacts = portal.objects()
        assert [contacts[one].get("hs_lead_status") for one in (sold, refused, opted_out)] == [
            "CONNECTED", "UNQUALIFIED", None,
        ]  # fmt: skip
        assert contacts[refused]["do_not_call"] == "true"
        assert "do_not_call" not in contacts[sold]
    assert len(site.leads()) == 2


def test_pitfall_10_an_archived_contact_and_a_merged_one_leave_dialling(site: Site, portal: Portal) -> None:
    winner, loser, gone = portal.add(*({"firstname": "n", "phone": f"727555200{number}"} for number in range(3)))
    site.syncd("run", "--once")
    assert site.leads().keys() == {winner, loser, gone}
    portal.door.sim("merge", type="contacts", id=winner, loser=loser)
    portal.door.sim("archive", type="contacts", id=gone)
    portal.ahead(1)
    site.syncd("run", "--once")
    statuses = {contact: lead["status"] for contact, lead in site.leads().items()}
    assert statuses == {winner: "NEW", loser: "SYNCDX", gone: "SYNCDX"}


def test_an_answer_lost_after_the_call_was_made_leaves_one_call(site: Site, portal: Portal) -> None:
    (contact,) = portal.add({"firstname": "Sam", "phone": "7275553001"})
    site.syncd("run", "--once")
    site.call(contact, "SALE")
    portal.door.sim("faults", spec="reset_after")  # the upsert and the association, too
    site.syncd("run", "--once", code=1)
    assert portal.requests()["batch/upsert"] == 1
    portal.door.sim("faults", spec="")
    site.syncd("run", "--once")  # what may still arrive is not sent again before it could have
    assert len(portal.objects("calls")) == 1
    assert len(portal.door.sim("world", include=[])["associations"]) == 1
