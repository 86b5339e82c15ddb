"""A thread that tidies up: it goes on with erasures that were interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import structlog

from syncd.config import models
from syncd.daemon import setup
from syncd.engine import erasing
from syncd.engine.run import Engine
from syncd.sdk import errors
from syncd.store import erasures
from syncd.store.database import Database

log = structlog.get_logger("syncd.daemon")

LOOK_SECONDS = 2.0


class Upkeep:
    """Works in a thread of its own, from `start` until `close`."""

    def __init__(self, db: Database, engine: Engine, settings: Callable[[], models.Settings]) -> None:
        self._db, self._engine, self._settings = db, engine, settings
        self._over = threading.Event()
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
        for name in sorted(waiting & settings.clients.keys()):
            # the clients of the streams are their threads'
            with setup.clients(settings, [name], db=self._db) as clients:
                erasing.finish(self._engine, clients[0])


@contextmanager
def begun(db: Database, engine: Engine, settings: models.Settings) -> Iterator[None]:
    """The daemon's upkeep, for as long as this lasts."""
    one = Upkeep(db, engine, lambda: settings)
    with closing(one):
        one.start()
        yield
