"""A place to measure in: a CRM, a state store, the VICIdial simulator as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.crm import Crm

USER, PASSWORD, LIST_ID = "6666", "1234", "101"  # the simulator's built-in ones
_CONFIGURATION = """\
store: sqlite:///{folder}/store.db
clients:
  bench:
    crm: {{type: sql, url: "sqlite:///{folder}/crm.db", leads: {{table: people, id: id, modified: changed}}}}
    dialer: {{type: vicidial, url: {url}, user: "{user}", password: "{password}", time_zone: America/New_York}}
    pipelines:
      leads:
        start: all
        mode: {mode}
        fields:
          phone_number: phone
          first_name: first_name
          last_name: last_name
          email: email
          city: city
          state: {{from: state, default: {default}}}
          list_id: {{default: "{list_id}"}}
"""


@dataclass(slots=True)
class Site:
    """One customer. The log goes to a file, as the daemon's does under a service manager."""

    folder: Path
    url: str
    crm: Crm
    _children: int = 0

    def configure(self, *, shadow: bool = False, version: int = 0) -> Path:
        """Write the configuration file. Each `version` is another version of the mapping with the same results."""
        path = self.folder / "config.yaml"
        path.write_text(
            _CONFIGURATION.format(
                folder=self.folder,
                url=self.url,
                user=USER,
                password=PASSWORD,
                list_id=LIST_ID,
                mode="shadow" if shadow else "live",
                default=f"A{version}",  # never used: every row has a state
            )
        )
        path.chmod(0o600)
        return path

    def measure(self, *arguments: str) -> dict[str, Any]:
        """Run `bench.child` with these arguments in a fresh process and return what it measured of itself."""
        self._children += 1
        log = self.folder / f"log{self._children}.jsonl"
        # a proxy is not for loopback, and looking for one in the environment would cost `requests` time
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        with log.open("w") as errors:
            done = subprocess.run(
                [sys.executable, "-m", "bench.child", *arguments],
                cwd=Path(__file__).parents[1],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                check=False,
            )
        if done.returncode:
            raise SystemExit(f"bench.child {' '.join(arguments)} failed:\n{log.read_text()[-2000:]}")
        measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return measured


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    """A site with an empty CRM and an empty dialer; `folder` is made."""
    folder.mkdir()
    simulator = subprocess.Popen(
        [sys.executable, "-m", "syncd.simulators.vicidial", "--listen", "127.0.0.1:0"],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert simulator.stdout is not None
        _, url = simulator.stdout.readline().split()
        site = Site(folder, url, Crm(folder / "crm.db"))
        site.crm.create()
        yield site
    finally:
        simulator.terminate()
        simulator.wait()
        if simulator.stdout is not None:
            simulator.stdout.close()
