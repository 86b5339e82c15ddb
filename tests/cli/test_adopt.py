"""`syncd adopt`: a running call centre switches syncd on, and nobody gets a second lead."""

from __future__ import annotations

import csv
import subprocess
import time
from pathlib import Path

from tests.cli import centre
from tests.cli import shop as shops
from tests.simulators import asking


def years_of_work(shop: shops.Shop) -> tuple[dict[str, int], list[int], int]:
    """Fill both sides. Returns CRM record → lead, of those that are surely each other's; the leads of record 4; the one
    of records 6 and 7."""
    person, lead = centre.person, centre.lead
    person(shop, 1, "7275550001", "Ann", "Lee")
    by_key = lead(shop, "7275550001", "A.", "Lee", "1", status="SALE")
    person(shop, 2, "7275550002", "Bob", "Ray", legacy="L2")
    by_old_id = lead(shop, "7275550002", "Bob", "Ray", "CRM-L2")
    person(shop, 3, "7275550003", "José", "García López")
    by_name = lead(shop, "07275550003", "JOSE", "Garcia  lopez", "OTHER-7")
    person(shop, 4, "7275550004", "Cat", "Fox")
    several = [lead(shop, "7275550004", "Cat", "Fox") for _ in range(2)]
    person(shop, 5, "7275550005", "Dan", "Orr")
    lead(shop, "7275550005", "Eve", "Ott")
    for number in (6, 7):
        person(shop, number, "7275550006", "Fay", "Poe")
    shared = lead(shop, "7275550006", "Fay", "Poe")
    person(shop, 8, "7275550008", "Guy", "Qua", out=1)
    opted_out = lead(shop, "7275550008", "Guy", "Qua", "8")
    person(shop, 9, "7275550009", "Hal", "Rex")
    person(shop, 11, "7275550011", "Ira", "Sol")
    lead(shop, "7275559911", "Jim", "Tan", "11")
    person(shop, 12, "7275550012", "Kim", "Ude")
    on_dnc = lead(shop, "7275550012", "Kim", "Ude", status="DNC")
    adopted = {"1": by_key, "2": by_old_id, "3": by_name, "8": opted_out, "12": on_dnc}
    return adopted, several, shared


def test_a_running_call_centre_switches_syncd_on_without_one_duplicate(bare: shops.Shop, store_url: str) -> None:
    shop = bare
    centre.opened(shop, store_url)
    before = set(centre.leads(shop))
    adopted, several, shared = years_of_work(shop)
    made = set(centre.leads(shop)) - before
    by_key, by_name = adopted["1"], adopted["3"]

    dry = shop.syncd("adopt", "acme", "--names", "--key-is", centre.KEY_IS, "--dry-run", "--json")
    assert dry.code == 0, dry.err
    assert dry.json()["counts"] == {
        "read": 12 - 1, "key": 3, "new": 1, "review.name": 2, "review.several": 1, "review.names_differ": 1,
        "review.shared_phone": 2, "review.key_elsewhere": 1,
    }  # fmt: skip
    assert shop.sim.world.leads[by_key].source_id == "web"
    assert centre.links(store_url) == {}

    review = shop.folder / "review.csv"
    ran = shop.syncd("adopt", "acme", "--names", "--key-is", centre.KEY_IS, "--review", review, "--json")
    assert ran.code == 1, ran.err
    told = ran.json()
    assert told["state"] == "done"
    assert told["undecided"] == {"key_elsewhere": 1, "names_differ": 1, "several": 1, "shared_phone": 2}
    assert centre.links(store_url) == {crm_id: str(lead_id) for crm_id, lead_id in adopted.items()}
    for crm_id, lead_id in adopted.items():
        one = centre.leads(shop)[lead_id]
        assert (one.vendor_lead_code, one.source_id) == (crm_id, "syncd:acme:leads")
        assert (one.list_id, one.called_since_last_reset) == ("102", "Y")
    assert [centre.leads(shop)[one].status for one in adopted.values()] == ["SALE", "NA", "NA", "NA", "DNC"]

    looks_right(review, several)
    run = shop.syncd("run", "--once", "--json")
    assert run.code == 1, "five are held until somebody has decided"
    after = set(centre.leads(shop)) - before
    [hal] = after - made
    assert centre.leads(shop)[hal].first_name == "Hal"
    status = {crm_id: centre.leads(shop)[lead_id].status for crm_id, lead_id in adopted.items()}
    assert status == {"1": "SALE", "2": "NA", "3": "NA", "8": "DNC", "12": "DNC"}
    assert centre.leads(shop)[by_key].first_name == "Ann", "a real difference"
    assert centre.leads(shop)[by_name].phone_number == "7275550003"
    assert {centre.leads(shop)[one].list_id for one in adopted.values()} == {"102"}
    assert shop.syncd("held", "list", "acme").out.count("adoption") == 5

    known = before | made | {hal}
    decide(shop, store_url, review, several[0], shared)
    [dan] = set(centre.leads(shop)) - known
    assert centre.leads(shop)[dan].first_name == "Dan"

    what_stood_there_is_told(shop)
    last = centre.links(store_url)
    again = shop.syncd("adopt", "acme", "--names", "--key-is", centre.KEY_IS, "--json")
    assert again.code == 0, again.err
    assert again.json()["counts"] == {"read": 11, "linked": 9, "decided": 2}
    shop.crm("UPDATE people SET last_name = last_name || 'x'")
    assert shop.syncd("run", "--once").code == 0
    assert centre.links(store_url) == last
    assert set(centre.leads(shop)) - known == {dan}


def what_stood_there_is_told(shop: shops.Shop) -> None:
    """Keys of other systems are overwritten, but not lost."""
    was = shop.folder / "was.csv"
    assert shop.syncd("adopt", "acme", "--last", "--was", was).code == 0
    stood = {(row["crm_id"], row["field"]): row["value"] for row in csv.DictReader(was.read_text("utf-8").splitlines())}
    assert stood["3", "vendor_lead_code"] == "OTHER-7"
    assert (stood["2", "vendor_lead_code"], stood["2", "source_id"]) == ("CRM-L2", "web")
    assert ("1", "vendor_lead_code") not in stood


def looks_right(review: Path, several: list[int]) -> None:
    """What the operator sees."""
    rows = {row["crm_id"]: row for row in csv.DictReader(review.read_text("utf-8").splitlines())}
    assert set(rows) == {"4", "5", "6", "7", "11"}
    assert rows["4"]["leads"].split() == [str(one) for one in sorted(several, reverse=True)]
    assert {row["decision"] for row in rows.values()} == {""}
    assert "7275550004" not in review.read_text("utf-8")
    assert rows["4"]["phone"] == "+1•••••••004"
    assert "Cat" not in review.read_text("utf-8")
    assert review.stat().st_mode & 0o777 == 0o600


def decide(shop: shops.Shop, store_url: str, review: Path, several: int, shared: int) -> None:
    """The operator goes through the review file; the next run does the rest."""
    filled = centre.decided(
        review, {"4": f"adopt {several}", "5": "create", "6": f"adopt {shared}", "7": "Skip", "11": "skip"}
    )
    applied = shop.syncd("adopt", "acme", "--apply", filled, "--json")
    assert applied.code == 0, applied.err
    assert centre.links(store_url) | {"4": str(several), "6": str(shared)} == centre.links(store_url)
    assert shop.syncd("adopt", "acme", "--apply", filled).code == 0, "the same once more changes nothing"
    run = shop.syncd("run", "--once", "--json")
    assert run.code == 0, run.out
    assert shop.syncd("held", "list", "acme", "--json").json() == []


def crowd(shop: shops.Shop, count: int) -> list[int]:
    """People, each with a lead of the same name, of which every second one carries the key."""
    shop.people(count)
    shop.crm("UPDATE people SET first_name = 'Ann', last_name = 'Lee' || id")
    found = []
    for number in range(1, count + 1):
        key = str(number) if number % 2 else f"X{number}"
        found.append(centre.lead(shop, f"727555{number:04d}", "ann", f"LEE{number}", key))
    return found


def test_a_killed_adoption_goes_on_and_nothing_is_created_before_it_is_done(bare: shops.Shop, store_url: str) -> None:
    shop = bare
    centre.opened(shop, store_url)
    before = len(centre.leads(shop))
    made = crowd(shop, 120)
    shop.people(1, first=900)
    process = subprocess.Popen(
        [shops.COMMAND, "adopt", "acme", "--names", "--rate", "200"],
        env=shop.environ({}),
        stdout=subprocess.DEVNULL,
    )
    while len(centre.planted(shop)) < 20:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    centre.leases_expire(store_url)
    assert len(centre.planted(shop)) < 60
    run = shop.syncd("run", "--once")
    assert run.code == 1, "proposals are held until the adoption is done"
    assert "no lead is created before the adoption of leads is done: `syncd adopt acme`" in run.out
    assert len(centre.leads(shop)) == before + 120
    [told] = shop.syncd("status", "--json").json()
    assert told["adoption"]["state"] == "open"
    assert "`syncd adopt acme` goes on with it" in shop.syncd("status").out
    ran = shop.syncd("adopt", "acme", "--names", "--json")
    assert ran.code == 0, ran.err
    assert centre.links(store_url) == {str(number): str(lead) for number, lead in enumerate(made, 1)}
    assert shop.syncd("run", "--once").code == 0
    assert len(centre.leads(shop)) == before + 121, "the one without any lead"
    assert {centre.leads(shop)[one].source_id for one in made} == {"syncd:acme:leads"}


def test_an_answer_that_never_came_is_looked_up(bare: shops.Shop, store_url: str) -> None:
    shop = bare
    centre.opened(shop, store_url)
    made = crowd(shop, 5)
    asking.Door(shop.sim.url).ask("faults", spec="reset_after@2,reset_before@4,error_after@5")
    ran = shop.syncd("adopt", "acme", "--names", "--json")
    assert ran.code == 0, ran.err
    assert centre.links(store_url) == {str(number): str(lead) for number, lead in enumerate(made, 1)}


def test_a_bad_review_file_is_told_by_line_and_nothing_of_it_is_done(shop: shops.Shop) -> None:
    centre.opened(shop, f"sqlite:///{shop.store}")
    for number in (1, 2, 3):
        centre.person(shop, number, f"727555000{number}", "Ann", "Lee")
    found = [centre.lead(shop, f"727555000{number}", "Bea", "Moe") for number in (1, 2, 3)]
    review = shop.folder / "review.csv"
    missing = shop.syncd("adopt", "acme", "--apply", review)
    assert missing.code == 2
    assert f"{review}: cannot be read" in missing.err
    early = shop.syncd("adopt", "acme", "--last")
    assert (early.code, "acme has no adoption yet" in early.err) == (2, True)
    assert shop.syncd("adopt", "acme", "--review", review).code == 1
    again = shop.syncd("adopt", "acme", "--review", review)
    assert again.code == 2
    assert "is there already" in again.err

    filled = centre.decided(review, {"1": f"adopt {found[0]}", "2": "adopt 77", "3": "maybe"})
    ran = shop.syncd("adopt", "acme", "--apply", filled)
    assert ran.code == 2
    assert f"{filled}:4: no such decision: maybe" in ran.err
    filled = centre.decided(review, {"1": f"adopt {found[0]}", "2": "adopt 77", "3": "create"})
    with filled.open("a", encoding="utf-8") as file:
        file.write("99,,,,,skip\n1,,,,,skip\nbroken\n")
    ran = shop.syncd("adopt", "acme", "--apply", filled)
    assert ran.code == 2
    assert f"{filled}:6: CRM record 1 was on line 2 already" in ran.err
    assert f"{filled}:7: 1 columns instead of 6" in ran.err
    filled = centre.decided(review, {"1": f"adopt {found[0]}", "2": "adopt 77", "3": "create"})
    with filled.open("a", encoding="utf-8") as file:
        file.write("99,,,,,skip\n")
    ran = shop.syncd("adopt", "acme", "--apply", filled)
    assert ran.code == 2
    assert f"{filled}:3: lead 77 is none of those that record 2 may have – there are: {found[1]}" in ran.err
    assert f"{filled}:5: of CRM record 99 nothing is to be decided" in ran.err
    assert shop.query("SELECT count(*) FROM adoption_record WHERE decision <> ''") == [(0,)]
    assert shop.query("SELECT count(*) FROM link") == [(0,)]

    spreadsheet = centre.decided(review, {"1": f"Adopt {found[0]}"})
    spreadsheet.write_text("\ufeff" + spreadsheet.read_text("utf-8").replace(",", ";"), encoding="utf-8")
    ran = shop.syncd("adopt", "acme", "--apply", spreadsheet, "--json")
    assert ran.code == 1, ran.err
    assert ran.json()["undecided"] == {"names_differ": 2}
    left = shop.folder / "left.csv"
    assert shop.syncd("adopt", "acme", "--last", "--review", left, "--show").code == 1
    text = left.read_text("utf-8")
    assert "Ann Lee" in text
    assert f"{found[1]}: Bea Moe" in text
    late = shop.syncd("adopt", "acme", "--apply", centre.decided(review, {"1": "skip"}))
    assert late.code == 2
    assert f"CRM record 1 has lead {found[0]} already" in late.err


def test_what_went_wrong_on_the_way_is_decided_again(shop: shops.Shop) -> None:
    centre.opened(shop, f"sqlite:///{shop.store}")
    for number in (1, 2):
        centre.person(shop, number, f"727555000{number}", "Ann", "Lee")
    found = [centre.lead(shop, f"727555000{number}", "Bea", "Moe") for number in (1, 2)]
    review = shop.folder / "review.csv"
    assert shop.syncd("adopt", "acme", "--review", review).code == 1
    with shop.sim.world.lock:
        shop.sim.world.delete_lead(shop.sim.world.leads[found[0]])
    filled = centre.decided(review, {"1": f"adopt {found[0]}", "2": f"adopt {found[1]}"})
    ran = shop.syncd("adopt", "acme", "--apply", filled, "--json")
    assert ran.code == 1
    assert ran.json()["undecided"] == {"lead_gone": 1}
    assert shop.syncd("adopt", "acme", "--json").json()["counts"] == {"read": 2, "linked": 1, "new": 1}


def test_a_lead_is_one_records_whichever_file_gave_it_away_first(shop: shops.Shop) -> None:
    centre.opened(shop, f"sqlite:///{shop.store}")
    for number in (1, 2):
        centre.person(shop, number, "7275550001", "Ann", "Lee")
    lead = centre.lead(shop, "7275550001", "Bea", "Moe")
    review = shop.folder / "review.csv"
    assert shop.syncd("adopt", "acme", "--review", review).code == 1
    both = centre.decided(review, {"1": f"adopt {lead}", "2": f"adopt {lead}"})
    ran = shop.syncd("adopt", "acme", "--apply", both)
    assert ran.code == 2
    assert f"{both}:3: line 2 gives lead {lead} to another record" in ran.err
    assert shop.syncd("adopt", "acme", "--apply", centre.decided(review, {"2": f"adopt {lead}"})).code == 1
    late = shop.syncd("adopt", "acme", "--apply", centre.decided(review, {"1": f"adopt {lead}"}))
    assert late.code == 2
    assert f"lead {lead} belongs to CRM record 2" in late.err
    assert shop.query("SELECT crm_id FROM link") == [("2",)]


def test_shadow_shows_what_is_left_to_do_before_anything_is_sent(shop: shops.Shop) -> None:
    centre.opened(shop, f"sqlite:///{shop.store}", mode="shadow")
    centre.person(shop, 1, "7275550001", "Ann", "Lee")
    lead = centre.lead(shop, "7275550001", "Ann", "Lee", "1")
    centre.person(shop, 2, "7275550002", "Bob", "Ray")
    centre.lead(shop, "7275550002", "Rob", "Ray")
    assert shop.syncd("run", "--once").code == 0, "two creates are staged, as shadow does"
    before = len(centre.leads(shop))
    assert shop.syncd("adopt", "acme").code == 1
    assert shop.query("SELECT crm_id, dialer_id FROM link") == [("1", str(lead))]
    settings = shop.settings()
    settings["clients"]["acme"]["pipelines"]["leads"]["fields"] |= {"last_name": "last_name"}
    shop.write(settings)
    assert shop.syncd("run", "--once").code == 0
    assert len(centre.leads(shop)) == before
    assert centre.leads(shop)[lead].list_id == "102"


def test_who_is_left_out_and_what_a_wrong_call_says(shop: shops.Shop) -> None:
    centre.opened(shop, f"sqlite:///{shop.store}", where={"lead_status": {"not": "customer"}})
    for number, phone in enumerate(("7275550001", "7275550002", "12", ""), 1):
        centre.person(shop, number, phone, "Ann", "Lee")
        centre.lead(shop, f"727555000{number}", "Ann", "Lee", str(number))
    shop.crm("UPDATE people SET lead_status = 'customer' WHERE id = 1")
    shop.crm("UPDATE people SET deleted_at = modified WHERE id = 2")
    dry = shop.syncd("adopt", "acme", "--dry-run", "--json")
    assert dry.json()["counts"] == {
        "read": 4, "skip.where": 1, "skip.deleted": 1, "skip.phone": 1, "skip.no_phone": 1,
    }  # fmt: skip
    both = shop.syncd("adopt", "acme", "--dry-run", "--last")
    assert (both.code, "--dry-run and --last exclude each other" in both.err) == (2, True)
    assert shop.syncd("pause", "acme", "leads").code == 0
    paused = shop.syncd("adopt", "acme")
    assert paused.code == 2
    assert "`syncd resume acme leads`" in paused.err


def test_with_start_now_what_changes_since_the_adoption_began_counts(shop: shops.Shop) -> None:
    centre.opened(shop, f"sqlite:///{shop.store}", start="now")
    centre.person(shop, 1, "7275550001", "Ann", "Lee")
    lead = centre.lead(shop, "7275550001", "Ann", "Lee", "1")
    centre.person(shop, 2, "7275550002", "Bob", "Ray")
    assert shop.syncd("adopt", "acme").code == 0
    shop.crm("UPDATE people SET last_name = 'Lee-Roe' WHERE id = 1")
    centre.person(shop, 3, "7275550003", "Cat", "Fox")
    before = set(centre.leads(shop))
    assert shop.syncd("run", "--once").code == 0
    [new] = set(centre.leads(shop)) - before
    assert centre.leads(shop)[new].first_name == "Cat"
    assert centre.leads(shop)[lead].last_name == "Lee-Roe"


def test_an_adoption_that_is_cancelled_holds_nothing_up_any_more(shop: shops.Shop) -> None:
    centre.opened(shop, f"sqlite:///{shop.store}")
    for number in (1, 2):
        centre.person(shop, number, f"727555000{number}", "Ann", "Lee")
    centre.lead(shop, "7275550002", "Bea", "Lee")
    right = shop.config.read_text("utf-8")
    shop.config.write_text(right.replace("password: '1234'", "password: wrong"), encoding="utf-8")
    failed = shop.syncd("adopt", "acme")
    assert failed.code == 2
    assert "`syncd adopt acme` goes on where it was" in failed.err
    shop.config.write_text(right, encoding="utf-8")
    assert shop.syncd("resume", "acme").code == 0
    before = len(centre.leads(shop))
    assert shop.syncd("run", "--once").code == 0
    assert len(centre.leads(shop)) == before
    assert shop.syncd("adopt", "acme", "--cancel", "--json").json()["state"] == "cancelled"
    assert shop.syncd("run", "--once").code == 0
    assert len(centre.leads(shop)) == before + 2, "whom nobody has looked at is created"
