"""Do-not-call, both ways, and who may be dialled at all: through the command, a CRM and a dialer."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.simulators.vicidial import rows
from tests.cli.shop import Shop

SYSTEM = "SYSTEM_INTERNAL"


def changed(
    shop: Shop, *, leads: dict[str, Any] | None = None, dialer: dict[str, Any] | None = None, **pipelines: Any
) -> None:
    """Change the configuration: options of the dialer, keys of `leads`, further pipelines."""
    settings = shop.settings()
    acme = settings["clients"]["acme"]
    acme["dialer"] |= dialer or {}
    acme["pipelines"]["leads"] |= leads or {}
    acme["pipelines"] |= pipelines
    shop.write(settings)


def once(shop: Shop) -> None:
    ran = shop.syncd("run", "--once")
    assert ran.code == 0, ran.err


def lead(shop: Shop, person: int) -> rows.Lead:
    (found,) = (one for one in shop.sim.world.leads.values() if one.vendor_lead_code == str(person))
    return found


@pytest.fixture
def begun(shop: Shop) -> Shop:
    """Three people; the last has opted out before anybody was dialled, on both numbers that the mapping may take."""
    shop.people(3)
    shop.crm("ALTER TABLE people ADD COLUMN mobile TEXT")
    shop.crm("ALTER TABLE people ADD COLUMN consent INTEGER DEFAULT 1")
    shop.crm("UPDATE people SET do_not_call = 1, mobile = '7275559003' WHERE id = 3")
    settings = shop.settings()
    settings["clients"]["acme"]["pipelines"]["leads"]["fields"]["phone_number"] = {"from": ["mobile", "phone"]}
    shop.write(settings)
    shop.upgrade()
    return shop


def test_numbers_of_people_who_opted_out_go_onto_the_list_with_and_without_a_lead(begun: Shop) -> None:
    once(begun)
    assert begun.leads() == ["1", "2"]
    dnc = begun.sim.world.dnc[SYSTEM]
    assert {"7275550003", "7275559003"} <= dnc
    begun.crm("UPDATE people SET do_not_call = 1 WHERE id = 1")
    once(begun)
    assert lead(begun, 1).status == "DNC"
    assert "7275550001" in dnc
    assert "7275550002" not in dnc
    begun.crm("UPDATE people SET phone = '7275558888' WHERE id = 1")
    once(begun)
    assert "7275558888" in dnc, "a new number of somebody who opted out is one of theirs, too"
    begun.crm("UPDATE people SET do_not_call = 0 WHERE id = 1")
    once(begun)
    assert {"7275550001", "7275558888"} <= dnc, "nothing takes a number off by itself"
    assert lead(begun, 1).status == "DNC"


def test_a_campaigns_own_list_or_none_if_the_options_say_so(begun: Shop) -> None:
    settings = begun.settings()
    settings["clients"]["acme"]["dialer"]["opt_out_lists"] = ["TESTCAMP"]
    begun.write(settings)
    once(begun)
    assert "7275550003" in begun.sim.world.dnc["TESTCAMP"]
    assert "7275550003" not in begun.sim.world.dnc[SYSTEM]
    settings["clients"]["acme"]["dialer"]["opt_out_lists"] = ["NOWHERE"]
    begun.write(settings)
    checked = begun.syncd("config", "check")
    assert checked.code == 2
    assert "opt_out_lists: there is no campaign NOWHERE" in checked.err + checked.out


def test_without_the_permission_nobody_is_forgotten(begun: Shop) -> None:
    begun.sim.world.users["6666"].modify_lists = 0
    checked = begun.syncd("config", "check")
    assert checked.code == 2
    assert "modify_lists" in checked.err + checked.out
    assert begun.syncd("run", "--once").code != 0
    begun.sim.world.users["6666"].modify_lists = 1
    assert begun.syncd("resume", "acme").code == 0
    once(begun)
    assert "7275550003" in begun.sim.world.dnc[SYSTEM]


def test_who_the_dialer_marks_by_itself_is_marked_in_the_crm(begun: Shop) -> None:
    changed(begun, dnc={"start": "now", "per_run": 1, "fields": {"do_not_call": {"value": True}}})
    once(begun)
    lead(begun, 2).status = "DNCL"
    for _ in range(3):  # one lead each run, in turn
        once(begun)
    assert begun.crm("SELECT id, do_not_call FROM people ORDER BY id") == [(1, 0), (2, 1), (3, 1)]
    assert "7275550002" in begun.sim.world.dnc[SYSTEM], "and from there it is an opt-out as any other"


def test_a_mark_that_is_neither_yes_nor_no_keeps_a_person_out_of_dialling_but_off_the_lists(begun: Shop) -> None:
    begun.crm("UPDATE people SET do_not_call = 'X' WHERE id = 2")
    once(begun)
    assert begun.leads() == ["1"]
    begun.crm("UPDATE people SET do_not_call = '2026-11-20' WHERE id = 1")
    once(begun)
    assert lead(begun, 1).status == "SYNCDX"
    assert begun.sim.world.dnc[SYSTEM].isdisjoint({"7275550001", "7275550002"}), "nobody takes a number off again"
    (told,) = begun.syncd("status", "acme", "--json").json()
    assert [one["skipped"].get("unclear") for one in told["pipelines"] if one["pipeline"] == "leads"] == [1]


def test_nobody_is_dialled_without_consent(begun: Shop) -> None:
    changed(begun, leads={"consent": {"consent": True}})
    begun.crm("UPDATE people SET consent = 0 WHERE id = 2")
    once(begun)
    assert begun.leads() == ["1"]
    assert begun.syncd("status", "acme", "--json").code == 0
    begun.crm("UPDATE people SET consent = NULL WHERE id = 1")
    once(begun)
    assert lead(begun, 1).status == "SYNCDX"


@pytest.mark.parametrize(("hours", "in_hopper"), [("24hours", True), ("never", False)])
def test_new_leads_go_into_the_hopper_only_if_they_may_be_called_now(begun: Shop, hours: str, in_hopper: bool) -> None:
    world = begun.sim.world
    world.campaigns["TESTCAMP"].local_call_time = hours if in_hopper else "12pm-5pm"
    if not in_hopper:
        world.clock.freeze(frozen=True)
        world.clock.offset_seconds += 3 * 3600 - world.clock.epoch() % 86400  # 3:00 UTC is late in the evening there
    changed(begun, dialer={"hopper_priority": 40})
    once(begun)
    entries = {entry.lead_id: entry.priority for entry in world.hopper.values()}
    assert (entries.get(lead(begun, 1).lead_id) == 40) is in_hopper


def test_dnc_check_add_and_remove_by_hand(begun: Shop) -> None:
    changed(begun, dialer={"campaign_id": "TESTCAMP"})
    numbers = "7275550666\n(999) 555-0001\n\n727-555-0777\n7275550199\n"
    checked = begun.syncd("dnc", "check", "acme", stdin=numbers)
    assert checked.code == 1
    assert checked.out.splitlines() == [
        "line 1: on system",
        "line 2: on system",
        "line 4: on TESTCAMP",
        "line 5: not listed",
    ]
    added = begun.syncd("dnc", "add", "acme", stdin="7275550199")
    assert (added.code, added.out.strip()) == (0, "1 number is on the lists now")
    assert "7275550199" in begun.sim.world.dnc[SYSTEM]
    why = ("--why", "asked for it in writing, case 12")
    refused = begun.syncd("dnc", "remove", "acme", *why, stdin="7275550199")
    assert refused.code == 2
    assert "delete_from_dnc" in refused.err
    begun.sim.world.users["6666"].delete_from_dnc = 1
    removed = begun.syncd("dnc", "remove", "acme", *why, stdin="7275550199\n7275550198\n")
    assert (removed.code, removed.out.splitlines()) == (0, ["line 1: taken off system", "line 2: was not listed"])
    assert "7275550199" not in begun.sim.world.dnc[SYSTEM]
    kept = begun.query("SELECT reason, result FROM intent WHERE pipeline = 'by hand'")
    assert kept == [("asked for it in writing, case 12", "dnc-removed")] * 3
    steps = [row[0] for row in begun.query("SELECT detail FROM event WHERE step = 'dnc-removed' ORDER BY id")]
    assert steps == ["failed: AuthFailed", "system", "nothing"]
    stored = " ".join(map(str, begun.query("SELECT * FROM intent") + begun.query("SELECT * FROM event")))
    for ran in (checked, added, refused, removed):
        assert "7275550199" not in ran.out + ran.err
    assert "7275550199" not in stored


def test_dnc_by_hand_says_what_is_wrong_before_anything_is_done(begun: Shop) -> None:
    wrong = begun.syncd("dnc", "add", "acme", stdin="7275550199\n12\n")
    assert wrong.code == 2
    assert "standard input, line 2" in wrong.err
    assert "7275550199" not in begun.sim.world.dnc[SYSTEM]
    assert "no number was given" in begun.syncd("dnc", "check", "acme").err
    assert "--why is empty" in begun.syncd("dnc", "remove", "acme", "--why", " ", stdin="7275550199").err
    assert "did you mean acme" in begun.syncd("dnc", "check", "acne", stdin="7275550199").err


def test_what_looks_at_leads_in_turn_has_no_past_to_fill_in(begun: Shop) -> None:
    changed(begun, dnc={"start": "now", "fields": {"do_not_call": {"value": True}}})
    refused = begun.syncd("backfill", "acme", "dnc", "--since", "7d")
    assert refused.code == 2
    assert "dnc has no past to read: it looks at every lead in turn" in refused.err
