"""Leads over HTTP against the simulated server: created, changed, taken out, found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import urllib3

from syncd.sdk import errors, protocol, records, registry
from syncd.simulators import vicidial
from syncd_vicidial import VicidialConnector
from tests.vicidial import site

PROFILES = ("stock", "guide")


@pytest.fixture
def sim() -> Iterator[vicidial.Simulator]:
    """A simulated stock server."""
    with vicidial.serve() as running:
        yield running


@pytest.fixture
def dialer(sim: vicidial.Simulator) -> Iterator[VicidialConnector]:
    """A connector on it, for the campaign TESTCAMP."""
    with site.connected(sim.url, campaign_id="TESTCAMP") as connector:
        yield connector


def made(dialer: VicidialConnector, change: records.Change) -> str:
    [outcome] = dialer.write("leads", [change])
    assert outcome.error is None
    assert outcome.id is not None
    return outcome.id


def changed(dialer: VicidialConnector, lead_id: str, **fields: str | None) -> records.Outcome:
    [outcome] = dialer.write("leads", [records.Change("update", site.key(), id=lead_id, fields=fields)])
    return outcome


def shown(dialer: VicidialConnector, lead_id: str, *names: str) -> records.Fields:
    [record] = dialer.get("leads", [lead_id], names)
    return record.fields


def test_a_created_lead_carries_its_key_and_what_was_foretold(dialer: VicidialConnector) -> None:
    fields = {
        "phone_code": "1", "first_name": "Ann+Marie", "last_name": "O'Brien & Söhne", "email": "ann+crm@example.com",
        "comments": 'one\r\ntwo|three; "four"\\', "city": "São Paulo", "state": "Florida", "gender": "F",
        "date_of_birth": "31.1.1970", "rank": "7", "address1": "1/2 Main; #4", "title": "", "owner": "A" * 40,
    }  # fmt: skip
    change = site.create("7275550111", "101", "K1", **fields)
    lead_id = made(dialer, change)
    read = shown(dialer, lead_id, *change.fields, "vendor_lead_code", "source_id", "status")
    assert read == {
        **dialer.canonical("leads", change.fields),
        "vendor_lead_code": "K1",
        "source_id": site.MARKER,
        "status": "NEW",
    }
    assert read["comments"] == "one\ntwo|three four\\"
    assert read["date_of_birth"] == ""


@pytest.mark.parametrize(
    "said",
    ["LEAD HAS BEEN ADDED - 7275550111|101|10452|-5.00|6666", "LEAD HAS BEEN ADDED - 7275550111|6666|101|10452|-5"],
)
def test_the_new_leads_id_is_understood_in_each_shape_and_is_looked_up_where_in_doubt(said: str) -> None:
    for text, lead_id in (
        (f"add_lead {said}", "10452"),
        ("lead_id=10452", "10452"),
        (said.replace("10452", "101"), None),
    ):
        reply = (200, f"SUCCESS: {text}\n")
        with site.answering(lambda _, reply=reply: reply) as url, site.connected(url) as dialer:  # type: ignore[misc]  # mypy gives lambdas with defaults no type
            [outcome] = dialer.write("leads", [site.create("7275550111")])
        assert outcome.id == lead_id
        assert (outcome.error is None) == (lead_id is not None)
        assert outcome.error is None or isinstance(outcome.error, errors.Ambiguous)


def test_a_new_lead_gets_the_status_that_is_mapped_though_add_lead_knows_none(dialer: VicidialConnector) -> None:
    lead_id = made(dialer, site.create("7275550111", status="CALLME"))
    assert shown(dialer, lead_id, "status") == {"status": "CALLME"}


@pytest.mark.parametrize("value", [None, "", "日本"])
def test_a_value_of_which_nothing_stays_clears_the_field(dialer: VicidialConnector, value: str | None) -> None:
    names = (
        "title", "first_name", "middle_initial", "address1", "city", "state", "province", "postal_code", "country_code",
        "gender", "date_of_birth", "alt_phone", "email", "security_phrase", "rank", "owner",
    )  # fmt: skip
    before = {**dict.fromkeys(names, "A"), "gender": "M", "date_of_birth": "1970-01-31", "rank": "5"}
    lead_id = made(dialer, site.create("7275550111", "101", "K1", **before))
    fields = dict.fromkeys(names, value)
    assert changed(dialer, lead_id, **fields).error is None
    read = shown(dialer, lead_id, *names)
    assert read == dialer.canonical("leads", fields)
    assert {read[name] for name in names} == {"", "U", "0"}


def test_comments_can_be_changed_and_cleared(dialer: VicidialConnector) -> None:
    lead_id = made(dialer, site.create("7275550111", comments="a\nb"))
    assert changed(dialer, lead_id, comments="c\r\nd\\").error is None
    assert shown(dialer, lead_id, "comments") == {"comments": "c\nd\\"}
    assert changed(dialer, lead_id, comments=None).error is None
    assert shown(dialer, lead_id, "comments") == {"comments": ""}


@pytest.mark.parametrize("name", ["phone_number", "phone_code", "list_id", "status"])
def test_a_field_that_a_lead_cannot_lack_is_not_cleared(dialer: VicidialConnector, name: str) -> None:
    lead_id = made(dialer, site.create("7275550111"))
    outcome = changed(dialer, lead_id, **{name: None})
    assert isinstance(outcome.error, errors.Rejected)
    assert name in str(outcome.error)


def test_an_update_without_fields_sends_nothing(sim: vicidial.Simulator, dialer: VicidialConnector) -> None:
    assert changed(dialer, "1").error is None
    assert site.door(sim.url, "requests")["functions"].get("update_lead") is None


def test_a_lead_that_is_gone_is_missing(dialer: VicidialConnector) -> None:
    assert isinstance(changed(dialer, "99999999", first_name="X").error, errors.Missing)
    assert dialer.get("leads", ["99999999"]) == []


def test_numbers_on_do_not_call_lists_are_screened_when_created_and_when_changed(
    sim: vicidial.Simulator, dialer: VicidialConnector
) -> None:
    numbers = {"7275550666": "dnc", "9995550001": "dnc", "7275550777": "campaign_dnc"}
    outcomes = [*dialer.write("leads", [site.create(number) for number in numbers])]
    lead_id = made(dialer, site.create("7275550111"))
    outcomes += [changed(dialer, lead_id, phone_number=number) for number in numbers]
    reasons = [outcome.error.reason for outcome in outcomes if isinstance(outcome.error, errors.Screened)]
    assert reasons == [*numbers.values(), *numbers.values()]
    assert [lead["phone_number"] for lead in site.leads(sim.url) if lead["vendor_lead_code"] == "K1"] == ["7275550111"]


def test_a_good_number_replaces_the_old_one(dialer: VicidialConnector) -> None:
    lead_id = made(dialer, site.create("7275550111"))
    assert changed(dialer, lead_id, phone_number="7275550112", phone_code="1").error is None
    assert shown(dialer, lead_id, "phone_number") == {"phone_number": "7275550112"}
    assert isinstance(changed(dialer, lead_id, phone_number="72755").error, errors.Rejected)


def test_the_problem_of_a_rejected_lead_names_the_field(dialer: VicidialConnector) -> None:
    wrong = {
        "phone_number": site.create("72755"),
        "list_id": site.create("7275550111", "777"),
        "no_such_field": site.create("7275550111", no_such_field="x"),
        "vendor_lead_code": site.create("7275550111", vendor_lead_code="x"),
        "source_id": site.create("7275550111", source_id="x"),
    }
    for name, outcome in zip(wrong, dialer.write("leads", list(wrong.values())), strict=True):
        assert isinstance(outcome.error, errors.Rejected), name
        assert [problem.where for problem in outcome.error.problems] == [name]
        assert all(problem.fix for problem in outcome.error.problems)


@pytest.mark.parametrize("list_id", [None, "", "12", "Leads", "0101"])
def test_a_lead_without_a_usable_list_never_lands_in_list_999(
    sim: vicidial.Simulator, dialer: VicidialConnector, list_id: str | None
) -> None:
    change = records.Change("create", site.key(), fields={"phone_number": "7275550111", "list_id": list_id})
    [outcome] = dialer.write("leads", [change])
    assert isinstance(outcome.error, errors.Rejected)
    assert [problem.where for problem in outcome.error.problems] == ["list_id"]
    assert not [lead for lead in site.leads(sim.url) if lead["vendor_lead_code"] == "K1"]


def test_a_lead_moves_to_a_list_that_exists_only(dialer: VicidialConnector) -> None:
    lead_id = made(dialer, site.create("7275550111"))
    assert changed(dialer, lead_id, list_id="102").error is None
    assert isinstance(changed(dialer, lead_id, list_id="777").error, errors.Rejected)
    assert shown(dialer, lead_id, "list_id") == {"list_id": "102"}


def test_the_source_id_is_the_mappings_where_no_marker_is_planted(dialer: VicidialConnector) -> None:
    fields = {"phone_number": "7275550111", "list_id": "101", "source_id": "web"}
    key = records.SyncKey("K1")
    lead_id = made(dialer, records.Change("create", key, fields=fields))
    assert shown(dialer, lead_id, "source_id") == {"source_id": "web"}
    assert [record.id for record in dialer.find("leads", key, {"phone_number": "7275550111"})] == [lead_id]


@pytest.mark.parametrize(("reason", "status"), [("opt_out", "DNC"), ("deleted", "SYNCDX"), ("twin", "SYNCDX")])
def test_a_removed_lead_leaves_dialling(dialer: VicidialConnector, reason: str, status: str) -> None:
    lead_id = made(dialer, site.create("7275550111"))
    [outcome] = dialer.write("leads", [records.Change("remove", site.key(), id=lead_id, reason=reason)])
    assert outcome.error is None
    assert outcome.id == lead_id
    assert shown(dialer, lead_id, "status") == {"status": status}


def test_a_do_not_call_mark_on_a_lead_outlives_its_removal(sim: vicidial.Simulator, dialer: VicidialConnector) -> None:
    lead_id = made(dialer, site.create("7275550111"))
    site.door(sim.url, "edit", lead_id=int(lead_id), fields={"status": "DNCL"})
    for reason in ("deleted", "left", "twin"):
        [outcome] = dialer.write("leads", [records.Change("remove", site.key(), id=lead_id, reason=reason)])
        assert outcome.error is None
    assert shown(dialer, lead_id, "status") == {"status": "DNCL"}


def test_a_lead_that_is_gone_cannot_be_removed(dialer: VicidialConnector) -> None:
    for reason in ("deleted", "opt_out"):
        [outcome] = dialer.write("leads", [records.Change("remove", site.key(), id="99999999", reason=reason)])
        assert isinstance(outcome.error, errors.Missing)


def test_a_removed_lead_leaves_the_hopper(sim: vicidial.Simulator, dialer: VicidialConnector) -> None:
    lead_id = made(dialer, site.create("7275550111"))
    form = f"source=test&user=6666&pass=1234&function=update_lead&lead_id={lead_id}&add_to_hopper=Y"
    with urllib3.PoolManager() as pool:
        pool.request("POST", f"{sim.url}/vicidial/non_agent_api.php?{form}")
    assert site.door(sim.url, "world")["counts"]["hopper"] == 1
    [outcome] = dialer.write("leads", [records.Change("remove", site.key(), id=lead_id, reason="left")])
    assert outcome.error is None
    assert outcome.notes == ("removed-from-hopper",)
    assert site.door(sim.url, "world")["counts"]["hopper"] == 0


def test_the_connector_is_found_by_its_name_and_has_the_extras() -> None:
    assert registry.load("vicidial") is VicidialConnector
    for extra in (protocol.Canonicalises, protocol.FindsMany, protocol.ListsFields):
        assert issubclass(VicidialConnector, extra)


def test_every_field_of_a_lead_says_what_it_takes(dialer: VicidialConnector) -> None:
    names = dialer.fields("leads")
    assert names["first_name"].type == "text 30"
    assert not names["called_count"].writable
    assert names["gender"].values == ("M", "F", "U")
    assert set(dialer.streams["leads"].near) <= names.keys()


@pytest.mark.parametrize("check", ["DUPLIST", "DUPCAMP", "DUPSYS"])
def test_a_duplicate_with_our_key_is_our_lead_and_another_one_is_not(sim: vicidial.Simulator, check: str) -> None:
    with site.connected(sim.url, duplicate_check=check) as dialer:
        lead_id = made(dialer, site.create("7275550111"))
        [again, other] = dialer.write("leads", [site.create("7275550111"), site.create("7275550111", value="K2")])
    assert again.error is None
    assert again.id == lead_id
    assert isinstance(other.error, errors.Rejected)
    assert lead_id in str(other.error)


def test_leads_are_found_by_key_and_marker_through_their_phones_in_one_search(
    sim: vicidial.Simulator, dialer: VicidialConnector
) -> None:
    foreign = records.Change(
        "create", records.SyncKey("K1", "syncd:other:leads"), fields={"phone_number": "7275550111", "list_id": "101"}
    )
    made(dialer, foreign)
    ours = [
        made(dialer, site.create(phone, value=value)) for phone, value in (("7275550111", "K1"), ("7275550112", "K2"))
    ]
    keys = [
        (site.key("K1"), {"phone_number": "7275550111"}),
        (site.key("K2"), {"phone_number": "7275550112"}),
        (site.key("K3"), {"phone_number": "7275550112"}),
        (site.key("K4"), {"phone_number": "7275550113"}),
        (site.key("K5"), {"phone_number": "12"}),
    ]
    found = dialer.find_many("leads", keys)
    assert [[record.id for record in hits] for hits in found] == [[ours[0]], [ours[1]], [], [], []]
    assert site.door(sim.url, "requests")["functions"]["lead_search"] == 1


def test_twins_are_all_found(dialer: VicidialConnector) -> None:
    twins = {made(dialer, site.create("7275550111")) for _ in range(2)}
    assert {record.id for record in dialer.find("leads", site.key(), {"phone_number": "7275550111"})} == twins


def test_without_a_phone_the_key_itself_is_searched(dialer: VicidialConnector) -> None:
    lead_id = made(dialer, site.create("7275550111"))
    assert [record.id for record in dialer.find("leads", site.key(), {})] == [lead_id]
    assert dialer.find("leads", site.key("K9"), {}) == []


@pytest.mark.parametrize(
    "edit",
    [
        {"comments": "a|b|c\nd"},
        {"comments": "a|b\tc", "last_name": "x|y"},
        {"security_phrase": "p|q", "comments": "c\td"},
        {"source_id": "s|t", "comments": "a\tb"},
        {"last_name": "x\ty"},
    ],
)
def test_separators_inside_of_values_do_not_shift_a_lead(
    sim: vicidial.Simulator, dialer: VicidialConnector, edit: dict[str, str]
) -> None:
    lead_id = made(dialer, site.create("7275550111", first_name="Ann", email="a@example.com"))
    site.door(sim.url, "edit", lead_id=int(lead_id), fields=edit)
    names = ("first_name", "last_name", "email", "security_phrase", "comments", "source_id", "vendor_lead_code")
    expected = {
        **dict.fromkeys(names, ""), "first_name": "Ann", "email": "a@example.com", "source_id": site.MARKER,
        "vendor_lead_code": "K1", **edit,
    }  # fmt: skip
    assert shown(dialer, lead_id, *names) == expected


def test_a_lead_whose_list_is_not_shown_to_the_user_is_no_missing_lead(sim: vicidial.Simulator) -> None:
    with site.connected(sim.url) as admin:
        lead_id = made(admin, site.create("7275550111", "102"))
    with (
        site.connected(sim.url, user="7002", password="restricted") as seller,
        pytest.raises(errors.AuthFailed) as seen,
    ):
        seller.find("leads", site.key(), {"phone_number": "7275550111"})
    assert lead_id in str(seen.value)
    assert "102" in str(seen.value)


def test_a_lead_in_a_list_that_is_gone_counts_as_gone(sim: vicidial.Simulator) -> None:
    with site.connected(sim.url, list_exists_check=False) as dialer:
        lead_id = made(dialer, site.create("7275550111", "777"))
        assert dialer.get("leads", [lead_id]) == []


def test_one_bad_change_hides_no_other_and_outcomes_keep_their_order(dialer: VicidialConnector) -> None:
    changes = [
        site.create("72755" if number % 3 == 0 else f"72755501{number:02}", value=f"K{number}") for number in range(30)
    ]
    outcomes = dialer.write("leads", changes)
    assert [outcome.error is None for outcome in outcomes] == [number % 3 != 0 for number in range(30)]
    for change, outcome in zip(changes, outcomes, strict=True):
        if outcome.id is not None:
            assert shown(dialer, outcome.id, "vendor_lead_code") == {"vendor_lead_code": change.key.value}


@pytest.mark.parametrize("profile", PROFILES)
def test_both_profiles_take_and_give_the_same_leads(profile: str) -> None:
    with vicidial.serve(profile=profile) as sim, site.connected(sim.url) as dialer:
        lead_id = made(dialer, site.create("7275550111", first_name="Ann"))
        assert shown(dialer, lead_id, "first_name", "vendor_lead_code") == {
            "first_name": "Ann",
            "vendor_lead_code": "K1",
        }
