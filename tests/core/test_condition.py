"""Conditions: `where`, `opt_out` and the `when` of a rule."""

from __future__ import annotations

import pytest

from syncd.core import condition
from syncd.core.condition import Condition, Test


@pytest.mark.parametrize(
    ("test", "passes", "fails"),
    [
        (Test("f", "in", ("new", "open")), ["new", "OPEN", " new "], ["", None, "newer"]),
        (Test("f", "in", ("",)), ["", None, "  "], ["x"]),
        (Test("f", "not_in", ("closed",)), ["open", "", None], ["closed", "Closed "]),
        (Test("f", "true"), ["true", "1", "Yes", "y", "T", "on"], ["false", "0", "", None, "2", "x"]),
        (Test("f", "false"), ["false", "0", "", None, "no"], ["true", "1", "ON"]),
        (Test("f", "set"), ["x", "0"], ["", None, "  "]),
        (Test("f", "blank"), ["", None, "\t"], ["x"]),
        (Test("f", "words", ("sale", "dnc")), ["sale", "completed SALE", "dnc x"], ["", None, "sales", "x"]),
        (Test("f", "words", ("a b", "")), ["b x a", "", None], ["a", "b", "x"]),
        (Test("f", "no_words", ("sale",)), ["", None, "sales", "x y"], ["sale", "x Sale"]),
    ],
    ids=lambda one: one.op if isinstance(one, Test) else "",
)
def test_a_test_passes_and_fails_as_its_word_says(
    test: Test, passes: list[str | None], fails: list[str | None]
) -> None:
    assert all(test({"f": value}) for value in passes)
    assert not any(test({"f": value}) for value in fails)


def test_a_field_that_is_missing_counts_as_blank() -> None:
    assert Test("f", "blank")({})
    assert not Test("f", "true")({})


def test_a_condition_is_all_of_its_tests_and_true_without_any() -> None:
    both = Condition((Test("a", "set"), Test("b", "true")))
    assert both({"a": "x", "b": "1"})
    assert not both({"a": "x"})
    assert Condition()({})
    assert both.fields == ("a", "b")


@pytest.mark.parametrize("value", ["X", "ja", "2026-11-20", "2", "checked", "-1"])
def test_what_reads_neither_as_yes_nor_as_no_is_unclear(value: str) -> None:
    marked = Condition((Test("mark", "true"), Test("kind", "in", ("phone",))))
    assert marked.unclear({"mark": value, "kind": "phone"})
    assert not marked.unclear({"mark": value, "kind": "mail"}), "another test rules it out"


@pytest.mark.parametrize("value", ["yes", "", None, " ", "No", "false", "0", "0.00", "off", "n", "F"])
def test_a_plain_yes_or_no_is_not_unclear(value: str | None) -> None:
    assert not Condition((Test("mark", "true"),)).unclear({"mark": value})


def test_one_of_folds_the_texts_that_are_configured() -> None:
    wanted = condition.one_of({"state": (" FL ", "Texas"), "vip": ("Yes",)})
    assert wanted({"state": "texas", "vip": "YES"})
    assert not wanted({"state": "texas"})
