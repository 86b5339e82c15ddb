"""A customer: a CRM, a VICIdial over HTTP, a configuration file, and lives of the engine on one store."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from syncd.config import compile as compiler
from syncd.config import load, models
from syncd.core import model
from syncd.engine import parts, run
from syncd.sdk import protocol, records
from syncd.simulators import vicidial
from syncd.store import memo, status, streams, tables, upgrade
from syncd.store.database import Database, Moment, OnCommit
from tests.end_to_end import dialer
from tests.end_to_end.crm import READ_SECONDS, Crm, Options, Setup
from tests.end_to_end.crm_sql import SqlCrm

CLIENT = "acme"
# Waiting for the find lag costs nothing: the clock is put forward once the dialer has nothing under way any more.
FIND_LAG_SECONDS = 30.0
MOST_ROUNDS = 40


def configuration(
    *, store: str, setup: Setup, crm: Options, dialer_options: Options, leads: Options, client: str = CLIENT
) -> dict[str, Any]:
    """The configuration file of a customer, as data; JSON is YAML."""
    every = {"start": "all", "every": "1m"}
    return {
        "store": store,
        "clients": {
            client: {
                "crm": {**setup.crm, **crm},
                "dialer": {
                    "type": "vicidial",
                    "user": dialer.API_USER,
                    "password": dialer.PASSWORD,
                    "time_zone": dialer.TIME_ZONE,
                    "campaign_id": dialer.CAMPAIGN,
                    "use_non_latin": True,
                    "history_days": 1,
                    "hours_per_read": 24,
                    "read_seconds": READ_SECONDS,
                    "find_lag_seconds": FIND_LAG_SECONDS,
                    **dialer_options,
                },
                "pipelines": {
                    "leads": {
                        **every,
                        "opt_out": setup.opt_out,
                        "fields": {**setup.leads, "list_id": {"value": dialer.LIST}},
                        **leads,
                    },
                    "calls": {**every, "fields": setup.calls},
                    "dispositions": {**every, "fields": setup.dispositions},
                },
            }
        },
    }


@dataclass
class Life:
    """One life of the program: nothing of an earlier one but the store goes into it. Each stream has connectors of its
    own, as in the daemon."""

    engine: run.Engine
    streams: list[tuple[parts.Client, model.Side]]

    @property
    def client(self) -> parts.Client:
        """The client, for whoever needs only one set of connectors."""
        return self.streams[0][0]

    def end(self) -> None:
        """Close what the end of a process closes."""
        for client, _ in self.streams:
            client.crm.close()
            client.dialer.close()


@dataclass
class Site:
    """One customer. Every life of the engine sees the real time, put forward where a test need not wait for it."""

    folder: Path
    store_url: str
    crm: Crm
    simulator: vicidial.Simulator
    options: Options = field(default_factory=dict)  # of the dialer
    at_once: bool = False  # streams run in threads of their own, as in the daemon
    on_commit: OnCommit = lambda label, moment: None
    ahead: timedelta = timedelta()
    door: dialer.Door = field(init=False)
    db: Database = field(init=False)
    lives: list[Life] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.door = dialer.Door(self.simulator.url)
        self.db = Database(self.store_url, on_commit=self._committing)

    def connect(self, simulator: vicidial.Simulator) -> None:
        """Another VICIdial takes the place of the one before."""
        self.end_lives()
        self.door.close()
        self.simulator, self.door = simulator, dialer.Door(simulator.url)

    def _committing(self, label: str, moment: Moment) -> None:
        self.on_commit(label, moment)

    def now(self) -> datetime:
        """The engine's clock."""
        return datetime.now(UTC) + self.ahead

    @property
    def sql(self) -> SqlCrm:
        """The CRM, for what only a database has."""
        assert isinstance(self.crm, SqlCrm)
        return self.crm

    def key_of(self, person: str) -> str:
        """What the lead of a person carries in vendor_lead_code."""
        return records.SyncKey.of(CLIENT, "leads", self.crm.id_of(person)).value

    def settings(self, **changed: object) -> models.Settings:
        """The configuration, loaded from a file as the command line does."""
        path = self.folder / "syncd.yaml"
        parts_: dict[str, Any] = {
            "store": self.store_url,
            "setup": self.crm.setup(),
            "crm": {},
            "dialer_options": {"url": self.simulator.url, **self.options},
            "leads": {},
            **changed,
        }
        path.write_text(json.dumps(configuration(**parts_)), encoding="utf-8")
        path.chmod(0o600)
        return load.load(path)

    def start(self, settings: models.Settings | None = None, *, lease_seconds: float = 60.0) -> Life:
        """Begin a life."""
        settings = settings or self.settings()
        life = Life(run.Engine(self.db, clock=self.now, lease_seconds=lease_seconds), [])
        memory = memo.Memo(self.db, self.now)
        self.lives.append(life)
        while not life.streams or len(life.streams) < len(life.client.sources()):
            (plan,) = compiler.clients(settings)
            for connector in (plan.crm, plan.dialer):
                if isinstance(connector, protocol.Remembers):
                    connector.remember(memory)
            client = parts.Client(plan.name, plan.crm, plan.dialer, plan.pipelines, plan.identity)
            life.streams.append((client, client.sources()[len(life.streams)]))
        life.engine.register(life.client)
        return life

    def expire_leases(self) -> None:
        """What waiting does: the leases of a program that has died run out."""
        with self.db.engine.begin() as connection:
            connection.execute(sa.update(tables.lease).values(expires_at=model.EPOCH))

    def round(self, life: Life) -> list[parts.Report]:
        """Run every stream once, the CRM's first or all at once."""
        self.crm.tick()
        if not self.at_once:
            return [life.engine.run_stream(client, side) for client, side in life.streams]
        with ThreadPoolExecutor(len(life.streams)) as pool:
            runs = [pool.submit(life.engine.run_stream, client, side) for client, side in life.streams]
        return [one.result() for one in runs]

    def wait(self, life: Life) -> None:
        """Let time pass until a stream is due: both sides end what they have under way, then the clock is put
        forward."""
        while not (self.door.is_idle() and self.crm.is_idle()):
            time.sleep(0.002)  # what is under way ends in a fraction of a second
        moments = [self._due(life, side) for side in life.client.sources()]
        self.ahead += max(timedelta(), min(moments) - self.now())

    def _due(self, life: Life, side: model.Side) -> datetime:
        due = streams.stream_state(self.db, CLIENT, str(side)).next_due_at or self.now()
        states = streams.pipeline_states(self.db, CLIENT)
        ends = [states[pipe.name].until for pipe in life.client.reading(side) if pipe.name in states]
        return max([due, *(end for end in ends if end is not None)])

    def settle(self, life: Life) -> None:
        """Run as the daemon would until a round of all streams has found nothing to do and nothing is open. Rounds in
        which nothing could happen, since all that is open waits for a later time, are passed over."""
        reports: list[parts.Report] = []
        for _ in range(MOST_ROUNDS):
            reports = self.round(life)
            quiet = all(_is_quiet(report) for report in reports)
            if quiet and not self.open_intents():
                return
            self.wait(life)
            if quiet:
                self.ahead += max(timedelta(), self._waiting_until() - self.now())
        raise AssertionError(f"no peace after {MOST_ROUNDS} rounds: {reports} {self.open_intents()}")

    def _waiting_until(self) -> datetime:
        """When the first intent is due that waits for its time: until a budget is renewed, for example."""
        with self.db.read() as connection:
            staged = sa.select(sa.func.min(tables.intent.c.due_at)).where(tables.intent.c.state == "staged")
            return connection.execute(staged).scalar() or model.EPOCH

    def open_intents(self) -> list[tuple[object, ...]]:
        """What is staged, sent without a known outcome, or to be looked at again."""
        intent = tables.intent
        with self.db.read() as connection:
            rows = connection.execute(
                sa.select(intent.c.pipeline, intent.c.subject, intent.c.state, intent.c.kind).where(
                    sa.or_(intent.c.state.in_(("staged", "sending")), intent.c.look_at.is_not(None))
                )
            )
            return [tuple(row) for row in rows]

    def told(self, names: Sequence[str] = ("leads", "calls", "dispositions")) -> dict[str, object]:
        """Held and skipped by reason, as `syncd status` tells them."""
        found = status.client(self.db, CLIENT, (), names, self.now())
        return {pipe.name: (dict(pipe.held), dict(pipe.skipped)) for pipe in found.pipelines}

    def paused(self) -> dict[str, str]:
        """Why pipelines are paused, by name."""
        states = streams.pipeline_states(self.db, CLIENT)
        return {name: state.why for name, state in states.items() if state.is_paused(self.now())}

    def hints(self, pipeline: str = "leads") -> dict[str, str]:
        """What held records are told, by the record's id."""
        intent = tables.intent
        with self.db.read() as connection:
            rows = connection.execute(
                sa.select(intent.c.subject, intent.c.hint).where(
                    intent.c.state == "held", intent.c.pipeline == pipeline
                )
            )
            return {row.subject: row.hint for row in rows}

    def end_lives(self) -> None:
        """Close what all lives have opened."""
        for life in self.lives:
            life.end()
        self.lives.clear()

    def forget(self) -> None:
        """Empty the store, as if it had just been made."""
        with self.db.engine.begin() as connection:
            for table in reversed(tables.metadata.sorted_tables):
                if table is not tables.meta:
                    connection.execute(sa.delete(table))
        self.ahead = timedelta()

    def close(self) -> None:
        """Close everything."""
        self.end_lives()
        self.db.close()
        self.door.close()


def _is_quiet(report: parts.Report) -> bool:
    return report.result == "ok" and not any(".sent." in name for name in report.counts)


@contextmanager
def opened(
    folder: Path,
    store_url: str,
    *,
    crm: Crm | None = None,
    profile: str = "stock",
    state: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> Iterator[Site]:
    """A customer with an upgraded store and an empty CRM, on SQLite if none is given. Closes the CRM."""
    crm = crm or SqlCrm(f"sqlite:///{folder / 'crm.db'}")
    with vicidial.serve(state or dialer.state(), profile) as simulator:
        site = Site(folder, store_url, crm, simulator, options or {})
        try:
            upgrade.upgrade(site.db, now=site.now())
            yield site
        finally:
            site.close()
            crm.close()
