"""`syncd config`: is the configuration good, and do the systems answer as it says?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cyclopts

from syncd.cli import output
from syncd.cli import session as sessions
from syncd.sdk import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.config import models
    from syncd.core import model
    from syncd.engine import parts
    from syncd.sdk import protocol, records

_AT_ONCE = 8
_ROLES: tuple[protocol.Role, ...] = ("crm", "dialer")


def mount(app: cyclopts.App) -> None:
    """Add the group."""
    group = cyclopts.App(name="config", help="The configuration.")
    sessions.add(group, check)
    sessions.add(group, schema)
    app.command(group)


def check(*, offline: bool = False, session: sessions.Given) -> int:
    """Check the configuration, then each CRM and dialer: address, login, every permission that is needed, tables,
    lists, every field that a pipeline names. Changes nothing. Exit code 2 if syncd could not run like this.

    Example: syncd config check --config ./syncd.yaml

    Parameters
    ----------
    offline
        Only the file; connect to nothing.
    """
    settings = session.settings()
    from syncd.store import database

    database.Database(settings.store.get_secret_value()).close()  # refuses an address that is none of a store
    problems = list(settings.warnings)
    output.problems(problems)
    checked = []
    if not offline:
        from concurrent.futures import ThreadPoolExecutor

        from syncd.config import names
        from syncd.daemon import logs, setup

        known: dict[str, dict[model.Side, Mapping[str, records.FieldInfo]]] = {}
        logs.configure(shape="console", level="warning")
        with setup.clients(settings) as clients, ThreadPoolExecutor(_AT_ONCE) as pool:
            systems = [(client, role) for client in clients for role in _ROLES]
            for looked in pool.map(lambda one: _system(settings, *one), systems):
                checked.append(looked.place)
                output.problems(looked.problems)
                problems += looked.problems
                known.setdefault(looked.client, {}).update(looked.fields)
        for client, fields in known.items():
            wrong = names.check(settings, client, fields)
            output.problems(wrong)
            problems += wrong
    fatal = sum(problem.fatal for problem in problems)
    if fatal:
        session.out.line(f"{session.config}: {fatal} problems")
    else:
        what = "the file is good" if offline else f"the file is good, {len(checked)} systems answer as it says"
        session.out.line(f"{session.config}: {what}")
    session.out.result({"ok": not fatal, "problems": problems, "checked": checked})
    return 2 if fatal else 0


def schema(*, client: bool = False, session: sessions.Given) -> int:
    """Print the JSON Schema of the configuration, connectors' options included, for editors.

    Beside the files, save it and name it in their first line: # yaml-language-server: $schema=syncd.schema.json

    Example: syncd config schema --client > client.schema.json

    Parameters
    ----------
    client
        Of a file in clients/, instead of the main file.
    """
    import json

    from syncd.config import schema as schemas

    found = schemas.client_file() if client else schemas.main_file()
    session.out.line(json.dumps(found, indent=2, ensure_ascii=False))
    session.out.result(found)
    return 0


@dataclass(frozen=True, slots=True)
class _Looked:
    """What one far system said: problems, and the fields of the streams that pipelines use."""

    client: str
    place: str
    problems: list[errors.Problem]
    fields: dict[model.Side, Mapping[str, records.FieldInfo]]


def _system(settings: models.Settings, client: parts.Client, role: protocol.Role) -> _Looked:
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
    fields: dict[model.Side, Mapping[str, records.FieldInfo]] = {}
    if isinstance(connector, protocol.ListsFields):
        named = {side for pipe in client.pipelines for side in (pipe.source, pipe.looks_at, pipe.target)}
        sides = {side for side in named if side.role == role}
        try:
            for side in sorted(sides, key=str):
                fields[side] = connector.fields(side.stream)
        except errors.SyncdError as error:
            if whole:  # else `check` has told it
                found.append((path, errors.Problem(f"its fields cannot be listed: {error}")))
    placed = [
        settings.problem((*base, *filter(None, one.where.split("."))), one.what, one.fix, fatal=one.fatal)
        for base, one in found
    ]
    return _Looked(client.name, ".".join(path), placed, fields)
