"""The errors a connector raises: the class, never the text, says what the engine does next.

Every class here is a promise about the far side. Pick the weakest one that is true: an error that might leave a
request applied is `Ambiguous`, whatever its message says. Messages must not hold secrets, phone numbers or answer
bodies; put a code and a place instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, for a person: what, where, and how to fix it."""

    what: str
    where: str = ""
    fix: str = ""
    fatal: bool = True  # False: worth a warning, syncd can run

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        joined = ", " if self.fix.startswith("did you mean ") else " – "
        return f"{place}{self.what}" + (f"{joined}{self.fix}" if self.fix else "")


class SyncdError(Exception):
    """Base of all errors that the engine knows how to treat."""


class RetryLater(SyncdError):
    """Surely not applied; worth another try after `after_seconds` (None: the engine's own back-off)."""

    def __init__(self, message: str, *, after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class Ambiguous(SyncdError):
    """May or may not be applied, now or later: the intent stays `sending` until recovery has looked it up."""


class Rejected(SyncdError):
    """This record will never pass as it is; it is held with these problems, others go on."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class NotNow(Rejected):
    """Refused for the moment at which it comes, not for what it asks (an agent is not logged in): it may pass later."""


class Screened(SyncdError):
    """The far side's policy (a do-not-call list) refuses the record: skipped with `reason`, nobody has to act."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


class Several(SyncdError):
    """More than one far record carries the key: held until a person has chosen, nothing is sent for it."""


class Missing(SyncdError):
    """The far record is gone; held, and recreated only when an operator says so."""


class AuthFailed(SyncdError):
    """Credentials or a permission are refused: the pipeline pauses with growing pauses, nothing was applied."""

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


class LoginRefused(AuthFailed):
    """User or password themselves are refused, not just one function: another try brings an account that locks nearer
    to its lock.

    `until` (UTC): the login was refused before and was not tried again now; it is from then on."""

    def __init__(self, message: str, *, fix: str = "", until: datetime | None = None) -> None:
        super().__init__(message, fix=fix)
        self.until = until


class QuotaExhausted(SyncdError):
    """A budget of the far side is used up until `until` (UTC); nothing was applied."""

    def __init__(self, message: str, *, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class ContractViolation(SyncdError):
    """A connector broke the protocol (cursor stood still, wrong number of outcomes): the pipeline stops, loudly."""


class LeaseLost(SyncdError):
    """This run no longer holds its lease: nothing more may be sent or stored by it."""


class UserError(SyncdError):
    """For the operator, without a traceback; the command exits with 2."""

    def __init__(self, problems: Sequence[Problem] | str, *, hint: str = "") -> None:
        self.problems = (Problem(problems),) if isinstance(problems, str) else tuple(problems)
        self.hint = hint
        super().__init__("\n".join(str(problem) for problem in self.problems) + (f"\n{hint}" if hint else ""))
