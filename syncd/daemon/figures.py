"""A picture as figures for Prometheus. Names end in their units; instants are Unix time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from syncd.daemon.picture import Picture
from syncd.daemon.statistics import Reading
from syncd.web.metrics import Figure

Counts = Mapping[tuple[str, str, str], int]
_CLIENT, _PIPELINE, _STREAM = ("client",), ("client", "pipeline"), ("client", "stream")
_STATES = ("staged", "waiting", "sending")
_LIVE = {
    "calls_waiting": "People who wait for somebody to talk to",
    "agents_available": "Agents who wait for a call",
    "agents_logged_in": "Agents who are logged in",
    "agents_in_calls": "Agents in a call",
    "agents_paused": "Agents who pause",
    "abandon_percent": "Of today's calls, those lost before anybody was there to talk, in percent",
    "answer_seconds": "How long callers waited today for an answer, on average",
    "calls_today": "Calls of today",
}


def of(seen: Picture, readings: Mapping[str, Reading], counts: Counts, began: datetime) -> Iterator[Figure]:
    """All figures. `counts`: (client, pipeline, what became of them) → changes sent since the daemon began."""
    yield _figure("started_seconds", "When the daemon began", (), [((), began.timestamp())])
    yield from _streams(seen)
    yield from _pipelines(seen)
    yield from _clients(seen)
    yield _figure(
        "changes", "Changes sent, by what became of them", (*_PIPELINE, "result"), counts.items(), counts=True
    )
    yield from _live(readings, seen.at)


def _figure(
    name: str,
    about: str,
    labels: tuple[str, ...],
    values: Iterable[tuple[tuple[str, ...], float]],
    *,
    counts: bool = False,
) -> Figure:
    return Figure(f"syncd_{name}", about, labels, dict(values), counts)


def _streams(seen: Picture) -> Iterator[Figure]:
    every = [((one.status.name, stream.name), stream.state) for one in seen.clients for stream in one.status.streams]
    ran = [(key, state.last_ok_at) for key, state in every if state.last_ok_at]
    yield _figure("last_ok_seconds", "When a run last succeeded", _STREAM, [(key, at.timestamp()) for key, at in ran])
    yield _figure(
        "lag_seconds",
        "How long ago a run last succeeded",
        _STREAM,
        [(key, (seen.at - at).total_seconds()) for key, at in ran],
    )
    yield _figure(
        "checkpoint_seconds",
        "Up to when the stream has been read",
        _STREAM,
        [(key, state.cursor.at.timestamp()) for key, state in every if state.cursor],
    )
    yield _figure("failures", "Failed runs in a row", _STREAM, [(key, state.failures) for key, state in every])


def _pipelines(seen: Picture) -> Iterator[Figure]:
    every = [((one.status.name, pipe.name), pipe) for one in seen.clients for pipe in one.status.pipelines]
    for state in _STATES:
        yield _figure(
            state, f"Changes that are {state}", _PIPELINE, [(key, getattr(pipe, state)) for key, pipe in every]
        )
    for what, about in (("held", "Changes that need a person"), ("skipped", "Records that policy leaves out")):
        by_reason = [((*key, reason), n) for key, pipe in every for reason, n in getattr(pipe, what).items()]
        yield _figure(what, about, (*_PIPELINE, "reason"), by_reason)
    paused = [((*key, pipe.state.paused), 1) for key, pipe in every if pipe.state.is_paused(seen.at)]
    yield _figure("paused", "1 while the pipeline is paused, and by whom", (*_PIPELINE, "by"), paused)


def _clients(seen: Picture) -> Iterator[Figure]:
    links: list[tuple[tuple[str, ...], float]] = []
    waits: list[tuple[tuple[str, ...], float]] = []
    budgets: dict[str, list[tuple[tuple[str, ...], float]]] = {"used": [], "total": []}
    for one in seen.clients:
        name, since = one.status.name, one.undelivered_since
        links += [((name, "yes"), one.status.links), ((name, "no"), one.status.removed)]
        waits.append(((name,), (seen.at - since).total_seconds() if since else 0.0))
        for role, left in one.budgets.items():
            budgets["used"].append(((name, role), left.used))
            budgets["total"].append(((name, role), left.total))
    drifts = [((one.status.name,), one.drift) for one in seen.clients if one.drift is not None]
    yield _figure("drift", "Differences that the last audit found", _CLIENT, drifts)
    audits = [((one.status.name,), one.drift_at.timestamp()) for one in seen.clients if one.drift_at is not None]
    yield _figure("drift_at_seconds", "When the last audit ended", _CLIENT, audits)
    yield _figure("links", "CRM records that have a lead", ("client", "dialled"), links)
    about = "How long the oldest undelivered opt-out or do-not-call request has waited"
    yield _figure("dnc_waiting_seconds", about, _CLIENT, waits)
    for what, values in budgets.items():
        yield _figure(f"budget_{what}", f"Requests of a limited budget: {what}", ("client", "role"), values)


def _live(readings: Mapping[str, Reading], now: datetime) -> Iterator[Figure]:
    groups = [((client, one.group, one.leg), one) for client, last in readings.items() for one in last.groups]
    for name, about in _LIVE.items():
        told: list[tuple[tuple[str, ...], Any]] = [(key, getattr(one, name)) for key, one in groups]
        yield _figure(
            f"live_{name}",
            about,
            ("client", "group", "leg"),
            [(key, value) for key, value in told if value is not None],
        )
    ages = [((client,), (now - last.at).total_seconds()) for client, last in readings.items() if last.at]
    yield _figure("live_age_seconds", "How old these live figures are", _CLIENT, ages)
