"""Audits in the daemon: made now and then where the configuration says so, and gone on with wherever one is open.

Each client's have connectors and a thread of their own, so that no stream waits for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from syncd.config import models
from syncd.engine import audit
from syncd.engine.parts import Client
from syncd.engine.run import Engine
from syncd.store import audit as stored

log = structlog.get_logger("syncd.daemon")

LOOK_SECONDS = 2.0
BY = "the daemon"


@dataclass(frozen=True, slots=True)
class Audited:
    """A client that can be audited, with connectors that nothing else uses."""

    client: Client
    settings: models.Audit


def go_on(engine: Engine, audited: Audited) -> datetime:
    """Begin an audit if one is due, and go on with the one that is open; returns when to look again. Raises UserError
    for what an operator must mend."""
    name, now = audited.client.name, engine.clock()
    if _is_due(engine, audited, now):
        since = now - timedelta(seconds=audited.settings.calls)
        number = audit.start(engine, audited.client, calls_since=since, rate=audited.settings.rate, by=BY)
        log.info("audit begins", client=name, audit=number)
    open_one = stored.due(engine.db, name, now)
    if open_one is not None:
        audit.run(engine, audited.client, open_one)
    return engine.clock() + timedelta(seconds=LOOK_SECONDS)


def _is_due(engine: Engine, audited: Audited, now: datetime) -> bool:
    every = audited.settings.every
    if every is None:
        return False
    last = stored.last(engine.db, audited.client.name)
    if last is None:
        return True
    if last.state == "open":
        return False
    # a clock that was set back must not put it off
    return not timedelta(0) <= now - last.created_at < timedelta(seconds=every)
