"""Erasing a person: through the command, a CRM in SQLite, a simulated VICIdial, and a store on both databases."""

from __future__ import annotations

import io
import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from syncd.cli import main
from syncd.config import load
from syncd.daemon import setup
from syncd.engine import erasing, parts, persons, subjects
from syncd.engine.run import Engine
from syncd.sdk import errors
from syncd.simulators.vicidial import rows
from syncd.store import erasures, lease, tables
from syncd.store.database import Database, OnCommit
from tests.cli import forks
from tests.cli import shop as shops
from tests.cli.shop import Ran, Shop
from tests.services import postgresql
from tests.vicidial import site

NUMBER = "7275550001"
CRM_ID = "90001"
"""Ids long enough that nothing else in the store happens to hold them."""


def settings(shop: Shop, store: str) -> None:
    written = shop.settings()
    acme = written["clients"]["acme"]
    written["store"] = store
    acme["dialer"] |= {"campaign_id": "TESTCAMP", "opt_out_lists": ["system"]}
    acme["crm"]["tasks"] = {"table": "tasks", "key": "task_key"}
    acme["pipelines"]["leads"]["fields"] |= {"callback_at": "call_at", "crm_stage": "stage"}
    acme["pipelines"]["callbacks"] = {"start": "all", "every": "1h", "fields": {"person": "crm_id", "state": "state"}}
    shop.write(written)


def begun(shop: Shop, store: str) -> Shop:
    """Three people with leads. The first has custom values, a call, a callback of theirs and an entry in the hopper."""
    for column in ("call_at DATETIME", "stage TEXT"):
        shop.crm(f"ALTER TABLE people ADD COLUMN {column}")
    shop.crm("CREATE TABLE tasks (task_key TEXT PRIMARY KEY, person INTEGER, state TEXT)")
    settings(shop, store)
    assert shop.syncd("db", "upgrade").code == 0
    shop.people(3, first=int(CRM_ID))
    shop.crm("UPDATE people SET phone = '727555000' || (id - 90000), stage = 'won ' || id")
    once(shop)
    call(shop, CRM_ID)
    once(shop)
    shop.crm("UPDATE people SET call_at = '2030-12-02 15:00:00' WHERE id = ?", CRM_ID)
    once(shop)
    with shop.sim.world.lock:
        found = lead(shop, CRM_ID)
        shop.sim.world.add_to_hopper(found, campaign_id="TESTCAMP", list_id="101", priority=0, gmt_offset="-5.00")
    return shop


def once(shop: Shop, *, code: int = 0) -> Ran:
    ran = shop.syncd("run", "--once")
    assert ran.code == code, ran.err + ran.out
    return ran


def call(shop: Shop, crm_id: str) -> None:
    site.door(shop.sim.url, "call", lead_id=lead(shop, crm_id).lead_id, user="1001", status="CALLBK", length_in_sec=33)


def leads(shop: Shop, crm_id: str) -> list[rows.Lead]:
    with shop.sim.world.lock:
        every = [*shop.sim.world.leads.values(), *shop.sim.world.archived_leads.values()]
        return [one for one in every if one.vendor_lead_code == crm_id]


def lead(shop: Shop, crm_id: str) -> rows.Lead:
    (found,) = leads(shop, crm_id)
    return found


def erase(shop: Shop, *lines: str, options: tuple[str, ...] = (), code: int = 0) -> list[dict[str, Any]]:
    ran = shop.syncd("erase", "acme", "-", "--yes", "--json", *options, stdin="\n".join(lines))
    assert ran.code == code, ran.err + ran.out
    found: list[dict[str, Any]] = ran.json()["erased"]
    return found


def everything(shop: Shop) -> str:
    """All that the store holds, but hashes, times (their digits may look like an id), and what is left by hand."""
    with closing(Database(shop.settings_now()["store"])) as db, db.read() as connection:
        return json.dumps(
            {
                table.name: [
                    {
                        name: str(value)
                        for name, value in row._mapping.items()
                        if name != "by_hand" and not isinstance(value, datetime)
                    }
                    for row in connection.execute(sa.select(table))
                ]
                for table in tables.metadata.sorted_tables
            }
        )


def nothing_is_left(shop: Shop, crm_id: str, lead_id: int, number: str) -> None:
    assert leads(shop, crm_id) == []
    world = shop.sim.world
    assert world.hopper_entry(lead_id) is None
    assert lead_id not in world.callbacks
    assert not any(lead_id in values for values in world.custom_values.values())
    held = everything(shop)
    for text in (crm_id, str(lead_id), number):
        assert text not in held, text


@pytest.fixture(scope="module")
def story(
    postgres_server: postgresql.Server, tmp_path_factory: pytest.TempPathFactory, forks_: forks.Forks
) -> Iterator[Shop]:
    """A shop with three people, and its store on PostgreSQL."""
    folder = tmp_path_factory.mktemp("erase")
    with shops.opened(folder, forks_) as shop, postgres_server.database() as url:
        yield begun(shop, url)


def test_a_person_is_erased_on_both_sides_and_never_comes_back(story: Shop) -> None:
    shop = story
    lead_id, before = lead(shop, CRM_ID).lead_id, len(shop.leads())
    assert shop.crm("SELECT count(*) FROM tasks")[0][0] + shop.crm("SELECT count(*) FROM calls")[0][0] >= 1
    assert CRM_ID in everything(shop)
    (done,) = erase(shop, CRM_ID)
    assert (done["state"], done["counts"]["leads"], done["counts"]["records"]) == ("by_hand", 1, 1)
    assert any(f"lead {lead_id}" in line for line in done["by_hand"])
    assert any("calls/" in line for line in done["by_hand"])
    nothing_is_left(shop, CRM_ID, lead_id, NUMBER)
    assert len(shop.leads()) == before - 1

    once(shop)  # the next poll reads the record again, in its overlap
    shop.crm("UPDATE people SET first_name = 'Again' WHERE id = ?", CRM_ID)
    ran = shop.syncd("run", "--once", "--json")
    assert ran.json()["runs"][0]["counts"]["leads.skip.erased"] >= 1
    shop.crm("UPDATE people SET do_not_call = 1 WHERE id = ?", CRM_ID)
    once(shop)
    nothing_is_left(shop, CRM_ID, lead_id, NUMBER)

    why = shop.syncd("why", "acme", CRM_ID)
    assert "it was erased for good" in why.out
    assert erase(shop, CRM_ID)[0]["erasure"] == done["erasure"], "erased already"
    listed = shop.syncd("erased", "list", "acme", "--json").json()
    assert (done["erasure"], "by_hand") in [(one["erasure"], one["state"]) for one in listed]
    assert shop.syncd("erased", "confirm", "acme", str(done["erasure"])).code == 0
    assert shop.syncd("erased", "confirm", "acme", str(done["erasure"])).code == 2
    assert f"lead {lead_id}" not in shop.syncd("erased", "list", "acme").out
    assert str(lead_id) not in everything(shop)
    assert shop.syncd("backfill", "acme", "leads", "--ids", "-", "--since", "2000-01-01", stdin=CRM_ID).code == 0
    assert leads(shop, CRM_ID) == [], "nor by name"


def test_a_new_record_with_an_erased_phone_waits_for_a_person(story: Shop) -> None:
    shop = story
    one, two = str(int(CRM_ID) + 1), str(int(CRM_ID) + 2)
    number = "7275550002"
    erase(shop, number, options=("--as", "phone"))
    assert leads(shop, one) == []
    shop.crm("DELETE FROM people WHERE id = ?", one)
    shop.people(1, first=91000)  # the CRM has merged it into a new record
    shop.crm("UPDATE people SET phone = ? WHERE id IN (91000, ?)", number, two)  # and another person got the number
    once(shop, code=1)
    assert leads(shop, "91000") == []
    assert lead(shop, two).phone_number == "7275550003", "nobody is given an erased number by a change, either"
    held = shop.syncd("held", "list", "acme", "--json").json()
    assert {(found["record"], found["reason"]) for found in held} == {("91000", "erased"), (two, "erased")}
    assert "syncd erased lift acme -" in held[0]["hint"]
    assert number not in held[0]["hint"]
    assert shop.syncd("held", "retry", "--all", "acme", "leads").code == 1, "still held"
    ran = shop.syncd("erased", "lift", "acme", "-", "--why", "another person's now, case 12", stdin=number)
    assert (ran.code, "may come back" in ran.out) == (0, True)
    assert shop.syncd("held", "retry", str(next(one["id"] for one in held if one["record"] == "91000"))).code == 0
    once(shop)
    assert lead(shop, "91000").phone_number == number
    assert shop.syncd("erased", "lift", "acme", "-", "--why", "again", stdin=number).code == 1
    assert "--why is empty" in shop.syncd("erased", "lift", "acme", "-", "--why", " ", stdin=number).err


def in_process(shop: Shop, *arguments: str) -> int:
    """The command in this process: many of them, one after the other."""
    mask = os.umask(0o077)  # which the command sets, too
    try:
        return main.main(["--config", str(shop.config), *arguments])
    finally:
        os.umask(mask)
        structlog.reset_defaults()


def crowd(shop: Shop, count: int) -> list[str]:
    """People with leads, in a shop with a store in SQLite."""
    shop.crm("ALTER TABLE people ADD COLUMN call_at DATETIME")
    shop.crm("ALTER TABLE people ADD COLUMN stage TEXT")
    shop.crm("CREATE TABLE tasks (task_key TEXT PRIMARY KEY, person INTEGER, state TEXT)")
    settings(shop, f"sqlite:///{shop.store}")
    shop.upgrade()
    shop.people(count, first=int(CRM_ID))
    shop.crm("UPDATE people SET phone = '72755' || id, stage = 'won'")
    once(shop)
    return [str(int(CRM_ID) + number) for number in range(count)]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory, forks_: forks.Forks) -> Iterator[tuple[Shop, Iterator[str]]]:
    """A shop with people enough for each test to take some."""
    with shops.opened(tmp_path_factory.mktemp("crowd"), forks_) as shop:
        yield shop, iter(crowd(shop, 50))


@contextmanager
def opened(shop: Shop, on_commit: OnCommit) -> Iterator[tuple[Engine, parts.Client]]:
    """The shop's client in this process, stopped at commits."""
    with (
        closing(Database(f"sqlite:///{shop.store}", on_commit=on_commit)) as db,
        setup.clients(load.load(shop.config), ["acme"], db=db) as clients,
    ):
        yield Engine(db), clients[0]


def erased(shop: Shop, crm_id: str, on_commit: OnCommit) -> None:
    """What the command does, without its words."""
    with opened(shop, on_commit) as (engine, client):
        person = persons.Persons(engine, client).look(subjects.Meant("crm", records=[crm_id]))
        number = erasing.begin(engine, client, erasing.Plan(person), by="a test", wait_seconds=1.0)
        erasing.go_on(engine, client, number)


class _Killed(BaseException):
    """The program ends here."""


def test_interrupted_at_any_commit_it_goes_on_where_it_was(crowded: tuple[Shop, Iterator[str]]) -> None:
    shop, people = crowded
    for at in ("erase-begin before", "erase-begin after", "erase-end before", "erase-end after"):
        crm_id = next(people)

        def stop(label: str, moment: str, at: str = at) -> None:
            if f"{label} {moment}" == at:
                raise _Killed

        lead_id = lead(shop, crm_id).lead_id
        with pytest.raises(_Killed):
            erased(shop, crm_id, stop)
        assert in_process(shop, "run", "--once") == 0, "nothing is made for this person, whatever was done"
        assert {found.lead_id for found in leads(shop, crm_id)} <= {lead_id}
        assert in_process(shop, "erase", "acme", crm_id, "--yes") == 0
        nothing_is_left(shop, crm_id, lead_id, f"72755{crm_id}")


def test_an_answer_that_is_lost_is_noticed_explained_and_asked_for_again(
    crowded: tuple[Shop, Iterator[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    shop, people = crowded
    refused = unfinished = 0
    for at, crm_id in enumerate(people, 1):  # as many as there are requests
        lead_id = lead(shop, crm_id).lead_id
        site.door(shop.sim.url, "faults", spec=f"all.reset_after@{at}")
        capsys.readouterr()
        code = in_process(shop, "erase", "acme", crm_id, "--yes")
        said = capsys.readouterr()
        site.door(shop.sim.url, "faults", spec="")
        if code == 0:
            break  # that was the last request
        if code == 2:
            refused += 1
            assert "nothing was done" in said.err
            assert lead(shop, crm_id).status == "NEW"
        if code == 1:
            unfinished += 1
            assert "the dialer's part is not done: " in said.out
            assert in_process(shop, "status") == 0
            assert "is not finished on the dialer" in capsys.readouterr().out
        assert (
            in_process(shop, *(("erased", "finish", "acme") if code == 1 else ("erase", "acme", crm_id, "--yes"))) == 0
        )
        nothing_is_left(shop, crm_id, lead_id, f"72755{crm_id}")
    assert (refused > 2, unfinished > 4) == (True, True), (refused, unfinished)


def test_who_never_had_a_lead_and_who_is_nobody(crowded: tuple[Shop, Iterator[str]]) -> None:
    shop, _ = crowded
    shop.people(1, first=80001)
    shop.crm("UPDATE people SET phone = '' WHERE id = 80001")
    assert once(shop).code == 0
    assert [one["state"] for one in erase(shop, "80001")] == ["by_hand"], "the CRM has the record"
    shop.crm("UPDATE people SET phone = '727-555-8001' WHERE id = 80001")
    once(shop)
    assert leads(shop, "80001") == []
    assert "80001" not in everything(shop)
    assert [one["state"] for one in erase(shop, "80002", code=1)] == ["unknown"]
    ran = shop.syncd("erase", "acme", "80002", "--yes")
    assert "the CRM has no record of this id" in ran.out
    assert "contradict" in shop.syncd("erase", "acme", "80001", "--yes", "--and-dnc", "--no-dnc").err
    assert "Unknown option: --al" in shop.syncd("erase", "acme", "--al").err


def test_an_opt_out_is_not_forgotten_with_the_person(crowded: tuple[Shop, Iterator[str]]) -> None:
    shop, people = crowded
    asked, marked, left, also = (next(people) for _ in range(4))
    numbers = {crm_id: f"72755{crm_id}" for crm_id in (asked, marked, left, also)}
    dnc = shop.sim.world.dnc["SYSTEM_INTERNAL"]
    with shop.sim.world.lock:
        shop.sim.world.change_lead(lead(shop, marked), {"status": "DNC"})  # an agent did, and no list knows it
        shop.sim.world.change_lead(lead(shop, left), {"status": "DNC"})
    erase(shop, marked)
    erase(shop, left, options=("--no-dnc",))
    erase(shop, also, options=("--and-dnc",))
    erase(shop, asked)
    assert {crm_id: numbers[crm_id] in dnc for crm_id in numbers} == {
        asked: False,
        marked: True,
        left: False,
        also: True,
    }
    written = shop.settings_now()
    last = next(people)
    shop.crm("UPDATE people SET do_not_call = 1 WHERE id = ?", last)
    without = json.loads(json.dumps(written))
    without["clients"]["acme"]["dialer"]["opt_out_lists"] = []
    shop.write(without)
    refused = shop.syncd("erase", "acme", last, "--yes")
    assert (refused.code, "nothing would keep the number out" in refused.err) == (2, True)
    assert lead(shop, last).status == "NEW", "before anything was done"
    shop.write(written)
    erase(shop, last)
    assert f"72755{last}" in dnc


def test_leads_that_syncd_has_not_made_go_only_if_that_is_said(crowded: tuple[Shop, Iterator[str]]) -> None:
    shop, people = crowded
    first, second, other = next(people), next(people), next(people)
    with shop.sim.world.lock:
        strangers = [
            shop.sim.world.insert_lead({"list_id": "101", "phone_code": "1", "phone_number": f"72755{crm_id}"}).lead_id
            for crm_id in (first, second)
        ]
        elsewhere = shop.sim.world.insert_lead(
            {"list_id": "101", "phone_code": "1", "phone_number": f"72755{second}", "source_id": "syncd:other:leads"}
        ).lead_id
        # somebody else's lead has the number now, and is theirs all the same
        shop.sim.world.change_lead(lead(shop, other), {"phone_number": f"72755{second}"})
        # a second lead of ours, which nobody has found yet
        shop.sim.world.insert_lead(
            {"list_id": "101", "phone_number": "7275559999", "vendor_lead_code": second, "phone_code": "1"}
        )
    ran = shop.syncd("erase", "acme", first, "--yes")
    assert f"syncd has not made: {strangers[0]}" in ran.out
    assert strangers[0] in shop.sim.world.leads
    said = shop.syncd("erase", "acme", second, "--yes", "--also-phone").out
    assert f"made for another client: {elsewhere}" in said
    assert f"other CRM records with one of the phones: {other}" in said
    assert strangers[1] not in shop.sim.world.leads
    assert elsewhere in shop.sim.world.leads
    assert len(leads(shop, other)) == 1
    assert "for another client: nothing was done" in shop.syncd("erase", "acme", str(elsewhere), "--yes").err


def test_a_lead_with_another_records_key_stops_it_before_anything_is_done(
    crowded: tuple[Shop, Iterator[str]],
) -> None:
    shop, people = crowded
    crm_id = next(people)
    found = lead(shop, crm_id)
    with shop.sim.world.lock:
        shop.sim.world.change_lead(found, {"vendor_lead_code": "OTHER"})
    ran = shop.syncd("erase", "acme", crm_id, "--yes")
    assert ran.code == 2
    assert "carries another record's key: nothing was done" in ran.err
    assert crm_id in str(shop.query("SELECT crm_id FROM link"))
    with shop.sim.world.lock:
        shop.sim.world.change_lead(found, {"vendor_lead_code": crm_id})

    def restored(label: str, moment: str) -> None:
        """The dialer is put back in between, and gives the lead's id to somebody else."""
        if f"{label} {moment}" == "erase-begin after":
            with shop.sim.world.lock:
                shop.sim.world.change_lead(found, {"vendor_lead_code": "OTHER"})

    erased(shop, crm_id, restored)
    assert found.lead_id in shop.sim.world.leads
    finished = shop.syncd("erased", "finish", "acme")
    assert finished.code == 1
    assert "is another one by now: its vendor_lead_code differs" in finished.out
    with shop.sim.world.lock:
        shop.sim.world.change_lead(found, {"vendor_lead_code": crm_id})
    assert shop.syncd("erased", "finish", "acme").code == 0
    assert leads(shop, crm_id) == []


def test_a_lead_that_is_still_on_its_way_is_waited_for(crowded: tuple[Shop, Iterator[str]]) -> None:
    shop, _ = crowded
    written = shop.settings_now()
    late = json.loads(json.dumps(written))
    late["clients"]["acme"]["dialer"] |= {"find_lag_seconds": 3, "read_seconds": 0.3}
    shop.write(late)
    shop.people(1, first=80011)
    shop.crm("UPDATE people SET phone = '7275580011' WHERE id = 80011")
    site.door(shop.sim.url, "faults", spec="late@1:1.5")
    assert shop.syncd("run", "--once").code in (0, 1)
    assert shop.query("SELECT state FROM intent WHERE subject = '80011'") == [("sending",)]
    assert leads(shop, "80011") == []
    ran = shop.syncd("erase", "acme", "80011", "--yes")
    assert ran.code == 0, ran.err
    assert "may still make a lead: looking again in" in ran.out
    assert site.door(shop.sim.url, "requests")["late_pending"] == 0
    assert leads(shop, "80011") == [], "it came, and went again"
    assert shop.syncd("erased", "list", "acme", "--json").json()[-1]["counts"]["leads"] == 1
    site.door(shop.sim.url, "faults", spec="")
    shop.write(written)


def test_it_asks_first_and_only_where_somebody_can_answer(
    crowded: tuple[Shop, Iterator[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop, people = crowded
    crm_id = next(people)
    nobody = shop.syncd("erase", "acme", crm_id)
    assert (nobody.code, "nobody can be asked here" in nobody.err) == (2, True)
    assert f"CRM record {crm_id}" in nobody.out, "but it is shown what would be done"
    for typed, code in (("n\n", 1), ("\n", 1), ("y\n", 0)):
        assert len(leads(shop, crm_id)) == 1
        keyboard = io.StringIO(typed)
        monkeypatch.setattr(keyboard, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", keyboard)
        assert in_process(shop, "erase", "acme", crm_id) == code
        said = capsys.readouterr()
        assert "Erase this person for good? [y/N]" in said.err
        assert ("nothing was done" in said.out) == (code == 1)
    assert leads(shop, crm_id) == []


def test_a_daemon_finishes_what_was_interrupted(crowded: tuple[Shop, Iterator[str]]) -> None:
    shop, people = crowded
    crm_id = next(people)
    lead_id = lead(shop, crm_id).lead_id
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: len(daemon.lines("run")) > 2 or daemon.lines("started"))
        site.door(shop.sim.url, "faults", spec="error_before")  # every write
        ran = shop.syncd("erase", "acme", crm_id, "--yes")
        assert ran.code == 1, ran.out + ran.err
        assert "nothing is made for this person; the daemon goes on" in ran.out
        site.door(shop.sim.url, "faults", spec="")
        daemon.wait_for(lambda: daemon.lines("erasure is done in syncd"))
        assert daemon.stop() == 0
        assert crm_id not in daemon.log.read_text("utf-8")
    nothing_is_left(shop, crm_id, lead_id, f"72755{crm_id}")


def test_all_that_is_held_of_somebody_is_written_for_them_alone(crowded: tuple[Shop, Iterator[str]]) -> None:
    shop, people = crowded
    crm_id = next(people)
    call(shop, crm_id)
    once(shop)
    file = shop.folder / "person.json"
    ran = shop.syncd("export-person", "acme", crm_id, "--to", file)
    assert ran.code == 0, ran.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert f"72755{crm_id}" not in ran.out
    told = json.loads(file.read_text("utf-8"))
    assert told["crm"]["records"][0]["fields"]["first_name"] == f"Person {crm_id}"
    assert told["dialer"]["leads"][0]["fields"]["phone_number"] == f"72755{crm_id}"
    assert told["dialer"]["leads"][0]["fields"]["crm_stage"] == "won"
    assert [one["status"] for one in told["dialer"]["calls"]] == ["CALLBK"]
    assert told["dialer"]["do_not_call_lists"] == [{"phone": f"172755{crm_id}", "lists": []}]
    assert [one["stream"] for one in told["crm"]["entries"]] == ["calls"]
    assert told["syncd"]["records"][0]["crm_id"] == crm_id
    assert told["not_told"] == []
    again = shop.syncd("export-person", "acme", crm_id, "--to", file)
    assert (again.code, "the file exists already" in again.err) == (2, True)
    assert shop.syncd("export-person", "acme", "80002", "--to", shop.folder / "nobody.json").code == 1
    assert not (shop.folder / "nobody.json").exists()


def test_while_something_may_be_on_its_way_nothing_is_done(crowded: tuple[Shop, Iterator[str]]) -> None:
    shop, people = crowded
    crm_id = next(people)
    with opened(shop, lambda label, moment: None) as (engine, client):
        person = persons.Persons(engine, client).look(subjects.Meant("crm", records=[crm_id]))
        now = datetime.now(UTC)
        run = lease.acquire(
            engine.db, "acme", "crm.leads", owner=f"{socket.gethostname()}:{os.getpid()}:a", lease_seconds=60.0, now=now
        )
        with pytest.raises(errors.UserError, match=r"nothing was done: acme crm\.leads is being run by") as refused:
            erasing.begin(engine, client, erasing.Plan(person), by="a test", wait_seconds=0.1)
        assert "`syncd pause acme`" in str(refused.value)
        assert crm_id in str(shop.query("SELECT crm_id FROM link"))
        with run.write("test") as connection:
            run.finish(connection, "ok", now)
        number = erasing.begin(engine, client, erasing.Plan(person), by="a test", wait_seconds=0.1)
        assert erasing.go_on(engine, client, number).state == "by_hand"
    assert shop.query("SELECT count(*) FROM lease") == [(0,)]


def test_what_came_about_since_somebody_looked_goes_too(crowded: tuple[Shop, Iterator[str]]) -> None:
    shop, _ = crowded
    shop.people(1, first=80021)
    shop.crm("UPDATE people SET phone = '7275580021' WHERE id = 80021")
    with opened(shop, lambda label, moment: None) as (engine, client):
        person = persons.Persons(engine, client).look(subjects.Meant("crm", records=["80021"]))
        assert person.leads == {}
        shop.crm("UPDATE people SET phone = '7275580022' WHERE id = 80021")
        once(shop)  # while the operator reads what is going to be done
        assert lead(shop, "80021").phone_number == "7275580022"
        shop.crm("UPDATE people SET phone = '7275580023' WHERE id = 80021")
        site.door(shop.sim.url, "faults", spec="error_before")
        shop.syncd("run", "--once")  # and the next change waits to be sent
        site.door(shop.sim.url, "faults", spec="")
        number = erasing.begin(engine, client, erasing.Plan(person), by="a test", wait_seconds=1.0)
        assert erasing.go_on(engine, client, number).state == "by_hand"
    assert leads(shop, "80021") == []
    shop.people(1, first=80024)
    shop.crm("UPDATE people SET phone = '7275580023' WHERE id = 80024")
    once(shop, code=1)
    assert leads(shop, "80024") == [], "the number that waited has a tombstone, too"
    ran = shop.syncd("erased", "lift", "acme", "80021", "--why", "they want to be called again")
    assert ran.code == 0, ran.err
    shop.crm("UPDATE people SET first_name = 'Back' WHERE id = 80021")
    once(shop)
    assert len(leads(shop, "80021")) == 1, "with the record its phones may come back"
    erase(shop, "80021", "80024")


def test_an_adoption_forgets_them_and_never_adopts_a_lead_for_them(crowded: tuple[Shop, Iterator[str]]) -> None:
    shop, people = crowded
    crm_id, other = next(people), next(people)
    lead_id = lead(shop, crm_id).lead_id
    with closing(shop.database()) as db, db.write("test") as connection:
        proposed = {"lead_id": str(lead_id), "decision": "adopt", "leads": json.dumps([str(lead_id), "77"]), "todo": 1}
        for record in (crm_id, other):
            row = {"client": "acme", "crm_id": record, "at": datetime.now(UTC), **proposed}
            connection.execute(sa.insert(tables.adoption_record).values(**row))
    erase(shop, crm_id)
    nothing_is_left(shop, crm_id, lead_id, f"72755{crm_id}")
    left = shop.query("SELECT crm_id, leads, lead_id, decision, todo, reason FROM adoption_record")
    assert left == [(other, '["77"]', "", "", 0, "lead_gone")], "somebody has to decide anew"
    with shop.sim.world.lock:
        shop.sim.world.insert_lead(
            {"list_id": "101", "phone_code": "1", "phone_number": f"72755{crm_id}", "vendor_lead_code": crm_id}
        )
    counts = shop.syncd("adopt", "acme", "--dry-run", "--json").json()["counts"]
    assert counts["skip.erased"] >= 1
    assert "key" not in counts


def test_an_older_syncd_that_knows_no_tombstones_is_kept_from_the_store(shop: Shop) -> None:
    crowd(shop, 1)
    oldest = "SELECT value FROM meta WHERE name = 'oldest'"
    assert shop.query(oldest)[0][0] < erasures.REVISION
    erase(shop, CRM_ID)
    assert shop.query(oldest) == [(erasures.REVISION,)]
    shop.upgrade()
    assert shop.query(oldest) == [(erasures.REVISION,)], "nor does an upgrade forget it"
