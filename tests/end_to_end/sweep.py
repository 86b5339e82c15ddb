"""What sweeps share: points at which a day is disturbed, samples of them, and the comparison with the calm day.

SYNCD_NIGHTLY=1 takes every point everywhere; SEED chooses the samples otherwise.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TypeVar, get_args

import structlog

from syncd.store.database import Moment
from tests.end_to_end import crm, story
from tests.end_to_end import site as sites

NIGHTLY = os.environ.get("SYNCD_NIGHTLY") == "1"
TIMEOUT_SECONDS = 7200 if NIGHTLY else 300
SEED = 2
MOMENTS: Sequence[Moment] = get_args(Moment)
# Faults of one write: the simulator's name, and seconds where it takes some. `slow` answers after our patience.
FAULTS = (
    "reset_before", "reset_after", "timeout_before", "timeout_after", "late:0.25", "error_before", "error_after",
    "error_503", "truncated", "html", "html_after", "empty", "refuse:0.1", "slow:0.7",
)  # fmt: skip
_T = TypeVar("_T")


@contextmanager
def customer(folder: Path, *, store_url: str = "", of: crm.Crm | None = None) -> Iterator[sites.Site]:
    """A customer whose store and CRM are on SQLite, where nothing else is said."""
    store_url = store_url or f"sqlite:///{folder / 'syncd.db'}"
    with structlog.testing.capture_logs(), sites.opened(folder, store_url, crm=of) as made:
        yield made


def spec(fault: str, at: int, *, prefix: str = "") -> str:
    """The simulator's specification of one fault at one request; the prefix `all.` counts reads, too."""
    name, _, seconds = fault.partition(":")
    return f"{prefix}{name}@{at}:{seconds}" if seconds else f"{prefix}{name}@{at}"


def share(points: Iterable[_T], part: int, parts: int) -> list[_T]:
    """One of `parts` shares of the points, so that workers can divide them."""
    return list(points)[part::parts]


def sample(points: Sequence[_T], size: int, part: int) -> list[_T]:
    """`size` of the points, or all of them at night."""
    return list(points) if NIGHTLY else random.Random(f"{SEED} {part}").sample(points, size)


def commits(calm: story.Telling) -> list[story.Disturbance]:
    """The end of the program before and after each commit."""
    return [story.Disturbance(commit=point) for point in product(range(1, calm.commits + 1), MOMENTS)]


def leave_no_trace(
    site: sites.Site, calm: story.Telling, disturbances: Iterable[story.Disturbance], *, profile: str = "stock"
) -> None:
    """Tell the day with each of these disturbances, and compare with the calm day."""
    for one in disturbances:
        what = str(one)
        # streams that run at once may share a day's commits otherwise
        may_miss = site.at_once and one.commit is not None
        told = story.tell(site, one, profile=profile)
        assert told.picture == calm.picture, what
        assert told.fired or may_miss, f"{what} never came"
