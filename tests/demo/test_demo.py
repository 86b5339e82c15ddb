"""`syncd demo` as a newcomer runs it: its numbers are those of the scenario, and of the CRM that it leaves behind."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncd.cli.demo import people, scenario

# As from a terminal: tests that run in the background inherit that SIGINT is ignored.
_MAIN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from syncd.cli.main import main
sys.exit(main())
"""
SYNCD = (sys.executable, "-c", _MAIN, "demo")
SECONDS = 110


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that has ended."""

    folder: Path
    code: int
    found: Mapping[str, Any]
    said: str

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of the CRM."""
        with closing(sqlite3.connect(self.folder / "crm.db")) as connection:
            return connection.execute(statement).fetchall()


def told(folder: Path, profile: str, *more: str) -> Demo:
    """Run the demo once."""
    command = [*SYNCD, "--once", "--json", "--profile", profile, "--keep", str(folder), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    lines = done.stdout.splitlines()
    assert lines, done.stderr
    return Demo(folder, done.returncode, json.loads(lines[-1]), done.stdout + done.stderr)


def every_number_is_what_the_scenario_implies(demo: Demo) -> None:
    found = demo.found
    assert (demo.code, found["ok"]) == (0, True), demo.said
    assert {name: found[name] for name in found["expected"]} == found["expected"]
    fates = Counter(person.expect.partition(":")[0] for person in (*people.PEOPLE, *scenario.NEWCOMERS))
    later = sum(change.expect == "created" for change in scenario.CHANGES)
    assert found["leads_created"] == fates["created"] + later
    assert found["leads_skipped"] + found["leads_held"] == fates["skipped"] + fates["held"] - later
    assert found["leads_held"] > 0
    assert found["dispositions_written"] > 0
    assert (found["duplicates"], found["lost"]) == (0, 0)


def the_crm_has_each_call_once(demo: Demo) -> None:
    calls = demo.rows("SELECT uniqueid, direction, person_id, result FROM calls")
    made = len(scenario.CALLS) + len(scenario.DURING_THE_OUTAGE)
    assert len(calls) == len({call[:2] for call in calls}) == made == demo.found["calls_written"]
    by_person = Counter(person for _, _, person, _ in calls)
    called = Counter(call.person for call in scenario.CALLS)
    assert sum(abs(by_person[person] - count) for person, count in called.items()) <= len(scenario.DURING_THE_OUTAGE)


def the_crm_has_the_disposition_of_everybody_who_was_called(demo: Demo) -> None:
    statuses = dict(demo.rows("SELECT id, call_status FROM people WHERE call_status IS NOT NULL"))
    assert len(statuses) == demo.found["dispositions_written"]
    assert statuses["C-1001"] == "sold", "a sale stays, though a later call was less"
    assert statuses["C-1004"] == "do not call"
    assert statuses["C-1005"] == "sold", "as corrected"
    assert statuses["A-20"] == "sold", "the call that ended late"
    assert demo.rows("SELECT id FROM people WHERE do_not_call = 1") == [("C-1004",), ("C-1013",), ("A-15",)]


def no_phone_number_and_no_password_is_in_what_it_says_and_logs(demo: Demo) -> None:
    said = demo.said + "".join(path.read_text(encoding="utf-8") for path in demo.folder.glob("*.log"))
    everybody = (*people.PEOPLE, *scenario.NEWCOMERS)
    assert [number for _, number in map(people.Person.number, everybody) if len(number) > 6 and number in said] == []
    users = json.loads((demo.folder / "vicidial.json").read_text(encoding="utf-8"))["users"]
    password = next(user["pass"] for user in users if "pass" in user)
    assert password not in said + (demo.folder / "demo.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("profile", ["stock", "guide"])
def test_through_a_crash_everything_is_there_once_on_both_sides(tmp_path: Path, profile: str) -> None:
    demo = told(tmp_path / "kept", profile)
    every_number_is_what_the_scenario_implies(demo)
    the_crm_has_each_call_once(demo)
    the_crm_has_the_disposition_of_everybody_who_was_called(demo)
    no_phone_number_and_no_password_is_in_what_it_says_and_logs(demo)


@pytest.mark.parametrize("crm", ["hubspot", "salesforce"])
def test_with_another_crm_everything_is_there_once_too(tmp_path: Path, crm: str) -> None:
    demo = told(tmp_path / "kept", "stock", "--crm", crm)
    every_number_is_what_the_scenario_implies(demo)
    no_phone_number_and_no_password_is_in_what_it_says_and_logs(demo)
    made = len(scenario.CALLS) + len(scenario.DURING_THE_OUTAGE)
    assert demo.found["calls_written"] == made
    assert demo.found["people"] == len(people.PEOPLE) + len(scenario.NEWCOMERS)
    written = (demo.folder / "demo.yaml").read_text(encoding="utf-8")
    assert f"type: {crm}" in written
    assert not (demo.folder / "crm.db").exists()


def test_ctrl_c_ends_every_child_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with subprocess.Popen([*SYNCD], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        url = ""
        for line in process.stdout:
            url = line.split()[-1] if "http://" in line else url
            if "Started syncd" in line:
                break
        assert list(tmp_path.iterdir())
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(SECONDS) == 130
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{url}/vicidial/non_agent_api.php", timeout=5)  # noqa: S310  # the demo's own address


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep me", encoding="utf-8")
    done = subprocess.run(
        [*SYNCD, "--once", "--keep", str(tmp_path)], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
