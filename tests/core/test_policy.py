"""Policy: when a mass change stops, and how long to wait."""

from __future__ import annotations

import pytest

from syncd.core import model, policy
from syncd.core.policy import Totals

LIMITS = model.GuardLimits(max_removes=25, max_removes_share=0.1, max_updates=100, max_updates_share=0.5)


@pytest.mark.parametrize(
    "totals",
    [
        Totals(),
        Totals(creates=100_000, links=10),
        Totals(removes=25, links=30),
        Totals(removes=26, links=260),
        Totals(updates=100, links=100),
        Totals(updates=101, links=202),
    ],
)
def test_a_change_passes_unless_it_exceeds_both_its_number_and_its_share(totals: Totals) -> None:
    assert policy.guard(totals, LIMITS) == ""


@pytest.mark.parametrize(
    ("totals", "words"),
    [
        (Totals(removes=26, links=259), "26 of 259 leads would be taken out of dialling"),
        (Totals(removes=26), "26 of 0 leads"),
        (Totals(updates=102, links=203), "102 of 203 records would be changed"),
    ],
)
def test_a_mass_change_is_told_in_words_with_what_the_guard_allows(totals: Totals, words: str) -> None:
    told = policy.guard(totals, LIMITS)
    assert words in told
    assert "more than the guard allows" in told


def test_without_a_limit_nothing_is_guarded() -> None:
    limits = model.GuardLimits(max_removes=None, max_updates=None)
    assert policy.guard(Totals(removes=10_000, updates=10_000, links=1), limits) == ""


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
