"""What a test does without its service: it skips on a developer's machine, but fails where the service is promised."""

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Given what is missing and how to get it, skip the test; fail it where CI or SYNCD_CI is set."""
    if os.environ.get("CI") or os.environ.get("SYNCD_CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
