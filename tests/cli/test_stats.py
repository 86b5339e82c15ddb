"""`syncd stats` as a command: once, again and again, and without a dialer that answers."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli import shop as shops
from tests.cli import terminal
from tests.vicidial import site


@pytest.fixture
def floor(shop: shops.Shop) -> shops.Shop:
    """A shop with an agent at work and calls that wait."""
    site.door(shop.sim.url, "agent", user="1001", campaign_id="TESTCAMP", status="READY")
    site.door(shop.sim.url, "queue", campaign_id="TESTCAMP", waiting=7)
    return shop


def break_off(shop: shops.Shop) -> None:
    site.door(shop.sim.url, "faults", spec="all.reset_before")


def use(shop: shops.Shop, **options: Any) -> None:
    settings = shop.settings()
    settings["clients"]["acme"]["dialer"] |= options
    shop.write(settings)


@contextmanager
def watching(shop: shops.Shop, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """`syncd stats acme --watch 1` as a process, and the file of what it prints."""
    path = shop.folder / "watch.txt"
    with path.open("wb") as file:
        process = subprocess.Popen(
            [shops.COMMAND, "stats", "acme", "--watch", "1", *arguments],
            env=shop.environ({}), stdin=subprocess.DEVNULL, stdout=file,
        )  # fmt: skip
    try:
        yield process, path
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for(path: Path, text: str) -> None:
    deadline = time.monotonic() + shops.PATIENCE_SECONDS
    while text not in path.read_text("utf-8"):
        assert time.monotonic() < deadline, path.read_text("utf-8")
        time.sleep(shops.POLL_SECONDS)


def test_once_it_prints_a_table_or_json_and_unknown_figures_are_empty(floor: shops.Shop) -> None:
    ran = floor.syncd("stats", "acme")
    assert (ran.code, ran.err) == (0, "")
    heads, row, *_ = ran.out.splitlines()[1:]
    assert heads.split()[:3] == ["group", "leg", "waiting"]
    assert row.split() == ["TESTCAMP", "out", "7", "1", "1", "0", "0", "0"]  # no share of no calls, no speed of answer
    told = floor.syncd("stats", "acme", "--json").json()
    assert (told["client"], told["problem"], told["age_seconds"]) == ("acme", "", 0.0)
    assert told["groups"][0] == {
        "group": "TESTCAMP", "leg": "out", "calls_waiting": 7, "agents_available": 1, "agents_logged_in": 1,
        "agents_in_calls": 0, "agents_paused": 0, "abandon_percent": None, "answer_seconds": None, "calls_today": 0,
    }  # fmt: skip


def test_config_check_looks_at_what_statistics_need_where_they_are_configured(floor: shops.Shop) -> None:
    floor.sim.world.users["6666"].user_level = 8
    assert floor.syncd("config", "check").code == 0
    settings = floor.settings()
    settings["clients"]["acme"]["statistics"] = {}
    floor.write(settings)
    ran = floor.syncd("config", "check")
    assert ran.code == 2
    assert "clients.acme.dialer.user: user 6666 lacks a permission for call_status_stats" in ran.err
    assert "user_level 9 or more" in ran.err


def test_a_server_that_is_gone_is_said_to_be_and_has_no_numbers(floor: shops.Shop) -> None:
    break_off(floor)
    ran = floor.syncd("stats", "acme")
    assert ran.code == 1
    assert "no statistics, there is no reading yet" in ran.out
    assert "TESTCAMP" not in ran.out
    told = floor.syncd("stats", "acme", "--json").json()
    assert (told["groups"], told["at"], told["age_seconds"]) == (None, None, None)
    assert told["problem"]


@pytest.mark.parametrize("fault", ["html", "empty", "truncated"])
def test_an_answer_that_is_none_is_no_reading(floor: shops.Shop, fault: str) -> None:
    site.door(floor.sim.url, "faults", spec=f"all.{fault}")
    ran = floor.syncd("stats", "acme", "--json")
    assert (ran.code, ran.json()["groups"]) == (1, None)


def test_watched_without_a_terminal_it_prints_lines_survives_a_server_that_goes_and_ends_with_0(
    floor: shops.Shop,
) -> None:
    with watching(floor) as (process, path):
        wait_for(path, "TESTCAMP")
        break_off(floor)
        wait_for(path, "s old: ")
        numbers = path.read_text("utf-8").partition("no statistics, the last reading is ")[2]
        assert "TESTCAMP" not in numbers
        site.door(floor.sim.url, "faults", spec="")
        site.door(floor.sim.url, "queue", campaign_id="TESTCAMP", waiting=9)
        wait_for(path, "TESTCAMP  out  9")
        process.send_signal(signal.SIGINT)
        assert process.wait(shops.PATIENCE_SECONDS) == 0


def test_watched_with_json_each_look_is_a_line(floor: shops.Shop) -> None:
    with watching(floor, "--json") as (process, path):
        wait_for(path, "TESTCAMP")
        break_off(floor)
        wait_for(path, '"groups": null')
        process.send_signal(signal.SIGINT)
        assert process.wait(shops.PATIENCE_SECONDS) == 0
        looks = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert looks[0]["groups"][0]["calls_waiting"] == 7
    assert looks[-1]["at"] == next(look["at"] for look in reversed(looks) if look["groups"])
    assert looks[-1]["age_seconds"] > 0.5


def test_on_a_terminal_the_table_is_drawn_anew_until_ctrl_c(floor: shops.Shop) -> None:
    with terminal.opened(["stats", "acme", "--watch", "1"], floor.environ({})) as screen:
        screen.wait_for("TESTCAMP")
        site.door(floor.sim.url, "queue", campaign_id="OTHER", waiting=5)
        screen.wait_for("OTHER     out  5")
        break_off(floor)
        screen.wait_for("no statistics, the last reading is")
        screen.type(terminal.CTRL_C)
        assert screen.end() == 0
        assert "Traceback" not in screen.shown


def test_a_missing_permission_is_2_says_which_and_pauses_nothing(floor: shops.Shop) -> None:
    use(floor, user="7001", password="nomod")
    ran = floor.syncd("stats", "acme")
    assert ran.code == 2
    assert "user 7001 lacks a permission for call_status_stats" in ran.err
    assert "user_level 9" in ran.err
    assert floor.query("SELECT paused FROM pipeline WHERE paused != ''") == []


def test_a_refused_login_costs_one_attempt_and_pauses_the_client(floor: shops.Shop) -> None:
    use(floor, password="sesame")
    for said in ("refuses the login of user 6666", "not sent: acme"):
        ran = floor.syncd("stats", "acme", "--watch")
        assert ran.code == 2
        assert said in ran.err
        assert "sesame" not in ran.out + ran.err
        assert floor.sim.world.users["6666"].failed_login_count == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("acme", "5"), "goes with --watch"),
        (("acme", "--watch", "0"), "Must be >= 1"),
        (("acme", "--watch", "soon"), "soon"),
        (("acne",), "did you mean acme?"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(shop: shops.Shop, arguments: tuple[str, ...], said: str) -> None:
    ran = shop.syncd("stats", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert shop.sim.functions == {}
