"""Every recorded answer of a stock VICIdial, given to the connector over HTTP, gets its meaning."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from syncd.sdk import errors, records
from syncd_vicidial import all_info, answers, text
from tests.vicidial import site

LEADS = site.cases("leads", "utf8", "latin", "http500")
ALL = [*LEADS, *site.cases("calls")]
ADDED = "added"
ADD_LEAD: Mapping[str, object] = {
    "wrong-password": answers.LoginRefused,
    "unknown-user": answers.LoginRefused,
    "level-too-low": answers.LoginRefused,
    "no-modify-leads": errors.AuthFailed,
    "short-source": errors.AuthFailed,
    "add-phone-short": errors.Rejected,
    "add-phone-long": errors.Rejected,
    "add-phone-missing": errors.Rejected,
    "add-phone-letters": errors.Rejected,
    "add-areacode-unknown": errors.Rejected,
    "add-prefix-bad": errors.Rejected,
    "add-list-missing": errors.Rejected,
    "add-list-restricted": errors.Rejected,
    "add-dnc": errors.Screened,
    "add-dnc-areacode": errors.Screened,
    "add-campaign-dnc": errors.Screened,
    "dup-list": errors.Rejected,
    "dup-camp": errors.Rejected,
    "dup-sys": errors.Rejected,
    "dup-sys-30day": errors.Rejected,
    "dup-name-list": errors.Rejected,
    "dup-phone-alt": errors.Rejected,
    "dup-title-alt": errors.Rejected,
}
UPDATED = "updated"
UPDATE_LEAD: Mapping[str, object] = {  # whatever is not here must stay in doubt
    **dict.fromkeys(
        (
            "update-by-id", "update-same-value", "update-blank", "update-status", "update-by-vendor", "update-phone",
            "update-list-move", "upsert-update",
        ),
        UPDATED,
    ),
    "function-not-allowed": errors.AuthFailed,
    "update-missing": errors.Missing,
    "delete-lead-again": errors.Missing,
    "update-list-move-missing": errors.Rejected,
}  # fmt: skip


def meaning(outcome: records.Outcome, applied: str) -> object:
    return applied if outcome.error is None else type(outcome.error)


def of(function: str) -> list[site.Case]:
    return [case for case in LEADS if case["params"].get("function") == function]


@site.parametrized(of("add_lead"))
def test_an_answer_to_add_lead(case: site.Case) -> None:
    given = case["params"]

    def reply(form: Mapping[str, str]) -> site.Reply:
        if form["function"] == "lead_all_info":
            return 200, f"ERROR: lead_all_info LEAD NOT FOUND: 6666|{form['lead_id']}|\n"
        return case["status"], site.recorded(case)

    change = site.create(given.get("phone_number", ""), given.get("list_id", "999"))
    with site.answering(reply) as url, site.connected(url, user=given["user"], password=given["pass"]) as connector:
        [outcome] = connector.write("leads", [change])
    if case["status"] == 500:
        assert isinstance(outcome.error, errors.Ambiguous)
    else:
        assert meaning(outcome, ADDED) == ADD_LEAD.get(case["name"], ADDED)
    assert outcome.id == (None if outcome.error else site.LEAD)
    assert given["pass"] not in str(outcome.error).split()


@site.parametrized(of("update_lead"))
def test_an_answer_to_update_lead(case: site.Case) -> None:
    lead_id = "99999999" if case["params"].get("lead_id") == "99999999" else site.LEAD
    change = records.Change("update", site.key(), id=lead_id, fields={"last_name": "Smith"})
    with (
        site.answering(lambda _: (case["status"], site.recorded(case))) as url,
        site.connected(url, user=case["params"]["user"], password=case["params"]["pass"]) as connector,
    ):
        [outcome] = connector.write("leads", [change])
    assert meaning(outcome, UPDATED) == UPDATE_LEAD.get(case["name"], errors.Ambiguous)


def test_the_reason_of_a_refusal_for_do_not_call_says_which_list() -> None:
    for name, reason in (("add-dnc", "dnc"), ("add-dnc-areacode", "dnc"), ("add-campaign-dnc", "campaign_dnc")):
        [case] = [case for case in LEADS if case["name"] == name]
        error = answers.refusal(answers.parse(site.recorded(case))[0], "add_lead", "6666")
        assert isinstance(error, errors.Screened)
        assert error.reason == reason


@site.parametrized([case for case in of("lead_all_info") if case["name"].endswith("-readback")])
def test_a_lead_that_is_looked_up(case: site.Case) -> None:
    with (
        site.answering(lambda _: (case["status"], site.recorded(case))) as url,
        site.connected(url) as connector,
    ):
        if case["status"] == 500:
            with pytest.raises(errors.RetryLater):
                connector.get("leads", [site.LEAD])
            return
        [record] = connector.get("leads", [site.LEAD], ["phone_number", "list_id", "status", "date_of_birth"])
    phone = "17275550007" if "formatted" in case["name"] else record.fields["phone_number"]
    dob = "1970-01-31" if case["name"] == "add-full-readback" else ""
    assert record.fields == {"phone_number": phone, "list_id": "101", "status": "NEW", "date_of_birth": dob}


def pairs() -> list[site.Case]:
    """Recorded adds of which the recordings show the lead afterwards."""
    names = {case["name"]: case for case in LEADS if case["status"] == 200}
    return [
        {**case, "after": names[f"{name}-readback"]}
        for name, case in names.items()
        if case["params"].get("function") == "add_lead" and f"{name}-readback" in names and "callback" not in name
    ]


@site.parametrized(pairs())
def test_what_the_server_will_store_is_foretold(case: site.Case) -> None:
    lead = all_info.parse(site.recorded(case["after"]), site.LEAD)
    assert lead is not None
    sent = {name: value for name, value in case["params"].items() if name in text.FIELDS}
    foretold = {name: text.stored(name, value, use_non_latin="utf8" in case["name"]) for name, value in sent.items()}
    assert foretold == {name: lead.columns[name] for name in sent}


@pytest.mark.parametrize("name", ["text-utf8", "text-latin", "text-latin1"])
def test_what_is_sent_as_it_is_was_stored_as_is_foretold(name: str) -> None:
    found = {case["name"]: case for case in site.cases(name)}
    words = text.Words(use_non_latin="utf8" in name, encode_plus=False)
    compared = 0
    for case in found.values():
        after = found.get(f"{case['name']}-readback")
        lead = all_info.parse(site.recorded(after), site.LEAD) if after else None
        for field, value in case["params"].items() if lead else ():
            if lead and field in text.FIELDS and words.wire(field, value) == value:
                assert words.canonical(field, value) == words.read(field, lead.columns[field], None)
                compared += 1
    assert compared >= 10


@site.parametrized(ALL)
def test_no_line_of_an_answer_holds_the_password_of_a_refused_login(case: site.Case) -> None:
    for line in answers.parse(site.recorded(case)):
        assert "Login incorrect" not in line.message or not line.fields
        assert "Invalid Username" not in line.message or not line.fields
        assert "fields" not in repr(line)


@site.parametrized([case for case in ALL if not site.recorded(case).startswith(("SUCCESS", "ERROR", "NOTICE"))])
def test_an_answer_without_a_marker_is_never_a_success(case: site.Case) -> None:
    assert answers.parse(site.recorded(case)) == []
    with site.answering(lambda _: (case["status"], site.recorded(case))) as url, site.connected(url) as connector:
        outcomes = connector.write(
            "leads",
            [
                site.create("7275550001"),
                records.Change("update", site.key(), id=site.LEAD, fields={"last_name": "Smith"}),
                records.Change("remove", site.key(), id=site.LEAD, reason="deleted"),
            ],
        )
    assert all(outcome.error is not None for outcome in outcomes)


def test_the_search_tells_which_leads_have_a_number() -> None:
    [search] = [case for case in LEADS if case["name"] == "lead-search"]
    [info] = [case for case in LEADS if case["name"] == "add-full-readback"]

    def reply(form: Mapping[str, str]) -> site.Reply:
        if form["function"] == "lead_search":
            return 200, site.recorded(search).removeprefix("search_keyrecords_foundlead_ids\n")
        return 200, site.recorded(info)

    ours = records.SyncKey("00Q5e00000A1b2CEAR", "salesforce:Lead")
    other = records.SyncKey("00Q5e00000A1b2CEAR", "syncd:acme:leads")
    with site.answering(reply) as url, site.connected(url) as connector:
        near = {"phone_number": "7275550002"}
        found = connector.find_many("leads", [(ours, near), (other, near), (ours, {"phone_number": "7275559999"})])
    assert [[record.id for record in hits] for hits in found] == [[site.LEAD, site.LEAD], [], []]
