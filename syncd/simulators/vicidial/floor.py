"""The agents at work: who is logged in, which calls wait for them, which numbers they are to dial by hand."""

from collections.abc import Mapping
from typing import Any

from . import rows

FIRST_SESSION_ID = 8600051


class Floor:
    """Tables and settings of a state that matter to agents alone.

    `manual_dial_queue`: (user, number) → what was asked for, of campaigns that queue manual calls. `group_aliases`:
    alias → caller ID. `phones`: the phones' logins and passwords, which only the guide's `login` looks at.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.agents: dict[str, rows.LiveAgent] = {}
        self.waiting_calls: list[rows.WaitingCall] = []
        self.manual_dial_queue: dict[tuple[str, str], str] = {}
        self.outbound_cid_any = str(state.get("system", {}).get("outbound_cid_any", "DISABLED"))
        self.group_aliases: dict[str, str] = dict(state.get("group_aliases", {}))
        self.phones: dict[str, str] = dict(state.get("phones", {"gs102": "test"}))

    def free_session_id(self) -> str:
        """The first conference that no agent is in."""
        taken = {agent.session_id for agent in self.agents.values()}
        number = FIRST_SESSION_ID
        while str(number) in taken:
            number += 1
        return str(number)
