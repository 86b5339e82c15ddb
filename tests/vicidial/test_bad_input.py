"""Answers that are none: what a server or a proxy sends instead is never taken for a yes or for "nothing there"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
import structlog

from syncd.sdk import errors, records
from syncd_vicidial import VicidialConnector
from tests.vicidial import site
from tests.vicidial.test_calls import SINCE, UNTIL, read
from tests.vicidial.test_find_recordings import CALL

_MB = 1_000_000
STOCK = {"functions": dict.fromkeys(("get_call_log", "get_recording", "campaign_call_stats", "dnc_check"), False)}
BODIES: Mapping[str, bytes] = {
    "a web page": b"<html><head><title>502</title></head><body><h1>Bad Gateway</h1></body></html>\n",
    "nothing": b"",
    "blank lines": b"\r\n\r\n",
    "a warning of PHP": b"PHP Warning:  mysqli_query(): MySQL server has gone away in /srv/www/x.php on line 12\n",
    "Latin-1": "Zugriff für Müller nicht möglich\n".encode("latin-1"),
    "half an answer": b"SUCCESS: add_lead LEAD HAS BEEN ADD",
    "a long line": b"x" * _MB + b"\n",
    "a long success": b"SUCCESS: add_lead " + b"x" * _MB + b"\n",
    "many beginnings of tags": b" <" * (_MB // 20),
    "many marks": b"ERROR: " * (_MB // 7) + b"\n",
}


def _calls(dialer: VicidialConnector, stream: str) -> object:
    return list(dialer.pull(stream, SINCE, UNTIL, ()))


def _written(dialer: VicidialConnector, change: records.Change) -> object:
    return dialer.write("leads", [change])[0].error


_FIELDS = {"first_name": "Ann"}
ASKED: Mapping[str, Callable[[VicidialConnector], object]] = {
    "create": lambda dialer: _written(dialer, site.create("7275550001")),
    "update": lambda dialer: _written(dialer, records.Change("update", site.key(), id="5001", fields=_FIELDS)),
    "remove": lambda dialer: _written(dialer, records.Change("remove", site.key(), id="5001", reason="opt_out")),
    "get": lambda dialer: dialer.get("leads", ["5001"]),
    "find": lambda dialer: dialer.find("leads", site.key(), {"phone_number": "7275550001"}),
    "calls": lambda dialer: _calls(dialer, "calls"),
    "callbacks": lambda dialer: dialer.get("callbacks", ["5001-20261120100000"]),
    "recordings": lambda dialer: dialer.recordings([CALL])[0],
    "statistics": lambda dialer: dialer.statistics(),
    "dnc_listed": lambda dialer: dialer.dnc_listed("7275550001", "1"),
    "dnc_add": lambda dialer: dialer.dnc_add("7275550001", ["system"]),
    "dnc_remove": lambda dialer: dialer.dnc_remove("7275550001", ["system"]),
    "clock": lambda dialer: dialer.clock(),
    "fields": lambda dialer: dialer.fields("leads"),
}


@pytest.mark.parametrize("what", BODIES)
def test_an_answer_that_is_none_is_an_error_whatever_was_asked(what: str) -> None:
    """A write may have been applied, a read is tried again; and a long line holds nobody up."""
    bodies = [b"ERROR: lead_all_info LEAD NOT FOUND: 6666|1|\n"]
    with site.answering_bytes(lambda _: bodies[-1]) as url, site.connected(url, **STOCK) as dialer:
        assert dialer.get("leads", ["1"]) == []  # else each such answer could be a refused login
        bodies.append(BODIES[what])
        for asked, ask in ASKED.items():
            try:
                told = ask(dialer)
            except errors.SyncdError as error:
                told = error
            assert isinstance(told, errors.RetryLater | errors.Ambiguous), (asked, told)
            assert len(str(told)) < 200, "it repeats the answer"
            assert asked in ("create", "update", "dnc_add", "dnc_remove") or isinstance(told, errors.RetryLater), asked


CAMPAIGNS = b"campaign_id|campaign_name\nTESTCAMP|x\n"
HEADER = "uniqueid|lead_id|vendor_lead_code|phone_number|call_date|status|user|campaign_id|list_id|length_in_sec|leg"
ROW = "1795000001.{0}|5001|K1|7275550501|2026-11-20 10:0{0}:00|{1}|1001|TESTCAMP|101|30|out"


@pytest.mark.parametrize(
    ("odd", "read_as", "unreadable"),
    [
        (ROW.format(5, "NI").partition("|TESTCAMP")[0], None, 1),  # half a row
        (ROW.format(5, "NI") + "|more", None, 1),
        (ROW.format(5, "NI").replace("K1", "a|b|c"), "5", 0),  # whose own separator is in the only free text
        (ROW.format(5, "NI").replace("2026-11-20 10:05:00", "yesterday"), None, 1),
        (ROW.format(5, "NI").replace("K1", "Mü" + "x" * _MB), "5", 0),
        (ROW.format(5, "N\u00dc?"), "5", 0),  # a status that nobody knows
        ("", None, 0),
        ("|" * _MB, None, 1),
    ],
    ids=["half", "more", "separators", "no date", "a megabyte", "unknown status", "blank", "a megabyte of separators"],
)
def test_an_odd_row_of_the_call_log_stops_no_other(odd: str, read_as: str | None, unreadable: int) -> None:
    body = "\n".join([HEADER, ROW.format(1, "SALE"), odd, ROW.format(9, "NI"), ""]).encode("latin-1")
    with (
        site.answering_bytes(lambda form: body if form["function"] == "get_call_log" else CAMPAIGNS) as url,
        site.connected(url, call_source="get_call_log", hours_per_read=24) as dialer,
        structlog.testing.capture_logs() as logs,
    ):
        found = read(dialer, records.Cursor(UNTIL - timedelta(hours=1)))
    assert [(one.fields["uniqueid"] or "")[-1] for one in found] == [*"1", *(read_as or ""), *"9"]
    assert sum(line["rows"] for line in logs if line["event"] == "calls_unreadable") == unreadable
