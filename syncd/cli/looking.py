"""Asks the far systems of all clients what they say of their part of the configuration, several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.config import models
    from syncd.core import model
    from syncd.engine import parts
    from syncd.sdk import protocol, records

_T = TypeVar("_T")
_AT_ONCE = 8
_ROLES: tuple[protocol.Role, ...] = ("crm", "dialer")
Fields = Mapping["model.Side", "Mapping[str, records.FieldInfo]"]


@dataclass(frozen=True, slots=True)
class Looked:
    """What one far system said: problems, and the fields of the streams that pipelines use."""

    client: str
    place: str
    problems: list[errors.Problem]
    fields: Fields


def each(clients: Sequence[parts.Client], look: Callable[[parts.Client, protocol.Role], _T]) -> Iterator[_T]:
    """`look` at every system of these clients, in their order; several at once, each connector in one thread."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(lambda one: look(*one), [(client, role) for client in clients for role in _ROLES])


def system(settings: models.Settings, client: parts.Client, role: protocol.Role) -> Looked:
    """Ask one system about its options, the fixed values that mappings write to it, and its fields."""
    from syncd.sdk import protocol

    connector = client.connector(role)
    path = ("clients", client.name, str(role))
    found: list[tuple[tuple[str, ...], errors.Problem]] = [(path, problem) for problem in connector.check()]
    whole = not any(problem.fatal for _, problem in found)
    if whole and isinstance(connector, protocol.ChecksValues):
        for pipe in client.pipelines:
            if pipe.target.role == role:
                values = {rule.target: set(rule.constants) for rule in pipe.fields.rules}
                fields_path = ("clients", client.name, "pipelines", pipe.kind, "fields")
                found += [(fields_path, problem) for problem in connector.check_values(pipe.target.stream, values)]
    wants_recordings = any(pipe.kind == "recordings" for pipe in client.pipelines)
    if whole and wants_recordings and isinstance(connector, protocol.FindsRecordings):
        found += [(path, problem) for problem in connector.check_recordings()]
    has_statistics = settings.clients[client.name].statistics is not None
    if whole and has_statistics and isinstance(connector, protocol.TellsStatistics):
        found += [(path, problem) for problem in connector.check_statistics()]
    known: Fields = {}
    try:
        known = fields(client, role)
    except errors.SyncdError as error:
        if whole:  # else `check` has told it
            found.append((path, errors.Problem(f"its fields cannot be listed: {error}")))
    placed = [
        settings.problem((*base, *filter(None, one.where.split("."))), one.what, one.fix, fatal=one.fatal)
        for base, one in found
    ]
    return Looked(client.name, ".".join(path), placed, known)


def fields(client: parts.Client, role: protocol.Role) -> Fields:
    """The fields of the streams that pipelines use of one system; none where it does not tell. Raises AuthFailed,
    RetryLater, UserError."""
    from syncd.sdk import protocol

    connector = client.connector(role)
    if not isinstance(connector, protocol.ListsFields):
        return {}
    named = {side for pipe in client.pipelines for side in (pipe.source, pipe.looks_at, pipe.target)}
    return {side: connector.fields(side.stream) for side in sorted(named, key=str) if side.role == role}
