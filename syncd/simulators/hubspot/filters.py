"""A search's filterGroups as a typed tree: parsed and refused first, then asked of each object."""

import dataclasses
import datetime
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from . import refusals
from .properties import Property

_ONE = ("EQ", "NEQ", "LT", "LTE", "GT", "GTE", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN")
_NONE = ("HAS_PROPERTY", "NOT_HAS_PROPERTY")
_MANY = ("IN", "NOT_IN")
OPERATORS = (*_ONE, *_NONE, *_MANY, "BETWEEN")
MOST_GROUPS, MOST_FILTERS, MOST_IN_ALL = 5, 6, 18
Comparable = float | str


@dataclasses.dataclass(frozen=True, slots=True)
class Filter:
    """One condition; all of a group must hold."""

    definition: Property
    operator: str
    values: tuple[Comparable, ...] = ()

    def holds(self, properties: Mapping[str, str]) -> bool:
        """Whether an object's stored properties meet it; one without the property meets only NOT_… and NEQ."""
        stored = properties.get(self.definition.name, "")
        if self.operator in _NONE:
            return bool(stored) is (self.operator == "HAS_PROPERTY")
        if not stored:
            return self.operator in ("NOT_IN", "NOT_CONTAINS_TOKEN", "NEQ")
        if self.operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
            return (str(self.values[0]) in stored.lower().split()) is (self.operator == "CONTAINS_TOKEN")
        return self._compares(comparable(self.definition, stored))

    def _compares(self, found: Comparable) -> bool:
        if self.operator in _MANY:
            return (found in self.values) is (self.operator == "IN")
        if self.operator in ("EQ", "NEQ"):
            return (found == self.values[0]) is (self.operator == "EQ")
        above: Any = found  # both sides come from `comparable` of one definition, so they are of one type
        if self.operator == "BETWEEN":
            return bool(self.values[0] <= above <= self.values[1])
        first = self.values[0]
        return bool(
            {"LT": above < first, "LTE": above <= first, "GT": above > first, "GTE": above >= first}[self.operator]
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Tree:
    """Groups joined by OR, the filters of one by AND; no groups match everything."""

    groups: tuple[tuple[Filter, ...], ...]

    def holds(self, properties: Mapping[str, str]) -> bool:
        """Whether an object's stored properties match."""
        return not self.groups or any(all(one.holds(properties) for one in group) for group in self.groups)


def comparable(definition: Property, value: str) -> Comparable:
    """A value as search compares it: numbers and instants by size, texts without regard to case."""
    if definition.type in ("number", "datetime", "date"):
        return float(value) if value.isdecimal() or _is_number(value) else _epoch_ms(value)
    return value.lower()


def parse(given: object, properties: Mapping[str, Property]) -> Tree:
    """Given `filterGroups` of a request, return the tree; raise Refusal (HTTP 400) as the API does."""
    groups = _list(given, "filterGroups")
    if len(groups) > MOST_GROUPS:
        raise refusals.invalid(f"too many filterGroups: at most {MOST_GROUPS}", "TOO_MANY_FILTERS")
    parsed = tuple(_group(group, properties) for group in groups)
    if sum(map(len, parsed)) > MOST_IN_ALL:
        raise refusals.invalid(f"too many filters: at most {MOST_IN_ALL}", "TOO_MANY_FILTERS")
    return Tree(parsed)


def _list(given: object, what: str) -> Sequence[Any]:
    if not isinstance(given, list):
        raise refusals.invalid(f"{what} must be a list")
    return given


def _group(given: object, properties: Mapping[str, Property]) -> tuple[Filter, ...]:
    if not isinstance(given, dict):
        raise refusals.invalid("a filterGroup must be an object")
    filters = _list(given.get("filters"), "filters")
    if not filters or len(filters) > MOST_FILTERS:
        raise refusals.invalid(f"a filterGroup has 1 to {MOST_FILTERS} filters", "TOO_MANY_FILTERS")
    return tuple(_filter(one, properties) for one in filters)


def _filter(given: object, properties: Mapping[str, Property]) -> Filter:
    if not isinstance(given, dict):
        raise refusals.invalid("a filter must be an object")
    name, operator = given.get("propertyName"), given.get("operator")
    unknown = given.keys() - {"propertyName", "operator", "value", "values", "highValue"}
    if unknown:
        raise refusals.invalid(f"unknown keys of a filter: {sorted(unknown)}")
    definition = properties.get(str(name))
    if definition is None:
        raise refusals.invalid(f"There was a problem with the request: no property {name}", "PROPERTY_DOESNT_EXIST")
    if operator not in OPERATORS:
        raise refusals.invalid(f"operator {operator!r} is not one of {OPERATORS}")
    values: list[object] = []
    if operator in _MANY:
        values = list(_list(given.get("values"), "values"))
    elif operator == "BETWEEN":
        values = [given.get("value"), given.get("highValue")]
    elif operator in _ONE:
        values = [given.get("value")]
    if operator not in _NONE and (not values or any(not isinstance(value, (str, int, float)) for value in values)):
        raise refusals.invalid(f"{operator} needs a value", "INVALID_FILTER")
    try:
        return Filter(definition, str(operator), tuple(comparable(definition, str(value)) for value in values))
    except ValueError:
        raise refusals.invalid(f"a value for {name} cannot be read", "INVALID_FILTER") from None


def _is_number(value: str) -> bool:
    return value.lstrip("-").replace(".", "", 1).isdecimal()


@functools.lru_cache(maxsize=65536)
def _epoch_ms(value: str) -> float:
    moment = datetime.datetime.fromisoformat(value)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp() * 1000)
