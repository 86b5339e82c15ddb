"""`syncd doctor`: each permission and each configured name, on both far sides of each client."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import cyclopts

from syncd.cli import looking, output
from syncd.cli import session as sessions
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.config import models
    from syncd.engine import parts
    from syncd.sdk import protocol

_WORDS = {
    "found": "found",
    "missing": "MISSING",
    "excess": "more than needed",
    "unknown": "cannot be seen",
    "not_needed": "not needed",
}


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, doctor)


def doctor(client: str | None = None, /, *, session: sessions.Given) -> int:
    """Look at everything that the configuration wants of each CRM and dialer: what is there, what is missing, what is
    more than needed, and which setting there to change.

    Changes nothing, and tries a login that is refused once at most. Only what the pipelines and options make use of
    counts as missing. Exit code 2 if anything is missing.

    Example: syncd doctor acme

    Parameters
    ----------
    client
        Only this client.
    """
    settings = session.settings()
    output.problems(settings.warnings)
    from syncd.config import names
    from syncd.daemon import logs, setup
    from syncd.sdk import protocol

    logs.configure(shape="console", level="warning")
    found: list[dict[str, Any]] = []
    known: dict[str, dict[Any, Any]] = {}
    with setup.clients(settings, [client] if client else []) as clients:
        for rows, fields in looking.each(clients, lambda one, role: _look(settings, one, role)):
            found += rows
            for side, told in fields.items():
                known.setdefault(rows[0]["client"], {})[side] = told
    for name, told in known.items():
        wrong = [_finding(one) for one in names.check(settings, name, told)]
        found += [_row(name, "mapping", "", one) for one in wrong or [protocol.Finding("fields", "found")]]
    _say(session.out, found)
    missing = sum(row["state"] == "missing" for row in found)
    session.out.result({"ok": not missing, "findings": found})
    return 2 if missing else 0


def _look(
    settings: models.Settings, client: parts.Client, role: protocol.Role
) -> tuple[list[dict[str, Any]], looking.Fields]:
    """What one system says, in detail where its connector knows details."""
    from syncd.engine import usage
    from syncd.sdk import protocol

    connector, configured = client.connector(role), settings.clients[client.name]
    kind = getattr(configured, role).type
    if not isinstance(connector, protocol.Examines):
        looked = looking.system(settings, client, role)
        told = [_finding(one) for one in looked.problems] or [protocol.Finding("login, permissions and names", "found")]
        return [_row(client.name, role, kind, one) for one in told], looked.fields
    people = configured.agents if role == "dialer" else configured.agents.values()
    use = usage.of(client, role, tuple(people), has_statistics=configured.statistics is not None)
    findings = connector.examine(use)
    rows = [_row(client.name, role, kind, _placed(settings, client.name, role, one)) for one in findings]
    try:
        return rows, looking.fields(client, role)
    except errors.SyncdError:
        return rows, {}  # what keeps it from telling them is among the findings


def _finding(problem: errors.Problem) -> protocol.Finding:
    from syncd.sdk import protocol

    return protocol.Finding(problem.what, "missing" if problem.fatal else "unknown", "", problem.fix, problem.where)


def _placed(settings: models.Settings, client: str, role: str, one: protocol.Finding) -> protocol.Finding:
    """The finding with the place in the file instead of the option's name."""
    if not one.where:
        return one
    place = settings.problem(("clients", client, role, *one.where.split(".")), one.what).where
    return type(one)(one.what, one.state, one.said, one.fix, place)


def _row(client: str, system: str, kind: str, one: protocol.Finding) -> dict[str, Any]:
    told = {"what": one.what, "state": one.state, "said": one.said, "fix": one.fix, "where": one.where}
    return {"client": client, "system": system, "type": kind, **told}


def _say(out: output.Output, found: list[dict[str, Any]]) -> None:
    for name in dict.fromkeys(row["client"] for row in found):
        mine = [row for row in found if row["client"] == name]
        for system in dict.fromkeys(row["system"] for row in mine):
            rows = [row for row in mine if row["system"] == system]
            out.line(f"{name} {system}" + (f" ({rows[0]['type']})" if rows[0]["type"] else ""))
            out.table(
                ("what", "state", "seen", "what to change", "where"),
                [[row["what"], _WORDS[row["state"]], row["said"], row["fix"], row["where"]] for row in rows],
            )
            out.line()
        counts = Counter(_WORDS[row["state"]] for row in mine)
        out.line(f"{name}: {', '.join(f'{counts[word]} {word.lower()}' for word in _WORDS.values() if counts[word])}")
