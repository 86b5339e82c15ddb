"""Calls: read in windows of the server's clock, the same from both sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import structlog

from syncd.sdk import errors, records
from syncd.simulators import vicidial
from syncd_vicidial import VicidialConnector, windows
from tests.vicidial import site

UNTIL = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
SINCE = records.Cursor(UNTIL - timedelta(hours=6))
EXPORTS = [case for case in site.cases("calls") if case["name"].startswith("export-")]
NEW_YORK = ZoneInfo("America/New_York")


def read(
    dialer: VicidialConnector, since: records.Cursor | None = SINCE, until: datetime = UNTIL
) -> list[records.Record]:
    return [record for page in dialer.pull("calls", since, until, ()) for record in page.records]


def export(case: site.Case, user: str = "6666", password: str = "1234") -> list[records.Record]:
    with (
        site.answering(lambda _: (case["status"], site.recorded(case))) as url,
        site.connected(
            url,
            user=user,
            password=password,
            call_source="call_report_export",
            hours_per_read=24,
            archive_after_days=None,
        ) as dialer,
    ):
        return read(dialer)


def named(name: str) -> site.Case:
    [case] = [case for case in EXPORTS if case["name"] == name]
    return case


@pytest.mark.parametrize("name", ["export-extended_2", "export-extended_3", "export-extended"])
def test_a_recorded_export_gives_its_calls(name: str) -> None:
    assert [record.id for record in export(named(name))] == [
        "out|1795000001.101|TESTCAMP|2026-11-20T15:00:00Z",
        "out|1795000002.102|TESTCAMP|2026-11-20T16:00:00Z",
        "out|1795000004.104|OTHER|2026-11-20T17:00:00Z",
        "out|1795000006.106|TESTCAMP|2026-11-20T17:30:00Z",
    ]


def test_an_in_group_row_is_read_although_it_does_not_line_up_with_its_header() -> None:
    record = export(named("export-all-campaigns-and-ingroups"))[-1]
    assert record.id == "in|1795000005.105|SALESLINE|2026-11-20T18:00:00Z"
    assert record.fields == {
        "leg": "in", "uniqueid": "1795000005.105", "call_date": "2026-11-20T18:00:00Z", "status": "SALE",
        "flags": "completed human_answered sale", "user": "1002", "campaign_id": "SALESLINE", "list_id": "101",
        "length_in_sec": "60",
        "phone_number": "7275550501", "lead_id": "5001", "vendor_lead_code": "00Q5e00000A1b2CEAR", "called_count": "2",
    }  # fmt: skip


def test_an_outbound_row_has_all_that_the_export_knows() -> None:
    assert export(named("export-extended_2"))[1].fields == {
        "leg": "out", "uniqueid": "1795000002.102", "call_date": "2026-11-20T16:00:00Z", "status": "SALE",
        "flags": "completed human_answered sale", "user": "1001", "campaign_id": "TESTCAMP", "list_id": "101",
        "length_in_sec": "300",
        "term_reason": "AGENT", "phone_number": "7275550501", "lead_id": "5001",
        "vendor_lead_code": "00Q5e00000A1b2CEAR", "called_count": "2",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["export-none", "export-no-campaign"])
def test_a_sentence_instead_of_rows_is_no_call(name: str) -> None:
    assert export(named(name)) == []


@pytest.mark.parametrize("name", ["export-no-login", "export-wrong-password"])
def test_a_refused_login_of_the_export_is_one(name: str) -> None:
    with pytest.raises(errors.AuthFailed) as refused:
        export(named(name), password="bad")
    assert "bad" not in str(refused.value).split()


def test_the_permission_that_the_export_lacks_is_named() -> None:
    with pytest.raises(errors.AuthFailed) as refused:
        export(named("export-no-permission"))
    assert "view_reports, export_reports" in refused.value.fix


@pytest.mark.parametrize("name", ["export-standard", "export-alternate_1"])
def test_an_export_in_another_layout_is_an_error_and_not_no_calls(name: str) -> None:
    with pytest.raises(errors.SyncdError):
        export(named(name))


def test_a_cut_export_or_a_web_page_is_read_again_later() -> None:
    whole = named("export-extended_2")
    for body in (whole["response"][:-40], "<html>Proxy Error</html>", ""):
        with pytest.raises(errors.RetryLater):
            export({**whole, "response": body})


def logged(whole: site.Case, response: str) -> tuple[list[str], list[tuple[str, dict[str, int]]]]:
    """The uniqueids that an export gives, and what is logged of the rows that cannot be read."""
    with structlog.testing.capture_logs() as logs:
        found = export({**whole, "response": response})
    assert "7275550501" not in str(logs)
    return [str(record.fields["uniqueid"]) for record in found], [(one["event"], one["why"]) for one in logs]


@pytest.mark.parametrize(
    ("torn", "why"),
    [
        (lambda row: row.replace("\tLee\t", "\tLee\t\t"), {"too few columns": 1}),  # one more, in front of lead_id
        (lambda row: row.replace("\t5001\t", "\t\t"), {"no lead_id": 1}),
        (lambda row: row[: len(row) // 2], {"too few columns": 1}),
        (lambda row: row[len(row) // 2 :], {"a line that is no row": 1}),
        (lambda row: row.replace("\t1795000001.101\t", "\t\t"), {"no uniqueid": 1}),
        (lambda row: row.replace("2026-11-20 10:00:00", "2026-02-30 10:00:00"), {"no call_date": 1}),
        (lambda row: row.replace("2026-11-20 10:00:00", "0000-00-00 00:00:00"), {"no call_date": 1}),
        (lambda row: row.replace("\t", " "), {"a line that is no row": 1}),
        (lambda row: row + "\r\n" + row[200:], {"a line that is no row": 1}),
    ],
)
def test_a_row_that_cannot_be_read_is_counted_and_hides_no_other(
    torn: Callable[[str], str], why: dict[str, int]
) -> None:
    whole = named("export-extended_2")
    header, first, rest = whole["response"].split("\r\n", 2)
    found, said = logged(whole, "\r\n".join([header, torn(first), rest]))
    assert found[-3:] == ["1795000002.102", "1795000004.104", "1795000006.106"]
    assert len(found) == (4 if torn(first).startswith(first) else 3)
    assert said == [("calls_unreadable", why)]


def test_a_row_that_its_texts_make_longer_or_tear_apart_is_read_all_the_same() -> None:
    """VICIdial takes no tabs and line breaks out of a list's description, nor line breaks out of an address."""
    whole = named("export-extended_2")
    header, first, rest = whole["response"].split("\r\n", 2)
    cells = first.split("\t")
    names = header.split("\t")
    for column, text in (
        ("list_description", "a\tb\tc"),
        ("list_description", "a\r\nb"),
        ("list_description", "a\r\n\r\n2026 b\tc\r\n"),
        ("address1", "1 Main St\r\nBack door\r\n"),
        ("status_name", "\t"),
        ("last_name", "M\u00fcller"),
        ("comments", "x" * 1_000_000),
    ):
        odd = list(cells)
        odd[names.index(column)] = text
        found, said = logged(whole, "\r\n".join([header, "\t".join(odd), first.replace("101", "177"), rest]))
        assert (found[:2], len(found), said) == (["1795000001.101", "1795000001.177"], 5, []), column


def test_bytes_that_are_no_utf8_spoil_their_own_field_only() -> None:
    case = named("export-extended_2")
    raw = case["response"].replace("Cara", "Andr\u00e9").replace("\tTESTCAMP\t", "\tTESTC\u00c4MP\t").encode("latin-1")
    with (
        site.answering_bytes(lambda _: raw) as url,
        site.connected(url, call_source="call_report_export", hours_per_read=24, archive_after_days=None) as dialer,
    ):
        found = read(dialer)
    assert [record.fields["uniqueid"] for record in found] == [record.fields["uniqueid"] for record in export(case)]
    assert found[0].fields["vendor_lead_code"] == "00Q5e00000A1b2CEAR"


def test_an_export_of_which_no_row_can_be_read_is_a_loud_error() -> None:
    whole = named("export-extended_2")
    broken = whole["response"].replace("\t5001\t", "\t\t").replace("\t500", "\tx")
    with pytest.raises(errors.ContractViolation):
        export({**whole, "response": broken})
    few = "\r\n".join(broken.split("\r\n")[:3]) + "\r\n"  # a quiet hour with two odd rows stops nobody
    assert export({**whole, "response": few}) == []


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, [False, True, False, True, False]),
        ({"archive_after_days": 2}, [False, True, False, False]),
        ({"archive_after_days": None}, [False, False, False]),
        ({"archive_after_days": 0}, [False, True, False, True, False, True]),
        ({"archived_calls": True, "archive_after_days": None}, [False, True, False, True, False, True]),
    ],
)
def test_old_calls_are_looked_for_in_the_archive_tables_as_well(options: dict[str, object], asked: list[bool]) -> None:
    archive: list[bool] = []

    def reply(form: Mapping[str, str]) -> site.Reply:
        archive.append(form.get("search_archived_data") == "checked")
        return 200, "There are no calls during this time period for these parameters\n"

    now = datetime.now(UTC) + timedelta(minutes=1)  # so that nothing depends on how long the test takes
    given = {"call_source": "call_report_export", "hours_per_read": 24, "time_zone": "UTC", **options}
    with site.answering(reply) as url, site.connected(url, **given) as dialer:
        read(dialer, records.Cursor(now - timedelta(hours=60)), now)
    assert archive == asked


def test_repeated_rows_of_one_call_are_one() -> None:
    whole = named("export-extended_2")
    header, first, _ = whole["response"].split("\r\n", 2)
    assert len(export({**whole, "response": f"{header}\r\n{first}\r\n{first}\r\n"})) == 1


def masked(text: str, *names: str) -> str:
    """An export with these columns of each row as VICIdial masks them."""
    header, *rows = text.split("\r\n")
    places = [header.split("\t").index(name) for name in names]
    cells = [row.split("\t") for row in rows]
    hidden = [
        ["X" * len(cell) if place in places else cell for place, cell in enumerate(row)]
        for row in cells
        if len(row) > 1
    ]
    return "\r\n".join([header, *("\t".join(row) for row in hidden), ""])


def test_masked_leads_are_an_error_and_not_somebody_elses_calls() -> None:
    whole = named("export-extended_2")
    hidden = masked(whole["response"], "vendor_lead_code", "source_id", "first_name", "last_name")
    with pytest.raises(errors.AuthFailed) as refused:
        export({**whole, "response": hidden})
    assert "admin_hide_lead_data" in refused.value.fix


def test_one_lead_that_is_really_called_x_is_no_mask() -> None:
    whole = named("export-extended_2")
    named_x = whole["response"].replace("00Q5e00000A1b2CEAR", "X" * 18).replace("salesforce", "X" * 10)
    assert len(export({**whole, "response": named_x.replace("Cara", "XXXX").replace("Lee", "XXX")})) == 4


def test_masked_phones_are_left_out_and_the_calls_are_read() -> None:
    whole = named("export-extended_2")
    with structlog.testing.capture_logs() as logs:
        found = export({**whole, "response": masked(whole["response"], "phone_number_dialed", "phone_number")})
    assert len(found) == 4
    assert not [record for record in found if "phone_number" in record.fields]
    assert [entry["event"] for entry in logs] == ["calls_without_phones"]


def by_source(source: str, profile: str, since: records.Cursor = SINCE) -> list[records.Record]:
    with vicidial.serve(profile=profile) as sim, site.connected(sim.url, call_source=source) as dialer:
        return read(dialer, since)


def test_both_sources_give_the_same_calls() -> None:
    log, exported = by_source("auto", "guide"), by_source("auto", "stock")
    common = set(exported[0].fields) & set(log[0].fields)
    missing = {"1795000003.103"}  # a call by nobody with an empty user group: the stock export leaves it out
    by_id = {record.id: record for record in log if record.fields["uniqueid"] not in missing}
    assert set(by_id) == {record.id for record in exported}
    for record in exported:
        other = by_id[record.id].fields
        names = common & set(record.fields)
        assert {name: record.fields[name] for name in names} == {name: other[name] for name in names}
    assert common >= {"leg", "uniqueid", "call_date", "status", "flags", "user", "campaign_id", "lead_id", "list_id"}


def test_auto_asks_once_and_takes_what_the_server_has() -> None:
    for profile, function in (("guide", "get_call_log"), ("stock", "/vicidial/call_report_export.php")):
        with vicidial.serve(profile=profile) as sim, site.connected(sim.url) as dialer:
            read(dialer)
            read(dialer)
            asked = site.door(sim.url, "requests")["functions"]
        assert asked.get("get_call_log", 0) == (7 if profile == "guide" else 1)
        assert asked[function] >= 6


def test_a_server_that_answers_nothing_is_not_taken_for_one_that_has_the_call_log() -> None:
    with site.answering(lambda _: (200, "")) as url, site.connected(url) as dialer, pytest.raises(errors.RetryLater):
        read(dialer)


def test_the_call_log_may_have_another_name() -> None:
    def reply(form: Mapping[str, str]) -> site.Reply:
        if form["function"] == "version":
            return 200, site.VERSION
        return 200, "uniqueid|lead_id|vendor_lead_code|call_date|status|campaign_id|leg\n" if form["function"] == (
            "calls_since"
        ) else "ERROR: NO FUNCTION SPECIFIED\n"

    with site.answering(reply) as url, site.connected(url, functions={"get_call_log": "calls_since"}) as dialer:
        assert read(dialer) == []


@pytest.mark.parametrize(
    ("columns", "values", "leg"),
    [("leg", "inbound", "in"), ("direction", "OUTBOUND", "out"), ("call_type", "IN", "in"), ("", "", "in")],
)
def test_the_call_log_tells_the_leg_by_a_column_or_by_what_is_no_campaign(columns: str, values: str, leg: str) -> None:
    def reply(form: Mapping[str, str]) -> site.Reply:
        if form["function"] == "campaigns_list":
            return 200, "campaign_id|campaign_name\nTESTCAMP|x\n"
        row = "1795000005.105|5001|A|B|2026-11-20 13:00:00|SALE|SALESLINE"
        return 200, f"uniqueid|lead_id|vendor_lead_code|call_date|status|campaign_id|{columns}\n{row}|{values}\n"

    with (
        site.answering(reply) as url,
        site.connected(url, call_source="get_call_log", hours_per_read=24) as dialer,
    ):
        [record] = read(dialer)
    assert record.fields["leg"] == leg
    assert record.fields["vendor_lead_code"] == "A|B"


@pytest.mark.parametrize("profile", ["stock", "guide"])
def test_a_running_call_is_live_and_gets_its_disposition_under_the_same_id(profile: str) -> None:
    with vicidial.serve(profile=profile) as sim, site.connected(sim.url) as dialer:
        [outcome] = dialer.write("leads", [site.create("7275550111")])
        made = site.door(sim.url, "call", lead_id=int(outcome.id or 0), user="1001", status="INCALL")
        until = dialer.clock() + timedelta(seconds=1)
        since = records.Cursor(until - timedelta(minutes=5))
        [live] = read(dialer, since, until)
        site.door(sim.url, "redispo", uniqueid=made["uniqueid"], status="SALE")
        [done] = read(dialer, since, until)
    assert live.id == done.id
    assert (live.fields["flags"], done.fields["flags"]) == ("live", "completed human_answered sale")
    assert live.fields["vendor_lead_code"] == "K1"


def test_a_sites_own_status_gets_its_flags() -> None:
    with vicidial.serve() as sim, site.connected(sim.url, status_flags={"NI": "dnc", "SALE": ""}) as dialer:
        flags = {record.fields["status"]: record.fields["flags"] for record in read(dialer)}
    assert flags == {
        "CALLBK": "callback customer_contact human_answered scheduled_callback",
        "SALE": "",
        "NI": "dnc",
        "AB": "retry",
    }


def test_pages_never_pass_until_and_their_cursors_only_move_on() -> None:
    until = UNTIL - timedelta(hours=3, minutes=-10)
    with vicidial.serve() as sim, site.connected(sim.url) as dialer:
        pages = list(dialer.pull("calls", SINCE, until, ()))
    cursors = [page.cursor for page in pages]
    assert cursors == sorted(set(cursors))
    assert cursors[-1].at == until
    texts = [str(record.fields["call_date"]) for page in pages for record in page.records]
    assert texts == sorted(texts)
    assert texts[-1] == "2026-11-20T17:00:00Z"


def test_without_a_time_zone_calls_are_refused_with_the_option_to_set() -> None:
    with (
        vicidial.serve() as sim,
        site.connected(sim.url, time_zone=None) as dialer,
        pytest.raises(errors.UserError) as refused,
    ):
        read(dialer)
    assert refused.value.problems[0].where == "time_zone"


def spans(since: datetime, until: datetime, hours: int = 2) -> list[tuple[str, str]]:
    found = windows.between(since.astimezone(UTC), until.astimezone(UTC), NEW_YORK, hours)
    return [(f"{window.first:%d %H}", f"{window.last:%d %H}") for window in found]


def test_windows_cover_whole_hours_without_a_gap() -> None:
    start = datetime(2026, 11, 20, 22, 40, tzinfo=NEW_YORK)
    assert spans(start, start + timedelta(hours=3)) == [("20 22", "20 23"), ("21 00", "21 01")]
    assert spans(start, start) == [("20 22", "20 22")]
    assert spans(start.replace(minute=0), start.replace(hour=23, minute=0)) == [("20 22", "20 22")]


def test_an_hour_that_the_clock_shows_twice_is_asked_for_once_and_one_that_it_skips_with_the_one_before() -> None:
    autumn = datetime(2026, 11, 1, 0, 30, tzinfo=NEW_YORK)
    assert spans(autumn, datetime(2026, 11, 1, 1, 50, tzinfo=NEW_YORK, fold=1), 1) == [
        ("01 00", "01 00"),
        ("01 01", "01 01"),
    ]
    spring = datetime(2026, 3, 8, 1, 30, tzinfo=NEW_YORK)
    # no clock shows 02:30, but rows of a server whose clock is set by hand may; they are read with the hour before
    assert spans(spring, datetime(2026, 3, 8, 3, 30, tzinfo=NEW_YORK), 1) == [("08 01", "08 02"), ("08 03", "08 03")]
    assert spans(spring, datetime(2026, 3, 8, 3, 30, tzinfo=NEW_YORK), 2) == [("08 01", "08 03")]
    assert spans(spring, datetime(2026, 3, 8, 1, 50, tzinfo=NEW_YORK), 2) == [("08 01", "08 02")]


def test_a_time_that_the_clock_shows_twice_is_told_apart_by_the_calls_own_unix_time() -> None:
    for fold in (0, 1):
        true = datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK, fold=fold).astimezone(UTC)
        epoch = int(true.timestamp()) - 20
        assert windows.instant("2026-11-01 01:30:00", (epoch,), NEW_YORK) == true
        year_ago = epoch - 365 * 86400  # a uniqueid that was used again says nothing
        assert windows.instant("2026-11-01 01:30:00", (None, year_ago, epoch), NEW_YORK) == true


def test_a_time_that_nothing_tells_apart_is_the_one_before_the_clock_was_set() -> None:
    for wall in ("2026-11-01 01:30:00", "2026-03-08 02:30:00"):
        before = datetime.fromisoformat(wall).replace(tzinfo=NEW_YORK).astimezone(UTC)
        assert windows.instant(wall, (None,), NEW_YORK) == before
    for wrong in ("0000-00-00 00:00:00", "2026-11-01", "2026-W44-7 01:30:00", "2026-11-01 01:30:00.5", ""):
        with pytest.raises(ValueError, match=r"date|year"):
            windows.instant(wrong, (None,), NEW_YORK)


def test_half_hour_zones_are_covered() -> None:
    kolkata = ZoneInfo("Asia/Kolkata")
    start = datetime(2026, 11, 20, 10, 10, tzinfo=UTC)
    [window] = windows.between(start, start + timedelta(minutes=15), kolkata, 2)
    assert (window.first.hour, window.ends) == (15, datetime(2026, 11, 20, 10, 30, tzinfo=UTC))
