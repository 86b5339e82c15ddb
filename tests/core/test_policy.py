"""Policy: how long to wait."""

from __future__ import annotations

from syncd.core import policy


def test_waits_double_up_to_their_longest() -> None:
    assert [policy.backoff_seconds(number) for number in (1, 2, 3, 4)] == [2, 4, 8, 16]
    assert policy.backoff_seconds(0) == 2
    assert policy.backoff_seconds(1000) == 600
    waits = [policy.backoff_seconds(number) for number in range(1, 40)]
    assert waits == sorted(waits)


def test_refused_logins_never_lock_an_account_that_allows_nine_in_fifteen_minutes() -> None:
    tries = [0.0]
    for failures in range(1, 20):
        tries.append(tries[-1] + policy.auth_pause_seconds(failures))
    for first in tries:
        assert sum(first <= one < first + 15 * 60 for one in tries) <= 3
    assert policy.auth_pause_seconds(100) == 6 * 3600
