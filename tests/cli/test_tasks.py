"""What agents promise becomes a task in the CRM: callbacks of the dialer, through the command, a CRM and a dialer."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.simulators.vicidial import rows
from tests.cli.shop import Shop
from tests.cli.test_callbacks import TEN, booked, lead, once, settings
from tests.vicidial import site

TASKS = "SELECT person, due_at, agent, note, done FROM tasks ORDER BY due_at"
Task = tuple[Any, ...]
FIRST: Task = (1, "2030-12-05 15:00:00", "ann@example.com", "after lunch", 0)


@pytest.fixture
def begun(shop: Shop) -> Shop:
    """Two people with leads, and a table of tasks."""
    shop.people(2)
    for column in ("call_at DATETIME", "owner TEXT", "call_note TEXT"):
        shop.crm(f"ALTER TABLE people ADD COLUMN {column}")
    shop.crm(
        "CREATE TABLE tasks (task_key TEXT PRIMARY KEY, person INTEGER, due_at DATETIME, agent TEXT, note TEXT, "
        "done BOOLEAN)"
    )
    settings(shop)
    configured(shop)
    shop.upgrade()
    shop.sim.world.clock.set_zone("America/New_York")
    once(shop)
    return shop


def configured(shop: Shop, **more: object) -> None:
    """Add the table and the pipeline to the configuration as `settings` wrote it."""
    written = shop.settings()
    acme = written["clients"]["acme"]
    acme["agents"] = {"1001": "ann@example.com", "6666": "bob@example.com"}
    acme["dialer"]["campaign_id"] = "TESTCAMP"
    acme["crm"]["tasks"] = {"table": "tasks", "key": "task_key"}
    acme["pipelines"]["leads"]["fields"] |= {
        "callback_at": "call_at",
        "callback_user": {"from": "owner", "agents": "user"},
        "callback_comments": "call_note",
    }
    acme["pipelines"]["callbacks"] = {
        "start": "all",
        "every": "1h",
        "fields": {
            "person": "crm_id",
            "due_at": "due_at",
            "agent": {"from": "user", "agents": "owner", "unmapped": "pass", "default": "anyone"},
            "note": "comments",
            "done": {"from": "state", "map": {"open": False, "done": True, "cancelled": True}},
        },
        **more,
    }
    shop.write(written)


def calls_and_promises(shop: Shop, person: int, at: str, *, user: str = "1001", comments: str = "after lunch") -> None:
    door = {"datetime": at, "user": user, "comments": comments}
    with shop.sim.world.lock:
        found = lead(shop, person).lead_id
    site.door(shop.sim.url, "call", lead_id=found, user=user, status="CBHOLD", callback=door)


def looks(shop: Shop) -> int:
    return int(site.door(shop.sim.url, "requests")["functions"]["lead_callback_info"])


def callback(shop: Shop, person: int) -> rows.Callback:
    return shop.sim.world.callbacks[lead(shop, person).lead_id][-1]


def test_what_an_agent_promises_is_a_task_that_follows_the_callback(begun: Shop) -> None:
    calls_and_promises(begun, 1, "2030-12-05 10:00:00")
    once(begun)
    once(begun)
    assert begun.crm(TASKS) == [FIRST]
    row = callback(begun, 1)
    row.callback_time, row.recipient, row.comments = "2030-07-05 10:00:00", "ANYONE", "moved"  # by an administrator
    once(begun)
    assert begun.crm(TASKS) == [(1, "2030-07-05 14:00:00", "anyone", "moved", 0)]
    row.status = "LIVE"
    once(begun)
    assert begun.crm(TASKS)[0][-1] == 0, "due, but nobody has called yet"
    site.door(begun.sim.url, "call", lead_id=row.lead_id, user="1001", status="NI")
    once(begun)
    assert begun.crm(TASKS) == [(1, "2030-07-05 14:00:00", "anyone", "moved", 1)]
    looked = looks(begun)
    once(begun)
    assert looks(begun) <= looked + 1, "what has ended is not looked at for ever"


@pytest.mark.parametrize("how", ["archived", "gone", "lead deleted"])
def test_a_callback_that_somebody_takes_away_ends_its_task(begun: Shop, how: str) -> None:
    calls_and_promises(begun, 1, "2030-12-05 10:00:00")
    once(begun)
    assert begun.crm(TASKS) == [FIRST]
    world, found = begun.sim.world, lead(begun, 1)
    if how == "archived":
        world.archive_callbacks(found.lead_id)
    else:
        del world.callbacks[found.lead_id]
    if how == "lead deleted":
        world.delete_lead(found)
    once(begun)
    assert begun.crm(TASKS) == [(*FIRST[:-1], 1)]


def test_the_next_promise_is_another_task(begun: Shop) -> None:
    calls_and_promises(begun, 1, "2030-12-05 10:00:00")
    once(begun)
    begun.sim.world.clock.offset_seconds += 120
    calls_and_promises(begun, 1, "2030-12-06 10:00:00", comments="again")
    once(begun)
    assert begun.crm(TASKS) == [(*FIRST[:-1], 1), (1, "2030-12-06 15:00:00", "ann@example.com", "again", 0)]


def test_what_the_crm_booked_does_not_come_back_until_an_agent_moves_it(begun: Shop) -> None:
    begun.crm("UPDATE people SET call_at = ? WHERE id = 1", TEN)
    once(begun)
    assert len(booked(begun, 1)) == 1
    calls_and_promises(begun, 2, "2030-12-05 10:00:00")
    # a call that ends with the status of a callback leads to a look at the lead of the CRM's own callback, too
    site.door(begun.sim.url, "call", lead_id=lead(begun, 1).lead_id, user="1001", status="NA")
    site.door(
        begun.sim.url, "redispo", uniqueid=max(one.uniqueid for one in begun.sim.world.all_calls()), status="CALLBK"
    )
    callback(begun, 1).status = "ACTIVE"
    once(begun)
    assert begun.crm(TASKS) == [(2, *FIRST[1:])]
    callback(begun, 1).callback_time = "2030-12-09 10:00:00"
    once(begun)
    assert [task[:2] for task in begun.crm(TASKS)] == [(2, FIRST[1]), (1, "2030-12-09 15:00:00")]


def test_a_lost_answer_makes_no_second_task_and_a_table_that_lacks_a_column_is_named(begun: Shop) -> None:
    calls_and_promises(begun, 1, "2030-12-05 10:00:00")
    begun.crm("ALTER TABLE tasks RENAME COLUMN note TO remark")
    checked = begun.syncd("config", "check")
    assert checked.code == 2
    assert "crm.tasks has no field 'note'" in checked.err + checked.out
    assert begun.syncd("run", "--once").code == 1
    begun.crm("ALTER TABLE tasks RENAME COLUMN remark TO note")
    assert begun.syncd("held", "retry", "--all", "acme", "callbacks").code == 0
    once(begun)
    once(begun)
    assert begun.crm(TASKS) == [FIRST]


def test_without_a_table_of_tasks_the_pipeline_says_what_to_do(begun: Shop) -> None:
    written = begun.settings()
    acme = written["clients"]["acme"]
    acme["pipelines"]["callbacks"] = {"start": "now", "fields": {"person": "crm_id"}}
    begun.write(written)
    checked = begun.syncd("config", "check")
    assert checked.code == 2
    assert "the stream crm.tasks (type sql) is not there – configure tasks under" in checked.err + checked.out
