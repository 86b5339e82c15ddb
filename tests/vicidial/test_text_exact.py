"""What is foretold of a value is what is read back, to the character: thousands of nasty records go through the
connector and HTTP to the simulated server and back.

That the simulated server does as a stock one is shown by recordings (tests/simulators/test_recordings.py).
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Sequence

import pytest

from syncd.sdk import records
from syncd.simulators import vicidial
from syncd_vicidial import VicidialConnector
from tests.vicidial import nasty, site

NIGHTLY = os.environ.get("SYNCD_NIGHTLY") == "1"
BATCH = 100
BATCHES = 100 if NIGHTLY else 34  # of each server: 30,000 records in the night, 10,200 else
UPDATED = 0.3  # share of the leads that are changed afterwards
SERVERS = {
    "latin": {"use_non_latin": 0},
    "non-latin": {"use_non_latin": 1},
    "latin1-database": {"use_non_latin": 0, "charset": "latin1"},
}
OPTIONS: dict[str, dict[str, object]] = {
    "latin": {},
    "non-latin": {"use_non_latin": True, "plus_emails": "lossy"},
    "latin1-database": {"transliterate": True},
}


@pytest.fixture(params=SERVERS)
def dialer(request: pytest.FixtureRequest) -> Iterator[VicidialConnector]:
    """A connector to a server of this kind."""
    state = json.loads((site.DATA / "state.json").read_text())
    state["system"].update(SERVERS[request.param])
    with (
        vicidial.serve(state=state) as sim,
        site.connected(sim.url, **{"dnc_check": "N", "connections": 8, **OPTIONS[request.param]}) as connector,
    ):
        yield connector


def written(outcomes: Sequence[records.Outcome]) -> list[str]:
    assert [outcome.error for outcome in outcomes if outcome.error is not None] == []
    return [outcome.id or "" for outcome in outcomes]


@pytest.mark.timeout(900 if NIGHTLY else 120)
def test_each_field_reads_back_as_foretold(dialer: VicidialConnector) -> None:
    rng = random.Random("a record that no filter leaves alone")
    wrong: list[tuple[str, str | None, str | None, str | None]] = []
    for batch in range(BATCHES):
        given = [nasty.record(rng) | {"status": nasty.status(rng)} for _ in range(BATCH)]
        creates = [
            records.Change("create", records.SyncKey(f"K{batch}-{number}"), fields={**fields, **_where(rng)})
            for number, fields in enumerate(given)
        ]
        ids = written(dialer.write("leads", creates))
        sent = {lead_id: dict(create.fields) for lead_id, create in zip(ids, creates, strict=True)}
        updates = [
            records.Change("update", records.SyncKey("K"), id=lead_id, fields=nasty.record(rng))
            for lead_id in rng.sample(ids, int(BATCH * UPDATED))
        ]
        written(dialer.write("leads", updates))
        for update in updates:
            sent[update.id or ""] |= update.fields
        read = {record.id: record.fields for record in dialer.get("leads", ids)}
        for lead_id, fields in sent.items():
            foretold = dialer.canonical("leads", fields)
            wrong += [
                (name, fields[name], text, read[lead_id][name])
                for name, text in foretold.items()
                if text != read[lead_id][name]
            ]
    assert wrong == [], f"{len(wrong)} wrong, as (field, sent, foretold, read): {wrong[:5]}"


def _where(rng: random.Random) -> dict[str, str]:
    return {
        "phone_number": f"727555{rng.randrange(10_000):04}",
        "phone_code": rng.choice(["1", "49"]),
        "list_id": "101",
    }
