"""From settings to what runs: the checked store, clients with connectors of their own, their names in the store."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from syncd.config import compile as compiler
from syncd.config import models
from syncd.core import model
from syncd.daemon import statistics
from syncd.engine import parts
from syncd.engine.run import Engine
from syncd.sdk import errors
from syncd.store import upgrade
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
def clients(settings: models.Settings, only: Sequence[str] = ()) -> Iterator[list[parts.Client]]:
    """These clients, ready to run by one thread; their connectors are closed at the end."""
    names = chosen(settings, only)
    with ExitStack() as stack:
        found = []
        for plan in compiler.clients(settings):
            stack.callback(plan.crm.close)
            stack.callback(plan.dialer.close)
            if plan.name in names:
                found.append(parts.Client(plan.name, plan.crm, plan.dialer, plan.pipelines, plan.identity))
        yield found


@contextmanager
def streams(settings: models.Settings, only: Sequence[str] = ()) -> Iterator[list[tuple[parts.Client, model.Side]]]:
    """Every stream of these clients, each with connectors of its own: a connector serves one thread at a time."""
    with ExitStack() as stack:
        first = stack.enter_context(clients(settings, only))
        most = max((len(client.sources()) for client in first), default=0)
        sets = [first, *(stack.enter_context(clients(settings, only)) for _ in range(most - 1))]
        yield [
            (sets[number][place], side)
            for place, client in enumerate(first)
            for number, side in enumerate(client.sources())
        ]


@contextmanager
def watched(settings: models.Settings, only: Sequence[str] = ()) -> Iterator[list[statistics.Watched]]:
    """Those of these clients whose statistics are to be read, each with connectors of its own."""
    every = {
        name: one.statistics.every
        for name, one in settings.clients.items()
        if one.statistics is not None and name in chosen(settings, only)
    }
    with ExitStack() as stack:
        found = stack.enter_context(clients(settings, list(every))) if every else []
        yield [statistics.Watched(client, every[client.name]) for client in found]


def register(engine: Engine, found: Iterable[parts.Client]) -> None:
    """Bind the clients to the store; raise UserError with the problems of all."""
    problems: list[errors.Problem] = []
    for client in {one.name: one for one in found}.values():
        try:
            engine.register(client)
        except errors.UserError as error:
            problems += error.problems
    if problems:
        raise errors.UserError(problems)
