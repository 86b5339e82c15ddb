"""Whatever people, agents, networks and operating systems do: once recovery has run, both sides are as they must be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
import pytest
from hypothesis import stateful

from tests.engine import flaky, machine

NIGHTLY = os.environ.get("SYNCD_NIGHTLY") == "1"
PARTS = 4  # shares of the examples, so that workers can divide them
SQLITE_EXAMPLES, POSTGRESQL_EXAMPLES = (500, 100) if NIGHTLY else (12, 6)  # of each part; altogether
STEPS = 40
MEMORY = Path("/dev/shm")


def explore(site: flaky.FlakySite, examples: int, seed: int) -> None:
    """Run the machine: each night other examples, else always the same ones."""

    def made() -> machine.Machine:
        return machine.Machine(site)

    stateful.run_state_machine_as_test(
        made if NIGHTLY else hypothesis.seed(seed)(made),  # type: ignore[arg-type]  # Hypothesis calls it, no more
        settings=hypothesis.settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a store is that commits thousands of times: in memory, if the system has a place there."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(prefix="syncd-", dir=MEMORY) as made:
        yield Path(made)


@pytest.mark.timeout(3 * 3600 if NIGHTLY else 600)
@pytest.mark.parametrize("part", range(PARTS))
def test_both_sides_agree_in_the_end_on_sqlite(folder: Path, part: int) -> None:
    site = flaky.FlakySite(f"sqlite:///{folder / 'syncd.db'}")
    site.upgrade()
    explore(site, SQLITE_EXAMPLES, part)
    site.close()


@pytest.mark.timeout(3 * 3600 if NIGHTLY else 600)
def test_both_sides_agree_in_the_end_on_postgresql(postgres_dsn: str) -> None:
    site = flaky.FlakySite(postgres_dsn)
    site.upgrade()
    explore(site, POSTGRESQL_EXAMPLES, PARTS)
    site.close()
