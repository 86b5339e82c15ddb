"""Stretches of the server's wall clock to ask for calls in: whole hours, since the stock export knows nothing finer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_HOUR = timedelta(hours=1)
_WALL = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_BEFORE = 300.0  # seconds that two servers' clocks may differ by
_NEAR = 6 * 3600.0  # seconds; a Unix time further away is not that of the call (uniqueids may be used again)


@dataclass(frozen=True, slots=True)
class Window:
    """Wall-clock hours from the one that begins at `first` up to and including the one that begins at `last` (naive,
    server-local). All calls before `ends` (UTC) that are not in an earlier window are in it."""

    first: datetime
    last: datetime
    ends: datetime

    @property
    def end(self) -> datetime:
        """The wall-clock time at which its last hour is over."""
        return self.last + _HOUR


def between(since: datetime, until: datetime, zone: ZoneInfo, hours: int) -> Iterator[Window]:
    """The windows of at most `hours` hours that cover `since` to `until` (aware), oldest first, one at least. An autumn
    hour that the clock shows twice is one hour; the one that it skips in spring belongs to the window before it, for
    rows of servers whose clock is set by hand."""
    begun: list[datetime] = []
    moment = since.astimezone(UTC)
    while moment < until or not begun:
        hour = _hour(moment, zone)
        if not begun or begun[-1] != hour:
            if len(begun) == hours:
                yield Window(begun[0], max(begun[-1], hour - _HOUR), moment)
                begun.clear()
            begun.append(hour)
        moment += hour + _HOUR - moment.astimezone(zone).replace(tzinfo=None)
    yield Window(begun[0], max(begun[-1], _hour(moment, zone) - _HOUR), moment)


def _hour(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, minute=0, second=0, microsecond=0)


def both(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a wall clock shows this (naive) time: the same instant (UTC) twice, except in the hour that it shows twice,
    earlier one first, and in the one that it skips, where a clock that was not set yet or set too early shows it."""
    local = wall.replace(tzinfo=zone)
    return local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)


def instant(wall: str, epochs: tuple[int | None, ...], zone: ZoneInfo) -> datetime:
    """Given a server-local time as VICIdial prints it, return it in UTC; raise ValueError where it is none.

    Where the clock shows it twice, or never, the first of the `epochs` decides that is near: a Unix time at which the
    call had begun at the latest, so that it is the first time from then on. Without one it is the time before the clock
    was set."""
    if not _WALL.fullmatch(wall):
        raise ValueError("not a date and time")
    before, after = both(datetime.fromisoformat(wall), zone)
    if before == after:
        return before
    earlier, later = sorted((before, after))
    for epoch in epochs:
        if epoch is not None:
            found = earlier if earlier.timestamp() >= epoch - _BEFORE else later
            if abs(found.timestamp() - epoch) <= _NEAR:
                return found
    return before
