"""Alerts: what a person should know at once, told once, and once more when it is over.

`conditions` is pure: a picture and the limits → what is wrong now. `Alerts` remembers in the store what was told to
whom, so that a restart repeats nothing and forgets nobody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import structlog

from syncd.config import models
from syncd.daemon.picture import One, Picture
from syncd.sdk import protocol

log = structlog.get_logger("syncd.daemon")
MEMO = "alerts"
_FIRST_RETRY = timedelta(seconds=30)
_LONGEST_RETRY = timedelta(minutes=15)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_BY_ITSELF = ("operator", "")  # who pauses without anybody having to be told


class Channel(Protocol):
    """Where alerts go. `id` tells it from others without telling its secrets, `name` is for people."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    def send(self, title: str, body: str) -> bool:
        """Whether it arrived. Never raises for what the far side does."""


def conditions(picture: Picture, limits: Callable[[str], models.Limits], began: datetime) -> dict[str, str]:
    """What is wrong now: a key that stays the same while it lasts → one line for a person, without personal data.
    `limits`: of a client. `began`: since when anybody watches."""
    found: dict[str, str] = {}
    for one in picture.clients:
        found |= _client(one, limits(one.status.name), picture.at, began)
    return found


def _client(one: One, limits: models.Limits, now: datetime, began: datetime) -> dict[str, str]:
    name, found = one.status.name, {}
    paused = set()
    for pipe in one.status.pipelines:
        if pipe.state.is_paused(now) or (pipe.state.paused == "auth" and pipe.state.auth_failures):
            paused.add(pipe.name)
            if pipe.state.paused not in _BY_ITSELF:
                found[f"{name} {pipe.name} paused {pipe.state.paused}"] = (
                    f"{name} {pipe.name} is paused by {pipe.state.paused}: {pipe.state.why}"
                )
        held = sum(pipe.held.values())
        if limits.held is not None and held >= limits.held:
            found[f"{name} {pipe.name} held"] = (
                f"{name} {pipe.name}: {held} held, which need a person: `syncd held list {name}`"
            )
    if len(paused) < len(one.status.pipelines):
        found |= _streams(one, limits, now, began)
    since = one.undelivered_since
    if since is not None and now - since > timedelta(seconds=limits.dnc):
        found[f"{name} dnc"] = (
            f"{name}: a do-not-call request or opt-out waits to be delivered since {since:%Y-%m-%d %H:%M:%S} UTC"
        )
    for role, budget in one.budgets.items():
        if budget.total and budget.used >= limits.quota * budget.total:
            found[f"{name} {role} quota"] = (
                f"{name}: {budget.used} of {budget.total} requests to the {role} are used"
                + (f" until {budget.renewed_at:%Y-%m-%d %H:%M} UTC" if budget.renewed_at else "")
            )
    if limits.drift is not None and one.drift is not None and one.drift >= limits.drift:
        found[f"{name} drift"] = f"{name}: the last audit found {one.drift} differences: `syncd audit {name} --last`"
    return found


def _streams(one: One, limits: models.Limits, now: datetime, began: datetime) -> dict[str, str]:
    name, found = one.status.name, {}
    for stream in one.status.streams:
        behind = now - max(stream.state.last_ok_at or _NEVER, began if stream.state.last_ok_at is None else _NEVER)
        if behind > timedelta(seconds=max(limits.lag, 2 * one.every.get(stream.name, 0.0))):
            found[f"{name} {stream.name} lag"] = (
                f"{name} {stream.name}: no run has succeeded for {words(behind)}: {stream.state.last_error or 'no run'}"
            )
        quiet = now - one.news_at.get(stream.name, now)
        if limits.silence is not None and quiet > timedelta(seconds=limits.silence):
            found[f"{name} {stream.name} silence"] = (
                f"{name} {stream.name}: silence: nothing new has come for {words(quiet)}, though it is read"
            )
    return found


def words(time: timedelta) -> str:
    """A stretch of time as people say it."""
    minutes = int(time.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


@dataclass(slots=True)
class _Channel:
    """What is known of a channel: how often it failed in a row, and when it is tried again."""

    channel: Channel
    failures: int = 0
    try_at: datetime = _NEVER


class Alerts:
    """Tells each channel of each condition once, and of its end once to those who were told of its beginning."""

    def __init__(self, channels: Sequence[Channel], memory: protocol.Memory) -> None:
        self._channels = [_Channel(one) for one in channels]
        self._memory = memory

    def look(self, found: Mapping[str, str], now: datetime) -> None:
        """These conditions hold now, and no others."""
        known: dict[str, dict[str, Any]] = json.loads(self._memory.get(MEMO) or "{}")
        for key, text in found.items():
            one = known.setdefault(key, {"since": now.isoformat(), "told": [], "text": text})
            if one.pop("over", None) is not None:
                log.warning("alert", alert=key, why=text)
            one["text"] = text
            if one.get("logged") is None:
                one["logged"] = True
                log.warning("alert", alert=key, why=text)
        for key, one in known.items():
            if key not in found and "over" not in one:
                one["over"] = now.isoformat()
                log.info("alert is over", alert=key)
        for channel in self._channels:
            if channel.try_at <= now:
                self._tell(channel, known, now)
        ids = {one.channel.id for one in self._channels}
        kept = {key: one for key, one in known.items() if "over" not in one or ids & set(one["told"])}
        text = json.dumps(kept, sort_keys=True)
        if text != (self._memory.get(MEMO) or "{}"):
            self._memory.change(MEMO, lambda _: text)

    @staticmethod
    def _tell(channel: _Channel, known: Mapping[str, dict[str, Any]], now: datetime) -> None:
        me = channel.channel.id
        new = [one for one in known.values() if "over" not in one and me not in one["told"]]
        over = [one for one in known.values() if "over" in one and me in one["told"]]
        if not new and not over:
            return
        title = f"syncd: {new[0]['text']}" if len(new) == 1 and not over else f"syncd: {len(new)} new, {len(over)} over"
        lines = [one["text"] for one in new] + [f"over: {one['text']} (since {one['since'][:16]} UTC)" for one in over]
        if channel.channel.send(title[:150], "\n".join(lines)):
            channel.failures = 0
            for one in new:
                one["told"].append(me)
            for one in over:
                one["told"].remove(me)
            return
        channel.failures += 1
        wait = min(_LONGEST_RETRY, _FIRST_RETRY * 2 ** min(10, channel.failures - 1))
        channel.try_at = now + wait
        log.warning("an alert could not be delivered", to=channel.channel.name, again_in=int(wait.total_seconds()))


def active(memory: protocol.Memory) -> list[dict[str, Any]]:
    """What is wrong now as far as it was noticed: text and since when."""
    known = json.loads(memory.get(MEMO) or "{}")
    return [
        {"alert": key, "text": one["text"], "since": one["since"]} for key, one in known.items() if "over" not in one
    ]
