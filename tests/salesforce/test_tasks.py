"""Calls and callbacks share the object Task: they are told apart by their keys, and each day is the customer's."""

from __future__ import annotations

import pytest

from syncd.sdk import errors
from syncd.sdk.records import Change, Record, SyncKey
from syncd.simulators import salesforce
from tests.salesforce.conftest import STATE, Site, call

KEY = "Syncd_Call__c"
OF_BOTH = {"calls": {"key_field": KEY}, "tasks": {"key_field": KEY}}
ODD = {"key_field": "Callback__c"}
FIELDS = {"Task": [{"name": "Callback__c", "length": 40, "external_id": True, "unique": True}]}


def ids(found: list[Record]) -> list[str]:
    return [record.id for record in found]


@pytest.mark.parametrize(
    "options",
    [OF_BOTH, {}, {"calls": {"key_field": KEY}}, {"tasks": {"key_field": KEY}}, {**OF_BOTH, "tasks": ODD}],
    ids=["one field", "no field", "a field for calls", "a field for callbacks", "two fields"],
)
def test_a_call_and_a_callback_of_one_key_are_two_tasks_and_neither_is_read_as_the_other(
    options: dict[str, dict[str, str]],
) -> None:
    with salesforce.serve({**STATE, "fields": FIELDS}) as sim:
        site = Site(sim)
        connector, key = site.connect(**options), SyncKey("7-20261120150000")
        ann = site.leads()[0]
        made = {
            stream: connector.write(stream, [call(key.value, WhoId=ann)])[0].id or "" for stream in ("calls", "tasks")
        }
        assert len(set(made.values())) == len(site.world.rows["Task"]) == 2
        for stream, task in made.items():
            field = connector.streams[stream].key_field or ""
            (found,) = connector.find(stream, key, {})
            assert (found.id, found.fields) == (task, {field: key.value})
            (read,) = connector.get(stream, [*made.values()], ["WhoId", field])
            assert (read.id, read.fields) == (task, {"WhoId": ann, field: key.value})
        connector.close()


def test_who_takes_a_key_away_does_not_make_the_task_disappear(site: Site) -> None:
    connector = site.connect(**OF_BOTH)
    (made,) = connector.write("tasks", [call("k1", WhoId=site.leads()[0])])
    site.world.put("Task", made.id or "", {KEY: None})
    assert ids(connector.get("tasks", [made.id or ""])) == [made.id]
    assert connector.find("tasks", SyncKey("k1"), {}) == []


def test_a_callback_is_an_open_task_that_is_moved_and_closed_in_place(site: Site) -> None:
    connector = site.connect(**OF_BOTH, time_zone="America/New_York")
    due = {"ActivityDate": "2030-12-06T03:00:00Z", "ReminderDateTime": "2030-12-06T03:00:00Z", "IsReminderSet": "true"}
    change = call("k1", WhoId=site.leads()[0], OwnerId="alma@example.com", **due)
    made, again = (connector.write("tasks", [change])[0] for _ in range(2))
    assert (again.id, again.error) == (made.id, None)
    (task,) = site.world.rows["Task"].values()
    assert (task["Subject"], task["Status"], task["TaskSubtype"], task["CallType"]) == (
        "Callback", "Not Started", "Task", None,
    )  # fmt: skip
    assert (task["ActivityDate"], task["ReminderDateTime"]) == ("2030-12-05", "2030-12-06T03:00:00.000+0000")
    assert connector.canonical("tasks", due)["ActivityDate"] == "2030-12-05"
    assert site.world.rows["User"][task["OwnerId"]]["Name"] == "Alma"
    ended = {"Status": "Completed", "IsReminderSet": "false"}
    (told,) = connector.write("tasks", [Change("update", SyncKey("k1"), made.id, ended)])
    assert (told.id, told.error) == (made.id, None)
    (task,) = site.world.rows["Task"].values()
    assert (task["Status"], task["IsReminderSet"], task["ActivityDate"]) == ("Completed", False, "2030-12-05")


def test_a_callback_of_a_converted_lead_goes_to_its_contact_and_an_owner_nobody_is_holds_it(site: Site) -> None:
    first, second, _ = site.leads()
    contact = site.world.convert(first)
    moved, unknown, plain = site.connect(**OF_BOTH).write(
        "tasks",
        [call("k1", WhoId=first), call("k2", WhoId=second, OwnerId="x@example.com"), call("k3", WhoId=second)],
    )
    assert site.world.rows["Task"][moved.id or ""]["WhoId"] == contact
    assert isinstance(unknown.error, errors.Rejected)
    assert plain.error is None


def test_a_callback_whose_answer_was_lost_is_found_by_its_key_where_there_is_no_field_for_it(site: Site) -> None:
    connector = site.connect()
    assert (connector.streams["tasks"].upserts, connector.streams["tasks"].key_field) == (False, "CallObject")
    site.sim.faults.set("reset_after@1")
    (lost,) = connector.write("tasks", [call("k1", WhoId=site.leads()[0])])
    assert isinstance(lost.error, errors.Ambiguous)
    (found,) = connector.find("tasks", SyncKey("k1"), {})
    assert site.world.rows["Task"][found.id]["CallObject"] == "callback:k1"


@pytest.mark.parametrize(
    ("field", "what"),
    [
        ({}, "Task has no external id field Callback__c"),
        ({"external_id": True, "unique": True, "length": 25}, "room for 25 characters, a key may have 29"),
        ({"external_id": True, "unique": True, "length": 40, "updateable": False}, "may not write Task.Callback__c"),
        ({"external_id": True, "length": 40}, "Task.Callback__c is not unique"),
        ({"external_id": True, "unique": True, "length": 40}, ""),
    ],
)
def test_check_says_what_is_wrong_with_the_field_of_callbacks(field: dict[str, object], what: str) -> None:
    fields = {"Task": [{"name": "Callback__c", **field}]} if field else {}
    with salesforce.serve({**STATE, "fields": fields}) as sim:
        connector = Site(sim).connect(calls={"key_field": KEY}, tasks=ODD)
        found = connector.check()
        connector.close()
    assert [problem.where for problem in found] == ["tasks.key_field"] * bool(what)
    assert all(what in problem.what for problem in found)


def test_a_zone_that_is_none_is_refused(site: Site) -> None:
    with pytest.raises(ValueError, match="unknown time zone 'Mars'"):
        site.connect(time_zone="Mars")
