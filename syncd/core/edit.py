"""Edits: what an agent changed in the fields of a called lead, for the CRM record that it belongs to. Pure.

A lead's field counts as changed if it is not what the dialer's side of the base says; the CRM's counts as changed if
what `leads` makes of the record now is not the CRM's side. So neither side's copy of the other is ever an edit, and
once an edit is settled both sides of the base say so: `leads` does not send it back. Fields that `leads` does not fill
have a base of their own. What has no base counts as changed where it is not blank. Of a base that was lost, because an
update of the lead may have been applied or undone, nothing can be told: `leads` sends that update again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from syncd.core import digest, mapping, model
from syncd.sdk import records

Stored = Callable[[records.Fields], Mapping[str, str | None]]


@dataclass(frozen=True, slots=True)
class Pair:
    """A lead and its CRM record as they are now, and what is known besides.

    called: start and end of the call during which the agent may have changed the lead; None where no call is known.
    we_wrote_at: when syncd itself last changed the CRM record: its time of change may be no person's.
    """

    link: model.Link
    lead: records.Record
    target: records.Record
    called: tuple[datetime, datetime] | None = None
    we_wrote_at: datetime | None = None


@dataclass(slots=True)
class Edits:
    """What is to become of the fields of one pair.

    write: CRM fields to write. agreed: base of what both sides hold alike by now. settles: base once `write` is
    applied. conflicts: CRM fields for a person to decide. yields: lead fields whose CRM side wins. contested: lead
    fields that changed on both sides and are not yielded: `leads` must not overwrite them.
    """

    write: dict[str, str | None] = field(default_factory=dict)
    agreed: dict[str, tuple[str, str]] = field(default_factory=dict)
    settles: dict[str, tuple[str, str]] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    yields: set[str] = field(default_factory=set)
    contested: set[str] = field(default_factory=set)
    problems: tuple[tuple[str, str], ...] = ()


def compare(
    pipe: model.Pipeline, leads: model.Pipeline | None, pair: Pair, hashes: digest.Digest, stored: Stored
) -> Edits:
    """Decide field by field. `leads`: the pipeline that fills the leads, if there is one; `stored`: what the CRM makes
    of fields that are written to it."""
    mapped = pipe.fields(pair.lead.fields)
    if mapped.problems:
        return Edits(problems=mapped.problems)
    found = Edits()
    as_lead = leads.fields(pair.target.fields).fields if leads else {}
    filled = frozenset(leads.fields.targets) if leads else frozenset[str]()
    agreed_fields: list[mapping.Rule] = []
    written: list[mapping.Rule] = []
    for rule in pipe.fields.rules:
        if rule.target not in mapped.fields:
            continue  # a blank never overwrites
        value, current = mapped.fields[rule.target], pair.target.fields.get(rule.target)
        if (value or "") == (current or ""):
            agreed_fields.append(rule)
            continue
        by_lead, by_crm = _changed(pipe, rule, pair, value, as_lead, filled, hashes)
        if not by_lead:
            continue
        sources = _sources(rule) & filled
        winner = "dialer"
        if by_crm:
            lost = any(pair.link.base.get(name) == model.UNKNOWN for name in sources)
            winner = "crm" if lost else _winner(pipe.edit_policy.get(rule.target, "hold"), pair)
        if winner == "crm":
            found.yields |= sources
            continue
        if by_crm:
            found.contested |= sources
        if winner == "dialer":
            found.write[rule.target] = value
            written.append(rule)
        else:
            found.conflicts.append(rule.target)
    found.contested -= found.yields
    after = {**pair.target.fields, **found.write, **(stored(found.write) if found.write else {})}
    found.settles = _base(pipe, written, pair, mapped, after, leads, found.yields, hashes)
    if not found.conflicts:
        agreed = _base(pipe, agreed_fields, pair, mapped, pair.target.fields, leads, found.yields, hashes)
        found.agreed = {
            name: both
            for name, both in agreed.items()
            if pair.link.base.get(name) != both and name not in found.settles
        }
    return found


def _sources(rule: mapping.Rule) -> set[str]:
    return {*rule.sources, *(name for choice in rule.choices for name in choice.when.fields)}


def _changed(
    pipe: model.Pipeline,
    rule: mapping.Rule,
    pair: Pair,
    value: str | None,
    as_lead: records.Fields,
    filled: frozenset[str],
    hashes: digest.Digest,
) -> tuple[bool, bool]:
    """Whether the lead's side and the CRM's side of a field are not what they were when both last agreed."""
    base, sources = pair.link.base, _sources(rule)

    def differs(name: str, side: int, text: str | None) -> bool:
        return hashes.value(text) != base[name][side] if name in base else bool(text)

    if sources and sources <= filled:
        by_lead = any(differs(name, 1, pair.lead.fields.get(name)) for name in sources)
        return by_lead, any(differs(name, 0, as_lead[name]) for name in sources if name in as_lead)
    own = pipe.in_base(rule.target)
    return differs(own, 1, value), differs(own, 0, pair.target.fields.get(rule.target))


def _winner(policy: model.EditPolicy, pair: Pair) -> model.EditPolicy:
    """Who wins a field that both sides changed; "hold" where nobody can tell."""
    if policy != "newest":
        return policy
    changed_at = pair.target.modified
    if pair.called is None or changed_at is None:
        return "hold"
    start, end = pair.called
    if changed_at < start:
        return "dialer"
    if pair.we_wrote_at is not None and pair.we_wrote_at >= start:
        return "hold"
    return "crm" if changed_at >= end else "hold"


def _base(
    pipe: model.Pipeline,
    rules: list[mapping.Rule],
    pair: Pair,
    mapped: mapping.Mapped,
    after: records.Fields,
    leads: model.Pipeline | None,
    yields: set[str],
    hashes: digest.Digest,
) -> dict[str, tuple[str, str]]:
    """The base of these fields when the CRM record holds `after`, for `leads` as well."""
    result: dict[str, tuple[str, str]] = {}
    as_lead = leads.fields(after).fields if leads and rules else {}
    filled = frozenset(leads.fields.targets) if leads else frozenset[str]()
    for rule in rules:
        sources = _sources(rule)
        for name in (sources & filled) - yields:
            old = pair.link.base.get(name)
            crm = hashes.value(as_lead[name]) if name in as_lead else old[0] if old else hashes.value(None)
            result[name] = (crm, hashes.value(pair.lead.fields.get(name)))
        if not sources or not sources <= filled:
            result[pipe.in_base(rule.target)] = (
                hashes.value(after.get(rule.target)),
                hashes.value(mapped.fields[rule.target]),
            )
    return result
