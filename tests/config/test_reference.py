"""The example loads, and the page about the configuration says what the models say."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config import compile as compiler
from syncd.config import load, reference

ROOT = Path(__file__).parents[2]


def test_the_example_is_complete_and_right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("crm_password", "vicidial_password"):
        (tmp_path / name).write_text("abc", "utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    settings = load.load(ROOT / "config.example.yaml")
    (plan,) = compiler.clients(settings)
    kinds = ["leads", "calls", "dispositions", "edits", "dnc", "callbacks", "recordings"]
    assert [pipe.name for pipe in plan.pipelines] == kinds
    assert plan.pipelines[2].protect == {"sold", "do not call"}
    assert settings.warnings == ()


def test_the_page_has_every_key_of_the_models() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert text.count("<!-- keys: ") == text.count("<!-- end -->")
    drift = "run: .venv/bin/python -m syncd.config.reference docs/configuration.md"
    assert text == reference.render(text), drift


def test_every_key_says_what_it_is_for() -> None:
    tables = [reference.table(name) for name in (*reference.MODELS, "sql", "vicidial")]
    assert not [line for table in tables for line in table.splitlines() if line.endswith("|  |")]
