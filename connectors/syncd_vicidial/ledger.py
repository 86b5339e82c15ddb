"""What is remembered of one VICIdial user's logins, so that the account is never locked: which were refused, and when.

VICIdial locks a user for 15 minutes at ten wrong logins (user_authorization in functions.php, trunk 3884), whoever
sends them. So they are counted for all processes together, and before there could be ten none is sent.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from syncd.sdk import protocol

WINDOW = timedelta(minutes=15)
REST = timedelta(minutes=5)  # a password that was refused is not tried again before
MOST = 8  # logins that went wrong, or may have, in any WINDOW
UNDER_WAY = 2  # tries at once of a password that was good when it was last tried; of any other, one
_PRINT_ROUNDS = 20_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a login is not tried now: when it was `refused` last, or that there were too many (None); and until when."""

    refused: datetime | None
    until: datetime


@dataclass(slots=True)
class _Page:
    """One user's page. Passwords are known by prints of 16 bits: enough to see that one has changed, too little to
    find it out."""

    salt: str = ""
    good: str = ""  # the print of the password that was accepted last
    refused: list[tuple[float, str]] = field(default_factory=list)  # Unix time, print
    undecided: list[tuple[float, str]] = field(default_factory=list)  # sent, no answer: Unix time, token ("" if lost)
    try_once: bool = False  # an operator says that it is mended

    @classmethod
    def read(cls, text: str | None, now: float) -> _Page:
        told = json.loads(text) if text else {}
        page = cls(told.get("salt") or secrets.token_hex(8), told.get("good", ""), try_once=told.get("try_once", False))
        for name, kept in (("refused", page.refused), ("undecided", page.undecided)):
            # a clock that was set back must not make the past last longer
            entries = [(min(float(at), now), mark) for at, mark in told.get(name, ())]
            kept += [(at, mark) for at, mark in entries if at > now - WINDOW.total_seconds()]
        return page

    def text(self) -> str:
        return json.dumps(
            {"salt": self.salt, "good": self.good, "refused": self.refused, "undecided": self.undecided}
            | ({"try_once": True} if self.try_once else {})
        )

    def print_of(self, password: str) -> str:
        return _print(password, self.salt)

    def refusal(self, mark: str, now: float) -> Refusal | None:
        """Whether a password with this print may not be tried now."""
        wrong = sorted([at for at, _ in self.refused] + [at for at, _ in self.undecided])
        if len(wrong) >= MOST:
            return Refusal(None, _moment(wrong[len(wrong) - MOST]) + WINDOW)
        last = max((at for at, refused in self.refused if refused == mark), default=None)
        if last is None or self.try_once or last + REST.total_seconds() <= now:
            return None
        return Refusal(_moment(last), _moment(last) + REST)

    def under_way(self, now: float, patience_seconds: float) -> list[tuple[float, str]]:
        """The tries whose answers may still come; one that is older belongs to a process that was killed."""
        return [one for one in self.undecided if one[1] and one[0] > now - patience_seconds]

    def must_wait(self, mark: str, now: float, patience_seconds: float) -> bool:
        """Whether the answers to others' tries are to be waited for: they may show that this password is wrong."""
        most = UNDER_WAY if self.good == mark and not self.refused else 1
        return len(self.under_way(now, patience_seconds)) >= most


class Ledger:
    """One user's page in the memory. Each call of it is short, and none is made while a request is under way."""

    def __init__(self, memory: protocol.Memory, name: str) -> None:
        self._memory = memory
        self._name = name

    def begin(self, password: str, patience_seconds: float) -> str | Refusal | None:
        """Note that a login is about to be tried and return a token for its end, or why it must not be; None where
        other processes' tries are to be waited for, each at most `patience_seconds` from its beginning."""
        verdict: str | Refusal | None = None

        def note(page: _Page, now: float) -> None:
            nonlocal verdict
            mark = page.print_of(password)
            verdict = page.refusal(mark, now)
            if verdict is None and not page.must_wait(mark, now, patience_seconds):
                verdict = secrets.token_hex(4)
                page.try_once = False
                page.undecided.append((now, verdict))

        self._change(note)
        return verdict

    def good(self, password: str, token: str, patience_seconds: float) -> None:
        """The password was accepted: VICIdial has forgotten the wrong ones, and so does the page, but for others' tries
        that are under way: they may be counted after this one."""

        def note(page: _Page, now: float) -> None:
            page.good = page.print_of(password)
            page.refused.clear()
            page.undecided = [one for one in page.under_way(now, patience_seconds) if one[1] != token]
            page.try_once = False

        self._change(note)

    def refused(self, password: str, token: str) -> None:
        """The login was refused; `token` of `begin`, "" if it had been good before."""

        def note(page: _Page, now: float) -> None:
            page.undecided = [one for one in page.undecided if one[1] != token]
            page.refused.append((now, page.print_of(password)))

        self._change(note)

    def dropped(self, token: str) -> None:
        """The login surely was not counted as a wrong one."""

        def note(page: _Page, _: float) -> None:
            page.undecided = [one for one in page.undecided if one[1] != token]

        self._change(note)

    def lost(self, password: str, token: str) -> None:
        """No answer came. A password that was good before counts as good still; any other may have been refused."""

        def note(page: _Page, _: float) -> None:
            was_good = page.good == page.print_of(password)
            page.undecided = [
                (at, "" if mark == token else mark) for at, mark in page.undecided if mark != token or not was_good
            ]

        self._change(note)

    def try_again(self) -> None:
        """The next login may be tried, although it was refused."""

        def note(page: _Page, _: float) -> None:
            page.try_once = bool(page.refused)

        self._change(note)

    def _change(self, note: Callable[[_Page, float], None]) -> None:
        def how(text: str | None) -> str:
            now = self._memory.now().timestamp()
            page = _Page.read(text, now)
            note(page, now)
            return page.text()

        self._memory.change(self._name, how)


@lru_cache(maxsize=64)
def _print(password: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _PRINT_ROUNDS)[:2].hex()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
