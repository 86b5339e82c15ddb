"""The answer parser: shapes of add_lead, doubt, and text that must not be taken for a success."""

from __future__ import annotations

import pytest

from syncd.sdk import errors
from syncd_vicidial import all_info, answers
from tests.vicidial import site

PHONE, LIST, USER = "7275550001", "101", "6666"


def added(text: str, list_id: str = LIST, user: str = USER) -> str | None:
    return answers.added_lead(answers.parse(text), phone=PHONE, list_id=list_id, user=user)


@pytest.mark.parametrize(
    "text",
    [
        "SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275550001|101|193715|-5.00|6666\n",
        "SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275550001|101|193715||6666\n",
        "SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275550001|6666|101|193715|-4\n",
        "SUCCESS: lead_id=193715\n",
        "SUCCESS: add_lead lead_id = 193715\n",
        "NOTICE: add_lead ODD - 0|6666\r\nSUCCESS: add_lead LEAD HAS BEEN ADDED - 7275550001|101|193715||6666\r\n",
    ],
)
def test_all_three_shapes_of_add_lead_give_the_lead(text: str) -> None:
    assert added(text) == "193715"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SUCCESS",
        "SUCCESS: add_lead LEAD HAS BEEN ADDED\n",
        "SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275550001|101|193715||66",
        "SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275550001|101|1937",
        "SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275550001|101|193715|-5.00|another\n",
        "SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275559999|101|193715|-5.00|6666\n",
        "SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275550001|102|193715|-5.00|6666\n",
        "SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275550001|101|0|-5.00|6666\n",
        "SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275550001|101|101|-5.00|6666\n",
        "SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275550001|101|7275550001|-5.00|6666\n",
        "SUCCESS: update_lead LEAD HAS BEEN UPDATED - 7275550001|101|193715||6666\n",
        "SUCCESS: lead_id=\n",
        "SUCCESS: lead_id=0\n",
        "SUCCESS: lead_id=193715\nSUCCESS: lead_id=193716\n",
        "SUCCESS: lead_id=193715\nERROR: add_lead SOMETHING - 1\n",
        "NOTICE: add_lead LEAD HAS BEEN ADDED - 7275550001|101|193715||6666\n",
    ],
)
def test_an_answer_that_leaves_doubt_gives_no_lead(text: str) -> None:
    assert added(text) is None


def test_a_user_who_is_named_like_the_list_leaves_doubt_only_where_both_shapes_fit() -> None:
    stock, documentation = "7275550001|101|193715|-5|101", "7275550001|101|101|193715|-5"
    assert added(f"SUCCESS: add_lead LEAD HAS BEEN ADDED - {stock}\n", user="101") == "193715"
    assert added(f"SUCCESS: add_lead LEAD HAS BEEN ADDED - {documentation}\n", user="101") == "193715"
    assert added("SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275550001|101|101|193715|101\n", user="101") is None


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("ERROR: a REASON - a|b\n", ("a", "b")),
        ("ERROR: a REASON: |a|b\n", ("a", "b")),
        ("ERROR: a REASON: a|b\r\n", ("a", "b")),
        ("ERROR: a REASON - |777\n", ("", "777")),
        ("7275551213|1|sister houseERROR: a REASON - a|b\n", ("a", "b")),
    ],
)
def test_separators_and_junk_in_front_do_not_matter(text: str, fields: tuple[str, ...]) -> None:
    assert [(line.function, line.message, line.fields) for line in answers.parse(text)] == [("a", "REASON", fields)]


def test_the_password_of_a_refused_login_goes_nowhere() -> None:
    for text in (
        "ERROR: Login incorrect, please try again: |6666|sesame|BAD|\n",
        "<br />\n<b>Warning</b>: something<br />\nERROR: Login incorrect, please try again: |6666|sesame|BAD|\n",
        "Login incorrect, please try again: |6666|sesame|BAD|\n",
    ):
        error = answers.refused_login(text, "6666")
        assert error is not None
        assert "sesame" not in f"{error!r} {error} {error.fix} {answers.parse(text)!r}"


def test_a_comment_that_speaks_of_a_login_refuses_none() -> None:
    assert answers.refused_login("status|user\nNEW|1|x\nERROR: Login incorrect, please try again", "6666") is None


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("auth USER DOES NOT HAVE PERMISSION TO USE THIS FUNCTION: |7003|add_lead|", "api_allowed_functions"),
        ("add_lead USER DOES NOT HAVE PERMISSION TO ADD LEADS TO THE SYSTEM: |7001|0|", "modify_leads 1 to 4"),
        ("add_lead USER DOES NOT HAVE PERMISSION TO ADD LEADS TO THE SYSTEM: |7001|0|", "user_level 8"),
        ("add_lead USER DOES NOT HAVE PERMISSION TO ADD LEADS TO THE SYSTEM: |7001|0|", "vdc_agent_api_access"),
    ],
)
def test_a_missing_permission_is_named_with_its_function_and_setting(message: str, said: str) -> None:
    error = answers.refusal(answers.parse(f"ERROR: {message}\n")[0], "add_lead", "7001")
    assert isinstance(error, errors.AuthFailed)
    assert "add_lead" in str(error)
    assert said in error.fix


def test_an_unknown_refusal_is_not_guessed_at() -> None:
    assert answers.refusal(answers.parse("ERROR: add_lead THE MOON IS FULL - 1\n")[0], "add_lead", "6666") is None


def row(**columns: str) -> str:
    [case] = [case for case in site.cases("leads") if case["name"] == "add-full-readback"]
    lead = all_info.parse(site.recorded(case), site.LEAD)
    assert lead is not None
    return "|".join({**lead.columns, **columns}.values()) + "\n"


def test_separators_in_a_comment_make_its_neighbours_doubtful_and_nothing_else() -> None:
    lead = all_info.parse(row(comments="a|b\nc|d"), site.LEAD)
    assert lead is not None
    assert not lead.certain
    assert lead.columns["comments"] == "a|b\nc|d"
    assert lead.columns["vendor_lead_code"] == "00Q5e00000A1b2CEAR"


@pytest.mark.parametrize("name", ["vendor_lead_code", "source_id", "last_name", "city"])
def test_a_separator_elsewhere_makes_the_row_unreadable_instead_of_shifted(name: str) -> None:
    assert all_info.parse(row(**{name: "a|b"}), site.LEAD) is None


def test_a_cut_row_or_another_lead_is_no_lead() -> None:
    whole = row()
    assert all_info.parse(whole, site.LEAD) is not None
    assert all_info.parse(whole, "1") is None
    for end in range(len(whole)):
        assert all_info.parse(whole[:end], site.LEAD) is None
