"""Calls made at run time appear in the export, the lead and the log functions as on a stock server."""

import pytest

from tests.simulators.asking import EXPORT, Door

DAY = {"query_date": "2026-12-01", "end_date": "2026-12-01"}


def _table(body: str) -> list[dict[str, str]]:
    lines = body.split("\r\n")
    assert lines[-1] == ""
    header = lines[0].split("\t")
    return [dict(zip(header, line.split("\t"), strict=False)) for line in lines[1:-1]]


def test_a_call_changes_the_lead_and_is_exported(stock: Door) -> None:
    lead_id = stock.add_lead("7275552000", vendor_lead_code="K1", add_to_hopper="Y")
    made = stock.sim(
        "call", lead_id=lead_id, user="1001", status="SALE", length_in_sec=61, call_date="2026-12-01 10:15:00"
    )
    (row,) = _table(stock.export(**DAY))
    assert row["uniqueid"] == made["uniqueid"]
    assert (row["vendor_lead_code"], row["status"], row["length_in_sec"]) == ("K1", "SALE", "61")
    assert (row["user"], row["campaign_id"], row["user_group"]) == ("1001", "TESTCAMP", "SALES")
    lead = stock.leads()["7275552000"]
    assert (lead["status"], lead["user"], lead["called_count"]) == ("SALE", "1001", "1")
    assert lead["last_local_call_time"] == "2026-12-01 10:15:00"
    assert stock.sim("world", include=["hopper"])["hopper"] == []
    assert stock.ask("phone_number_log", phone_number="7275552000") == (
        "7275552000|2026-12-01 10:15:00|101|61|SALE|CALLER|SALE||1001\n"
    )


def test_the_export_takes_whole_hours_and_follows_a_later_disposition(stock: Door) -> None:
    lead_id = stock.add_lead("7275552001")
    made = [
        stock.sim("call", lead_id=lead_id, user="1001", status="NA", call_date=f"2026-12-01 {time}")["uniqueid"]
        for time in ("09:59:59", "10:00:00", "10:59:59", "11:00:00")
    ]
    stock.sim("redispo", uniqueid=made[1], status="DNC")
    rows = _table(stock.export(query_hour="10", end_hour="10", **DAY))
    assert [(row["uniqueid"], row["status"]) for row in rows] == [(made[1], "DNC"), (made[2], "NA")]
    assert stock.leads()["7275552001"]["status"] == "DNC"


@pytest.mark.parametrize("kind", ["EXTENDED", "EXTENDED_2", "EXTENDED_3", "EXTENDED_4"])
def test_an_in_group_row_is_as_long_as_the_header_but_one_column_aside_in_the_middle(stock: Door, kind: str) -> None:
    lead_id = stock.add_lead("7275552002")
    made = stock.sim(
        "call",
        lead_id=lead_id,
        user="1002",
        status="SALE",
        in_group="SALESLINE",
        queue_seconds=7,
        call_date="2026-12-01 10:00:00",
        term_reason="AGENT",
    )
    body = stock.export(export_fields=kind, **DAY)
    header, line = (text.split("\t") for text in body.split("\r\n")[:2])
    assert len(header) == len(line)
    row = dict(zip(header, line, strict=True))
    assert (row["alt_dial"], row["lead_id"], line[36]) == ("7.00", str(lead_id), "0")
    assert (row["list_name"], row["status_name"], row["uniqueid"]) == ("Leads", "Sale Made", made["uniqueid"])
    assert row["queue_time"] == "7.00"
    assert "AGENT" not in line


def test_a_call_by_nobody_has_no_user_group_and_is_exported(stock: Door) -> None:
    lead_id = stock.add_lead("7275552003")
    stock.sim("call", lead_id=lead_id, user="VDAD", status="NA", call_date="2026-12-01 10:00:00")
    (row,) = _table(stock.export(**DAY))
    assert (row["user"], row["full_name"], row["user_group"]) == ("VDAD", "Outbound Auto Dial", "")


def test_calls_of_a_deleted_lead_vanish_from_the_export(stock: Door) -> None:
    lead_id = stock.add_lead("7275552004")
    stock.sim("call", lead_id=lead_id, user="1001", status="NI", call_date="2026-12-01 10:00:00")
    stock.ask("update_lead", lead_id=str(lead_id), delete_lead="Y")
    assert stock.export(**DAY) == "There are no inbound calls during this time period for these parameters\n"


def test_the_agent_log_can_repeat_a_row(stock: Door) -> None:
    lead_id = stock.add_lead("7275552005")
    stock.sim("call", lead_id=lead_id, user="1001", status="NI", call_date="2026-12-01 10:00:00", agent_log_rows=2)
    first, second = _table(stock.export(**DAY))
    assert first == second


def test_a_list_filter_looks_at_where_the_lead_is_now(stock: Door) -> None:
    lead_id = stock.add_lead("7275552006")
    stock.sim("call", lead_id=lead_id, user="1001", status="NI", call_date="2026-12-01 10:00:00")
    stock.ask("update_lead", lead_id=str(lead_id), list_id_field="102")
    (row,) = _table(stock.export(**DAY, **{"list_id[]": "102"}))
    assert (row["list_id"], row["list_name"]) == ("102", "Other leads")


def test_a_user_whose_group_has_no_reports_may_not_export(stock: Door) -> None:
    status, body = stock.post(EXPORT, {"run_export": "1"}, basic="7002:restricted")
    assert (status, body) == (200, "You do not have permissions for export reports: |7002|\n")


def test_a_recording_is_found_by_lead_and_by_call(stock: Door) -> None:
    lead_id = stock.add_lead("7275552007")
    made = stock.sim(
        "call", lead_id=lead_id, user="1001", status="SALE", call_date="2026-12-01 10:00:00", recording=True
    )
    by_lead = stock.ask("recording_lookup", lead_id=str(lead_id))
    assert by_lead == stock.ask("recording_lookup", uniqueid=made["uniqueid"])
    assert by_lead.startswith("2026-12-01 10:00:00|1001|2|")
    (row,) = _table(stock.export(rec_fields="ALL", **DAY))
    assert (row["recording_id"], row["recording_filename"]) == ("2", "20261201-100000_7275552007_1001")


def test_a_callback_set_by_an_agent_holds_the_lead_and_is_listed(stock: Door) -> None:
    lead_id = stock.add_lead("7275552008")
    callback = {"datetime": "2026-12-02 09:00:00", "user": "1001", "comments": "after lunch"}
    stock.sim("call", lead_id=lead_id, user="1001", status="CALLBK", callback=callback)
    assert stock.leads()["7275552008"]["status"] == "CBHOLD"
    info = stock.ask("lead_callback_info", lead_id=str(lead_id))
    assert f"{lead_id}|CURRENT|USERONLY|ACTIVE|CALLBK|2026-12-02 09:00:00|" in info
