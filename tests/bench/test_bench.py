"""`python -m bench` at its smallest."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import far, report
from bench.figures import Aim, Figure, Part

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"


def run(*arguments: str, path: str | None = None) -> tuple[str, dict[str, Any]]:
    """The table and the object that a bench prints; `path`: where programs are looked for."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env={**os.environ, **({"PATH": path} if path is not None else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    table, _, last = done.stdout.removesuffix("\n").rpartition("\n")
    return table, json.loads(last)


@pytest.mark.timeout(600)  # some dozens of processes, one after the other
def test_a_bench_ends_with_one_json_object_that_holds_every_figure(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    shutil.copy(PAGE, page)
    table, result = run("--quick", "--docs", str(page))
    assert result["command"] == f"python -m bench --quick --docs {page}"
    assert result["machine"]["cores"] >= 1
    assert {"syncd", "python", "sqlite", "requests"} <= result["machine"]["versions"].keys()
    parts = result["figures"]
    assert list(parts) == [
        "fixed", "client", "push", "sqlite", "mariadb", "hubspot", "salesforce", "planning", "memory",
    ]  # fmt: skip
    missing = [
        name for name, there in (("wrk", bool(shutil.which("wrk"))), ("MariaDB", far.has_mariadb())) if not there
    ]
    for part in parts.values():
        for figure in part.values():
            if figure["value"] is None:
                assert any(name in figure["absent"] for name in missing), figure
            else:
                assert figure["value"] > 0, figure
                assert len(figure["rounds"]) == 1
    assert {"wrk_8", "push_8", "ratio_8", "loop", "loop_ratio_8"} <= parts["fixed"].keys()
    assert parts["client"]["cpu"]["aim"] == "at most 0.35"
    assert parts["push"]["new_cpu"]["aim"] == "at most 1"
    # 5 of each: one request for all of them
    assert parts["hubspot"]["write_batch_update"]["value"] == parts["hubspot"]["write_batch_upsert"]["value"] == 20
    assert parts["salesforce"]["write_composite"]["value"] == 2 / 10 * 200
    assert parts["hubspot"]["read_search"]["value"] == pytest.approx(100 / 6, abs=0.001)
    for text in (table, page.read_text(encoding="utf-8")):
        assert "syncd against wrk, 8 in flight" in text
        assert "searches" in text


def test_without_wrk_its_rows_say_so_and_the_rest_is_measured(tmp_path: Path) -> None:
    table, result = run("--quick", "--only", "fixed", path=str(tmp_path))
    assert "not measured: wrk is not installed" in table
    fixed = result["figures"]["fixed"]
    assert fixed["ratio_8"]["value"] is None
    assert "apt-get install wrk" in fixed["ratio_8"]["absent"]
    assert fixed["push_8"]["value"] > 0
    assert fixed["loop_ratio_8"]["value"] > 0


def test_a_figure_is_the_median_of_its_rounds_held_against_its_aim() -> None:
    rate = Figure("rate", "leads", "/s", [470.0, 480.4, 490.0], Aim(480))
    assert (rate.value, rate.met, rate.text(1234.5)) == (480.4, True, "1,234/s")
    calls = Figure("calls", "calls", "per 100", [1.004], Aim(1, most=True))
    assert calls.met, "to the digits that are shown"
    assert Figure("calls", "calls", "per 100", [1.006], Aim(1, most=True)).met is False
    assert Figure("rate", "leads", "/s", [1.0]).met is None


def test_a_page_without_the_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Something else\n", encoding="utf-8")
    about = {
        "at": "", "seconds": 0, "command": "", "load": {"before": 0, "after": 0, "highest": 0},
        "machine": {"cores": 1, "processor": "", "system": "", "versions": {}},
    }  # fmt: skip
    with pytest.raises(SystemExit, match="end of figures"):
        report.write(page, about, [Part("part", "Part", [])])
    assert page.read_text(encoding="utf-8") == "# Something else\n"
