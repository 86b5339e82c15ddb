"""The command on a terminal: what it shows is read as it comes, what is typed reaches it as from a keyboard."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.cli import shop as shops

CTRL_C = "\x03"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """One command on a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], keyboard: int) -> None:
        self.process = process
        self._keyboard = keyboard
        self._raw = b""
        self._looked = 0

    @property
    def shown(self) -> str:
        """All that was shown, without colours and movements."""
        return _CONTROL.sub("", self._raw.decode("utf-8", "replace"))

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._keyboard, text.encode())

    def wait_for(self, text: str) -> None:
        """Wait until this is shown, after what was waited for before."""
        deadline = time.monotonic() + shops.PATIENCE_SECONDS
        while (found := self.shown.find(text, self._looked)) < 0:
            assert self._read(deadline), f"no {text!r} in:\n{self.shown[-2000:]}"
        self._looked = found + len(text)

    def end(self) -> int:
        """Wait until the command ends; return its exit code."""
        deadline = time.monotonic() + shops.PATIENCE_SECONDS
        while self._read(deadline):
            pass
        return self.process.wait(shops.PATIENCE_SECONDS)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._keyboard], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more in time:\n{self.shown[-2000:]}"
        try:
            part = os.read(self._keyboard, 65536)
        except OSError:  # the other end is closed
            return False
        self._raw += part
        return bool(part)


@contextmanager
def opened(arguments: Sequence[str], environ: Mapping[str, str]) -> Iterator[Terminal]:
    """`syncd` with these arguments, until the block ends. The terminal is its controlling one: Ctrl-C is a signal."""
    keyboard, screen = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", shops.COMMAND, *arguments],
        env={**environ, "COLUMNS": "120", "TERM": "xterm"},
        stdin=screen,
        stdout=screen,
        stderr=screen,
    )
    os.close(screen)
    try:
        yield Terminal(process, keyboard)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(keyboard)
