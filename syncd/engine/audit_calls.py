"""Phases of an audit that compare calls with activities, and calls a day with what the dialer counts itself.

An activity carries the key of its call, which follows from the call's id: no link is needed to tell which belongs to
which. Calls are read a day at a time, so that a day that was broken off is counted anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from syncd.core import audit, model, plan
from syncd.engine import planning
from syncd.engine.audit_turn import AT_ONCE, Turn
from syncd.sdk import errors, protocol, records
from syncd.store import audit as stored
from syncd.store import known, streams

ACTIVITIES_AT_ONCE = 500
MOST_STATUSES = 100  # of one day, as findings


def call_key(pipe: model.Pipeline, call_id: str) -> str:
    """The key that a call's activity carries."""
    return records.SyncKey.of(pipe.client, pipe.source.stream, call_id).value


def time_field(turn: Turn) -> str | None:
    """The activity's field that holds when its call began, None where the mapping writes it nowhere as it is."""
    if turn.calls is None:
        return None
    occurred = turn.client.dialer.streams[turn.calls.source.stream].occurred_field
    for rule in turn.calls.fields.rules:
        if rule.sources == (occurred,) and not (rule.transforms or rule.table or rule.choices or rule.template):
            return rule.target
    return None


def _activities(turn: Turn) -> tuple[protocol.Lists, str] | None:
    """The CRM, where its activities can be gone through, and the field of their key."""
    crm = turn.client.crm
    if turn.calls is None or turn.row.since is None:
        return None
    key_field = crm.streams[turn.calls.target.stream].key_field
    if not isinstance(crm, protocol.Lists) or key_field is None:
        turn.note("the CRM does not list activities: those without a call are not seen")
        return None
    with turn.ctx.asking("crm"):
        why = crm.unlistable(turn.calls.target.stream, [key_field])
    if why:
        turn.note(f"activities without a call are not seen: {why}")
        return None
    return crm, key_field


def read_activities(turn: Turn) -> bool:
    """Read the keys of all activities; returns whether the end was reached."""
    listing = _activities(turn)
    if listing is None or turn.calls is None:
        return True
    crm, key_field = listing
    at = time_field(turn)
    if at is None:
        turn.note("the mapping of calls writes `call_date` nowhere as it is: activities without a call are not judged")
    names = [key_field, *([at] if at else [])]
    while True:
        with turn.ctx.asking("crm"):
            page = crm.listed(turn.calls.target.stream, names, turn.row.position.get("after", ""), ACTIVITIES_AT_ONCE)
        rows = [
            stored.Row(one.id, one.fields.get(key_field) or "", (one.fields.get(at) or "") if at else "")
            for one in page.records
        ]
        position = {"after": page.after} if page.after is not None else None
        turn.advance(stored.Step(position=position, rows=rows, side="activity", counts=Counter(activities=len(rows))))
        if page.after is None:
            return True
        if turn.ctx.stopping():
            return False


@dataclass(slots=True)
class _Whole:
    """A stretch of calls that is read in one go; `day`: where the dialer counts its calls as well."""

    name: str
    begins: datetime
    ends: datetime
    day: protocol.CallDay | None = None
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    archived: bool = False
    wanted: int = 0


def _stretches(turn: Turn, since: datetime, until: datetime) -> list[_Whole]:
    dialer = turn.client.dialer
    days: Sequence[protocol.CallDay] = []
    if isinstance(dialer, protocol.CountsCalls):
        days = dialer.call_days(since, until)
    else:
        turn.note("the dialer does not count calls itself")
    found, reached = [], since
    for day in days:
        found += _between(reached, day.begins)
        found.append(_Whole(day.date.isoformat(), day.begins, day.ends, day))
        reached = day.ends
    return found + _between(reached, until)


def _between(begins: datetime, ends: datetime) -> list[_Whole]:
    """A stretch that is no whole day, or none that the dialer tells of, cut into days of UTC."""
    found = []
    while begins < ends:
        day: date = begins.astimezone(UTC).date()
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        found.append(_Whole(f"{begins.isoformat(timespec='seconds')}", begins, min(midnight, ends)))
        begins = midnight
    return found


def read_calls(turn: Turn) -> bool:
    """Read the calls since `since`, a day after the other; returns whether the end was reached."""
    row = turn.row
    if turn.calls is None or row.since is None:
        return True
    with turn.ctx.asking("dialer"):
        until = min(row.until, turn.client.dialer.clock())
    for stretch in _stretches(turn, row.since, until):
        if stretch.begins.isoformat() < turn.row.position.get("reached", ""):
            continue
        if not _read(turn, turn.calls, stretch):
            return False
        step = stored.Step(position={"reached": stretch.ends.isoformat()}, counts=Counter(calls=stretch.wanted))
        if stretch.day is not None:
            _count(turn, stretch, step)
        turn.advance(step)
    return True


def call_fields(turn: Turn, pipe: model.Pipeline) -> tuple[str, ...]:
    """The fields of calls that are read."""
    spec = turn.client.dialer.streams[pipe.source.stream]
    always = (*(spec.parent or ()), spec.occurred_field, spec.flags_field)
    return tuple(sorted({*pipe.reads, *(name for name in always if name)} - {"crm_id"}))


def _read(turn: Turn, pipe: model.Pipeline, stretch: _Whole) -> bool:
    dialer, ctx = turn.client.dialer, turn.ctx
    since = records.Cursor(stretch.begins)
    with ctx.asking("dialer"):
        pages = iter(dialer.pull(pipe.source.stream, since, stretch.ends, call_fields(turn, pipe)))
    counted: set[str] = set()
    while True:
        with ctx.asking("dialer"):
            page = next(pages, None)
        if page is None:
            return True
        inside = [one for one in page.records if _is_in(turn, pipe, one, stretch)]
        for one in inside:
            stretch.archived = stretch.archived or one.archived
            if one.id not in counted and isinstance(dialer, protocol.CountsCalls):
                stretch.counts[dialer.counted_as(one)] += 1
        fresh = [one for one in inside if one.id not in counted]
        counted = {one.id for one in page.records}  # what a page repeats of the one before
        wanted = ours(turn, pipe, fresh)
        stretch.wanted += len(wanted)
        turn.advance(_held_against(turn, pipe, fresh, wanted))
        if ctx.stopping():
            return False


def started(turn: Turn, pipe: model.Pipeline, call: records.Record) -> datetime | None:
    """When a call began."""
    return planning.at(turn.client.dialer.streams[pipe.source.stream].occurred_field, call)


def _is_in(turn: Turn, pipe: model.Pipeline, call: records.Record, stretch: _Whole) -> bool:
    at = started(turn, pipe, call)
    return at is not None and stretch.begins <= at < stretch.ends


def _held_against(
    turn: Turn, pipe: model.Pipeline, calls: Sequence[records.Record], wanted: Sequence[records.Record]
) -> stored.Step:
    """Mark the activities of these calls, and suspect those of the wanted ones that have none."""
    keys = {call_key(pipe, call.id): call for call in calls}
    activities = stored.rows_by(turn.db, turn.number, "activity", "key", keys)
    step = stored.Step(side="activity", far={row.id: keys[key].id for key, row in activities.items()})
    lacking = [call for call in wanted if call_key(pipe, call.id) not in activities]
    if lacking and _activities(turn) is None:
        lacking = _without(turn, pipe, lacking)
    step.suspects = [audit.Finding("call_without_activity", call.id, at=started(turn, pipe, call)) for call in lacking]
    return step


def ours(turn: Turn, pipe: model.Pipeline, calls: Sequence[records.Record]) -> list[records.Record]:
    """Those of these calls that should have an activity: of our leads, ended, wanted, and not before the start."""
    spec = turn.client.dialer.streams[pipe.source.stream]
    if spec.parent is None:
        return []
    parent_field = spec.parent[0]
    ids = {call.fields.get(parent_field) or "" for call in calls}
    rows = stored.rows_by(turn.db, turn.number, "record", "far_id", {*ids, *(f"-{one}" for one in ids)})
    links = known.links_by_dialer(turn.db, turn.client.name, "leads", ids)
    leads = {far_id.removeprefix("-") for far_id in rows} | links.keys()
    state = streams.pipeline_states(turn.db, turn.client.name).get(pipe.name, streams.PipelineState())
    return [
        call
        for call in calls
        if call.fields.get(parent_field) in leads
        and "live" not in plan.flags_of(call, spec)
        and pipe.where(call.fields)
        and (state.started_at is not None and (started(turn, pipe, call) or model.EPOCH) >= state.started_at)
    ]


def _without(turn: Turn, pipe: model.Pipeline, calls: Sequence[records.Record]) -> list[records.Record]:
    """Those of these calls that no activity is found for, one by one."""
    return [call for call in calls if not find_activity(turn, pipe, call.id)]


def find_activity(turn: Turn, pipe: model.Pipeline, call_id: str) -> list[records.Record]:
    """The activities that carry a call's key."""
    key = records.SyncKey.of(pipe.client, pipe.source.stream, call_id)
    with turn.ctx.asking("crm"):
        return turn.client.crm.find(pipe.target.stream, key, {})


def _count(turn: Turn, stretch: _Whole, step: stored.Step) -> None:
    """Compare a day's calls with what the dialer counts, status by status."""
    dialer = turn.client.dialer
    if stretch.day is None or not isinstance(dialer, protocol.CountsCalls):
        return
    told: Mapping[str, Mapping[str, int]] | None = None
    try:
        with turn.ctx.asking("dialer"):
            told = dialer.call_counts(stretch.day)
    except errors.LoginRefused:
        raise
    except errors.AuthFailed as error:
        turn.note(f"calls a day are not compared: {error}")
    if told is None or stretch.archived:
        step.day = stored.Day(stretch.name, stretch.counts.total(), None)
        return
    read: dict[str, Counter[str]] = {}
    for (group, status), number in stretch.counts.items():
        read.setdefault(group, Counter())[status] += number
    both = {group: (read.get(group, Counter()), Counter(told[group])) for group in told}
    step.day = stored.Day(
        stretch.name,
        sum(one.total() for one, _ in both.values()),
        sum(other.total() for _, other in both.values()),
    )
    step.confirmed = [
        audit.Finding("count", f"{stretch.name} {group} {status}", f"read {one[status]}, counted {other[status]}")
        for group, (one, other) in sorted(both.items())
        for status in sorted(one.keys() | other.keys())
        if one[status] != other[status]
    ][:MOST_STATUSES]


def look_for_activities_without_call(turn: Turn) -> bool:
    """Activities whose call was not among those read, though it should have been by its time."""
    row = turn.row
    if turn.calls is None or row.since is None or time_field(turn) is None:
        return True
    while True:
        after = turn.row.position.get("after", "")
        found = stored.unseen(turn.db, turn.number, "activity", after, AT_ONCE * 10)
        if not found:
            return True
        suspects = []
        untimed = 0
        for one in found:
            at = _instant(one.state)
            untimed += at is None
            if at is not None and row.since <= at < row.until:
                suspects.append(audit.Finding("activity_without_call", one.id, one.key, at=at))
        counts = Counter(activities_without_time=untimed)
        turn.advance(stored.Step(position={"after": found[-1].id}, suspects=suspects, counts=counts))
        if turn.ctx.stopping():
            return False


def _instant(text: str) -> datetime | None:
    """The instant that an activity tells; None for a blank, a mere date, or what is none."""
    try:
        return records.instant(text)
    except ValueError:
        return None
