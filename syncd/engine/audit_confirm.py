"""The last phase of an audit: each suspicion is looked at once more, both sides read together, and judged.

The sides were not read at the same moment, so that what changed between shows as a difference. What is confirmed here
was seen in records that were read a moment after each other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from syncd.core import audit, model
from syncd.engine import audit_calls, audit_leads
from syncd.engine.audit_turn import AT_ONCE, Turn
from syncd.sdk import records
from syncd.store import audit as stored
from syncd.store import known

_HASHED = re.compile(r"[A-Z2-7]{20}")  # a key that is no id, see `records.SyncKey`
_OF_RECORDS = ("missing", "doubled", "orphaned", "differing")


def confirm(turn: Turn) -> bool:
    """Judge all suspicions; returns whether none is left."""
    while True:
        suspects = stored.findings(turn.db, turn.number, ["suspected"], limit=AT_ONCE)
        if not suspects:
            return True
        kind = suspects[0].kind
        some = [one for one in suspects if one.kind == kind or (kind in _OF_RECORDS and one.kind in _OF_RECORDS)]
        step = stored.Step(judged=[(one.kind, one.subject) for one in some])
        if kind in _OF_RECORDS:
            verdicts = _of_records(turn, some)
        elif kind == "call_without_activity":
            verdicts = [_of_call(turn, one) for one in some]
        else:
            verdicts = [_of_activity(turn, one) for one in some]
        step.confirmed = [found for verdict in verdicts for found in verdict.findings]
        step.counts = Counter(why for verdict in verdicts for why in verdict.explained)
        turn.advance(step)
        if turn.ctx.stopping():
            return False


def _of_records(turn: Turn, suspects: Sequence[audit.Finding]) -> list[audit.Verdict]:
    """By CRM record; of a lead that none is known for, the store or the key itself may tell which it was."""
    places: dict[str, list[str]] = {}
    strangers: dict[str, audit.Finding] = {}
    links = known.links_by_dialer(
        turn.db, turn.client.name, "leads", [audit_leads.lead_of(one.subject) for one in suspects]
    )
    for one in suspects:
        lead_id = audit_leads.lead_of(one.subject)
        if lead_id and lead_id not in links:
            strangers[lead_id] = one
        else:
            record_id = links[lead_id].crm_id if lead_id else one.subject
            places.setdefault(record_id, []).extend(one.far_ids)
    if strangers:
        with turn.ctx.asking("dialer"):
            there = turn.client.dialer.get("leads", list(strangers), [*turn.lead_fields])
        key_field = turn.spec.key_field or ""
        for lead in there:
            key = lead.fields.get(key_field) or ""
            if turn.key(key).value == key and turn.carries(lead, turn.key(key)):  # the key may be the id itself
                places.setdefault(key, []).append(lead.id)
    return list(_judged(turn, places).values()) + _without_record(turn, strangers, places)


def _without_record(
    turn: Turn, strangers: dict[str, audit.Finding], places: dict[str, list[str]]
) -> list[audit.Verdict]:
    """Leads whose key is a hash that nobody can turn back: they stay as they were seen, if they are still there."""
    placed = {lead_id for ids in places.values() for lead_id in ids}
    rest = [lead_id for lead_id in strangers if lead_id not in placed]
    if not rest:
        return []
    with turn.ctx.asking("dialer"):
        there = turn.client.dialer.get("leads", rest, [*turn.lead_fields])
    return [
        audit.Verdict((replace(strangers[lead.id], subject=f"lead {lead.id}"),))
        for lead in there
        if audit.in_dialling(lead, turn.spec)
    ]


def _judged(turn: Turn, places: dict[str, list[str]]) -> dict[str, audit.Verdict]:
    if not places:
        return {}
    with turn.ctx.asking("crm"):
        found = turn.client.crm.get(turn.leads.source.stream, list(places), turn.crm_fields)
    there = {record.id: record for record in found}
    part = [there.get(one) or records.Record(one, {}) for one in places]
    wants = {
        record.id: audit.expected(turn.leads, record)
        if record.id in there
        else audit.Expected("out.deleted" if turn.crm_spec.deletes == "vanish" else "out.gone")
        for record in part
    }
    leads = audit_leads.find_leads(turn, wants, places)
    facts = audit_leads.known_of(turn, part)
    return {
        record.id: audit_leads.judged(turn, record.id, wants[record.id], leads[record.id], facts[record.id])
        for record in part
    }


def _of_call(turn: Turn, suspect: audit.Finding) -> audit.Verdict:
    pipe = turn.calls
    if pipe is None or audit_calls.find_activity(turn, pipe, suspect.subject):
        return audit.Verdict()
    read_to = turn.read_to(pipe.source)
    standing = stored.standing(turn.db, turn.client.name, str(pipe.target), pipe.name, [suspect.subject])
    stands = standing.get(suspect.subject, stored.Standing())
    if stands.busy or read_to is None or (suspect.at is not None and suspect.at > read_to):
        return audit.Verdict(explained=("waiting",))
    if stands.held:
        return audit.Verdict(explained=(f"held.{stands.held}",))
    if stands.last == "dropped":
        return audit.Verdict(explained=("skip.dropped",))
    link = known.links_by_dialer(turn.db, turn.client.name, pipe.source.stream, [suspect.subject])
    if link:
        ids = (link[suspect.subject].crm_id,)
        return audit.Verdict((replace(suspect, reason="gone", far_ids=ids, mend="hold"),))
    return audit.Verdict((replace(suspect, reason="never_made", mend="backfill"),))


def _of_activity(turn: Turn, suspect: audit.Finding) -> audit.Verdict:
    """`reason` of the suspicion is the activity's key."""
    pipe, key, at = turn.calls, suspect.reason, suspect.at
    if pipe is None or at is None:
        return audit.Verdict()
    with turn.ctx.asking("crm"):
        if not turn.client.crm.get(pipe.target.stream, [suspect.subject], [audit_calls.time_field(turn) or ""]):
            return audit.Verdict()
    for call in _calls_about(turn, pipe, at):
        if audit_calls.call_key(pipe, call.id) == key:
            return audit.Verdict()
    link = stored.link_of_activity(turn.db, turn.client.name, pipe.target.stream, suspect.subject, key)
    if not link and not _HASHED.fullmatch(key):
        return audit.Verdict()  # a field that others use as well: no key of ours looks like this
    reason = "gone" if link else "unknown_origin"
    return audit.Verdict((replace(suspect, reason=reason, far_ids=(link,) if link else ()),))


def _calls_about(turn: Turn, pipe: model.Pipeline, at: datetime) -> list[records.Record]:
    since, until = records.Cursor(at - timedelta(seconds=1)), at + timedelta(seconds=1)
    found: list[records.Record] = []
    with turn.ctx.asking("dialer"):
        for page in turn.client.dialer.pull(pipe.source.stream, since, until, audit_calls.call_fields(turn, pipe)):
            found += page.records
    return found
