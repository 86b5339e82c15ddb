"""The worked example of docs/connectors.md: the page shows what is there, and it works as a user installs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from syncd.simulators import vicidial
from tests.end_to_end import dialer

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "rolodex"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of somebody who has installed the example's wheel."""
    folder = tmp_path_factory.mktemp("rolodex")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=EXAMPLE, check=True, stdin=subprocess.DEVNULL)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return {**os.environ, "PYTHONPATH": str(folder / "site"), "PYTHONDONTWRITEBYTECODE": "1"}


def test_the_page_shows_what_is_in_the_files() -> None:
    page = (ROOT / "docs" / "connectors.md").read_text("utf-8")
    _, _, section = page.partition("## A worked example")
    blocks = re.findall(r"```(?:python|toml)\n(.*?)```", section, re.DOTALL)
    files = [path.read_text("utf-8") for path in sorted(EXAMPLE.iterdir()) if path.is_file()]
    assert len(blocks) == 5
    assert [block for block in blocks if not any(block in text for text in files)] == []
    assert {text for text in files if text in blocks} == {files[0], files[1]}, "two are shown whole"


def test_it_passes_the_contract(installed: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-c", "pytest.ini", EXAMPLE / "test_syncd_rolodex.py"],
        cwd=tmp_path,
        env=dict(installed),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed is not None
    assert int(passed[1]) > 80


def _tests() -> ModuleType:
    """The example's tests as a module, for their server."""
    sys.path.insert(0, str(EXAMPLE))
    try:
        spec = util.spec_from_file_location("test_syncd_rolodex", EXAMPLE / "test_syncd_rolodex.py")
        assert spec is not None
        assert spec.loader is not None
        module = util.module_from_spec(spec)
        sys.modules["test_syncd_rolodex"] = module  # dataclasses and annotations look for it there
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(EXAMPLE))


@contextmanager
def serving() -> Iterator[Any]:
    """The example's CRM."""
    module = _tests()
    with module.Rolodex() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server, module.TOKEN
        server.shutdown()


def test_init_knows_it_and_it_is_kept_in_step_with_a_vicidial(installed: Mapping[str, str], tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    environ = {**installed, "SYNCD_CONFIG": str(tmp_path / "syncd.yaml"), "CREDENTIALS_DIRECTORY": str(secrets)}

    def syncd(*arguments: str) -> None:
        ran = subprocess.run(
            [Path(sysconfig.get_path("scripts")) / "syncd", *arguments],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    with serving() as (crm, token), vicidial.serve(dialer.state()) as sim, closing(dialer.Door(sim.url)) as door:
        (secrets / "acme_crm_token").write_text(token)
        (secrets / "acme_dialer_password").write_text(dialer.PASSWORD)
        crm.put("people", "1", name="Ann", phone="7275551001")
        said = {"crm.url": f"http://127.0.0.1:{crm.server_port}", "start": "all"}
        said |= {"phone": "phone", "first_name": "name", "values.list_id": dialer.LIST}
        said |= {"dialer.url": sim.url, "dialer.user": dialer.API_USER, "dialer.time_zone": dialer.TIME_ZONE}
        said |= {"dialer.find_lag_seconds": "0", "dialer.history_days": "1", "dialer.use_non_latin": "true"}
        pairs = [part for key, value in said.items() for part in ("--set", f"{key}={value}")]
        syncd("init", "acme", "--crm", "rolodex", *pairs)
        path = tmp_path / "clients" / "acme.yaml"
        path.write_text(path.read_text("utf-8").replace("    mode: shadow\n", "").replace("start: now", "start: all"))
        main = tmp_path / "syncd.yaml"
        main.write_text(main.read_text("utf-8").replace("/var/lib/syncd", str(tmp_path)))
        syncd("config", "check")
        syncd("db", "upgrade")
        syncd("run", "--once")
        lead = door.lead_of("1")
        assert (lead["first_name"], lead["phone_number"]) == ("Ann", "7275551001")
        door.call(int(lead["lead_id"]), "SALE", seconds_ago=60)
        syncd("run", "--once")
        (call,) = crm.tables["calls"].values()
        assert (call["person"], call["result"]) == ("1", "SALE")
        assert crm.tables["people"]["1"]["last_result"] == "SALE"
