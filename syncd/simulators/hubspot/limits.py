"""The portal's rate limits: per ten seconds, searches per second, per day of the portal's time zone."""

import datetime
from collections import deque
from zoneinfo import ZoneInfo

from . import refusals


class Limits:
    """Counts requests and refuses those over a limit; 0 means no limit."""

    def __init__(self, rate: int = 0, search_rate: int = 0, daily: int = 0) -> None:
        self.rate, self.search_rate, self.daily = rate, search_rate, daily
        self.refused = 0
        self._recent: deque[float] = deque()
        self._searches: deque[float] = deque()
        self._day = ""
        self._today = 0

    def headers(self) -> dict[str, str]:
        """What answers say of the daily budget."""
        if not self.daily:
            return {}
        return {
            "X-HubSpot-RateLimit-Daily": str(self.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, self.daily - self._today)),
        }

    def count(self, now: float, zone: str, *, is_search: bool) -> None:
        """Count one request of this moment; raise Refusal (HTTP 429) if it is one too many."""
        day = datetime.datetime.fromtimestamp(now, ZoneInfo(zone)).strftime("%Y-%m-%d")
        if day != self._day:
            self._day, self._today = day, 0
        policy = ""
        if self.daily and self._today >= self.daily:
            policy = "DAILY"
        elif self.rate and _full(self._recent, now, 10.0, self.rate):
            policy = "TEN_SECONDLY_ROLLING"
        elif is_search and self.search_rate and _full(self._searches, now, 1.0, self.search_rate):
            policy = "SECONDLY"
        if policy:
            self.refused += 1
            raise refusals.too_many(policy)
        self._today += 1
        self._recent.append(now)
        if is_search:
            self._searches.append(now)


def _full(recent: deque[float], now: float, seconds: float, most: int) -> bool:
    while recent and recent[0] <= now - seconds:
        recent.popleft()
    return len(recent) >= most
