"""Reading the configuration again: which clients it changes, and nothing at all where anything in it is wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.config import fingerprint, load, models
from syncd.daemon import setup
from syncd.engine.run import Engine
from syncd.sdk import errors
from syncd.store import reloads
from syncd.store.database import Database

PAUSE_SECONDS = 1.0  # between two reloads: a storm of orders is one or two


@dataclass(frozen=True, slots=True)
class Change:
    """What another reading of the configuration asks for. `opened`: the added and changed clients, ready to run.
    `restart`: keys beside the clients that differ, which only a restart brings about."""

    settings: models.Settings
    added: Sequence[str] = ()
    changed: Sequence[str] = ()
    removed: Sequence[str] = ()
    unchanged: Sequence[str] = ()
    restart: Sequence[str] = ()
    opened: Sequence[setup.Opened] = field(default=(), repr=False)

    @property
    def stop_seconds(self) -> float:
        """How long what is to end may still send."""
        return self.settings.stop_seconds

    def plain(self) -> dict[str, Any]:
        """For logs and for whoever asked."""
        return {
            "added": list(self.added),
            "changed": list(self.changed),
            "removed": list(self.removed),
            "unchanged": len(self.unchanged),
            "restart": list(self.restart),
        }


class Configuration:
    """The configuration that runs: its file, which of its clients (`only`; all if empty), and what it said."""

    def __init__(self, path: Path, settings: models.Settings, only: Sequence[str]) -> None:
        self.path, self._only = path, only
        self._settings = settings
        self._prints = fingerprint.of(settings)
        self._names = setup.chosen(settings, only)

    def current(self) -> models.Settings:
        """What runs now: the clients as they were read last, all else as it was at the start."""
        return self._settings

    def read(self, engine: Engine) -> Change:
        """Read it again, check everything, open what is new or changed and bind it to the store. Raises UserError with
        all problems; then nothing has been opened. The clients that do not change are not touched."""
        settings = load.load(self.path)
        names = setup.chosen(settings, self._only)
        prints = fingerprint.of(settings)
        added = [name for name in names if name not in self._names]
        kept = [name for name in names if name in self._names]
        changed = [name for name in kept if prints.clients[name] != self._prints.clients[name]]
        with ExitStack() as stack:
            found = []
            for name in (*changed, *added):
                found.append(setup.opened(settings, name, db=engine.db))
                stack.callback(found[-1].close)
            setup.register(engine, [client for one in found for client, _ in one.streams])
            stack.pop_all()
        return Change(
            settings,
            added,
            changed,
            [name for name in self._names if name not in names],
            [name for name in kept if name not in changed],
            [key for key, print_ in prints.others.items() if print_ != self._prints.others[key]],
            found,
        )

    def took(self, change: Change) -> None:
        """This change was made; `restart` remains to be told until then."""
        prints = fingerprint.of(change.settings)
        self._prints = fingerprint.Fingerprints(prints.clients, self._prints.others)
        self._names = setup.chosen(change.settings, self._only)
        self._settings = self._settings.model_copy(update={"clients": change.settings.clients})


def refused(problems: Sequence[errors.Problem]) -> dict[str, Any]:
    """The answer to whoever asked for a reading that was not followed."""
    return {"problems": [{"what": one.what, "where": one.where, "fix": one.fix} for one in problems]}


class Orders:
    """Orders to this daemon to read its configuration again: signals, and what is in the store. Every method raises
    what the store raises."""

    def __init__(self, db: Database, owner: str) -> None:
        self._db, self._owner = db, owner
        self._hung_up = False
        self._done = self._asked = 0
        self._seen_at = self._ended_at = -math.inf

    def here(self) -> None:
        """This daemon takes orders from now on."""
        reloads.here(self._db, self._owner)
        self._seen_at = time.monotonic()
        self._done = self._asked = reloads.asked(self._db)

    def gone(self) -> None:
        """This daemon ends."""
        reloads.gone(self._db, self._owner)

    def wanted(self, *, hung_up: bool) -> int | None:
        """The number of the order to follow now, None if there is none. `hung_up`: a signal came; it is not forgotten
        where this raises what the store raises."""
        self._hung_up = self._hung_up or hung_up
        if time.monotonic() - self._ended_at < PAUSE_SECONDS:
            return None
        if not self._db.sqlite and time.monotonic() - self._seen_at > reloads.SIGN_OF_LIFE.total_seconds():
            reloads.here(self._db, self._owner)
            self._seen_at = time.monotonic()
        self._asked = reloads.asked(self._db)
        if not self._hung_up and self._asked <= self._done:
            return None
        self._hung_up = False
        return self._asked

    def answer(self, number: int, found: Mapping[str, Any]) -> None:
        """What became of the order, and of those before it."""
        self._done, self._ended_at = number, time.monotonic()
        reloads.answer(self._db, self._owner, number, found)
