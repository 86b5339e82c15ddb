"""config.example.yaml is what the models and connectors say, and nothing in it is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from syncd.config import example, load, models, schema
from syncd.sdk import protocol

FILE = Path(__file__).parents[2] / "config.example.yaml"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every credential that the example names."""
    for name in re.findall(r"\$\{credential:([^}]+)\}", FILE.read_text("utf-8")):
        (tmp_path / name).write_text("abc", "utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))


def test_the_file_is_what_the_models_say() -> None:
    drift = "run: .venv/bin/python -m syncd.config.example config.example.yaml"
    assert FILE.read_text("utf-8") == example.render(), drift


def has(key: str, text: str) -> bool:
    return re.search(rf"^[ #]*{key}:", text, re.MULTILINE) is not None


def test_every_installed_connector_and_every_option_is_in_it() -> None:
    text = FILE.read_text("utf-8")
    roles: tuple[protocol.Role, ...] = ("crm", "dialer")
    for name, connector in (one for role in roles for one in schema.connectors(role)):
        _, found, block = text.partition(f"type: {name}\n")
        assert found
        assert [key for key in connector.Options.model_fields if not has(key, block)] == []
    for model in (models.Settings, models.Client, models.Pipeline, models.Leads, models.Dispositions):
        assert [key for key in model.model_fields if not has(key, text)] == []


def test_what_is_commented_out_is_the_default_and_can_be_put_in(tmp_path: Path) -> None:
    text = FILE.read_text("utf-8")
    own = re.sub(r"^ *# Or, instead, .*(\n *#.*)*", "", text, flags=re.MULTILINE)  # without the other connectors
    whole = re.sub(r"^( *)#(\w+: \S.*)$", r"\1\2", own, flags=re.MULTILINE)
    assert whole != text
    path = tmp_path / "syncd.yaml"
    path.write_text(whole, "utf-8")
    path.chmod(0o600)
    assert load.load(path).clients["acme"] == load.load(FILE).clients["acme"]
