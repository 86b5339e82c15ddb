"""`syncd db`: the state store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import cyclopts

from syncd.cli import output
from syncd.cli import session as sessions
from syncd.sdk import errors


def mount(app: cyclopts.App) -> None:
    """Add the group."""
    group = cyclopts.App(name="db", help="The state store: make it, bring it up to date, look at it, copy it.")
    for command in (upgrade, current, check, backup, prune, rebind, moved):
        sessions.add(group, command)
    app.command(group)


def upgrade(*, session: sessions.Given) -> int:
    """Make the store, or bring it to the revision that this syncd needs. An SQLite store is copied first.

    Stop the daemon before; a store in use is refused.

    Example: syncd db upgrade
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.store import upgrade as upgrades

    with setup.database(settings, check=False) as db:
        old, new, saved = upgrades.upgrade(db, now=datetime.now(UTC))
    if old == new:
        session.out.line(f"the store has revision {new} already")
    else:
        session.out.line(f"the store was brought from {old or 'nothing'} to revision {new}")
    if saved:
        session.out.line(f"a copy of it as it was: {saved}")
    session.out.result({"from": old, "to": new, "copy": str(saved) if saved else None})
    return 0


def current(*, session: sessions.Given) -> int:
    """Show the store's revision, and the one that this syncd needs. Exit code 2 if they differ.

    Example: syncd db current
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.store import upgrade as upgrades

    with setup.database(settings, check=False) as db:
        try:
            upgrades.check(db)
            problems: tuple[errors.Problem, ...] = ()
        except errors.UserError as error:
            problems = error.problems
        found = "" if upgrades.missing(db) else upgrades.current(db)
    needed = upgrades.HEAD
    session.out.line(f"the store has revision {found or 'none'}, this syncd needs {needed}")
    output.problems(problems)
    session.out.result({"revision": found, "needed": needed, "problems": problems})
    return 2 if problems else 0


def check(*, session: sessions.Given) -> int:
    """Compare the store's schema with what this syncd expects, and let SQLite check its file. Exit code 2 if
    something is wrong.

    Example: syncd db check
    """
    settings = session.settings()
    from syncd.store import inspection

    with session.store(settings) as db:
        problems = inspection.inspect(db)
    output.problems(problems)
    if not problems:
        session.out.line("the store is sound")
    session.out.result({"problems": problems})
    return 2 if problems else 0


def backup(
    *,
    to: Annotated[Path | None, cyclopts.Parameter(help="Where; by default beside the store")] = None,
    session: sessions.Given,
) -> int:
    """Copy an SQLite store while it is in use. A PostgreSQL store is copied with pg_dump.

    Example: syncd db backup --to /var/backups/syncd.db
    """
    settings = session.settings()
    from syncd.store import upgrade as upgrades

    with session.store(settings) as db:
        saved = upgrades.backup(db, now=datetime.now(UTC), to=to)
    session.out.line(f"copied to {saved}")
    session.out.result({"copy": str(saved)})
    return 0


def prune(*, dry_run: bool = False, vacuum: bool = False, session: sessions.Given) -> int:
    """Delete what is over for longer than `retention` says, as the daemon does once a day: in small slices, so that it
    may run meanwhile. What waits, is held or was done by hand stays, and so do links and tombstones.

    Example: syncd db prune --dry-run

    Parameters
    ----------
    dry_run
        Only say how much it would be.
    vacuum
        Write an SQLite file anew afterwards, so that it becomes smaller and nothing of what was deleted or erased is
        left in it. It takes as much free space as the file is large; the daemon has to be stopped.
    """
    settings = session.settings()
    from syncd.daemon import upkeep
    from syncd.store import retention

    if dry_run and vacuum:
        raise errors.UserError([errors.Problem("--vacuum deletes for good, --dry-run nothing", fix="say one of them")])
    with session.store(settings) as db:
        if vacuum and db.sqlite:
            db.lock()
        old = upkeep.before(settings.retention, datetime.now(UTC))
        done = retention.prune(db, old, paced=not vacuum, dry=dry_run)
        if vacuum:
            retention.vacuum(db)
    said = output.reasons(+done) or "nothing"
    session.out.line(f"{'would be deleted' if dry_run else 'deleted'}: {said}")
    if vacuum:
        session.out.line(
            "the file was written anew" if db.sqlite else "PostgreSQL frees the room by itself (autovacuum)"
        )
    session.out.result({"deleted": {name: done[name] for name in ("settled", "events", "runs")}, "dry_run": dry_run})
    return 0


def rebind(client: str, /, *, session: sessions.Given) -> int:
    """Say that a client's CRM and dialer are the same ones as before, under the addresses that are configured now.

    Without this a store that was filled from other systems is refused: its links would lead to foreign records.

    Example: syncd db rebind acme

    Parameters
    ----------
    client
        The client.
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.store import streams

    with session.store(settings) as db, setup.clients(settings, [client], db=db) as clients:
        streams.rebind(db, client, clients[0].identity)
    session.out.line(f"{client} now means the configured CRM and dialer")
    session.out.result({"client": client})
    return 0


def moved(*, session: sessions.Given) -> int:
    """Say that an SQLite store has moved to this machine for good, and that nothing syncs from a copy of it elsewhere.

    Without this a store that was last used on another machine is refused: two that sync from copies of one store make
    each new lead twice.

    Example: syncd db moved
    """
    settings = session.settings()
    from syncd.store import machine

    with session.store(settings) as db:
        machine.moved(db)
    session.out.line("the store belongs to this machine now")
    session.out.result({"moved": True})
    return 0
