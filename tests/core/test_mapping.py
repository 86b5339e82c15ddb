"""Mapping: what a rule makes of a record's fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core import condition, mapping
from syncd.core.mapping import FieldMapping, Rule
from syncd.sdk import records

PHONE_FIELDS = ("phone_code", "phone_number")
NUMBER = Rule("phone_number", ("mobile", "phone"), transforms=("phone",))


def mapped(rule: Rule, **fields: str | None) -> mapping.Mapped:
    return FieldMapping((rule,), phone_fields=PHONE_FIELDS)(fields)


@pytest.mark.parametrize("blank", [None, "", "  ", "\t\n"])
def test_the_first_source_that_holds_something_counts(blank: str | None) -> None:
    rule = Rule("name", ("first", "second", "third"))
    assert mapped(rule, first=blank, second="two", third="three").fields == {"name": "two"}
    assert mapped(rule, third="three").fields == {"name": "three"}


def test_a_blank_result_is_left_out_so_that_it_never_overwrites() -> None:
    assert mapped(Rule("name", ("first",)), first=" ").fields == {}
    assert mapped(Rule("name", ("first",), transforms=("digits",)), first="none").fields == {}


def test_clear_writes_a_blank_on_purpose() -> None:
    assert mapped(Rule("name", ("first",), clear=True), first="").fields == {"name": None}
    assert mapped(Rule("name", ("first",), clear=True), first="Ann").fields == {"name": "Ann"}


def test_a_default_stands_for_a_blank_alone() -> None:
    rule = Rule("list_id", ("list",), default="101")
    assert mapped(rule).fields == {"list_id": "101"}
    assert mapped(rule, list="202").fields == {"list_id": "202"}
    assert mapped(Rule("list_id", ("list",), default="101", clear=True), list=" ").fields == {"list_id": "101"}


def test_a_table_maps_values_whatever_their_case() -> None:
    rule = Rule("state", ("state",), table=(("Florida", "FL"), ("texas", "TX")))
    assert mapped(rule, state=" FLORIDA ").fields == {"state": "FL"}
    assert mapped(rule, state="Texas").fields == {"state": "TX"}


@pytest.mark.parametrize(
    ("unmapped", "fields", "problems"),
    [
        ("hold", {}, ["unmapped"]),
        ("pass", {"state": "Ohio"}, []),
        ("blank", {}, []),
    ],
)
def test_a_value_that_is_not_in_the_table_is_held_passed_or_blank_as_the_rule_says(
    unmapped: str, fields: dict[str, str], problems: list[str]
) -> None:
    rule = Rule("state", ("state",), table=(("Florida", "FL"),), unmapped=unmapped)
    result = mapped(rule, state="Ohio")
    assert result.fields == fields
    assert [code for code, _ in result.problems] == problems
    assert "Ohio" not in str(result.problems), "a problem shows no values"


def test_a_blank_is_no_value_that_a_table_lacks() -> None:
    rule = Rule("state", ("state",), table=(("Florida", "FL"),), default="NY")
    assert mapped(rule, state="").fields == {"state": "NY"}


@pytest.mark.parametrize(
    ("transform", "text", "result"),
    [
        ("trim", "  Ann ", "Ann"),
        ("words", " Ann   Lee\t ", "Ann Lee"),
        ("upper", "straße", "STRASSE"),
        ("lower", "ÄNNE", "änne"),
        ("title", "ann LEE", "Ann Lee"),
        ("digits", "+1 (727) 555", "1727555"),
        ("date", "2026-11-20T15:00:00Z", "2026-11-20"),
        ("one_line", "a\r\nb\n\n c", "a b c"),
    ],
)
def test_a_transform_does_what_its_name_says(transform: str, text: str, result: str) -> None:
    assert mapped(Rule("field", ("field",), transforms=(transform,)), field=text).fields == {"field": result}


def test_transforms_run_in_their_order_and_before_the_table() -> None:
    rule = Rule("state", ("state",), table=(("FL", "Florida"),), transforms=("words", "upper"))
    assert mapped(rule, state=" fl ").fields == {"state": "Florida"}


def test_every_transform_that_can_be_configured_is_tested_here() -> None:
    tested = {"trim", "words", "upper", "lower", "title", "digits", "date", "one_line"}
    assert set(mapping.TRANSFORMS) == tested


def test_the_first_rule_of_a_list_that_holds_gives_the_value_before_any_source() -> None:
    def where(field: str, *texts: str) -> condition.Condition:
        return condition.one_of({field: texts})

    rule = Rule(
        "list_id",
        ("list",),
        choices=(mapping.Choice(where("state", "FL"), "201"), mapping.Choice(where("vip", "yes", "y"), "202")),
        default="101",
    )
    assert mapped(rule, state="fl", vip="yes", list="7").fields == {"list_id": "201"}
    assert mapped(rule, vip="Y", list="7").fields == {"list_id": "202"}
    assert mapped(rule, list="7").fields == {"list_id": "7"}
    assert mapped(rule).fields == {"list_id": "101"}


def test_a_phone_becomes_calling_code_and_national_number() -> None:
    assert mapped(NUMBER, phone="(727) 555-0001").fields == {"phone_code": "1", "phone_number": "7275550001"}
    assert mapped(NUMBER, mobile="+45 32 12 34 56", phone="727 555 0001").fields == {
        "phone_code": "45",
        "phone_number": "32123456",
    }
    assert mapped(NUMBER).fields == {}


def test_a_phone_that_cannot_be_dialled_is_a_problem_that_does_not_show_it() -> None:
    result = mapped(NUMBER, phone="12")
    assert result.fields == {}
    assert [code for code, _ in result.problems] == ["phone"]
    assert result.problems[0][1].startswith("mobile/phone: "), "it says where to look"
    assert "12" not in result.problems[0][1]


def test_a_second_phone_that_cannot_be_dialled_is_left_out() -> None:
    rules = (NUMBER, Rule("alt_phone", ("work",), transforms=("phone",)))
    both = FieldMapping(rules, phone_fields=PHONE_FIELDS)
    assert both({"phone": "727 555 0001", "work": "12"}) == mapping.Mapped(
        {"phone_code": "1", "phone_number": "7275550001"}
    )
    assert both({"phone": "727 555 0001", "work": "727 555 0002"}).fields["alt_phone"] == "7275550002"


def test_a_mapping_tells_its_fields_and_changes_its_version_with_its_rules() -> None:
    rules = (NUMBER, Rule("list_id", choices=(mapping.Choice(condition.one_of({"state": ("FL",)}), "1"),)))
    made = FieldMapping(rules, phone_fields=PHONE_FIELDS)
    assert made.sources == ("mobile", "phone", "state")
    assert made.targets == ("phone_number", "list_id", "phone_code")
    assert made.version == FieldMapping(rules, phone_fields=PHONE_FIELDS).version
    assert made.version != FieldMapping(rules, phone_fields=PHONE_FIELDS, region="DE").version
    assert made.version != FieldMapping(rules[:1], phone_fields=PHONE_FIELDS).version


@given(st.dictionaries(st.sampled_from(["first", "second", "phone", "mobile"]), st.none() | st.text()))
def test_whatever_a_record_holds_nothing_blank_is_written_and_nothing_raises(fields: records.Fields) -> None:
    rules = (Rule("name", ("first", "second"), transforms=("one_line", "title")), NUMBER)
    result = FieldMapping(rules, phone_fields=PHONE_FIELDS)(fields)
    assert all(result.fields.values())
