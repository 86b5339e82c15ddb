"""A mapping that changed: records that do not change themselves are not read again by themselves. A daemon orders that
they are, as a backfill; elsewhere the operator is told how to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from syncd.core import model
from syncd.engine.parts import Client
from syncd.store import backfill, streams
from syncd.store.database import Database

log = structlog.get_logger("syncd.engine")

CALLS_BACK = timedelta(days=30)  # of a dialer, whose first read of everything ends somewhere as well


def command(client: str, pipe: model.Pipeline, state: streams.PipelineState) -> str:
    """The backfill that reads again what this pipeline has read with another mapping, condition or opt-out mark than
    it has now; "" where there is nothing of the kind. It is told until a backfill of the pipeline up to now is done,
    however far back that one goes."""
    if state.version in ("", pipe.version) or pipe.kind == "dnc":  # which looks at every lead again by itself
        return ""
    begun = state.started_at or model.EPOCH
    if begun == model.EPOCH and pipe.source.role == "dialer":
        since = f"{CALLS_BACK.days}d"
    else:
        since = (begun - timedelta(microseconds=begun.microsecond)).isoformat().replace("+00:00", "Z")
    return f"syncd backfill {client} {pipe.name} --since {since}"


def warn(db: Database, client: Client) -> None:
    """Say in the log which backfill is needed where a mapping has changed and no daemon orders it."""
    states = streams.pipeline_states(db, client.name)
    for pipe in client.pipelines:
        if again := command(client.name, pipe, states.get(pipe.name, streams.PipelineState())):
            log.warning("the mapping changed", client=client.name, pipeline=pipe.name, read_again_by=again)


def wanted(client: Client, pipe: model.Pipeline, state: streams.PipelineState, now: datetime) -> backfill.Wanted:
    """What a changed mapping of this pipeline asks to be read again: where the source reads by id, exactly the records
    that it has planned before, so that nobody comes in whom its `start` left out; of calls, those since it began."""
    since: datetime | None = None
    if client.connector(pipe.source.role).streams[pipe.source.stream].parent is not None:
        since = state.started_at or model.EPOCH
        if since == model.EPOCH:
            since = now - CALLS_BACK
    return backfill.Wanted(client.name, pipe.name, str(pipe.source), since, now, version=pipe.version, reread=True)


def changed(
    client: Client, pipelines: Sequence[str], states: Mapping[str, streams.PipelineState], now: datetime
) -> list[backfill.Wanted]:
    """What is to be read again of these pipelines by what is known now."""
    pipes = [pipe for pipe in client.pipelines if pipe.name in pipelines and pipe.name in states]
    return [wanted(client, pipe, states[pipe.name], now) for pipe in pipes if command("", pipe, states[pipe.name])]


def order(db: Database, client: Client, now: datetime) -> list[int]:
    """Store a backfill for each pipeline whose mapping has changed since it read everything, once for each version of
    it; return their numbers. To be called where the client begins to run with this configuration."""
    states = streams.pipeline_states(db, client.name)
    numbers = []
    for pipe in client.pipelines:
        state = states.get(pipe.name)
        if state is None or pipe.kind == "dnc":  # nothing was read yet, or all is looked at again by itself
            continue
        number = backfill.reread(db, wanted(client, pipe, state, now), read_with=state.version, now=now)
        if number is not None:
            numbers.append(number)
            log.warning("the mapping changed", client=client.name, pipeline=pipe.name, backfill=number)
    return numbers
