"""Fixtures of the VICIdial connector's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services import mariadb
from tests.vicidial import tables as vicidial_tables


@pytest.fixture(scope="session")
def vicidial_database(mariadb_server: mariadb.Server) -> Iterator[vicidial_tables.Tables]:
    """A database with VICIdial's tables, for all tests of this process."""
    with mariadb_server.database() as dsn, vicidial_tables.made(dsn) as found:
        yield found


@pytest.fixture
def tables(vicidial_database: vicidial_tables.Tables) -> Iterator[vicidial_tables.Tables]:
    """VICIdial's own database, empty, and a user that may read what is needed."""
    with vicidial_tables.entered(vicidial_database) as found:
        yield found
