"""Phases of an audit that compare CRM records with leads.

Where all leads can be listed, the CRM's side is stored first – keys and hashes, no values – and each lead is held
against it in the order of the dialer's ids. Elsewhere the leads of each record are looked up by its phone and, since
that may have been changed on the dialer, by the link that the store has; what the store says is only a place to look:
a lead counts as the record's only if it carries its key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from syncd.core import audit
from syncd.engine import pull
from syncd.engine.audit_turn import AT_ONCE, Turn, chunks
from syncd.sdk import protocol, records
from syncd.store import audit as stored
from syncd.store import erasures, known

LEADS_AT_ONCE = 500


def read_records(turn: Turn) -> bool:
    """Read all CRM records; returns whether the end was reached."""
    row, ctx = turn.row, turn.ctx
    listing = turn.lister is not None
    since = _since(row.position)
    with ctx.asking("crm"):
        now = turn.client.crm.clock()
        until = min(now, row.until)
        pages = iter(turn.client.crm.pull(turn.leads.source.stream, since, until, turn.crm_fields))
    settled_at = now - pull.lateness(turn.crm_spec)
    while True:
        with ctx.asking("crm"):
            page = next(pages, None)
        if page is None:
            return True
        counts: Counter[str] = Counter()  # with the position, so that a page that is read again counts once
        gone = erasures.erased(turn.db, turn.client.name, [record.id for record in page.records])
        for part in chunks([record for record in page.records if record.id not in gone]):
            step = _remembered(turn, part) if listing else _looked_up(turn, part)
            counts += step.counts
            step.counts = Counter()
            turn.advance(step)
            if ctx.stopping():
                return False
        cursor = page.cursor if page.cursor.at <= settled_at else records.Cursor(page.cursor.at)
        turn.advance(stored.Step(position={"at": cursor.at.isoformat(), "id": cursor.id}, counts=counts))


def _since(position: Mapping[str, str]) -> records.Cursor | None:
    if not position:
        return None
    return records.Cursor(datetime.fromisoformat(position["at"]), position["id"])


def _remembered(turn: Turn, part: Sequence[records.Record]) -> stored.Step:
    """Rows to hold leads against."""
    rows = []
    for record in part:
        wants = audit.expected(turn.leads, record)
        wanted = ""
        if wants.fields:
            fields = turn.stored({name: wants.fields[name] for name in turn.names if name in wants.fields})
            wanted = audit.fingerprint(fields, turn.names, turn.ctx.hashes)
        rows.append(stored.Row(record.id, turn.key(record.id).value, wants.state, wanted))
    return stored.Step(rows=rows, counts=Counter(records=len(part)))


def _looked_up(turn: Turn, part: Sequence[records.Record]) -> stored.Step:
    """Rows, and what the look-up of their leads makes suspicious."""
    wants = {record.id: audit.expected(turn.leads, record) for record in part}
    leads = find_leads(turn, wants)
    facts = known_of(turn, part)
    step = stored.Step(counts=Counter(records=len(part)))
    rows: list[stored.Row] = []
    suspects: list[audit.Finding] = []
    for record in part:
        found = leads[record.id]
        far_id = _far_id(turn, found)
        rows.append(stored.Row(record.id, turn.key(record.id).value, wants[record.id].state, far_id=far_id))
        verdict = judged(turn, record.id, wants[record.id], found, facts[record.id])
        suspects += verdict.findings
        step.counts.update(verdict.explained)
    step.rows, step.suspects = rows, suspects
    step.counts["leads"] = sum(map(len, leads.values()))
    return step


def _far_id(turn: Turn, leads: Sequence[records.Record]) -> str:
    dialled = [lead.id for lead in leads if audit.in_dialling(lead, turn.spec)]
    return dialled[0] if dialled else f"-{leads[0].id}" if leads else ""


def judged(
    turn: Turn, record_id: str, wants: audit.Expected, leads: Sequence[records.Record], facts: audit.Known
) -> audit.Verdict:
    """The verdict on a record whose sides were read just now."""
    return audit.judge(
        turn.leads, record_id, wants, leads, facts, spec=turn.spec, stored=turn.stored, hashes=turn.ctx.hashes
    )


def find_leads(
    turn: Turn, wants: Mapping[str, audit.Expected], places: Mapping[str, Sequence[str]] | None = None
) -> dict[str, list[records.Record]]:
    """CRM id → the leads that carry its key: by phone, by link, and by the ids in `places`."""
    dialer, found = turn.client.dialer, {record_id: dict[str, records.Record]() for record_id in wants}
    by_phone = [
        (record_id, (turn.key(record_id), {name: one.fields.get(name) for name in turn.spec.near}))
        for record_id, one in wants.items()
        if any(one.fields.get(name) for name in turn.spec.near)
    ]
    with turn.ctx.asking("dialer"):
        if isinstance(dialer, protocol.FindsMany):
            hits = dialer.find_many("leads", [near for _, near in by_phone]) if by_phone else []
        else:
            hits = [dialer.find("leads", key, near) for _, (key, near) in by_phone]
    for (record_id, _), leads in zip(by_phone, hits, strict=True):
        found[record_id].update((lead.id, lead) for lead in leads)
    links = known.links_by_crm(turn.db, turn.client.name, turn.leads.source.stream, list(wants))
    to_get: dict[str, str] = {}
    for record_id in wants:
        link = links.get(record_id)
        ids = [*(places or {}).get(record_id, ()), *([link.dialer_id] if link else [])]
        to_get.update((lead_id, record_id) for lead_id in ids if lead_id not in found[record_id])
    fields = [*turn.lead_fields]
    with turn.ctx.asking("dialer"):
        there = dialer.get("leads", list(to_get), fields) if to_get else []
    for lead in there:
        record_id = to_get[lead.id]
        if turn.carries(lead, turn.key(record_id)):
            found[record_id][lead.id] = lead
    return {record_id: list(leads.values()) for record_id, leads in found.items()}


def known_of(turn: Turn, part: Sequence[records.Record]) -> dict[str, audit.Known]:
    """What the store says of these CRM records."""
    name, stream = turn.client.name, turn.leads.source.stream
    ids = [record.id for record in part]
    links = known.links_by_crm(turn.db, name, stream, ids)
    standing = stored.standing(turn.db, name, str(turn.leads.target), turn.leads.name, ids)
    read_to = turn.read_to(turn.leads.source)
    found = {}
    for record in part:
        stands = standing.get(record.id, stored.Standing())
        at = record.modified
        found[record.id] = audit.Known(
            link=links.get(record.id),
            busy=stands.busy,
            held=stands.held,
            last=stands.last,
            early=at is not None and at < turn.started_at,
            unread=read_to is None or (at is not None and at > read_to),
        )
    return found


def read_leads(turn: Turn) -> bool:
    """Hold each lead against the CRM's side, where leads can be listed; else look at the leads of links that no CRM
    record was found for."""
    lister = turn.lister
    return _all_leads(turn, lister) if lister is not None else _linked_leads(turn)


def _all_leads(turn: Turn, lister: protocol.Lists) -> bool:
    if not turn.leads.marked:
        turn.note("the mapping writes the marker's field: leads whose CRM record is gone cannot be told from others'")
    while True:
        with turn.ctx.asking("dialer"):
            page = lister.listed("leads", turn.lead_fields, turn.row.position.get("after", ""), LEADS_AT_ONCE)
        step = _held_against(turn, page.records)
        step.position = {"after": page.after} if page.after is not None else None
        turn.advance(step)
        if page.after is None:
            return True
        if turn.ctx.stopping():
            return False


def _held_against(turn: Turn, leads: Sequence[records.Record]) -> stored.Step:
    spec, marker = turn.spec, turn.marker
    keys = {lead.fields.get(spec.key_field or "") or "" for lead in leads}
    rows = stored.rows_by(turn.db, turn.number, "record", "key", keys)
    step = stored.Step()
    suspects: list[audit.Finding] = []
    for lead in leads:
        row = rows.get(lead.fields.get(spec.key_field or "") or "")
        if marker is not None and spec.marker_field and lead.fields.get(spec.marker_field) != marker:
            continue
        dialled = audit.in_dialling(lead, spec)
        if row is None:
            if marker is not None and dialled:
                suspects.append(audit.Finding("orphaned", _LEAD + lead.id, "gone", (lead.id,)))
            continue
        step.counts["leads"] += 1
        before = step.far.get(row.id, row.far_id)
        if not dialled:
            step.far = {**step.far, row.id: before or f"-{lead.id}"}
            continue
        step.far = {**step.far, row.id: lead.id}
        if before and not before.startswith("-") and before != lead.id:
            suspects.append(audit.Finding("doubled", row.id, "", (before, lead.id)))
        elif row.state.startswith("out."):
            suspects.append(audit.Finding("orphaned", row.id, row.state.removeprefix("out."), (lead.id,)))
        elif row.wanted and not audit.matches(row.wanted, lead.fields, turn.names, turn.ctx.hashes):
            suspects.append(audit.Finding("differing", row.id, "", (lead.id,)))
    step.suspects = suspects
    return step


_LEAD = "lead "
"""Before the id of a lead that no CRM record is known for, as the subject of a finding."""


def lead_of(subject: str) -> str:
    """The lead that a finding is about where it is about no CRM record, else ""."""
    return subject.removeprefix(_LEAD) if subject.startswith(_LEAD) else ""


def _linked_leads(turn: Turn) -> bool:
    while True:
        after = int(turn.row.position.get("after", "0"))
        links = known.links_after(turn.db, turn.client.name, "leads", after, AT_ONCE)
        rows = stored.rows_by(turn.db, turn.number, "record", "record_id", [link.crm_id for link in links])
        gone = {link.dialer_id: link for link in links if link.crm_id not in rows}
        suspects: list[audit.Finding] = []
        if gone:
            with turn.ctx.asking("dialer"):
                leads = turn.client.dialer.get("leads", list(gone), [*turn.lead_fields])
            for lead in leads:
                crm_id = gone[lead.id].crm_id
                if turn.carries(lead, turn.key(crm_id)) and audit.in_dialling(lead, turn.spec):
                    suspects.append(audit.Finding("orphaned", crm_id, "gone", (lead.id,)))
        if not links:
            return True
        turn.advance(stored.Step(position={"after": str(links[-1].id)}, suspects=suspects))
        if turn.ctx.stopping():
            return False


def look_for_missing(turn: Turn) -> bool:
    """Those records that should have a lead and for which the list of all leads had none."""
    if turn.lister is None:
        return True  # they were looked up one by one
    while True:
        after = turn.row.position.get("after", "")
        rows = stored.unseen(turn.db, turn.number, "record", after, LEADS_AT_ONCE)
        if not rows:
            return True
        suspects = [audit.Finding("missing", row.id) for row in rows]
        turn.advance(stored.Step(position={"after": rows[-1].id}, suspects=suspects))
        if turn.ctx.stopping():
            return False
