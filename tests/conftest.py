"""Fixtures for all tests: fresh databases on real servers, and where commands run."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.cli import forks
from tests.services import mariadb, postgresql

# How long an example takes depends on what else the machine does; pytest-timeout ends what hangs.
hypothesis.settings.register_profile("syncd", deadline=None)
hypothesis.settings.load_profile("syncd")


@pytest.fixture(scope="session")
def forks_() -> Iterator[forks.Forks]:
    """Where this test process runs its commands."""
    with forks.running() as process:
        yield process


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgresql.Server]:
    """A PostgreSQL server of this test process."""
    with postgresql.running() as server:
        yield server


@pytest.fixture
def postgres_dsn(postgres_server: postgresql.Server) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh PostgreSQL database."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[mariadb.Server]:
    """A MariaDB server of this test process."""
    with mariadb.running() as server:
        yield server


@pytest.fixture
def mariadb_dsn(mariadb_server: mariadb.Server) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh MariaDB database; its user may do everything, grant included."""
    with mariadb_server.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The SQLAlchemy URL of a fresh database for the store, once on each engine that the store supports."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'syncd.db'}"
    url = request.getfixturevalue("postgres_dsn")
    assert isinstance(url, str)
    return url
