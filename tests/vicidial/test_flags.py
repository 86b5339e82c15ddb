"""What a status means: by the configuration, the site's status tables, or as shipped; do-not-call is never lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pydantic
import pytest
import structlog

from syncd.sdk import errors, records
from syncd.simulators import vicidial
from syncd.simulators.vicidial.statuses import STATUSES
from syncd_vicidial import flags
from syncd_vicidial.options import Options
from tests.vicidial import site
from tests.vicidial import tables as vicidial_tables
from tests.vicidial.tables import Tables

UNTIL = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
SINCE = records.Cursor(UNTIL - timedelta(hours=6))


def told(**rows: str) -> flags.Told:
    """Status tables; `HOT` is a status of the system, `A_HOT` one of campaign A."""
    found = {}
    for name, words in rows.items():
        campaign, _, status = name.rpartition("_")
        found[campaign or flags.EVERYWHERE, status] = frozenset(words.split())
    return flags.Told(found)


def test_every_status_of_a_fresh_installation_is_known_and_whether_a_person_answered() -> None:
    shipped = flags.Flags({})
    found = {status: shipped.of(status, "ANY").split() for status in STATUSES}
    assert {status: "human_answered" in words for status, words in found.items()} == {
        status: human for status, (_, human) in STATUSES.items()
    }
    assert [status for status, words in found.items() if "dnc" in words] == ["DNC", "DNCL", "DNCC"]
    assert [status for status, words in found.items() if "sale" in words] == ["SALE"]
    assert {status for status, words in found.items() if "live" in words} == {"QUEUE", "INCALL"}
    assert found["A"] == ["answering_machine", "machine"]
    assert found["AA"] == ["machine"]
    assert shipped.of("DISPO", "ANY") == "live"


@pytest.mark.parametrize(
    ("own", "site_says", "campaign", "expected"),
    [
        ({}, {}, "A", None),
        ({"HOT": "sale"}, {}, "A", "sale"),
        ({"HOT": ""}, {}, "A", ""),
        ({"HOT": {"A": "sale"}}, {}, "A", "sale"),
        ({"HOT": {"A": "sale"}}, {}, "B", None),
        ({"HOT": {"A": "sale", "*": "callback"}}, {}, "B", "callback scheduled_callback"),
        ({"HOT": "machine"}, {}, "A", "answering_machine machine"),
        ({}, {"HOT": "completed"}, "A", "completed"),
        ({}, {"A_HOT": "scheduled_callback"}, "A", "callback scheduled_callback"),
        ({}, {"A_HOT": "sale", "HOT": "completed"}, "A", "sale"),
        ({}, {"A_HOT": "sale", "HOT": "dnc completed"}, "A", "dnc sale"),
        # an in-group, whose calls agents of any campaign take
        ({}, {"A_HOT": "sale completed", "B_HOT": "completed"}, "HOTLINE", "completed"),
        ({}, {"A_HOT": "sale", "B_HOT": "dnc"}, "HOTLINE", "dnc"),
        ({"HOT": "sale"}, {"HOT": "completed"}, "A", "sale"),
        # what VICIdial calls do-not-call stays that, whatever the configuration says
        ({"HOT": "sale"}, {"HOT": "dnc"}, "A", "dnc sale"),
        ({"HOT": {"A": ""}}, {"A_HOT": "dnc"}, "A", "dnc"),
        ({"HOT": {"A": ""}}, {"B_HOT": "dnc"}, "A", "dnc"),
    ],
)
def test_who_says_what_a_status_means(
    own: flags.Own, site_says: dict[str, str], campaign: str, expected: str | None
) -> None:
    found = flags.Flags(own, lambda: told(**site_says), unknown="hold")
    assert found.of("HOT", campaign) == (flags.HOLD if expected is None else expected)
    assert found.is_known("HOT", campaign) == (expected is not None)


def test_the_sites_tables_change_vicidials_flags_and_leave_ours() -> None:
    found = flags.Flags({}, lambda: told(INCALL="", NA="", DNC="completed", SALE="sale"))
    assert [found.of(status, "A") for status in ("INCALL", "NA", "DNC", "SALE")] == [
        "live",
        "retry",
        "completed",
        "sale",
    ]


def test_an_unknown_status_passes_without_flags_or_asks_to_wait_and_is_reported_once() -> None:
    with structlog.testing.capture_logs() as logs:
        passing, holding = flags.Flags({}), flags.Flags({}, unknown="hold")
        for _ in range(3):
            assert passing.of("HOT", "A") == ""
            assert holding.of("HOT", "A") == "hold"
    assert [(one["event"], one["status"], one["campaign"]) for one in logs] == [("status_unknown", "HOT", "A")] * 2


@pytest.mark.parametrize(
    ("own", "site_says", "expected"),
    [
        ({}, {}, "no"),
        ({"HOT": "dnc"}, {}, "dnc"),
        ({"HOT": {"A": "dnc"}}, {}, "dnc"),
        ({"HOT": {"A": "dnc", "B": "sale"}}, {}, "maybe"),
        ({}, {"HOT": "dnc"}, "dnc"),
        ({}, {"A_HOT": "dnc"}, "dnc"),
        ({}, {"A_HOT": "dnc", "B_HOT": "sale"}, "maybe"),
        ({"HOT": "sale"}, {"HOT": "dnc"}, "maybe"),
    ],
)
def test_whether_a_leads_status_is_a_mark_is_asked_without_its_campaign(
    own: flags.Own, site_says: dict[str, str], expected: str
) -> None:
    assert flags.Flags(own, lambda: told(**site_says)).standing("HOT") == expected
    assert flags.Flags({}).standing("DNCL") == "dnc"
    assert flags.Flags({}).standing("NI") == "no"


def test_a_lead_has_the_flags_on_which_all_campaigns_agree_and_any_do_not_call_mark() -> None:
    site_says = told(A_HOT="sale completed", B_HOT="completed", A_COLD="dnc", B_COLD="scheduled_callback")
    found = flags.Flags({"OWN": {"A": "callback", "B": "sale callback"}}, lambda: site_says)
    assert [found.of_lead(status) for status in ("HOT", "COLD", "OWN", "NEVER", "SALE")] == [
        "completed",
        "dnc",
        "callback scheduled_callback",
        "",
        "completed human_answered sale",
    ]
    assert found.anywhere("COLD") == {"dnc", "callback", "scheduled_callback"}
    assert found.anywhere("NEVER") == frozenset()


def test_where_the_tables_cannot_be_read_a_mark_is_not_overwritten() -> None:
    def fails() -> flags.Told:
        raise errors.RetryLater("the database is away")

    found = flags.Flags({"OWN": "sale"}, fails)
    assert [found.standing(status) for status in ("HOT", "DNC", "NI", "OWN")] == ["maybe", "dnc", "no", "no"]
    with pytest.raises(errors.RetryLater):
        found.of("HOT", "A")


@pytest.mark.parametrize("wrong", [{"HOT": "sael"}, {"HOT": {"A": "sale,dnc"}}, {"HOT": "hold"}])
def test_a_word_that_is_no_flag_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError, match="no flag of that name"):
        Options.model_validate({"url": "http://localhost", "user": "6666", "password": "x", "status_flags": wrong})


def test_a_status_that_the_site_marks_is_do_not_call_everywhere(tables: Tables) -> None:
    tables.statuses({"SALE": "sale completed human_answered", "NI": "not_interested dnc"})
    tables.statuses({"HOT": "dnc"}, campaign="TESTCAMP")
    tables.statuses({"COLD": "dnc"}, campaign="TESTCAMP")
    tables.statuses({"COLD": ""}, campaign="OTHER")
    database = {**tables.options, "flags_seconds": 1.0}
    with vicidial.serve() as sim, site.connected(sim.url, database=database, status_flags={"NI": ""}) as dialer:
        ids = [
            str(dialer.write("leads", [site.create(f"727555011{place}", value=f"K{place}")])[0].id)
            for place in range(4)
        ]
        for lead_id, status in zip(ids, ("HOT", "COLD", "NI", "NEW"), strict=True):
            site.door(sim.url, "edit", lead_id=int(lead_id), fields={"status": status})
        removals = [
            records.Change("remove", site.key(f"K{place}"), one, reason="left") for place, one in enumerate(ids)
        ]
        assert all(outcome.error is None for outcome in dialer.write("leads", removals))
        stored = {str(lead["lead_id"]): lead["status"] for lead in site.leads(sim.url)}
        calls = [record for page in dialer.pull("calls", SINCE, UNTIL, ()) for record in page.records]
        problems = [problem for problem in dialer.check() if problem.where.startswith("status_flags")]
        with pytest.raises(errors.Screened) as screened:  # no agent is told to call such a lead
            dialer.agents.external_dial("1001", lead_id=ids[0])
        assert screened.value.reason == "dnc_status"
    # COLD may still be dialled in campaign OTHER; NI is not among the marks that the configuration can take back
    assert [stored[one] for one in ids] == ["HOT", "DNC", "DNC", "SYNCDX"]
    assert {record.fields["flags"] for record in calls if record.fields["status"] == "NI"} == {"dnc"}
    assert [(problem.where, problem.fatal) for problem in problems] == [("status_flags.NI", False)]


def test_the_status_tables_are_read_again_after_a_while_and_kept_while_they_cannot_be(tables: Tables) -> None:
    tables.statuses({"NI": "not_interested"})

    def ni() -> object:
        calls = [record for page in dialer.pull("calls", SINCE, UNTIL, ()) for record in page.records]
        return {record.fields["flags"] for record in calls if record.fields["status"] == "NI"}

    with vicidial.serve() as sim, site.connected(sim.url, database={**tables.options, "flags_seconds": 1.0}) as dialer:
        assert ni() == {"not_interested"}
        tables.run("UPDATE vicidial_statuses SET dnc = 'Y'")
        assert ni() == {"not_interested"}
        statuses = dialer._flags._read
        statuses._due = 0.0  # type: ignore[attr-defined]  # a second has passed
        assert ni() == {"dnc not_interested"}
        statuses._due = 0.0  # type: ignore[attr-defined]
        tables.run(f"KILL CONNECTION USER '{tables.user}'@'localhost'")
        with structlog.testing.capture_logs() as logs:
            assert ni() == {"dnc not_interested"}
        assert [entry["event"] for entry in logs] == ["statuses_unreadable"]


def test_check_names_the_statuses_of_the_last_hour_that_nobody_has_explained(tables: Tables) -> None:
    now = datetime.now(UTC)
    wall = f"{now - timedelta(hours=5):%Y-%m-%d %H:%M:%S}"
    rows = [
        {"uniqueid": f"x.{number}", "lead_id": 1, "campaign_id": "TESTCAMP", "status": status, "call_date": wall}
        for number, status in enumerate(("NI", "HOT", "COLD", "HOT"))
    ]
    tables.insert("vicidial_log", *rows)
    with vicidial.serve() as sim, vicidial_tables.connected(sim.url, tables, status_flags={"COLD": ""}) as dialer:
        [problem] = dialer.check()
    assert (problem.where, problem.fatal) == ("status_flags", False)
    assert problem.what.endswith("'HOT'")
