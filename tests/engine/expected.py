"""What both sides must hold once recovery has run, told by the CRM, the call log and a few rules; not by syncd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from syncd.sdk import records
from syncd.store import held, tables
from tests.engine import site as sites
from tests.engine.flaky import wanted

# what a CRM holds → what a dialer dials; "" cannot be dialled, None is no phone
PHONES: Mapping[str | None, tuple[str, str] | None] = {
    "(727) 555-0001": ("1", "7275550001"),
    "727 555 0002": ("1", "7275550002"),
    "+1 727-555-0002": ("1", "7275550002"),
    "+45 32 12 34 56": ("45", "32123456"),
    "12": None,
    None: None,
}
FLAGS = {"NA": "", "NI": "", "CALLBK": "callback", "SALE": "sale", "DNC": "dnc", "INCALL": "live"}


@dataclass
class Story:
    """What has happened, as far as the end depends on it."""

    was_out: set[str] = field(default_factory=set)  # people who had opted out, or were deleted, at some time
    person_of: dict[str, str] = field(default_factory=dict)  # call → person
    versions: dict[str, list[str]] = field(default_factory=dict)  # call → all statuses it had once it had ended

    def saw(self, person: records.Record) -> None:
        """A person is now like this."""
        if not wanted(person):
            self.was_out.add(person.id)

    def called(self, person: str, call_id: str, status: str) -> None:
        """A call began."""
        self.person_of[call_id] = person
        self.versions[call_id] = []
        self.corrected(call_id, status)

    def corrected(self, call_id: str, status: str) -> None:
        """A call has this status now."""
        if status != "INCALL":
            self.versions[call_id].append(status)


def check(site: sites.Site, story: Story) -> None:
    """Raise AssertionError where the sides are not as they should be."""
    people = site.crm.table("leads")
    phone_of = {one.id: PHONES[one.fields.get("phone")] for one in people.values()}
    for person in people.values():
        leads = leads_of(site, person.id)
        live = site.leads_of(person.id)
        assert len(leads) <= 1, f"{person.id} has {len(leads)} leads"
        if not wanted(person):
            assert not live, f"{person.id} must not be dialled"
            continue
        phone = phone_of[person.id]
        sharing = phone is not None and _shared(site, person.id, phone, phone_of)
        if phone is not None and not sharing:
            assert leads, f"{person.id} has no lead"
        if leads and not live:
            assert person.id in story.was_out, f"the lead of {person.id} was taken out for no reason"
        if leads and not sharing and (phone is not None or person.fields.get("phone") is None):
            _check_fields(person, leads[0], phone)
    _check_phones(site)
    _check_links(site)
    _check_calls(site, story)


def leads_of(site: sites.Site, person: str, *, twins: bool = False) -> list[records.Record]:
    """All leads of a person, dialled or not; without `twins`, those aside that were taken out as such."""
    key = records.SyncKey.of(sites.CLIENT, "leads", person).value
    return [
        lead
        for lead in site.dialer.table("leads").values()
        if lead.fields.get("vendor_lead_code") == key and (twins or lead.fields.get("removed") != "twin")
    ]


def _shared(
    site: sites.Site, person: str, phone: tuple[str, str], phone_of: Mapping[str, tuple[str, str] | None]
) -> bool:
    """Whether somebody else who is to be dialled has this phone in the CRM, or still has a lead with it."""
    for other in site.crm.table("leads").values():
        if other.id == person or not wanted(other):
            continue
        if phone_of[other.id] == phone or any(_dials(lead, phone) for lead in leads_of(site, other.id)):
            return True
    return False


def _check_fields(person: records.Record, lead: records.Record, phone: tuple[str, str] | None) -> None:
    wish = {"first_name": person.fields.get("first_name"), "email": person.fields.get("email"), "list_id": "101"}
    if phone is not None:
        wish |= {"phone_code": phone[0], "phone_number": phone[1]}
    for name, value in wish.items():
        if value:  # a blank never overwrites
            assert lead.fields.get(name) == sites.lossy(value), f"{name} of {person.id}"


def _check_phones(site: sites.Site) -> None:
    """Nobody's phone is dialled for two people unless a person was told to decide; whoever has a wrong one in the CRM
    now keeps the old one, uncounted."""
    told = {one.subject for one in held.listed(site.db) if one.reason == "shared_phone"}
    holders: dict[tuple[str, str], str] = {}
    for person in site.crm.table("leads").values():
        phone = PHONES[person.fields.get("phone")]
        if phone and person.id not in told and any(_dials(lead, phone) for lead in site.leads_of(person.id)):
            assert phone not in holders, f"{person.id} and {holders[phone]} share a phone"
            holders[phone] = person.id


def _dials(lead: records.Record, phone: tuple[str, str]) -> bool:
    return (lead.fields.get("phone_code"), lead.fields.get("phone_number")) == phone


def _check_links(site: sites.Site) -> None:
    """The store knows each lead, and whether it is taken out of dialling; nothing is left half done."""
    link, intent = tables.link, tables.intent
    with site.db.read() as connection:
        links = {
            row.dialer_id: row for row in connection.execute(sa.select(link).where(link.c.crm_stream == "leads")).all()
        }
        left = connection.execute(sa.select(intent).where(intent.c.state.in_(("staged", "sending")))).all()
        kept = connection.execute(sa.select(intent).where(intent.c.state == "held")).all()
    assert not left
    assert {one.reason for one in kept} <= {"phone", "shared_phone"}, [(one.subject, one.reason) for one in kept]
    for lead in site.dialer.table("leads").values():
        removed = lead.fields.get("removed") or ""
        if removed != "twin":
            assert lead.id in links, f"lead {lead.id} is not linked"
            # a removal that was lost, and then not wanted any more, may be unknown; a live lead never counts as out
            assert removed or not links[lead.id].removed, f"lead {lead.id} is still dialled"


def _check_calls(site: sites.Site, story: Story) -> None:
    activities: dict[str | None, list[records.Record]] = {}
    for one in site.crm.table("calls").values():
        activities.setdefault(one.fields["call_key"], []).append(one)
    ended: dict[str, list[records.Record]] = {}
    leads = site.dialer.table("leads")
    for call in site.dialer.table("calls").values():
        key = records.SyncKey.of(sites.CLIENT, "calls", call.id).value
        found = activities.pop(key, [])
        if leads[call.fields["lead_id"] or ""].fields.get("removed") == "twin":
            continue  # a call of a second lead belongs to nobody
        person = story.person_of[call.id]
        if not story.versions[call.id]:
            assert not found, f"{call.id} has not ended"
            continue
        ended.setdefault(person, []).append(call)
        assert [one.fields["status"] for one in found] == [call.fields["status"]], f"activities of {call.id}"
        assert found[0].fields["person"] == person
    assert not activities
    for person, calls in ended.items():
        _check_status(site.crm.table("leads")[person], calls, story)


def _check_status(person: records.Record, calls: list[records.Record], story: Story) -> None:
    """DNC before SALE before the newest status; a correction takes a SALE back only if it came in time."""
    newest = max(calls, key=lambda call: (call.fields["call_date"] or "", call.id))
    now = [call.fields["status"] for call in calls]
    once = {status for call in calls for status in story.versions[call.id]}
    if person.id in story.was_out:
        return
    allowed = {"DNC"} & once
    if "DNC" not in now:
        allowed |= {"SALE"} & once
        if "SALE" not in now:
            allowed.add(newest.fields["status"] or "")
    assert person.fields.get("lead_status") in allowed, f"{person.id}: {person.fields.get('lead_status')} of {now}"
    assert person.fields.get("last_call") == newest.fields["call_date"], person.id
