"""Conditions on a record's fields: `where`, `opt_out` and the `when` of a rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from syncd.sdk import records

_TRUE = frozenset({"true", "1", "yes", "y", "t", "on"})
_NOT_TRUE = re.compile(r"|false|no|n|f|off|0+(\.0+)?")


@dataclass(frozen=True, slots=True)
class Test:
    """One test of one field.

    `in` / `not_in`: the text equals one of `values` (case-insensitive, blank equals NULL); `true` / `false`: reads as
    yes or not (true, 1, yes, y, t, on); `set` / `blank`: holds something or not; `words` / `no_words`: all words of one
    of `values` are among the field's words ("" stands for none at all).
    """

    __test__ = False  # not a test class, whatever pytest thinks of the name

    field: str
    op: Literal["in", "not_in", "true", "false", "set", "blank", "words", "no_words"]
    values: tuple[str, ...] = ()

    def __call__(self, fields: records.Fields) -> bool:
        """Whether these fields pass."""
        value = self._value(fields)
        match self.op:
            case "in":
                return value in self.values
            case "not_in":
                return value not in self.values
            case "true":
                return value in _TRUE
            case "false":
                return value not in _TRUE
            case "set":
                return value != ""
            case "blank":
                return value == ""
            case "words":
                return _among(self.values, value)
            case "no_words":
                return not _among(self.values, value)

    def possible(self, fields: records.Fields) -> bool:
        """Whether these fields pass, or might: the test asks for a yes and the value reads neither as yes nor as no
        (false, 0, no, n, f, off, blank)."""
        return self(fields) or (self.op == "true" and not _NOT_TRUE.fullmatch(self._value(fields)))

    def _value(self, fields: records.Fields) -> str:
        return (fields.get(self.field) or "").strip().casefold()


def _among(wanted: tuple[str, ...], value: str) -> bool:
    words = set(value.split())
    return any(words.issuperset(one.split()) if one else not words for one in wanted)


@dataclass(frozen=True, slots=True)
class Condition:
    """All of these tests; without any it is true."""

    tests: tuple[Test, ...] = ()

    def __call__(self, fields: records.Fields) -> bool:
        """Whether these fields pass every test."""
        return all(test(fields) for test in self.tests)

    def unclear(self, fields: records.Fields) -> bool:
        """Whether it does not hold, but would if what reads neither as yes nor as no were a yes."""
        return not self(fields) and all(test.possible(fields) for test in self.tests)

    @property
    def can_be_unclear(self) -> bool:
        """Whether any test asks for a yes."""
        return any(test.op == "true" for test in self.tests)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it looks at."""
        return tuple(test.field for test in self.tests)


def one_of(wanted: Mapping[str, tuple[str, ...]]) -> Condition:
    """The condition that each field holds one of its texts."""
    return Condition(
        tuple(Test(name, "in", tuple(text.strip().casefold() for text in texts)) for name, texts in wanted.items())
    )
