"""What a client's pipelines make of each of its two systems: which streams and fields are read and written."""

from __future__ import annotations

from collections.abc import Collection

from syncd.engine import statistics
from syncd.engine.parts import Client
from syncd.sdk import protocol


def of(
    client: Client, role: protocol.Role, people: Collection[str] = (), *, has_statistics: bool = False
) -> protocol.Use:
    """The use of the system in that role; `people` are those whom the configuration names there. `has_statistics`: the
    client's live statistics are read."""
    reads: dict[str, set[str]] = {}
    writes: dict[str, dict[str, set[str]]] = {}
    for pipe in client.pipelines:
        if pipe.source.role == role:
            reads.setdefault(pipe.source.stream, set())
        if pipe.looks_at.role == role:
            reads.setdefault(pipe.looks_at.stream, set()).update(pipe.reads)
        if pipe.target.role == role:
            written = writes.setdefault(pipe.target.stream, {})
            for name in pipe.fields.targets:
                written.setdefault(name, set())
            for rule in pipe.fields.rules:
                written[rule.target].update(rule.constants)
    seeks = any(pipe.kind == "recordings" and pipe.source.role == role for pipe in client.pipelines)
    tells = has_statistics and statistics.telling(client)[0] == role
    return protocol.Use(reads, writes, tuple(people), recordings=seeks, statistics=tells)
