"""The sweep with each CRM over HTTP: faults of the CRM's own at every request, ends of the program at every commit and
every request of the CRM. All of it ends like the calm day on SQL.

By default a sample of the points is tried; SYNCD_NIGHTLY=1 takes every one. Not among them, since they leave a trace by
intent or none by nature: `several` holds a call for a person; `dead_cursor` and `cursor_death` need more than one page.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from tests.end_to_end import story, sweep
from tests.end_to_end.crm import Crm
from tests.end_to_end.crm_hubspot import HubspotCrm
from tests.end_to_end.crm_salesforce import SalesforceCrm
from tests.end_to_end.story import Disturbance
from tests.end_to_end.sweep import FAULTS, MOMENTS, customer, leave_no_trace, sample, share, spec

PARTS = 2
# What a read can meet: before or after it was applied is the same.
READ_FAULTS = (
    "reset_before", "timeout_before", "error_before", "error_503", "truncated", "html", "empty", "refuse:0.1",
    "slow:0.7",
)  # fmt: skip

pytestmark = pytest.mark.timeout(sweep.TIMEOUT_SECONDS)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of CRM. `of_writes`, `of_requests`: the bad days that only it has."""

    make: Callable[[], Crm]
    of_writes: Sequence[str]
    of_requests: Sequence[str]


_SALESFORCE = (("row_lock", "unavailable"), ("limit_exceeded", "unauthorized", "query_timeout"))
KINDS: Mapping[str, Kind] = {
    "hubspot": Kind(
        HubspotCrm,
        ("partial",),
        ("unauthorized", "forbidden", "busy:1", "busy_bare", "busy_second", "used_up"),
    ),
    "salesforce": Kind(SalesforceCrm, *_SALESFORCE),
    "salesforce without a key field": Kind(partial(SalesforceCrm, with_key_field=False), *_SALESFORCE),
}


@dataclass(frozen=True, slots=True)
class Calm:
    """A kind of CRM and its calm day, by which points are counted."""

    kind: Kind
    day: story.Telling

    def faults_of_writes(self) -> list[str]:
        """Every fault at every write."""
        names = (*FAULTS, *self.kind.of_writes)
        return [spec(*point) for point in product(names, range(1, self.day.of_crm.writes + 1))]

    def faults_of_requests(self) -> list[str]:
        """Every fault of reads at every request. The CRM's own refusals come twice in a row as well: what is put right
        by trying again at once is not then."""
        numbers = range(1, self.day.of_crm.requests + 1)
        once = [spec(*point, prefix="all.") for point in product(READ_FAULTS, numbers)]
        own = list(product(self.kind.of_requests, numbers))
        twice = [f"{spec(name, number)},{spec(name, number + 1)}" for name, number in own]
        return [*once, *(spec(*point) for point in own), *twice]

    def crashes_at_requests(self) -> list[Disturbance]:
        """The end of the program before and after each request is applied."""
        points = product(range(1, self.day.of_crm.requests + 1), MOMENTS)
        return [Disturbance(crm_request=point) for point in points]

    def faults_of_the_dialer(self) -> list[Disturbance]:
        """Every fault of the dialer at every write of a lead."""
        return [Disturbance(spec(*point)) for point in product(FAULTS, range(1, self.day.writes + 1))]

    def bad_days(self, count: int, part: int) -> list[Disturbance]:
        """Faults of both sides, and the end of the program on every other day."""
        chance = random.Random(f"{sweep.SEED} bad days {part}")
        days = []
        for number in range(count):
            of_dialer = spec(chance.choice(FAULTS), chance.randint(1, self.day.requests), prefix="all.")
            of_crm = f"{chance.choice(self.faults_of_writes())},{chance.choice(self.faults_of_requests())}"
            soon = chance.randint(1, self.day.commits * 2 // 3)  # what is refused twice may save some commits
            crash = (soon, chance.choice(MOMENTS)) if number % 2 else None
            days.append(Disturbance(of_dialer, of_crm, crash))
        return days


@pytest.fixture(scope="session", params=list(KINDS))
def calm_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    """Each kind of CRM with its calm day."""
    kind = KINDS[request.param]
    with customer(tmp_path_factory.mktemp("calm"), of=kind.make()) as site:
        return Calm(kind, story.tell(site, Disturbance()))


def test_the_calm_day_ends_alike_with_each_crm(calm_of: Calm, calm: story.Telling) -> None:
    assert calm_of.day.picture == calm.picture
    assert calm_of.day.of_crm.writes >= 6
    assert calm_of.day.of_crm.requests >= 25


@pytest.mark.parametrize("part", range(PARTS))
def test_a_fault_of_the_crm_at_any_write_leaves_no_trace(part: int, folder: Path, calm_of: Calm) -> None:
    points = [Disturbance(crm_fault=one) for one in calm_of.faults_of_writes()]
    with customer(folder, of=calm_of.kind.make()) as site:
        leave_no_trace(site, calm_of.day, sample(share(points, part, PARTS), 4, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_fault_of_the_crm_at_any_request_leaves_no_trace(part: int, folder: Path, calm_of: Calm) -> None:
    points = [Disturbance(crm_fault=one) for one in calm_of.faults_of_requests()]
    with customer(folder, of=calm_of.kind.make()) as site:
        leave_no_trace(site, calm_of.day, sample(share(points, part, PARTS), 2, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_crash_at_any_request_of_the_crm_leaves_no_trace(part: int, folder: Path, calm_of: Calm) -> None:
    with customer(folder, of=calm_of.kind.make()) as site:
        leave_no_trace(site, calm_of.day, sample(share(calm_of.crashes_at_requests(), part, PARTS), 1, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_crash_at_any_commit_leaves_no_trace(part: int, folder: Path, calm_of: Calm) -> None:
    with customer(folder, of=calm_of.kind.make()) as site:
        leave_no_trace(site, calm_of.day, sample(share(sweep.commits(calm_of.day), part, PARTS), 1, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_fault_of_the_dialer_at_any_write_leaves_no_trace(part: int, folder: Path, calm_of: Calm) -> None:
    with customer(folder, of=calm_of.kind.make()) as site:
        leave_no_trace(site, calm_of.day, sample(share(calm_of.faults_of_the_dialer(), part, PARTS), 1, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_faults_of_both_sides_and_a_crash_on_one_day_leave_no_trace(part: int, folder: Path, calm_of: Calm) -> None:
    with customer(folder, of=calm_of.kind.make()) as site:
        leave_no_trace(site, calm_of.day, calm_of.bad_days(150 if sweep.NIGHTLY else 1, part))


@pytest.mark.parametrize("part", range(PARTS))
def test_nor_is_there_one_where_both_streams_run_at_once_on_a_store_on_postgresql(
    part: int, folder: Path, postgres_dsn: str, calm_of: Calm
) -> None:
    points = [Disturbance(crm_fault=one) for one in calm_of.faults_of_writes()] + sweep.commits(calm_of.day)
    with customer(folder, store_url=postgres_dsn, of=calm_of.kind.make()) as site:
        site.at_once = True
        leave_no_trace(site, calm_of.day, sample(share(points, part, PARTS), 1, part))
