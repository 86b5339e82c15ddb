"""Adopt: leads that are in the dialer already are linked with their CRM records, before anything is created.

The CRM's stream of leads is read once, in full. Where a lead is surely a record's, an intent of the pipeline `adopt`
gives it the record's key; it is staged, claimed, sent and settled like any other, and its settling is the link. What a
person must decide is stored (`store.adoption`). Until the adoption is done no lead is created for the client, by
whatever door; see `store.delivery`. What an adopted lead is in the dialer's work stays as it is.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import structlog

from syncd.core import adopt, model
from syncd.engine import adopt_look, deliver, failure, planning, recover, sameness
from syncd.engine.adopt_look import LEADS, Looked, Options, Turn
from syncd.engine.audit_turn import paced
from syncd.engine.parts import Client, Context, Report
from syncd.engine.preview import Unleased, explained
from syncd.engine.run import Engine
from syncd.sdk import errors, records
from syncd.store import adoption, known, recovery, staging, streams

log = structlog.get_logger("syncd.engine")

AT_ONCE = 200  # records that are looked up, and leads that are given keys, between two looks at whether to stop
WAIT_SECONDS = 0.5


def leads_of(client: Client) -> model.Pipeline:
    """The pipeline that says whose leads they are; raise UserError where there is none."""
    found = next((pipe for pipe in client.pipelines if pipe.kind == LEADS), None)
    if found is None:
        problem = errors.Problem(f"{client.name} has no pipeline `leads`, so there is nothing to link leads to")
        raise errors.UserError([problem])
    return found


def dry_run(engine: Engine, client: Client, options: Options) -> Counter[str]:
    """Read both sides and count what an adoption would do; nothing is written. Raises UserError."""
    leads = leads_of(client)
    run = Unleased(engine.db, client.name, str(leads.source))
    report = Report(client.name, str(leads.source))
    ctx = Context(
        engine.db, client, leads.source, [leads], run, engine.clock, engine.db.hashes(), report, engine.stopping
    )
    turn, shared = Turn(ctx, leads, options), adopt_look.Shared()
    with explained(client.name, leads.source), _paced(options, engine.stopping):
        until = client.crm.clock()
        for page in client.crm.pull(leads.source.stream, None, until, turn.crm_fields):
            for part in _parts(page.records):
                for one in turn.look(part):
                    shared.add(one, turn.counts)
                turn.counts["read"] += len(part)
            if engine.stopping():
                break
    return +turn.counts


def run(engine: Engine, client: Client, options: Options, *, by: str, apply_only: bool = False) -> Report:
    """Adopt until all is done, or told to stop, or a far system fails; the next call goes on where this one ended.
    `apply_only`: only what has been decided is carried out. Never raises for what a far system does; raises UserError
    for what an operator must mend."""
    leads = leads_of(client)
    report = Report(client.name, str(leads.source))
    state = streams.pipeline_states(engine.db, client.name).get(leads.name, streams.PipelineState())
    if state.is_paused(engine.clock()) and state.paused != "guard":
        what = f"the pipeline {leads.name} is paused by {state.paused}: {state.why}"
        raise errors.UserError([errors.Problem(what, client.name, f"`syncd resume {client.name} {leads.name}`")])

    def body(ctx: Context) -> None:
        worker = _Worker(Turn(ctx, leads, options))
        with _paced(options, ctx.stopping):
            done = worker.work(by, apply_only=apply_only)
        report.result = "ok" if done else "stopped"
        now = ctx.clock()
        streams.ran(ctx.run, result=report.result, now=now, next_due_at=now)

    def failed(ctx: Context, error: Exception) -> None:
        failure.note(ctx, error)
        adoption.note(engine.db, client.name, ctx.report.error)

    return engine.run_alone(client, leads.source, [leads], report, body, failed)


def _paced(options: Options, stopping: Callable[[], bool]) -> AbstractContextManager[None]:
    return nullcontext() if options.rate is None else paced(options.rate, stopping)


def _parts(page: Sequence[records.Record]) -> list[Sequence[records.Record]]:
    return [page[start : start + AT_ONCE] for start in range(0, len(page), AT_ONCE)]


class _Worker:
    """An adoption under its lease."""

    def __init__(self, turn: Turn) -> None:
        self.turn, self.ctx, self.leads = turn, turn.ctx, turn.leads
        self.pipe = replace(turn.leads, name=adoption.PIPELINE, kind="adopt", shadow=False)

    def work(self, by: str, *, apply_only: bool) -> bool:
        """Do all of it; returns whether the end was reached."""
        self._recover()
        if not apply_only and not self._read(by):
            return False
        if not self._carry_out():
            return False
        return self._finish()

    def _recover(self) -> None:
        with self.ctx.asking("dialer", self.leads.name):
            sameness.check_dialer(self.ctx, self.leads)
            if not self.leads.shadow:  # a create that may have been sent before is no lead of somebody else's
                recover.recover(self.ctx, self.leads)
            recover.recover(self.ctx, self.pipe)

    # -- reading

    def _read(self, by: str) -> bool:
        ctx, client = self.ctx, self.turn.client
        row = adoption.one(ctx.db, client)
        if row is None or row.state != "open" or row.options != self.turn.options.plain():
            with ctx.asking("crm"):
                until = ctx.client.crm.clock()
            adoption.begin(ctx.run, until=until, options=self.turn.options.plain(), by=by, now=ctx.clock())
            self._begin_stream(row)
            row = adoption.one(ctx.db, client)
        if row is None or row.read_to_end:
            return True
        counts = Counter(row.counts)
        since = records.Cursor(row.position) if row.position is not None else None
        for page in ctx.client.crm.pull(self.leads.source.stream, since, row.until, self.turn.crm_fields):
            self.turn.counts.clear()
            for part in _parts(page.records):
                self._adopt_part(part)
                self.turn.counts["read"] += len(part)
                if ctx.stopping():
                    return False
            counts += self.turn.counts  # with the position: a page that is read again counts once
            adoption.put(ctx.run, position_at=page.cursor.at, counts=json.dumps(counts), error="")
        adoption.propose(ctx.run, adopt=self.turn.options.names)
        adoption.put(ctx.run, read_to_end=1)
        return True

    def _begin_stream(self, before: adoption.Adoption | None) -> None:
        """With `start: now`, now is when the first adoption began: what changes meanwhile is not missed."""
        state = streams.stream_state(self.ctx.db, self.turn.client, str(self.leads.source))
        alone = self.ctx.client.reading(self.leads.source) == [self.leads]
        if before is None and state.cursor is None and self.leads.start == "now" and alone:
            with self.ctx.asking("crm"):
                now = self.ctx.client.crm.clock()
            streams.read_with(self.ctx.run, {self.leads.name: self.leads.version})
            streams.started(self.ctx.run, {self.leads.name: now}, records.Cursor(now))

    def _adopt_part(self, page: Sequence[records.Record]) -> None:
        looked = self.turn.look(page)
        sure = [one for one in looked if one.judged.verdict == "key"]
        rows = [self._row(one) for one in looked if one.judged.verdict == "review"]
        self._stage(sure, rows, decided={})
        self._forget(page, {one.record.id for one in looked if one.judged.verdict != "none"})
        self._deliver([one.record.id for one in sure])
        self._plan(page)

    def _forget(self, page: Sequence[records.Record], judged: Collection[str]) -> None:
        """What was to be decided of records that are gone, or for which no lead is found any more."""
        rows = adoption.rows(self.ctx.db, self.turn.client, [one.id for one in page if one.id not in judged])
        adoption.forget(self.ctx.run, [row.crm_id for row in rows.values() if not row.decision])

    def _row(self, one: Looked) -> adoption.Row:
        lead = one.judged.lead
        return adoption.Row(one.record.id, one.phone, one.judged.leads, lead.id if lead else "", one.judged.reason)

    # -- adopting

    def _stage(self, sure: Sequence[Looked], rows: Sequence[adoption.Row], decided: Mapping[str, adoption.Row]) -> None:
        """Stage that these leads get their keys, with what stood there before and the rows of others, in one commit."""
        now = self.ctx.clock()
        plans, kept = [], list(rows)
        for one in sure:
            plan, was = self._adopting(one)
            plans.append(plan)
            row = decided.get(one.record.id)
            if was or row is not None:
                row = row or replace(self._row(one), reason="key", decision="adopt")
                kept.append(replace(row, lead_id=plan.far_id, was=was, todo=row.todo))
        if plans or kept:
            batch = staging.Batch(self.pipe, plans, aside=True)
            staging.stage(self.ctx.run, [batch], None, now, also=adoption.storing(self.ctx.run, kept, now))

    def _adopting(self, one: Looked) -> tuple[model.Plan, dict[str, str]]:
        lead = one.judged.lead
        if lead is None:
            raise AssertionError("a lead is adopted")
        key = self.turn.judge.key(one.record.id)
        plants, was = self.turn.judge.to_plant(lead, key)
        settles = adopt.base_of(self.leads, self.turn.spec, one.wanted, one.stored, lead, self.ctx.hashes)
        plan = model.Plan(
            one.record.id,
            one.record.id,
            "update",
            key=key,
            fields=plants,
            settles=settles,
            far_id=lead.id,
            reason="adopt",
            modified=one.record.modified or model.EPOCH,
        )
        return plan, was

    def _deliver(self, ids: Collection[str]) -> None:
        """Send what is staged; `ids`: the records that may have got their lead by now."""
        with self.ctx.asking("dialer", self.leads.name):
            deliver.deliver(self.ctx, self.pipe, find_first=False, bounds=deliver.Bounds())
        self.turn.counts["review.refused"] += adoption.to_review(self.ctx.run, self.ctx.clock())
        adoption.settle(self.ctx.run, ids)

    def _plan(
        self, page: Sequence[records.Record], *, always: Collection[str] = (), also: Sequence[adoption.Row] = ()
    ) -> None:
        """Plan records for `leads`, which delivers that in its own time and by its guard: those that want out of
        dialling and have a lead now, those that it has planned before it was known whose lead there is, and `always`.
        """
        ids = [record.id for record in page]
        linked = known.links_by_crm(self.ctx.db, self.turn.client, self.leads.source.stream, ids)
        planned = known.decisions(self.ctx.db, self.turn.client, self.leads.name, ids)
        standing = adoption.standing(self.ctx.db, self.turn.client, ids)
        todo = [
            record
            for record in page
            if record.id in always
            or (record.id in linked and not linked[record.id].removed and self.turn.wants_out(record))
            or (record.id in planned and (record.id in standing) != (planned[record.id].reason == "adoption"))
        ]
        started = {self.leads.name: model.EPOCH}
        batches = planning.plan_page(self.ctx, todo, started, again=True, asked=True) if todo else []
        if batches or also:
            now = self.ctx.clock()
            held = staging.stage(self.ctx.run, batches, None, now, also=adoption.storing(self.ctx.run, also, now))
            self.ctx.report.held += len(held)

    # -- what a person has decided

    def _carry_out(self) -> bool:
        """Carry out decisions; returns False where it was told to stop. What is not done yet stays to be done."""
        for rows in adoption.each(self.ctx.db, self.turn.client, todo=True):
            if self.ctx.stopping():
                return False
            self._carry_out_some({row.crm_id: row for row in rows})
        return True

    def _carry_out_some(self, rows: dict[str, adoption.Row]) -> None:
        ctx, stream = self.ctx, self.leads.source.stream
        page: dict[str, records.Record] = {}
        ids, size = list(rows), max(1, ctx.spec.batch_size)
        for start in range(0, len(ids), size):
            with ctx.asking("crm"):
                found = ctx.client.crm.get(stream, ids[start : start + size], self.turn.crm_fields)
            page.update((record.id, record) for record in found if not record.deleted)
        away = [row for crm_id, row in rows.items() if crm_id not in page]
        adoption.forget(ctx.run, [row.crm_id for row in away if row.decision != "skip"])
        links = known.links_by_crm(ctx.db, self.turn.client, stream, list(page))
        wanted = {
            crm_id: rows[crm_id].lead_id for crm_id in page if rows[crm_id].decision == "adopt" and crm_id not in links
        }
        with ctx.asking("dialer"):
            there = ctx.client.dialer.get(LEADS, list(wanted.values()), self.turn.lead_fields) if wanted else []
        leads = {lead.id: lead for lead in there if not lead.deleted}
        on_their_way = adoption.pending(ctx.db, self.turn.client)
        taken = set(known.links_by_dialer(ctx.db, self.turn.client, LEADS, list(leads)))
        taken |= {lead_id for crm_id, lead_id in on_their_way.items() if wanted.get(crm_id) != lead_id}
        # whoever comes back to the CRM gets no lead either, once an operator has said so
        sure, gone = [], [replace(row, todo=False) for row in away if row.decision == "skip"]
        for crm_id, lead_id in wanted.items():
            lead = leads.get(lead_id)
            if lead is None or lead_id in taken or self.turn.judge.is_foreign(lead):
                gone.append(replace(rows[crm_id], decision="", todo=False, lead_id="", reason="lead_gone"))
                continue
            taken.add(lead_id)
            mapped = self.leads.fields(page[crm_id].fields)
            stored = ctx.stored(self.leads, mapped.fields)
            judged = adopt.Judged("key", lead, (lead_id,))
            sure.append(Looked(page[crm_id], judged, mapped.fields, stored, rows[crm_id].phone))
        self._stage(sure, gone, decided=rows)
        self._deliver(page)
        links = known.links_by_crm(ctx.db, self.turn.client, stream, list(page))
        now_rows = adoption.rows(ctx.db, self.turn.client, list(page))
        done = [
            replace(now_rows[crm_id], todo=False)
            for crm_id in page
            if crm_id in now_rows and (crm_id in links or now_rows[crm_id].decision in ("create", "skip"))
        ]
        decided = {one.crm_id for one in done if one.decision in ("create", "skip")}
        self._plan([page[one.crm_id] for one in done], always=decided, also=done)

    # -- the end

    def _finish(self) -> bool:
        """Wait for what is on its way, then end the adoption."""
        ctx = self.ctx
        while waiting := adoption.pending(ctx.db, self.turn.client):
            if ctx.stopping():
                return False
            self._recover()
            self._deliver(waiting)
            due = recovery.next_look(ctx.run, self.pipe, ctx.find_lag(self.pipe), model.Lane.BACKFILL)
            if due is not None and due <= ctx.clock():
                continue
            time.sleep(WAIT_SECONDS)
            with ctx.run.write("adopt-wait"):  # the lease is ours still
                pass
        if not self._carry_out():
            return False
        adoption.settle(ctx.run, None)  # a crash may have come between a link and this
        row = adoption.one(ctx.db, self.turn.client)
        if row is not None and row.state == "open" and row.read_to_end:
            adoption.put(ctx.run, state="done", ended_at=ctx.clock(), error="")
            log.info("adoption done", client=self.turn.client, counts=dict(row.counts))
        return True
