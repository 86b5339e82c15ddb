"""The simulator as a process: ready line, signals, refusals."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulators.asking import Door, state

COMMAND = (sys.executable, "-m", "syncd.simulators.vicidial")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    given = state()
    given["lists"].append({"list_id": "4711", "list_name": "Mine", "campaign_id": "OTHER"})
    file = tmp_path / "state.json"
    file.write_text(json.dumps(given), encoding="utf-8")
    arguments = ("--listen", "127.0.0.1:0", "--state", str(file), "--profile", "guide")
    with subprocess.Popen((*COMMAND, *arguments), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = re.fullmatch(r"ready (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
        assert ready is not None
        assert Door(ready[1]).ask("list_info", list_id="4711").startswith("4711|Mine|OTHER|")
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stdout.read() == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--listen", "0.0.0.0:0"), "listens on a loopback address only"),
        (("--listen", "8080"), "HOST:PORT is expected"),
        (("--listen", "127.0.0.1:0", "--faults", "boom"), "no such fault"),
        (("--listen", "127.0.0.1:0", "--state", "missing.json"), "missing.json"),
        (("--listen", "127.0.0.1:0", "--state", "list.json"), "a JSON object is expected"),
        (("--listen", "127.0.0.1:0", "--state", "broken.json"), "broken.json: not JSON"),
    ],
)
def test_what_it_cannot_use_is_refused_with_a_reason(
    tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    ended = subprocess.run(
        (*COMMAND, *arguments), cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
