"""A small customer on real files: a CRM in SQLite, a VICIdial on loopback, a configuration, and the command."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from syncd.simulators import vicidial
from syncd.store import upgrade
from syncd.store.database import Database
from tests.cli import forks

COMMAND = Path(sysconfig.get_path("scripts")) / "syncd"
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.02
_TABLES = """
CREATE TABLE people (id INTEGER PRIMARY KEY, first_name TEXT, phone TEXT, do_not_call INTEGER DEFAULT 0,
                     modified TEXT, deleted_at TEXT, lead_status TEXT);
CREATE INDEX people_modified ON people (modified, id);
CREATE TRIGGER people_changed AFTER UPDATE ON people WHEN NEW.modified IS OLD.modified BEGIN
    UPDATE people SET modified = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = NEW.id; END;
CREATE TABLE calls (call_key TEXT PRIMARY KEY, person INTEGER, status TEXT, seconds INTEGER);
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What `--json` printed: the last line."""
        return json.loads(self.out.splitlines()[-1])


@dataclass(slots=True)
class Daemon:
    """A running daemon and what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """Its log lines, of one event if it is given."""
        lines = [json.loads(line) for line in self.log.read_text("utf-8").splitlines() if line.startswith("{")]
        return [line for line in lines if not event or line["event"] == event]

    def wait_for(self, done: Callable[[], object]) -> None:
        """Wait until something is true; fail with its log if the daemon ends or a minute passes before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not done():
            assert self.process.poll() is None, self.log.read_text("utf-8")
            assert time.monotonic() < deadline, self.log.read_text("utf-8")
            time.sleep(POLL_SECONDS)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


@dataclass(slots=True)
class Shop:
    """The customer."""

    folder: Path
    sim: vicidial.Simulator
    forks: forks.Forks

    @property
    def store(self) -> Path:
        return self.folder / "syncd.db"

    @property
    def config(self) -> Path:
        return self.folder / "syncd.yaml"

    def settings(self) -> dict[str, Any]:
        """The configuration, to be changed and written."""
        return {
            "store": f"sqlite:///{self.store}",
            "stop_seconds": "20s",
            "clients": {
                "acme": {
                    "crm": {
                        "type": "sql",
                        "url": f"sqlite:///{self.folder}/crm.db",
                        "leads": {"table": "people", "id": "id", "modified": "modified", "deleted": "deleted_at"},
                        "calls": {"table": "calls", "key": "call_key"},
                    },
                    "dialer": {
                        "type": "vicidial",
                        "url": self.sim.url,
                        "user": "6666",
                        "password": "1234",
                        "time_zone": "America/New_York",
                        "find_lag_seconds": 0,
                        "history_days": 1,
                    },
                    "pipelines": {
                        "leads": {
                            "start": "all",
                            "every": "1s",
                            "opt_out": {"do_not_call": True},
                            "fields": {
                                "phone_number": "phone",
                                "first_name": "first_name",
                                "list_id": {"value": "101"},
                            },
                        },
                        "dispositions": {"start": "all", "every": "1h", "fields": {"lead_status": "status"}},
                        "calls": {
                            "start": "all",
                            "every": "1h",
                            "fields": {"person": "crm_id", "status": "status", "seconds": "length_in_sec"},
                        },
                    },
                }
            },
        }

    def write(self, settings: Mapping[str, Any]) -> None:
        """Make this the configuration."""
        self.config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        self.config.chmod(0o600)

    def settings_now(self) -> dict[str, Any]:
        """The configuration as it is written."""
        found: dict[str, Any] = yaml.safe_load(self.config.read_text("utf-8"))
        return found

    def upgrade(self) -> None:
        """Make the store, as `syncd db upgrade` does."""
        with closing(self.database()) as db:
            upgrade.upgrade(db, now=datetime.now(UTC))

    def database(self) -> Database:
        """A connection to the store."""
        return Database(f"sqlite:///{self.store}")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the store."""
        with closing(sqlite3.connect(self.store)) as connection:
            return connection.execute(sql).fetchall()

    def crm(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Work on the CRM."""
        with closing(sqlite3.connect(self.folder / "crm.db")) as connection, connection:
            return connection.execute(sql, parameters).fetchall()

    def people(self, count: int, *, first: int = 1) -> None:
        """People are entered, each with a phone of their own."""
        with closing(sqlite3.connect(self.folder / "crm.db")) as connection, connection:
            connection.executemany(
                "INSERT INTO people (id, first_name, phone, modified) "
                "VALUES (?, ?, ?, strftime('%Y-%m-%d %H:%M:%f', 'now'))",
                [(number, f"Person {number}", f"727555{number:04d}") for number in range(first, first + count)],
            )

    def leads(self) -> list[str]:
        """The keys of all leads that syncd made."""
        with self.sim.world.lock:
            return sorted(lead.vendor_lead_code for lead in self.sim.world.leads.values() if "syncd:" in lead.source_id)

    def syncd(self, *arguments: str | Path, environ: Mapping[str, str] | None = None, stdin: str = "") -> Ran:
        """Run a command to its end."""
        return Ran(*self.forks.run([str(one) for one in arguments], self.environ(environ or {}), self.folder, stdin))

    @contextmanager
    def daemon(self, *arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[Daemon]:
        """`syncd run` as a process of its own, until the block ends."""
        log = self.folder / "daemon.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [COMMAND, "run", *arguments],
                env=self.environ(environ or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        daemon = Daemon(process, log)
        try:
            yield daemon
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def environ(self, more: Mapping[str, str]) -> dict[str, str]:
        """This shop's environment."""
        rest = {name: value for name, value in os.environ.items() if name not in ("NOTIFY_SOCKET", "WATCHDOG_USEC")}
        return {**rest, "SYNCD_CONFIG": str(self.config), **more}


@contextmanager
def opened(folder: Path, process: forks.Forks) -> Iterator[Shop]:
    """A shop with an empty CRM, a configuration and no store yet."""
    with closing(sqlite3.connect(folder / "crm.db")) as connection:
        connection.executescript(_TABLES)
    with vicidial.serve() as sim:
        sim.world.clock.set_zone("America/New_York")
        shop = Shop(folder, sim, process)
        shop.write(shop.settings())
        yield shop
