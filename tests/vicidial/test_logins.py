"""A refused login is tried once by all who have it, and never ten times in 15 minutes; VICIdial locks a user at ten."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncd.sdk import errors, protocol, records
from syncd.sdk.memory import InMemory
from syncd.simulators import vicidial
from syncd.store import memo, upgrade
from syncd.store.database import Database
from syncd_vicidial import VicidialConnector
from syncd_vicidial.ledger import Ledger
from syncd_vicidial.logins import AT_ONCE
from tests.vicidial import site

Restart = Callable[[], protocol.Memory]


class Clock:
    """The time, put forward at will."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def restart(tmp_path: Path, clock: Clock) -> Iterator[Restart]:
    """The memory as another process finds it."""
    store_url = f"sqlite:///{tmp_path}/syncd.db"
    with ExitStack() as stack:

        def opened() -> memo.Memo:
            db = Database(store_url)
            stack.callback(db.close)
            return memo.Memo(db, clock)

        first = Database(store_url)
        stack.callback(first.close)
        upgrade.upgrade(first, now=clock())
        yield opened


@contextmanager
def dialling(url: str, memory: protocol.Memory, password: str = "wrong") -> Iterator[VicidialConnector]:
    with site.connected(url, password=password) as connector:
        connector.remember(memory)
        yield connector


def asked(connector: VicidialConnector) -> errors.SyncdError | None:
    try:
        connector.get("leads", ["5001"])
    except errors.SyncdError as error:
        return error
    return None


def wrong_logins(sim: vicidial.Simulator) -> int:
    refused = site.door(sim.url, "user", user="6666")["refused_logins"]
    assert isinstance(refused, int)
    return refused


def test_restarts_with_a_wrong_password_try_it_once_in_five_minutes(restart: Restart, clock: Clock) -> None:
    with vicidial.serve() as sim:
        told = []
        for _ in range(12):
            with dialling(sim.url, restart()) as connector:
                told.append(asked(connector))
        refused = told[-1]
        assert isinstance(refused, errors.LoginRefused)
        assert refused.until is not None
        assert "is not tried again before" in str(refused)
        assert "`syncd resume acme`" in refused.fix
        assert wrong_logins(sim) == 1
        clock.ahead = timedelta(minutes=5)
        with dialling(sim.url, restart()) as connector:
            asked(connector)
        assert wrong_logins(sim) == 2


def test_many_connectors_at_once_try_a_wrong_password_once(restart: Restart) -> None:
    with vicidial.serve(service_ms=20) as sim, ExitStack() as stack:
        memory = restart()
        connectors = [stack.enter_context(dialling(sim.url, memory)) for _ in range(12)]
        with ThreadPoolExecutor(12) as pool:
            refused = list(pool.map(asked, connectors))
        assert wrong_logins(sim) == 1
    assert {type(error) for error in refused} == {errors.LoginRefused}


def test_many_processes_at_once_try_a_wrong_password_once(store_url: str) -> None:
    """Each with a connection of its own to the store: what one of them is about to try, the others wait for."""
    with vicidial.serve(service_ms=60) as sim, ExitStack() as stack:
        stores = [Database(store_url) for _ in range(10)]
        for db in stores:
            stack.callback(db.close)
        upgrade.upgrade(stores[0], now=datetime.now(UTC))
        connectors = [stack.enter_context(dialling(sim.url, memo.Memo(db))) for db in stores]
        with ThreadPoolExecutor(len(stores)) as pool:
            refused = list(pool.map(asked, connectors))
        assert wrong_logins(sim) == 1
        assert {type(error) for error in refused} == {errors.LoginRefused}
        mended = [stack.enter_context(dialling(sim.url, memo.Memo(db), "1234")) for db in stores[:4]]
        with ThreadPoolExecutor(len(mended)) as pool:
            assert set(pool.map(asked, mended)) == {None}, "with the right one nobody is turned away"


def test_a_process_killed_in_the_midst_of_a_login_is_waited_for_no_longer_than_its_answer(restart: Restart) -> None:
    with vicidial.serve() as sim, site.connected(sim.url, read_seconds=0.3, connect_seconds=0.1) as connector:
        killed = Ledger(restart(), f"vicidial login {sim.url} 6666")
        assert killed.begin("1234", 60)
        connector.remember(restart())
        began = time.monotonic()
        assert asked(connector) is None
        assert time.monotonic() - began > 0.3


def test_without_a_store_connectors_of_one_memory_share_what_they_learn() -> None:
    with vicidial.serve() as sim:
        memory = InMemory()
        for _ in range(12):
            with dialling(sim.url, memory) as connector:
                assert isinstance(asked(connector), errors.LoginRefused)
        assert wrong_logins(sim) == 1


def test_a_password_that_was_changed_is_tried_at_once_but_never_ten_of_them(restart: Restart, clock: Clock) -> None:
    with vicidial.serve() as sim:
        told = []
        for number in range(20):
            with dialling(sim.url, restart(), f"wrong{number}") as connector:
                told.append(asked(connector))
        last = told[-1]
        assert wrong_logins(sim) == 8
        assert isinstance(last, errors.LoginRefused)
        assert last.until is not None
        assert timedelta(minutes=14) < last.until - clock() <= timedelta(minutes=15)
        with dialling(sim.url, restart(), "1234") as connector:
            assert isinstance(asked(connector), errors.LoginRefused), "not even the right one, until it is safe"
            clock.ahead = timedelta(minutes=15, seconds=1)
            assert asked(connector) is None


def test_the_right_password_makes_the_wrong_ones_forgotten(restart: Restart) -> None:
    with vicidial.serve() as sim:
        for number in range(5):
            with dialling(sim.url, restart(), f"wrong{number}") as connector:
                asked(connector)
            with dialling(sim.url, restart(), "1234") as connector:
                assert asked(connector) is None
            with dialling(sim.url, restart(), f"other{number}") as connector:
                asked(connector)
        assert wrong_logins(sim) == 10
        assert not site.door(sim.url, "user", user="6666")["locked"]


def test_an_operator_may_have_one_more_try_of_what_was_mended_in_vicidial(restart: Restart) -> None:
    with vicidial.serve() as sim:
        with dialling(sim.url, restart()) as connector:
            asked(connector)
        for _ in range(3):
            with dialling(sim.url, restart()) as connector:
                connector.try_again()
                asked(connector)
                asked(connector)
        assert wrong_logins(sim) == 4, "one for each time that the operator said so"
        site.door(sim.url, "user", user="6666", fields={"pass": "wrong"})
        with dialling(sim.url, restart()) as connector:
            assert isinstance(asked(connector), errors.LoginRefused)
            connector.try_again()
            assert asked(connector) is None


def test_an_operator_who_insists_cannot_lock_the_user_either(restart: Restart) -> None:
    with vicidial.serve() as sim:
        for _ in range(15):
            with dialling(sim.url, restart()) as connector:
                connector.try_again()
                asked(connector)
        assert wrong_logins(sim) == 8


def test_a_password_that_is_changed_under_full_load_costs_less_than_a_lock(restart: Restart) -> None:
    """Requests in flight when the password stops being right are all refused, whoever sent them."""
    with vicidial.serve(service_ms=30) as sim, ExitStack() as stack:
        memory = restart()
        connectors = [stack.enter_context(dialling(sim.url, memory, "1234")) for _ in range(4)]
        assert asked(connectors[0]) is None
        ids = [str(number) for number in range(1, 60)]

        def busy(connector: VicidialConnector) -> None:
            with pytest.raises(errors.LoginRefused):
                connector.get("leads", ids)

        with ThreadPoolExecutor(4) as pool:
            done = [pool.submit(busy, connector) for connector in connectors]
            while site.door(sim.url, "requests")["highest_in_flight"] < AT_ONCE:
                time.sleep(0.01)
            site.door(sim.url, "user", user="6666", fields={"pass": "other"})
            for one in done:
                one.result()
        assert site.door(sim.url, "requests")["highest_in_flight"] == AT_ONCE
        assert 1 <= wrong_logins(sim) <= AT_ONCE
        with dialling(sim.url, restart(), "other") as connector:
            assert asked(connector) is None, "the new password is tried at once"


def test_a_login_whose_answer_is_lost_may_have_been_refused(restart: Restart, clock: Clock) -> None:
    with vicidial.serve(faults="all.timeout_after") as sim:
        told = []
        for _ in range(12):
            with site.connected(sim.url, password="wrong", read_seconds=0.05) as connector:
                connector.remember(restart())
                told.append(asked(connector))
        assert sim.world.users["6666"].refused_logins == 8
        assert isinstance(told[-1], errors.LoginRefused)


def test_lost_answers_to_a_password_that_was_good_stop_nobody(restart: Restart) -> None:
    with vicidial.serve() as sim:
        with dialling(sim.url, restart(), "1234") as connector:
            assert asked(connector) is None
        site.door(sim.url, "faults", spec="all.timeout_after")
        for _ in range(12):
            with site.connected(sim.url, read_seconds=0.05) as connector:
                connector.remember(restart())
                assert isinstance(asked(connector), errors.RetryLater)
        site.door(sim.url, "faults", spec="")
        with dialling(sim.url, restart(), "1234") as connector:
            assert asked(connector) is None


def test_a_clock_that_was_set_back_makes_no_refusal_last(restart: Restart, clock: Clock) -> None:
    with vicidial.serve() as sim:
        clock.ahead = timedelta(days=3)
        with dialling(sim.url, restart()) as connector:
            asked(connector)
        clock.ahead = timedelta()
        with dialling(sim.url, restart()) as connector:
            refused = asked(connector)
    assert isinstance(refused, errors.LoginRefused)
    assert refused.until is not None
    assert refused.until - clock() <= timedelta(minutes=5)


def test_what_is_remembered_does_not_give_the_password_away(restart: Restart) -> None:
    with vicidial.serve() as sim, dialling(sim.url, restart(), "sesame-2001") as connector:
        asked(connector)
        told = restart().get(f"vicidial login {sim.url} 6666") or ""
    assert '"refused": [[' in told
    hidden = hashlib.sha256(b"sesame-2001").hexdigest()
    assert not [text for text in ("sesame", hidden[:8]) if text in told]


def test_the_export_counts_as_the_api_does(restart: Restart, clock: Clock) -> None:
    with vicidial.serve() as sim, site.connected(sim.url, password="wrong", call_source="call_report_export") as dialer:
        dialer.remember(restart())
        for _ in range(3):
            with pytest.raises(errors.LoginRefused):
                list(dialer.pull("calls", None, clock(), ()))
        assert isinstance(asked(dialer), errors.LoginRefused)
        assert wrong_logins(sim) == 1


def test_the_guides_form_of_the_password_goes_to_the_api_and_not_to_the_export() -> None:
    with vicidial.serve(profile="guide") as sim, site.connected(sim.url, login_form="md5") as dialer:
        assert asked(dialer) is None
    with vicidial.serve() as sim, site.connected(sim.url, login_form="md5") as dialer:
        assert isinstance(asked(dialer), errors.LoginRefused), "stock VICIdial does not know it"
    seen: list[Mapping[str, str]] = []

    def reply(form: Mapping[str, str]) -> site.Reply:
        seen.append(form)
        return 200, "ERROR: lead_all_info LEAD NOT FOUND: 6666|1|\n"

    with site.answering(reply) as url, site.connected(url, login_form="md5") as one:
        one.get("leads", ["1"])
    assert (seen[0]["pass_type"], seen[0]["pass"]) == ("MD5", "0f3b905b66c51de9b00403a8a3305649")
    with vicidial.serve() as sim, site.connected(sim.url, login_form="md5", call_source="call_report_export") as one:
        since = records.Cursor(datetime(2026, 11, 20, 15, tzinfo=UTC))
        assert list(one.pull("calls", since, since.at + timedelta(hours=2), ())), "HTTP Basic has one form"


def test_a_second_factor_is_told_from_a_wrong_password() -> None:
    said = "ERROR: Login incorrect, please try again: |6666|1234|2FA|\n"
    with site.answering(lambda _: (200, said)) as url, site.connected(url) as dialer:
        refused = asked(dialer)
    assert isinstance(refused, errors.LoginRefused)
    assert "Two Factor" in refused.fix
    assert "1234" not in f"{refused} {refused.fix}"


def test_what_the_web_server_answers_itself_counts_for_nothing(restart: Restart) -> None:
    for status in (302, 403, 404, 429, 503):
        with site.answering(lambda _, status=status: (status, "<html>no</html>")) as url:  # type: ignore[misc]  # mypy gives lambdas with defaults no type
            for _ in range(10):
                with dialling(url, restart()) as connector:
                    refused = asked(connector)
                    assert not isinstance(refused, errors.LoginRefused)


def test_a_store_in_trouble_sends_nothing_with_a_login_that_is_not_known_to_be_good(restart: Restart) -> None:
    class Broken(InMemory):
        def change(self, name: str, how: Callable[[str | None], str | None]) -> str | None:
            raise errors.UserError("the disk under the state store is full")

    with vicidial.serve() as sim, dialling(sim.url, Broken(), "1234") as connector:
        refused = asked(connector)
        assert isinstance(refused, errors.RetryLater)
        assert "the disk under the state store is full" in str(refused)
        assert site.door(sim.url, "requests")["functions"] == {}


@pytest.mark.parametrize(
    ("text", "is_good"),
    [("SUCCESS: lead_search 1 LEADS FOUND - 7|1\n", True), ("PHP Fatal error: Uncaught mysqli", False), ("", False)],
)
def test_an_answer_whose_sql_broke_after_it_was_given_shows_a_login_that_is_good(text: str, *, is_good: bool) -> None:
    with site.answering(lambda _: (500, text)) as url, site.connected(url) as dialer:
        with pytest.raises(errors.RetryLater):
            dialer._api.read("lead_search", {})
        assert dialer._api.logins.is_good == is_good
