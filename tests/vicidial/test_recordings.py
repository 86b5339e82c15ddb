"""Every recorded answer of a stock VICIdial, given to the connector over HTTP, gets its meaning."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from syncd.sdk import errors, records
from syncd_vicidial import all_info, answers, text
from tests.vicidial import meanings, site

LEADS = site.cases("leads", "utf8", "latin", "http500")
ALL = [*LEADS, *site.cases("calls")]
FILES = {
    "leads": 124, "calls": 44, "utf8": 8, "latin": 2, "http500": 3, "custom": 28, "text-utf8": 44, "text-latin": 14,
    "text-latin1": 14,
}  # fmt: skip
# File → case → what comes of it. "applied": with what is noted. "lead", "value …", "n leads", "n calls": what is read.
# "may", "may_not", "absent": what is learnt of a function. An error's class, with a reason where it has one.
# "ERROR …" and "no line": what the parser makes of a function that is never called.
MEANINGS: Mapping[str, Mapping[str, str]] = {
    "leads": {
        "version": "instant",
        "version-needs-no-login": "instant",
        "no-function": "absent",
        "unknown-function": "absent",
        "unknown-function-dnc": "absent",
        "unknown-function-field-update": "absent",
        "unknown-function-recording": "absent",
        "unknown-function-stats": "absent",
        "wrong-password": "LoginRefused",
        "unknown-user": "LoginRefused",
        "level-too-low": "LoginRefused",
        "no-modify-leads": "AuthFailed",
        "function-not-allowed": "AuthFailed",
        "short-source": "AuthFailed",
        "get-method": "instant",
        "add-minimal": "applied",
        "add-full": "applied",
        "add-full-readback": "lead",
        "add-plus-in-email": "applied",
        "add-plus-in-email-readback": "lead",
        "add-unicode": "applied",
        "add-unicode-readback": "lead",
        "add-too-long": "applied",
        "add-too-long-readback": "lead",
        "add-formatted-phone": "applied",
        "add-formatted-phone-readback": "lead",
        "add-phone-short": "Rejected",
        "add-phone-long": "Rejected",
        "add-phone-missing": "Rejected",
        "add-phone-letters": "Rejected",
        "add-areacode-unknown": "Rejected",
        "add-prefix-bad": "Rejected",
        "add-nanpa-not-loaded": "applied: nanpa-options-disabled-nanpa-prefix-data-not-loaded",
        "add-list-missing": "Rejected",
        "add-list-missing-unchecked": "applied",
        "add-list-restricted": "Rejected",
        "add-list-restricted-ok": "applied",
        "add-dnc": "Screened dnc",
        "add-dnc-unchecked": "applied",
        "add-dnc-areacode": "Screened dnc",
        "add-dnc-areacode-not-checked": "applied",
        "add-campaign-dnc": "Screened campaign_dnc",
        "add-campaign-dnc-other": "applied",
        "dup-list": "Rejected",
        "dup-list-other-list": "applied",
        "dup-camp": "Rejected",
        "dup-sys": "Rejected",
        "dup-sys-30day": "Rejected",
        "dup-name-list": "Rejected",
        "dup-name-differs": "applied",
        "dup-phone-alt": "Rejected",
        "dup-title-alt": "Rejected",
        # nothing but columns was sent: what becomes of custom fields is tests/vicidial/test_custom.py
        "custom-fields": "applied",
        "custom-fields-readback": "RetryLater",
        "custom-fields-none-defined": "applied",
        "custom-fields-unknown-name": "applied",
        "custom-fields-unknown-name-readback": "RetryLater",
        "alt-phones": "applied: multi-alt-phone-numbers-loaded",
        "hopper": "applied: added-to-hopper",
        "callback-anyone": "applied: scheduled-callback-added",
        "callback-readback": "may",
        "callback-lead-readback": "value CBHOLD",
        "callback-user": "applied: scheduled-callback-added",
        "callback-user-bad": "applied: scheduled-callback-not-added-user-not-valid",
        "callback-campaign-bad": "applied: scheduled-callback-not-added-campaign-not-valid",
        "update-by-id": "applied",
        "update-same-value": "applied",
        "update-blank": "applied",
        "update-status": "applied",
        "update-nothing": "Ambiguous",
        "update-missing": "Missing",
        "update-no-search": "Ambiguous",
        "update-by-vendor": "applied",
        "find-by-vendor": "Ambiguous",
        "find-by-vendor-in-list": "Ambiguous",
        "find-by-phone-many": "Ambiguous",
        "find-missing": "Ambiguous",
        "update-phone": "applied",
        "update-list-move": "applied",
        "update-list-move-missing": "Rejected",
        "update-custom": "Ambiguous",
        "update-custom-lead-without": "Ambiguous",
        "upsert-insert": "Ambiguous",
        "upsert-update": "applied",
        "upsert-incomplete": "Ambiguous",
        "upsert-skips-dnc": "Ambiguous",
        "callback-add-later": "Ambiguous",
        "callback-change": "Ambiguous",
        "callback-remove": "Ambiguous",
        "hopper-add-later": "Ambiguous",
        "hopper-remove": "Ambiguous",
        "batch-update": "may",
        "batch-update-missing": "may",
        "batch-update-none": "may",
        "delete-lead": "Ambiguous",
        "delete-lead-again": "Missing",
        "field-info": "value Smith",
        "field-info-custom": "value red",
        "field-info-unknown": "Stopped",
        "field-info-missing-lead": "Missing",
        "all-info-missing": "no lead",
        "all-info-by-phone": "lead",
        "all-info-csv": "RetryLater",
        "lead-search": "RetryLater",
        "lead-search-none": "0 leads",
        "callback-info-none": "may",
        "dnc-add": "may",
        "dnc-add-again": "may",
        "dnc-add-campaign": "may",
        "dnc-add-bad-campaign": "may",
        "dnc-delete": "may_not",
        "dnc-delete-again": "may_not",
        "list-info": "no line",
        "list-info-missing": "ERROR list-does-not-exist",
        "list-custom-fields": "may",
        "campaigns-list": "2 campaigns",
        "hopper-list": "may",
        "logged-in-agents": "may",
        "check-phone": "applied",
        "no-reports-permission": "may_not",
        "phone-log-none": "may",
        "recording-none": "may",
        "status-search-none": "ERROR no-results-found",
        "status-search-invalid": "ERROR invalid-search-parameters",
    },
    "calls": {
        "phone-log-out": "may",
        "phone-log-all": "may",
        "phone-log-last": "may",
        "phone-log-csv": "may",
        "status-search": "no line",
        "status-search-na": "no line",
        "recordings": "may",
        "recordings-by-uniqueid": "may",
        "recordings-by-agent-day": "may",
        "callid-info": "ERROR invalid-search-parameters",
        "status-stats": "may",
        "status-stats-all": "may",
        "dispo-report": "may",
        "in-group-status": "may",
        "user-group-status": "may",
        "agent-status-none": "ERROR agent-not-logged-in",
        "agent-stats": "ERROR no-records-found",
        "update-log-entry": "ERROR no-records-found",
        "export-no-login": "LoginRefused",
        "export-wrong-password": "LoginRefused",
        "export-standard": "ContractViolation",
        "export-extended": "4 calls",
        "export-extended_2": "4 calls",
        "export-extended_3": "4 calls",
        "export-extended_4": "4 calls",
        "export-alternate_1": "RetryLater",
        "export-all-campaigns-and-ingroups": "5 calls",
        "export-hours": "1 calls",
        "export-none": "0 calls",
        "export-no-campaign": "0 calls",
        "export-no-permission": "AuthFailed",
        "export-one-status": "2 calls",
        "agent-version": "RetryLater",
        "agent-login": "absent",
        "agent-status-not-logged-in": "ERROR is-not-logged-in",
        "agent-pause-not-logged-in": "ERROR is-not-logged-in",
        "agent-dial-not-logged-in": "ERROR is-not-logged-in",
        "agent-hangup-not-logged-in": "ERROR is-not-logged-in",
        "agent-logout-not-logged-in": "ERROR is-not-logged-in",
        "agent-wrong-password": "LoginRefused",
        "agent-missing-value": "ERROR is-not-logged-in",
        "agent-no-function": "absent",
        "agent-queue-count": "ERROR is-not-logged-in",
        "agent-active-lead": "ERROR user-found",
    },
    "utf8": {
        "utf8-unicode": "applied",
        "utf8-unicode-readback": "lead",
        "utf8-emoji": "applied",
        "utf8-emoji-readback": "lead",
        "utf8-quotes": "applied",
        "utf8-quotes-readback": "lead",
        "utf8-backslash": "applied",
        "utf8-backslash-readback": "lead",
    },
    "latin": {
        "latin-quotes": "applied",
        "latin-quotes-readback": "lead",
    },
    "http500": {
        "add-plus-in-email": "Ambiguous",
        "custom-fields": "Ambiguous",
        "custom-fields-unknown-name": "Ambiguous",
    },
    "custom": {
        "list-custom-fields-all": "may",
        "cf-plain": "applied",
        "cf-none-yet": "lead",
        "cf-none-yet-field": "RetryLater",
        "cf-first": "applied",
        "cf-first-readback": "lead",
        "cf-first-own-list": "lead",
        "cf-same-again": "Ambiguous",
        "cf-unknown-label": "Ambiguous",
        "cf-unknown-label-with-column": "applied",
        "cf-filter": "Ambiguous",
        "cf-filter-color": "value a bcd#e'f<&>",
        "cf-filter-stage": "value back\\slash",
        "cf-filter-notes": "value one\ntwo|three\té 日本",
        "cf-filter-pick": "value ",
        "cf-filter-born": "value 0000-00-00",
        "cf-backslash-last": "Ambiguous",
        "cf-backslash-last-one": "value a",
        "cf-backslash-last-three": "value b\\",
        "cf-too-long": "Ambiguous",
        "cf-too-long-readback": "lead",
        "cf-label-in-a-text": "Ambiguous",
        "cf-label-in-a-text-pick": "value ",
        "cf-blank-word": "Ambiguous",
        "cf-blank-word-readback": "lead",
        "cf-other-list": "applied",
        "cf-other-list-update": "Ambiguous",
        "cf-other-list-forced": "lead",
    },
    "text-utf8": {
        "blank-word": "applied",
        "blank-word-readback": "lead",
        "blank-word-update": "applied",
        "blank-word-updated": "lead",
        "date-without-dashes": "applied",
        "date-without-dashes-readback": "lead",
        "date-of-two-digit-year": "applied",
        "date-of-two-digit-year-readback": "lead",
        "date-of-six-digits": "applied",
        "date-of-six-digits-readback": "lead",
        "date-with-time": "applied",
        "date-with-time-readback": "lead",
        "date-without-day": "applied",
        "date-without-day-readback": "lead",
        "date-that-is-none": "applied",
        "date-that-is-none-readback": "lead",
        "gender-word": "applied",
        "gender-word-readback": "lead",
        "gender-capitals": "applied",
        "gender-capitals-readback": "lead",
        "gender-small": "applied",
        "gender-small-readback": "lead",
        "rank-fraction": "applied",
        "rank-fraction-readback": "lead",
        "rank-negative": "applied",
        "rank-negative-readback": "lead",
        "rank-too-high": "applied",
        "rank-too-high-readback": "lead",
        "email-plus-encoded": "applied",
        "email-plus-encoded-readback": "lead",
        "spaces": "applied",
        "spaces-readback": "lead",
        "accent-alone": "applied",
        "accent-alone-readback": "lead",
        "letters-of-four-bytes": "applied",
        "letters-of-four-bytes-readback": "lead",
        "comment-full": "applied",
        "comment-full-readback": "lead",
        "comment-too-long": "applied",
        "comment-too-long-readback": "lead",
        "backslashes": "applied",
        "backslashes-readback": "lead",
        "comment-lines": "applied",
        "comment-lines-read": "value one!Ntwothree",
    },
    "text-latin": {
        "spaces": "applied",
        "spaces-readback": "lead",
        "accent-alone": "applied",
        "accent-alone-readback": "lead",
        "letters-of-four-bytes": "applied",
        "letters-of-four-bytes-readback": "lead",
        "comment-full": "applied",
        "comment-full-readback": "lead",
        "comment-too-long": "applied",
        "comment-too-long-readback": "lead",
        "backslashes": "applied",
        "backslashes-readback": "lead",
        "comment-lines": "applied",
        "comment-lines-read": "value one!Ntwothree",
    },
    "text-latin1": {
        "spaces": "applied",
        "spaces-readback": "lead",
        "accent-alone": "applied",
        "accent-alone-readback": "lead",
        "letters-of-four-bytes": "applied",
        "letters-of-four-bytes-readback": "lead",
        "comment-full": "applied",
        "comment-full-readback": "lead",
        "comment-too-long": "applied",
        "comment-too-long-readback": "lead",
        "backslashes": "applied",
        "backslashes-readback": "lead",
        "comment-lines": "applied",
        "comment-lines-read": "value one!Ntwothree",
    },
}


def of(function: str) -> list[site.Case]:
    return [case for case in LEADS if case["params"].get("function") == function]


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_case_has_its_meaning(name: str) -> None:
    cases = site.cases(name)
    assert len(cases) == FILES[name]
    assert {case["name"]: meanings.of(case) for case in cases} == MEANINGS[name]


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
