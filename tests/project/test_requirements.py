"""The pinned requirements: what `make venv` installs is what pyproject.toml allows."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DECLARED = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
PINNED = (ROOT / "deploy" / "requirements-dev.txt").read_text()


@pytest.mark.parametrize("declared", DECLARED)
def test_a_declared_dependency_is_pinned_to_an_allowed_version(declared: str) -> None:
    pins = dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", PINNED, flags=re.MULTILINE))
    requirement = Requirement(declared)
    pin = pins.get(canonicalize_name(requirement.name))
    assert pin is not None, f"{requirement.name} is not pinned: run `make requirements`"
    assert Version(pin) in requirement.specifier, f"{requirement.name} {pin} is outside {declared}"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-uv.txt"])
def test_the_pins_name_no_index(name: str) -> None:
    assert "://" not in (ROOT / "deploy" / name).read_text()


def test_what_is_packaged_is_what_is_tested() -> None:
    packaged, tested = (
        dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, flags=re.MULTILINE))
        for text in ((ROOT / "deploy" / "requirements.txt").read_text(), PINNED)
    )
    declared = {canonicalize_name(Requirement(one).name) for one in PROJECT["project"]["dependencies"]}
    assert declared <= packaged.keys()
    assert packaged.items() <= tested.items()
