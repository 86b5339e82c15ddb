"""Two flaky sides for the state machine: faults and crashes at drawn places, and a watch over every create sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from syncd.engine import parts, run
from syncd.sdk import records
from syncd.sdk.testing import faulty, memory
from syncd.store.database import Moment
from tests.engine import site as sites

FREEZES = ("freeze_before", "freeze_after")


class WatchedDialer(faulty.FaultyDialer):
    """Notes every create that is sent for a person who must not be dialled any more when the run began to read."""

    def __init__(self, inner: memory.MemoryDialer, faults: faulty.Faults, broken: list[str]) -> None:
        super().__init__(inner, faults)
        self.unwanted: frozenset[str] = frozenset()  # keys
        self._broken = broken

    def write(self, stream: str, changes: Sequence[records.Change]) -> Sequence[records.Outcome]:
        """As the faulty one, after a look at the creates."""
        self._broken += [
            f"a create was sent for {change.key.value}, who had opted out or was deleted before the run began"
            for change in changes
            if change.kind == "create" and change.key.value in self.unwanted
        ]
        return super().write(stream, changes)


@dataclass
class FlakySite(sites.Site):
    """A site whose next run can be told where to fail."""

    faults: faulty.Faults = field(default_factory=faulty.Faults)
    broken: list[str] = field(default_factory=list)
    life: tuple[run.Engine, parts.Client] | None = None
    crash: tuple[int, Moment] | None = None
    commits: int = 0

    def forget(self) -> None:
        """Begin anew."""
        super().forget()
        self.faults, self.broken, self.life, self.crash = faulty.Faults(), [], None, None
        self.on_commit = self._stop_here

    def _stop_here(self, label: str, moment: Moment) -> None:
        if moment == "before":
            self.commits += 1
        if self.crash == (self.commits, moment):
            self.crash = None
            raise faulty.Crash

    def begin(self, faults: faulty.Faults) -> tuple[run.Engine, parts.Client]:
        """A new life of the program, with the dialer watched."""
        crm = faulty.FaultyConnector(memory.MemoryConnector(world=self.crm), faults)
        dialer = WatchedDialer(memory.MemoryDialer(world=self.dialer), faults, self.broken)
        client = parts.Client(sites.CLIENT, crm, dialer, self.pipelines, "identity")
        engine = run.Engine(self.db, clock=self.now, lease_seconds=600.0)
        engine.register(client)
        return engine, client

    def sync(
        self,
        faults: Mapping[int, faulty.Kind] | None = None,
        crash: tuple[int, Moment] | None = None,
        frozen: Callable[[], None] = lambda: None,
    ) -> list[parts.Report]:
        """Run every stream once. `faults`: which of the run's writes fail, and how, counted from 1. `crash`: the
        commit at which the program ends. `frozen`: what happens while a request is frozen."""
        first, planned = self.faults.writes, dict(faults or {})
        self.faults.choose = lambda number: planned.get(number - first)
        self.faults.while_frozen = frozen
        self.commits, self.crash = 0, crash
        try:
            if self.life is None:
                self.life = self.begin(self.faults)
            return self._run(self.life)
        except faulty.Crash:
            self.life = None
            return []
        finally:
            self.crash = None

    def take_over(self, rounds: int, seconds: float) -> None:
        """Another program takes over from one that is frozen."""
        for _ in range(rounds):
            self.expire_leases()
            self.advance(seconds)
            self._run(self.begin(faulty.Faults()))

    def _run(self, life: tuple[run.Engine, parts.Client]) -> list[parts.Report]:
        engine, client = life
        assert isinstance(client.dialer, WatchedDialer)
        client.dialer.unwanted = frozenset(
            records.SyncKey.of(sites.CLIENT, "leads", person.id).value
            for person in self.crm.table("leads").values()
            if not wanted(person)
        )
        return run.run_all(engine, [client])


def wanted(person: records.Record) -> bool:
    """Whether the CRM wants this person dialled."""
    return not person.deleted and person.fields.get("do_not_call") != "true"
