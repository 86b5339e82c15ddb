"""What all methods of the client share: checked parameters, the session id, and answers that repeat what was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from syncd_vicidial.agent import catalogue
from syncd_vicidial.agent.orders import Orders, doubt
from syncd_vicidial.agent.screening import Screening
from syncd_vicidial.api import Api
from syncd_vicidial.flags import Flags
from syncd_vicidial.leads import Leads
from syncd_vicidial.options import Options


class Desk:
    """One server's agents. The server's lock-out counts logins of all its APIs together; so does `api`."""

    def __init__(self, api: Api, leads: Leads, options: Options, meaning: Flags) -> None:
        self._orders = Orders(api)
        self._leads = leads
        self._flags = meaning
        self._screening = Screening(leads, meaning)
        self._options = options
        self._sessions: dict[str, str] = {}

    def use_session(self, user: str, session_id: str) -> None:
        """Let later requests for this agent carry a session id; `login` does so by itself."""
        self._sessions[user] = session_id

    def _checked(self, action: str, user: str, **given: object) -> dict[str, str]:
        """The arguments as the catalogue spells them, without those that were not given; raise Rejected if something is
        wrong with them."""
        spelled = {True: "yes", False: "no"}
        texts = {
            name: spelled[value] if isinstance(value, bool) else str(value)
            for name, value in given.items()
            if value is not None and value != ""
        }
        catalogue.check(action, user, texts)
        return texts

    def _tell(
        self, function: str, user: str, parameters: Mapping[str, str], success: str | None
    ) -> tuple[list[str], list[str]]:
        return self._orders.do(function, user, {**parameters, **self._session(user)}, success)

    def _look(self, function: str, user: str, parameters: Mapping[str, str]) -> str:
        return self._orders.look(function, user, {**parameters, **self._session(user)})

    def _session(self, user: str) -> dict[str, str]:
        session_id = self._sessions.get(user)
        return {self._options.agent_session_parameter: session_id} if session_id else {}


def repeats(function: str, user: str, data: Sequence[str], expected: Mapping[int, str]) -> None:
    """Raise Ambiguous unless a SUCCESS has these values at these places."""
    if any(place >= len(data) or data[place] != value for place, value in expected.items()):
        raise doubt(function, user, "the answer speaks of something else")


def moment(data: Sequence[str], place: int) -> datetime | None:
    """The server's time in a SUCCESS, where it is one."""
    text = data[place] if place < len(data) else ""
    return datetime.fromtimestamp(int(text), UTC) if text.isdigit() and len(text) <= 10 else None


def flag(value: bool) -> str:
    """Yes or no as VICIdial spells it."""
    return "YES" if value else "NO"
