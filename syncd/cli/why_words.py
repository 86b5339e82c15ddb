"""The story of a record in plain words: each step a sentence with its time, without a value of the record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from syncd.engine import why
    from syncd.store import story

_WHAT = {"dialer.leads": "lead", "crm.leads": "CRM record", "crm.calls": "activity", "crm.tasks": "task"}
_NUMBERS = "its numbers"
_VERDICTS = {"none": "nothing differed", "skip": "skipped", "hold": "held"}
_REASONS = {
    "deleted": "deleted in the CRM",
    "opt_out": "opted out",
    "consent": "no consent",
    "left": "left `where`",
    "where": "outside of `where`",
    "no_phone": "no phone",
    "no_time": "the CRM does not say when it was changed",
    "shared_phone": "another CRM record has this phone",
    "phone": "a phone that cannot be dialled",
    "unmapped": "a value that is not in the mapping's table",
    "adoption": "the adoption of leads has given it none",
    "removed": "its lead is out of dialling",
    "dnc": "on the do-not-call list",
    "campaign_dnc": "on the campaign's do-not-call list",
    "rejected": "refused by the far side",
    "missing": "gone on the far side",
    "several": "several far records carry its key",
    "screened": "its phone is on a do-not-call list",
    "twin": "a second lead of the record",
    "live": "the call was still running",
    "older": "an older call than what stands",
    "awaited": "its recording is awaited",
    "no_recording": "it was not recorded",
    "no_activity": "it has no activity in the CRM",
    "not_ours": "no lead of ours",
    "conflict": "both sides changed it",
}
_STEPS = {
    "staged": "put back, to be sent later{detail}",
    "restaged": "read again before it was sent: the newer version takes its place",
    "held": "held: {reason}",
    "sending": "sent: {verb}",
    "created": "{what} created{detail}",
    "adopted": "linked to a {what} that was there already{detail}",
    "updated": "{what} updated{detail}",
    "removed": "{what} taken out of dialling: {reason}",
    "screened": "not made: {reason}",
    "ambiguous": "no clear answer, it may have been applied{detail}",
    "found": "looked up: the {what} was there",
    "altered": "the {what} keeps these fields otherwise than they were sent{detail}",
    "cancelled": "not sent any more{detail}",
    "replaced": "a newer version took its place{detail}",
    "dropped": "dropped by the operator",
    "retried": "tried again by the operator",
}
_SCREENED = ("dnc", "campaign_dnc")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened: when, in which pipeline, a code for programs, a sentence for people."""

    at: datetime
    pipeline: str
    step: str
    said: str


def moment(at: datetime, zone: ZoneInfo | None) -> str:
    """An instant on the client's clock (None: this machine's) and in UTC."""
    local, utc = at.astimezone(zone), at.astimezone(UTC)
    told = f"{local:%Y-%m-%d %H:%M:%S} {local:%Z}"
    if local.utcoffset() == utc.utcoffset():
        return f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    return f"{told} ({utc:{'%H:%M:%S' if local.date() == utc.date() else '%Y-%m-%d %H:%M:%S'}} UTC)"


def reason(code: str) -> str:
    """A reason in words; one that has none as it is."""
    return _REASONS.get(code, code)


def told(whole: why.Whole) -> list[Entry]:
    """Everything that happened to a record, oldest first."""
    entries: list[Entry] = []
    if whole.story is not None:
        entries += _of_record(whole.story)
    for number, call in enumerate(whole.calls, 1):
        entries += of_call(call, f"call {number}")
    return sorted(entries, key=lambda entry: entry.at)  # what happened at the same time stays in its order


def _of_record(known: story.Story) -> Iterator[Entry]:
    for one in known.intents:
        lead = known.link.dialer_id if known.link is not None and one.target == "dialer.leads" else ""
        yield from of_intent(one, "", lead)
    yield from _decisions(known.decisions, "")
    steps = {step.step for one in known.intents if one.target == "dialer.leads" for step in one.steps}
    if known.link is not None and known.linked_at is not None and not steps & {"created", "found", "adopted"}:
        yield Entry(known.linked_at, "leads", "linked", f"linked to lead {known.link.dialer_id}")
    if known.suppressed and known.suppressed_at is not None:
        said = f"from here on nothing but a removal goes out for it: {reason(known.suppressed)}"
        yield Entry(known.suppressed_at, "leads", "suppressed", said)


def of_call(call: why.Called, called: str) -> Iterator[Entry]:
    """What happened to a call: itself, where the dialer told it, and what was written of it. `called`: its name."""
    name = f"{called}: "
    if call.record is not None and call.at is not None:
        fields = call.record.fields
        who = f" by {fields['user']}" if fields.get("user") else ""
        way = "called in" if fields.get("leg") == "in" else "called"
        said = f"{way}{who}, {fields.get('length_in_sec') or 0} s: {fields.get('status') or 'no status'}"
        said += f" ({fields['flags']})" if fields.get("flags") else ""
        yield Entry(call.at, "dialer", "called", f"{name}{said}")
    for one in call.story.intents:
        yield from of_intent(one, name, call.story.activity)
    yield from _decisions(call.story.decisions, name)


def _decisions(found: tuple[story.Decision, ...], name: str) -> Iterator[Entry]:
    for one in found:
        if one.verdict in ("intent", "hold") or one.reason in _SCREENED:
            continue  # its intent tells it
        why_ = f": {reason(one.reason)}" if one.reason else ""
        yield Entry(one.at, one.pipeline, one.verdict, f"{name}read and mapped last: {_VERDICTS[one.verdict]}{why_}")


def of_intent(one: story.Intent, name: str, far_id: str = "") -> Iterator[Entry]:
    """The steps of one intent; `far_id`: of the record that it led to, where it does not say so itself."""
    what = _WHAT.get(one.target, "number")
    far_id = one.far_id or far_id
    if one.kind == "remove" and one.target == "dialer.leads" and not far_id:
        what = _NUMBERS  # of somebody who opted out without having a lead
    for place, step in enumerate(one.steps):
        said = _step(one, step, what, far_id, first=place == 0)
        yield Entry(step.at, one.pipeline, step.step, f"{name}{said}")


def _step(one: story.Intent, step: story.Step, what: str, far_id: str, *, first: bool) -> str:
    if step.step == "staged" and first:
        why_ = f" ({reason(one.reason)})" if one.reason and step.detail not in ("create", "update") else ""
        return f"read and mapped: {_verb(one.kind, what)} planned{why_}"
    hint = f" ({one.hint})" if step.step == "held" and one.state == "held" and one.hint else ""
    if step.step == "removed" and what == _NUMBERS:
        return f"{what} put on the do-not-call lists: {reason(step.detail)}"
    return (
        _STEPS.get(step.step, "{step}{detail}").format(
            step=step.step,
            what=f"{what} {far_id}" if far_id else what,
            verb=_verb(step.detail, what),
            reason=reason(step.detail),
            detail=f": {step.detail}" if step.detail else "",
        )
        + hint
    )


def _verb(kind: str, what: str) -> str:
    if what == _NUMBERS:
        return f"putting {what} on the do-not-call lists"
    return {
        "create": f"a new {what}",
        "update": f"an update of the {what}",
        "remove": f"taking the {what} out of dialling",
    }.get(kind, f"{kind} of the {what}")
