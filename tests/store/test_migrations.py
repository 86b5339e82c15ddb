"""Each migration says which syncd may still use the store after it, and it is true."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from syncd.store import upgrade

_SCRIPTS = sorted(upgrade.migrations_folder().glob("versions/*.py"))
_ADDS = {"add_column", "create_table", "create_index", "f"}


def _assigned(tree: ast.Module, name: str) -> object:
    (found,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name
    )
    return ast.literal_eval(found)


def _is_blank_or_filled(column: ast.Call) -> bool:
    """Whether rows of somebody who does not know the column can be inserted."""
    given = {word.arg: word.value for word in column.keywords}
    nullable = given.get("nullable")
    return "server_default" in given or (isinstance(nullable, ast.Constant) and nullable.value is True)


def _takes_away(tree: ast.Module) -> list[str]:
    """What a migration does besides adding what an older syncd need not know."""
    (body,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade")
    found = []
    for call in (node for node in ast.walk(body) if isinstance(node, ast.Call)):
        if not (isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name)):
            continue
        if call.func.value.id != "op":
            continue
        unique = any(word.arg == "unique" and ast.literal_eval(word.value) for word in call.keywords)
        if call.func.attr not in _ADDS or (call.func.attr == "create_index" and unique):
            found.append(call.func.attr)
        if call.func.attr == "add_column":
            column = call.args[1]
            assert isinstance(column, ast.Call)
            if not _is_blank_or_filled(column):
                found.append("add_column that must be filled")
    return found


@pytest.mark.parametrize("script", _SCRIPTS, ids=lambda path: path.stem)
def test_what_takes_something_away_says_so(script: Path) -> None:
    tree = ast.parse(script.read_text("utf-8"))
    revision, oldest = _assigned(tree, "revision"), _assigned(tree, "oldest")
    assert isinstance(oldest, str)
    assert oldest <= str(revision)
    if _takes_away(tree):
        assert oldest == revision, _takes_away(tree)


def test_the_head_is_the_newest_migration() -> None:
    assert upgrade.revisions()[0] == upgrade.HEAD == _SCRIPTS[-1].name[:4]
    assert upgrade.oldest() <= upgrade.HEAD
