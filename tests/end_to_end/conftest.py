"""A customer for tests that need no sweep: CRM and store on SQLite, a stock VICIdial."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end import site as sites
from tests.end_to_end import story, sweep


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where the system offers that: no power cut is simulated, so nothing is gained by
    waiting for a disk at each of a sweep's thousands of commits."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="syncd-test-") as made:
        yield Path(made)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[sites.Site]:
    """The customer, with two people whom nothing keeps from being called."""
    with sites.opened(tmp_path, f"sqlite:///{tmp_path / 'syncd.db'}") as made:
        made.crm.enter("1", name="Ann", phone="727 555 0001")
        made.crm.enter("2", name="Bob", phone="727 555 0002")
        yield made


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> story.Telling:
    """The calm day on SQLite with a stock VICIdial: what all others must end like, whatever the CRM."""
    with sweep.customer(tmp_path_factory.mktemp("calm")) as site:
        return story.tell(site, story.Disturbance())
