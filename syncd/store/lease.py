"""The lease of a (client, stream): one run at a time, and every write of a run is fenced by it.

Lease time is the database's clock. What a run may still send is measured by the machine's boot clock, from before the
lease was asked for, so that a frozen process or a stepped wall clock cannot think that it still holds it.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from syncd.sdk import errors
from syncd.store import tables
from syncd.store.database import Database

_lease = tables.lease
_run = tables.run
_intent = tables.intent


def boot_seconds() -> float:
    """Seconds since boot, sleep included where the system tells."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Busy(Exception):
    """Another run holds the lease."""


class Run:
    """A run of one stream that holds its lease. All its writes go through `write`."""

    def __init__(self, db: Database, run_id: int, client: str, stream: str, lease_seconds: float, until: float) -> None:
        self.db = db
        self.id = run_id
        self.client = client
        self.stream = stream
        self.counts: dict[str, int] = {}
        self._lease_seconds = lease_seconds
        self._until_boot_seconds = until
        self._guard = threading.Lock()
        self._counting = threading.Lock()
        self._renew = (
            sa.update(_lease)
            .where(_lease.c.client == client, _lease.c.stream == stream, _lease.c.run_id == run_id)
            .values(expires_at=db.clock_micros() + sa.bindparam("micros", type_=sa.BigInteger))
        )

    @contextmanager
    def write(self, label: str) -> Iterator[sa.Connection]:
        """A write transaction that renews the lease first; raise LeaseLost if another run has taken it."""
        asked = boot_seconds()
        with self.db.write(label) as connection:
            renewed = connection.execute(self._renew, {"micros": int(self._lease_seconds * 1_000_000)})
            if renewed.rowcount != 1:
                raise errors.LeaseLost(f"{self.client} {self.stream}: another run has taken over")
            yield connection
        self._until_boot_seconds = asked + self._lease_seconds

    def outlives(self, seconds: float) -> None:
        """Raise LeaseLost unless the lease surely lasts for so many seconds; it is renewed if need be, and made longer
        where a request may take longer than leases last (a connector with generous time-outs)."""
        if boot_seconds() + seconds < self._until_boot_seconds:
            return
        with self._guard:
            if boot_seconds() + seconds < self._until_boot_seconds:
                return
            self._lease_seconds = max(self._lease_seconds, 2 * seconds)
            with self.write("renew"):
                pass
            if boot_seconds() + seconds >= self._until_boot_seconds:
                raise errors.LeaseLost(f"{self.client} {self.stream}: the store was too slow to renew the lease")

    def count(self, what: str, number: int = 1) -> None:
        """Count something for the run's record. Thread-safe."""
        with self._counting:
            self.counts[what] = self.counts.get(what, 0) + number

    def finish(self, connection: sa.Connection, result: str, now: datetime) -> None:
        """Give the lease back and note how the run ended; a lease that was lost is left to its new holder."""
        connection.execute(
            sa.delete(_lease).where(
                _lease.c.client == self.client, _lease.c.stream == self.stream, _lease.c.run_id == self.id
            )
        )
        connection.execute(
            sa.update(_run)
            .where(_run.c.id == self.id)
            .values(ended_at=now, result=result, counts=json.dumps(self.counts, sort_keys=True))
        )


def acquire(db: Database, client: str, stream: str, *, owner: str, lease_seconds: float, now: datetime) -> Run:
    """Take the lease and begin a run; raise Busy while another run holds it.

    The caller knows that no run of this stream is going on under `owner`. On an SQLite store that this process has
    locked, the holder of an old lease is known to be dead, too: both are taken over at once. Otherwise takeover waits
    until the old lease has ended."""
    asked = boot_seconds()
    with db.write("acquire") as connection:
        where = (_lease.c.client == client, _lease.c.stream == stream)
        held = connection.execute(
            sa.select(
                _lease.c.owner, sa.type_coerce(_lease.c.expires_at, sa.BigInteger) > db.clock_micros(), _lease.c.run_id
            )
            .where(*where)
            .with_for_update()
        ).first()
        if held is not None and held[1] and not db.exclusive and held.owner != owner:
            raise Busy(f"{client} {stream} is being run by {held.owner}")
        run_id = db.allocate(connection, _run, 1)[0]
        connection.execute(sa.insert(_run).values(id=run_id, client=client, stream=stream, owner=owner, started_at=now))
        lease = db.insert(_lease).values(
            client=client, stream=stream, run_id=run_id, owner=owner, expires_at=_after(db, lease_seconds)
        )
        connection.execute(
            lease.on_conflict_do_update(
                index_elements=[_lease.c.client, _lease.c.stream],
                set_={"run_id": lease.excluded.run_id, "owner": owner, "expires_at": lease.excluded.expires_at},
            )
        )
        if held is not None:
            _sent_till_now(connection, client, held.run_id, now)
    return Run(db, run_id, client, stream, lease_seconds, asked + lease_seconds)


def _sent_till_now(connection: sa.Connection, client: str, run_id: int, now: datetime) -> None:
    """A run never ended: the last of what it sent, it may have sent a moment ago."""
    connection.execute(
        sa.update(_intent)
        .where(_intent.c.client == client, _intent.c.state == "sending", _intent.c.sent_by == run_id)
        .values(sent_at=now)
    )


@contextmanager
def alone(db: Database, client: str, streams: Sequence[str], *, label: str, now: datetime) -> Iterator[sa.Connection]:
    """A write transaction while no run of these streams is under way; one that begins meanwhile waits for its end.
    Raises Busy with who runs one now. What a run that died may have sent counts as sent just now."""
    ours: list[sa.ColumnElement[bool]] = []
    with db.write(label) as connection:
        for stream in streams:
            where = sa.and_(_lease.c.client == client, _lease.c.stream == stream)
            place = db.insert(_lease).values(
                client=client, stream=stream, run_id=0, owner=label, expires_at=db.clock_micros()
            )
            if connection.execute(place.on_conflict_do_nothing()).rowcount:
                ours.append(where)
                continue
            live = sa.type_coerce(_lease.c.expires_at, sa.BigInteger) > db.clock_micros()
            held = connection.execute(
                sa.select(_lease.c.owner, live.label("live"), _lease.c.run_id).where(where).with_for_update()
            ).one()
            if held.live and may_live(held.owner):
                raise Busy(f"{client} {stream} is being run by {held.owner}")
            _sent_till_now(connection, client, held.run_id, now)
        yield connection
        for where in ours:
            connection.execute(sa.delete(_lease).where(where))


def holders(connection: sa.Connection) -> Mapping[tuple[str, str], str]:
    """Who holds which lease now."""
    rows = connection.execute(sa.select(_lease.c.client, _lease.c.stream, _lease.c.owner))
    return {(row.client, row.stream): row.owner for row in rows}


def may_live(owner: str) -> bool:
    """Whether the process of an owner ("host:process:…") may still run; those of another machine cannot be seen."""
    host, number = (*owner.split(":"), "")[:2]
    if host != socket.gethostname() or not number.isdecimal():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _after(db: Database, seconds: float) -> sa.ColumnElement[int]:
    return db.clock_micros() + sa.literal(int(seconds * 1_000_000), sa.BigInteger)
