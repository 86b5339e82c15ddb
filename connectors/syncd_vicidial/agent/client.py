"""A typed client of the Agent API: one method for each function.

Everything is checked by `catalogue` before a request is sent; a method raises Rejected with all that is wrong. What an
answer means is decided in `orders` and `replies`; a success counts only if it repeats what was asked for. Nothing is
sent twice. Other errors: NotLoggedIn, WrongMoment, Screened, Missing, AuthFailed, RetryLater (surely not done),
Ambiguous (may have been done).
"""

from __future__ import annotations

from syncd_vicidial.agent.calling import Calling
from syncd_vicidial.agent.looking import Looking
from syncd_vicidial.agent.screen import Screen


class AgentApi(Screen, Calling, Looking):
    """The Agent API of one server."""
