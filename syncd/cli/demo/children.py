"""The demo's processes: started each in a group of its own, ended by their id, their output kept in files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

COMPILED = "compiled"
_SYNCD = (sys.executable, "-c", "import sys; from syncd.cli.main import main; sys.exit(main())")


def environ(folder: Path) -> dict[str, str]:
    """The environment of the children. Where Python may not leave compiled code beside its sources, they share it in
    the demo's folder: else each would compile everything anew, which takes longer than all they do."""
    found = dict(os.environ)
    if sys.dont_write_bytecode:
        found.pop("PYTHONDONTWRITEBYTECODE", None)
        found["PYTHONPYCACHEPREFIX"] = str(folder / COMPILED)
    return found


class Failed(Exception):
    """The demo cannot go on; the text says why. `log`: the file that tells more."""

    def __init__(self, text: str, log: Path | None = None) -> None:
        super().__init__(text)
        self.log = log


class Child:
    """A `syncd …` process. Ctrl-C in the terminal reaches only the demo, which then ends its children."""

    def __init__(self, name: str, arguments: Sequence[str], *, log: Path, environ: Mapping[str, str]) -> None:
        self.name, self.log = name, log
        self._output = log.with_suffix(".out")
        with log.open("ab") as errors, self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [*_SYNCD, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=dict(environ),
                cwd=log.parent,
                start_new_session=True,
            )

    def ready(self, seconds: float) -> str:
        """Wait for the line `ready URL` and return the URL."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.ended:
            said = self._output.read_text(encoding="utf-8")
            if said.startswith("ready ") and said.endswith("\n"):
                return said.split()[1]
            time.sleep(0.02)
        raise Failed(f"{self.name} did not start", self.log)

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """SIGKILL: the process has no chance to put anything in order."""
        self._process.kill()
        self._process.wait()

    def end(self, seconds: float) -> int:
        """SIGTERM, then SIGKILL if it takes longer than that; return its exit code."""
        if not self.ended:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        return self._process.returncode


def run(arguments: Sequence[str], *, log: Path, environ: Mapping[str, str], seconds: float = 30) -> tuple[int, str]:
    """Run a `syncd` command to its end; return its exit code and what it printed. Its stderr goes to `log`."""
    with log.open("ab") as errors:
        try:
            done = subprocess.run(
                [*_SYNCD, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(environ),
                cwd=log.parent,
                start_new_session=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"`syncd {' '.join(arguments)}` does not end", log) from None
    return done.returncode, done.stdout.decode("utf-8", "replace")
