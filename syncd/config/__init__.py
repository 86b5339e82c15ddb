"""Typed configuration: YAML with line numbers, secrets, example and JSON Schema."""
