"""Every fault of the dialer at every write, and the end of the program at every commit: no trace of it in the end.

By default all faults at all writes are tried on SQLite, and samples of the rest, which SEED chooses; SYNCD_NIGHTLY=1
takes every point everywhere.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TypeVar, get_args

import pytest
import structlog

from syncd.store.database import Moment
from tests.end_to_end import site as sites
from tests.end_to_end import story

NIGHTLY = os.environ.get("SYNCD_NIGHTLY") == "1"
SEED = 2
MOMENTS: Sequence[Moment] = get_args(Moment)
# Faults of one write: the simulator's name, and seconds where it takes some. `slow` answers after our patience.
FAULTS = (
    "reset_before", "reset_after", "timeout_before", "timeout_after", "late:0.25", "error_before", "error_after",
    "error_503", "truncated", "html", "html_after", "empty", "refuse:0.1", "slow:0.7",
)  # fmt: skip
LOGIN_FAULTS = ("login_incorrect", "locked")  # of any request
PARTS = 4  # shares of the points, so that workers can divide them

pytestmark = pytest.mark.timeout(7200 if NIGHTLY else 300)
_T = TypeVar("_T")


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> story.Telling:
    """The calm day on SQLite with a stock VICIdial: what all others must end like."""
    with customer(tmp_path_factory.mktemp("calm")) as site:
        return story.tell(site, story.Disturbance())


@contextmanager
def customer(folder: Path, *, store_url: str = "", crm_url: str = "") -> Iterator[sites.Site]:
    """A customer whose store and CRM are on SQLite, where nothing else is said."""
    store_url = store_url or f"sqlite:///{folder / 'syncd.db'}"
    with structlog.testing.capture_logs(), sites.opened(folder, store_url, crm_url=crm_url) as made:
        yield made


def spec(fault: str, at: int) -> str:
    """The simulator's specification of one fault at one request."""
    name, _, seconds = fault.partition(":")
    return f"{name}@{at}:{seconds}" if seconds else f"{name}@{at}"


def faults(calm: story.Telling, part: int) -> list[str]:
    """A share of all faults at all writes."""
    return [spec(fault, at) for fault, at in product(FAULTS, range(1 + part, calm.writes + 1, PARTS))]


def commits(calm: story.Telling, part: int) -> list[tuple[int, Moment]]:
    """A share of the moments before and after all commits."""
    return list(product(range(1 + part, calm.commits + 1, PARTS), MOMENTS))


def sample(points: Sequence[_T], size: int, part: int) -> list[_T]:
    """`size` of the points, or all of them at night."""
    return list(points) if NIGHTLY else random.Random(f"{SEED} {part}").sample(points, size)


def faults_leave_no_trace(
    site: sites.Site, calm: story.Telling, specs: Iterable[str], *, profile: str = "stock"
) -> None:
    """Tell the day with each of these faults, and compare with the calm day."""
    for one in specs:
        told = story.tell(site, story.Disturbance(one), profile=profile)
        assert told.picture == calm.picture, one
        assert told.fired, f"{one} never came"


def crashes_leave_no_trace(
    site: sites.Site, calm: story.Telling, points: Iterable[tuple[int, Moment]], *, profile: str = "stock"
) -> None:
    """Tell the day with the end of the program at each commit, and compare with the calm day."""
    for number, moment in points:
        told = story.tell(site, story.Disturbance(commit=(number, moment)), profile=profile)
        assert told.picture == calm.picture, f"{moment} commit {number}"
        # streams that run at once may share a day's commits otherwise
        assert told.fired or site.at_once, f"there was no commit {number}"


def test_the_calm_day_is_as_told(calm: story.Telling) -> None:
    assert calm.writes >= 12
    assert calm.commits >= 60
    people, leads, calls, told = (calm.picture[name] for name in ("people", "leads", "calls", "told"))
    assert isinstance(people, dict)
    assert {("call_status", "sold"), ("last_call_at", "1 NA")} <= set(people["1"]), "a later NA is weaker"
    assert ("opted_out", "1") in people["4"], "a do-not-call request of a call comes back"
    assert ("call_status", "call back") in people[story.LONG_ID], "a correction comes back"
    assert len(leads) == 5, "four people and the walk-in"  # type: ignore[arg-type]  # a Counter
    assert calls.total() == len(calls) == 4  # type: ignore[attr-defined,arg-type]  # a Counter
    held, skipped = told["leads"]  # type: ignore[index]  # a dict
    assert held == {"shared_phone": 1}
    assert skipped == {"dnc": 2, "no_phone": 1, "opt_out": 1}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_any_write_leaves_no_trace(fault: str, folder: Path, calm: story.Telling) -> None:
    with customer(folder) as site:
        faults_leave_no_trace(site, calm, [spec(fault, at) for at in range(1, calm.writes + 1)])


@pytest.mark.parametrize("part", range(PARTS))
def test_a_crash_at_any_commit_leaves_no_trace(part: int, folder: Path, calm: story.Telling) -> None:
    with customer(folder) as site:
        crashes_leave_no_trace(site, calm, sample(commits(calm, part), 6, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_refused_login_at_any_request_leaves_no_trace(part: int, folder: Path, calm: story.Telling) -> None:
    points = product(LOGIN_FAULTS, range(1 + part, calm.requests + 1, PARTS))
    with customer(folder) as site:
        faults_leave_no_trace(site, calm, sample([spec(*point) for point in points], 3, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_fault_at_a_write_and_one_at_any_request_leave_no_trace(part: int, folder: Path, calm: story.Telling) -> None:
    chance = random.Random(f"{SEED} pairs {part}")
    points = []
    for _ in range(100 if NIGHTLY else 2):
        write = spec(chance.choice(FAULTS), chance.randint(1, calm.writes))
        points.append(f"{write},all.{spec(chance.choice(FAULTS), chance.randint(1, 2 * calm.requests))}")
    with customer(folder) as site:
        faults_leave_no_trace(site, calm, points)


@pytest.mark.parametrize("part", range(PARTS))
def test_nor_is_there_one_where_both_streams_run_at_once_on_a_store_on_postgresql(
    part: int, folder: Path, postgres_dsn: str, calm: story.Telling
) -> None:
    with customer(folder, store_url=postgres_dsn) as site:
        site.at_once = True
        faults_leave_no_trace(site, calm, sample(faults(calm, part), 2, part))
        crashes_leave_no_trace(site, calm, sample(commits(calm, part), 2, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_nor_is_there_one_with_a_crm_on_postgresql(
    part: int, folder: Path, postgres_dsn: str, calm: story.Telling
) -> None:
    with customer(folder, crm_url=postgres_dsn) as site:
        faults_leave_no_trace(site, calm, sample(faults(calm, part), 1, part))
        crashes_leave_no_trace(site, calm, sample(commits(calm, part), 1, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_nor_is_there_one_with_a_vicidial_as_the_guide_has_it(part: int, folder: Path, calm: story.Telling) -> None:
    with customer(folder) as site:
        faults_leave_no_trace(site, calm, sample(faults(calm, part), 2, part), profile="guide")
        crashes_leave_no_trace(site, calm, sample(commits(calm, part), 1, part), profile="guide")


@pytest.mark.parametrize("part", range(PARTS))
def test_nor_is_there_one_with_a_crm_on_mariadb(part: int, folder: Path, mariadb_dsn: str, calm: story.Telling) -> None:
    with customer(folder, crm_url=mariadb_dsn) as site:
        crashes_leave_no_trace(site, calm, sample(commits(calm, part), 1, part))
