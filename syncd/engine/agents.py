"""Orders to the people who work on a far side, outside of any run: the client's login is at stake all the same.

A login that such an order finds refused pauses the client's pipelines, and while they are paused for it no order is
sent: a script that goes on trying cannot lock the account under the daemon.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from syncd.engine import failure
from syncd.engine.parts import Client
from syncd.sdk import errors, protocol
from syncd.store.database import Database


def commanding(client: Client) -> tuple[protocol.Role, protocol.CommandsAgents]:
    """The system of a client whose people can be told what to do; raise UserError if there is none."""
    for connector in (client.dialer, client.crm):
        if isinstance(connector, protocol.CommandsAgents):
            return connector.role, connector
    raise errors.UserError(
        [errors.Problem("neither its CRM nor its dialer can tell agents what to do", f"clients.{client.name}")]
    )


def command(db: Database, client: Client, action: str, user: str, values: Mapping[str, str]) -> Mapping[str, str]:
    """Carry out an action; see `protocol.CommandsAgents.command_agent` for what it returns and raises. Raises
    LoginRefused, nothing sent, while the client is paused for a refused login."""
    role, connector = commanding(client)
    now = datetime.now(UTC)
    failure.refuse_while_paused(db, client, role, now)
    try:
        return connector.command_agent(action, user, values)
    except errors.LoginRefused as error:
        failure.pause_for_login(db, client, role, error, now)
        raise
