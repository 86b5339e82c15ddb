"""`syncd fields`: which fields a far system has, for whoever writes a mapping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import cyclopts

from syncd.cli import session as sessions
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.engine import parts

_MOST_SHOWN = 12


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, fields)


def fields(
    client: str, system: Literal["crm", "dialer"], stream: str | None = None, /, *, session: sessions.Given
) -> int:
    """List the fields of a client's CRM or dialer: name, type, whether it can be written, label, allowed values.

    Asks the system itself. These names stand in `fields`, `where` and `opt_out`; `syncd config check` compares.

    Example: syncd fields acme crm leads

    Parameters
    ----------
    client
        The client.
    system
        Which of its two systems.
    stream
        Only this stream: leads or calls.
    """
    settings = session.settings()
    from syncd.daemon import logs, setup

    logs.configure(shape="console", level="warning")
    with setup.clients(settings, [client]) as clients:
        connector = clients[0].connector(system)
        streams = list(connector.streams)
        chosen = streams if stream is None else [setup.named(stream, streams, f"stream of {client} {system}")]
        try:
            rows = [row for name in chosen for row in _rows(clients[0], system, name)]
        except errors.UserError:
            raise
        except errors.SyncdError as error:
            place = settings.problem(("clients", client, system), f"the fields cannot be listed: {error}")
            raise errors.UserError([place]) from None
    for name in chosen:
        session.out.line(f"{client} {system}.{name}")
        own = [row for row in rows if row["stream"] == name]
        session.out.table(("field", "type", "written", "label", "values"), [_cells(row) for row in own])
        session.out.line()
    session.out.result(rows)
    return 0


def _rows(client: parts.Client, system: Literal["crm", "dialer"], stream: str) -> list[dict[str, Any]]:
    from syncd.config import names
    from syncd.core import model
    from syncd.sdk import protocol

    connector = client.connector(system)
    if not isinstance(connector, protocol.ListsFields):
        raise errors.UserError(f"the {system} of {client.name} does not tell its fields")
    found = names.readable(model.Side(system, stream), connector.fields(stream))
    return [
        {
            "stream": stream,
            "name": name,
            "type": info.type,
            "writable": info.writable and connector.streams[stream].writable,
            "label": info.label,
            "values": list(info.values),
        }
        for name, info in found.items()
    ]


def _cells(row: dict[str, Any]) -> Sequence[object]:
    values = row["values"]
    more = f" … {len(values) - _MOST_SHOWN} more, see --json" if len(values) > _MOST_SHOWN else ""
    written = "yes" if row["writable"] else "no"
    return row["name"], row["type"], written, row["label"], ", ".join(values[:_MOST_SHOWN]) + more
