"""A configuration file with one client, and ways to read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.config import load, models
from syncd.sdk import errors

HEAD = """\
clients:
  acme:
    crm: {type: memory}
    dialer: {type: vicidial, url: "http://127.0.0.1:9", user: api, password: "${env:SYNCD_TEST_PASSWORD}"}
"""
PASSWORD = "s3cret-Word"

Load = Callable[[str], models.Settings]
Wrong = Callable[[str], list[str]]


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that files name."""
    monkeypatch.setenv("SYNCD_TEST_PASSWORD", PASSWORD)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def good(tmp_path: Path) -> Load:
    """Settings of a text."""

    def read(text: str) -> models.Settings:
        path = tmp_path / "syncd.yaml"
        path.write_text(text, "utf-8")
        path.chmod(0o600)
        return load.load(path)

    return read


@pytest.fixture
def wrong(tmp_path: Path) -> Wrong:
    """The lines of the error that a text gets, without the file's folder."""

    def read(text: str) -> list[str]:
        path = tmp_path / "syncd.yaml"
        path.write_text(text, "utf-8")
        path.chmod(0o600)
        with pytest.raises(errors.UserError) as caught:
            load.load(path)
        assert PASSWORD not in repr(caught.value)
        assert caught.value.__cause__ is None
        return [line.replace(f"{tmp_path}/", "") for line in str(caught.value).splitlines()]

    return read
