"""The wheel: what it installs, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_import_name_starts_with_syncd(names: set[str]) -> None:
    top = {name.split("/")[0] for name in names}
    installed = {name for name in top if not name.endswith(".dist-info")}
    assert installed == {"syncd", "syncd_hubspot", "syncd_salesforce", "syncd_sql", "syncd_vicidial"}


def test_the_migrations_are_inside(names: set[str]) -> None:
    scripts = {path.relative_to(ROOT / "migrations").as_posix() for path in (ROOT / "migrations").rglob("*.py")}
    assert scripts
    assert {f"syncd/_migrations/{script}" for script in scripts} <= names


def test_type_checkers_may_use_its_annotations(names: set[str]) -> None:
    assert "syncd/py.typed" in names
