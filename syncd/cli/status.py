"""`syncd status`: how far each stream is, what waits, what is paused and how to go on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import cyclopts

from syncd.cli import adopt, erase, output
from syncd.cli import session as sessions

if TYPE_CHECKING:
    from syncd.core import model
    from syncd.engine import parts
    from syncd.store import status as facts
    from syncd.store.database import Database

_RESUME = {
    "operator": "`syncd resume {client} {name}` goes on",
    "guard": "look with `syncd plan {client} {name}`; `syncd resume {client} {name}` lets it pass once",
    "auth": "correct the login or permission, then `syncd resume {client} {name}`; it also tries again by itself",
    "mismatch": "{wrong_key} (`syncd resume {client}`)",
    "contract": "a connector is broken: update it, then `syncd resume {client} {name}`",
}


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, status)


def status(client: str | None = None, /, *, session: sessions.Given) -> int:
    """Show how far each stream is and what waits, whether the daemon runs or not.

    Example: syncd status acme

    Parameters
    ----------
    client
        Only this client.
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.store import status as facts

    now = datetime.now(UTC)
    with session.store(settings) as db, setup.clients(settings, [client] if client else [], db=db) as clients:
        found = [
            facts.client(
                db, one.name, [str(side) for side in one.sources()], [pipe.name for pipe in one.pipelines], now
            )
            for one in clients
        ]
        configured = {(one.name, pipe.name): pipe for one in clients for pipe in one.pipelines}
        known = {one.name: _known(one) for one in clients}
        beside = {one.name: _beside(db, one.name) for one in clients}
        if db.sqlite:
            process = db.holder()
            session.out.line(f"syncd runs as process {process}" if process else "no daemon runs")
    shown = [_shown(one, configured, now) | {"known": known[one.name], **beside[one.name]} for one in found]
    for one in shown:
        one["needs_operator"] = one["needs_operator"] or any(erasure["error"] for erasure in one["erasures_open"])
    session.out.table(
        ("client", "stream", "state", "checkpoint", "lag", "last run", "next", "last error"),
        [_stream_row(one["client"], stream, now) for one in shown for stream in one["streams"]],
    )
    session.out.line()
    session.out.table(
        ("client", "pipeline", "mode", "state", "staged", "waiting", "sending", "held", "skipped"),
        [_pipeline_row(one["client"], pipe) for one in shown for pipe in one["pipelines"]],
    )
    session.out.line()
    for one in shown:
        _say(session.out, one, now)
    session.out.result(shown)
    return 0


def _say(out: output.Output, one: dict[str, Any], now: datetime) -> None:
    """What there is to say of a client besides the tables."""
    out.line(f"{one['client']}: {one['links']} leads in dialling, {one['removed']} taken out of it")
    for line in adopt.lines(one["client"], one["adoption"]) if one["adoption"] else ():
        out.line(f"  {line}")
    for stream in one["streams"]:
        if stream["interrupted"]:
            out.line(
                f"  the last run of {stream['stream']} ended without saying how; the next one looks up what it sent"
            )
    for pipe in one["pipelines"]:
        if pipe["paused_by"]:
            out.line(f"  {pipe['pipeline']} is paused by {pipe['paused_by']}: {pipe['paused_why']}")
            out.line(f"    {pipe['resume']}")
        if pipe["reread"]:
            out.line(f"  the mapping of {pipe['pipeline']} has changed since it read everything;")
            out.line(f"    records that have not changed are read again by `{pipe['reread']}`")
    _say_audits(out, one, now)
    _say_erasures(out, one)
    if held := sum(sum(pipe["held"].values()) for pipe in one["pipelines"]):
        out.line(f"  {held} held: `syncd held list {one['client']}`")
    for role, lines in one["known"].items():
        for line in lines:
            out.line(f"  {role}: {line}")


def _say_audits(out: output.Output, one: dict[str, Any], now: datetime) -> None:
    if one["drift"] is not None:
        when = output.ago(one["drift_at"], now)
        out.line(f"  drift {one['drift']}, {when}: `syncd audit {one['client']} --last`")
    if one["audit"] is not None:
        waits = f": {one['audit_waits']}" if one["audit_waits"] else ""
        out.line(f"  audit {one['audit']} is under way{waits}")


def _say_erasures(out: output.Output, one: dict[str, Any]) -> None:
    for erasure in one["erasures_open"]:
        why = f": {erasure['error']}" if erasure["error"] else ""
        out.line(f"  erasure {erasure['erasure']} is not finished on the dialer{why}")
        out.line(f"    the daemon goes on, or `syncd erased finish {one['client']}`")
    if one["erasures_by_hand"]:
        which = ", ".join(map(str, one["erasures_by_hand"]))
        out.line(f"  erasures with something left by hand: {which}: `syncd erased list {one['client']}`")


def _beside(db: Database, client: str) -> dict[str, Any]:
    """Audits, erasures and adoptions of a client."""
    return {**_audited(db, client), **erase.unfinished(db, client), "adoption": adopt.shown(db, client)}


def _audited(db: Database, client: str) -> dict[str, Any]:
    """What the last audit that is done has found, and which one is under way."""
    from syncd.store import audit

    done, open_one = audit.last(db, client, "done"), audit.last(db, client, "open")
    return {
        "drift": done.drift if done is not None else None,
        "drift_at": done.ended_at if done is not None else None,
        "audit": open_one.id if open_one is not None else None,
        "audit_waits": open_one.error if open_one is not None else "",
    }


def _known(client: parts.Client) -> dict[str, list[str]]:
    """Role → what its connector has found out about the far system and remembers; asks nobody."""
    from syncd.sdk import protocol

    found = {str(one.role): one for one in (client.crm, client.dialer)}
    return {role: list(one.recalls()) for role, one in found.items() if isinstance(one, protocol.Remembers)}


def _shown(one: facts.Client, configured: Mapping[tuple[str, str], model.Pipeline], now: datetime) -> dict[str, Any]:
    """A client with stable keys. `configured`: by (client, pipeline)."""
    pipelines = [_pipeline(one.name, pipe, configured[one.name, pipe.name], now) for pipe in one.pipelines]
    return {
        "client": one.name,
        "process": one.process,
        "links": one.links,
        "removed": one.removed,
        "first_read_at": one.first_read_at,
        "needs_operator": any(pipe["held"] or pipe["paused_by"] not in ("", "operator") for pipe in pipelines),
        "streams": [_stream(stream, now) for stream in one.streams],
        "pipelines": pipelines,
    }


def _stream(stream: facts.Stream, now: datetime) -> dict[str, Any]:
    state = stream.state
    checkpoint = state.cursor.at if state.cursor else None
    return {
        "stream": stream.name,
        "running": stream.running,
        "interrupted": stream.interrupted,
        "checkpoint": checkpoint,
        "lag_seconds": round((now - checkpoint).total_seconds(), 1) if checkpoint else None,
        "last_run_at": state.last_run_at,
        "last_ok_at": state.last_ok_at,
        "next_due_at": state.next_due_at,
        "failures": state.failures,
        "last_error": state.last_error,
        "last_counts": dict(stream.counts),
    }


def _pipeline(client: str, pipe: facts.Pipeline, configured: model.Pipeline, now: datetime) -> dict[str, Any]:
    from syncd.core.model import Mismatch
    from syncd.engine import reread

    paused = pipe.state.paused if pipe.state.is_paused(now) else ""
    return {
        "pipeline": pipe.name,
        "mode": "shadow" if configured.shadow else "live",
        "paused_by": paused,
        "paused_why": pipe.state.why if paused else "",
        "paused_until": pipe.state.until if paused else None,
        "resume": _RESUME[paused].format(client=client, name=pipe.name, wrong_key=Mismatch.HINT) if paused else "",
        "reread": reread.command(client, configured, pipe.state),
        "started_at": pipe.state.started_at,
        "staged": pipe.staged,
        "waiting": pipe.waiting,
        "sending": pipe.sending,
        "held": dict(pipe.held),
        "skipped": dict(pipe.skipped),
    }


def _stream_row(client: str, stream: dict[str, Any], now: datetime) -> list[object]:
    if stream["running"]:
        state = "running"
    elif stream["interrupted"]:
        state = "interrupted"
    else:
        state = f"failed {stream['failures']}×" if stream["failures"] else "idle"
    checkpoint: datetime | None = stream["checkpoint"]
    lag = output.ago(checkpoint, now).removesuffix(" ago") if checkpoint else ""
    return [
        client,
        stream["stream"],
        state,
        checkpoint.isoformat(timespec="seconds").replace("+00:00", "Z") if checkpoint else "none yet",
        lag,
        output.ago(stream["last_run_at"], now),
        output.ago(stream["next_due_at"], now) if stream["next_due_at"] else "when asked",
        stream["last_error"],
    ]


def _pipeline_row(client: str, pipe: dict[str, Any]) -> list[object]:
    state = f"paused by {pipe['paused_by']}" if pipe["paused_by"] else "begun" if pipe["started_at"] else "not begun"
    counts = [pipe["staged"], pipe["waiting"], pipe["sending"]]
    reasons = [output.reasons(pipe["held"]), output.reasons(pipe["skipped"])]
    return [client, pipe["pipeline"], pipe["mode"], state, *counts, *reasons]
