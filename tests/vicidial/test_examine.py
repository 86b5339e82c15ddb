"""`examine` tells of each permission and each name whether it is there, missing, or more than is needed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from syncd.sdk.protocol import Finding, Use
from syncd.simulators import vicidial
from tests.vicidial import site

LEADS = {"phone_number": (), "list_id": ("101",), "first_name": ()}
BOTH = Use({"calls": ()}, {"leads": LEADS}, ("1001",))
ONLY_CALLS = Use({"calls": ()})
# What a user needs for leads and calls on a stock server, and nothing besides.
FEWEST = {
    "user_level": 8,
    "modify_lists": 1,
    "modify_campaigns": 0,
    "api_list_restrict": 1,
    "api_only_user": 1,
    "api_allowed_functions": [
        "add_lead", "update_lead", "lead_search", "lead_all_info", "lead_field_info", "check_phone_number",
        "add_dnc_phone",
    ],
}  # fmt: skip


def examined(sim: vicidial.Simulator, use: Use = BOTH, **options: object) -> dict[str, Finding]:
    with site.connected(sim.url, **options) as dialer:
        found = dialer.examine(use)
    assert len({one.what for one in found}) == len(found), "each thing once"
    return {one.what: one for one in found}


def states(found: Mapping[str, Finding], *wanted: str) -> set[str]:
    return {what for what, one in found.items() if one.state in wanted}


def test_a_user_of_just_the_rights_that_are_needed_lacks_nothing_and_has_nothing_more() -> None:
    with vicidial.serve() as sim:
        site.door(sim.url, "user", user="6666", fields=FEWEST)
        found = examined(sim, Use({"calls": ()}, {"leads": LEADS}))
    assert states(found, "missing", "excess") == set()
    seen = ("User Level", "Agent API Access", "Modify Leads", "View Reports", "Export Reports", "Allowed Reports",
            "API Allowed Functions", "API List Restrict", "API Only User", "list 101", "clock", "login")  # fmt: skip
    assert {name: found[name].state for name in seen} == dict.fromkeys(seen, "found")
    cannot_be_seen = {"status SYNCDX", "status DNC"}
    assert states(found, "unknown") == cannot_be_seen, "campaigns_list is not allowed, and nothing needs it"


@pytest.mark.parametrize(
    ("fields", "setting", "functions"),
    [
        ({"user_level": 7}, "User Level", {"add_lead", "update_lead", "lead_search", "check_phone_number"}),
        ({"modify_leads": 0}, "Modify Leads", {"add_lead", "update_lead", "lead_search", "lead_all_info"}),
        ({"modify_leads": 5}, "Modify Leads", {"add_lead", "update_lead", "lead_field_info"}),
        ({"view_reports": 0}, "View Reports", {"lead_all_info", "call_report_export.php"}),
        ({"export_reports": 0}, "Export Reports", {"call_report_export.php"}),
        ({"modify_lists": 0}, "Modify Lists", {"add_dnc_phone"}),
        ({"vdc_agent_api_access": 0}, "Agent API Access", {"check_phone_number"}),
        ({"api_allowed_functions": ["add_lead"]}, "API Allowed Functions", {"update_lead", "lead_search"}),
    ],
)
def test_a_right_that_is_missing_is_named_as_the_admin_pages_call_it(
    fields: dict[str, Any], setting: str, functions: set[str]
) -> None:
    with vicidial.serve() as sim:
        site.door(sim.url, "user", user="6666", fields=fields)
        found = examined(sim)
    assert found[setting].state == "missing", found
    assert found[setting].fix.startswith(f"Users › 6666 › {setting}: ")
    assert states(found, "missing") >= functions
    for name in functions:
        assert setting in found[name].fix
    wrong_rights = states(found, "missing") & {"User Level", "Modify Leads", "View Reports", "Export Reports"}
    assert wrong_rights <= {setting}, "nothing else is blamed"


def test_a_report_that_the_group_may_not_see_is_named() -> None:
    with vicidial.serve() as sim:
        with sim.world.lock:
            sim.world.user_groups["ADMIN"].allowed_reports = "Agent Time Detail"
        found = examined(sim)
    assert found["Allowed Reports"].state == "missing"
    assert "Export Calls Report" in found["call_report_export.php"].fix


def test_what_the_server_does_not_tell_apart_is_not_guessed() -> None:
    with vicidial.serve() as sim:
        fields = {"vdc_agent_api_access": 0, "modify_leads": 0, "user_level": 7, "view_reports": 0}
        site.door(sim.url, "user", user="6666", fields=fields)
        found = examined(sim)
    assert found["Modify Leads"].state == "unknown"
    assert " or " in found["add_lead"].fix
    assert {"User Level", "Modify Leads", "Agent API Access"} <= {
        part.partition(": ")[0].rpartition(" › ")[2] for part in found["add_lead"].fix.split(" or ")
    }


@pytest.mark.parametrize(
    ("fields", "setting", "said"),
    [
        ({"user_level": 9}, "User Level", "9"),
        ({"delete_from_dnc": 1}, "Delete From DNC Lists", "1"),
        ({"modify_campaigns": 1}, "Modify Campaigns", "1"),
        ({"modify_users": 1}, "Modify Users", "1"),
        ({"api_only_user": 0}, "API Only User", "0"),
        ({"api_list_restrict": 0}, "API List Restrict", "0"),
        ({}, "API Allowed Functions", "all"),
    ],
)
def test_more_than_is_needed_is_told_and_is_not_missing(fields: dict[str, Any], setting: str, said: str) -> None:
    with vicidial.serve() as sim:
        user = FEWEST | {"api_allowed_functions": ["ALL_FUNCTIONS"]} | fields
        site.door(sim.url, "user", user="6666", fields=user)
        found = examined(sim)
    assert states(found, "missing") == set()
    assert found[setting].state == "excess", found[setting]
    assert found[setting].said.startswith(said)
    assert found[setting].fix.startswith(f"Users › 6666 › {setting}: ")
    others = states(found, "excess") - {setting, "API Allowed Functions"}
    assert others == set()


def test_only_what_the_pipelines_make_use_of_counts_as_missing() -> None:
    with vicidial.serve() as sim:
        none = {"modify_leads": 0, "vdc_agent_api_access": 0, "user_level": 7}
        site.door(sim.url, "user", user="6666", fields=none)
        found = examined(sim, ONLY_CALLS, lists=("101",))
        assert states(found, "missing") == set()
        assert found["add_lead"].state == "not_needed"
        assert found["Modify Leads"].state == "not_needed"
        assert "list 101" not in found
        site.door(sim.url, "user", user="6666", fields={"modify_leads": 1, "vdc_agent_api_access": 1, "user_level": 8})
        site.door(sim.url, "user", user="6666", fields={"export_reports": 0})
        found = examined(sim, Use({}, {"leads": LEADS}))
    assert states(found, "missing") == set()
    assert found["call_report_export.php"].state == "not_needed"


@pytest.mark.parametrize(
    ("options", "what", "state", "where"),
    [
        ({"lists": ("101", "777")}, "list 777", "missing", "lists"),
        ({"lists": ("101", "102")}, "list 102", "found", ""),
        ({"campaign_id": "NOPE"}, "campaign NOPE", "missing", "campaign_id"),
        ({"opt_out_lists": ("system", "NIX")}, "campaign NIX", "missing", "opt_out_lists"),
        ({"opt_out_lists": ("system", "OTHER")}, "campaign OTHER", "found", ""),
        ({"opt_out_lists": ()}, "add_dnc_phone", "not_needed", ""),
        ({"campaigns": ("TESTCAMP", "NIX")}, "campaign NIX", "missing", "campaigns"),
        ({"campaigns": ("TESTCAMP", "NIX")}, "campaign TESTCAMP", "found", ""),
        ({"in_groups": ("SALESLINE", "HELP")}, "in-group HELP", "missing", "in_groups"),
        ({"in_groups": ("SALESLINE", "HELP")}, "in-group SALESLINE", "found", ""),
        ({"local_call_time": "never"}, "call time never", "missing", "local_call_time"),
        ({"local_call_time": "never", "dnc_check": "N"}, "call time never", "not_needed", ""),
        ({"removed_status": "NEW"}, "status NEW", "missing", "removed_status"),
        ({"time_zone": "Europe/Berlin"}, "time zone", "missing", "time_zone"),
        ({"time_zone": None}, "time zone", "missing", "time_zone"),
        ({"password": "pass word"}, "password", "missing", "password"),
        ({"user": "bad&user"}, "user", "missing", "user"),
        ({"password": "wrong"}, "login", "missing", "user"),
        ({"api_path": "/elsewhere.php"}, "server", "missing", "url"),
    ],
)
def test_what_the_options_name_is_looked_up(options: dict[str, Any], what: str, state: str, where: str) -> None:
    with vicidial.serve() as sim:
        found = examined(sim, **options)
    assert (found[what].state, found[what].where) == (state, where), found
    assert (state == "missing") <= bool(found[what].fix)


def test_the_agents_of_the_configuration_are_looked_up() -> None:
    with vicidial.serve() as sim:
        site.door(sim.url, "user", user="1002", fields={"active": "N"})
        found = examined(sim, Use({"calls": ()}, {}, ("1001", "1002", "nobody")))
        assert {name: found[f"user {name}"].state for name in ("1001", "1002", "nobody")} == {
            "1001": "found", "1002": "missing", "nobody": "missing",
        }  # fmt: skip
        with sim.world.lock:
            sim.world.user_groups["ADMIN"].admin_viewable_groups = ["ADMIN"]
        assert "there is no such user" in examined(sim)["user 1001"].said, "or none that may be seen"


def custom(*lists: str, **more: tuple[str, ...]) -> Use:
    return Use({}, {"leads": {**LEADS, "list_id": lists, "crm_stage": (), **more}})


def test_custom_fields_are_looked_up_in_the_lists_that_leads_are_put_into() -> None:
    with vicidial.serve() as sim:
        found = examined(sim, custom("101"))
        assert found["custom field crm_stage"] == Finding("custom field crm_stage", "found")
        assert found["list_custom_fields"].state == "found"
        found = examined(sim, custom("101", "102", "777", nonsense=(), source=()))
        assert found["custom field crm_stage"].state == "found"
        assert "102" in found["custom field crm_stage"].said
        assert found["custom field nonsense"].said == "no list has it"
        assert "cannot be written" in found["custom field source"].said
        assert examined(sim, custom("102"))["custom field crm_stage"].state == "missing"
        found = examined(sim, Use({}, {"leads": {**LEADS, "email": ()}}), plus_emails="custom:mail")
        assert found["custom field mail"].state == "missing"
        assert found["list_custom_fields"].said.endswith("for plus_emails")
        site.door(sim.url, "user", user="6666", fields={"modify_lists": 0})
        found = examined(sim, custom("101"))
    assert found["custom field crm_stage"].state == "unknown"
    assert found["Modify Lists"].state == "missing"
    assert found["list_custom_fields"].state == "missing"


def test_callbacks_need_a_campaign_and_a_zone() -> None:
    booked = Use({}, {"leads": {**LEADS, "callback_at": ()}})
    with vicidial.serve() as sim:
        found = examined(sim, booked, campaign_id=None, time_zone=None)
        assert {found[name].state for name in ("callbacks: campaign_id", "callbacks: time_zone")} == {"missing"}
        assert found["callbacks: campaign_id"].where == "campaign_id"
        found = examined(sim, Use({}, {"leads": {**LEADS, "callback_user": ()}}))
        assert found["callbacks: callback_user"].fix == "map callback_at, too"
        assert not [name for name in examined(sim, booked, campaign_id="TESTCAMP") if name.startswith("callbacks: ")]


def test_a_clock_that_is_wrong_and_a_zone_that_is_an_hour_off_are_told() -> None:
    with vicidial.serve() as sim:
        site.door(sim.url, "clock", offset_seconds=-3600)
        found = examined(sim)
        assert found["clock"].state == "missing"
        assert re.search(r"360\d s behind this machine's", found["clock"].said)
        site.door(sim.url, "clock", offset_seconds=0)
        with sim.world.lock:
            sim.world.clock.local_gmt = "-6.00"  # the setting Local GMT; the web server's clock is right
        zone = examined(sim)["time zone"]
    assert zone.state == "missing"
    assert "Local GMT" in zone.fix


def test_the_sites_own_functions_are_examined_where_it_has_them() -> None:
    with vicidial.serve(profile="guide") as sim:
        found = examined(sim)
        assert found["get_call_log"].state == "found"
        assert found["dnc_check"].state == "found"
        assert found["campaigns_list"].state == "found", "it tells campaigns from in-groups"
        assert found["call_report_export.php"].state == "not_needed"
        assert found["get_recording"] == Finding("get_recording", "not_needed", "may be called")
        named = examined(sim, functions={"get_recording": False, "dnc_check": "look"})
        assert "says not to use it" in named["get_recording"].said
        assert named["dnc_check (look)"].said == "the server does not have it"
        site.door(sim.url, "user", user="6666", fields={"view_reports": 0})
        found = examined(sim)
        assert found["get_call_log"].state == "not_needed", "the stock export is used instead"
        assert found["call_report_export.php"].state == "missing"
    with vicidial.serve() as sim:
        found = examined(sim, call_source="get_call_log")
        assert found["get_call_log"].state == "missing"
        assert found["get_call_log"].where == "call_source"


def test_recordings_need_the_sites_function_or_the_stock_one() -> None:
    use = Use({"calls": ()}, recordings=True)
    with vicidial.serve(profile="guide") as sim:
        found = examined(sim, use)
        assert (found["get_recording"].state, found["recording_lookup"].state) == ("found", "not_needed")
        found = examined(sim, use, functions={"get_recording": False})
        assert (found["get_recording"].state, found["recording_lookup"].state) == ("not_needed", "found")
    with vicidial.serve() as sim:
        allowed = ["call_report_export", "version"]
        site.door(sim.url, "user", user="6666", fields={"api_allowed_functions": allowed})
        found = examined(sim, use)
        assert found["recording_lookup"].state == "missing"
        assert found["recording_lookup"].said.endswith("; for recordings")
        assert examined(sim, Use({"calls": ()}))["recording_lookup"].state == "not_needed"


STATISTICS = ("campaigns_list", "logged_in_agents", "in_group_status", "call_status_stats")


def test_statistics_need_level_9_and_the_groups_that_are_named() -> None:
    use = Use(statistics=True)
    with vicidial.serve() as sim:
        found = examined(sim, use, campaigns=("TESTCAMP", "NIX"))
        assert {found[name].state for name in STATISTICS} == {"found"}
        assert found["User Level"] == Finding("User Level", "found", "9")
        assert found["campaign NIX"].state == "missing"
        site.door(sim.url, "user", user="6666", fields={"user_level": 8})
        found = examined(sim, use)
        assert states(found, "missing") == {"call_status_stats", "User Level"}
        assert found["User Level"].fix == "Users › 6666 › User Level: 9"
    with vicidial.serve(profile="guide") as sim:
        found = examined(sim, use, in_groups=())
        needed = ("campaign_call_stats", "campaigns_list", "logged_in_agents")
        assert {found[name].state for name in needed} == {"found"}
        assert found["call_status_stats"].state == "not_needed", "there are no in-groups whose calls it would count"


def test_a_password_that_only_the_export_cannot_use_is_told() -> None:
    with vicidial.serve(profile="guide") as sim:
        site.door(sim.url, "user", user="6666", fields={"pass": "p@ss"})
        found = examined(sim, password="p@ss", login_form="md5")
    assert found["password"].state == "unknown"
    assert "the call export refuses it" in found["password"].said


def test_the_admin_pages_need_not_answer() -> None:
    with vicidial.serve() as sim:
        found = examined(sim, export_path="/elsewhere/call_report_export.php", call_source="get_call_log")
    assert found["API Only User"].state == "unknown"
    assert found["call_report_export.php"].said.endswith("check the options url, api_path and export_path")
    assert found["add_lead"].state == "found", "the rest is looked at"


@pytest.mark.parametrize("profile", ["stock", "guide"])
def test_nothing_is_changed_and_one_login_is_at_risk(profile: str) -> None:
    with vicidial.serve(profile=profile) as sim:
        before = site.door(sim.url, "world")
        examined(sim, campaign_id="TESTCAMP", lists=("101", "777"))
        assert {**site.door(sim.url, "world"), "now": ""} == {**before, "now": ""}
        examined(sim, password="wrong", lists=("101", "777"))
        assert site.door(sim.url, "user", user="6666")["refused_logins"] == 1
        assert site.door(sim.url, "requests")["passwords_in_get"] == 0


@pytest.mark.parametrize("fault", ["all.html", "all.timeout_before", "all.error_503", "all.empty", "all.truncated"])
def test_a_server_in_trouble_is_a_finding(fault: str) -> None:
    with vicidial.serve() as sim:
        site.door(sim.url, "faults", spec=fault)
        found = examined(sim, read_seconds=0.2)
    assert states(found, "missing")


@pytest.mark.parametrize(
    ("use", "needed"),
    [
        (Use({"calls": ()}), {"call_report_export.php"}),
        (Use({"callbacks": ()}), {"call_report_export.php", "lead_callback_info", "lead_all_info"}),
        (Use({}, {"leads": {"callback_at": ()}}), {"lead_callback_info", "add_lead", "add_dnc_phone"}),
        (Use({}, {}), set()),
    ],
)
def test_what_is_needed_follows_from_what_is_read_and_written(use: Use, needed: set[str]) -> None:
    with vicidial.serve() as sim:
        found = examined(sim, use)
    assert needed <= states(found, "found")
    assert ("lead_callback_info" in states(found, "found")) == ("lead_callback_info" in needed)
    assert ("call_report_export.php" in states(found, "found")) == ("call_report_export.php" in needed)
    assert not [what for what in states(found, "missing", "unknown") if "custom field" in what]


def test_calls_that_are_read_from_the_database_need_no_function() -> None:
    database = {"user": "reader", "password": "secret"}
    with vicidial.serve() as sim:
        site.door(sim.url, "user", user="6666", fields={"export_reports": 0})
        found = examined(sim, ONLY_CALLS, call_source="sql", database=database)
    assert found["call_report_export.php"].state == "not_needed"
    assert states(found, "missing") == set()
