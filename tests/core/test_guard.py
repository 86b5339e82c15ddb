"""The guard: which changes stop for a person, in words."""

from __future__ import annotations

import pytest

from syncd.core import guard, model
from syncd.core.guard import Totals

LIMITS = model.GuardLimits(max_removes=25, max_removes_share=0.1, max_updates=100, max_updates_share=0.5)


@pytest.mark.parametrize(
    "totals",
    [
        Totals(),
        Totals(creates=100_000, links=10),
        Totals(removes=25, links=50),
        Totals(removes=26, links=260),
        Totals(updates=100, links=100),
        Totals(updates=101, links=202),
    ],
)
def test_a_change_passes_unless_it_exceeds_both_its_number_and_its_share(totals: Totals) -> None:
    assert guard.guard(totals, LIMITS) == ""


@pytest.mark.parametrize(
    ("totals", "words"),
    [
        (Totals(removes=26, links=259), "26 of 259 records would be taken out of dialling"),
        (Totals(removes=26), "26 of 0 records"),
        (Totals(updates=102, links=203), "102 of 203 records would be changed"),
    ],
)
def test_a_mass_change_is_told_in_words_with_what_the_guard_allows(totals: Totals, words: str) -> None:
    told = guard.guard(totals, LIMITS)
    assert words in told
    assert "more than the guard allows" in told


def test_without_a_limit_nothing_is_guarded() -> None:
    limits = model.GuardLimits(max_removes=None, max_updates=None)
    assert guard.guard(Totals(removes=10_000, updates=10_000, links=1), limits) == ""


@pytest.mark.parametrize(
    ("totals", "stops"),
    [
        (Totals(removes=5, links=9), True),
        (Totals(removes=5, links=10), False),
        (Totals(removes=4, links=4), False),
        (Totals(phones=26, links=129), True),
        (Totals(phones=26, links=130), False),
        (Totals(blanked={"email": 26}, links=259), True),
        (Totals(blanked={"email": 20, "city": 20}, links=100), False),
    ],
)
def test_an_empty_crm_new_phones_everywhere_and_a_blank_column_stop(totals: Totals, stops: bool) -> None:
    assert bool(guard.guard(totals, model.GuardLimits())) is stops


def test_the_last_hour_counts() -> None:
    assert guard.guard(Totals(removes=10, links=100).after(0, 15), LIMITS) == ""
    assert "26 of 116 records" in guard.guard(Totals(removes=10, links=100).after(0, 16), LIMITS)


def test_examples_are_shown() -> None:
    told = guard.guard(Totals(removes=26, links=30, examples={"remove": ("7", "8")}), LIMITS)
    assert told.endswith("such as 7, 8")


@pytest.mark.parametrize(
    ("kind", "reason", "urgent", "passes"),
    [
        ("remove", "opt_out", True, True),
        ("remove", "consent", True, True),
        ("remove", "screened", True, True),
        ("remove", "deleted", True, False),
        ("remove", "left", True, False),
        ("update", "", True, True),
        ("update", "", False, False),
        ("create", "", False, False),
    ],
)
def test_what_the_law_wants_is_not_stopped(kind: str, reason: str, urgent: bool, passes: bool) -> None:
    assert guard.exempt(kind, reason, urgent=urgent) is passes
