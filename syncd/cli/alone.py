"""Who does stored work – a backfill, an audit: a daemon, or the command itself where there is none."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.engine.run import Engine
    from syncd.store.database import Database

OTHERS_SECONDS = 120.0  # a daemon on PostgreSQL has begun a run within this
OWNER = ":backfill"


def who() -> str:
    """Who asks for it, as user@host."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "?"
    return f"{name}@{socket.gethostname()}"


def engine(db: Database, stopping: Callable[[], bool]) -> Engine:
    """An engine whose leases say that a command holds them, not a daemon."""
    from syncd.engine.run import Engine

    made = Engine(db, stopping=stopping)
    made.owner += OWNER
    return made


def took_over(db: Database) -> bool:
    """Whether this process is to do the work: no daemon does. Raises UserError for a store of another machine."""
    from syncd.store import machine

    if others(db):
        return False
    try:
        db.lock()
    except errors.UserError:
        return False
    machine.check(db)
    return True


def others(db: Database) -> bool:
    """Whether another process, a daemon, works on this store."""
    from syncd.store import backfill as stored

    if db.path is not None:
        return db.holder() != "" and not db.exclusive
    return stored.others_run(db, since=datetime.now(UTC) - timedelta(seconds=OTHERS_SECONDS), besides=OWNER)
