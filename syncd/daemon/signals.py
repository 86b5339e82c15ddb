"""SIGTERM and SIGINT: the first asks for an orderly end, the second ends the process at once. SIGHUP: read the
configuration again."""

from __future__ import annotations

import contextlib
import os
import select
import signal

AT_ONCE = 4
"""Exit code of a process that ended before its runs did: a second signal, or `stop_seconds` were over. Nothing is
lost; the next start looks up what was being sent."""


class Signals:
    """Whether this process was asked to stop. Calling it says so; `wait` waits for it, or for a SIGHUP."""

    def __init__(self) -> None:
        self._asked = False
        self._hung_up = False
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def install(self, *, reloads: bool = False) -> None:
        """Listen from now on, with `reloads` to SIGHUP as well; only the main thread may call this."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)
        if reloads:
            signal.signal(signal.SIGHUP, self._hang_up)

    def __call__(self) -> bool:
        return self._asked

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; return whether the process was asked to stop."""
        if not self._asked and not self._hung_up:
            select.select([self._reader], [], [], seconds)
        return self._asked

    def hung_up(self) -> bool:
        """Whether a SIGHUP came since this was last asked: any number of them counts once, and one that comes
        afterwards counts anew."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 16)
        hung_up, self._hung_up = self._hung_up, False
        return hung_up

    def _hang_up(self, _number: int, _frame: object) -> None:
        if not self._hung_up:  # so the pipe never fills up
            self._hung_up = True
            os.write(self._writer, b".")

    def _handle(self, number: int, _frame: object) -> None:
        # a lock could be held by the very thread that is interrupted here: nothing but system calls
        if self._asked:
            os.write(2, b"stopped at once; the next start looks up what was being sent\n")
            os._exit(AT_ONCE)
        self._asked = True
        os.write(self._writer, b".")
