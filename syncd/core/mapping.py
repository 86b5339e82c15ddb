"""Mapping: a source record's fields → the fields to write, by rules that are data.

A rule takes the first non-empty of its sources, or fills its template from them, sends that through transforms and a
table, falls back to a default. A blank result is left out, so that it never overwrites, unless the rule says `clear`.
The phone rule yields two fields: calling code and national number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from syncd.core import condition, phone
from syncd.sdk import records


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a rule list: where `when` holds, the value is `value`."""

    when: condition.Condition
    value: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How one target field comes about.

    sources: field names, the first non-empty counts. choices: tried before the sources, first hit wins. table: value →
    value, case-insensitive keys; `unmapped` says what happens to a value that is not in it. transforms: names from
    TRANSFORMS, or "phone". default: for a blank. clear: a blank is written, too. template: filled from the sources,
    which are all the fields that it looks at.
    """

    target: str
    sources: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    table: tuple[tuple[str, str], ...] = ()
    unmapped: str = "hold"  # hold | pass | blank
    transforms: tuple[str, ...] = ()
    default: str | None = None
    clear: bool = False
    template: str = ""

    @property
    def constants(self) -> tuple[str, ...]:
        """The fixed values that it may yield, besides what the source holds."""
        fixed = [choice.value for choice in self.choices] + [value for _, value in self.table]
        return tuple(dict.fromkeys(value for value in [*fixed, self.default or ""] if value))


@dataclass(frozen=True, slots=True)
class Mapped:
    """The result: fields to write (None clears), and what a person must mend first (code, text), without values."""

    fields: dict[str, str | None] = field(default_factory=dict)
    problems: tuple[tuple[str, str], ...] = ()


def _words(text: str) -> str:
    return " ".join(text.split())


TRANSFORMS: Mapping[str, Callable[[str], str]] = {
    "trim": str.strip,
    "words": _words,
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "digits": lambda text: "".join(char for char in text if char.isdigit()),
    "date": lambda text: text[:10],
    "one_line": lambda text: _words(text.replace("\r", "\n").replace("\n", " ")),
}


class FieldMapping:
    """All rules of one pipeline, compiled. `phone_fields` are (calling code field, national number field) of the
    target, `region` is where a number without country code belongs."""

    def __init__(
        self, rules: tuple[Rule, ...], *, region: str = "US", phone_fields: tuple[str, str] | None = None
    ) -> None:
        self.rules = rules
        self.region = region
        self.phone_fields = phone_fields
        tables = [{key.strip().casefold(): value for key, value in rule.table} for rule in rules]
        self._plan = [
            (rule, table, tuple(TRANSFORMS[name] for name in rule.transforms if name != "phone"), _template(rule))
            for rule, table in zip(rules, tables, strict=True)
        ]
        self.version = hashlib.sha256(repr((rules, region, phone_fields)).encode()).hexdigest()[:12]

    @property
    def sources(self) -> tuple[str, ...]:
        """The source fields that the rules look at, sorted."""
        names = {name for rule in self.rules for name in rule.sources}
        names.update(name for rule in self.rules for choice in rule.choices for name in choice.when.fields)
        return tuple(sorted(names))

    @property
    def targets(self) -> tuple[str, ...]:
        """The target fields that it can produce."""
        names = [rule.target for rule in self.rules]
        if self.phone_fields and any("phone" in rule.transforms for rule in self.rules):
            names.append(self.phone_fields[0])
        return tuple(dict.fromkeys(names))

    def __call__(self, fields: records.Fields) -> Mapped:
        """Map one record's fields."""
        result: dict[str, str | None] = {}
        problems: list[tuple[str, str]] = []
        for rule, table, transforms, template in self._plan:
            value = _chosen(rule, fields)
            if value is None:
                if template is None:
                    value = _first(rule, fields)
                elif (value := template(fields)) is None:
                    problems.append(("template", f"{rule.target}: the template cannot be filled, or becomes too long"))
                    continue
                for transform in transforms:
                    value = transform(value)
                if table and value:
                    found = table.get(value.strip().casefold())
                    if found is None and rule.unmapped == "hold":
                        problems.append(("unmapped", f"{rule.target}: the value is not in the mapping's table"))
                        continue
                    value = found if found is not None else value if rule.unmapped == "pass" else ""
            if not value and rule.default is not None:
                value = rule.default
            if value and self.phone_fields and "phone" in rule.transforms:
                self._phone(rule, value, result, problems)
            elif value:
                result[rule.target] = value
            elif rule.clear:
                result[rule.target] = None
        return Mapped(result, tuple(problems))

    def numbers(self, fields: records.Fields) -> str:
        """All numbers of a record that a phone rule may take, as they are dialled, separated by spaces; "" if none."""
        found: dict[str, None] = {}
        for name in (name for rule in self.rules if "phone" in rule.transforms for name in rule.sources):
            try:
                found[phone.parse(fields.get(name) or "", self.region).national] = None
            except phone.NotDialable:
                continue
        return " ".join(sorted(found))

    def _phone(self, rule: Rule, value: str, result: dict[str, str | None], problems: list[tuple[str, str]]) -> None:
        """Put a number into the result: national, and with its calling code where it is the one to dial. A further
        number that cannot be dialled is left out."""
        code_field, number_field = self.phone_fields or ("", "")
        try:
            number = phone.parse(value, self.region)
        except phone.NotDialable as error:
            if rule.target == number_field:
                problems.append(("phone", f"{'/'.join(rule.sources)}: {error}"))
            return
        result[rule.target] = number.national
        if rule.target == number_field:
            result[code_field] = number.code


def _template(rule: Rule) -> Callable[[records.Fields], str | None] | None:
    if not rule.template:
        return None
    from syncd.core import template  # slow to import, and few mappings have any

    return template.compiled(rule.template)


def _chosen(rule: Rule, fields: records.Fields) -> str | None:
    for choice in rule.choices:
        if choice.when(fields):
            return choice.value
    return None


def _first(rule: Rule, fields: records.Fields) -> str:
    for name in rule.sources:
        value = fields.get(name)
        if value and not value.isspace():
            return value
    return ""
