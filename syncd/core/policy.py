"""Policy that is not about one record: back-off, and how long a refused login rests."""

from __future__ import annotations

FIRST_PAUSE_SECONDS = 300.0
LONGEST_PAUSE_SECONDS = 6 * 3600.0


def backoff_seconds(attempts: int, *, first: float = 2.0, longest: float = 600.0) -> float:
    """The wait before try number `attempts` + 1: doubling, without jitter (one daemon, one queue a record)."""
    return float(min(longest, first * 2 ** max(0, min(attempts, 20) - 1)))


def auth_pause_seconds(failures: int) -> float:
    """How long a pipeline rests after its `failures`-th refused login in a row. VICIdial locks an account for 15
    minutes at ten wrong passwords; with pauses of 5, 10, 20 … minutes at most three fall into any 15 minutes."""
    return backoff_seconds(failures, first=FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)


_LEAST_BATCH = 10
_FASTER = 4


def next_batch(last: int, *, sent: int, seconds: float, allowed_seconds: float) -> int:
    """How many records of a backfill may go out at once, so that live work need not wait for longer than
    `allowed_seconds`: as many as fit in at the pace of those `sent` in `seconds`, growing step by step from `last`."""
    fits = int(sent / max(seconds, 0.001) * allowed_seconds) if sent else last
    return max(_LEAST_BATCH, min(fits, last * _FASTER))
