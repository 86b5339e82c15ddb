"""How calls are going just now, asked outside of any run: the client's login is at stake all the same (`agents.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from syncd.engine import failure
from syncd.engine.parts import Client
from syncd.sdk import errors, protocol
from syncd.store.database import Database


def telling(client: Client) -> tuple[protocol.Role, protocol.TellsStatistics]:
    """The system of a client that tells statistics; raise UserError if there is none."""
    for connector in (client.dialer, client.crm):
        if isinstance(connector, protocol.TellsStatistics):
            return connector.role, connector
    raise errors.UserError(
        [errors.Problem("neither its CRM nor its dialer tells statistics", f"clients.{client.name}")]
    )


def read(db: Database, client: Client) -> Sequence[protocol.Statistics]:
    """See `protocol.TellsStatistics.statistics`. A login that is refused pauses the client's pipelines; raises
    LoginRefused, nothing sent, while they are paused for one."""
    role, connector = telling(client)
    now = datetime.now(UTC)
    failure.refuse_while_paused(db, client, role, now)
    try:
        return connector.statistics()
    except errors.LoginRefused as error:
        failure.pause_for_login(db, client, role, error, now)
        raise
