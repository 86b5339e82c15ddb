"""Templates: texts with a record's values in them, which cannot reach out, run long or grow without end."""

from __future__ import annotations

import pytest

from syncd.core import mapping, template

FULL_NAME = "{{ first_name }} {{ last_name }}"


def filled(text: str, **fields: str | None) -> str | None:
    return template.Template(text)(fields)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FULL_NAME, "Ann Lee"),
        ("{{ last_name|upper }}, {{ first_name[0] }}.", "LEE, A."),
        ("{% if vip %}VIP {% endif %}{{ first_name }}", "Ann"),
        ("{{ nick or first_name }}", "Ann"),
        ("{{ nick|default('none', true) }}", "none"),
        ("{{ absent }}{{ none }}", ""),
        ("{{ 'yes' if first_name in ['Ann', 'Bo'] else 'no' }}", "yes"),
        ("  {{ first_name }}\n\n", "Ann"),
        ("<{{ amp }}>", "<&>"),
        ("{{ number|int * 2 }}", "14"),
        ("{{ first_name.lower() ~ '.' ~ last_name.lower() }}", "ann.lee"),
        ("{{ field('Home Phone') }}", "555"),
    ],
)
def test_a_template_is_filled_and_what_is_blank_leaves_nothing(text: str, expected: str) -> None:
    record = {"first_name": "Ann", "last_name": "Lee", "none": None, "amp": "&", "number": "7", "Home Phone": "555"}
    assert template.Template(text)(record) == expected


def test_the_fields_that_it_looks_at_are_known_without_filling_it() -> None:
    text = "{{ b }}{% if a %}{{ c.upper() }}{% endif %}{{ field('D e') }}{{ d|default(f) }}"
    assert template.names(text) == ("D e", "a", "b", "c", "d", "f")


@pytest.mark.parametrize(
    "text",
    [
        "{{ a",
        "{{ a|nothing }}",
        "{% for x in a %}{{ x }}{% endfor %}",
        "{% set a = 1 %}{{ a }}",
        "{% include 'x' %}",
        "{% macro m() %}{% endmacro %}",
        "{{ range(9) }}",
        "{{ field(a) }}",
        "{{ field }}",
        "{{ a.__class__ }}",
        "{{ a.upper }}",
        "{{ Owner.Email }}",
        "{{ a.center(9) }}",
        "{{ a.format(1) }}",
        "{{ a|random }}",
        "{{ 2 ** 9 }}",
    ],
)
def test_what_a_template_does_not_need_is_refused_before_it_runs(text: str) -> None:
    with pytest.raises(template.WrongTemplate) as caught:
        template.Template(text)
    assert caught.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "{{ a * 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ a|replace('a', 'xxxxxxxxxxxxxxxxxxxxxxxx') }}",
        "{{ a ~ a }}",
        "{{ b|int / 0 }}",
        "{{ b + 1 }}",
        "{{ b['__class__']['x'] + 1 }}",
    ],
)
def test_what_fails_or_grows_too_long_gives_nothing(text: str) -> None:
    assert filled(text, a="a" * 6000, b="1") is None


def test_a_rule_with_a_template_goes_on_like_any_other() -> None:
    rule = mapping.Rule(
        "name", ("first", "last"), transforms=("upper",), default="?", template="{{ first }} {{ last }}"
    )
    mapped = mapping.FieldMapping((rule,))
    assert mapped.sources == ("first", "last")
    assert mapped({"first": "Ann", "last": None}).fields == {"name": "ANN"}
    assert mapped({}).fields == {"name": "?"}
    table = mapping.Rule("x", ("a", "b"), table=(("1-2", "yes"),), template="{{ a }}-{{ b }}")
    assert mapping.FieldMapping((table,))({"a": "1", "b": "2"}).fields == {"x": "yes"}


def test_a_template_that_fails_holds_the_record_and_names_no_value() -> None:
    mapped = mapping.FieldMapping((mapping.Rule("x", ("secret",), template="{{ secret + 1 }}"),))({"secret": "s3cret"})
    assert [code for code, _ in mapped.problems] == ["template"]
    assert "s3cret" not in mapped.problems[0][1]
    assert mapped.fields == {}


def test_another_template_is_another_version() -> None:
    one, two = (mapping.FieldMapping((mapping.Rule("x", ("a",), template=text),)) for text in ("{{ a }}", "{{ a }}!"))
    assert one.version != two.version
