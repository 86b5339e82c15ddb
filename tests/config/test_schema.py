"""The JSON Schema takes what syncd takes and finds misspelt keys and impossible values, as an editor sees the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from syncd.config import load, schema

from .test_files import CLIENT as MEMORY

ROOT = Path(__file__).parents[2]
CLIENT = MEMORY.replace(
    "crm: {type: memory}", 'crm: {type: sql, url: "sqlite:////x/y.db", leads: {table: a, id: b, modified: c}}'
)


class _Editor(yaml.SafeLoader):
    """YAML 1.2's idea of a text: no instants, no `yes`."""


_Editor.yaml_implicit_resolvers = {
    first: [
        (tag, re.compile(r"true|false|True|False") if tag.endswith(":bool") else pattern)
        for tag, pattern in found
        if not tag.endswith(":timestamp")
    ]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def seen(text: str) -> Any:
    return yaml.load(text, _Editor)  # noqa: S506  # a safe loader with fewer types


def complaints(document: Any, rules: dict[str, Any]) -> list[str]:
    """Where something is wrong, and where in it if it may be one of several things."""
    found = list(jsonschema.Draft202012Validator(rules).iter_errors(document))
    for error in found:
        found += error.context or ()
    return [".".join(map(str, error.absolute_path)) for error in found]


@pytest.mark.parametrize("rules", [schema.main_file(), schema.client_file()])
def test_it_is_a_json_schema_and_names_every_installed_connector(rules: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(rules)
    for role in ("crm", "dialer"):
        for name, connector in schema.connectors(role):
            assert set(rules["$defs"][f"{role}.{name}"]["properties"]) >= set(connector.Options.model_fields)
    assert "memory" not in str(rules)


def test_the_example_and_a_clients_file_are_right() -> None:
    assert complaints(seen((ROOT / "config.example.yaml").read_text("utf-8")), schema.main_file()) == []
    assert complaints(seen(CLIENT), schema.client_file()) == []
    assert complaints(seen("store: sqlite:////tmp/x.db\n"), schema.main_file()) == []


@pytest.mark.parametrize(
    "rest",
    [
        "phone_region: NO\n",
        "time_zone: Europe/Oslo\nagents: {6666: 12, ann: ann@example.com}\n",
        "phone_region: ${env:SYNCD_TEST_REGION}\n",
    ],
)
@pytest.mark.parametrize(
    "more",
    [
        "every: 15s, mode: shadow",
        "every: 15, guard: {max_removes: 5, max_removes_share: 10%}",
        "every: '15', guard: {max_removes: '5', max_removes_share: 0.1}",
        "where: {a: true, b: [1, x], c: {not: import}, d: {blank: true}, e: 5}",
        "shared_phone: allow, opt_out: {dnc: yes}",
    ],
)
@pytest.mark.parametrize("start", ["all", "2026-11-20", "2026-11-20T10:00:00Z"])
def test_whatever_syncd_takes_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: str, more: str, start: str
) -> None:
    monkeypatch.setenv("SYNCD_TEST_REGION", "SE")
    pipeline = f"start: {start}, {more}, fields: {{phone_number: phone, a: {{value: 012}}, b: {{value: no}}, c: "
    pipeline += "{from: [x, y], map: {a: 1, 2: true}, clear: true, transform: upper}}"
    text = CLIENT.partition("pipelines:")[0] + rest + f"pipelines: {{leads: {{{pipeline}}}}}\n"
    (tmp_path / "clients").mkdir()
    (tmp_path / "syncd.yaml").write_text("")
    (tmp_path / "clients" / "acme.yaml").write_text(text)
    load.load(tmp_path / "syncd.yaml")
    assert complaints(seen(text), schema.client_file()) == []


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("start: now", "strat: now", "pipelines.leads"),
        ("start: now", "start: soon", "pipelines.leads.start"),
        ("start: now", "start: now\n    every: often", "pipelines.leads.every"),
        ("phone_number: phone", "phone_number: {form: phone}", "pipelines.leads.fields.phone_number"),
        ("leads:\n", "laeds:\n", "pipelines"),
        ("type: vicidial", "type: vicidail", "dialer.type"),
        ("user: api", "usr: api", "dialer"),
        ("user: api", "user: api\n  connections: 99", "dialer.connections"),
        ("table: a", "tabel: a", "crm.leads"),
        ("crm:", "crn:", ""),
        ("type: sql", "type: vicidial", "crm.type"),
    ],
)
def test_what_is_wrong_is_found_in_its_place(old: str, new: str, where: str) -> None:
    wrong = seen(CLIENT.replace(old, new, 1))
    assert where in complaints(wrong, schema.client_file())
    main = complaints({"clients": {"acme": wrong}}, schema.main_file())
    assert f"clients.acme.{where}".rstrip(".") in main


def test_the_main_files_own_keys_are_checked() -> None:
    assert complaints(seen("stor: x\nlog: {level: loud}\nclients: {Big Client: {}}\n"), schema.main_file())
    assert complaints({"log": {"level": "loud"}}, schema.main_file()) == ["log.level"]
