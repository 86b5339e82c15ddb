"""The shop of the command line's tests, for the daemon."""

from tests.cli.conftest import bare, forks_, shop

__all__ = ["bare", "forks_", "shop"]
