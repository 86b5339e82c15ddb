"""Comparing both sides: what a CRM record should have on the dialer, what it has there, and what follows. Pure.

A suspicion that was raised while both sides were read is judged once more on records that were read together. What is
on its way, held for a person, or left out by policy, is explained, and no finding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from syncd.core import digest, model
from syncd.sdk import records

FindingKind = Literal[
    "missing", "doubled", "orphaned", "differing", "call_without_activity", "activity_without_call", "count"
]
KINDS: tuple[FindingKind, ...] = (
    "missing", "doubled", "orphaned", "differing", "call_without_activity", "activity_without_call", "count",
)  # fmt: skip
DRIFT = KINDS[:-1]
"""What counts as drift; a day's calls that the dialer counts otherwise are said of the source of calls, not of any."""

Mend = Literal["", "backfill", "hold"]
"""How a finding is mended: not by syncd, by planning its record again, or by asking a person (`syncd held`)."""

OUT_OF_DIALLING = frozenset({"dnc", "removed"})  # flags of a lead
Stored = Callable[[records.Fields], Mapping[str, str | None]]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a CRM record should have on the dialer. `state`: "" a lead with these fields; "out.REASON" none in dialling;
    "hold.CODE" nobody can tell before a person has mended the record; "skip.no_phone" none, but one that is there
    already stays."""

    state: str
    fields: records.Fields = field(default_factory=dict)

    @property
    def is_out(self) -> bool:
        """Whether no lead of the record may be in dialling."""
        return self.state.startswith("out.")


@dataclass(frozen=True, slots=True)
class Known:
    """What the store says of a record, to explain what is seen. `link`: its lead. `busy`: an intent of it is staged or
    on its way. `held`: why one is held, "" if none is. `last`: how its last intent for the dialer ended. `early`: the
    record has not changed since its pipeline started. `unread`: it has changed since the stream was read last."""

    link: model.Link | None = None
    busy: bool = False
    held: str = ""
    last: str = ""
    early: bool = False
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. `subject`: the CRM record, call, activity or lead that it is about;
    `far_ids`: records of the other side; `fields`: names of what differs; `at`: when a call began."""

    kind: FindingKind
    subject: str
    reason: str = ""
    far_ids: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    mend: Mend = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at both sides of a record gave. `explained`: why something is no finding though both differ."""

    findings: tuple[Finding, ...] = ()
    explained: tuple[str, ...] = ()


def expected(pipe: model.Pipeline, record: records.Record) -> Expected:
    """What `plan.lead` would want for this record if nothing were known of it."""
    if record.deleted:
        return Expected("out.deleted")
    if pipe.opt_out is not None and pipe.opt_out(record.fields):
        return Expected("out.opt_out")
    if pipe.consent is not None and not pipe.consent(record.fields):
        return Expected("out.consent")
    if record.left or not pipe.where(record.fields):
        return Expected("out.left")
    mapped = pipe.fields(record.fields)
    if mapped.problems:
        return Expected(f"hold.{mapped.problems[0][0]}")
    phones = pipe.fields.phone_fields
    if phones and not any(mapped.fields.get(name) for name in phones):
        return Expected("skip.no_phone", mapped.fields)
    return Expected("", mapped.fields)


def in_dialling(lead: records.Record, spec: records.StreamSpec) -> bool:
    """Whether a lead may be dialled, as far as it is ours to say."""
    flags = (lead.fields.get(spec.flags_field) or "").split() if spec.flags_field else []
    return not lead.deleted and OUT_OF_DIALLING.isdisjoint(flags)


def carries(lead: records.Record, key: records.SyncKey, spec: records.StreamSpec, marker: str | None) -> bool:
    """Whether a lead carries this key, and its marker, as the dialer stores it, where it is planted."""
    if spec.key_field is None or lead.fields.get(spec.key_field) != key.value:
        return False
    return key.marker is None or spec.marker_field is None or lead.fields.get(spec.marker_field) == marker


def comparable(pipe: model.Pipeline, spec: records.StreamSpec) -> tuple[str, ...]:
    """The lead's fields that are compared: what is mapped, but for appointments, which pass, and for what the dialer
    changes in the course of its work."""
    left_out = {*pipe.appointment, *spec.works_on}
    return tuple(sorted(name for name in pipe.fields.targets if name not in left_out))


def fingerprint(fields: records.Fields, names: Sequence[str], hashes: digest.Digest) -> str:
    """Which of these names the fields have, and the hash of their values."""
    mask = sum(1 << place for place, name in enumerate(names) if name in fields)
    return f"{mask:x}:{hashes.row([fields.get(name) or '' for name in names if name in fields], '')}"


def matches(wanted: str, lead: records.Fields, names: Sequence[str], hashes: digest.Digest) -> bool:
    """Whether a lead has what a fingerprint was taken of."""
    mask = int(wanted.partition(":")[0], 16)
    own = {name: lead.get(name) for place, name in enumerate(names) if mask >> place & 1}
    return fingerprint(own, names, hashes) == wanted


def judge(
    pipe: model.Pipeline,
    subject: str,
    wants: Expected,
    leads: Sequence[records.Record],
    known: Known,
    *,
    spec: records.StreamSpec,
    stored: Stored,
    hashes: digest.Digest,
) -> Verdict:
    """Compare a CRM record with all leads that carry its key, both read just now. `stored`: what the dialer makes of
    fields that are sent to it."""
    dialled = [lead for lead in leads if in_dialling(lead, spec)]
    ids = tuple(lead.id for lead in dialled)
    on_its_way = known.busy or known.unread
    if wants.is_out:
        if not dialled:
            return Verdict()
        if on_its_way:
            return Verdict(explained=("waiting",))
        if known.held:
            return Verdict(explained=(f"held.{known.held}",))
        by_planning = known.link is not None and not known.link.removed and known.link.dialer_id in ids
        mend: Mend = "backfill" if by_planning and wants.state != "out.gone" else ""
        return Verdict((Finding("orphaned", subject, wants.state.removeprefix("out."), ids, mend=mend),))
    if len(dialled) > 1:
        return Verdict(explained=("waiting",)) if known.busy else Verdict((Finding("doubled", subject, "", ids),))
    if on_its_way:
        return Verdict(explained=("waiting",))
    if wants.state.startswith("hold."):
        return Verdict(explained=(f"held.{wants.state.removeprefix('hold.')}",))
    if dialled:
        return _compared(pipe, subject, wants, dialled[0], known, spec, stored, hashes)
    if leads:
        return Verdict(explained=("out_of_dialling",))
    return _missing(subject, wants, known)


def _missing(subject: str, wants: Expected, known: Known) -> Verdict:
    if known.held:
        return Verdict(explained=(f"held.{known.held}",))
    if known.link is None:
        for holds, why in (
            (wants.state != "", wants.state),
            (known.early, "skip.before_start"),
            (known.last in ("screened", "dropped"), f"skip.{known.last}"),
        ):
            if holds:
                return Verdict(explained=(why,))
        return Verdict((Finding("missing", subject, "never_made", mend="backfill"),))
    return Verdict((Finding("missing", subject, "gone", (known.link.dialer_id,), mend="hold"),))


def _compared(
    pipe: model.Pipeline,
    subject: str,
    wants: Expected,
    lead: records.Record,
    known: Known,
    spec: records.StreamSpec,
    stored: Stored,
    hashes: digest.Digest,
) -> Verdict:
    names = [name for name in comparable(pipe, spec) if name in wants.fields and name in lead.fields]
    foretold = stored({name: wants.fields[name] for name in names})
    differ = [name for name in names if (foretold.get(name) or "") != (lead.fields.get(name) or "")]
    if not differ:
        return Verdict()
    if known.held:
        return Verdict(explained=(f"held.{known.held}",))
    base = known.link.base if known.link is not None and known.link.dialer_id == lead.id else {}
    late, theirs = [], []
    for name in differ:
        pair = base.get(name)
        if pair is None or pair == model.UNKNOWN or pair[0] != hashes.value(wants.fields[name]):
            late.append(name)
        elif pair[1] != hashes.value(lead.fields.get(name)):
            theirs.append(name)
    if late:
        found_again = known.link is not None or not set(spec.near).intersection(differ)
        mend: Mend = "backfill" if found_again else ""
        return Verdict((Finding("differing", subject, "crm_changed", (lead.id,), tuple(differ), mend),))
    if theirs:
        return Verdict((Finding("differing", subject, "dialer_changed", (lead.id,), tuple(theirs)),))
    return Verdict(explained=("stored_its_own_way",))
