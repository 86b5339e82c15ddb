"""A customer's YAML, the command, and a VICIdial on loopback; the CRM is the test's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from syncd.simulators import vicidial
from tests.cli import forks
from tests.end_to_end import dialer

MARKER = "syncd:acme:leads"
HEAD = Template(f"""\
store: sqlite:///$folder/syncd.db
clients:
  acme:
    dialer:
      type: vicidial
      url: $vicidial
      user: {dialer.API_USER}
      password: {dialer.PASSWORD}
      time_zone: {dialer.TIME_ZONE}
      use_non_latin: true
      find_lag_seconds: 0
      history_days: 1
""")


@dataclass
class Site:
    """A customer. `door`: the VICIdial's."""

    folder: Path
    forks: forks.Forks
    url: str
    door: dialer.Door

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.folder / "syncd.yaml"

    def configure(self, rest: str, **values: str) -> None:
        """Write the configuration; `rest` is what the client has beside its dialer, with `$name` for values."""
        head = HEAD.substitute(folder=self.folder, vicidial=self.url)
        self.config.write_text(head + Template(rest).substitute(values), encoding="utf-8")
        self.config.chmod(0o600)

    @property
    def environ(self) -> Mapping[str, str]:
        """What a command is started with."""
        return {**os.environ, "SYNCD_CONFIG": str(self.config)}

    def syncd(self, *arguments: str, code: int = 0) -> str:
        """Run a command and return what it says."""
        ended, out, err = self.forks.run(arguments, self.environ, self.folder)
        assert ended == code, out + err
        return out + err

    def told(self, *arguments: str, code: int = 0) -> Any:
        """Run a command and return its JSON."""
        ended, out, err = self.forks.run((*arguments, "--json"), self.environ, self.folder)
        assert ended == code, out + err
        return json.loads(out.splitlines()[-1])

    def leads(self) -> dict[str, dict[str, Any]]:
        """syncd's leads by the CRM record's id; the test's assertion fails where a record has two."""
        ours = [lead for lead in self.door.leads() if lead["source_id"] == MARKER]
        found = {str(lead["vendor_lead_code"]): lead for lead in ours}
        assert len(found) == len(ours)
        return found

    def call(self, record: str, status: str, *, seconds_ago: int = 60) -> dialer.Call:
        """An agent has called the lead of a CRM record."""
        return self.door.call(int(self.leads()[record]["lead_id"]), status, seconds_ago=seconds_ago)


@contextmanager
def opened(folder: Path, runner: forks.Forks, **state: Any) -> Iterator[Site]:
    """A customer who has no configuration yet. `state`: of the VICIdial, beside the usual one."""
    with vicidial.serve({**dialer.state(), **state}) as sim, closing(dialer.Door(sim.url)) as door:
        yield Site(folder, runner, sim.url, door)
