"""A thread that tidies up: it goes on with erasures that were interrupted, and deletes once a day what is over."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import structlog

from syncd.config import models
from syncd.core import model
from syncd.daemon import setup
from syncd.engine import erasing, parts
from syncd.engine.run import Engine
from syncd.sdk import errors
from syncd.store import erasures, retention
from syncd.store.database import Database

log = structlog.get_logger("syncd.daemon")

LOOK_SECONDS = 2.0
FIRST_PRUNE_SECONDS = 300.0
PRUNE_SECONDS = 86400.0


def before(kept: models.Retention, now: datetime) -> retention.Before:
    """The instants before which things are over."""

    def since(seconds: float | None) -> datetime | None:
        return None if seconds is None else now - timedelta(seconds=seconds)

    return retention.Before(since(kept.settled), since(kept.events), since(kept.runs))


class Upkeep:
    """Works in a thread of its own, from `start` until `close`."""

    def __init__(
        self,
        db: Database,
        engine: Engine,
        settings: Callable[[], models.Settings],
        found: Callable[[], Sequence[tuple[parts.Client, model.Side]]],
    ) -> None:
        self._db, self._engine, self._settings, self._found = db, engine, settings, found
        self._over = threading.Event()
        self._prune_at = time.monotonic() + FIRST_PRUNE_SECONDS
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Do no more; a request that is on its way is waited for a few seconds."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self.work()

    def work(self) -> None:
        """Once. Never raises: whatever is wrong is logged when it is news, and tried again."""
        try:
            self._erase()
            if time.monotonic() >= self._prune_at:
                self._prune_at = time.monotonic() + PRUNE_SECONDS
                self._prune()
        except Exception as error:  # noqa: BLE001  # the upkeep goes on whatever it met
            trouble = "; ".join(map(str, error.problems)) if isinstance(error, errors.UserError) else repr(error)
            if trouble != self._trouble:
                log.error("upkeep fails", why=trouble)
            self._trouble = trouble
        else:
            self._trouble = ""

    def _erase(self) -> None:
        now, settings = datetime.now(UTC), self._settings()
        waiting = {one.client for one in erasures.listed(self._db, states=("open",)) if (one.due_at or now) <= now}
        for name in sorted(waiting & {client.name for client, _ in self._found()}):
            # the connectors of the streams are their threads'
            with setup.clients(settings, [name], db=self._db) as clients:
                erasing.finish(self._engine, clients[0])

    def _prune(self) -> None:
        began = time.monotonic()
        old = before(self._settings().retention, datetime.now(UTC))
        done: Counter[str] = retention.prune(self._db, old, stopping=self._over.is_set)
        if +done:
            log.info("pruned", **done, seconds=round(time.monotonic() - began, 1))


@contextmanager
def begun(
    db: Database,
    engine: Engine,
    settings: Callable[[], models.Settings],
    found: Callable[[], Sequence[tuple[parts.Client, model.Side]]],
) -> Iterator[None]:
    """The upkeep of a daemon that runs these streams, for as long as this lasts."""
    one = Upkeep(db, engine, settings, found)
    with closing(one):
        one.start()
        yield
