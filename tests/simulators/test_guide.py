"""Profile guide: the functions that sites add after the copied guide, as assumed in the facts."""

from tests.simulators.asking import AGENT, Door

HEADER = (
    "uniqueid|lead_id|vendor_lead_code|phone_number|call_date|status|user|campaign_id|list_id|length_in_sec|term_reason"
)


def test_add_lead_answers_in_the_guides_form(guide: Door) -> None:
    answer = guide.ask("add_lead", phone_number="7275553000", list_id="101")
    assert answer == f"SUCCESS: lead_id={guide.leads()['7275553000']['lead_id']}\n"
    assert guide.ask("add_lead", phone_number="1") == "ERROR: add_lead INVALID PHONE NUMBER LENGTH - 1|6666\n"


def test_the_call_log_is_half_open_and_has_both_kinds_of_calls(guide: Door) -> None:
    lead_id = guide.add_lead("7275553001", vendor_lead_code="K1")
    for time, more in (("10:00:00", {}), ("10:30:00", {"in_group": "SALESLINE"}), ("11:00:00", {})):
        guide.sim(
            "call",
            lead_id=lead_id,
            user="1001",
            status="NI",
            length_in_sec=5,
            uniqueid=f"1.{time[:5]}",
            call_date=f"2026-12-01 {time}",
            **more,
        )
    log = guide.ask(
        "get_call_log",
        start_date="2026-12-01 10:00:00",
        end_date="2026-12-01 11:00:00",
        header="YES",
        stage="pipe",
    )
    assert log.splitlines() == [
        HEADER,
        f"1.10:00|{lead_id}|K1|7275553001|2026-12-01 10:00:00|NI|1001|TESTCAMP|101|5|CALLER",
        f"1.10:30|{lead_id}|K1|7275553001|2026-12-01 10:30:00|NI|1001|SALESLINE|101|5|CALLER",
    ]


def test_a_call_log_without_dates_is_refused_by_name_so_that_it_can_be_probed(guide: Door) -> None:
    assert guide.ask("get_call_log") == "ERROR: get_call_log INVALID SEARCH PARAMETERS: 6666||\n"


def test_dnc_check_knows_the_system_the_campaign_and_area_codes(guide: Door) -> None:
    assert guide.ask("dnc_check", phone_number="7275550666") == "ERROR: dnc_check PHONE NUMBER IN DNC - 7275550666\n"
    assert guide.ask("dnc_check", phone_number="9991234567").startswith("ERROR:")
    clean = "SUCCESS: dnc_check PHONE NUMBER IS CLEAN - 7275550777\n"
    assert guide.ask("dnc_check", phone_number="7275550777") == clean
    assert guide.ask("dnc_check", phone_number="7275550777", campaign_id="TESTCAMP").startswith("ERROR:")


def test_lead_field_update_stores_custom_and_standard_fields(guide: Door) -> None:
    lead_id = str(guide.add_lead("7275553002"))
    for label, value in (("crm_stage", "Won"), ("city", "Tampa")):
        answer = guide.ask("lead_field_update", lead_id=lead_id, custom_field_label=label, custom_field_value=value)
        assert answer == f"SUCCESS: lead_field_update FIELD HAS BEEN UPDATED - 6666|{lead_id}|{label}\n"
    assert guide.ask("lead_field_info", lead_id=lead_id, field_name="crm_stage", custom_fields="Y") == "Won"
    assert guide.leads()["7275553002"]["city"] == "Tampa"
    wrong = guide.ask("lead_field_update", lead_id=lead_id, custom_field_label="nope", custom_field_value="x")
    assert wrong == f"ERROR: lead_field_update FIELD NOT FOUND: 6666|{lead_id}|nope\n"


def test_get_recording_prints_the_rows_of_recording_lookup(guide: Door) -> None:
    assert guide.ask("get_recording", lead_id="5001") == guide.ask("recording_lookup", lead_id="5001")
    assert guide.ask("get_recording", lead_id="1") == "ERROR: get_recording NO RECORDINGS FOUND - 6666|1|\n"
    call = guide.sim("call", lead_id=5002, user="1001", status="NI", recording=True)
    assert guide.ask("get_recording", agent_log_id=str(call["agent_log_id"])).split("|")[3] == "5002"


def test_the_guides_md5_form_of_the_password_is_taken_where_it_is_announced(guide: Door, stock: Door) -> None:
    announced = {"pass_type": "MD5"}
    for door, more, taken in ((guide, announced, True), (guide, {}, False), (stock, announced, False)):
        told = "0f3b905b66c51de9b00403a8a3305649"  # md5("VICIDIAL1234")
        answer = door.ask("list_info", list_id="101", **{"pass": told}, **more)
        assert answer.startswith("101|Leads|" if taken else "ERROR: Login incorrect")


def test_campaign_stats_count_todays_calls_and_agents(guide: Door) -> None:
    lead_id = guide.add_lead("7275553003")
    guide.sim("call", lead_id=lead_id, user="VDAD", status="DROP")
    guide.sim("call", lead_id=lead_id, user="1001", status="NI")
    login = {"source": "syncd", "user": "6666", "pass": "1234", "agent_user": "1001"}
    _, answer = guide.post(
        AGENT, {**login, "function": "login", "phone_login": "gs102", "phone_pass": "test", "campaign": "TESTCAMP"}
    )
    assert answer == "SUCCESS: login function set - 1001|8600051|TESTCAMP\n"
    login["session_id"] = "8600051"
    guide.post(AGENT, {**login, "function": "external_pause", "value": "RESUME"})
    guide.sim("queue", campaign_id="TESTCAMP", waiting=3)
    header, row = guide.ask("campaign_call_stats", campaign_id="TESTCAMP", header="YES").splitlines()
    assert header == "campaign_id|calls_in_queue|agents_available|abandon_rate|average_speed_of_answer|calls_today"
    assert row == "TESTCAMP|3|1|50.00|0|2"
    _, answer = guide.post(AGENT, {**login, "function": "logout", "value": "LOGOUT"})
    assert answer.startswith("SUCCESS: logout function set - LOGOUT|")
