"""Runs syncd in forks of a process that has imported everything: as separate as processes, at a tenth of the time.

This file is also the program of that process: it reads one task a line and answers with the exit code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

_PRELOADED = (
    "alembic.autogenerate",
    "syncd.cli.main",
    "syncd.config.load",
    "syncd.daemon.service",
    "syncd.engine.operate",
    "syncd.engine.preview",
    "syncd.store.inspection",
    "syncd_hubspot",
    "syncd_salesforce",
    "syncd_sql",
    "syncd_vicidial",
)


class Forks:
    """Commands, one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(
        self, arguments: Sequence[str], environ: Mapping[str, str], folder: Path, stdin: str = ""
    ) -> tuple[int, str, str]:
        """Run a command to its end: (exit code, standard output, standard error)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        out, err = folder / "command.out", folder / "command.err"
        given = folder / "command.in"
        given.write_text(stdin, "utf-8")
        files = {"in": str(given), "out": str(out), "err": str(err)}
        task = {"arguments": list(arguments), "environ": dict(environ), **files}
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline()), out.read_text("utf-8"), err.read_text("utf-8")


@contextmanager
def running() -> Iterator[Forks]:
    """The process, until the block ends."""
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Forks(process)
        assert process.stdin is not None
        process.stdin.close()


def _serve() -> None:
    for name in _PRELOADED:
        import_module(name)
    for line in sys.stdin:
        task = json.loads(line)
        child = os.fork()
        if child == 0:
            _command(task)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _command(task: dict[str, object]) -> None:
    """In the fork: what the installed command does."""
    code = 70
    try:
        os.environ.clear()
        os.environ.update(task["environ"])  # type: ignore[call-overload]  # a mapping, as `run` sent it
        for number, name in ((0, str(task["in"])), (1, str(task["out"])), (2, str(task["err"]))):
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(name, flags, 0o600), number)
        code = import_module("syncd.cli.main").main(task["arguments"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
