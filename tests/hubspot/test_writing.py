"""Writing people and calls: each row has its own outcome, and a call is made once and tied to its record."""

from datetime import UTC, datetime, timedelta

import pytest

from syncd.sdk import errors, records
from tests.hubspot.portal import Portal, key_property, opened

START = "2026-11-20T15:00:00Z"


def update(record_id: str, **fields: str | None) -> records.Change:
    return records.Change("update", records.SyncKey(record_id), record_id, fields)


def call(key: str, record_id: str, **fields: str | None) -> records.Change:
    made = {"hs_timestamp": START, "record_id": record_id, **fields}
    return records.Change("create", records.SyncKey(key), None, made)


def callback(key: str, record_id: str, **fields: str | None) -> records.Change:
    made = {"hs_timestamp": START, "hs_task_type": "CALL", "record_id": record_id, **fields}
    return records.Change("create", records.SyncKey(key), None, made)


def classes(outcomes: object) -> list[type[errors.SyncdError] | None]:
    assert isinstance(outcomes, list)
    return [None if one.error is None else type(one.error) for one in outcomes]


def associations(portal: Portal) -> list[list[str]]:
    found: list[list[str]] = portal.door.sim("world", include=[])["associations"]
    return found


def test_pitfall_17_each_row_of_a_207_has_its_own_outcome() -> None:
    with opened() as portal:
        ids = portal.add({}, {}, {})
        portal.door.sim("archive", type="contacts", id=ids[1])
        changes = [
            update(ids[0], city="Tampa"),
            update(ids[1], city="Miami"),
            update(ids[2], hs_lead_status="MAYBE"),
            update(ids[2], city="Ocala"),
            update("1", nope="x"),
        ]
        outcomes = portal.connector.write("leads", changes)
        assert classes(outcomes) == [None, errors.Missing, errors.Rejected, None, errors.Rejected]
        assert [portal.objects()[one].get("city") for one in ids] == ["Tampa", None, "Ocala"]
        assert "MAYBE" not in str(outcomes[2].error)


def test_a_row_that_failed_inside_hubspot_is_unclear_and_the_others_are_not() -> None:
    with opened() as portal:
        ids = portal.add({}, {})
        portal.door.sim("faults", spec="partial@1")
        outcomes = portal.connector.write("leads", [update(one, city="Tampa") for one in ids])
        assert classes(outcomes) == [errors.Ambiguous, None]


def test_a_validation_rule_holds_its_row_with_the_rule_s_text_and_the_others_are_written() -> None:
    rule = {"type": "contacts", "property": "city", "pattern": "[A-Z].*", "message": "Cities start with a capital"}
    with opened({"rules": [rule]}) as portal:
        ids = portal.add(*({} for _ in range(10)))
        changes = [update(one, city="x-secret" if place == 6 else "Tampa") for place, one in enumerate(ids)]
        outcomes = portal.connector.write("leads", changes)
        assert classes(outcomes) == [errors.Rejected if place == 6 else None for place in range(10)]
        assert "Cities start with a capital" in str(outcomes[6].error)
        assert "x-secret" not in str(outcomes[6].error)


@pytest.mark.parametrize("version", ["v3", "2026-03"])
def test_pitfall_11_a_call_sent_twice_is_one_call_tied_to_one_record(version: str) -> None:
    with opened(key_property(), api_version=version) as portal:
        (one,) = portal.add({})
        changes = [call("k1", one, duration_seconds="61", hs_call_disposition="no answer"), call("k2", one)]
        first = portal.connector.write("calls", changes)
        again = portal.connector.write("calls", changes)
        assert classes(first) == classes(again) == [None, None]
        assert [outcome.id for outcome in first] == [outcome.id for outcome in again]
        stored = portal.objects("calls")[str(first[0].id)]
        assert (stored["hs_call_duration"], stored["vicidial_call_id"]) == ("61000", "k1")
        assert stored["hs_call_disposition"] == "73a0d17f-1163-4015-bdd5-ec830791da20"
        assert associations(portal) == [["calls", str(outcome.id), "contacts", one] for outcome in first]


def test_a_call_whose_answer_was_lost_is_unclear_and_found_by_its_key() -> None:
    with opened(key_property(), read_seconds=0.3) as portal:
        (one,) = portal.add({})
        portal.door.sim("faults", spec="timeout_after@1")
        assert classes(portal.connector.write("calls", [call("k1", one)])) == [errors.Ambiguous]
        (found,) = portal.connector.find("calls", records.SyncKey("k1"), {})
        assert portal.connector.write("calls", [call("k1", one)])[0].id == found.id
        assert len(portal.objects("calls")) == 1


def test_a_call_that_cannot_be_tied_says_so_and_the_others_are_tied() -> None:
    with opened(key_property()) as portal:
        here, gone = portal.add({}, {})
        portal.door.sim("archive", type="contacts", id=gone)
        outcomes = portal.connector.write("calls", [call("k1", gone), call("k2", here), call("k3", "")])
        assert classes(outcomes) == [errors.Missing, None, errors.Rejected]
        assert [row[3] for row in associations(portal)] == [here]


@pytest.mark.parametrize("version", ["v3", "2026-03"])
def test_a_callback_sent_twice_is_one_task_tied_to_one_record_and_is_corrected_in_place(version: str) -> None:
    with opened(key_property(), tasks={}, api_version=version) as portal:
        (one,) = portal.add({})
        change = callback("7-20261120150000", one, hubspot_owner_id="Agent@Example.com", hs_task_status="NOT_STARTED")
        portal.door.sim("faults", spec="reset_after@2")  # the tie
        assert classes(portal.connector.write("tasks", [change])) == [errors.Ambiguous]
        (made,) = portal.connector.write("tasks", [change])
        assert made.id
        ended = {"hs_task_status": "COMPLETED", "hubspot_owner_id": None, "hs_timestamp": "2026-12-24T09:30:00Z"}
        (told,) = portal.connector.write("tasks", [records.Change("update", change.key, made.id, ended)])
        assert (told.id, told.error) == (made.id, None)
        (stored,) = portal.objects("tasks").values()
        assert stored["vicidial_callback_id"] == change.key.value
        assert stored["hs_timestamp"] == "2026-12-24T09:30:00.000Z"
        assert (stored["hs_task_status"], "hubspot_owner_id" in stored) == ("COMPLETED", False)
        assert associations(portal) == [["tasks", made.id, "contacts", one]]
        assert portal.objects("calls") == {}


def test_a_call_and_a_callback_of_one_key_are_told_apart() -> None:
    with opened(key_property(), tasks={}) as portal:
        (one,) = portal.add({})
        (called,) = portal.connector.write("calls", [call("k1", one)])
        (promised,) = portal.connector.write("tasks", [callback("k1", one)])
        key = records.SyncKey("k1")
        for stream, outcome in (("calls", called), ("tasks", promised)):
            assert [found.id for found in portal.connector.find(stream, key, {})] == [outcome.id]
        assert portal.connector.get("calls", [str(promised.id)]) == []
        assert portal.connector.get("tasks", [str(called.id)]) == []


@pytest.mark.parametrize("kind", ["leads", "p_patients"])
def test_a_callback_is_tied_to_a_lead_or_a_custom_object(kind: str) -> None:
    with opened(key_property(), tasks={}, object=kind) as portal:
        here, gone = portal.add({}, {}, kind=kind)
        portal.door.sim("archive", type=kind, id=gone)
        outcomes = portal.connector.write("tasks", [callback("k1", gone), callback("k2", here), callback("k3", "")])
        assert classes(outcomes) == [errors.Missing, None, errors.Rejected]
        assert [row[2:] for row in associations(portal)] == [[kind, here]]


def test_without_tasks_in_the_configuration_there_is_no_such_stream_and_nothing_is_written() -> None:
    with opened(key_property()) as portal:
        (one,) = portal.add({})
        assert "tasks" not in portal.connector.streams
        assert classes(portal.connector.write("tasks", [callback("k1", one)])) == [errors.Rejected]
        assert portal.objects("tasks") == {}


def test_owners_and_dispositions_are_looked_up_and_unknown_ones_hold_the_call() -> None:
    with opened({**key_property(), "dispositions": {"guid-1": "Sold it"}}) as portal:
        (one,) = portal.add({})
        fine = call("k1", one, hs_call_disposition="SOLD IT", hubspot_owner_id="Agent@Example.com")
        wrong = [call("k2", one, hs_call_disposition="Nope"), call("k3", one, hubspot_owner_id="nobody@example.com")]
        outcomes = portal.connector.write("calls", [fine, *wrong])
        assert classes(outcomes) == [None, errors.Rejected, errors.Rejected]
        stored = portal.objects("calls")[str(outcomes[0].id)]
        assert (stored["hs_call_disposition"], stored["hubspot_owner_id"]) == ("guid-1", "77001")
        assert portal.connector.canonical("calls", {"hs_call_disposition": "sold it"}) == {
            "hs_call_disposition": "guid-1"
        }
        wanted = {"hs_call_disposition": ["Sold it", "Nope"], "hubspot_owner_id": ["nobody@example.com"]}
        assert [one.where for one in portal.connector.check_values("calls", wanted)] == [
            "hs_call_disposition", "hubspot_owner_id",
        ]  # fmt: skip


def test_pitfall_20_two_changes_of_one_record_are_written_one_after_the_other() -> None:
    with opened() as portal:
        (one,) = portal.add({})
        outcomes = portal.connector.write("leads", [update(one, city="Tampa"), update(one, city="Miami")])
        assert classes(outcomes) == [None, None]
        assert portal.objects()[one]["city"] == "Miami"


@pytest.mark.parametrize(
    ("fault", "kind", "applied"),
    [
        ("unauthorized", errors.AuthFailed, False),
        ("busy", errors.RetryLater, False),
        ("used_up", errors.QuotaExhausted, False),
        ("reset_after", errors.Ambiguous, True),
        ("error_after", errors.Ambiguous, True),
        ("error_503", errors.Ambiguous, False),
        ("truncated", errors.Ambiguous, True),
    ],
)
def test_a_bad_day_while_writing_has_its_class(fault: str, kind: type[errors.SyncdError], *, applied: bool) -> None:
    with opened() as portal:
        (one,) = portal.add({})
        portal.connector.fields("leads")
        portal.door.sim("faults", spec=fault)
        assert classes(portal.connector.write("leads", [update(one, city="Tampa")])) == [kind]
        assert ("city" in portal.objects()[one]) is applied


def test_values_are_read_back_as_canonical_says() -> None:
    with opened() as portal:
        (one,) = portal.add({})
        given = {
            "last_call": "2026-11-20T15:00:00Z", "call_attempts": "3", "do_not_call": "true", "city": None,
            "birthday": "2000-02-29", "hs_lead_status": "OPEN",
        }  # fmt: skip
        assert classes(portal.connector.write("leads", [update(one, **given)])) == [None]
        (read,) = portal.connector.get("leads", [one], list(given))
        assert {name: read.fields[name] for name in given} == portal.connector.canonical("leads", given)
        assert portal.connector.canonical("leads", given) == given


def test_10_000_changes_cost_one_call_per_100_to_write_and_three_per_200_to_read() -> None:
    with opened() as portal:
        ids = portal.add(*({} for _ in range(10_000)))
        since = portal.now()
        for start in range(0, len(ids), 100):
            changes = [update(one, city="Tampa") for one in ids[start : start + 100]]
            assert all(one.error is None for one in portal.connector.write("leads", changes))
        assert portal.requests()["batch/update"] == 100
        portal.pull(since, "city")
        asked = portal.requests()
        assert asked["batch/read"] == 100
        assert asked["search"] <= 60


def test_a_connector_that_only_writes_waits_for_the_portal_s_midnight_too() -> None:
    """The stream of calls has a connector of its own, which never asks for the portal's time."""
    with opened({"time_zone": "Asia/Tokyo"}) as portal, portal.another() as writer:
        (one,) = portal.add({})
        portal.connector.clock()
        portal.door.sim("faults", spec="used_up")
        (outcome,) = writer.write("leads", [update(one, city="Tampa")])
        assert isinstance(outcome.error, errors.QuotaExhausted)
        assert (outcome.error.until.hour, outcome.error.until.minute) == (15, 0)


def test_who_does_not_know_the_portal_s_midnight_asks_again_in_an_hour() -> None:
    with opened() as portal:
        (one,) = portal.add({})
        portal.door.sim("faults", spec="used_up")
        (outcome,) = portal.connector.write("leads", [update(one, city="Tampa")])
        assert isinstance(outcome.error, errors.QuotaExhausted)
        assert timedelta() < outcome.error.until - datetime.now(UTC) <= timedelta(hours=1)
