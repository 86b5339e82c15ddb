"""Rules of stock VICIdial that the simulator keeps beyond the recorded cases."""

from datetime import datetime

import pytest

from syncd.simulators import vicidial
from tests.simulators.asking import AGENT, API, EXPORT, Door, state


def test_ten_wrong_passwords_lock_the_account_for_fifteen_minutes(stock: Door) -> None:
    for _ in range(10):
        assert "Login incorrect" in stock.ask("add_lead", **{"pass": "wrong"})
    locked = "ERROR: Too many login attempts, try again in 15 minutes: |6666|LOCK|\n"
    assert stock.ask("list_info", list_id="101") == locked
    assert stock.post(EXPORT, {"run_export": "1"}, basic="6666:1234") == (200, locked.removeprefix("ERROR: "))
    stock.sim("clock", offset_seconds=15 * 60 + 1)
    assert stock.ask("list_info", list_id="101").startswith("101|Leads|")


def test_a_good_login_starts_the_count_of_wrong_ones_again(stock: Door) -> None:
    for _ in range(3):
        for _ in range(9):
            stock.ask("add_lead", **{"pass": "wrong"})
        assert stock.ask("list_info", list_id="101").startswith("101|")


def test_parameters_may_come_in_the_address_and_count_more_than_the_body(stock: Door) -> None:
    status, body = stock.request(
        "POST", f"{API}?function=list_info&list_id=102", "user=6666&pass=1234&source=syncd&function=version"
    )
    assert (status, body) == (200, "102|Other leads|OTHER|Y|||2099-12-31|0|\n")


def test_a_vendor_code_is_found_whatever_its_case_as_mariadb_compares(stock: Door) -> None:
    lead_id = stock.add_lead("7275551000", vendor_lead_code="00Qabc")
    answer = stock.ask("update_lead", search_method="VENDOR_LEAD_CODE", vendor_lead_code="00QABC", no_update="Y")
    assert f"LEADS FOUND IN THE SYSTEM: |6666|{lead_id}|00QABC|" in answer
    assert stock.ask("lead_search", search_method="VENDOR_LEAD_CODE", vendor_lead_code="00Qabc") == (
        f"00Qabc|1|{lead_id}\n"
    )


def test_a_last_backslash_ends_the_statement_and_the_lead_is_not_added(stock: Door) -> None:
    answer = stock.ask("add_lead", phone_number="7275551001", comments="C:\\")
    assert answer.startswith("ERROR: add_lead LEAD HAS NOT BEEN ADDED - 7275551001|999|INSERT INTO vicidial_list")
    assert stock.leads() == {}


@pytest.mark.parametrize(
    ("given", "stored"),
    [("1970-01-31", "1970-01-31"), ("31.01.1970", "0000-00-00"), ("19700131", "1970-01-31"), ("70-1-3", "1970-01-03")],
)
def test_a_date_that_mariadb_cannot_read_becomes_zero(stock: Door, given: str, stored: str) -> None:
    stock.add_lead("7275551002", date_of_birth=given)
    assert stock.leads()["7275551002"]["date_of_birth"] == stored


def test_an_update_stores_line_breaks_as_text_and_blanks_on_request(stock: Door) -> None:
    lead_id = stock.add_lead("7275551003", comments="one\ntwo", city="Tampa")
    stock.ask("update_lead", lead_id=str(lead_id), comments="three\nfour", city="--BLANK--")
    lead = stock.leads()["7275551003"]
    assert (lead["comments"], lead["city"]) == ("three!Nfour", "")


def test_an_update_that_changes_the_phone_is_found_by_the_new_one_only(stock: Door) -> None:
    lead_id = str(stock.add_lead("7275551004"))
    stock.ask("update_lead", lead_id=lead_id, phone_number="7275551005", update_phone_number="Y")
    assert stock.ask("lead_search", phone_number="7275551004,7275551005") == (
        f"7275551004|0|\n7275551005|1|{lead_id}\n"
    )


def test_a_custom_field_that_is_the_first_parameter_is_not_seen(stock: Door) -> None:
    lead_id = str(stock.add_lead("7275551006"))
    login = {"source": "syncd", "user": "6666", "pass": "1234", "function": "update_lead", "custom_fields": "Y"}
    _, body = stock.post(API, {"crm_stage": "Won", **login, "lead_id": lead_id})
    assert body == ""
    _, body = stock.post(API, {**login, "lead_id": lead_id, "crm_stage": "Won"})
    assert body == f"NOTICE: update_lead CUSTOM FIELDS VALUES UPDATED - |{lead_id}|101|0|101|1\n"
    custom = stock.ask("lead_all_info", lead_id=lead_id, custom_fields="Y", header="YES")
    assert custom.splitlines()[0].endswith("|lead_id|favorite_color|crm_stage")
    assert custom.splitlines()[1].endswith(f"|{lead_id}||Won")


def test_duplicates_of_a_campaign_in_a_list_that_does_not_exist_stop_php(stock: Door) -> None:
    assert stock.full("add_lead", phone_number="7275551007", list_id="777", duplicate_check="DUPCAMP") == (500, "")


def test_in_summer_the_version_prints_another_offset(stock: Door) -> None:
    stock.sim("clock", zone="America/New_York", freeze=False)
    now = datetime.fromisoformat(stock.sim("clock")["now"])
    july = (datetime(now.year + 1, 7, 1) - now).total_seconds()  # noqa: DTZ001  # wall clock of the server
    stock.sim("clock", offset_seconds=july)
    assert "|DST: 1|TZ: -5.00|TZNOW: -4|" in stock.ask("version")


def test_an_account_of_few_lists_may_not_touch_others(stock: Door) -> None:
    restricted = {"user": "7002", "pass": "restricted"}
    other = str(stock.add_lead("7275551008", list_id="102"))
    for answer in (
        stock.ask("update_lead", lead_id=other, first_name="X", **restricted),
        stock.ask("list_info", list_id="102", **restricted),
    ):
        assert "NOT AN ALLOWED LIST ID" in answer
    assert "NO MATCHES FOUND" in stock.ask("batch_update_lead", lead_ids=other, status="NI", **restricted)
    assert "LIST NOT FOUND" in stock.ask("lead_all_info", lead_id=other, **restricted)


def test_a_lead_is_not_put_into_the_hopper_at_night(stock: Door) -> None:
    noon = datetime.fromisoformat(stock.sim("clock")["now"]).replace(hour=12)
    for hour, expected in ((12, "ADDED TO HOPPER -"), (3, "NOT ADDED TO HOPPER, OUTSIDE OF LOCAL TIME")):
        now = datetime.fromisoformat(stock.sim("clock", offset_seconds=0)["now"])
        # The lead's offset is 0.00, five hours ahead of the server.
        stock.sim("clock", offset_seconds=(noon.replace(hour=(hour - 5) % 24) - now).total_seconds())
        answer = stock.ask(
            "add_lead",
            phone_number=f"72755510{hour:02}",
            list_id="101",
            add_to_hopper="Y",
            hopper_local_call_time_check="Y",
        )
        assert f"NOTICE: add_lead {expected}" in answer


def test_a_phone_code_table_prints_the_offset() -> None:
    with vicidial.serve({**state(), "phone_codes": {"727": "-5.00"}}) as sim:
        door = Door(sim.url)
        answer = door.ask("add_lead", phone_number="7275551009", list_id="101", usacan_areacode_check="Y")
        assert answer.endswith("|-5.00|6666\n")
        assert door.leads()["7275551009"]["gmt_offset_now"] == "-5.00"


@pytest.mark.parametrize(("phone", "offset"), [("6715551007", "10"), ("5555551007", "-5"), ("7275551007", "-5")])
def test_an_unknown_area_code_has_the_offset_of_the_first_one_and_no_offset_has_a_plus(phone: str, offset: str) -> None:
    with vicidial.serve({**state(), "phone_codes": {"727": "-5", "671": "+10"}}) as sim:
        door = Door(sim.url)
        answer = door.ask("check_phone_number", phone_number=phone, local_call_time="24hours")
        assert answer.startswith(f"AREACODE: 1|{offset}#PHONE: {phone}|")
        assert door.ask("add_lead", phone_number=phone, list_id="101").endswith(f"|{offset}|6666\n")
        assert door.leads()[phone]["gmt_offset_now"] == f"{offset}.00"


def test_without_a_table_of_archived_leads_php_stops_and_says_nothing() -> None:
    with vicidial.serve(state()) as sim:
        door = Door(sim.url)
        lead = door.add_lead("7275551000")
        asked = {"user": "6666", "pass": "1234", "source": "syncd", "function": "lead_all_info", "lead_id": str(lead)}
        assert door.post(API, {**asked, "archived_lead": "Y"}) == (500, "")
        door.sim("delete", lead_id=lead, archive=True)
        assert door.post(API, {**asked, "archived_lead": "Y"})[1].startswith("NEW|6666|")
        assert door.post(API, {**asked, "archived_lead": "Y", "lead_id": "1"})[1].startswith("ERROR: ")


def test_an_agent_api_function_of_an_agent_at_work_succeeds(guide: Door) -> None:
    login = {"source": "syncd", "user": "6666", "pass": "1234", "agent_user": "1001"}
    guide.sim("agent", user="1001", campaign_id="TESTCAMP")
    assert guide.post(AGENT, {**login, "function": "external_status", "value": "SALE"}) == (
        200,
        "SUCCESS: external_status function set - SALE|1001\n",
    )
    assert "1001|TESTCAMP|" in guide.ask("logged_in_agents")


def test_a_state_with_an_unknown_column_is_refused() -> None:
    wrong = {"users": [{"user": "1", "colour": "red"}]}
    with pytest.raises(ValueError, match="a User has no colour"):
        vicidial.serve(wrong)


def test_who_a_user_is_can_be_asked_by_whoever_may_see_reports(stock: Door) -> None:
    header = "user|full_name|user_group|user_level|active"
    assert stock.ask("user_details", agent_user="1001", header="YES") == f"{header}\n1001|Agent One|SALES|1|Y\n"
    assert stock.ask("user_details", agent_user="nobody") == "ERROR: user_details USER NOT FOUND: 6666|nobody\n"
    assert stock.ask("user_details") == "ERROR: user_details INVALID SEARCH PARAMETERS: 6666|\n"
    refused = "ERROR: user_details USER DOES NOT HAVE PERMISSION TO GET USER DETAILS: |7004|0|\n"
    assert stock.ask("user_details", user="7004", **{"pass": "noreports"}) == refused


def test_rights_beyond_leads_and_reports_are_asked_for_by_their_functions(stock: Door) -> None:
    refused = "USER DOES NOT HAVE PERMISSION TO"
    assert stock.ask("agent_campaigns", agent_user="1001") == (
        f"ERROR: agent_campaigns {refused} GET AGENT INFO: |6666|0|\n"
    )
    stock.sim("user", user="6666", fields={"modify_campaigns": 0})
    assert stock.ask("update_alt_url") == f"ERROR: update_alt_url {refused} UPDATE CAMPAIGNS: |6666|0\n"
    stock.sim("user", user="6666", fields={"modify_users": 1, "modify_campaigns": 1})
    assert stock.ask("agent_campaigns", agent_user="1001") == "1001|TESTCAMP|\n"
    assert stock.ask("agent_campaigns") == "ERROR: agent_campaigns AGENT USER DOES NOT EXIST: |6666|\n"
    assert stock.ask("update_alt_url") == "ERROR: update_alt_url YOU MUST USE ALL REQUIRED FIELDS: |6666|||\n"
    listed = {"campaign_id": "TESTCAMP", "entry_type": "campaign", "url_type": "dispo"}
    assert stock.ask("update_alt_url", alt_url_id="LIST", **listed) == (
        "NOTICE: update_alt_url LIST, No Records Found - 6666|dispo|campaign|TESTCAMP|0\n"
    )
    assert "dispo URL IS NOT SET TO ALT" in stock.ask("update_alt_url", alt_url_id="NEW", **listed)


def test_the_admin_pages_are_closed_to_users_of_the_api_only(stock: Door) -> None:
    def page(**fields: int) -> tuple[int, str]:
        stock.sim("user", user="6666", fields=fields)
        return stock.post("/vicidial/admin.php", {"ADD": "999995"}, basic="6666:1234")

    denied = (200, "You do not have permission to be here: |6666|GOOD|\n")
    assert page()[1].startswith("<html>")
    assert page(api_only_user=1) == denied
    assert page(api_only_user=0, user_level=7)[1].startswith("<html>")
    assert page(view_reports=0) == denied
    assert stock.post("/vicidial/admin.php", {}, basic="6666:wrong")[0] == 401


def test_refused_logins_are_counted_and_a_user_can_be_changed(stock: Door) -> None:
    for _ in range(2):
        stock.ask("list_info", list_id="101", **{"pass": "wrong"})
    assert stock.sim("user", user="6666") == {"failed_login_count": 2, "refused_logins": 2, "locked": False}
    stock.sim("user", user="6666", fields={"pass": "wrong"})
    assert stock.ask("list_info", list_id="101", **{"pass": "wrong"}).startswith("101|")
    assert stock.sim("user", user="6666") == {"failed_login_count": 0, "refused_logins": 2, "locked": False}
    assert stock.request("POST", "/_sim/user", '{"user": "6666", "fields": {"colour": 1}}')[0] == 400
