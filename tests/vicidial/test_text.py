"""What the server will make of a value is foretold: compared with the simulated server for any text."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.sdk import records
from syncd.simulators import vicidial
from syncd_vicidial import VicidialConnector, text
from tests.vicidial import site

FIELDS = sorted(
    text.FIELDS.keys() - {"vendor_lead_code", "source_id", "phone_number", "phone_code", "list_id", "status"}
)
# Letters, what the server drops, escapes and separators, everything beyond.
TEXT = st.text(
    st.one_of(st.sampled_from("aZ09é ßñ日😀𝒜-'_.+:/@%;#\"\\|,<>&\t\r\n!N\x00²"), st.characters(codec="utf-8")),
    max_size=40,
)
VALUES = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, st.one_of(st.none(), TEXT)))


@pytest.fixture(params=[False, True], ids=["latin", "non-latin"], scope="module")
def dialer(request: pytest.FixtureRequest) -> Iterator[VicidialConnector]:
    """A connector to a server with this setting of `use_non_latin`."""
    state = json.loads((site.DATA / "state.json").read_text())
    state["system"]["use_non_latin"] = int(request.param)
    with (
        vicidial.serve(state=state) as sim,
        site.connected(sim.url, use_non_latin=request.param) as connector,
    ):
        yield connector


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(first=VALUES, second=VALUES)
def test_a_lead_reads_back_as_foretold_after_its_creation_and_after_an_update(
    dialer: VicidialConnector, first: dict[str, str | None], second: dict[str, str | None]
) -> None:
    [created] = dialer.write("leads", [site.create("7275550111", "101", "K1", **first)])
    assert created.error is None, created.error
    assert created.id is not None
    [record] = dialer.get("leads", [created.id])
    foretold = dialer.canonical("leads", first)
    assert {name: record.fields[name] for name in foretold} == foretold

    [updated] = dialer.write("leads", [records.Change("update", site.key(), id=created.id, fields=second)])
    assert updated.error is None, updated.error
    [record] = dialer.get("leads", [created.id])
    foretold |= dialer.canonical("leads", second)
    assert {name: record.fields[name] for name in foretold} == foretold


@given(
    st.sampled_from(sorted(text.FIELDS)),
    st.text(alphabet="abZ09 -'+_.:/@%\\;#\"\nü", max_size=60) | st.sampled_from(["0000-00-00", "0000-00-00 00:00:00"]),
    st.booleans(),
)
def test_a_value_that_looks_unchanged_goes_through_every_filter_unchanged(name: str, value: str, latin: bool) -> None:
    stored = text.stored(name, text.wire(name, value), use_non_latin=not latin)
    assert text.canonical(name, value, use_non_latin=not latin) == text.read(name, stored, None)
