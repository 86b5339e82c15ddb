"""What keeps a record from being dialled on syncd's own side: the CRM's word, what is held, waits or is paused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from syncd.core import erased, model
from syncd.engine.parts import Client
from syncd.engine.sides import Crm
from syncd.sdk.protocol import Circumstance
from syncd.store import story, streams

_TARGET = "dialer.leads"
_REASONS: Mapping[str, tuple[str, str]] = {
    "deleted": ("the CRM says that the record is gone", "restore it there if it is to be dialled"),
    "opt_out": ("the person opted out (`opt_out`)", "nothing, unless the CRM's mark is wrong: correct it there"),
    "consent": ("there is no consent (`consent`)", "nothing, until the CRM has it"),
    "left": ("it is outside of what `leads` selects (`where`)", "change the record in the CRM, or `where`"),
    "where": ("it is outside of what `leads` selects (`where`)", "change the record in the CRM, or `where`"),
    erased.ERASED: (
        "it was erased for good (`syncd erase`)",
        "nothing; `syncd erased lift {client} ID` only if the person wants to be called again",
    ),
    "no_phone": ("it has no phone", "enter one in the CRM"),
    "adoption": (
        "an operator decided in the adoption of leads that it gets none",
        "`syncd adopt {client} --apply FILE` with `create` as its decision takes that back",
    ),
    "no_time": (
        "the CRM does not say when it was changed, so that it may be as old as the CRM",
        "`syncd backfill {client} leads --ids FILE` dials whom you name, or say `start: all`",
    ),
}
_SCREENED = {
    "dnc": "its phone was on the dialer's do-not-call list when the lead was to be made or changed",
    "campaign_dnc": "its phone was on the campaign's do-not-call list when the lead was to be made or changed",
}
_REMOVED = {
    "opt_out": "the person had opted out",
    "deleted": "the record had been deleted in the CRM",
    "left": "the record had left `where`",
    "consent": "there was no consent any more",
    "screened": "its new phone was on a do-not-call list",
}


def of(
    client: Client,
    now: datetime,
    pipe: model.Pipeline | None,
    states: Mapping[str, streams.PipelineState],
    stream: streams.StreamState,
    known: story.Story,
    crm: Crm,
) -> Iterator[Circumstance]:
    """Everything, the most basic first. What waits of a record that has a lead keeps nobody from dialling that."""
    if pipe is None:
        yield Circumstance("no_pipeline", "prevents", "no pipeline `leads` is configured", "add one")
        return
    state = states.get(pipe.name, streams.PipelineState())
    yield from _of_record(client, known, crm)
    if known.link is None:
        if not known.decisions and not known.intents and crm.reason != erased.ERASED:
            yield from _never_read(client, pipe, state, stream, crm)
        yield from _screened(client, pipe, known)
        yield from _intents(known, now)
        yield from of_pipeline(client, pipe, state, stream, now)
    elif known.link.removed:
        why = _REMOVED.get(known.link.removed, known.link.removed)
        fix = (
            "syncd dials nobody again by itself: if the person is to be called, give the lead a status that is dialled "
            "(in the dialer)"
        )
        yield Circumstance("removed", "prevents", f"its lead was taken out of dialling since {why}", fix)


def _of_record(client: Client, known: story.Story, crm: Crm) -> Iterator[Circumstance]:
    """What the CRM says now; where it was not asked, what was decided last."""
    reason, hint, verdict = crm.reason, crm.hint, crm.verdict
    if not verdict:
        last = next((one for one in reversed(known.decisions) if one.pipeline == "leads"), None)
        reason, verdict = (last.reason, last.verdict) if last else ("", "")
        hint = ""
    if verdict == "hold":
        held = any(one.state == "held" and one.target == _TARGET for one in known.intents)
        if known.link is None and not held:
            yield Circumstance(reason, "prevents", hint or reason, "the next run that reads it holds it")
        return
    if reason in _REASONS and verdict in ("skip", "remove"):
        said, fix = _REASONS[reason]
        fields = [name for one in crm.conditions if one.name == _condition(reason) for name in one.fields]
        told = f"{said}: {', '.join(fields)}" if fields else said
        if known.link is not None and not known.link.removed:
            told += "; the next run that reads it takes its lead out of dialling"
        yield Circumstance("where" if reason == "left" else reason, "prevents", told, fix.format(client=client.name))


def _condition(reason: str) -> str:
    return "where" if reason in ("left", "where") else reason


def _never_read(
    client: Client, pipe: model.Pipeline, state: streams.PipelineState, stream: streams.StreamState, crm: Crm
) -> Iterator[Circumstance]:
    by_hand = f"`syncd backfill {client.name} {pipe.name} --ids FILE` reads it all the same (`-`: standard input)"
    said = "syncd has never read it"
    if stream.cursor is None or state.started_at is None:
        yield Circumstance("not_read", "delays", f"{said}: `{pipe.name}` has not begun", "`syncd run` begins")
    elif crm.state == "there" and crm.modified is not None and crm.modified < state.started_at:
        told = f"{said}: it was last changed before `{pipe.name}` started to count changes"
        yield Circumstance("before_start", "prevents", told, by_hand)
    elif crm.state == "there" and crm.modified is not None and crm.modified > stream.cursor.at:
        yield Circumstance("not_read", "delays", f"{said}: it was changed after the last run", "the next run reads it")
    elif crm.state == "there" and crm.modified is not None:
        yield Circumstance("not_read", "prevents", f"{said}, though others of its time were read", by_hand)
    else:
        yield Circumstance("not_read", "prevents", said)


def _screened(client: Client, pipe: model.Pipeline, known: story.Story) -> Iterator[Circumstance]:
    for one in known.decisions:
        if one.pipeline == pipe.name and one.verdict == "skip" and one.reason in _SCREENED:
            fix = (
                "it is tried again when the record changes, or by "
                f"`syncd backfill {client.name} {pipe.name} --ids FILE`"
            )
            yield Circumstance("screened", "prevents", _SCREENED[one.reason], fix)


def _intents(known: story.Story, now: datetime) -> Iterator[Circumstance]:
    """What is held or under way for the dialer."""
    for one in known.intents:
        if one.target != _TARGET or one.kind == "remove":
            continue
        if one.state == "held":
            said = f"held ({one.id}): {one.reason}" + (f": {one.hint}" if one.hint else "")
            fix = f"mend it, then `syncd held retry {one.id}`; `syncd held drop {one.id}` lets go of it"
            yield Circumstance("held", "prevents", said, fix)
        elif one.state == "sending":
            said = f"a {one.kind} was sent, and whether it was applied is not known yet"
            yield Circumstance("sending", "delays", said, "the next run looks it up")
        elif one.state == "staged":
            late = one.due_at > now
            said = f"a {one.kind} is staged" + (" and waits for its next try" if late else "")
            yield Circumstance("staged", "delays", said, "it goes out with the next run" if not late else "")


def of_pipeline(
    client: Client, pipe: model.Pipeline, state: streams.PipelineState, stream: streams.StreamState, now: datetime
) -> Iterator[Circumstance]:
    """What keeps everybody's changes from going out."""
    if state.is_paused(now):
        fix = f"`syncd resume {client.name} {pipe.name}`" + (
            " once that is mended" if state.paused != "operator" else ""
        )
        said = f"`{pipe.name}` is paused by {state.paused}" + (f": {state.why}" if state.why else "")
        yield Circumstance("paused", "prevents", said, fix)
    if pipe.shadow:
        fix = "take `mode: shadow` out once the plans are right"
        yield Circumstance("shadow", "prevents", f"`{pipe.name}` writes nothing: `mode: shadow`", fix)
    if stream.last_error:
        yield Circumstance("failing", "delays", f"the last run failed: {stream.last_error}", "it is tried again")
