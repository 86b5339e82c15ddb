"""The story of a record holds all that is about it, and nothing of records whose ids look like it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from syncd.core import plan
from syncd.store import by_hand, story, tables, upgrade
from syncd.store.database import Database

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
ALIKE = ("a", "A", "a%", "a_", "a#b", "ab", "1", "01")


@pytest.fixture
def db(store_url: str) -> Iterator[Database]:
    found = Database(store_url)
    upgrade.upgrade(found, now=NOW)
    yield found
    found.close()


def put(db: Database, subject: str, **columns: Any) -> None:
    """Store an intent of the client acme with two steps, the later one first."""
    with db.write("test") as connection:
        (number,) = db.allocate(connection, tables.intent, 1)
        given = {
            "id": number, "client": "acme", "pipeline": "leads", "target": "dialer.leads", "subject": subject,
            "record_id": subject, "state": "settled", "kind": "update", "lane": 3, "version_at": NOW, "due_at": NOW,
            "created_at": NOW, "updated_at": NOW,
        }  # fmt: skip
        connection.execute(sa.insert(tables.intent).values(**given | columns))
        for step in ("staged", "updated"):
            event = {"at": NOW, "intent_id": number, "run_id": 1, "step": step, "detail": subject}
            connection.execute(sa.insert(tables.event).values(**event))


def link(db: Database, crm_id: str, dialer_id: str, *, stream: str = "leads", base: str = "{}", **columns: Any) -> None:
    with db.write("test") as connection:
        row = {"client": "acme", "crm_stream": stream, "crm_id": crm_id, "dialer_stream": stream, "key": crm_id}
        connection.execute(
            sa.insert(tables.link).values(**row, dialer_id=dialer_id, base=base, created_at=NOW, **columns)
        )


def decide(db: Database, pipeline: str, record_id: str, client: str = "acme") -> None:
    with db.write("test") as connection:
        row = {"client": client, "pipeline": pipeline, "record_id": record_id, "digest": "d", "verdict": "none"}
        connection.execute(sa.insert(tables.decision).values(**row, at=NOW))


def test_records_with_ids_alike_do_not_share_a_story(db: Database) -> None:
    for number, one in enumerate(ALIKE):
        put(db, one)
        link(db, one, str(number))
        decide(db, "leads", one)
        put(db, f"{one}#twin:9", record_id=one, kind="remove", reason="twin")
        put(db, f"call|{one}", target="crm.calls", pipeline="calls")
    put(db, "held", state="held", reason="shared_phone", hint=f"{plan.shared_with('a')}: decide")
    for number, one in enumerate(ALIKE):
        found = story.record(db, "acme", one, ["leads"])
        assert [intent.subject for intent in found.intents] == [one, f"{one}#twin:9"]
        assert [step.step for step in found.intents[0].steps] == ["staged", "updated"]
        assert found.link is not None
        assert found.link.dialer_id == str(number)
        assert [decision.pipeline for decision in found.decisions] == ["leads"]
        assert found.sharing == (("held",) if one == "a" else ())
    assert not story.record(db, "acme", "b", ["leads"]).is_known
    assert not story.record(db, "other", "a", ["leads"]).is_known


def test_calls_are_found_by_their_ids_by_how_these_begin_and_by_their_entries(db: Database) -> None:
    for one in ("out|1.5|C|t", "in|1.5|G|t", "OUT|1.5|C|t", "out|1.55|C|t", "out|105|C|t"):
        decide(db, "calls", one)
    decide(db, "calls", "out|1.5|C|u", client="other")
    link(db, "activity", "out|9.9|C|t", stream="calls")
    beginnings = ("out|1.5|", "in|1.5|")
    assert sorted(story.calls_named(db, "acme", "1.5", beginnings, ["calls"])) == ["in|1.5|G|t", "out|1.5|C|t"]
    assert story.calls_named(db, "acme", "activity", (), ["calls"]) == ["out|9.9|C|t"]
    assert story.calls_named(db, "acme", "out|105|C|t", (), ["calls"]) == ["out|105|C|t"]
    assert story.calls_named(db, "acme", "out", (), ["calls"]) == []
    put(db, "1", target="crm.leads", pipeline="dispositions", record_id="out|1.5|C|t")
    link(db, "2", "7", call_id="in|1.5|G|t", called_at=NOW)
    assert story.record_of_call(db, "acme", "out|1.5|C|t", ["dispositions"]) == "1"
    assert story.record_of_call(db, "acme", "in|1.5|G|t", ["dispositions"]) == "2"
    assert story.record_of_call(db, "acme", "out|105|C|t", ["dispositions"]) == ""
    assert story.calls_of(db, "acme", "1", ["dispositions"]) == ["out|1.5|C|t"]


def test_a_call_has_its_entry_its_intents_and_whether_its_recording_is_awaited(db: Database) -> None:
    decide(db, "recordings", "c")
    put(db, "c", pipeline="calls", target="crm.calls")
    put(db, "c", pipeline="leads")  # a CRM record of that id
    link(db, "activity", "c", stream="calls")
    with db.write("test") as connection:
        row = {"client": "acme", "pipeline": "recordings", "record_id": "c", "digest": "", "body": "{}"}
        times = {"started_at": NOW, "ended_at": NOW, "due_at": NOW + timedelta(minutes=2), "noted_at": NOW}
        connection.execute(sa.insert(tables.awaited).values(**row, **times))
    found = story.call(db, "acme", "c", ["calls", "recordings"])
    assert (found.activity, found.recording_at) == ("activity", NOW + timedelta(minutes=2))
    assert [intent.target for intent in found.intents] == ["crm.calls"]
    assert [decision.pipeline for decision in found.decisions] == ["recordings"]


def test_a_phone_leads_to_who_claims_it_and_to_leads_that_hold_it(db: Database) -> None:
    hashes = db.hashes()
    whole, national = hashes.value("17275550001"), hashes.value("7275550001")
    with db.write("test") as connection:
        connection.execute(sa.insert(tables.phone).values(client="acme", digest=whole, crm_id="1"))
    link(db, "2", "9", base=f'{{"alt_phone": ["x", "{national}"]}}')
    link(db, "3", "10", base=f'{{"alt_phone": ["x", "{hashes.value("7275550002")}"]}}')
    assert story.with_phone(db, "acme", whole, national) == ["1", "2"]
    assert story.by_hand(db, "acme", whole) == ()
    with by_hand.noted(db, "acme", whole, what="dnc-removed", who="ann", why="case 12") as note:
        note.done = ["system"]
    (found,) = story.by_hand(db, "acme", whole)
    assert [(step.step, step.detail) for step in found.steps] == [("asked", "ann: case 12"), ("dnc-removed", "system")]
