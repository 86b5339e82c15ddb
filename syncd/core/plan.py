"""Deciding: (record read, what is known of it, the pipeline's policy) → a plan. Pure; the first row that fits counts.

The decision table is docs/decision-table.md; a test takes it row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from syncd.core import diff, digest, mapping, model
from syncd.core.model import Known, Lane, Pipeline, Plan
from syncd.sdk import records

HINTS = {
    "phone": "correct the phone in the CRM",
    "unmapped": "add the value to the mapping's table, or say `unmapped: pass`",
    "shared_phone": "decide which record keeps the number, or say `shared_phone: allow`",
    "missing": "gone on the far side; `syncd held retry` creates it anew, `syncd held drop` forgets it",
    "template": "correct the record or the `template`",
    "adoption": "whether it has a lead already is not decided: `syncd adopt {client} --last --review FILE` writes it "
    "down, `--apply FILE` carries out what you decide",
    "unknown_status": "nobody has said what this status of a call means; say it to the dialer's connector (VICIdial: "
    "`status_flags`), then `syncd held retry`",
}
_STRONG = frozenset({"dnc", "sale"})
_KEPT = "kept:"  # before a flag of a link: it comes from an earlier call than the newest


def lead(  # one return for each row of the decision table
    pipe: Pipeline, record: records.Record, known: Known, mapped: mapping.Mapped, hashes: digest.Digest, raw: str
) -> Plan:
    """Plan one CRM record for the dialer; `mapped` are its mapped fields, `raw` the digest of the row."""
    key = records.SyncKey.of(pipe.client, pipe.source.stream, record.id, marked=pipe.marked)
    link = known.link
    undialled = not known.busy and (link is None or link.removed != "")

    def plan(verdict: model.Verdict, reason: str = "", **more: object) -> Plan:
        return Plan(
            record.id,
            record.id,
            verdict,
            digest=raw,
            key=key,
            link_id=link.id if link else None,
            reason=reason,
            modified=record.modified or model.EPOCH,
            frees_phone=verdict == "remove" or (verdict in ("skip", "hold") and undialled),
            **more,  # type: ignore[arg-type]  # the callers below pass fields of Plan
        )

    for wants_out, reason in (
        (record.deleted, "deleted"),
        (pipe.opt_out is not None and not record.deleted and pipe.opt_out(record.fields), "opt_out"),
        (pipe.opt_out is not None and not record.deleted and pipe.opt_out.unclear(record.fields), "unclear"),
        (pipe.consent is not None and not record.deleted and not pipe.consent(record.fields), "consent"),
        (not record.deleted and (record.left or not pipe.where(record.fields)), "left"),
    ):
        if wants_out:
            suppress = reason if reason in ("deleted", "opt_out") else ""
            numbers = pipe.fields.numbers(record.fields) if reason == "opt_out" and pipe.keeps_out else ""
            to_tell = {"phones": numbers} if numbers else {}
            untold = bool(diff.changed(to_tell, link.base if link else {}, "crm", hashes))
            if known.busy or untold or (link and _still_to_remove(link, reason)):
                return plan("remove", reason, lane=Lane.URGENT, suppress=suppress, fields=to_tell)
            return plan("skip", "where" if reason == "left" else reason, suppress=suppress)
    if mapped.problems:
        return held(plan("hold"), mapped.problems)
    phone = ""
    if pipe.fields.phone_fields:
        phone = "".join(mapped.fields.get(name) or "" for name in pipe.fields.phone_fields)
        if not phone and not link and not known.busy:
            return plan("skip", "no_phone")
    if (kept := _kept_back(pipe, known)) is not None:
        verdict, reason, hint = kept
        return plan(verdict, reason, hint=hint)
    if link is None and not known.busy:
        created = plan("create", fields=mapped.fields, phone=phone, lane=Lane.CREATE)
        return created if pipe.start == "all" or record.modified is not None else plan("skip", "no_time")
    if known.busy or (link and diff.changed(mapped.fields, link.base, "crm", hashes, pipe.appointment)):
        return plan("update", fields=mapped.fields, phone=phone)
    if link and link.removed:
        return plan("skip", "removed", phone=phone)
    return plan("none", phone=phone)


def shared_with(crm_id: str) -> str:
    """How the hint of a record begins whose phone another one has."""
    return f"CRM record {crm_id} has this phone"


def _kept_back(pipe: Pipeline, known: Known) -> tuple[model.Verdict, str, str] | None:
    """Verdict, reason and hint of a record that is not planned any further, though nothing is wrong with it."""
    if known.link is None and not known.busy and known.adoption == "skip":
        return "skip", "adoption", ""
    if known.link is None and not known.busy and known.adoption:
        return "hold", "adoption", HINTS["adoption"].format(client=pipe.client)
    if known.phone_of and pipe.shared_phone == "hold":
        return "hold", "shared_phone", f"{shared_with(known.phone_of)}: {HINTS['shared_phone']}"
    return None


def held(stem: Plan, problems: Sequence[tuple[str, str]]) -> Plan:
    """The plan as a hold for what a mapping found."""
    code = problems[0][0]
    why = "; ".join(text for _, text in problems)
    return replace(stem, verdict="hold", reason=code, hint=f"{why}: {HINTS[code]}")


def conflict(stem: Plan, names: Sequence[str], key: str) -> Plan:
    """The plan as a hold for fields that both sides changed."""
    hint = f"{', '.join(names)}: both sides changed; make them equal and say `syncd held retry`, or set {key}"
    return replace(stem, verdict="hold", reason="conflict", hint=hint)


def _still_to_remove(link: model.Link, reason: str) -> bool:
    """A lead is taken out once; an opt-out is told to the dialer even if the lead is out for another reason."""
    return not link.removed or (reason == "opt_out" and link.removed != "opt_out")


def call(
    pipe: Pipeline, record: records.Record, known: Known, spec: records.StreamSpec, hashes: digest.Digest, raw: str
) -> Plan:
    """Plan one call of the dialer for the CRM's activities. Raises WrongKey."""
    if (beyond := outside(pipe, record, known, spec, raw, subject=record.id)) is not None:
        return beyond
    parent = known.parent.crm_id if known.parent else known.waits_for
    mapped = pipe.fields({**record.fields, "crm_id": parent})
    key = records.SyncKey.of(pipe.client, pipe.source.stream, record.id)
    stem = Plan(record.id, record.id, "none", digest=raw, key=key, link_id=known.link.id if known.link else None)
    if "hold" in flags_of(record, spec):
        return _unknown_status(stem)
    return _written(stem, known, mapped, hashes)


ENDED = ("done", "cancelled")
"""Reasons of plans for callbacks that nobody waits for any more."""


def callback(
    pipe: Pipeline,
    record: records.Record,
    known: Known,
    spec: records.StreamSpec,
    hashes: digest.Digest,
    raw: str,
    *,
    appointment: str = "",
) -> Plan:
    """Plan one callback of the dialer for the CRM's tasks. Raises WrongKey.

    appointment: the lead's field by which the CRM books callbacks; one that stands at the time that both sides agree on
    came from there."""
    key = records.SyncKey.of(pipe.client, pipe.source.stream, record.id)
    stem = Plan(record.id, record.id, "none", digest=raw, key=key, link_id=known.link.id if known.link else None)
    if record.deleted:
        if known.link is None:
            return replace(stem, counted=True)
        mapped = pipe.fields({"state": ENDED[1]})
        told = {rule.target for rule in pipe.fields.rules if "state" in _looked_at(rule)}
        only = mapping.Mapped({name: value for name, value in mapped.fields.items() if name in told})
        return replace(_written(stem, known, only, hashes), reason=ENDED[1])
    if (beyond := outside(pipe, record, known, spec, raw, subject=record.id)) is not None:
        return beyond
    state = record.fields.get("state") or ""
    if known.link is None and not known.busy:
        if state in ENDED:
            return replace(stem, verdict="skip", reason="ended")
        if known.unclear or known.waits_for:  # whether the CRM booked it is not known yet
            return replace(stem, verdict="skip", reason="unclear", digest="")
        pair = known.parent.base.get(appointment) if known.parent else None
        if pair is not None and pair[1] == hashes.value(record.fields.get("due_at")):
            return replace(stem, verdict="skip", reason="from_crm")
    mapped = pipe.fields({**record.fields, "crm_id": known.parent.crm_id if known.parent else ""})
    written = _written(stem, known, mapped, hashes)
    return replace(written, reason=state) if state in ENDED and written.verdict != "hold" else written


def _written(stem: Plan, known: Known, mapped: mapping.Mapped, hashes: digest.Digest) -> Plan:
    if mapped.problems:
        return held(stem, mapped.problems)
    if known.link is None and not known.busy:
        return replace(stem, verdict="create", fields=mapped.fields, lane=Lane.DISPOSITION, waits_for=known.waits_for)
    if known.busy or (known.link and diff.changed(mapped.fields, known.link.base, "dialer", hashes)):
        return replace(stem, verdict="update", fields=mapped.fields, lane=Lane.DISPOSITION, waits_for=known.waits_for)
    return stem


def _unknown_status(stem: Plan) -> Plan:
    return replace(stem, verdict="hold", reason="unknown_status", hint=HINTS["unknown_status"])


def outside(
    pipe: Pipeline, record: records.Record, known: Known, spec: records.StreamSpec, raw: str, *, subject: str
) -> Plan | None:
    """The rows that all pipelines of calls share: not ours, wrong key, still running, not wanted. Raises WrongKey."""
    lead_key = (record.fields.get(spec.parent[1]) or "") if spec.parent else ""
    if known.parent is None and not known.waits_for:
        return Plan(record.id, subject, "skip", reason="not_ours", counted=True)
    if known.parent is not None and lead_key != known.parent.key and not known.parent_gone:
        raise model.WrongKey(known.parent)
    if "live" in flags_of(record, spec):
        return Plan(record.id, subject, "skip", digest=raw, reason="live")
    if pipe.looks_at == pipe.source and not pipe.where(record.fields):
        return Plan(record.id, subject, "skip", digest=raw, reason="where")
    return None


def flags_of(record: records.Record, spec: records.StreamSpec) -> frozenset[str]:
    """The flags that the dialer gives a call's status."""
    return frozenset((record.fields.get(spec.flags_field) or "").split()) if spec.flags_field else frozenset()


def disposition(
    pipe: Pipeline,
    record: records.Record,
    known: Known,
    spec: records.StreamSpec,
    hashes: digest.Digest,
    raw: str,
    *,
    stronger: records.Record | None = None,
) -> Plan:
    """Plan the newest call's disposition for the CRM record that it belongs to. Raises WrongKey.

    stronger: an earlier call, read together with this one, that is a sale or a do-not-call request while this one is
    less: it gives the status, as it would have done had it been read by itself before. So does an older call that
    turns out later to be more than what stands; nothing else of it is written."""
    subject = known.parent.crm_id if known.parent else known.waits_for
    if (beyond := outside(pipe, record, known, spec, raw, subject=beside(subject, record))) is not None:
        return beyond
    link = known.parent
    status_of = stronger or record
    flags = flags_of(status_of, spec)
    occurred = records.instant(record.fields.get(spec.occurred_field or "") or "")
    known_at, known_call, known_flags = _newest_known(known)
    own, kept = _standing(known_flags)
    newest = (occurred, record.id)
    if known_call != record.id:
        newest = max(newest, (known_at, known_call))
    older = newest != (occurred, record.id)
    if older and _weight(flags) <= _weight(own | kept):
        return Plan(record.id, beside(subject, record), "skip", digest=raw, reason="older")
    stem = Plan(
        record.id,
        subject,
        "none",
        digest=raw,
        link_id=link.id if link else None,
        lane=Lane.URGENT if "dnc" in flags else Lane.DISPOSITION,
        modified=newest[0],
        waits_for=known.waits_for,
    )
    if link and link.removed and known.target is None:
        return replace(stem, verdict="skip", reason="deleted")
    if link and known.target is None:
        return replace(stem, verdict="hold", reason="missing", hint=HINTS["missing"])
    if "hold" in flags_of(record, spec) and "dnc" not in own | kept | flags:
        return _unknown_status(stem)
    mapped, status = (pipe.fields({**one.fields, "crm_id": subject}) for one in (record, status_of))
    problems = mapped.problems or status.problems
    status_fields = {rule.target for rule in pipe.fields.rules if _is_status(rule, spec)}
    same_call = known_call == record.id and not record.archived  # an old copy of it corrects nothing
    status_stays = _status_stays(pipe, known, own, kept, flags, status_fields, same_call=same_call)
    rest = {} if older or problems else mapped.fields
    wanted = {name: value for name, value in rest.items() if name not in status_fields}
    if not status_stays:
        wanted |= {name: value for name, value in status.fields.items() if name in status_fields}
    if older:
        kept |= flags & _STRONG
    else:
        kept |= own & _STRONG if status_stays or not same_call else frozenset()
        kept |= flags & _STRONG if stronger else frozenset()
        own = flags_of(record, spec)
    call_state = (*newest, " ".join([*sorted(own), *(_KEPT + flag for flag in sorted(kept))]))
    if "dnc" in flags:  # the CRM's change of a status is no reason to call on
        pipe = replace(pipe, on_conflict="source")
    decided = _merged(pipe, replace(stem, call=call_state), known, wanted, hashes)
    if not problems:
        return decided
    if "dnc" in flags and decided.verdict == "update":  # what can be said of it goes out; the rest is planned next
        return replace(decided, digest="")
    return held(stem, problems)


def dnc(
    pipe: Pipeline, record: records.Record, known: Known, spec: records.StreamSpec, hashes: digest.Digest, raw: str
) -> Plan:
    """Plan one lead that the dialer itself may have as do-not-call, for its CRM record. Raises WrongKey."""
    link = known.parent
    if link is None or "dnc" not in flags_of(record, spec):
        return Plan(record.id, record.id, "none", counted=True)
    if record.fields.get(spec.key_field or "") != link.key:
        raise model.WrongKey(link)
    stem = Plan(record.id, link.crm_id, "none", digest=raw, link_id=link.id, lane=Lane.URGENT)
    if known.target is None:
        return replace(stem, verdict="skip", reason="deleted")
    if not pipe.where(record.fields):
        return replace(stem, verdict="skip", reason="where")
    mapped = pipe.fields({**record.fields, "crm_id": link.crm_id})
    if mapped.problems:
        return held(stem, mapped.problems)
    return _merged(pipe, stem, known, mapped.fields, hashes)


def beside(subject: str, record: records.Record) -> str:
    """The subject of a call that does not stand for its CRM record: what is skipped must not end what is to be done."""
    return f"{subject}#{record.id}" if subject else record.id


def strength(record: records.Record, spec: records.StreamSpec) -> int:
    """How much a call's status weighs: do-not-call before sale before everything else."""
    return _weight(flags_of(record, spec))


def _newest_known(known: Known) -> tuple[datetime, str, str]:
    """The newest call that was planned before, (start, id, flags); before all times if there is none."""
    link = known.parent
    of_link = (link.called_at or model.EPOCH, link.call_id, link.flags) if link else (model.EPOCH, "", "")
    return known.call if known.call is not None and known.call[:2] > of_link[:2] else of_link


def _standing(flags: str) -> tuple[frozenset[str], frozenset[str]]:
    """The flags of the newest call, and those of earlier ones that outlast it."""
    names = flags.split()
    own = frozenset(name for name in names if not name.startswith(_KEPT))
    return own, frozenset(name.removeprefix(_KEPT) for name in names if name.startswith(_KEPT))


def _weight(flags: frozenset[str]) -> int:
    return 2 if "dnc" in flags else 1 if "sale" in flags else 0


def _is_status(rule: mapping.Rule, spec: records.StreamSpec) -> bool:
    return bool(_looked_at(rule) & {"status", "status_name", spec.flags_field})


def _looked_at(rule: mapping.Rule) -> set[str]:
    return {*rule.sources, *(name for choice in rule.choices for name in choice.when.fields)}


def _status_stays(
    pipe: Pipeline,
    known: Known,
    own: frozenset[str],
    kept: frozenset[str],
    flags: frozenset[str],
    status_fields: set[str],
    *,
    same_call: bool,
) -> bool:
    """A weaker status never overwrites DNC or SALE; only a correction of the very call may take a SALE back."""
    if "dnc" in flags:
        return False
    if "dnc" in own | kept:
        return True
    if known.target is not None and pipe.opt_out is not None and pipe.opt_out(known.target.fields):
        return True
    if "sale" in flags:
        return False
    if "sale" in kept:
        return True
    if "sale" in own:
        return not same_call
    target = known.target.fields if known.target is not None else {}
    return any((target.get(name) or "").strip().casefold() in pipe.protect for name in status_fields)


def _merged(pipe: Pipeline, stem: Plan, known: Known, wanted: records.Fields, hashes: digest.Digest) -> Plan:
    """Compare with the target record as it is now, field by field."""
    write: dict[str, str | None] = {}
    agreed: dict[str, str | None] = {}
    conflicts: list[str] = []
    base = known.parent.base if known.parent else {}
    current = known.target.fields if known.target is not None else {}
    for name, value in wanted.items():
        change = diff.against_target(value, current.get(name), base.get(pipe.in_base(name)), "dialer", hashes)
        if change == "agreed":
            agreed[name] = value
        elif change == "write" or (change == "conflict" and pipe.on_conflict == "source"):
            write[name] = value
        elif change == "conflict" and pipe.on_conflict == "hold":
            conflicts.append(name)
    if conflicts:
        return conflict(stem, conflicts, "`on_conflict`")
    if write or known.busy:
        return replace(stem, verdict="update", fields={**write, **(agreed if known.busy else {})}, agreed=agreed)
    return replace(stem, agreed=agreed)
