"""Far sides in processes of their own: simulators with their control doors, and a MariaDB server."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

ROOT = Path(__file__).parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


class Door:
    """The control door of the simulator at `url`: POST JSON to a command, get JSON back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=120), retries=False)

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """Run one command; end the bench if the simulator refuses it."""
        answer = self._http.request("POST", f"{self.url}/_sim/{command}", json=arguments)
        found: dict[str, Any] = json.loads(answer.data)
        if answer.status != 200:
            raise SystemExit(f"the simulator refuses {command}: {found.get('error')}")
        return found

    def later(self, now_seconds: float) -> None:
        """Given the far side's time (seconds since 1970), move it on: it tells whole seconds, so what was done in the
        current one would not be read yet."""
        self.ask("clock", offset_seconds=math.ceil(now_seconds - time.time()) + 2)


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator."""

    url: str
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time of its process so far. Source: proc_pid_stat(5), fields 14 and 15."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def simulator(name: str, *options: str, state: Mapping[str, Any] | None = None, folder: Path) -> Iterator[Simulator]:
    """Run a simulator; `state` is written to a file in `folder`."""
    if state is not None:
        path = folder / f"{name}.json"
        path.write_text(json.dumps(state))
        options = (*options, "--state", str(path))
    child = subprocess.Popen(
        [sys.executable, "-m", f"syncd.simulators.{name}", "--listen", "127.0.0.1:0", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        said = child.stdout.readline().split()
        if len(said) != 2:
            raise SystemExit(f"the {name} simulator does not start")
        yield Simulator(said[1], child.pid)
    finally:
        child.terminate()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def has_mariadb() -> bool:
    """Whether a MariaDB server is installed; Debian keeps it where only root's PATH looks."""
    return bool(shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin"))


@contextmanager
def mariadb() -> Iterator[Callable[[], AbstractContextManager[str]]]:
    """Run a MariaDB server of its own; each call gives the SQLAlchemy URL of an empty database in it."""
    from tests.services import mariadb as service

    with service.running() as server:
        yield server.database
