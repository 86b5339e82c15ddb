"""Policy: how long to wait."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize(
    ("last", "sent", "seconds", "allowed", "expected"),
    [
        (10, 10, 0.1, 3.0, 40),  # 300 would fit: step by step
        (100, 100, 0.2, 0.1, 50),  # half of them fit
        (100, 100, 50.0, 3.0, 10),  # 6 would fit, but a batch has costs of its own
        (40, 0, 5.0, 3.0, 40),  # nothing was sent, so nothing is known
        (10, 10, 0.0, 0.0, 10),
    ],
)
def test_a_backfills_next_batch_fits_into_the_time_that_it_may_take(
    last: int, sent: int, seconds: float, allowed: float, expected: int
) -> None:
    assert policy.next_batch(last, sent=sent, seconds=seconds, allowed_seconds=allowed) == expected
