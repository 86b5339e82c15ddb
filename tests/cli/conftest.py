"""Fixtures of the command line's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import forks
from tests.cli import shop as shops


@pytest.fixture
def bare(tmp_path: Path, forks_: forks.Forks) -> Iterator[shops.Shop]:
    """A shop without a store."""
    with shops.opened(tmp_path, forks_) as shop:
        yield shop


@pytest.fixture
def shop(bare: shops.Shop) -> shops.Shop:
    """A shop with an empty store."""
    bare.upgrade()
    return bare
