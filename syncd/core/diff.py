"""Which fields differ from what both sides last agreed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from syncd.core import digest, model
from syncd.sdk import records
from syncd.sdk.protocol import Role


def changed(
    wanted: records.Fields,
    base: model.Base,
    source: Role,
    hashes: digest.Digest,
    appointment: Sequence[str] = (),
) -> dict[str, str | None]:
    """The wanted fields whose source side is not what the base remembers of it.

    appointment: these differ together or not at all. Without a time they differ only where one was written before:
    an appointment that somebody made on the far side is not taken back."""
    place = 0 if source == "crm" else 1
    result = {
        name: value
        for name, value in wanted.items()
        if (pair := base.get(name)) is None or pair[place] != hashes.value(value)
    }
    if appointment and appointment[0] in wanted:
        names = wanted.keys() & set(appointment)
        time = appointment[0]
        differs = time in result and time in base if wanted[time] is None else bool(names & result.keys())
        result = {name: value for name, value in result.items() if name not in names}
        result |= {name: wanted[name] for name in appointment if differs and name in names}
    return result


def without_blank_appointment(fields: records.Fields, appointment: Sequence[str]) -> records.Fields:
    """The fields without those of an appointment that has no time."""
    if not appointment or fields.get(appointment[0]) is not None:
        return fields
    return {name: value for name, value in fields.items() if name not in appointment}


def base_of(
    pipe: model.Pipeline, sent: records.Fields, stored: Mapping[str, str | None], hashes: digest.Digest
) -> dict[str, tuple[str, str]]:
    """The base after `sent` was applied: the target holds `stored` (its own way), the source holds `sent`."""
    result = {}
    for name, value in sent.items():
        ours = hashes.value(value)
        kept = stored.get(name, value)
        theirs = ours if kept == value else hashes.value(kept)
        result[pipe.in_base(name)] = (ours, theirs) if pipe.target.role == "dialer" else (theirs, ours)
    return result


def altered(pairs: Mapping[str, tuple[str, str]], base: model.Base) -> tuple[str, ...]:
    """The fields, by their names in the base and sorted, of which the target holds something else than the source as
    from now on, having held the same (or nothing known) before: what a person may want to know, once."""
    differ = [name for name, (one, other) in pairs.items() if one != other]
    return tuple(sorted(name for name in differ if name not in base or base[name][0] == base[name][1]))


Change = Literal["none", "agreed", "write", "keep", "conflict"]


def against_target(
    value: str | None, current: str | None, pair: tuple[str, str] | None, source: Role, hashes: digest.Digest
) -> Change:
    """Given the wanted value, the target's current one and the base: "agreed" (both hold it), "none" (nothing new),
    "write" (only the source changed), "keep" (only the target changed), "conflict" (both did)."""
    if (value or "") == (current or ""):
        return "agreed"
    if pair is None or pair == model.UNKNOWN:
        return "write"
    ours, theirs = (pair[0], pair[1]) if source == "crm" else (pair[1], pair[0])
    source_changed = hashes.value(value) != ours
    target_changed = hashes.value(current) != theirs
    if source_changed and target_changed:
        return "conflict"
    if source_changed:
        return "write"
    return "keep" if target_changed else "none"
