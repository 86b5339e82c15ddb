"""`python -m bench.adopt` at its smallest."""

from __future__ import annotations

import json
import os

import pytest

from bench import adopt


@pytest.mark.skipif(os.environ.get("SYNCD_NIGHTLY") != "1", reason="three processes for a handful of leads")
def test_all_leads_are_adopted_and_none_is_created(capsys: pytest.CaptureFixture[str]) -> None:
    assert adopt.main(["--leads", "10"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["leads"], found["next_run_creates"]) == (10, 0)
