"""What becomes of records of people who were erased, and of records that have a phone of theirs. Pure, like `plan`.

It stands before and behind the table of leads: an erased record is not planned at all, and what is planned for another
one is held if that would dial an erased number for the first time.
"""

from __future__ import annotations

from dataclasses import replace

from syncd.core import diff, digest, mapping
from syncd.core.model import Known, Lane, Pipeline, Plan
from syncd.sdk import records

ERASED = "erased"
"""The reason of these plans."""

_HINT = (
    "somebody who had this phone was erased; if this is another person, or they want to be called again: "
    "`syncd erased lift {client} -` with this phone, then `syncd held retry`"
)


def record(read: records.Record, raw: str) -> Plan:
    """The plan for a record that was erased, whatever it says now: it is counted, and nothing of it is stored."""
    return Plan(read.id, read.id, "skip", digest=raw, reason=ERASED, counted=True)


def phone(pipe: Pipeline, planned: Plan, known: Known, mapped: mapping.Mapped, hashes: digest.Digest) -> Plan:
    """Given the plan for a record whose phone was erased with another one, return what is to be done: it may be the
    same person's, so that somebody has to decide. One that has had the phone all along, with a lead of its own, is
    another person's."""
    numbers = {name: mapped.fields.get(name) for name in pipe.fields.phone_fields or ()}
    had = known.link is not None and not diff.changed(numbers, known.link.base, "crm", hashes)
    if planned.verdict not in ("create", "update", "none") or had:
        return planned
    return replace(
        planned,
        verdict="hold",
        reason=ERASED,
        hint=_HINT.format(client=pipe.client),
        fields={},
        phone="",
        frees_phone=not known.busy and (known.link is None or known.link.removed != ""),
        lane=Lane.UPDATE,
    )
