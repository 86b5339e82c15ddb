"""JSON Schema (draft 2020-12) of the main file and of a client's file, for editors: the models, with each installed
connector's own options by `type`.

A schema sees what YAML 1.2 makes of a text (`1002` is a number, `true` a boolean), and any value may hold `${…}`; so
numbers and booleans may be texts here where they may be for syncd, and texts may be numbers. It finds misspelt keys
and impossible values while somebody types; `syncd config check` finds everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema

from syncd.config import models
from syncd.sdk import protocol, registry

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TESTING = "syncd.sdk.testing"
_REFERENCE = r"\$\{"
_WIDER: dict[str, dict[str, Any]] = {
    "integer": {"type": "string", "pattern": rf"^ *[+-]?[0-9]+ *$|{_REFERENCE}"},
    "number": {"type": "string", "pattern": rf"^ *[+-]?[0-9.]+ *$|{_REFERENCE}"},
    "boolean": {
        "type": ["string", "number"],
        "pattern": rf"^([Yy]es|[Nn]o|[Oo]n|[Oo]ff|[Tt]rue|[Ff]alse|[YyNnTtFf01])$|{_REFERENCE}",
    },
}


def connectors(role: protocol.Role) -> Iterator[tuple[str, type[protocol.Connector]]]:
    """The installed connectors of that role by name; those that are made for tests are left out."""
    for name in registry.names():
        connector = registry.load(name)
        if connector.role == role and not connector.__module__.startswith(_TESTING):
            yield name, connector


def main_file() -> dict[str, Any]:
    """The schema of the main file."""
    return _file(models.Settings, "syncd: the main file")


def client_file() -> dict[str, Any]:
    """The schema of a file in `clients/`."""
    return _file(models.Client, "syncd: a client")


def _file(model: type[BaseModel], title: str) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema.pop("$defs", {})
    client = schema if model is models.Client else definitions["Client"]
    for role in ("crm", "dialer"):
        client["properties"][role] = _system(role, client["properties"][role].get("description", ""), definitions)
    for name in ("System", "BaseModel"):
        definitions.pop(name, None)
    if model is models.Settings:  # the clients may stand in files of their own
        schema.pop("required", None)
    return {"$schema": DRAFT, **_widened(schema), "title": title, "$defs": _widened(definitions, names=True)}


def _system(role: protocol.Role, description: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """One far system: its `type`, and by that its connector's options."""
    cases = []
    found = dict(connectors(role))
    for name, connector in found.items():
        definitions[f"{role}.{name}"] = _options(name, connector.Options, definitions)
        condition = {"properties": {"type": {"const": name}}, "required": ["type"]}
        cases.append({"if": condition, "then": {"$ref": f"#/$defs/{role}.{name}"}})
    return {
        "type": "object",
        "description": description,
        "required": ["type"],
        "properties": {"type": {"enum": list(found), "description": "The connector"}},
        "allOf": cases,
    }


def _options(name: str, options: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    try:
        schema = options.model_json_schema(by_alias=True, ref_template=f"#/$defs/{name}.{{model}}")
    except PydanticInvalidForJsonSchema:  # a connector with types of its own: its keys are not checked here
        return {"type": "object"}
    for inner, definition in schema.pop("$defs", {}).items():
        definitions[f"{name}.{inner}"] = definition
    schema["properties"] = {"type": {"const": name}, **schema.get("properties", {})}
    return schema


def _widened(schema: Any, *, names: bool = False) -> Any:
    """The schema with what YAML and `${…}` make of values. `names`: the keys are names, not words of JSON Schema."""
    if isinstance(schema, list):
        return [_widened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _widened(value, names=key in ("properties", "patternProperties")) for key, value in schema.items()}
    if names:
        return plain
    if plain.get("format") == "password":
        plain.pop("default", None)  # it would be stars
    if "patternProperties" in plain:
        plain.setdefault("additionalProperties", False)
    kind = plain.get("type")
    if kind == "string" and "enum" not in plain:
        plain.pop("format", None)
        plain["type"] = ["string", "number"]
        if "pattern" in plain:
            plain["pattern"] = f"(?:{plain['pattern']})|{_REFERENCE}"
    elif isinstance(kind, str) and kind in _WIDER:
        own = {key: plain.pop(key) for key in list(plain) if key not in ("description", "title", "default")}
        plain["anyOf"] = [own, _WIDER[kind]]
    return plain
