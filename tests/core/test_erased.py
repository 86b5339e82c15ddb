"""Records of people who were erased, and records that have their phone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core import digest, erased, mapping, model
from syncd.sdk import records

HASHES = digest.Digest(b"a secret of sixteen bytes or more")
NUMBERS = {"phone_code": "1", "phone_number": "7275550001"}
MAPPED = mapping.Mapped({**NUMBERS, "first_name": "Ann"})
PIPE = model.Pipeline(
    client="acme",
    name="leads",
    kind="leads",
    source=model.Side("crm", "leads"),
    target=model.Side("dialer", "leads"),
    fields=mapping.FieldMapping((), phone_fields=("phone_code", "phone_number")),
)
BASE = {name: (HASHES.value(value), HASHES.value(value)) for name, value in NUMBERS.items()}
LINK = model.Link(1, "7", "1001", "7", BASE)


def planned(verdict: model.Verdict, **more: object) -> model.Plan:
    return model.Plan("7", "7", verdict, fields=MAPPED.fields, phone="17275550001", **more)  # type: ignore[arg-type]


def test_an_erased_record_is_counted_and_nothing_of_it_is_stored() -> None:
    made = erased.record(records.Record("7", {"do_not_call": "true"}, deleted=True), "raw")
    assert (made.verdict, made.reason, made.counted, made.suppress, made.fields) == ("skip", "erased", True, "", {})


@pytest.mark.parametrize("verdict", ["create", "update", "none"])
def test_an_erased_phone_that_is_new_to_a_record_is_held_and_claimed_by_nobody(verdict: model.Verdict) -> None:
    other = replace(LINK, base={**BASE, "phone_number": (HASHES.value("7275550009"), HASHES.value("7275550009"))})
    for known in (model.NOTHING_KNOWN, model.Known(link=other)):
        held = erased.phone(PIPE, planned(verdict), known, MAPPED, HASHES)
        assert (held.verdict, held.reason, held.phone, held.fields) == ("hold", "erased", "", {})
        assert held.frees_phone == (known.link is None), "a lead that is dialled keeps what it claims"
        assert "7275550001" not in held.hint


def test_who_has_had_the_phone_all_along_goes_on() -> None:
    same = planned("update")
    assert erased.phone(PIPE, same, model.Known(link=LINK), MAPPED, HASHES) is same


@pytest.mark.parametrize("verdict", ["remove", "skip", "hold"])
def test_what_dials_nobody_is_left_as_it_is(verdict: model.Verdict) -> None:
    same = planned(verdict, reason="opt_out")
    assert erased.phone(PIPE, same, model.NOTHING_KNOWN, MAPPED, HASHES) is same
