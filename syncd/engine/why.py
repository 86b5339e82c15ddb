"""The whole of a record: what the store knows of it, how both sides hold it, what keeps it from being dialled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from syncd.core import condition, diff, model
from syncd.engine import obstacles, planning, preview
from syncd.engine.parts import Client, Context, Report
from syncd.engine.run import Engine
from syncd.engine.sides import Condition, Crm, Difference, Lead
from syncd.sdk import errors, protocol, records
from syncd.store import story, streams

CALLS = 20  # the newest calls of a lead that are told
_OF_CALLS = ("calls", "callbacks", "recordings", "dispositions", "edits")
_ABOUT_RECORDS = ("dispositions", "edits")


@dataclass(frozen=True, slots=True)
class Called:
    """A call with what the store knows of it; `record` is the call as the dialer has it, None where it did not tell,
    `at` its start."""

    story: story.Call
    record: records.Record | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """All of one record, or of a lead that belongs to none (`story` is None then). `calls_trouble`: why the dialer's
    calls are not known. `halted`: what keeps changes of a record that has a lead from going out."""

    story: story.Story | None
    calls: tuple[Called, ...]
    crm: Crm
    lead: Lead | None
    circumstances: tuple[protocol.Circumstance, ...]
    calls_trouble: str = ""
    halted: tuple[protocol.Circumstance, ...] = ()


class Looker:
    """Puts together what there is about the records of one client; `offline`: without asking either side."""

    def __init__(self, engine: Engine, client: Client, *, offline: bool = False) -> None:
        self._engine = engine
        self._db = engine.db
        self._client = client
        self._offline = offline
        self._states = streams.pipeline_states(engine.db, client.name)
        self._pipe = next((pipe for pipe in client.pipelines if pipe.kind == "leads"), None)

    def record(self, crm_id: str, calls: Sequence[str] = ()) -> Whole:
        """All of a CRM record; `calls` are known to be of it."""
        known = story.record(self._db, self._client.name, crm_id, [self._pipe.name] if self._pipe else [])
        source = self.source(crm_id)
        crm = self._crm(known, source)
        lead = self._lead(known, crm)
        about = self._named(_ABOUT_RECORDS)
        ids = [*story.calls_of(self._db, self._client.name, crm_id, about), *calls]
        ids += [known.link.call_id] if known.link and known.link.call_id else []
        told, trouble = self._calls(ids, lead)
        found = list(
            obstacles.of(self._client, self._engine.clock(), self._pipe, self._states, self._stream(), known, crm)
        )
        found += self._of_dialer(known, crm, lead)
        return Whole(known, told, crm, lead, tuple(found), trouble, tuple(self._halted(known)))

    def _halted(self, known: story.Story) -> Iterator[protocol.Circumstance]:
        pipe = self._pipe
        if known.link is not None and pipe is not None:
            state = self._states.get(pipe.name, streams.PipelineState())
            yield from obstacles.of_pipeline(self._client, pipe, state, self._stream(), self._engine.clock())

    def lead(self, lead_id: str) -> Whole:
        """All of a lead that is no CRM record's."""
        lead = self._read_lead(lead_id, None, {})
        told, trouble = self._calls([], lead)
        return Whole(None, told, Crm("unknown"), lead, tuple(self._explained(lead_id)), trouble)

    def call(self, call_id: str) -> Called:
        """A call that belongs to no record."""
        return Called(story.call(self._db, self._client.name, call_id, self._named(_OF_CALLS)))

    # -- the CRM

    def source(self, crm_id: str) -> records.Record | str:
        """The record as the CRM has it, or why that is not known."""
        if self._offline:
            return "it was not asked"
        if self._pipe is None:
            return "there is no pipeline `leads`"
        names = planning.fields_to_read(self._context(self._pipe))
        try:
            found = self._client.crm.get(self._pipe.source.stream, [crm_id], names)
        except errors.SyncdError as error:
            return str(error)
        return next((one for one in found if one.id == crm_id), None) or records.Record(crm_id, {}, deleted=True)

    def _crm(self, known: story.Story, source: records.Record | str) -> Crm:
        pipe = self._pipe
        if isinstance(source, str) or pipe is None:
            return Crm("unknown", trouble=source if isinstance(source, str) else "")
        state: Literal["there", "gone", "left"] = "gone" if source.deleted else "left" if source.left else "there"
        crm = Crm(state, source.modified)
        if state == "there":
            mapped = pipe.fields(source.fields)
            crm = replace(
                crm,
                conditions=tuple(_conditions(pipe, source.fields)),
                wanted=mapped.fields,
                phone=_phone(pipe, mapped.fields),
            )
            if known.link is not None:
                changed = diff.changed(mapped.fields, known.link.base, "crm", self._db.hashes(), pipe.appointment)
                crm = replace(crm, differing=tuple(sorted(changed)))
        try:
            plan, unchanged = self._planned(pipe, source)
        except (errors.SyncdError, model.Mismatch) as error:
            return replace(crm, trouble=f"what the next look at it would plan is not known: {error}")
        return replace(crm, verdict=plan.verdict, reason=plan.reason, hint=plan.hint, unchanged=unchanged)

    def _planned(self, pipe: model.Pipeline, source: records.Record) -> tuple[model.Plan, bool]:
        """What is planned of the record as it is, and whether it is as it was when that was last done."""
        ctx, started = self._context(pipe), {pipe.name: model.EPOCH}
        changed = planning.plan_page(ctx, [source], started)
        batches = changed or planning.plan_page(ctx, [source], started, again=True)
        return next(plan for batch in batches if batch.pipe is pipe for plan in batch.plans), not changed

    def _context(self, pipe: model.Pipeline) -> Context:
        """A run that takes no lease and cannot write."""
        run = preview.Unleased(self._db, self._client.name, str(pipe.source))
        report = Report(self._client.name, str(pipe.source))
        engine = self._engine
        return Context(
            self._db, self._client, pipe.source, [pipe], run, engine.clock, self._db.hashes(), report, lambda: False
        )

    def _stream(self) -> streams.StreamState:
        if self._pipe is None:
            return streams.StreamState()
        return streams.stream_state(self._db, self._client.name, str(self._pipe.source))

    # -- the dialer

    def _lead(self, known: story.Story, crm: Crm) -> Lead | None:
        if known.link is None:
            return None
        return self._read_lead(known.link.dialer_id, known.link, crm.wanted)

    def _read_lead(self, lead_id: str, link: model.Link | None, wanted: records.Fields) -> Lead:
        if self._offline:
            return Lead(lead_id, "unknown", trouble="it was not asked")
        key = self._client.dialer.streams["leads"].key_field
        names = [*(name for name in wanted if name != key), *([key] if key else [])]
        try:
            found = self._client.dialer.get("leads", [lead_id], names)
        except errors.SyncdError as error:
            return Lead(lead_id, "unknown", trouble=str(error))
        record = next((one for one in found if one.id == lead_id and not one.deleted), None)
        if record is None:
            return Lead(lead_id, "gone")
        if link is not None and key is not None and record.fields.get(key) != link.key:
            return Lead(lead_id, "there", strange=True)
        return Lead(lead_id, "there", differing=tuple(self._differences(wanted, record.fields)))

    def _differences(self, wanted: records.Fields, there: records.Fields) -> Iterator[Difference]:
        """Mapped fields that the lead holds otherwise than it would if they were sent now. A field that the dialer does
        not give back cannot differ."""
        if self._pipe is None:
            return
        stored = self._context(self._pipe).stored(self._pipe, wanted)
        for name in sorted(wanted):
            if name in there and (stored.get(name) or "") != (there[name] or ""):
                yield Difference(name, stored.get(name), there[name])

    def _of_dialer(self, known: story.Story, crm: Crm, lead: Lead | None) -> list[protocol.Circumstance]:
        if lead is not None and lead.strange:
            what = "its lead carries another record's key, so nothing is known of its own"
            return [protocol.Circumstance("strange", "unknown", what, "`syncd status` says what to do")]
        if lead is not None:
            return self._explained(lead.id)
        return list(self._lists(known, crm))

    def _explained(self, lead_id: str) -> list[protocol.Circumstance]:
        dialer = self._client.dialer
        if self._offline:
            return [protocol.Circumstance("dialer", "unknown", "the dialer was not asked", "leave out --offline")]
        if not isinstance(dialer, protocol.ExplainsDialling):
            what = "the dialer's connector cannot say what keeps a lead from being dialled"
            return [protocol.Circumstance("dialer", "unknown", what)]
        try:
            return list(dialer.circumstances(lead_id))
        except errors.SyncdError as error:
            fix = error.fix if isinstance(error, errors.AuthFailed) else "try again later"
            return [protocol.Circumstance("dialer", "unknown", f"the dialer could not be asked: {error}", fix)]

    def _lists(self, known: story.Story, crm: Crm) -> Iterator[protocol.Circumstance]:
        """Of somebody without a lead: the do-not-call lists that have the phone now."""
        dialer, pipe = self._client.dialer, self._pipe
        if (
            self._offline
            or pipe is None
            or pipe.fields.phone_fields is None
            or not isinstance(dialer, protocol.KeepsDnc)
        ):
            return
        code, number = (crm.wanted.get(name) or "" for name in pipe.fields.phone_fields)
        if not number:
            return
        try:
            lists = dialer.dnc_listed(number, code)
        except errors.SyncdError as error:
            yield protocol.Circumstance(
                "dnc", "unknown", f"whether do-not-call lists have its phone is not known: {error}"
            )
            return
        if lists:
            fix = "it stays so until the number is taken off (`syncd dnc remove`), which needs the person's own word"
            said = f"its phone is on the do-not-call list{'s' if len(lists) > 1 else ''} {', '.join(lists)} now"
            yield protocol.Circumstance("dnc", "prevents", said, fix)
        else:
            yield protocol.Circumstance("dnc", "fine", "its phone is on no do-not-call list that is looked at")

    # -- calls

    def _calls(self, ids: Sequence[str], lead: Lead | None) -> tuple[tuple[Called, ...], str]:
        """The calls by id, and those of the lead that the dialer tells, oldest first; and why these are not known."""
        told: Mapping[str, records.Record] = {}
        trouble = ""
        dialer = self._client.dialer
        if lead is not None and not lead.strange and not self._offline:
            if not isinstance(dialer, protocol.ExplainsDialling):
                trouble = "the dialer's connector cannot list them"
            else:
                try:
                    told = {one.id: one for one in dialer.calls_of(lead.id, CALLS)}
                except errors.SyncdError as error:
                    trouble = str(error)
        every = list(dict.fromkeys([*ids, *told]))
        of_calls = self._named(_OF_CALLS)
        calls = [story.call(self._db, self._client.name, one, of_calls) for one in every]
        return tuple(Called(one, told.get(one.id), self._began(told.get(one.id))) for one in calls), trouble

    def _began(self, record: records.Record | None) -> datetime | None:
        spec = self._client.dialer.streams.get("calls")
        text = record.fields.get(spec.occurred_field) if record and spec and spec.occurred_field else None
        return records.instant(text) if text else None

    def _named(self, kinds: Sequence[str]) -> list[str]:
        return [pipe.name for pipe in self._client.pipelines if pipe.kind in kinds]


def _phone(pipe: model.Pipeline, fields: records.Fields) -> str:
    return (fields.get(pipe.fields.phone_fields[1]) or "") if pipe.fields.phone_fields else ""


def _conditions(pipe: model.Pipeline, fields: records.Fields) -> Iterator[Condition]:
    if pipe.opt_out is not None:
        yield Condition("opt_out", pipe.opt_out(fields), pipe.opt_out.fields)
    if pipe.consent is not None:
        yield Condition("consent", pipe.consent(fields), _failing(pipe.consent, fields))
    if pipe.where.tests:
        yield Condition("where", pipe.where(fields), _failing(pipe.where, fields))


def _failing(wanted: condition.Condition, fields: records.Fields) -> tuple[str, ...]:
    return tuple(dict.fromkeys(test.field for test in wanted.tests if not test(fields)))
