"""`syncd why`: the story of a record through the command, a CRM in SQLite, a simulated VICIdial and a real store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.cli import forks
from tests.cli import shop as shops
from tests.cli.shop import Shop
from tests.vicidial import site

PHONES = {2: "7275550666", 4: "727-555-0001", 6: "12", 7: ""}  # on the list; that of 1; too short; none
Story = dict[str, Any]


def ask(shop: Shop, *lines: object, options: tuple[str, ...] = ()) -> list[Story]:
    """What `syncd why` says of each line of standard input, as JSON."""
    ran = shop.syncd("why", "acme", "-", *options, "--json", stdin="\n".join(map(str, lines)))
    assert ran.code in (0, 1), ran.err
    found: list[Story] = ran.json()["asked"]
    assert len(found) == len(lines)
    return found


def only(asked: Story) -> Story:
    (found,) = asked["records"]
    return dict(found)


def steps(record: Story) -> list[tuple[str, str]]:
    return [(one["pipeline"], one["step"]) for one in record["story"]]


def states(record: Story) -> dict[str, str]:
    return {one["code"]: one["state"] for one in record["circumstances"]}


def lead_id(shop: Shop, person: int) -> int:
    (found,) = (one.lead_id for one in shop.sim.world.leads.values() if one.vendor_lead_code == str(person))
    return found


def begun(shop: Shop) -> Shop:
    """Nine people, of whom 1 and 8 became leads; 1 was called and then changed in the CRM."""
    shop.upgrade()
    shop.people(9)
    shop.crm("ALTER TABLE people ADD COLUMN consent INTEGER DEFAULT 1")
    shop.crm("UPDATE people SET consent = 0 WHERE id = 9")
    for person, phone in PHONES.items():
        shop.crm("UPDATE people SET phone = ? WHERE id = ?", phone, person)
    shop.crm("UPDATE people SET do_not_call = 1 WHERE id = 3")
    shop.crm("UPDATE people SET first_name = 'Nobody' WHERE id = 5")
    settings = shop.settings()
    acme = settings["clients"]["acme"]
    acme["time_zone"] = "America/New_York"
    acme["pipelines"]["leads"] |= {"where": {"first_name": {"not": "Nobody"}}, "consent": {"consent": True}}
    shop.write(settings)
    assert shop.syncd("run", "--once").code == 1  # somebody was held
    site.door(shop.sim.url, "call", lead_id=lead_id(shop, 1), user="1001", status="NI", length_in_sec=33)
    shop.crm("UPDATE people SET first_name = 'Ann' WHERE id = 1")
    assert shop.syncd("run", "--once").code == 0
    return shop


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, forks_: forks.Forks) -> Iterator[Shop]:
    """A shop that tests only look at."""
    with shops.opened(tmp_path_factory.mktemp("told"), forks_) as shop:
        yield begun(shop)


def test_a_record_is_told_from_its_first_reading_to_what_was_written_back(told: Shop) -> None:
    found = only(ask(told, 1)[0])
    assert (found["crm_id"], found["lead_id"]) == ("1", str(lead_id(told, 1)))
    leads = [step for pipeline, step in steps(found) if pipeline == "leads"]
    assert leads == ["staged", "sending", "created", "staged", "sending", "updated"]
    assert ("dialer", "called") in steps(found)
    assert [step for name, step in steps(found) if name == "calls"] == ["staged", "sending", "created"]
    assert [step for name, step in steps(found) if name == "dispositions"] == ["staged", "sending", "updated"]
    times = [datetime.fromisoformat(one["at"]) for one in found["story"]]
    assert times == sorted(times)
    assert (found["crm"]["state"], found["crm"]["plan"], found["lead"]["state"]) == ("there", "none", "there")
    assert found["lead"]["differing"] == []
    assert [call["told"] for call in found["calls"]] == [True]
    assert states(found)["status"] == "prevents", "the campaign does not dial NI"


def test_each_way_of_not_being_dialled_is_told_with_its_reason(told: Shop) -> None:
    screened, opted_out, shared, left, wrong, none, lead, refused = map(only, ask(told, *range(2, 10)))
    assert ("leads", "screened") in steps(screened)
    assert states(screened) == {"screened": "prevents", "dnc": "prevents"}
    assert ("leads", "suppressed") in steps(opted_out)
    assert states(opted_out)["opt_out"] == "prevents"
    assert {"name": "opt_out", "holds": True, "fields": ["do_not_call"]} in opted_out["crm"]["conditions"]
    (held,) = (one for one in shared["circumstances"] if one["code"] == "held")
    assert "CRM record 1 has this phone" in held["said"]
    number = told.query("SELECT id FROM intent WHERE subject = '4'")[0][0]
    assert f"`syncd held retry {number}`" in held["fix"]
    assert [(one["id"], one["state"], one["reason"]) for one in shared["open"]] == [(number, "held", "shared_phone")]
    assert states(left)["where"] == "prevents"
    assert {"name": "where", "holds": False, "fields": ["first_name"]} in left["crm"]["conditions"]
    assert states(wrong)["held"] == "prevents"
    assert states(none)["no_phone"] == "prevents"
    assert (states(refused)["consent"], "consent" in str(refused["crm"]["conditions"])) == ("prevents", True)
    prevented = [one["code"] for one in lead["circumstances"] if one["state"] == "prevents"]
    assert prevented == []
    assert {"hopper": "delays", "agents": "delays"}.items() <= states(lead).items()
    every = str([screened, opted_out, shared, left, wrong, none, lead, refused])
    for secret in ("7275550666", "5550001", "Nobody", "Ann", "Person"):
        assert secret not in every, "no phone and no name without being asked"


def test_an_id_of_a_lead_or_a_call_and_a_phone_lead_to_the_record(told: Shop) -> None:
    ((call,),) = [told.query("SELECT dialer_id FROM link WHERE dialer_stream = 'calls'")]
    activity = told.query("SELECT crm_id FROM link WHERE crm_stream = 'calls'")[0][0]
    uniqueid = call[0].split("|")[1]
    asked = ask(told, lead_id(told, 1), call[0], uniqueid, activity, "+1 (727) 555-0001")
    assert [one["kind"] for one in asked] == ["lead", "call", "call", "call", "phone"]
    assert {one["records"][0]["crm_id"] for one in asked} == {"1"}
    assert [one["crm_id"] for one in asked[-1]["records"]] == ["1", "4"], "who is held for sharing it as well"
    assert asked[-1]["dnc_lists"] == []
    assert not re.search("555.?0001", str(asked[-1]))


def test_what_was_changed_before_the_start_is_never_read(shop: Shop) -> None:
    shop.crm("INSERT INTO people (id, phone, modified) VALUES (1, '7275550001', '2026-01-01 00:00:00')")
    settings = shop.settings()
    settings["clients"]["acme"]["pipelines"]["leads"]["start"] = "now"
    shop.write(settings)
    (before,) = (one for one in only(ask(shop, 1)[0])["circumstances"] if one["code"] == "not_read")
    assert "has not begun" in before["said"]
    assert shop.syncd("run", "--once").code == 0
    (after,) = (one for one in only(ask(shop, 1)[0])["circumstances"] if one["code"] == "before_start")
    assert "syncd backfill acme leads --ids FILE" in after["fix"]


def test_the_text_is_for_people_with_both_times_and_warns_of_a_number_as_an_argument(told: Shop) -> None:
    ran = told.syncd("why", "acme", "(727) 555-0001")
    assert ran.code == 0
    assert "warning: other users of this machine can read a number among the arguments" in ran.err
    assert not re.search("727.*555.*0001", ran.err + ran.out)
    assert "taken as a phone number" in ran.out
    line = next(line for line in ran.out.splitlines() if line.endswith(f"lead {lead_id(told, 1)} created"))
    assert " EST (" in line or " EDT (" in line
    assert line.split(")")[0].endswith(" UTC")
    assert "phone ••••••••01" in ran.out
    assert "not dialled, because:\n" in ran.out


def test_as_things_change_so_does_what_is_told(bare: Shop) -> None:
    shop = begun(bare)
    one, eight = lead_id(shop, 1), lead_id(shop, 8)
    shop.people(1, first=30)
    shop.crm("UPDATE people SET id = ? WHERE id = 30", one)
    assert shop.syncd("run", "--once").code == 0
    shop.people(1, first=20)
    both, fresh, unknown, stranger = ask(shop, one, 20, 99, 5001)
    assert (both["kind"], both["also"]) == ("crm", ["lead"])
    chosen = ask(shop, one, options=("--as", "lead"))[0]
    assert (chosen["kind"], only(chosen)["crm_id"]) == ("lead", "1")
    assert states(only(fresh)) == {"not_read": "delays", "dnc": "fine"}
    assert (unknown["found"], unknown["records"]) == (False, [])
    assert "the CRM has no record of this id" in unknown["looked"]
    assert "the dialer has no record of this id" in unknown["looked"]
    assert (stranger["kind"], only(stranger)["crm_id"], only(stranger)["lead_id"]) == ("lead", None, "5001")
    assert states(only(stranger))["status"] == "prevents"

    shop.sim.world.users["6666"].delete_from_dnc = 1
    assert shop.syncd("dnc", "remove", "acme", "--why", "case 12", stdin="7275550666").code == 0
    assert shop.syncd("pause", "acme", "leads", "--why", "a test").code == 0
    with shop.sim.world.lock:
        shop.sim.world.change_lead(shop.sim.world.leads[eight], {"first_name": "Changed"})
    asked = ask(shop, "7275550666", 2, 8)
    assert [one["step"] for one in asked[0]["by_hand"]] == ["asked", "dnc-removed"]
    assert asked[0]["dnc_lists"] == []
    assert states(only(asked[1])) == {"screened": "prevents", "paused": "prevents", "dnc": "fine"}
    assert [one["code"] for one in only(asked[2])["halted"]] == ["paused"], "its lead is there, and dialled as it is"
    assert only(asked[2])["lead"]["differing"] == [{"field": "first_name"}]
    shown = shop.syncd("why", "acme", "8", "--show").out
    assert "holds another first_name: CRM 'Person 8', lead 'Changed'" in shown
    assert "phone 7275550008" in shown

    shop.crm("UPDATE people SET do_not_call = 1 WHERE id = 8")
    (out,) = (one for one in only(ask(shop, 8)[0])["circumstances"] if one["code"] == "opt_out")
    assert out["said"].endswith("the next run that reads it takes its lead out of dialling")
    site.door(shop.sim.url, "delete", lead_id=eight, archive=True)
    assert states(only(ask(shop, 8)[0]))["archived"] == "prevents"
    site.door(shop.sim.url, "faults", spec="all.reset_before")
    (shop.folder / "crm.db").rename(shop.folder / "elsewhere.db")
    cut = only(ask(shop, 1)[0])
    assert (cut["crm"]["state"], cut["lead"]["state"], states(cut)["lead"]) == ("unknown", "unknown", "unknown")
    assert ("leads", "created") in steps(cut), "what the store knows is told all the same"


def test_what_is_no_phone_no_client_and_nothing_at_all_is_refused_and_offline_asks_nobody(told: Shop) -> None:
    wrong = told.syncd("why", "acme", "-", "--as", "phone", stdin="12")
    assert (wrong.code, "that is no phone number" in wrong.err) == (2, True)
    assert "nothing was given" in told.syncd("why", "acme", "-").err
    assert "did you mean acme" in told.syncd("why", "acne", "1").err
    assert "Unknown option: --ofline" in told.syncd("why", "acme", "--ofline").err
    before = site.door(told.sim.url, "requests")
    offline = told.syncd("why", "acme", "1", "--offline")
    assert (offline.code, "CRM: not known: it was not asked" in offline.out) == (0, True)
    assert told.syncd("why", "acme", "99", "--offline").code == 1
    assert site.door(told.sim.url, "requests") == before
