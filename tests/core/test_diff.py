"""What differs, by hashes of what both sides last agreed on; and what those hashes promise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core import diff, digest, mapping, model
from syncd.sdk import records
from syncd.sdk.protocol import Role

HASHES = digest.Digest(b"a secret of sixteen bytes or more")
TEXTS = st.none() | st.text()


def pipeline(kind: model.Kind, source: Role, target: Role) -> model.Pipeline:
    return model.Pipeline(
        client="acme",
        name=kind,
        kind=kind,
        source=model.Side(source, "leads"),
        target=model.Side(target, "leads"),
        fields=mapping.FieldMapping(()),
    )


LEADS, CALLS = pipeline("leads", "crm", "dialer"), pipeline("calls", "dialer", "crm")


def test_a_field_differs_if_its_source_is_not_what_was_agreed_or_nothing_was() -> None:
    base = diff.base_of(LEADS, {"name": "Ann", "mail": "a+b@c"}, {"mail": "a b@c"}, HASHES)
    assert diff.changed({"name": "Ann", "mail": "a+b@c"}, base, "crm", HASHES) == {}
    assert diff.changed({"name": "Anna", "mail": "a+b@c"}, base, "crm", HASHES) == {"name": "Anna"}
    assert diff.changed({"name": "Ann", "city": "Bonn"}, base, "crm", HASHES) == {"city": "Bonn"}
    assert diff.changed({"mail": "a b@c"}, base, "dialer", HASHES) == {}, "the dialer's side is as it stored it"


def test_what_was_not_sent_does_not_differ() -> None:
    base = diff.base_of(LEADS, {"name": "Ann", "city": "Bonn"}, {}, HASHES)
    assert diff.changed({"name": "Ann"}, base, "crm", HASHES) == {}


@pytest.mark.parametrize("source", ["crm", "dialer"])
@pytest.mark.parametrize(
    ("value", "current", "agreed", "change"),
    [
        ("NI", "NI", None, "agreed"),
        ("NI", "NI", ("SALE", "SALE"), "agreed"),
        ("", None, ("SALE", "SALE"), "agreed"),
        ("NI", "old", None, "write"),
        ("NI", "old", ("old", "old"), "write"),
        ("NI", "mine", ("NI", "old"), "keep"),
        ("NI", "mine", ("old", "old"), "conflict"),
        ("a+b", "a b", ("a+b", "a b"), "none"),
    ],
)
def test_a_field_is_compared_with_its_target_in_one_of_five_ways(
    source: Role, value: str, current: str | None, agreed: tuple[str, str] | None, change: diff.Change
) -> None:
    pair = None
    if agreed is not None:
        ours, theirs = HASHES.value(agreed[0]), HASHES.value(agreed[1])
        pair = (ours, theirs) if source == "crm" else (theirs, ours)
    assert diff.against_target(value, current, pair, source, HASHES) == change


@given(TEXTS, TEXTS)
def test_what_was_applied_never_differs_afterwards_however_it_is_stored(sent: str | None, stored: str | None) -> None:
    for pipe in (LEADS, CALLS):
        base = diff.base_of(pipe, {"f": sent}, {"f": stored}, HASHES)
        assert diff.changed({"f": sent}, base, pipe.source.role, HASHES) == {}
        change = diff.against_target(sent, stored, base["f"], pipe.source.role, HASHES)
        assert change in ("agreed", "none")


@given(TEXTS, TEXTS)
def test_two_values_have_one_hash_only_if_they_are_the_same_or_both_blank(one: str | None, other: str | None) -> None:
    assert (HASHES.value(one) == HASHES.value(other)) == ((one or "") == (other or ""))


@given(st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=4))
def test_rows_hash_alike_only_if_they_are_alike(one: list[str | None], other: list[str | None]) -> None:
    plain = all("\x1f" not in (value or "") and value != "\x00" for value in [*one, *other])
    if plain and len(one) == len(other):
        assert (HASHES.row(one, "v") == HASHES.row(other, "v")) == (one == other)


def test_a_row_hashes_otherwise_under_another_mapping_or_secret() -> None:
    assert HASHES.row(["a"], "v1") != HASHES.row(["a"], "v2")
    assert HASHES.value("a") != digest.Digest(b"another secret of sixteen bytes").value("a")
    assert HASHES.row([None], "v") != HASHES.row([""], "v"), "NULL and blank differ in a raw row"


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        digest.Digest(b"short")


APPOINTMENT = ("at", "user", "note")
SET = {"at": "10:00", "user": "ann", "note": None}
BLANK = {"at": None, "user": "ann", "note": None}


def agreed(fields: records.Fields) -> dict[str, tuple[str, str]]:
    return {name: (HASHES.value(value), HASHES.value(value)) for name, value in fields.items()}


@pytest.mark.parametrize(
    ("wanted", "before", "differs"),
    [
        (SET, {}, True),
        (SET, SET, False),
        ({**SET, "user": "bob"}, SET, True),
        (SET, BLANK, True),
        (BLANK, SET, True),
        (BLANK, {}, False),
        (BLANK, BLANK, False),
        ({**BLANK, "user": "bob"}, BLANK, False),
    ],
)
def test_an_appointment_differs_as_a_whole_and_a_blank_one_only_if_there_was_one(
    wanted: dict[str, str | None], before: dict[str, str | None], *, differs: bool
) -> None:
    found = diff.changed({**wanted, "name": "Eve"}, agreed({**before, "name": "Eve"}), "crm", HASHES, APPOINTMENT)
    assert found == (wanted if differs else {})


def test_an_appointment_of_which_nothing_is_known_is_taken_back() -> None:
    assert diff.changed(BLANK, {"at": model.UNKNOWN}, "crm", HASHES, APPOINTMENT) == BLANK


def test_a_field_that_the_target_holds_otherwise_is_told_when_that_comes_about() -> None:
    base = {"same": ("a", "a"), "told": ("a", "b"), "unknown": model.UNKNOWN}
    pairs = {"told": ("c", "d"), "unknown": ("c", "d"), "same": ("c", "d"), "new": ("c", "d"), "fine": ("c", "c")}
    assert diff.altered(pairs, base) == ("new", "same", "unknown")
