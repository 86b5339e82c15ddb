"""What is measured, each in a process of its own: a run of syncd, a connector alone, the plain loop of integrations.

Processor time is that process's own, user and system. What a daemon does once in its life is not counted: interpreter,
imports, configuration, schema, and the steps that come before, in order:

    begin     a run of the stream that ends with its first settled batch, so that a first full read is not over
    run       a whole run of the stream, which compiles the SQL
    add:N     N new people in the CRM
    rename:N  another first name for the last N of them (SQL tables only)
    call:N    an agent calls N leads
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from bench import crm, crm_sql, dialer
from syncd.config import load
from syncd.core import model
from syncd.daemon import logs, setup
from syncd.engine import adopt as adopting
from syncd.engine import adopt_look
from syncd.engine.run import Engine
from syncd.sdk import protocol, records
from syncd.store import upgrade
from syncd.store.database import Database

_STAGE, _SETTLE = "stage", "settle"  # labels of the engine's commits


def memory_kib() -> dict[str, int]:
    """Resident memory of this process in KiB: now (VmRSS) and at its highest (VmHWM). Source: /proc, Linux only."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"rss": int(lines["VmRSS"].split()[0]), "peak": int(lines["VmHWM"].split()[0])}


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, by the clock and by this process's processor time, in seconds."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Moment:
        """This one."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return cls(time.perf_counter(), usage.ru_utime + usage.ru_stime)

    def since(self, earlier: Moment) -> dict[str, float]:
        """The seconds between."""
        return {"cpu_seconds": self.cpu - earlier.cpu, "wall_seconds": self.wall - earlier.wall}


def measured(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do the work; return what it returns with `cpu_seconds` and `wall_seconds`."""
    began = Moment.now()
    result = work()
    return {**Moment.now().since(began), **result}


@dataclass
class Watch:
    """What the store's commits tell of a run. `most`: it is to stop after so many settled batches (0: never)."""

    most: int = 0
    settled: int = 0
    resident_kib: list[int] = field(default_factory=list)
    last: dict[str, Moment] = field(default_factory=dict)

    def begin(self, *, most: int) -> None:
        """Forget what was before."""
        self.most, self.settled = most, 0
        self.resident_kib.clear()
        self.last.clear()

    def on_commit(self, label: str, moment: str) -> None:
        """Note a commit."""
        if moment == "before" or label not in (_STAGE, _SETTLE):
            return
        self.last[label] = Moment.now()
        if label == _STAGE:
            self.resident_kib.append(memory_kib()["rss"])
        else:
            self.settled += 1

    def stopping(self) -> bool:
        """Whether the run is to end now."""
        return 0 < self.most <= self.settled

    def parts(self, began: Moment) -> dict[str, Any]:
        """Seconds from when all was staged until all was settled, and memory after each commit that staged some."""
        staged = self.last.get(_STAGE, began)
        return {
            "delivering": self.last.get(_SETTLE, staged).since(staged),
            "rss_kib": self.resident_kib,
            "peak_kib": memory_kib()["peak"],
        }


@dataclass(frozen=True, slots=True)
class Place:
    """Where to measure: the customer's configuration, the CRM's kind and address, the dialer's address."""

    config: Path
    kind: str
    crm: str
    dialer: str

    def step(self, step: str) -> None:
        """Do one of the steps that are no run."""
        what, _, count = step.partition(":")
        far = crm.opened(self.kind, self.crm)
        if what == "add":
            far.add(int(count))
        elif what == "call":
            dialer.Dialer(self.dialer).call(int(count))
        elif what == "rename" and isinstance(far, crm_sql.Tables):
            far.rename(int(count))
        else:
            raise ValueError(f"no such step: {step}")

    def requests(self) -> Mapping[str, int]:
        """What the CRM was asked so far."""
        return crm.opened(self.kind, self.crm).requests()


def syncd(place: Place, *, stream: str = "crm.leads", steps: Sequence[str] = (), stop_after: int = 0) -> dict[str, Any]:
    """Run one stream as the daemon does. `stop_after`: end the measured run in order once so many leads have been
    settled in it (0: never)."""
    settings = load.load(place.config)
    logs.configure(shape=settings.log.format, level=settings.log.level)
    role, _, name = stream.partition(".")
    side = model.Side("dialer" if role == "dialer" else "crm", name)
    watch = Watch()
    with (
        closing(Database(settings.store.get_secret_value(), on_commit=watch.on_commit)) as db,
        setup.clients(settings) as (client,),
    ):
        upgrade.upgrade(db, now=datetime.now(UTC))
        engine = Engine(db, stopping=watch.stopping)
        setup.register(engine, [client])

        def run() -> dict[str, Any]:
            report = engine.run_stream(client, side)
            return {"result": report.result, "why": report.error, "counts": report.counts, "held": report.held}

        for step in steps:
            watch.begin(most=int(step == "begin"))
            if step in ("begin", "run"):
                run()
            else:
                place.step(step)
        watch.begin(most=-(-stop_after // client.dialer.streams["leads"].batch_size))
        asked, began = place.requests(), Moment.now()
        found = measured(run)
        return {**found, **watch.parts(began), "requests": _more(place.requests(), asked)}


def connector(place: Place, *, steps: Sequence[str]) -> dict[str, Any]:
    """Pull the people that changed in the steps through the CRM's connector alone."""
    with setup.clients(load.load(place.config)) as (client,):
        names = sorted({name for pipe in client.reading(model.Side("crm", "leads")) for name in pipe.reads})
        names = [name for name in names if name != "crm_id"]
        _, since = _pulled(client.crm, None, names)
        for step in steps:
            place.step(step)

        def pull() -> dict[str, Any]:
            count, _ = _pulled(client.crm, since, names)
            return {"result": "ok", "counts": {"records": count}}

        return measured(pull)


def client(place: Place, *, requests: int) -> dict[str, Any]:
    """Write so many new leads through the dialer's connector alone, as many at once as the engine would."""
    with setup.clients(load.load(place.config)) as (found,):
        size = found.dialer.streams["leads"].batch_size
        changes = [_lead(number) for number in range(size + requests)]
        found.dialer.write("leads", changes[:size])

        def write() -> dict[str, Any]:
            sent = 0
            for start in range(size, len(changes), size):
                outcomes = found.dialer.write("leads", changes[start : start + size])
                sent += sum(outcome.error is None for outcome in outcomes)
            return {"result": "ok", "counts": {"sent": sent}}

        return measured(write)


def _lead(number: int) -> records.Change:
    """A new lead like those of a run."""
    fields = {
        "phone_code": "1",
        "phone_number": f"727{2_000_000 + number}",
        "first_name": f"First{number}",
        "last_name": f"Last{number}",
        "email": f"p{number}@example.com",
        "city": "Tampa",
        "state": "FL",
        "list_id": dialer.LIST_ID,
    }
    return records.Change("create", records.SyncKey.of("bench", "leads", str(number)), fields=fields)


def _pulled(
    source: protocol.Connector, since: records.Cursor | None, names: Sequence[str]
) -> tuple[int, records.Cursor | None]:
    """How many records there are from `since` on, and the position after them."""
    count = 0
    for page in source.pull("leads", since, source.clock(), names):
        count += len(page.records)
        since = page.cursor
    return count, since


def _more(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in now.items() if count > before.get(name, 0)}


def loop(place: Place, *, leads: int) -> dict[str, Any]:
    """What integrations usually do: for each row a GET without a session."""
    names = ("id", "first_name", "last_name", "email", "phone", "city", "state")
    query = sa.text(f"SELECT {', '.join(names)} FROM people ORDER BY id LIMIT :leads")  # noqa: S608  # our names

    def run() -> dict[str, Any]:
        sent = 0
        with sa.create_engine(place.crm).connect() as connection:
            for row in connection.execute(query, {"leads": leads}):
                person = dict(zip(names, row, strict=True))
                answer = requests.get(
                    place.dialer + dialer.API_PATH,
                    params={
                        "source": "loop",
                        "user": dialer.USER,
                        "pass": dialer.PASSWORD,
                        "function": "add_lead",
                        "phone_number": person.pop("phone"),
                        "phone_code": "1",
                        "list_id": dialer.LIST_ID,
                        "vendor_lead_code": person.pop("id"),
                        "dnc_check": "AREACODE",
                        "list_exists_check": "Y",
                        **person,
                    },
                    timeout=30,
                )
                sent += answer.text.startswith("SUCCESS")
        return {"result": "ok", "counts": {"sent": sent}}

    return measured(run)


def adopt(place: Place) -> dict[str, Any]:
    """Adopt the leads that are in the dialer already, by key and by name."""
    settings = load.load(place.config)
    logs.configure(shape="console", level="error")
    url = settings.store.get_secret_value()
    with closing(Database(url)) as db, setup.clients(settings) as (client,):
        upgrade.upgrade(db, now=datetime.now(UTC))
        engine = Engine(db)
        setup.register(engine, [client])

        def run() -> dict[str, Any]:
            report = adopting.run(engine, client, adopt_look.Options(names=True), by="bench")
            return {"result": report.result, "why": report.error, "counts": report.counts}

        found = measured(run)
        with db.read() as connection:
            links = connection.execute(sa.text("SELECT count(*) FROM link")).scalar_one()
        size = 0 if db.path is None else db.path.stat().st_size
    return {**found, "links": links, "peak_kib": memory_kib()["peak"], "store_mb": round(size / 2**20, 1)}


def in_a_process(what: Callable[..., dict[str, Any]], place: Place, log: Path, **how: Any) -> dict[str, Any]:
    """Call `what` in a fresh process, forked from one that has imported all this; what it logs goes to the file `log`.
    End the bench if it fails."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sending, what, place, log, how))
    process.start()
    sending.close()
    try:
        found: dict[str, Any] = json.loads(receiving.recv())
    except EOFError:
        raise SystemExit(f"{what.__name__} {how} failed:\n{log.read_text()[-2000:]}") from None
    finally:
        process.join()
        receiving.close()
    return found


def _work(
    sending: Connection, what: Callable[..., dict[str, Any]], place: Place, log: Path, how: dict[str, Any]
) -> None:
    # a proxy is not for loopback, and looking for one in the environment would cost `requests` time
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    with log.open("w") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
        os.dup2(file.fileno(), sys.stdout.fileno())
    sending.send(json.dumps(what(place, **how)))
