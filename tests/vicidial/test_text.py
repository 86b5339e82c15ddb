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
    words = text.Words(use_non_latin=not latin)
    stored = text.stored(name, words.wire(name, value), use_non_latin=not latin)
    assert words.canonical(name, value) == words.read(name, stored, None)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("date_of_birth", "1970-01-31T23:00:00-05:00", "1970-01-31"),
        ("date_of_birth", "70-1-3", "1970-01-03"),
        ("date_of_birth", "1970-00-00", ""),  # a database may take it or not
        ("date_of_birth", "31.01.1970", ""),
        ("gender", "female", "F"),
        ("gender", "Mrs", "U"),  # of which VICIdial would keep M
        ("rank", "2.5", "2"),  # of which it would make 25
        ("rank", "-5", "0"),  # and of this 5
        ("rank", "99999", "32767"),
        ("last_name", "van\u00a0der\tBerg", "van der Berg"),
        ("last_name", "--BLANK--", ""),  # the word that clears a field
        ("comments", "STOP!NOW", "STOP! NOW"),  # `!N` is how VICIdial writes a line break
        ("comments", "0000-00-00", "0000-00-00"),
        ("comments", "a\r\nb", "a\nb"),
        ("email", "ann+crm@example.com", "ann+crm@example.com"),
        ("source_id", "a\\b\n", "a\\b "),
    ],
)
def test_a_value_is_sent_so_that_it_is_not_stored_as_something_else(name: str, value: str, kept: str) -> None:
    assert text.Words().canonical(name, value) == kept


@pytest.mark.parametrize(
    ("options", "value", "kept"),
    [
        ({}, "Jürgen Strauß", "Jrgen Strau"),
        ({"use_non_latin": True}, "Jürgen Strauß", "Jürgen Strauß"),
        ({"transliterate": True}, "Jürgen Strauß", "Jurgen Strauss"),
        ({"transliterate": True}, "Jose\u0301 Ñandú", "Jose Nandu"),
        ({"transliterate": True}, "O’Brien–Łukasz 😀", "O'Brien-Lukasz "),
        ({"transliterate": True, "use_non_latin": True}, "Łukasz", "Łukasz"),
        ({"use_non_latin": True}, "Jose\u0301", "José"),  # an accent alone is no letter to VICIdial
        ({"use_non_latin": True}, "𠮷野", "野"),  # its database takes three bytes a letter
    ],
)
def test_letters_of_a_name(options: dict[str, bool], value: str, kept: str) -> None:
    assert text.Words(**options).canonical("last_name", value) == kept


def test_letters_of_a_comment_are_left_alone_unless_its_column_would_cut_one() -> None:
    words = text.Words(transliterate=True)
    assert words.canonical("comments", "Jürgen – 日本 🎉") == "Jürgen – 日本 🎉"
    assert words.canonical("comments", "é" * 127 + "ab") == "é" * 127 + "a"
    non_latin = text.Words(use_non_latin=True)
    assert non_latin.canonical("comments", "party 🎉" + "é" * 250) == "party ?" + "é" * 248


@given(st.sampled_from(sorted(text.FIELDS)), TEXT, st.booleans(), st.booleans())
def test_what_was_read_back_is_stored_as_it_is(name: str, value: str, use_non_latin: bool, transliterate: bool) -> None:
    words = text.Words(use_non_latin=use_non_latin, transliterate=transliterate)
    once = words.canonical(name, value)
    assert words.canonical(name, once) == once
