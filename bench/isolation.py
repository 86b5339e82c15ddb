"""Isolation: how long a new person takes into one client's dialer while another client is in trouble.

Each trouble, and the client's own backfill, is held against the client alone, measured right before.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import sqlalchemy as sa
import yaml

from bench import crm, far
from bench.dialer import LIST_ID, PASSWORD, USER, ZONE
from bench.figures import Aim, Figure, Part, ratios

EVERY_SECONDS = 1.0  # far more often than the default of 30 s, so that what is added shows
SERVICE = ("--service-ms", "8", "--workers", "4")
_GOLDEN = 0.618034  # multiples of it, modulo 1, lie evenly however many there are
_POLL_SECONDS = 0.01
_PATIENCE_SECONDS = 120.0
_NEW = """INSERT INTO people (first_name, last_name, email, phone, city, state, changed)
SELECT 'New', 'One', 'new@example.com', '813' || (2000000 + coalesce(max(id), 0)), 'Tampa', 'FL',
       strftime('%Y-%m-%d %H:%M:%f000', 'now') FROM people RETURNING id"""
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens beside the client that is watched. `people` stand in the other client's CRM; `options` are of its
    simulated dialer; `own`: it happens to the watched client itself."""

    what: str
    people: int = 0
    poison: bool = False
    options: tuple[str, ...] = SERVICE
    password: str = PASSWORD
    start: str = "all"
    backfill: bool = False
    own: bool = False


def troubles(records: int) -> dict[str, Trouble]:
    """By the names of their figures."""
    slow = ("--faults", "all.slow=1:20")
    silent = ("--faults", "all.timeout_before=1")
    return {
        "password": Trouble("another client's password is wrong", people=200, password="wrong"),  # noqa: S106
        "slow": Trouble("another client's dialer answers after 20 s", people=200, options=slow),
        "silent": Trouble("another client's dialer never answers", people=200, options=silent),
        "poison": Trouble("another client reads all its records, 30 % poison", people=records, poison=True),
        "backfill": Trouble("another client's backfill", people=records, start="now", backfill=True),
        "own": Trouble("its own backfill", people=records, start="now", backfill=True, own=True),
    }


def measure(folder: Path, *, records: int, samples: int, count: int, note: Note) -> Part:
    """`count` rounds, in each every trouble after the client alone."""
    alone: dict[str, list[float]] = {}
    beside: dict[str, list[float]] = {}
    worst: dict[str, list[float]] = {}
    known = troubles(records)
    for number in range(count):
        for name, trouble in known.items():
            note(f"isolation, round {number + 1} of {count}: {trouble.what}")
            for kind, found in (("alone", alone), ("beside", beside)):
                with _site(folder / f"isolation-{name}{number}-{kind}", trouble, quiet=kind == "alone") as site:
                    seconds = site.latencies(samples)
                found.setdefault(name, []).append(fmean(seconds) * 1000)
                if kind == "beside":
                    worst.setdefault(name, []).append(max(seconds) * 1000)
    figures = []
    for name, trouble in known.items():
        aim = Aim(1.2, most=True)
        figures += [
            Figure(f"{name}_alone", f"{trouble.what}: without it", "ms", alone[name]),
            Figure(f"{name}_beside", f"{trouble.what}: with it", "ms", beside[name]),
            Figure(f"{name}_worst", f"{trouble.what}: the slowest with it", "ms", worst[name]),
            Figure(f"{name}_ratio", f"{trouble.what}: ratio", "×", ratios(beside[name], alone[name]), aim),
        ]
    return Part("isolation", f"A new person into the dialer, every: {EVERY_SECONDS:g}s", figures)


class _Site:
    """The watched client and its daemon."""

    def __init__(self, folder: Path) -> None:
        self._people = sa.create_engine(f"sqlite:///{folder}/good.db")
        self._store = sa.create_engine(f"sqlite:///{folder}/store.db")

    def wait_until_read(self) -> None:
        """Wait for the first run of the stream."""
        self._wait("SELECT 1 FROM stream WHERE client = 'good' AND last_ok_at IS NOT NULL")

    def arrival(self) -> float:
        """Add a person; return the seconds until syncd knows that the dialer has it."""
        began = time.monotonic()
        with self._people.begin() as connection:
            number = connection.execute(sa.text(_NEW)).scalar_one()
        self._wait("SELECT 1 FROM link WHERE client = 'good' AND crm_stream = 'leads' AND crm_id = :id", id=str(number))
        return time.monotonic() - began

    def _wait(self, sql: str, **values: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            with self._store.connect() as connection:
                if connection.execute(sa.text(sql), values).first():
                    return
            if time.monotonic() > deadline:
                raise SystemExit(f"not in {_PATIENCE_SECONDS:g} s: {sql}")
            time.sleep(_POLL_SECONDS)

    def latencies(self, samples: int) -> list[float]:
        """Of people who are added at moments that lie evenly between two runs of the stream."""
        self.arrival()
        found = []
        for number in range(samples):
            self.arrival()  # a run has just ended
            time.sleep(number * _GOLDEN % 1 * EVERY_SECONDS)
            found.append(self.arrival())
        return found


@contextmanager
def _site(folder: Path, trouble: Trouble, *, quiet: bool) -> Iterator[_Site]:
    folder.mkdir()
    with ExitStack() as stack:
        clients: dict[str, Any] = {}
        for name in ("good", *(() if quiet or trouble.own else ("bad",))):
            is_troubled = not quiet and (name == "bad" or trouble.own)
            options = trouble.options if is_troubled else SERVICE
            address = f"sqlite:///{folder}/{name}.db"
            url = stack.enter_context(far.simulator("vicidial", *options, folder=folder)).url
            people = crm.opened("sqlite", address)
            people.create()
            if is_troubled:
                people.add(trouble.people)
                if trouble.poison:
                    with sa.create_engine(address).begin() as connection:
                        connection.execute(sa.text("UPDATE people SET phone = '12' WHERE id % 10 < 3"))
            password = trouble.password if name == "bad" else PASSWORD
            clients[name] = _client(address, url, password, trouble.start if name == "bad" else "now")
        config = folder / "config.yaml"
        settings = {"store": f"sqlite:///{folder}/store.db", "stop_seconds": "1s", "clients": clients}
        config.write_text(yaml.safe_dump(settings))
        config.chmod(0o600)
        _syncd(config, "db", "upgrade")
        stack.enter_context(_daemon(config, folder / "log.jsonl"))
        site = _Site(folder)
        site.wait_until_read()
        if trouble.backfill and not quiet:
            name = "good" if trouble.own else "bad"
            _syncd(config, "backfill", name, "leads", "--since", "2000-01-01", "--until", "1h", "--no-wait")
        yield site


def _client(address: str, url: str, password: str, start: str) -> Mapping[str, Any]:
    return {
        "crm": {"type": "sql", "url": address, "leads": {"table": "people", "id": "id", "modified": "changed"}},
        "dialer": {"type": "vicidial", "url": url, "user": USER, "password": password, "time_zone": ZONE},
        "pipelines": {
            "leads": {
                "start": start,
                "every": f"{EVERY_SECONDS:g}s",
                "fields": {
                    "phone_number": "phone",
                    "first_name": "first_name",
                    "last_name": "last_name",
                    "list_id": {"value": LIST_ID},
                },
            }
        },
    }


def _environ(config: Path) -> dict[str, str]:
    return {**os.environ, "SYNCD_CONFIG": str(config)}


def _syncd(config: Path, *arguments: str) -> None:
    subprocess.run([_program(), *arguments], env=_environ(config), stdout=subprocess.DEVNULL, check=True)


def _program() -> Path:
    return Path(sys.executable).with_name("syncd")


@contextmanager
def _daemon(config: Path, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen([_program(), "run"], env=_environ(config), stdout=output, stderr=output)
    try:
        yield
        if process.poll() is not None:
            raise SystemExit(f"the daemon ended:\n{log.read_text()[-2000:]}")
    finally:
        process.terminate()
        process.wait()
