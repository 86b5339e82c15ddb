"""The dialer: a simulated VICIdial, and what its agents do there."""

from __future__ import annotations

from bench.far import Door

USER, PASSWORD, LIST_ID = "6666", "1234", "101"  # the simulator's built-in ones
ZONE = "America/New_York"
AGENT = "1001"
API_PATH = "/vicidial/non_agent_api.php"


class Dialer:
    """The simulated VICIdial at `url`; keeps nothing in memory, so several processes may use it in turn."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._door = Door(url)

    def call(self, count: int) -> None:
        """An agent calls so many of syncd's leads that nobody has called yet; every third buys."""
        self._door.ask("clock", zone=ZONE)
        leads = self._door.ask("world", include=["leads"])["leads"]
        fresh = [one["lead_id"] for one in leads if _is_ours(one) and int(one["called_count"]) == 0][:count]
        if len(fresh) < count:
            raise SystemExit(f"{count} leads were to be called, but there are {len(fresh)} uncalled ones")
        for place, lead_id in enumerate(fresh):
            status = "NI" if place % 3 else "SALE"
            self._door.ask("call", lead_id=lead_id, user=AGENT, status=status, length_in_sec=30 + place % 60)
        self._door.later(self._door.ask("clock")["epoch"])

    def writes(self) -> int:
        """How many leads requests have inserted so far."""
        return int(self._door.ask("requests")["writes"])


def _is_ours(lead: dict[str, object]) -> bool:
    return str(lead["source_id"] or "").startswith("syncd:")
