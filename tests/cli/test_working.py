"""A day with syncd: plan, run, look, correct, try again, pause."""

from __future__ import annotations

import hashlib

from tests.cli import shop as shops


def test_plan_shows_what_run_then_does_and_writes_nothing(shop: shops.Shop) -> None:
    shop.people(3)
    shop.crm("UPDATE people SET phone = '123' WHERE id = 2")
    shop.crm("UPDATE people SET phone = NULL WHERE id = 3")
    before = hashlib.sha256(shop.store.read_bytes()).digest()
    ran = shop.syncd("plan", "acme", "leads")
    assert ran.code == 0, ran.err
    assert "7275550001" not in ran.out + ran.err
    assert "Person 1" not in ran.out
    planned = shop.syncd("plan", "acme", "leads", "--json").json()[0]
    assert (planned["create"], planned["hold"], planned["skip"]) == (1, {"phone": 1}, {"no_phone": 1})
    assert [one["id"] for one in planned["records"]] == ["1", "2"]
    assert hashlib.sha256(shop.store.read_bytes()).digest() == before
    assert shop.leads() == []

    ran = shop.syncd("run", "--once", "--json")
    assert ran.code == 1, "something was newly held"
    leads = ran.json()["runs"][0]
    assert (leads["stream"], leads["created"], leads["held"], leads["skipped"]) == ("crm.leads", 1, 1, 1)
    assert shop.leads() == ["1"]
    assert shop.syncd("run", "--once").code == 0, "nothing new was held"

    status = shop.syncd("status", "acme", "--json").json()[0]
    assert (status["links"], status["needs_operator"]) == (1, True)
    pipeline = {one["pipeline"]: one for one in status["pipelines"]}["leads"]
    assert (pipeline["held"], pipeline["skipped"]) == ({"phone": 1}, {"no_phone": 1})
    assert status["streams"][0]["lag_seconds"] is not None
    assert "1 held: `syncd held list acme`" in shop.syncd("status").out


def test_what_is_held_is_listed_shown_and_tried_again(shop: shops.Shop) -> None:
    shop.people(3)
    shop.crm("UPDATE people SET phone = '123' WHERE id = 1")
    shop.crm("UPDATE people SET phone = '(727) 555-0003' WHERE id = 2")
    assert shop.syncd("run", "--once").code == 1
    listed = {one["record"]: one for one in shop.syncd("held", "list", "acme", "--json").json()}
    assert {name: one["reason"] for name, one in listed.items()} == {"1": "phone", "2": "shared_phone"}
    shown = shop.syncd("held", "show", str(listed["1"]["id"]))
    assert shown.code == 0
    assert "correct the phone in the CRM" in shown.out
    ran = shop.syncd("held", "retry", str(listed["1"]["id"]))
    assert ran.code == 1, "it is as it was"
    assert "too short" in ran.out
    shop.crm("UPDATE people SET phone = '7275550001' WHERE id = 1")
    number = shop.syncd("held", "list", "--json").json()[0]["id"]
    ran = shop.syncd("held", "retry", str(number), "--json")
    assert (ran.code, ran.json()[0]["state"]) == (0, "staged")
    ran = shop.syncd("held", "drop", str(listed["2"]["id"]), "--json")
    assert ran.json() == {"dropped": [listed["2"]["id"]]}
    assert shop.syncd("run", "--once").code == 0
    assert shop.leads() == ["1", "3"]
    gone = shop.syncd("held", "retry", str(listed["1"]["id"]))
    assert gone.code == 2
    assert "is not held" in gone.err


def test_what_a_pause_keeps_back_goes_out_after_resume(shop: shops.Shop) -> None:
    shop.people(1)
    ran = shop.syncd("pause", "acme", "leads", "--why", "list is being rebuilt", "--json")
    assert (ran.code, ran.json()) == (0, {"client": "acme", "paused": ["leads"], "still_sending": 0})
    assert shop.syncd("run", "--once").code == 0
    assert shop.leads() == []
    status = shop.syncd("status")
    assert "paused by operator: list is being rebuilt" in status.out
    assert "`syncd resume acme leads` goes on" in status.out
    assert shop.syncd("resume", "acme", "--json").json()["resumed"] == [{"pipeline": "leads", "paused_by": "operator"}]
    assert shop.syncd("run", "--once").code == 0
    assert shop.leads() == ["1"]


def test_what_a_guard_stops_is_shown_and_may_pass_once(shop: shops.Shop) -> None:
    settings = shop.settings()
    settings["clients"]["acme"]["pipelines"]["leads"]["guard"] = {"max_removes": 2, "max_removes_share": 0.1}
    shop.write(settings)
    shop.people(5)
    assert shop.syncd("run", "--once").code == 0
    shop.crm("UPDATE people SET deleted_at = '2026-01-01' WHERE id <= 3")
    planned = shop.syncd("plan", "acme", "leads", "--json").json()[0]
    assert "more than the guard allows" in planned["guard"]
    assert shop.syncd("run", "--once").code == 2, "the operator must act"
    assert shop.syncd("run", "--once").code == 2
    assert shop.syncd("plan", "acme", "leads", "--json").json()[0]["staged"] == 3
    assert shop.syncd("resume", "acme", "leads").code == 0
    ran = shop.syncd("run", "--once", "--json")
    assert (ran.code, ran.json()["runs"][0]["removed"]) == (0, 3)


def test_a_refused_login_pauses_at_once_and_says_so(shop: shops.Shop) -> None:
    settings = shop.settings()
    settings["clients"]["acme"]["dialer"]["password"] = "wrong"
    shop.write(settings)
    shop.people(2)
    assert shop.syncd("run", "--once").code == 2
    tries = sum(shop.sim.functions.values())
    assert shop.syncd("run", "--once").code == 2
    assert sum(shop.sim.functions.values()) == tries, "no further login is risked"
    assert "paused by auth" in shop.syncd("status").out


def test_plan_says_how_many_it_does_not_list(shop: shops.Shop) -> None:
    shop.people(5)
    assert "and 3 more: --limit lists them" in shop.syncd("plan", "acme", "leads", "--limit", "2").out
    assert "more:" not in shop.syncd("plan", "acme", "leads").out
