"""Policy that is not about one record: mass-change guard, back-off, and what a pause means."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.core import model

FIRST_PAUSE_SECONDS = 300.0
LONGEST_PAUSE_SECONDS = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Totals:
    """What one pipeline has staged, by kind of write, and how many links the client has."""

    creates: int = 0
    updates: int = 0
    removes: int = 0
    links: int = 0

    def at_least(self, other: Totals) -> Totals:
        """The larger numbers of changes of both; the links are these."""
        return Totals(
            max(self.creates, other.creates),
            max(self.updates, other.updates),
            max(self.removes, other.removes),
            self.links,
        )


def guard(totals: Totals, limits: model.GuardLimits) -> str:
    """Why these staged changes look like an accident, in words for the operator; "" if they may go out."""
    for count, most, share, what in (
        (totals.removes, limits.max_removes, limits.max_removes_share, "leads would be taken out of dialling"),
        (totals.updates, limits.max_updates, limits.max_updates_share, "records would be changed"),
    ):
        if most is not None and count > most and count > share * totals.links:
            return f"{count} of {totals.links} {what}, more than the guard allows ({most} and {share:.0%})"
    return ""


def backoff_seconds(attempts: int, *, first: float = 2.0, longest: float = 600.0) -> float:
    """The wait before try number `attempts` + 1: doubling, without jitter (one daemon, one queue a record)."""
    return float(min(longest, first * 2 ** max(0, min(attempts, 20) - 1)))


def auth_pause_seconds(failures: int) -> float:
    """How long a pipeline rests after its `failures`-th refused login in a row. VICIdial locks an account for 15
    minutes at ten wrong passwords; with pauses of 5, 10, 20 … minutes at most three fall into any 15 minutes."""
    return backoff_seconds(failures, first=FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
