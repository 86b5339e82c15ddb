"""`python -m bench.export_rows` at its smallest."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_prints_one_json_object_that_holds_every_figure() -> None:
    command = [sys.executable, "-m", "bench.export_rows", "--rows", "200", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["rows"] == 200 + 1  # one call is there from the beginning
    assert len(result["rounds"]) == 1
    assert 0 < result["peak_bytes"] < result["bytes"]
