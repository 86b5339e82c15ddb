"""Mending what an audit found, where that is safe: through the same plans and intents as everything else.

Records that planning mends by itself are handed to stored backfills, which read them again: nothing is written that
live work would not write. What somebody may have deleted on purpose – a lead, an activity – is put before a person as
held; `syncd held retry` makes it anew, after another look for it. The rest is left to the operator.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.core import audit, model, plan
from syncd.engine.parts import Client, Context, Report
from syncd.engine.run import Engine
from syncd.sdk import errors, records
from syncd.store import audit as stored
from syncd.store import backfill, known, staging

APART = timedelta(hours=1)  # calls further apart are read in two goes
MOST_STRETCHES = 50
PASSES = 600
POLL_SECONDS = 0.1


@dataclass(slots=True)
class Repair:
    """What became of an audit's findings: the numbers of backfills, how many are held for a person now, and how many
    nobody but a person can mend."""

    backfills: list[int] = field(default_factory=list)
    handed: int = 0
    held: int = 0
    left: int = 0


def repair(engine: Engine, client: Client, number: int, *, by: str) -> Repair:
    """Hand on what an audit that is done has confirmed. Raises UserError where a stream stays busy."""
    found = stored.findings(engine.db, number, ["confirmed"])
    done = Repair(left=sum(not one.mend for one in found))
    pipes = {pipe.kind: pipe for pipe in client.pipelines}
    of_calls = [one for one in found if one.kind == "call_without_activity"]
    of_leads = [one for one in found if one not in of_calls]
    for pipe, mine in ((pipes.get("leads"), of_leads), (pipes.get("calls"), of_calls)):
        if pipe is None:
            continue
        planned = [one for one in mine if one.mend == "backfill"]
        for wanted in _wanted(engine, client, pipe, planned):
            done.backfills.append(backfill.create(engine.db, wanted, by=by, now=engine.clock()))
        held = [one for one in mine if one.mend == "hold"]
        _hold(engine, client, pipe, held)
        stored.mended(engine.db, number, [*planned, *held])
        done.handed, done.held = done.handed + len(planned), done.held + len(held)
    return done


def _wanted(
    engine: Engine, client: Client, pipe: model.Pipeline, found: Sequence[audit.Finding]
) -> list[backfill.Wanted]:
    if not found:
        return []
    if pipe.kind == "leads":
        ids = {one.subject: line for line, one in enumerate(found, 1)}
        return [backfill.Wanted(client.name, pipe.name, str(pipe.source), None, _now(client, pipe), ids)]
    stretches: list[tuple[datetime, datetime]] = []
    for at in sorted(one.at for one in found if one.at is not None):
        if stretches and (at - stretches[-1][1] <= APART or len(stretches) == MOST_STRETCHES):
            stretches[-1] = (stretches[-1][0], at)
        else:
            stretches.append((at, at))
    return [backfill.Wanted(client.name, pipe.name, str(pipe.source), begins, ends) for begins, ends in stretches]


def _now(client: Client, pipe: model.Pipeline) -> datetime:
    try:
        return client.connector(pipe.source.role).clock()
    except (errors.AuthFailed, errors.RetryLater, errors.QuotaExhausted, errors.Ambiguous) as error:
        problem = errors.Problem(str(error), f"{client.name} {pipe.source}", "try again later")
        raise errors.UserError([problem]) from None


def _hold(engine: Engine, client: Client, pipe: model.Pipeline, found: Sequence[audit.Finding]) -> None:
    """Put findings before a person, under the lease of the stream that they are planned from."""
    if not found:
        return

    def body(ctx: Context) -> None:
        links = known.links_by_crm(ctx.db, client.name, pipe.source.stream, [one.subject for one in found])
        plans = [
            model.Plan(
                one.subject,
                one.subject,
                "hold",
                key=records.SyncKey.of(client.name, pipe.source.stream, one.subject, marked=pipe.marked),
                link_id=link.id if (link := links.get(one.subject)) else None,
                reason="missing",
                hint=plan.HINTS["missing"],
                modified=one.at or model.EPOCH,  # a retry reads calls from then on
            )
            for one in found
        ]
        batch = staging.Batch(pipe, plans, aside=True)
        subjects = [one.subject for one in found]
        staging.stage(
            ctx.run,
            [batch],
            None,
            ctx.clock(),
            also=lambda connection, _: stored.looked_for(connection, pipe, subjects),
        )
        with ctx.run.write("audit-held") as connection:
            ctx.run.finish(connection, "audit", ctx.clock())

    for _ in range(PASSES):
        report = Report(client.name, str(pipe.source))
        engine.run_alone(client, pipe.source, [pipe], report, body, _raise)
        if report.result == "ok":
            return
        time.sleep(POLL_SECONDS)
    raise errors.UserError(
        [errors.Problem("a run is under way and does not end", f"{client.name} {pipe.source}", "try again later")]
    )


def _raise(ctx: Context, error: Exception) -> None:
    raise error
