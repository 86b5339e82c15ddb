"""Which lead is a record's: what is sure, and the reason of everything that a person must decide."""

from __future__ import annotations

import pytest

from syncd.core import adopt, digest, mapping, model
from syncd.sdk import records

SPEC = records.StreamSpec(
    near=("phone_number",),
    key_field="vendor_lead_code",
    marker_field="source_id",
    phone=("phone_code", "phone_number"),
    person=("first_name", "last_name"),
    places=("list_id", "status"),
)
PIPE = model.Pipeline(
    client="acme",
    name="leads",
    kind="leads",
    source=model.Side("crm", "leads"),
    target=model.Side("dialer", "leads"),
    fields=mapping.FieldMapping(tuple(mapping.Rule(name, (name,)) for name in ("first_name", "last_name"))),
    appointment=("callback_at",),
)
JUDGE = adopt.Judge(PIPE, SPEC, "CRM-{old}", "syncd:acme:leads")
RECORD = records.Record("7", {"old": "00Q5e00000A1b2CEAR"})
CUT = "CRM-00Q5e00000A1b2CE"  # as VICIdial keeps it
WANTED = {"phone_code": "1", "phone_number": "7275550001", "first_name": "Zoë", "last_name": "de la Cruz"}
STORED = {**WANTED, "first_name": "Zo"}  # without use_non_latin
PHONES = adopt.spellings("1", "7275550001")


def lead(
    number: str, key: str = "", first: str = "ZOE", last: str = "De  La Cruz", marker: str = "web", **more: str
) -> records.Record:
    fields = {
        "vendor_lead_code": key, "source_id": marker, "phone_code": "1", "phone_number": "7275550001",
        "first_name": first, "last_name": last, **more,
    }  # fmt: skip
    return records.Record(number, fields)


def judged(*leads: records.Record, taken: frozenset[str] = frozenset()) -> tuple[str, str, str]:
    """Verdict, the lead meant, and the reason."""
    found = JUDGE.by_key(RECORD, WANTED, STORED, leads, taken, cut=CUT, phones=PHONES)
    if found.verdict == "none":
        near = [one for one in leads if one.fields["phone_number"] in PHONES]
        found = JUDGE.by_name(WANTED, STORED, near, taken)
    return found.verdict, found.lead.id if found.lead else "", found.reason


NEW = ("none", "", "")


@pytest.mark.parametrize(
    ("leads", "expected"),
    [
        ([], NEW),
        ([lead("1", "7", "Bob", "Ray")], ("key", "1", "")),
        ([lead("1", "7", "Bob", "Ray"), lead("2")], ("key", "1", "")),
        ([lead("1", "7"), lead("2", "7")], ("review", "", "several_keys")),
        ([lead("1", CUT)], ("key", "1", "")),
        ([lead("1", CUT, "Bob", "Ray")], ("review", "1", "key_cut")),
        ([lead("1", "7", phone_number="8135550001")], ("key", "1", "")),
        ([lead("1", "7", "Bob", "Ray", phone_number="8135550001")], ("review", "1", "key_elsewhere")),
        ([lead("1", "7", "Bob", "Ray", "syncd:acme:leads", phone_number="8135550001")], ("key", "1", "")),
        ([lead("1", "7", marker="syncd:other:leads")], NEW),
        ([lead("1", "8", marker="syncd:acme:leads")], ("review", "", "taken")),
        ([lead("1")], ("review", "1", "name")),
        ([lead("1", first="zo")], ("review", "1", "name")),
        ([lead("1", first="Zo E")], ("review", "1", "name")),
        ([lead("1", first="Joe")], ("review", "1", "names_differ")),
        ([lead("1", first="", last="")], ("review", "1", "no_name")),
        ([lead("1", phone_code="44")], ("review", "1", "phone_code")),
        ([lead("1", phone_code="")], ("review", "1", "name")),
        ([lead("1"), lead("2", first="Joe")], ("review", "", "several")),
    ],
)
def test_what_is_sure_and_what_a_person_decides(leads: list[records.Record], expected: tuple[str, str, str]) -> None:
    assert judged(*leads) == expected
    assert not expected[2] or expected[2] in adopt.REASONS


def test_a_lead_that_is_another_records_is_nobody_elses() -> None:
    assert judged(lead("1", "7"), taken=frozenset("1")) == ("review", "", "taken")
    assert judged(lead("1"), taken=frozenset("1")) == ("review", "", "taken")
    assert judged(lead("1"), lead("2"), taken=frozenset("1")) == ("review", "2", "name")


def test_a_key_is_spelled_as_the_operator_says_or_not_at_all() -> None:
    assert JUDGE.spelled(RECORD) == "CRM-00Q5e00000A1b2CEAR"
    assert JUDGE.spelled(records.Record("7", {"old": " "})) == ""
    assert adopt.Judge(PIPE, SPEC, "old").spelled(RECORD) == "00Q5e00000A1b2CEAR"
    assert adopt.Judge(PIPE, SPEC).spelled(RECORD) == ""


def test_the_base_holds_what_is_alike_and_where_the_lead_stands() -> None:
    hashes = digest.Digest(b"a secret of sixteen bytes or more")
    wanted = {**WANTED, "list_id": "101", "status": "NEW", "callback_at": "2026-12-01T15:00:00Z", "last_name": "Other"}
    there = lead("1", first="Zo", list_id="202", status="SALE")
    found = adopt.base_of(PIPE, SPEC, wanted, {**wanted, "first_name": "Zo"}, there, hashes)
    assert found["first_name"] == (hashes.value("Zoë"), hashes.value("Zo"))
    assert found["list_id"] == (hashes.value("101"), hashes.value("202"))
    assert found["status"] == (hashes.value("NEW"), hashes.value("SALE"))
    assert "callback_at" in found
    assert "last_name" not in found


def test_of_a_number_only_the_end_can_be_read() -> None:
    assert adopt.masked("1", "7275550001") == "+1•••••••001"
