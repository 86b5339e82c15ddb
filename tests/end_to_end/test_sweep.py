"""Every fault of the dialer at every write, and the end of the program at every commit: no trace of it in the end.

By default each fault is tried at every second write on SQLite, so that each write is met by half of them, and samples
of the rest; SYNCD_NIGHTLY=1 takes every point everywhere.
"""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path

import pytest

from tests.end_to_end import story, sweep
from tests.end_to_end.crm_sql import SqlCrm
from tests.end_to_end.sweep import FAULTS, customer, leave_no_trace, sample, spec

LOGIN_FAULTS = ("login_incorrect", "locked")  # of any request
PARTS = 4

pytestmark = pytest.mark.timeout(sweep.TIMEOUT_SECONDS)


def faults(calm: story.Telling, part: int) -> list[story.Disturbance]:
    """A share of all faults at all writes."""
    points = [story.Disturbance(spec(*point)) for point in product(FAULTS, range(1, calm.writes + 1))]
    return sweep.share(points, part, PARTS)


def commits(calm: story.Telling, part: int) -> list[story.Disturbance]:
    """A share of the ends at commits."""
    return sweep.share(sweep.commits(calm), part, PARTS)


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
        step = 1 if sweep.NIGHTLY else 2
        writes = range(1 + FAULTS.index(fault) % step, calm.writes + 1, step)
        leave_no_trace(site, calm, [story.Disturbance(spec(fault, at)) for at in writes])


@pytest.mark.parametrize("part", range(PARTS))
def test_a_crash_at_any_commit_leaves_no_trace(part: int, folder: Path, calm: story.Telling) -> None:
    with customer(folder) as site:
        leave_no_trace(site, calm, sample(commits(calm, part), 6, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_refused_login_at_any_request_leaves_no_trace(part: int, folder: Path, calm: story.Telling) -> None:
    points = [story.Disturbance(spec(*point)) for point in product(LOGIN_FAULTS, range(1, calm.requests + 1))]
    with customer(folder) as site:
        leave_no_trace(site, calm, sample(sweep.share(points, part, PARTS), 3, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_fault_at_a_write_and_one_at_any_request_leave_no_trace(part: int, folder: Path, calm: story.Telling) -> None:
    chance = random.Random(f"{sweep.SEED} pairs {part}")
    points = []
    for _ in range(100 if sweep.NIGHTLY else 2):
        write = spec(chance.choice(FAULTS), chance.randint(1, calm.writes))
        other = spec(chance.choice(FAULTS), chance.randint(1, 2 * calm.requests), prefix="all.")
        points.append(story.Disturbance(f"{write},{other}"))
    with customer(folder) as site:
        leave_no_trace(site, calm, points)


@pytest.mark.parametrize("part", range(PARTS))
def test_nor_is_there_one_where_both_streams_run_at_once_on_a_store_on_postgresql(
    part: int, folder: Path, postgres_dsn: str, calm: story.Telling
) -> None:
    with customer(folder, store_url=postgres_dsn) as site:
        site.at_once = True
        leave_no_trace(site, calm, sample(faults(calm, part), 2, part))
        leave_no_trace(site, calm, sample(commits(calm, part), 2, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_nor_is_there_one_with_a_crm_on_postgresql(
    part: int, folder: Path, postgres_dsn: str, calm: story.Telling
) -> None:
    with customer(folder, of=SqlCrm(postgres_dsn)) as site:
        leave_no_trace(site, calm, sample(faults(calm, part), 1, part))
        leave_no_trace(site, calm, sample(commits(calm, part), 1, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_nor_is_there_one_with_a_vicidial_as_the_guide_has_it(part: int, folder: Path, calm: story.Telling) -> None:
    with customer(folder) as site:
        leave_no_trace(site, calm, sample(faults(calm, part), 2, part), profile="guide")
        leave_no_trace(site, calm, sample(commits(calm, part), 1, part), profile="guide")


@pytest.mark.parametrize("part", range(PARTS))
def test_nor_is_there_one_with_a_crm_on_mariadb(part: int, folder: Path, mariadb_dsn: str, calm: story.Telling) -> None:
    with customer(folder, of=SqlCrm(mariadb_dsn)) as site:
        leave_no_trace(site, calm, sample(commits(calm, part), 1, part))
