"""`syncd plan`: what the next run would do, without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cyclopts

from syncd.cli import output
from syncd.cli import session as sessions

if TYPE_CHECKING:
    from syncd.engine import preview

SHOWN = 20


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, plan)


def plan(client: str, pipeline: str | None = None, /, *, limit: int = SHOWN, session: sessions.Given) -> int:
    """Show what the next run would create, update, remove, skip and hold, and what is staged already.

    Reads both systems and writes nothing, on neither side nor in the store. Values are not shown, only ids and names
    of fields. Where a mapping has changed, it also shows what comes of the records that are read again with it, as the
    daemon will from `syncd reload` on.

    Example: syncd plan acme leads --limit 100

    Parameters
    ----------
    client
        The client.
    pipeline
        Only this pipeline: leads, calls or dispositions.
    limit
        At most so many records of each pipeline are listed; all are counted.
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.engine import backfill, preview, reread
    from syncd.engine.run import Engine
    from syncd.store import streams

    with session.store(settings) as db, setup.clients(settings, [client], db=db) as clients:
        names = sessions.pipelines(clients[0], pipeline)
        engine = Engine(db)
        found = preview.of_client(engine, clients[0], names)
        states = streams.pipeline_states(db, client)
        again = {
            wanted.pipeline: backfill.preview(engine, clients[0], wanted)
            for wanted in reread.changed(clients[0], names, states, engine.clock())
        }
    every = [shown(client, one, limit) for one in found]
    for one in every:
        pipe = again.get(one["pipeline"])
        one["reread_plan"] = shown(client, pipe, limit) if pipe is not None else None
        say(session.out, one)
    session.out.result(every)
    return 0


def shown(client: str, one: preview.Preview, limit: int) -> dict[str, Any]:
    """A preview with stable keys."""
    return {
        "client": client,
        "pipeline": one.pipeline,
        "read": one.read,
        "create": one.verdicts["create"],
        "update": one.verdicts["update"],
        "remove": one.verdicts["remove"],
        "unchanged": one.unchanged,
        "skip": dict(one.skipped),
        "hold": dict(one.held),
        "guard": one.guard,
        "paused": one.paused,
        "reread": one.reread,
        "staged": len(one.staged),
        "more": sum(max(0, len(every) - limit) for every in (one.items, one.staged)),
        "records": [
            {"id": item.subject, "plan": item.verdict, "reason": item.reason, "hint": item.hint, "fields": item.fields}
            for item in one.items[:limit]
        ],
        "staged_records": [
            {"id": item.subject, "plan": item.kind, "reason": item.reason, "fields": item.fields, "due_at": item.due_at}
            for item in one.staged[:limit]
        ],
    }


def say(out: output.Output, one: dict[str, Any]) -> None:
    done = ", ".join(f"{what} {one[what]}" for what in ("create", "update", "remove", "unchanged"))
    out.line(f"{one['client']} {one['pipeline']}: read {one['read']}: {done}")
    for what, label in (("skip", "skip"), ("hold", "hold")):
        if one[what]:
            out.line(f"  {label}: {output.reasons(one[what])}")
    if one["paused"]:
        out.line(f"  paused by {one['paused']}")
    if one["reread"]:
        out.line(f"  its mapping has changed; a daemon reads again what was read before, else `{one['reread']}` does")
    if one["guard"]:
        out.line(f"  its guard would stop this: {one['guard']}")
    if one["staged"]:
        out.line(f"  staged by earlier runs: {one['staged']}")
    rows = [
        [item["plan"], item["id"], item["reason"], item["hint"] or " ".join(item["fields"])] for item in one["records"]
    ]
    rows += [
        [f"staged {item['plan']}", item["id"], item["reason"], " ".join(item["fields"])]
        for item in one["staged_records"]
    ]
    if rows:
        out.table(("plan", "record", "reason", "fields or hint"), rows)
    if one["more"]:
        out.line(f"  and {one['more']} more: --limit lists them")
    out.line()
    if one.get("reread_plan"):
        out.line("Of what is read again because the mapping has changed:")
        say(out, one["reread_plan"])
