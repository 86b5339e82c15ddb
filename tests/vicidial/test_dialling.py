"""What keeps a lead from being dialled, as the connector sees it: a simulated VICIdial, and its tables in a MariaDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from syncd.sdk import errors
from syncd.sdk.protocol import Circumstance, ExplainsDialling
from syncd.simulators import vicidial
from syncd.simulators.vicidial import rows
from syncd.simulators.vicidial.world import World
from syncd_vicidial import VicidialConnector
from tests.vicidial import site
from tests.vicidial import tables as vicidial_tables

FREE = "7275550900"
Change = Callable[[World, int], object]


@pytest.fixture
def sim() -> Iterator[vicidial.Simulator]:
    with vicidial.serve() as found:
        yield found


@pytest.fixture
def dialer(sim: vicidial.Simulator) -> Iterator[VicidialConnector]:
    with site.connected(sim.url, local_call_time="9am-9pm") as found:
        yield found


def made(dialer: VicidialConnector, phone: str = FREE) -> str:
    (outcome,) = dialer.write("leads", [site.create(phone)])
    assert outcome.id is not None
    return outcome.id


def by_code(found: list[Circumstance]) -> dict[str, Circumstance]:
    """The circumstances by code; of two do-not-call lists the one that matters."""
    order = ("fine", "unknown", "delays", "prevents")
    return {one.code: one for one in sorted(found, key=lambda one: order.index(one.state))}


def looked(dialer: VicidialConnector, lead_id: str) -> dict[str, Circumstance]:
    return by_code(list(dialer.circumstances(lead_id)))


def noon(world: World) -> None:
    """Make it 15:00 UTC, which is ten in the morning at the server and one in the afternoon where leads are (UTC-0)."""
    world.clock.freeze(frozen=True)
    world.clock.offset_seconds += 15 * 3600 - world.clock.epoch() % 86400


def at_night(world: World, _: int) -> None:
    world.clock.offset_seconds -= 12 * 3600


def dialable(world: World, lead: int) -> None:
    """Make everything such that it is dialled next."""
    noon(world)
    world.add_to_hopper(world.leads[lead], campaign_id="TESTCAMP", list_id="101", priority=0, gmt_offset="0.00")


def archived(world: World, lead: int) -> None:
    world.archive_lead(world.leads[lead])


def day(world: World, days: int) -> str:
    return world.clock.text(world.clock.epoch() + 86400 * days)[:10]


def booked(world: World, lead: int) -> None:
    world.change_lead(world.leads[lead], {"status": "CBHOLD"})
    world.callbacks[lead] = [rows.Callback(lead, "101", "TESTCAMP", "", "2026-12-01 10:30:00", "ANYONE")]


def test_it_is_one_of_those_that_explain_dialling(dialer: VicidialConnector) -> None:
    assert isinstance(dialer, ExplainsDialling)


def test_a_lead_that_is_dialled_next_has_nothing_against_it(sim: vicidial.Simulator, dialer: VicidialConnector) -> None:
    lead = made(dialer)
    with sim.world.lock:
        dialable(sim.world, int(lead))
    site.door(sim.url, "agent", user="1001", campaign_id="TESTCAMP", status="READY")
    found = looked(dialer, lead)
    assert {code: one.state for code, one in found.items() if one.state != "fine"} == {"settings": "unknown"}
    assert found["hopper"].said == "it is in the hopper of campaign TESTCAMP, number 1 of 1"
    assert found["settings"].fix == "needs the option `database`"


REASONS: dict[str, tuple[Change, str, str]] = {
    "list_inactive": (
        lambda world, _: setattr(world.lists["101"], "active", "N"),
        "prevents",
        "list 101 is not active",
    ),
    "list_expired": (
        lambda world, _: setattr(world.lists["101"], "expiration_date", day(world, -1)),
        "prevents",
        "list 101 expired on",
    ),
    "campaign_inactive": (
        lambda world, _: setattr(world.campaigns["TESTCAMP"], "active", "N"),
        "prevents",
        "campaign TESTCAMP is not active",
    ),
    "status": (
        lambda world, lead: world.change_lead(world.leads[lead], {"status": "SYNCDX"}),
        "prevents",
        "its status SYNCDX is not dialled by campaign TESTCAMP, which dials NEW",
    ),
    "called": (
        lambda world, lead: world.change_lead(world.leads[lead], {"called_since_last_reset": "Y"}),
        "prevents",
        "called since its list was last reset",
    ),
    "dnc": (lambda world, _: world.dnc["SYSTEM_INTERNAL"].add(FREE), "prevents", "do-not-call list system"),
    "hours": (at_night, "delays", "outside of calling hours (Call Time 9am-9pm"),
    "callback": (booked, "delays", "a callback is booked for 2026-12-01 10:30:00"),
    "hopper": (lambda world, lead: world.remove_from_hopper(lead), "delays", "not in the hopper of campaign TESTCAMP"),
    "agents": (lambda world, _: world.floor.agents.clear(), "delays", "no agent of campaign TESTCAMP is logged in"),
    "dial_method": (
        lambda world, _: setattr(world.campaigns["TESTCAMP"], "dial_method", "MANUAL"),
        "delays",
        "dials by hand (MANUAL)",
    ),
    "archived": (
        archived,
        "prevents",
        "moved to the archive",
    ),
    "gone": (lambda world, lead: world.delete_lead(world.leads[lead]), "prevents", "no such lead any more"),
    "list": (lambda world, _: setattr(world.lists["101"], "campaign_id", "NONE"), "fine", "list 101 is active"),
}


@pytest.mark.parametrize("code", REASONS)
def test_each_reason_is_seen(sim: vicidial.Simulator, dialer: VicidialConnector, code: str) -> None:
    change, state, said = REASONS[code]
    lead = made(dialer)
    with sim.world.lock:
        dialable(sim.world, int(lead))
    site.door(sim.url, "agent", user="1001", campaign_id="TESTCAMP", status="READY")
    with sim.world.lock:
        change(sim.world, int(lead))
    found = looked(dialer, lead)
    assert found[code].state == state, found
    assert said in found[code].said
    assert found[code].fix or state != "prevents", "what to do about it"
    if code == "list":
        assert (found["campaign"].state, "campaign NONE is not visible" in found["campaign"].said) == ("unknown", True)


@pytest.mark.parametrize("has_archive", [False, True])
def test_a_lead_that_is_gone_is_told_although_stock_has_no_archive_to_look_in(
    sim: vicidial.Simulator, dialer: VicidialConnector, has_archive: bool
) -> None:
    lead = made(dialer)
    with sim.world.lock:
        sim.world.has_lead_archive = has_archive
        sim.world.delete_lead(sim.world.leads[int(lead)])
    assert {code: one.state for code, one in looked(dialer, lead).items()} == {"gone": "prevents"}


def test_a_list_is_dialled_on_its_last_day(sim: vicidial.Simulator, dialer: VicidialConnector) -> None:
    sim.world.lists["101"].expiration_date = day(sim.world, 0)
    assert looked(dialer, made(dialer))["list"].said == "list 101 is active"


def test_hours_go_by_the_area_code_and_a_lead_that_says_otherwise_is_told(
    sim: vicidial.Simulator, dialer: VicidialConnector
) -> None:
    lead = made(dialer)
    sim.world.phone_codes["727"] = "-5.00"
    noon(sim.world)
    found = looked(dialer, lead)["hours"]
    assert found.state == "fine"
    assert "(UTC-5 h); the lead itself says UTC+0 h, which is what the hopper goes by" in found.said


def test_what_the_user_may_not_see_is_said_to_be_invisible_and_what_it_needs(sim: vicidial.Simulator) -> None:
    with site.connected(sim.url) as dialer:
        lead = made(dialer)
        sim.world.users["6666"].modify_lists = 0
        found = looked(dialer, lead)
    assert found["list"].state == "unknown"
    assert "modify_lists" in found["list"].fix
    assert "status" not in found, "without the list nobody knows the campaign"
    with site.connected(sim.url) as dialer:
        sim.world.users["6666"].modify_lists = 1
        assert looked(dialer, lead)["hours"].state == "unknown", "24hours is nobody's calling hours"
        sim.world.users["6666"].view_reports = 0
        assert looked(dialer, lead)["lead"].state == "unknown"
    with site.connected(sim.url, password="wrong") as dialer, pytest.raises(errors.LoginRefused):
        dialer.circumstances(lead)


def test_leads_of_a_phone_calls_of_a_lead_and_names_of_calls(
    sim: vicidial.Simulator, dialer: VicidialConnector
) -> None:
    first, second = made(dialer), made(dialer)
    assert dialer.leads_with(FREE, "1") == [first, second]
    assert dialer.leads_with(FREE, "44") == []
    assert dialer.leads_with("7275550999", "1") == []
    assert dialer.calls_of(first, 5) == []
    told = [
        site.door(sim.url, "call", lead_id=int(lead), user="1001", status="NI", call_date=f"2026-11-{day} 10:00:00")
        for lead, day in ((first, 19), (second, 19), (first, 20), (first, 21))
    ]
    found = dialer.calls_of(first, 2)
    assert [one.fields["uniqueid"] for one in found] == [told[2]["uniqueid"], told[3]["uniqueid"]]
    assert all(one.fields["lead_id"] == first for one in found)
    assert found[0].id.startswith(tuple(dialer.call_beginnings(told[2]["uniqueid"])))
    assert dialer.call_beginnings("7275550900") == ()


DIAL_TABLES = (
    (
        "CREATE OR REPLACE TABLE vicidial_campaigns (campaign_id VARCHAR(8) PRIMARY KEY, local_call_time VARCHAR(10), "
        "lead_filter_id VARCHAR(20), use_internal_dnc VARCHAR(8), use_campaign_dnc VARCHAR(8), "
        "call_count_limit SMALLINT UNSIGNED, no_hopper_dialing ENUM('N','Y')) ENGINE=MyISAM"
    ),
    (
        "CREATE OR REPLACE TABLE vicidial_lists (list_id BIGINT UNSIGNED PRIMARY KEY, local_call_time VARCHAR(10)) "
        "ENGINE=MyISAM"
    ),
    (
        "CREATE OR REPLACE TABLE vicidial_hopper (lead_id INT UNSIGNED, campaign_id VARCHAR(8), status VARCHAR(8)) "
        "ENGINE=MyISAM"
    ),
    (
        "CREATE OR REPLACE TABLE vicidial_lead_recycle (campaign_id VARCHAR(8), status VARCHAR(6), "
        "attempt_delay SMALLINT UNSIGNED, attempt_maximum TINYINT UNSIGNED, active ENUM('Y','N')) ENGINE=MyISAM"
    ),
    "INSERT INTO vicidial_campaigns VALUES ('TESTCAMP', '9am-9pm', 'NONE', 'N', 'Y', 0, 'N')",
    "INSERT INTO vicidial_lists VALUES (101, 'campaign')",
)


def test_the_database_shows_what_the_api_does_not(sim: vicidial.Simulator, tables: vicidial_tables.Tables) -> None:
    with vicidial_tables.connected(sim.url, tables) as dialer:
        lead = made(dialer)
        with sim.world.lock:
            dialable(sim.world, int(lead))
            sim.world.dnc["SYSTEM_INTERNAL"].add(FREE)
        unseen = looked(dialer, lead)["settings"]
        assert unseen.state == "unknown"
    tables.run(*DIAL_TABLES)
    with vicidial_tables.connected(sim.url, tables) as dialer:
        refused = looked(dialer, lead)["settings"]
        assert "GRANT SELECT ON" in refused.fix
        assert ".vicidial_lead_recycle" in refused.fix
        tables.grant("vicidial_campaigns", "vicidial_lists", "vicidial_hopper", "vicidial_lead_recycle")
    with vicidial_tables.connected(sim.url, tables) as dialer:
        found = looked(dialer, lead)
        assert "settings" not in found
        assert found["dnc"].state == "fine"
        said = [one.said for one in dialer.circumstances(lead) if one.code == "dnc"]
        assert "which campaign TESTCAMP does not look at (Use Internal DNC List: N)" in said[0]
        assert (found["hours"].state, "Call Time 9am-9pm" in found["hours"].said) == ("fine", True)
        sim.world.change_lead(sim.world.leads[int(lead)], {"called_since_last_reset": "Y", "called_count": "3"})
        tables.run(
            "UPDATE vicidial_campaigns SET lead_filter_id = 'OLD', call_count_limit = 3",
            "UPDATE vicidial_lists SET local_call_time = '5pm-9pm'",
            "INSERT INTO vicidial_lead_recycle VALUES ('TESTCAMP', 'NEW', 1800, 2, 'Y')",
            f"INSERT INTO vicidial_hopper VALUES ({lead}, 'TESTCAMP', 'RHOLD')",  # noqa: S608 – our own number
        )
        found = looked(dialer, lead)
        assert (found["called"].state, "30 min after its last call" in found["called"].said) == ("delays", True)
        assert (found["call_limit"].state, found["lead_filter"].state) == ("prevents", "unknown")
        assert (found["hours"].state, "Call Time 5pm-9pm" in found["hours"].said) == ("delays", True)
        assert (found["hopper"].state, "RHOLD" in found["hopper"].said) == ("delays", True)
        sim.world.change_lead(sim.world.leads[int(lead)], {"called_since_last_reset": "Y2"})
        sim.world.remove_from_hopper(int(lead))
        tables.run("UPDATE vicidial_hopper SET status = 'READY'")
        found = looked(dialer, lead)
        assert found["called"].state == "prevents"
        assert (found["hopper"].state, "behind the first 0 leads" in found["hopper"].said) == ("fine", True)
