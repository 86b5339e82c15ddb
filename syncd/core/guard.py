"""The guard: which staged changes look like an accident, so that a person looks before they go out. Pure.

What takes somebody out of dialling because the law wants it (an opt-out, a consent that is gone, a do-not-call request
of a call) is no accident that may wait: it is neither counted nor stopped. Neither is a removal that repeats one: the
lead is out of dialling, and stays so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from syncd.core import diff, digest, model
from syncd.sdk import records

FEW = 5
"""From so many leads on, taking out most of them means that the CRM looks empty; fewer, and a person cleans up."""


def exempt(kind: str, reason: str, *, urgent: bool, is_out: bool = False) -> bool:
    """Whether a change goes out whatever the guard says (in SQL: `store.delivery.exempt`). `is_out`: the lead was taken
    out of dialling before."""
    return urgent and (kind != "remove" or is_out or reason in model.LAWFUL)


def looks_into(limits: model.GuardLimits, updates: int) -> bool:
    """Whether so many updates are worth a look at what each of them changes."""
    least = [most for most in (limits.max_phones, limits.max_blanked) if most is not None]
    return bool(least) and updates > min(least)


def effects(
    pipe: model.Pipeline, body: records.Fields, base: model.Base | None, hashes: digest.Digest
) -> tuple[bool, tuple[str, ...]]:
    """Whether an update gives a lead another phone number, and which fields it makes blank that were not."""
    if pipe.writes_back:  # holds only what differs
        return False, tuple(name for name, value in body.items() if not value)
    if base is None:
        return False, ()
    changed = diff.changed(body, base, pipe.source.role, hashes, pipe.appointment)
    blanked = tuple(name for name, value in changed.items() if not value and name in base)
    return pipe.kind == "leads" and any(name in changed for name in pipe.fields.phone_fields or ()), blanked


@dataclass(frozen=True, slots=True)
class Totals:
    """What one pipeline has staged, by kind of write, and how many links the client has.

    phones: leads whose number would change. blanked: field → records in which it would become blank. examples: what
    would be done → a few of the records, for the operator."""

    creates: int = 0
    updates: int = 0
    removes: int = 0
    links: int = 0
    phones: int = 0
    blanked: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def at_least(self, other: Totals) -> Totals:
        """The larger numbers of updates and removals of both, the rest as it is here."""
        return replace(self, updates=max(self.updates, other.updates), removes=max(self.removes, other.removes))

    def after(self, updates: int, removes: int) -> Totals:
        """These, when so many were done a short while ago."""
        return replace(self, updates=self.updates + updates, removes=self.removes + removes, links=self.links + removes)


def guard(totals: Totals, limits: model.GuardLimits) -> str:
    """Why these changes look like an accident, in words for the operator; "" if they may go out."""
    looks = [
        ("remove", totals.removes, limits.max_removes, limits.max_removes_share, "would be taken out of dialling"),
        ("update", totals.updates, limits.max_updates, limits.max_updates_share, "would be changed"),
        ("phone", totals.phones, limits.max_phones, limits.max_phones_share, "would get another phone number"),
    ]
    for name, count in sorted(totals.blanked.items()):
        looks.append((name, count, limits.max_blanked, limits.max_blanked_share, f"would lose their {name}"))
    found = []
    for what, count, most, share, words in looks:
        said = f"{count} of {totals.links} records {words}"
        if most is not None and count > most and count > share * totals.links:
            found.append(f"{said}, more than the guard allows ({most} and {share:.0%}){_such_as(totals, what)}")
        elif what == "remove" and most is not None and count >= FEW and count > limits.max_emptied * totals.links:
            found.append(f"{said}, as if the CRM were empty{_such_as(totals, what)}")
    return "; ".join(found)


def _such_as(totals: Totals, what: str) -> str:
    examples = totals.examples.get(what)
    return f", such as {', '.join(examples)}" if examples else ""
