"""Models of a mapping and of conditions on fields, and what they compile to in the core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from syncd.config.scalars import Also, Name, Names, Shown, Text, Texts, Transforms, Wrong
from syncd.core import condition, mapping


class Model(BaseModel):
    """What all models of the configuration share: unknown keys are refused, values never get into messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, serialize_by_alias=True)


FLAGS = "(flags)"  # stands for the source's field of flags, whatever its name is


class FieldTest(Model):
    """A test of one field; several keys must all hold. Texts compare without regard to case and outer blanks; a field
    of flags holds several words, of which those of one text must be there."""

    is_: Texts | None = Field(None, alias="is", description="The field is one of these; the short form `field: value`")
    not_: Texts | None = Field(None, alias="not", description="The field is none of these")
    true: bool | None = Field(
        None, description="The field reads as yes (true, 1, yes, y, t, on) or not; the short form `field: true`"
    )
    set_: bool | None = Field(None, alias="set", description="The field holds something")
    blank: bool | None = Field(None, description="The field is empty or NULL")

    @model_validator(mode="after")
    def _says_something(self) -> FieldTest:
        for name, value in self:
            if name in self.model_fields_set and (value is None or value == ()):
                raise Wrong("a test against nothing", "write {blank: true} for an empty field")
        if not self.model_fields_set:
            raise Wrong("a test without a word what to test", "write a value, a list, or {blank: true}")
        return self

    def compiled(self, name: str, *, flags: bool = False) -> tuple[condition.Test, ...]:
        """The core's tests of field `name`; `flags` says that it is a field of flags."""
        tests = []
        for positive, texts in ((True, self.is_), (False, self.not_)):
            if texts is not None:
                folded = tuple(text.strip().casefold() for text in texts)
                if flags:
                    tests.append(condition.Test(name, "words" if positive else "no_words", folded))
                else:
                    tests.append(condition.Test(name, "in" if positive else "not_in", folded))
        if self.true is not None:
            tests.append(condition.Test(name, "true" if self.true else "false"))
        if self.set_ is not None:
            tests.append(condition.Test(name, "set" if self.set_ else "blank"))
        if self.blank is not None:
            tests.append(condition.Test(name, "blank" if self.blank else "set"))
        return tuple(tests)


def _short_test(value: Any) -> Any:
    if isinstance(value, bool):
        return {"true": value}
    if isinstance(value, str | list):
        return {"is": value}
    if value is None:
        raise Wrong("a test against nothing", "write {blank: true} for an empty field")
    return value


def _short_tests(value: Any) -> Any:
    return {FLAGS: value} if isinstance(value, str | list) else value


Tests = Annotated[
    dict[Name, Annotated[FieldTest, BeforeValidator(_short_test), Also(("string", "number", "boolean", "array"))]],
    Field(min_length=1),
    BeforeValidator(_short_tests),
    Also(("string", "array"), "Flags of a call's status, of which it has one"),
    Shown("condition"),
]


def compiled(tests: Tests | None, flags_field: str | None = None) -> condition.Condition:
    """The core's condition; without tests it always holds. `flags_field`: the source's field of flags."""
    return condition.Condition(
        tuple(
            test
            for name, one in (tests or {}).items()
            for test in one.compiled(
                (flags_field or name) if name == FLAGS else name, flags=name in (FLAGS, flags_field)
            )
        )
    )


class FieldRule(Model):
    """One line of `rules`: where all of `when` holds, the field gets `value`."""

    when: Tests = Field(description="Condition on the source's fields, or flags of a call's status (`when: sale`)")
    value: Text = Field(description="What the field gets then")


def _template(text: str) -> str:
    from syncd.core import template  # slow to import, and few mappings have any

    try:
        template.names(text)
    except template.WrongTemplate as error:
        raise Wrong(error.what, error.fix) from None
    return text


class FieldSpec(Model):
    """How one target field comes about; the short form `target: source` is the same as `target: {from: source}`."""

    from_: Names = Field((), alias="from", description="Source fields; the first that is not blank counts")
    value: Text | None = Field(None, min_length=1, description="A constant, instead of everything else here")
    template: Annotated[str, AfterValidator(_template)] | None = Field(
        None,
        description="A text with source fields in it, `{{ first_name }} {{ last_name }}`, instead of `from`; a blank "
        "field leaves nothing. Jinja2's `{{ … }}`, filters and `{% if … %}`; a name that is no word is read by "
        "`{{ field('Home Phone') }}`",
    )
    default: Text | None = Field(None, description="Used where nothing else gives a value")
    map: dict[str, Text] = Field(
        default_factory=dict, description="Table: source value → value to write; case does not matter"
    )
    agents: Literal["owner", "user"] | None = Field(
        None,
        description="Translate by the client's `agents`: a VICIdial user into the CRM's `owner`, or an owner into the "
        "`user`; who is not there is blank unless `unmapped` says otherwise",
    )
    unmapped: Literal["hold", "pass", "blank"] = Field(
        "hold",
        description="What becomes of a value that is not in `map`: the record is held until a person decides (`hold`), "
        "the value is written as it is (`pass`), or it counts as blank (`blank`)",
    )
    transform: Transforms = Field(
        (),
        description=f"Applied in order, before `map`: {', '.join(f'`{name}`' for name in mapping.TRANSFORMS)}, `phone`",
    )
    clear: bool = Field(False, description="Whether a blank empties the target field; else blanks never overwrite")
    rules: tuple[FieldRule, ...] = Field((), description="Tried before `from`, in order; the first that holds counts")

    @model_validator(mode="after")
    def _fits_together(self) -> FieldSpec:
        rest = self.model_fields_set - {"value", "clear"}
        if self.value is not None and rest:
            raise Wrong(
                f"a constant `value` and {', '.join(sorted(f'`{_yaml(name)}`' for name in rest))} exclude each other"
            )
        if self.value is None and not (self.from_ or self.template or self.rules or self.default is not None):
            raise Wrong("the field gets nothing", "say `from: source field`, `value: constant` or `rules`")
        for one, other in (("template", "from_"), ("agents", "map")):
            if getattr(self, one) and getattr(self, other):
                raise Wrong(f"`{one}` and `{_yaml(other)}` exclude each other", "keep one of them")
        if "unmapped" in self.model_fields_set and not (self.map or self.agents):
            raise Wrong("`unmapped` without a `map`", "add the table, or leave `unmapped` out")
        folded = [key.strip().casefold() for key in self.map]
        if len(set(folded)) < len(folded):
            raise Wrong("two keys of `map` differ only in case or blanks", "keep one of them; case does not matter")
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        """The source fields that are copied or put into the template."""
        if self.template is None:
            return self.from_
        from syncd.core import template

        return template.names(self.template)

    def rule(
        self, target: str, *, phone: bool, agents: Mapping[str, str], flags_field: str | None = None
    ) -> mapping.Rule:
        """The core's rule for field `target`; `phone` says that it is dialled, `agents` are the client's, `flags_field`
        is the source's field of flags."""
        transforms = self.transform
        if phone and "phone" not in transforms:
            transforms = (*transforms, "phone")
        table, unmapped = self.map, self.unmapped
        if self.agents:
            table = dict(agents) if self.agents == "owner" else {owner: user for user, owner in agents.items()}
            unmapped = self.unmapped if "unmapped" in self.model_fields_set else "blank"
        return mapping.Rule(
            target,
            sources=self.reads,
            choices=tuple(mapping.Choice(compiled(rule.when, flags_field), rule.value) for rule in self.rules),
            table=tuple(table.items()),
            unmapped=unmapped,
            transforms=transforms,
            default=self.default if self.value is None else self.value,
            clear=self.clear,
            template=self.template or "",
        )


def _yaml(name: str) -> str:
    return FieldSpec.model_fields[name].alias or name


def _short_field(value: Any) -> Any:
    if isinstance(value, str):
        return {"from": value}
    if isinstance(value, list):
        raise Wrong("a list of source fields needs its word", "write {from: [first, second]}")
    if value is None or isinstance(value, bool):
        raise Wrong("not the name of a source field", "write {value: …} for a constant")
    return value


FieldMap = Annotated[
    dict[Name, Annotated[FieldSpec, BeforeValidator(_short_field), Also("string")]],
    Field(min_length=1),
    Shown("target field: field"),
]
