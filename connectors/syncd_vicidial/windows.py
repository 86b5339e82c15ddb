"""Stretches of the server's wall clock to ask for calls in: whole hours, since the stock export knows nothing finer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Wall-clock hours from the one that begins at `first` up to and including the one that begins at `last` (naive,
    server-local). All calls before `ends` (UTC) that are not in an earlier window are in it."""

    first: datetime
    last: datetime
    ends: datetime


def between(since: datetime, until: datetime, zone: ZoneInfo, hours: int) -> Iterator[Window]:
    """The windows of at most `hours` hours that cover `since` to `until` (aware), oldest first, one at least. An autumn
    hour that the clock shows twice is one hour."""
    begun: list[datetime] = []
    moment = since.astimezone(UTC)
    while moment < until or not begun:
        local = moment.astimezone(zone).replace(tzinfo=None)
        hour = local.replace(minute=0, second=0, microsecond=0)
        if not begun or begun[-1] != hour:
            if len(begun) == hours:
                yield Window(begun[0], begun[-1], moment)
                begun.clear()
            begun.append(hour)
        moment += hour + _HOUR - local
    yield Window(begun[0], begun[-1], moment)


def instant(wall: str, uniqueid_epoch: int | None, zone: ZoneInfo) -> datetime:
    """Given a server-local time as VICIdial prints it, return it in UTC; raise ValueError where it is none.

    Of an hour that the clock shows twice, the one nearer to the call's own Unix time is taken."""
    local = datetime.strptime(wall, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
    first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if first == second or uniqueid_epoch is None:
        return first
    return min(first, second, key=lambda moment: abs(moment.timestamp() - uniqueid_epoch))
