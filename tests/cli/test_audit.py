"""`syncd audit` as the operator sees it: what is planted behind syncd's back is found, and mended where it is safe."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli import shop as shops
from tests.services import mariadb
from tests.vicidial import site
from tests.vicidial import tables as vicidial_tables
from tests.vicidial.tables import Tables

COPIED = ("status", "vendor_lead_code", "source_id", "list_id", "phone_code", "phone_number", "first_name")
FAST = ("--rate", "1000")


def configured(shop: shops.Shop, **dialer: object) -> dict[str, Any]:
    """The shop, with calls that say when they began."""
    settings = shop.settings()
    acme = settings["clients"]["acme"]
    acme["dialer"] |= {"time_zone": "Etc/GMT+5", **dialer}
    acme["pipelines"]["calls"]["fields"]["began"] = "call_date"
    del acme["pipelines"]["dispositions"]
    shop.write(settings)
    return settings


def prepared(shop: shops.Shop, people: int, **dialer: object) -> None:
    shop.crm("ALTER TABLE calls ADD COLUMN began TEXT")
    configured(shop, **dialer)
    shop.people(people)
    shop.crm("UPDATE people SET modified = ?", "2026-01-05 12:00:00")
    assert shop.syncd("run", "--once").code == 0


def lead_id(shop: shops.Shop, key: str) -> int:
    [found] = [lead["lead_id"] for lead in site.leads(shop.sim.url) if lead["vendor_lead_code"] == key]
    return int(found)


def called(shop: shops.Shop, key: str, status: str = "NI", *, minutes_ago: int = 30) -> None:
    when = f"{datetime.now(UTC) - timedelta(hours=5, minutes=minutes_ago):%Y-%m-%d %H:%M:%S}"
    lead = lead_id(shop, key)
    site.door(shop.sim.url, "call", lead_id=lead, user="1001", status=status, length_in_sec=30, call_date=when)


def quietly(shop: shops.Shop, sql: str, *parameters: object) -> None:
    """Change the CRM without its noticing: the time of the last change stays."""
    shop.crm("DROP TRIGGER IF EXISTS people_changed")
    shop.crm(sql, *parameters)


def double(shop: shops.Shop, key: str) -> None:
    """Somebody loads a lead a second time."""
    world = shop.sim.world
    with world.lock:
        [lead] = [one for one in world.leads.values() if one.vendor_lead_code == key]
        world.insert_lead({name: getattr(lead, name) for name in COPIED})


def purge_call(shop: shops.Shop, key: str) -> None:
    """Somebody purges the calls of a lead from the dialer's log."""
    world = shop.sim.world
    with world.lock:
        [lead] = [one for one in world.leads.values() if one.vendor_lead_code == key]
        for hour, found in world.calls.items():
            world.calls[hour] = [call for call in found if call.lead_id != lead.lead_id]


def audited(shop: shops.Shop, *more: str, code: int) -> dict[str, Any]:
    since = () if {"--since", "--no-calls"}.intersection(more) else ("--since", "1h")
    ran = shop.syncd("audit", "acme", *FAST, *since, "--json", *more)
    assert ran.code == code, ran.out + ran.err
    found: dict[str, Any] = ran.json()
    return found


def kinds(report: dict[str, Any]) -> dict[tuple[str, str], tuple[str, tuple[str, ...]]]:
    """(kind, subject) → reason, fields."""
    return {
        (one["kind"], one["subject"]): (one["reason"], tuple(one["fields"]))
        for one in report["findings"]
        if one["kind"] not in ("call_without_activity", "activity_without_call", "count")
    }


def test_each_defect_that_is_planted_is_found_and_the_safe_ones_are_mended(shop: shops.Shop) -> None:
    prepared(shop, 10)
    for key in ("1", "2", "3"):
        called(shop, key)
    assert shop.syncd("run", "--once").code == 0
    report = audited(shop, code=0)
    assert (report["drift"], report["findings"], report["state"]) == (0, [], "done")
    assert report["read"] == {"records": 10, "leads": 10, "activities": 3, "calls": 3}
    assert any("API lists no leads" in note for note in report["not_seen"])

    site.door(shop.sim.url, "delete", lead_id=lead_id(shop, "4"))
    site.door(shop.sim.url, "edit", lead_id=lead_id(shop, "5"), fields={"first_name": "Somebody"})
    quietly(shop, "UPDATE people SET first_name = 'Renamed' WHERE id = 6")
    quietly(shop, "UPDATE people SET do_not_call = 1 WHERE id = 7")
    quietly(shop, "DELETE FROM people WHERE id = 8")
    quietly(
        shop, "INSERT INTO people (id, first_name, phone, modified) VALUES (99, 'Late', '7275559900', ?)",
        "2026-01-05 11:00:00",
    )  # fmt: skip
    double(shop, "9")
    [(gone,)] = shop.crm("SELECT call_key FROM calls WHERE person = 1")
    shop.crm("DELETE FROM calls WHERE call_key = ?", gone)
    purge_call(shop, "2")
    report = audited(shop, code=1)
    assert kinds(report) == {
        ("missing", "4"): ("gone", ()),
        ("differing", "5"): ("dialer_changed", ("first_name",)),
        ("differing", "6"): ("crm_changed", ("first_name",)),
        ("orphaned", "7"): ("opt_out", ()),
        ("orphaned", "8"): ("gone", ()),
        ("doubled", "9"): ("", ()),
        ("missing", "99"): ("never_made", ()),
    }
    calls = {one["kind"]: one["reason"] for one in report["findings"] if "activity" in one["kind"]}
    assert calls == {"call_without_activity": "gone", "activity_without_call": "gone"}
    assert report["drift"] == 9
    assert "Somebody" not in str(report), "ids and names of fields, no values"
    page = shop.folder / "page.html"
    said = shop.syncd("audit", "acme", "--last", "--html", page)
    assert said.code == 1
    assert "drift: 9 (missing 2, doubled 1, orphaned 2, differing 2" in said.out
    assert "<td>never_made</td>" not in page.read_text("utf-8")
    assert "should have a lead and has none" in page.read_text("utf-8")
    [status] = shop.syncd("status", "--json").json()
    assert status["drift"] == 9

    repaired = audited(shop, "--repair", code=1)["repair"]
    assert (repaired["handed"], repaired["held"], repaired["left"], repaired["unfinished"]) == (3, 2, 4, [])
    assert {lead["first_name"] for lead in site.leads(shop.sim.url) if lead["vendor_lead_code"] == "6"} == {"Renamed"}
    assert shop.leads().count("99") == 1
    again = audited(shop, code=1)
    assert kinds(again).keys() == {("differing", "5"), ("orphaned", "8"), ("doubled", "9")}
    assert again["drift"] == 4
    assert again["explained"]["held.missing"] == 2
    assert {one["reason"] for one in shop.syncd("held", "list", "--json").json()} == {"missing"}
    for pipeline in ("leads", "calls"):
        assert shop.syncd("held", "retry", "--all", "acme", pipeline).code == 0
    assert shop.syncd("run", "--once").code == 0
    assert shop.leads().count("4") == 1
    assert shop.crm("SELECT count(*) FROM calls WHERE person = 1") == [(1,)]
    assert audited(shop, code=1)["drift"] == 4


def test_calls_a_day_are_held_against_what_the_dialer_counts(shop: shops.Shop) -> None:
    prepared(shop, 2, hours_per_read=24, archive_after_days=None)
    for minutes in (1500, 1501, 3000):
        called(shop, "1", "SALE", minutes_ago=minutes)
    assert shop.syncd("backfill", "acme", "calls", "--since", "3d").code == 0
    report = audited(shop, "--since", "3d", code=0)
    counted = [(one["calls"], one["told"]) for one in report["days"] if one["calls"]]
    assert sum(calls for calls, _ in counted) == 3
    assert all(calls == told for calls, told in counted)
    with shop.sim.world.lock:
        for call in shop.sim.world.all_calls():
            if call.status == "SALE":
                call.user = "9999"  # a user that was deleted: the export leaves its calls out
    report = audited(shop, "--since", "3d", code=1)
    found = {one["subject"].partition(" ")[2]: one["said"] for one in report["findings"] if one["kind"] == "count"}
    assert found
    assert all(name == "out TESTCAMP SALE" and said.startswith("read 0, counted ") for name, said in found.items())
    assert report["drift"] == 3, "their activities have no call any more"


@pytest.fixture(scope="module")
def vicidial_database(mariadb_server: mariadb.Server) -> Iterator[Tables]:
    """A database with VICIdial's tables."""
    with mariadb_server.database() as dsn, vicidial_tables.made(dsn) as found:
        yield found


def test_with_the_database_every_lead_is_seen_and_what_may_not_be_read_is_said(
    shop: shops.Shop, vicidial_database: Tables
) -> None:
    with vicidial_tables.entered(vicidial_database) as tables:
        prepared(shop, 6, database=tables.options)
        world = shop.sim.world
        double(shop, "2")
        with world.lock:
            [lead] = [one for one in world.leads.values() if one.vendor_lead_code == "3"]
            world.insert_lead({name: getattr(lead, name) for name in COPIED} | {"vendor_lead_code": "777"})
            world.insert_lead({name: getattr(lead, name) for name in COPIED} | {"source_id": "somebody's"})
        site.door(shop.sim.url, "delete", lead_id=lead_id(shop, "4"))
        site.door(shop.sim.url, "edit", lead_id=lead_id(shop, "5"), fields={"phone_number": "7275550000"})
        tables.hold(world)
        report = audited(shop, "--no-calls", code=1)
        assert kinds(report) == {
            ("doubled", "2"): ("", ()),
            ("orphaned", "777"): ("gone", ()),
            ("missing", "4"): ("gone", ()),
            ("differing", "5"): ("dialer_changed", ("phone_number",)),
        }
        assert report["not_seen"] == []
        tables.run(f"REVOKE SELECT ON {tables.name}.vicidial_list FROM '{tables.user}'@'localhost'")  # noqa: S608 – our own names
        report = audited(shop, "--no-calls", code=1)
        assert ("orphaned", "777") not in kinds(report)
        assert "GRANT SELECT (lead_id" in report["not_seen"][0]


def test_an_audit_that_was_killed_goes_on_where_it_was(shop: shops.Shop) -> None:
    prepared(shop, 60)
    site.door(shop.sim.url, "delete", lead_id=lead_id(shop, "7"))
    process = subprocess.Popen(
        [shops.COMMAND, "audit", "acme", "--no-calls", "--rate", "40"],
        env=shop.environ({}),
        stdout=subprocess.DEVNULL,
    )
    while shop.query("SELECT count(*) FROM audit_row") == [(0,)]:
        assert process.poll() is None
        time.sleep(shops.POLL_SECONDS)
    process.kill()
    process.wait()
    refused = shop.syncd("audit", "acme")
    assert refused.code == 2
    assert "`syncd audit acme --resume` goes on with it" in refused.err
    [status] = shop.syncd("status", "--json").json()
    assert (status["drift"], status["audit"]) == (None, 1)
    report = audited(shop, "--resume", "--no-calls", code=1)
    assert (report["id"], report["read"]["records"], report["drift"]) == (1, 60, 1)
    assert shop.query("SELECT count(*) FROM audit_row") == [(0,)]


def test_the_daemon_makes_one_when_it_is_time_and_goes_on_with_another_ones(shop: shops.Shop) -> None:
    prepared(shop, 3)
    settings = configured(shop)
    settings["clients"]["acme"]["audit"] = {"every": "1h", "rate": 1000, "calls": "1h"}
    shop.write(settings)
    site.door(shop.sim.url, "delete", lead_id=lead_id(shop, "2"))
    with shop.daemon() as daemon:
        daemon.wait_for(lambda: daemon.lines("audit done"))
        [status] = shop.syncd("status", "acme", "--json").json()
        assert status["drift"] == 1
        assert "drift 1, " in shop.syncd("status", "acme").out
        report = audited(shop, "--no-calls", "--repair", code=1)
        assert (report["created_by"] != "the daemon", report["repair"]["held"]) == (True, 1)
        assert daemon.stop() == 0


def test_what_is_on_its_way_or_held_is_no_drift_and_a_wrong_call_says_what_to_do(shop: shops.Shop) -> None:
    prepared(shop, 3)
    quietly(shop, "UPDATE people SET phone = '123' WHERE id = 1")
    shop.people(1, first=60)
    shop.crm("INSERT INTO people (id, first_name, modified) VALUES (70, 'Nobody', '2026-01-05 11:00:00')")
    report = audited(shop, "--no-calls", code=0)
    assert report["explained"] == {"held.phone": 1, "skip.no_phone": 1, "waiting": 1}
    assert report["drift"] == 0
    for arguments, said in (
        (("--last", "--list"), "exclude each other"),
        (("--repair", "--last"), "--repair goes with a new audit"),
        (("--resume",), "no audit that is open"),
        (("--since", "soon"), "--since: not a time"),
    ):
        refused = shop.syncd("audit", "acme", *arguments)
        assert refused.code == 2
        assert said in refused.err
