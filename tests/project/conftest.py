"""The shop of the command line's tests, for the daemon."""

from tests.cli.conftest import bare, shop

__all__ = ["bare", "shop"]
