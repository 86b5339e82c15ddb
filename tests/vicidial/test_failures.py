"""What goes wrong between us and the server: every failure gets the class that says what may have happened."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import pytest

from syncd.sdk import errors, fence, records
from syncd.simulators import vicidial
from tests.vicidial import site

CREATE = site.create("7275550111")


@pytest.mark.parametrize(
    "fault",
    [
        "reset_before", "reset_after", "timeout_before", "timeout_after", "error_before", "error_after", "error_503",
        "html", "html_after", "empty", "late:0.01",
    ],
)  # fmt: skip
def test_a_write_that_fails_so_may_have_been_applied(fault: str) -> None:
    change = records.Change("update", site.key(), id="1", fields={"first_name": "Ann"})
    with vicidial.serve(faults=fault) as sim, site.connected(sim.url, read_seconds=0.2) as dialer:
        for outcome in dialer.write("leads", [CREATE, change]):
            assert isinstance(outcome.error, errors.Ambiguous)


def test_a_cut_answer_is_no_success() -> None:
    with vicidial.serve(faults="truncated") as sim, site.connected(sim.url) as dialer:
        [outcome] = dialer.write("leads", [CREATE])
    assert isinstance(outcome.error, errors.Ambiguous)


@pytest.mark.parametrize("fault", ["reset_before", "timeout_before", "error_before", "error_503", "html", "truncated"])
def test_a_failed_read_is_tried_later(fault: str) -> None:
    with vicidial.serve(faults=f"all.{fault}") as sim, site.connected(sim.url, read_seconds=0.2) as dialer:
        with pytest.raises(errors.RetryLater):
            dialer.get("leads", ["1"])
        with pytest.raises(errors.RetryLater):
            dialer.find("leads", site.key(), {"phone_number": "7275550111"})
        with pytest.raises(errors.RetryLater):
            dialer.clock()


def test_an_empty_answer_to_a_search_is_not_taken_for_nothing_found() -> None:
    with (
        vicidial.serve(faults="all.empty") as sim,
        site.connected(sim.url) as dialer,
        pytest.raises(errors.RetryLater),
    ):
        dialer.find("leads", site.key(), {"phone_number": "7275550111"})


def test_where_nobody_listens_nothing_was_applied() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with site.connected(f"http://127.0.0.1:{unused.getsockname()[1]}") as dialer:
            [outcome] = dialer.write("leads", [CREATE])
            [problem] = dialer.check()
    assert isinstance(outcome.error, errors.RetryLater)
    assert problem.where == "url"


def test_one_failure_in_a_batch_hides_no_other_result() -> None:
    with vicidial.serve(faults="error_after@3") as sim, site.connected(sim.url, connections=1) as dialer:
        changes = [site.create(f"727555010{number}", value=f"K{number}") for number in range(6)]
        outcomes = dialer.write("leads", changes)
    assert [type(outcome.error) for outcome in outcomes] == [
        type(None), type(None), errors.Ambiguous, type(None), type(None), type(None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, errors.AuthFailed), (403, errors.AuthFailed), (404, errors.RetryLater), (429, errors.RetryLater),
     (301, errors.RetryLater), (500, errors.Ambiguous), (502, errors.Ambiguous)],
)  # fmt: skip
def test_an_http_status_says_who_refused(status: int, expected: type[errors.SyncdError]) -> None:
    with site.answering(lambda _: (status, "<html>no</html>")) as url, site.connected(url) as dialer:
        [outcome] = dialer.write("leads", [CREATE])
    assert type(outcome.error) is expected


def test_a_success_under_any_other_status_stays_in_doubt() -> None:
    said = "SUCCESS: add_lead LEAD HAS BEEN ADDED - 7275550111|101|5||6666\n"
    for status in (404, 429, 500, 503):
        with site.answering(lambda _, status=status: (status, said)) as url, site.connected(url) as dialer:  # type: ignore[misc]  # mypy gives lambdas with defaults no type
            [outcome] = dialer.write("leads", [CREATE])
        assert isinstance(outcome.error, errors.Ambiguous)


def test_a_wrong_password_costs_one_attempt_a_batch_whatever_its_size() -> None:
    with vicidial.serve() as sim, site.connected(sim.url, password="wrong") as dialer:
        outcomes = dialer.write("leads", [site.create(f"72755501{number:02}") for number in range(20)])
        assert site.door(sim.url, "requests")["functions"] == {"add_lead": 1}
    assert isinstance(outcomes[0].error, errors.AuthFailed)
    assert all(isinstance(outcome.error, errors.RetryLater) for outcome in outcomes[1:])


def test_a_password_that_stops_being_right_costs_at_most_the_requests_in_flight() -> None:
    with vicidial.serve() as sim, site.connected(sim.url, connections=4) as dialer:
        dialer.write("leads", [CREATE])
        site.door(sim.url, "faults", spec="login_incorrect")
        outcomes = dialer.write("leads", [site.create(f"72755501{number:02}") for number in range(20)])
        refused = [outcome for outcome in outcomes if isinstance(outcome.error, errors.AuthFailed)]
        assert 1 <= len(refused) <= 4
        assert site.door(sim.url, "requests")["functions"]["add_lead"] == 1 + len(refused)
        again = dialer.write("leads", [site.create(f"72755502{number:02}") for number in range(20)])
        assert site.door(sim.url, "requests")["functions"]["add_lead"] == 1 + len(refused)
    assert isinstance(again[0].error, errors.LoginRefused)
    assert again[0].error.until is not None, "it was not tried"


def test_reads_with_a_wrong_password_stop_at_the_first_refusal() -> None:
    with vicidial.serve() as sim, site.connected(sim.url, password="wrong") as dialer:
        with pytest.raises(errors.AuthFailed):
            dialer.get("leads", [str(number) for number in range(1, 30)])
        assert site.door(sim.url, "requests")["functions"] == {"lead_all_info": 1}


def test_a_locked_account_is_told_from_a_wrong_password() -> None:
    with vicidial.serve(faults="locked") as sim, site.connected(sim.url) as dialer:
        [outcome] = dialer.write("leads", [CREATE])
    assert isinstance(outcome.error, errors.AuthFailed)
    assert "15 minutes" in str(outcome.error)


@pytest.mark.parametrize(
    ("user", "password", "said"),
    [("7001", "nomod", "modify_leads"), ("7003", "fewfuncs", "api_allowed_functions")],
)
def test_a_missing_permission_stops_the_batch_and_says_what_is_missing(user: str, password: str, said: str) -> None:
    change = records.Change("update", site.key(), id="1", fields={"first_name": "Ann"})
    with vicidial.serve() as sim, site.connected(sim.url, user=user, password=password, connections=1) as dialer:
        outcomes = dialer.write("leads", [change, change, change])
        assert site.door(sim.url, "requests")["functions"] == {"update_lead": 1}
    assert isinstance(outcomes[0].error, errors.AuthFailed)
    assert "update_lead" in str(outcomes[0].error)
    assert said in outcomes[0].error.fix


def test_a_run_that_lost_its_lease_sends_nothing_more() -> None:
    seconds = []

    def lost(timeout_seconds: float) -> None:
        seconds.append(timeout_seconds)
        if len(seconds) > 2:
            raise errors.LeaseLost("another worker has the stream")

    with vicidial.serve() as sim, site.connected(sim.url, connections=1, read_seconds=7) as dialer:
        with fence.held(lost):
            outcomes = dialer.write("leads", [site.create(f"727555010{number}") for number in range(5)])
        assert site.door(sim.url, "requests")["functions"] == {"add_lead": 2}
    assert [type(outcome.error) for outcome in outcomes] == [
        type(None), type(None), errors.LeaseLost, errors.RetryLater, errors.RetryLater,
    ]  # fmt: skip
    assert set(seconds) == {12.0}


def test_requests_are_in_flight_together_but_no_more_than_configured() -> None:
    with vicidial.serve(service_ms=20) as sim, site.connected(sim.url, connections=3) as dialer:
        dialer.write("leads", [site.create(f"72755501{number:02}") for number in range(12)])
        assert site.door(sim.url, "requests")["highest_in_flight"] == 3


def test_the_password_is_in_no_address_and_no_error() -> None:
    seen: list[Mapping[str, str]] = []

    def reply(form: Mapping[str, str]) -> site.Reply:
        seen.append(form)
        return 200, f"ERROR: Login incorrect, please try again: |{form['user']}|{form['pass']}|BAD|\n"

    with site.answering(reply) as url, site.connected(url, password="sesame") as dialer:
        [outcome] = dialer.write("leads", [CREATE])
        assert "sesame" not in f"{outcome!r} {dialer._options!r}"
    with vicidial.serve() as sim, site.connected(sim.url) as dialer:
        dialer.write("leads", [CREATE])
        assert site.door(sim.url, "requests")["passwords_in_get"] == 0
    assert [form["pass"] for form in seen] == ["sesame"]
