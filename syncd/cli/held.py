"""`syncd held`: what waits for a person, and what to do with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import cyclopts

from syncd.cli import output
from syncd.cli import session as sessions
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.store import held as store_held
    from syncd.store.database import Database


def mount(app: cyclopts.App) -> None:
    """Add the group."""
    group = cyclopts.App(name="held", help="What waits for a person: list it, look at it, try it again, or drop it.")
    sessions.add(group, list_, "list")
    sessions.add(group, show)
    sessions.add(group, retry)
    sessions.add(group, drop)
    app.command(group)


def list_(client: str | None = None, /, *, pipeline: str | None = None, session: sessions.Given) -> int:
    """List what is held: why, and what to do about it.

    Example: syncd held list acme --pipeline leads

    Parameters
    ----------
    client
        Only this client.
    pipeline
        Only this pipeline: leads, calls or dispositions.
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.store import held

    setup.chosen(settings, [client] if client else [])
    now = datetime.now(UTC)
    with session.store(settings) as db:
        found = held.listed(db, client or "", pipeline or "")
    session.out.table(
        ("id", "client", "pipeline", "record", "reason", "held", "what to do"),
        [
            (one.id, one.client, one.pipeline, one.subject, one.reason, output.ago(one.held_at, now), one.hint)
            for one in found
        ],
    )
    session.out.result([_shown(one, now) for one in found])
    return 0


def show(number: int, /, *, values: bool = False, session: sessions.Given) -> int:
    """Show one held intent and its story.

    Example: syncd held show 17

    Parameters
    ----------
    number
        The id that `syncd held list` shows.
    values
        Show what it would write, too: personal data.
    """
    settings = session.settings()
    from syncd.store import held

    now = datetime.now(UTC)
    with session.store(settings) as db:
        found = held.one(db, number)
    if found is None:
        raise _not_held([number])
    one, story = found
    shown = _shown(one, now) | {
        "kind": one.kind,
        "far_id": one.far_id,
        "attempts": one.attempts,
        "fields": dict(one.fields) if values else sorted(one.fields),
        "events": story,
    }
    for name in ("id", "client", "pipeline", "record", "reason", "hint", "kind", "far_id", "attempts", "fields"):
        session.out.line(f"{name:9} {shown[name]}")
    session.out.table(("at", "step", "detail"), [(output.plain(step.at), step.step, step.detail) for step in story])
    session.out.result(shown)
    return 0


def retry(
    *ids: int,
    all_: tuple[str, str] | None = None,
    session: sessions.Given,
) -> int:
    """Read records again from where they come, plan them again, and stage what there is to do.

    The next run sends it; a running daemon does so at once. Where the far record is gone (`missing`) its link is
    forgotten, so that it is created anew. Where several far records carry the key (`several`) the key is looked for
    before anything is sent. Exit code 1 if something is still held.

    Example: syncd held retry 17 18

    Example: syncd held retry --all acme leads

    Parameters
    ----------
    ids
        The ids that `syncd held list` shows.
    all_
        Everything that is held of this client's pipeline.
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.engine import operate
    from syncd.engine.run import Engine

    with session.store(settings) as db, setup.clients(settings, db=db) as clients:
        wanted = _wanted(db, ids, all_)
        by_name = {client.name: client for client in clients}
        engine = Engine(db)
        setup.register(engine, [by_name[name] for name in {one.client for one in wanted} if name in by_name])
        done: list[operate.Retried] = []
        for name in dict.fromkeys(one.client for one in wanted):
            client = by_name[setup.named(name, by_name, "client")]
            done += operate.retry(engine, client, [one for one in wanted if one.client == name])
    for one in done:
        session.out.line(f"{one.id} {one.client} {one.pipeline} {one.subject}: {one.state}: {one.said}")
    if not done:
        session.out.line("nothing is held")
    session.out.result(done)
    return 1 if any(one.state == "held" for one in done) else 0


def drop(*ids: int, session: sessions.Given) -> int:
    """Let go of what is held: it is not sent. The record is planned again when it changes.

    Example: syncd held drop 17

    Parameters
    ----------
    ids
        The ids that `syncd held list` shows.
    """
    settings = session.settings()
    from syncd.store import held

    now = datetime.now(UTC)
    every = list(dict.fromkeys(ids))
    if not every:
        raise errors.UserError([errors.Problem("nothing to drop", fix="give ids, `syncd held list` shows them")])
    with session.store(settings) as db:
        missing = [number for number in every if held.one(db, number) is None]
        if missing:
            raise _not_held(missing)
        dropped = [number for number in every if held.drop(db, number, now)]
    session.out.line(f"dropped: {', '.join(map(str, dropped)) or 'nothing'}")
    session.out.result({"dropped": dropped})
    return 0


def _wanted(db: Database, ids: Sequence[int], all_: tuple[str, str] | None) -> list[store_held.Held]:
    from syncd.store import held

    if bool(ids) == (all_ is not None):
        raise errors.UserError([errors.Problem("nothing to retry", fix="give ids, or --all CLIENT PIPELINE")])
    if all_ is not None:
        return held.listed(db, *all_)
    found = {one.id: one for one in held.listed(db)}
    missing = [number for number in ids if number not in found]
    if missing:
        raise _not_held(missing)
    return [found[number] for number in dict.fromkeys(ids)]


def _not_held(ids: Sequence[int]) -> errors.UserError:
    return errors.UserError(
        [errors.Problem(f"{number} is not held", fix="`syncd held list` shows what is") for number in ids]
    )


def _shown(one: store_held.Held, now: datetime) -> dict[str, Any]:
    """A held intent with stable keys."""
    return {
        "id": one.id,
        "client": one.client,
        "pipeline": one.pipeline,
        "record": one.subject,
        "reason": one.reason,
        "hint": one.hint,
        "held_at": one.held_at,
        "age_seconds": round((now - one.held_at).total_seconds(), 1),
    }
