"""Custom fields over HTTP against the simulated server: written with the lead or right after it, verified, read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from syncd.sdk import errors, records
from syncd.simulators import vicidial
from syncd_vicidial import VicidialConnector, custom, text
from syncd_vicidial.options import Options
from tests.vicidial import site

FIELDS = {
    "101": ["favorite_color VARCHAR(20)", "crm_stage VARCHAR(50)", "notes_area TEXT", "pick ENUM('red','green')"],
    "998": ["crm_stage VARCHAR(5)", "source", "exact VARCHAR(70)"],
}
BUILDS = {"not at once": 0, "at once": 1}


def state(**system: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((site.DATA / "state.json").read_text())
    found["system"].update(system)
    return {**found, "custom_fields": FIELDS}


@contextmanager
def running(
    faults: str = "", options: Mapping[str, object] | None = None, **system: object
) -> Iterator[tuple[vicidial.Simulator, VicidialConnector]]:
    """A server with custom fields, and a connector on it."""
    with (
        vicidial.serve(state=state(**system), faults=faults) as sim,
        site.connected(sim.url, **(options or {})) as dialer,
    ):
        yield sim, dialer


@pytest.fixture(params=BUILDS)
def place(request: pytest.FixtureRequest) -> Iterator[tuple[vicidial.Simulator, VicidialConnector]]:
    """A server of either build, and a connector on it."""
    with running(custom_fields_at_add=BUILDS[request.param]) as both:
        yield both


def update(lead_id: str, **fields: str | None) -> records.Change:
    return records.Change("update", site.key(), id=lead_id, fields=fields)


def shown(dialer: VicidialConnector, lead_id: str, *names: str) -> records.Fields:
    [record] = dialer.get("leads", [lead_id], names)
    return record.fields


def functions(sim: vicidial.Simulator) -> dict[str, int]:
    found = site.door(sim.url, "requests")["functions"]
    assert isinstance(found, dict)
    return found


def custom_values(sim: vicidial.Simulator, list_id: str = "101") -> dict[str, dict[str, str]]:
    found = site.door(sim.url, "world", include=["custom_fields"])["custom_fields"][list_id]
    assert isinstance(found, dict)
    return found


def test_a_new_lead_has_its_custom_values_whatever_the_build(
    place: tuple[vicidial.Simulator, VicidialConnector],
) -> None:
    sim, dialer = place
    [outcome] = dialer.write("leads", [site.create("7275550111", favorite_color="blue", crm_stage="Working")])
    assert outcome.error is None
    assert outcome.id is not None
    assert outcome.stored == {"favorite_color": "blue", "crm_stage": "Working"}
    assert custom_values(sim)[outcome.id]["favorite_color"] == "blue"
    names = ("first_name", "favorite_color", "crm_stage", "notes_area")
    assert shown(dialer, outcome.id, *names) == {
        "first_name": "", "favorite_color": "blue", "crm_stage": "Working", "notes_area": "",
    }  # fmt: skip


def test_a_build_that_adds_them_at_once_gets_no_second_request() -> None:
    with running(custom_fields_at_add=1) as (sim, dialer):
        [outcome] = dialer.write("leads", [site.create("7275550111", favorite_color="blue")])
        assert outcome.error is None
        assert functions(sim).get("update_lead") is None


def test_what_add_lead_cannot_do_is_asked_of_it_once() -> None:
    """On a server whose PHP raises on the mistake in its SQL each such add_lead is HTTP 500: once is enough."""
    with running(raise_on_sql_errors=1) as (_, dialer):
        first, *others = dialer.write(
            "leads", [site.create(f"727555011{number}", favorite_color="blue") for number in range(3)]
        )
        assert isinstance(first.error, errors.Ambiguous)
        assert [(outcome.error, outcome.stored) for outcome in others] == [(None, {"favorite_color": "blue"})] * 2


def test_custom_values_are_changed_and_cleared(place: tuple[vicidial.Simulator, VicidialConnector]) -> None:
    _, dialer = place
    [created] = dialer.write("leads", [site.create("7275550111", favorite_color="blue", crm_stage="New")])
    lead_id = created.id or ""
    [changed] = dialer.write("leads", [update(lead_id, favorite_color=None, crm_stage="Won", city="Tampa")])
    assert changed.error is None
    names = ("favorite_color", "crm_stage", "city")
    assert shown(dialer, lead_id, *names) == {"favorite_color": "", "crm_stage": "Won", "city": "Tampa"}
    [same] = dialer.write("leads", [update(lead_id, crm_stage="Won")])
    assert same.error is None


def test_an_update_of_a_lead_without_custom_values_gives_it_some(
    place: tuple[vicidial.Simulator, VicidialConnector],
) -> None:
    _, dialer = place
    [created] = dialer.write("leads", [site.create("7275550111")])
    [changed] = dialer.write("leads", [update(created.id or "", crm_stage="Won")])
    assert changed.error is None
    assert shown(dialer, created.id or "", "crm_stage") == {"crm_stage": "Won"}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a+b; \"c\" 'd' #e <f> &g", "a b c 'd' #e <f> &g"),
        ("one\r\ntwo|three\tfour", "one\ntwo|three\tfour"),
        ("C:\\new", "C:\\new"),
        ("C:\\", "C:\\"),
        ("\\\\\\", "\\\\\\"),
        ("a\\\n", "a\\\n"),
        ("\x00\x1b", ""),
        ("--BLANK--", ""),
        ("Strauß 日本", "Strauß 日本"),
        ("=cmd('x')", "=cmd('x')"),
    ],
)
@pytest.mark.parametrize("use_non_latin", [0, 1])
def test_a_custom_text_is_stored_as_foretold(value: str, kept: str, use_non_latin: int) -> None:
    with running(options={"use_non_latin": bool(use_non_latin)}, use_non_latin=use_non_latin) as (_, dialer):
        assert dialer.canonical("leads", {"notes_area": value}) == {"notes_area": kept}
        [created] = dialer.write("leads", [site.create("7275550111", notes_area=value)])
        assert created.stored == {"notes_area": kept}
        lead_id = created.id or ""
        for given in (f"{value}x", value):
            [changed] = dialer.write("leads", [update(lead_id, notes_area=given)])
            assert changed.error is None
        assert shown(dialer, lead_id, "notes_area") == {"notes_area": kept}


def test_what_a_column_makes_of_a_value_is_told_and_read(place: tuple[vicidial.Simulator, VicidialConnector]) -> None:
    _, dialer = place
    sent = {"favorite_color": "x" * 25, "pick": "purple"}
    [created] = dialer.write("leads", [site.create("7275550111", **sent)])
    assert created.stored == {"favorite_color": "x" * 20, "pick": ""}
    assert shown(dialer, created.id or "", "favorite_color", "pick") == created.stored


def test_a_text_that_names_another_field_does_not_clear_it(
    place: tuple[vicidial.Simulator, VicidialConnector],
) -> None:
    """update_lead takes a text with `&crm_stage=` in it for the field crm_stage."""
    _, dialer = place
    [created] = dialer.write("leads", [site.create("7275550111", crm_stage="Won\\", favorite_color="blue")])
    lead_id = created.id or ""
    link = "https://example.com/?favorite_color=1&crm_stage=2"
    [changed] = dialer.write("leads", [update(lead_id, notes_area=link, comments=link)])
    assert changed.error is None
    assert shown(dialer, lead_id, "crm_stage", "favorite_color", "notes_area") == {
        "crm_stage": "Won\\", "favorite_color": "blue", "notes_area": link,
    }  # fmt: skip


def test_a_list_without_custom_fields_keeps_none_and_says_so(
    place: tuple[vicidial.Simulator, VicidialConnector],
) -> None:
    sim, dialer = place
    [created] = dialer.write("leads", [site.create("7275550111", "102", favorite_color="blue")])
    assert created.error is None
    assert created.stored == {"favorite_color": ""}
    [changed] = dialer.write("leads", [update(created.id or "", favorite_color="red")])
    assert changed.error is None
    assert changed.stored == {"favorite_color": ""}
    assert shown(dialer, created.id or "", "favorite_color") == {"favorite_color": ""}
    assert functions(sim).get("update_lead") is None


def test_a_list_keeps_those_custom_fields_that_it_has(place: tuple[vicidial.Simulator, VicidialConnector]) -> None:
    _, dialer = place
    [created] = dialer.write("leads", [site.create("7275550111", "998", favorite_color="blue", crm_stage="Won")])
    assert created.error is None
    assert created.stored == {"favorite_color": "", "crm_stage": "Won"}


def test_values_stay_with_the_list_where_they_were_stored_first(
    place: tuple[vicidial.Simulator, VicidialConnector],
) -> None:
    sim, dialer = place
    [created] = dialer.write("leads", [site.create("7275550111", favorite_color="blue")])
    lead_id = created.id or ""
    [moved] = dialer.write("leads", [update(lead_id, list_id="998", favorite_color="red")])
    assert moved.error is None
    assert custom_values(sim)[lead_id]["favorite_color"] == "red"
    assert shown(dialer, lead_id, "favorite_color", "list_id") == {"favorite_color": "red", "list_id": "998"}


def test_a_lead_without_values_that_moves_gets_them_in_its_new_list(
    place: tuple[vicidial.Simulator, VicidialConnector],
) -> None:
    sim, dialer = place
    [created] = dialer.write("leads", [site.create("7275550111", "102")])
    lead_id = created.id or ""
    [moved] = dialer.write("leads", [update(lead_id, list_id="101", favorite_color="red")])
    assert moved.error is None
    assert custom_values(sim)[lead_id]["favorite_color"] == "red"


def test_a_field_that_no_list_has_is_refused_with_its_name(
    place: tuple[vicidial.Simulator, VicidialConnector],
) -> None:
    sim, dialer = place
    fields = {"favourite_color": "blue", "source": "web", "called_count": "5"}
    for name, value in fields.items():
        [outcome] = dialer.write("leads", [site.create("7275550111", **{name: value})])
        assert isinstance(outcome.error, errors.Rejected), name
        assert [problem.where for problem in outcome.error.problems] == [name]
    assert functions(sim).get("add_lead") is None


def test_a_field_that_was_just_added_in_vicidial_is_found_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom, "_JUST_ASKED_SECONDS", 0.0)
    with running() as (sim, dialer):
        dialer.write("leads", [site.create("7275550111", favorite_color="blue")])
        with sim.lock:
            fields = sim.world.custom_columns["101"]
            fields["brand_new"] = fields["notes_area"]
        [outcome] = dialer.write("leads", [site.create("7275550112", brand_new="yes")])
        assert outcome.error is None
        assert outcome.stored == {"brand_new": "yes"}


def test_without_the_right_to_list_fields_the_user_is_told_what_is_missing() -> None:
    without = state()
    without["users"] = [{**user, "modify_lists": 0} for user in without["users"]]
    with vicidial.serve(state=without) as sim, site.connected(sim.url) as dialer:
        plain, other = dialer.write(
            "leads", [site.create("7275550111"), site.create("7275550112", favorite_color="blue")]
        )
        assert plain.error is None
        assert isinstance(other.error, errors.AuthFailed)
        assert "favorite_color" in str(other.error)
        assert "modify_lists" in other.error.fix
        assert "favorite_color" not in dialer.fields("leads")
        [problem] = dialer.check_values("leads", {"favorite_color": (), "list_id": ("101",)})
        assert problem.fatal
        assert (problem.where, "modify_lists" in problem.fix) == ("favorite_color", True)


def test_a_server_without_custom_fields_has_none() -> None:
    with running(custom_fields_enabled=0) as (_, dialer):
        assert "favorite_color" not in dialer.fields("leads")
        [outcome] = dialer.write("leads", [site.create("7275550111", favorite_color="blue")])
        assert isinstance(outcome.error, errors.Rejected)


@pytest.mark.parametrize("fault", ["reset_before@2", "reset_after@2", "error_before@2", "empty@2", "html@2"])
def test_a_lead_whose_custom_values_are_in_doubt_is_there_but_not_done(fault: str) -> None:
    with running(fault) as (sim, dialer):
        [outcome] = dialer.write("leads", [site.create("7275550111", favorite_color="blue", status="CALLME")])
        assert isinstance(outcome.error, errors.Ambiguous)
        assert outcome.unapplied == {"favorite_color", "status"}
        assert [str(lead["lead_id"]) for lead in site.leads(sim.url) if lead["vendor_lead_code"] == "K1"] == [
            outcome.id
        ]


@pytest.mark.parametrize("fault", ["all.reset_before", "all.truncated", "all.empty", "all.error_503"])
def test_custom_values_that_cannot_be_read_back_are_not_done(fault: str) -> None:
    with running() as (sim, dialer):
        dialer.write("leads", [site.create("7275550111", favorite_color="blue")])  # the lists are known now
        site.door(sim.url, "faults", spec=f"{fault}@3")
        [outcome] = dialer.write("leads", [site.create("7275550112", favorite_color="blue", email="a@example.com")])
        assert isinstance(outcome.error, errors.RetryLater)
        assert outcome.id is not None
        assert outcome.unapplied == {"favorite_color"}
        site.door(sim.url, "faults", spec=f"{fault}@3")
        [changed] = dialer.write("leads", [update(outcome.id, favorite_color="red")])
        assert isinstance(changed.error, errors.Ambiguous)


def test_a_callback_and_custom_fields_go_together() -> None:
    with running(options={"campaign_id": "TESTCAMP"}) as (_, dialer):
        at = "2099-01-01T15:00:00Z"
        [created] = dialer.write(
            "leads", [site.create("7275550111", favorite_color="blue", status="CALLME", callback_at=at)]
        )
        assert created.error is None
        lead_id = created.id or ""
        assert created.stored == {"favorite_color": "blue", "status": "CBHOLD"}
        names = ("status", "favorite_color", "callback_at", "city")
        assert shown(dialer, lead_id, *names) == {
            "status": "CBHOLD", "favorite_color": "blue", "callback_at": at, "city": "",
        }  # fmt: skip
        [changed] = dialer.write(
            "leads", [update(lead_id, favorite_color="red", city="Tampa", callback_at="2099-01-02T15:00:00Z")]
        )
        assert changed.error is None
        assert shown(dialer, lead_id, *names) == {
            "status": "CBHOLD", "favorite_color": "red", "callback_at": "2099-01-02T15:00:00Z", "city": "Tampa",
        }  # fmt: skip
        [refused] = dialer.write(
            "leads", [update(lead_id, favorite_color="green", callback_at="2099-01-03T15:00:00Z", callback_user="no")]
        )
        assert isinstance(refused.error, errors.Rejected)
        assert "favorite_color" not in refused.unapplied
        assert shown(dialer, lead_id, "favorite_color") == {"favorite_color": "green"}


def test_an_apostrophe_on_a_server_that_raises_hides_no_lead() -> None:
    """There `lead_all_info` says HTTP 500 of such a lead, and nothing else."""
    with running(raise_on_sql_errors=1) as (_, dialer):
        [added] = dialer.write("leads", [site.create("7275550111", last_name="O'Brien", city="Tampa")])
        assert isinstance(added.error, errors.Ambiguous)
        near = {"phone_number": "7275550111"}
        [lead] = dialer.find("leads", site.key(), near)
        assert (lead.fields["last_name"], lead.fields["city"]) == ("O'Brien", "Tampa")
        [changed] = dialer.write("leads", [update(lead.id, favorite_color="it's blue")])
        assert isinstance(changed.error, errors.Ambiguous)
        assert shown(dialer, lead.id, "favorite_color", "last_name") == {
            "favorite_color": "it's blue", "last_name": "O'Brien",
        }  # fmt: skip
        assert dialer.get("leads", ["99999999"]) == []


@pytest.mark.parametrize("named", ["crm_stage", "exact"])
def test_the_lists_custom_fields_are_told_and_standard_names_win(named: str) -> None:
    with running() as (_, dialer):
        found = dialer.fields("leads")
        assert found["first_name"] is text.FIELDS["first_name"]
        assert found[named].writable
        assert "998" in found[named].label
        assert ("101" in found[named].label) == (named == "crm_stage")


def test_a_mapping_is_told_which_lists_lack_a_field() -> None:
    with running() as (_, dialer):
        lists: dict[str, tuple[str, ...]] = {"list_id": ("101", "102", "998")}

        def check(**names: tuple[str, ...]) -> list[tuple[str, bool, str]]:
            found = dialer.check_values("leads", {**lists, **names})
            return [(problem.where, problem.fatal, problem.what) for problem in found]

        assert check(first_name=()) == [
            ("first_name", False, "letters that are not ASCII (ü, é, ñ) are dropped from first_name")
        ]
        [(where, fatal, what)] = check(crm_stage=())
        assert (where, fatal) == ("crm_stage", False)
        assert "102 (Other leads)" in what
        lists = {"list_id": ("102",)}
        [(where, fatal, what)] = check(crm_stage=())
        assert (where, fatal) == ("crm_stage", True)
        assert "lists 101 (Leads), 998 (Default Manual list) have it" in what
        [(where, fatal, what)] = check(source=())
        assert (where, fatal) == ("source", True)
        assert check(no_such_field=()) == []  # told by whoever compares with all names
        lists = {"list_id": ()}
        [(where, fatal, what)] = check(favorite_color=())
        assert (where, fatal) == ("favorite_color", False)


@pytest.mark.parametrize("given", ["", "custom:", "custom:two words", "keep"])
def test_a_wrong_plus_emails_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="plus_emails"):
        Options.model_validate({"url": "http://localhost", "user": "6666", "password": "1234", "plus_emails": given})


PLUS = "ann+crm@example.com"


def test_by_default_an_email_keeps_its_plus_for_syncd_and_for_people_to_read() -> None:
    with running() as (sim, dialer):
        [created] = dialer.write("leads", [site.create("7275550111", email=PLUS)])
        assert shown(dialer, created.id or "", "email") == {"email": PLUS} == dialer.canonical("leads", {"email": PLUS})
        assert [lead["email"] for lead in site.leads(sim.url) if lead["vendor_lead_code"] == "K1"] == [
            "ann%2Bcrm@example.com"
        ]


def test_an_email_may_lose_its_plus() -> None:
    with running(options={"plus_emails": "lossy"}) as (_, dialer):
        [created] = dialer.write("leads", [site.create("7275550111", email=PLUS)])
        assert shown(dialer, created.id or "", "email") == {"email": "ann crm@example.com"}


def test_a_record_may_wait_for_a_person_to_correct_its_email() -> None:
    with running(options={"plus_emails": "hold"}) as (_, dialer):
        plain, plus = dialer.write(
            "leads", [site.create("7275550111", email="ann@example.com"), site.create("7275550112", email=PLUS)]
        )
        assert plain.error is None
        [changed] = dialer.write("leads", [update(plain.id or "", email=PLUS)])
        for outcome in (plus, changed):
            assert isinstance(outcome.error, errors.Rejected)
            [problem] = outcome.error.problems
            assert problem.where == "email"
            assert PLUS not in str(outcome.error)


def test_a_custom_field_may_hold_the_exact_email() -> None:
    with running(options={"plus_emails": "custom:exact"}) as (_, dialer):
        [created] = dialer.write("leads", [site.create("7275550111", "998", email=PLUS)])
        lead_id = created.id or ""
        assert created.stored == {}
        assert shown(dialer, lead_id, "email", "exact") == {"email": "ann crm@example.com", "exact": PLUS}
        [changed] = dialer.write("leads", [update(lead_id, email="bob@example.com")])
        assert changed.error is None
        assert shown(dialer, lead_id, "email", "exact") == dict.fromkeys(("email", "exact"), "bob@example.com")
        [cleared] = dialer.write("leads", [update(lead_id, email=None)])
        assert cleared.error is None
        assert shown(dialer, lead_id, "email", "exact") == {"email": "", "exact": ""}


def test_an_exact_email_without_a_place_waits_for_a_person() -> None:
    with running(options={"plus_emails": "custom:exact"}) as (_, dialer):
        plain, plus = dialer.write(
            "leads", [site.create("7275550111", email="ann@example.com"), site.create("7275550112", email=PLUS)]
        )
        assert plain.error is None
        assert isinstance(plus.error, errors.Rejected)
        assert "exact" in str(plus.error)
        [problem] = dialer.check_values("leads", {"email": (), "list_id": ("101",)})
        assert (problem.where, problem.fatal) == ("email", True)
        problems = dialer.check_values("leads", {"email": (), "exact": (), "list_id": ("998",)})
        assert [problem.where for problem in problems] == ["exact"]
