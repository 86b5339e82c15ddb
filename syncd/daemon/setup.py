"""From settings to what runs: the checked store, clients with connectors of their own, their names in the store."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from syncd.config import compile as compiler
from syncd.config import models
from syncd.core import model
from syncd.daemon import audits, statistics
from syncd.engine import parts
from syncd.engine.pace import Pace
from syncd.engine.run import Engine
from syncd.sdk import errors, protocol
from syncd.sdk.memory import InMemory
from syncd.store import memo, streams, upgrade
from syncd.store.database import Database


@contextmanager
def database(settings: models.Settings, *, check: bool = True) -> Iterator[Database]:
    """The state store. `check`: raise UserError unless it has the revision that this syncd needs."""
    db = Database(settings.store.get_secret_value())
    try:
        if check:
            upgrade.check(db)
        yield db
    finally:
        db.close()


def named(wanted: str, known: Iterable[str], what: str) -> str:
    """`wanted`, if it is known; else raise UserError with what may have been meant."""
    names = list(known)
    if wanted in names:
        return wanted
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    fix = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
    raise errors.UserError([errors.Problem(f"there is no {what} {wanted!r}", fix=fix)])


def chosen(settings: models.Settings, only: Sequence[str]) -> list[str]:
    """The names of the clients meant by `only`, all if it is empty; raise UserError for an unknown one."""
    for name in only:
        named(name, settings.clients, "client")
    return [name for name in settings.clients if not only or name in only]


@contextmanager
def clients(
    settings: models.Settings, only: Sequence[str] = (), *, db: Database | None = None
) -> Iterator[list[parts.Client]]:
    """These clients, ready to run by one thread; their connectors are closed at the end. What these remember is in the
    state store: `db`, or the configured one where it is there and can be written; else it is lost with the process."""
    with ExitStack() as stack:
        found = db or stack.enter_context(_store(settings))
        yield stack.enter_context(_clients(settings, only, memo.Memo(found) if found else InMemory()))


@contextmanager
def _store(settings: models.Settings) -> Iterator[Database | None]:
    with ExitStack() as stack:
        try:
            db = stack.enter_context(database(settings))
            with db.write("look"):
                pass
        except errors.UserError:
            yield None
            return
        yield db


@contextmanager
def _clients(settings: models.Settings, only: Sequence[str], memory: protocol.Memory) -> Iterator[list[parts.Client]]:
    names = chosen(settings, only)
    with ExitStack() as stack:
        found = []
        for plan in compiler.clients(settings):
            for connector in (plan.crm, plan.dialer):
                stack.callback(connector.close)
                if isinstance(connector, protocol.Remembers):
                    connector.remember(memory)
            if plan.name in names:
                pace = _pace(settings, plan.name)
                found.append(parts.Client(plan.name, plan.crm, plan.dialer, plan.pipelines, plan.identity, pace))
        yield found


def _pace(settings: models.Settings, name: str) -> Pace:
    return Pace(settings.clients[name].limits.requests_per_second)


@dataclass(frozen=True, slots=True)
class Opened:
    """One client as the daemon runs it, each stream with connectors of its own, since a connector serves one thread at
    a time, and so what is read of statistics (if it is) and what is audited (if it has leads). They share what is
    remembered, so that a login which is refused to one is not tried by the others, and the pace of requests. `threads`:
    how many of the streams may run at once, None for all."""

    name: str
    streams: Sequence[tuple[parts.Client, model.Side]]
    watched: statistics.Watched | None
    audited: audits.Audited | None
    threads: int | None
    close: Callable[[], None]


def opened(settings: models.Settings, name: str, *, db: Database) -> Opened:
    """A client of these settings. Nothing is connected to yet; whoever asked for it closes it. Raises UserError, which
    is rare for settings that were loaded."""
    memory, pace = memo.Memo(db), _pace(settings, name)
    with ExitStack() as stack:

        def client() -> parts.Client:
            plan = compiler.named(settings, name)
            for connector in (plan.crm, plan.dialer):
                stack.callback(connector.close)
                if isinstance(connector, protocol.Remembers):
                    connector.remember(memory)
            return parts.Client(plan.name, plan.crm, plan.dialer, plan.pipelines, plan.identity, pace)

        first = client()
        sides = first.sources()
        every = [(first if number == 0 else client(), side) for number, side in enumerate(sides)]
        read = settings.clients[name].statistics
        watched = statistics.Watched(client(), read.every) if read is not None else None
        has_leads = any(pipe.kind == "leads" for pipe in first.pipelines)
        audited = audits.Audited(client(), settings.clients[name].audit_or_default) if has_leads else None
        threads = settings.clients[name].limits.threads
        return Opened(name, every, watched, audited, threads, stack.pop_all().close)


def register(engine: Engine, found: Iterable[parts.Client]) -> None:
    """Bind the clients to the store; raise UserError with the problems of all, then none was bound anew."""
    problems: list[errors.Problem] = []
    clients = {one.name: one for one in found}.values()
    for client in clients:
        try:
            streams.bound(engine.db, client.name, client.identity)
        except errors.UserError as error:
            problems += error.problems
    if problems:
        raise errors.UserError(problems)
    for client in clients:
        engine.register(client)
