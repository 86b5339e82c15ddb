"""The program stops at every commit and at every remote write, in every way; both sides end as on a calm day.

With SYNCD_NIGHTLY=1 at every one of them on both stores. Else on SQLite at every second write and third commit, on
PostgreSQL at every fourth write and eighth commit, so chosen that the ways of failing together meet every write.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import structlog

from syncd.sdk.testing import faulty
from syncd.store.database import Moment
from tests.engine import site as sites
from tests.engine import story

NIGHTLY = os.environ.get("SYNCD_NIGHTLY") == "1"
PARTS = 4  # shares of the commits, so that workers can divide them
KINDS: tuple[faulty.Kind, ...] = (*faulty.KINDS, "freeze_before", "freeze_after")


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    made.upgrade()
    with structlog.testing.capture_logs():
        yield made
    made.close()


def tell(site: sites.Site, disturbance: story.Disturbance) -> dict[str, object]:
    site.forget()
    return story.Story(site, disturbance).tell()


def calm_day(site: sites.Site) -> tuple[dict[str, object], story.Disturbance]:
    disturbance = story.Disturbance()
    return tell(site, disturbance), disturbance


def test_the_calm_day_is_as_told(site: sites.Site) -> None:
    picture, seen = calm_day(site)
    people = picture["people"]
    assert isinstance(people, dict)
    assert people["1"]["lead_status"] == "SALE", "a later NA is weaker"
    assert people["6"]["lead_status"] == "DNC"
    leads = picture["leads"]
    assert sum(leads.values()) == 5, "no phone and opted out never become leads"  # type: ignore[attr-defined]  # a Counter
    assert seen.faults.writes >= 20
    assert seen.commits >= 100


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_every_write_changes_nothing_in_the_end(site: sites.Site, kind: faulty.Kind) -> None:
    undisturbed, seen = calm_day(site)
    step = 1 if NIGHTLY else 2 if site.db.sqlite else 4
    for at in range(1 + KINDS.index(kind) % step, seen.faults.writes + 1, step):
        disturbance = story.Disturbance(faults=faulty.Faults(kind, at))
        assert tell(site, disturbance) == undisturbed, f"{kind} at write {at}"
        assert disturbance.faults.writes >= at, "the fault was never reached"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_every_commit_changes_nothing_in_the_end(site: sites.Site, moment: Moment, part: int) -> None:
    undisturbed, seen = calm_day(site)
    step = PARTS * (1 if NIGHTLY else 3 if site.db.sqlite else 8)
    for number in range(1 + part, seen.commits + 1, step):
        disturbance = story.Disturbance(commit=(number, moment))
        assert tell(site, disturbance) == undisturbed, f"{moment} commit {number}"
        assert disturbance.commit is None, "the crash was never reached"
