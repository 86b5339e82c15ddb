"""Lets requests carry a login only as long as it is good: a wrong password is tried once, by one of all who would.

VICIdial counts every request with a wrong password, so those that are in flight when a password stops being right count
as well. All connectors that share a memory and log in at one server as one user therefore pass through one gate, and
what the first request of each process is about to try stands in the memory, where the others see it, before it is sent.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Literal
from weakref import WeakValueDictionary

import structlog

from syncd.sdk import errors, protocol
from syncd.sdk.memory import InMemory
from syncd_vicidial.ledger import MOST, Ledger, Refusal

_LOG = structlog.get_logger(__name__)
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 0.5  # between two looks at what other processes try
AT_ONCE = MOST - 2  # requests in flight: should all of them be refused, two more passwords can still be tried


class _Gate:
    """Who may send a request as this user now. A password is not known to be good until one request, sent alone, has
    shown it; everybody else waits for that."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.good: str | None = None
        self._changed = threading.Condition()
        self._trying = False
        self._in_flight = 0
        self._refusals = 0

    def enter(self, password: str, wait_seconds: float) -> tuple[int, str | Refusal | None]:
        """Wait for this request's turn. Returns how many refusals there have been, and where the request is the one
        that tries the password, its token in the ledger, or why it must not be sent. Raises RetryLater."""
        deadline = time.monotonic() + wait_seconds
        with self._changed:
            while self._must_wait(password):
                if not self._changed.wait(deadline - time.monotonic()) and self._must_wait(password):
                    raise errors.RetryLater("not sent: earlier requests of the same user have no answer yet")
            if self.good == password:
                self._in_flight += 1
                return self._refusals, None
            self._trying = True
        try:
            verdict = self._begun(password, deadline, wait_seconds)
        except BaseException as error:
            self.leave(tried=True)
            if isinstance(error, errors.UserError):  # the store's; it must not be taken for VICIdial's
                raise errors.RetryLater(f"not sent: {error}") from None
            raise
        if isinstance(verdict, Refusal):
            self.leave(tried=True)
        return self._refusals, verdict

    def _begun(self, password: str, deadline: float, wait_seconds: float) -> str | Refusal:
        """Note the try in the ledger once those of other processes have their answers. Raises RetryLater."""
        pause = _FIRST_PAUSE_SECONDS
        while (verdict := self.ledger.begin(password, wait_seconds)) is None:
            if time.monotonic() >= deadline:
                raise errors.RetryLater("not sent: another process's login of the same user has no answer yet")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return verdict

    def _must_wait(self, password: str) -> bool:
        return self._in_flight >= AT_ONCE if self.good == password else self._trying

    def leave(self, *, tried: bool) -> None:
        """A request has ended."""
        with self._changed:
            if tried:
                self._trying = False
            else:
                self._in_flight -= 1
            self._changed.notify_all()

    def accepted(self, password: str, refusals: int) -> None:
        """The password was good for a request that began after so many refusals; later ones count more."""
        with self._changed:
            if refusals == self._refusals:
                self.good = password

    def refused(self, password: str) -> None:
        """The password is not good, or not any more."""
        with self._changed:
            self._refusals += 1
            if self.good == password:
                self.good = None


# (memory's identity, user) → the gate that its connectors share; it lives as long as they do, and the memory with it.
_gates: WeakValueDictionary[tuple[int, str], _Gate] = WeakValueDictionary()
_opening = threading.Lock()


class Logins:
    """One connector's way through the gate of its user."""

    def __init__(self, server: str, user: str, password: str, *, client: str = "") -> None:
        self.server = server
        self._name = f"vicidial login {server} {user}"
        self._user, self._password, self._client = user, password, client
        self._gate = self._opened(InMemory())

    def _opened(self, memory: protocol.Memory) -> _Gate:
        with _opening:
            gate = _gates.get((id(memory), self._name))
            if gate is None:
                gate = _gates[id(memory), self._name] = _Gate(Ledger(memory, self._name))
            return gate

    def remember(self, memory: protocol.Memory) -> None:
        """Count refused logins in this memory from now on."""
        self._gate = self._opened(memory)

    def try_again(self) -> None:
        """Let the login be tried once more although it was refused."""
        self._gate.ledger.try_again()

    @property
    def is_good(self) -> bool:
        """Whether this process has seen the login accepted, and not refused since."""
        return self._gate.good == self._password

    def turn(self, wait_seconds: float) -> Turn:
        """A context around one request that carries the login; it waits for its turn at most so long. Entering raises
        LoginRefused where the login must not be tried, RetryLater where others take too long."""
        return Turn(self, self._gate, self._password, wait_seconds)

    def not_tried(self, why: Refusal) -> errors.LoginRefused:
        """The error of a login that is not tried."""
        until = why.until.strftime("%H:%M:%S UTC")
        again = f"`syncd resume {self._client or 'CLIENT'}`"
        if why.refused is None:
            return errors.LoginRefused(
                f"{MOST} logins of user {self._user} went wrong in 15 minutes, and VICIdial locks a user at ten: none "
                f"is tried before {until}",
                fix="find out which program or client has the wrong password",
                until=why.until,
            )
        return errors.LoginRefused(
            f"the login of user {self._user} was refused at {why.refused:%H:%M:%S} UTC and is not tried again before "
            f"{until}",
            fix=f"a new password in the configuration is tried at once; if it was mended in VICIdial, {again} tries it",
            until=why.until,
        )


class Turn:
    """One request that carries the login. Whoever sends it says how the login fared; an answer that does not tell, or
    none, leaves it open."""

    def __init__(self, logins: Logins, gate: _Gate, password: str, wait_seconds: float) -> None:
        self._logins, self._gate, self._password, self._wait_seconds = logins, gate, password, wait_seconds
        self._refusals = 0
        self._token = ""
        self._fared: Literal["good", "uncounted", "refused", "unknown"] = "unknown"

    def __enter__(self) -> Turn:
        self._refusals, verdict = self._gate.enter(self._password, self._wait_seconds)
        if isinstance(verdict, Refusal):
            raise self._logins.not_tried(verdict)
        self._token = verdict or ""
        return self

    def good(self) -> None:
        """The login was accepted where it must be."""
        self._fared = "good"

    def uncounted(self) -> None:
        """The login was not refused, or nobody looked at it; it may be refused elsewhere."""
        self._fared = "uncounted"

    def judged(self, error: errors.AuthFailed) -> errors.AuthFailed:
        """The answer refuses the login, or only something behind it; returns the error."""
        self._fared = "refused" if isinstance(error, errors.LoginRefused) else "uncounted"
        return error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tried = bool(self._token)
        try:
            if self._fared == "refused":
                self._gate.refused(self._password)
            self._note(error)
            if self._fared == "good":
                self._gate.accepted(self._password, self._refusals)
        except errors.UserError as trouble:
            # what came of the request counts more; what was noted before it was sent stays, and is on the safe side
            _LOG.warning("a login could not be noted", host=self._logins.server, why=str(trouble))
        finally:
            self._gate.leave(tried=tried)

    def _note(self, error: BaseException | None) -> None:
        ledger = self._gate.ledger
        if self._fared == "refused":
            ledger.refused(self._password, self._token)
        elif not self._token:
            return
        elif self._fared == "good":
            ledger.good(self._password, self._token, self._wait_seconds)
        elif self._fared == "uncounted" or isinstance(error, errors.RetryLater | errors.LeaseLost):
            ledger.dropped(self._token)
        else:
            ledger.lost(self._password, self._token)
