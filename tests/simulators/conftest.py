"""Fixtures of the simulator's tests."""

from collections.abc import Iterator

import pytest

from syncd.simulators import vicidial
from tests.simulators.asking import Door, state


@pytest.fixture
def stock() -> Iterator[Door]:
    """A stock server in the recorded state, its clock standing still."""
    with vicidial.serve(state()) as sim:
        sim.world.clock.freeze(frozen=True)
        yield Door(sim.url)


@pytest.fixture
def guide() -> Iterator[Door]:
    """A server with the guide's functions."""
    with vicidial.serve(state(), profile="guide") as sim:
        yield Door(sim.url)
