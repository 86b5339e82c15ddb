"""`python -m bench.upgrade` at its smallest."""

from __future__ import annotations

import json

import pytest

from bench import upgrade as bench
from syncd.store import upgrade


def test_an_old_store_is_filled_and_brought_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--links", "30"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["links"], found["from"], found["to"]) == (30, "0001", upgrade.HEAD)
