"""Recordings of calls: looked up late, again and again with growing pauses, and written to the call's activity. Pure.

A recording's link appears minutes after the call, sometimes never. So a call is first only remembered (`Awaited`); what
a look has found decides what becomes of it. The decision table is docs/decision-table.md.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from syncd.core import diff, digest, model, plan
from syncd.core.model import OF_RECORDING, Awaited, Known, Pipeline, Plan
from syncd.sdk import errors, records

FIELDS: Mapping[str, str] = {
    "recording_url": "text",
    "recording_id": "text",
    "recording_filename": "text",
    "recording_started_at": "instant",
    "recording_length_in_sec": "seconds",
    "recording_user": "text",
    "recording_count": "integer",
}
"""What the mapping of `recordings` may read beside the call's fields; a name, and a word for its type."""

LONGEST_PAUSE = timedelta(hours=1)
LEAST_PAUSE = timedelta(minutes=1)
Looked = Sequence[records.Record] | errors.SyncdError
_LINK_HINT = (
    "its link is no http(s) address; add a rule that makes it one to the dialer's options, then `syncd held retry`"
)


def awaited(
    pipe: Pipeline, record: records.Record, known: Known, spec: records.StreamSpec, raw: str, needed: Collection[str]
) -> Plan:
    """Plan a call that was just read: from now on its recording is awaited. `needed`: fields of the call that the
    look-up needs. Raises WrongKey."""
    if (beyond := plan.outside(pipe, record, known, spec, raw, subject=record.id)) is not None:
        return beyond
    start = record.fields.get(spec.occurred_field or "")
    began = records.instant(start) if start else record.modified or model.EPOCH
    length = record.fields.get(spec.length_field or "") or "0"
    ended = began + timedelta(seconds=int(length) if length.isdigit() else 0)
    names = {*pipe.reads, *needed} - {"crm_id"}
    fields = {name: value for name in sorted(names) if (value := record.fields.get(name))}
    fields["crm_id"] = known.parent.crm_id if known.parent else known.waits_for
    due = ended + timedelta(seconds=pipe.first_look)
    return waiting(Awaited(record.id, fields, began, ended, due, raw))


def waiting(one: Awaited) -> Plan:
    """The plan of a call that goes on waiting."""
    return replace(_stem(one), reason="awaited", awaits=one)


def without_activity(one: Awaited) -> Plan:
    """The plan of a call that has no activity after all the time that its recording had to appear."""
    return replace(_stem(one), reason="no_activity")


def looked(pipe: Pipeline, one: Awaited, found: Looked, known: Known, hashes: digest.Digest, now: datetime) -> Plan:
    """Plan a call whose recording was looked up just now: written, looked up again later, given up, or a person's.

    Recordings that have no link yet are waited for, as long as there is time. An answer that is not understood is no
    answer: it is looked up again, and in the end a person decides."""
    listed = [] if isinstance(found, errors.SyncdError) else list(found)
    ready = [recording for recording in listed if recording.fields.get("url")]
    if len(ready) < len(listed) or not listed:
        if now < one.ended_at + timedelta(seconds=pipe.give_up):
            return waiting(replace(one, tries=one.tries + 1, due_at=now + pause(pipe, one.tries)))
        if isinstance(found, errors.SyncdError):
            hint = f"its recording could not be looked up: {found}; mend that, then `syncd held retry`"
            return replace(_stem(one), verdict="hold", reason="unclear", hint=hint)
        if not ready:
            return replace(_stem(one), reason="no_recording")
    if not all(is_link(recording.fields.get("url") or "") for recording in ready):
        return replace(_stem(one), verdict="hold", reason="link", hint=_LINK_HINT)
    mapped = pipe.fields({**one.fields, **of_recordings(ready)})
    stem = replace(
        _stem(one),
        verdict="none",
        key=records.SyncKey.of(pipe.client, pipe.source.stream, one.record_id),
        link_id=known.link.id if known.link else None,
        lane=model.Lane.UPDATE,
    )
    if mapped.problems:
        return plan.held(stem, mapped.problems)
    if known.busy or (known.link and diff.changed(mapped.fields, known.link.base, "dialer", hashes)):
        return replace(stem, verdict="update", fields=mapped.fields)
    return stem


def pause(pipe: Pipeline, tries: int) -> timedelta:
    """How long to wait after a look in vain, when there were `tries` before: twice as long each time, from `first_look`
    to an hour."""
    first = max(timedelta(seconds=pipe.first_look), LEAST_PAUSE)
    return min(first * (1 << min(tries, 12)), max(LONGEST_PAUSE, first))


def of_recordings(found: Sequence[records.Record]) -> dict[str, str | None]:
    """What a mapping reads of a call's recordings: the fields of the longest one, and how many there are."""
    longest = max(found, key=lambda one: int(one.fields.get("length_in_sec") or 0))
    named = {OF_RECORDING + name.removeprefix(OF_RECORDING): value for name, value in longest.fields.items()}
    return {**named, "recording_count": str(len(found))}


def is_link(url: str) -> bool:
    """Whether a browser can open it as a web address."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\x00-\x20\x7f]", url)
    except ValueError:
        return False


def _stem(one: Awaited) -> Plan:
    return Plan(one.record_id, one.record_id, "skip", digest=one.digest, modified=one.started_at)
