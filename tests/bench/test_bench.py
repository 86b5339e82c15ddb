"""`python -m bench` at its smallest."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)  # a dozen processes, one after the other
def test_the_bench_ends_with_one_json_object_that_holds_every_figure() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--leads", "3", "--rows", "20", "--rounds", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    table, _, last = done.stdout.removesuffix("\n").rpartition("\n")
    result = json.loads(last)
    assert "CPU per lead" in table
    assert result["command"] == "python -m bench --leads 3 --rows 20 --rounds 1"
    assert result["machine"]["cores"] >= 1
    assert {"syncd", "python", "sqlite", "requests"} <= result["machine"]["versions"].keys()
    assert set(result["push"]) == {"new", "first", "updates", "loop"}
    for one in result["push"].values():
        assert one["cpu_ms_per_lead"] > 0
        assert one["leads_per_second"] > 0
        assert len(one["rounds_cpu_ms"]) == 1
    assert result["push"]["new"]["loop_cpu_ratio"] > 0
    assert set(result["plan"]) == {"unchanged", "mapped", "staged"}
    assert all(one["rows_per_cpu_second"] > 0 for one in result["plan"].values())
    memory = result["memory"]
    assert [one["rows"] for one in memory["staged"]] == [2, 10, 20]
    assert memory["stage_peak_mb"] >= memory["staged"][-1]["rss_mb"] > 0
    assert memory["deliver_peak_mb"] > 0
    assert memory["delivered"] >= 2
