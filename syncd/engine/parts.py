"""What the parts of the engine share: clients, the run's context, the report of a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.core import digest, model
from syncd.engine.pace import Pace
from syncd.sdk import protocol, records
from syncd.store import lease, streams
from syncd.store.database import Database

PAUSE_CHECK_SECONDS = 0.05  # how old the knowledge of "not paused" may be before a request
Clock = Callable[[], datetime]
Canonical = Callable[[str, records.Fields], dict[str, str | None]]


@dataclass(frozen=True, slots=True)
class Client:
    """One client: its two systems and its pipelines. `pace`: of its requests, shared by all copies of the client."""

    name: str
    crm: protocol.Connector
    dialer: protocol.Connector
    pipelines: Sequence[model.Pipeline]
    identity: str = ""
    pace: Pace = field(default_factory=Pace)

    def connector(self, role: protocol.Role) -> protocol.Connector:
        """The system in that role."""
        return self.crm if role == "crm" else self.dialer

    def sources(self) -> list[model.Side]:
        """The streams that this client's pipelines read, each once, in the order of the pipelines."""
        return list(dict.fromkeys(pipe.source for pipe in self.pipelines))

    def reading(self, side: model.Side) -> list[model.Pipeline]:
        """The pipelines that read this stream."""
        return [pipe for pipe in self.pipelines if pipe.source == side]


@dataclass(slots=True)
class Report:
    """What one run did. `result`: ok, busy, paused, failed, stopped. `error` is for the operator."""

    client: str
    stream: str
    result: str = "ok"
    error: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    held: int = 0
    failed: int = 0
    next_due_at: datetime | None = None


@dataclass(slots=True)
class Context:
    """One run with all that its parts need."""

    db: Database
    client: Client
    side: model.Side
    pipes: Sequence[model.Pipeline]
    run: lease.Run
    clock: Clock
    hashes: digest.Digest
    report: Report
    stopping: Callable[[], bool]
    asked: protocol.Role = "crm"  # whom the run is talking to
    sending: str = ""  # the pipeline that is sending now
    requests: int = 0  # that connectors have begun; threads may count one too few
    _states: dict[str, streams.PipelineState] = field(default_factory=dict)
    _states_at: float = -1.0
    _asking_states: threading.Lock = field(default_factory=threading.Lock)
    _canonical: dict[protocol.Role, Canonical | None] = field(default_factory=dict)  # looked for once a run

    def state(self, pipeline: str) -> streams.PipelineState:
        """The pipeline's memory, at most PAUSE_CHECK_SECONDS old. Safe in the threads of a connector."""
        with self._asking_states:  # one thread asks the store, the others that come meanwhile share its answer
            now = time.monotonic()
            if not 0 <= now - self._states_at < PAUSE_CHECK_SECONDS:
                self._states = streams.pipeline_states(self.db, self.client.name)
                self._states_at = now
            return self._states.get(pipeline, streams.PipelineState())

    def forget_states(self) -> None:
        """The run itself has changed a pipeline's memory."""
        with self._asking_states:
            self._states_at = -1.0

    def is_paused(self, pipe: model.Pipeline) -> bool:
        """Whether nothing of this pipeline may be sent now, but for what its guard does not stop."""
        return self.state(pipe.name).is_paused(self.clock())

    def is_guarded(self, pipe: model.Pipeline) -> bool:
        """Whether its guard has stopped this pipeline: only what the law wants may be sent."""
        return self.state(pipe.name).paused == "guard"

    def is_silent(self, pipe: model.Pipeline) -> bool:
        """Whether nothing at all of this pipeline may be sent now."""
        return self.is_paused(pipe) and not self.is_guarded(pipe)

    @contextmanager
    def asking(self, role: protocol.Role, pipeline: str = "") -> Iterator[None]:
        """Note whom the run talks to, so that a refused login is put to the right one; having asked and got through,
        forget the refusals of before."""
        before, requests = (self.asked, self.sending), self.requests
        self.asked, self.sending = role, pipeline
        yield
        if self.requests > requests and any(self.state(pipe.name).auth_role == role for pipe in self.client.pipelines):
            streams.login_worked(self.run, role)
            self._states_at = -1.0
        self.asked, self.sending = before

    @property
    def source(self) -> protocol.Connector:
        """The connector that is read."""
        return self.client.connector(self.side.role)

    @property
    def spec(self) -> records.StreamSpec:
        """The stream that is read."""
        return self.source.streams[self.side.stream]

    def target(self, pipe: model.Pipeline) -> tuple[protocol.Connector, records.StreamSpec]:
        """The connector and stream that a pipeline writes to."""
        connector = self.client.connector(pipe.target.role)
        return connector, connector.streams[pipe.target.stream]

    def find_lag(self, pipe: model.Pipeline) -> timedelta:
        """How long a write that was sent may take to become visible."""
        return timedelta(seconds=self.target(pipe)[1].find_lag_seconds)

    def stored(self, pipe: model.Pipeline, fields: records.Fields) -> dict[str, str | None]:
        """These fields as the target will store them, as far as it can tell."""
        role = pipe.target.role
        if role not in self._canonical:
            connector = self.client.connector(role)
            self._canonical[role] = connector.canonical if isinstance(connector, protocol.Canonicalises) else None
        canonical = self._canonical[role]
        return {**fields, **canonical(pipe.target.stream, fields)} if canonical else dict(fields)
