"""`syncd config`: is the configuration good, and do the systems answer as it says?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cyclopts

from syncd.cli import looking, output
from syncd.cli import session as sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.core import model
    from syncd.sdk import records


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
    from syncd.daemon import watch

    watch.channels(settings)  # refuses an address that is none of apprise's
    if not offline:
        from syncd.config import names
        from syncd.daemon import logs, setup

        known: dict[str, dict[model.Side, Mapping[str, records.FieldInfo]]] = {}
        logs.configure(shape="console", level="warning")
        with setup.clients(settings) as clients:
            for looked in looking.each(clients, lambda client, role: looking.system(settings, client, role)):
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
        session.out.line(f"{session.config}: {fatal} problem{'s' if fatal > 1 else ''}")
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
