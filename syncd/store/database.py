"""The connection to the state store: short transactions, one writer at a time on SQLite, the database's clock.

Both databases run the same statements. SQLite: WAL, foreign keys, `synchronous=FULL`, `BEGIN IMMEDIATE`, one
process-wide writer, and an OS lock on `<file>.lock` for the process that syncs. PostgreSQL: psycopg 3.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from syncd.core import digest
from syncd.sdk import errors
from syncd.store import tables

Moment = Literal["before", "after"]
OnCommit = Callable[[str, Moment], None]
BUSY_SECONDS = 30.0
CONNECT_SECONDS = 10  # a server that does not even answer must not keep a command waiting for minutes
LOCK_TRIES = 5
LOCK_PAUSE_SECONDS = 0.02


class Database:
    """One state store, by its SQLAlchemy URL (`sqlite:///path` or `postgresql+psycopg://…`).

    `on_commit(label, moment)` is called before and after each commit: tests stop the program there.
    Raises UserError where the URL cannot be used.
    """

    def __init__(self, url: str, *, on_commit: OnCommit | None = None) -> None:
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError:
            raise errors.UserError(
                "store: not a database address; use sqlite:////path/file.db or postgresql://…"
            ) from None
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise errors.UserError(f"store: {parsed.get_backend_name()} is not supported; use sqlite or postgresql")
        self.url = parsed
        self.sqlite = parsed.get_backend_name() == "sqlite"
        self.path = Path(parsed.database).absolute() if self.sqlite and parsed.database else None
        if self.sqlite and self.path is None:
            raise errors.UserError("store: an SQLite store needs a file: sqlite:////var/lib/syncd/syncd.db")
        self._on_commit = on_commit or (lambda label, moment: None)
        self._writer = threading.RLock() if self.sqlite else None
        self._lock_file: IO[str] | None = None
        options: dict[str, Any] = (
            {"connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}}
            if self.sqlite
            else {
                "pool_pre_ping": True,
                "pool_size": 10,
                "max_overflow": 20,
                "connect_args": {"connect_timeout": CONNECT_SECONDS},
            }
        )
        self.engine = sa.create_engine(parsed, hide_parameters=True, **options)
        if self.sqlite:
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        self._write_engine = self.engine.execution_options(syncd_write=True)
        self._digest: digest.Digest | None = None

    @property
    def place(self) -> str:
        """Where the store is, for messages: its file, or its address without the password."""
        return str(self.path or self.url.render_as_string(hide_password=True))

    @property
    def exclusive(self) -> bool:
        """Whether this process is known to be the only one that syncs with this store."""
        return self._lock_file is not None

    @contextmanager
    def write(self, label: str) -> Iterator[sa.Connection]:
        """A short write transaction. Nothing that waits for a network may happen inside it."""
        if self._writer:
            self._writer.acquire()
        try:
            with self._write_engine.connect() as connection, connection.begin() as transaction:
                yield connection
                self._on_commit(label, "before")
                transaction.commit()
            self._on_commit(label, "after")
        except DBAPIError as error:
            raise self._explained(error) from error
        finally:
            if self._writer:
                self._writer.release()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A read transaction: one consistent view."""
        try:
            with self.engine.connect() as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            raise self._explained(error) from error

    def _explained(self, error: DBAPIError) -> Exception:
        """The operator's error where it is one (a full disk, a file that cannot be written), else the driver's."""
        original = str(error.orig).lower()
        for sign, what, fix in _SIGNS:
            if sign in original:
                return errors.UserError([errors.Problem(what, where=self.place, fix=fix)])
        return error

    def hashes(self) -> digest.Digest:
        """Hashes under this store's secret, which `db upgrade` made."""
        if self._digest is None:
            with self.read() as connection:
                secret = connection.execute(
                    sa.select(tables.meta.c.value).where(tables.meta.c.name == "secret")
                ).scalar_one()
            self._digest = digest.Digest(bytes.fromhex(secret))
        return self._digest

    def clock_micros(self) -> sa.ColumnElement[int]:
        """An expression for the database's own time in microseconds since 1970."""
        if self.sqlite:
            return sa.literal_column(
                "(CAST(strftime('%s','now') AS INTEGER) * 1000000"
                " + CAST(substr(strftime('%f','now'), 4) AS INTEGER) * 1000)",
                sa.BigInteger,
            )
        return sa.literal_column("CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)", sa.BigInteger)

    def insert(self, table: sa.Table) -> Any:
        """The dialect's INSERT, which knows ON CONFLICT."""
        return sqlite.insert(table) if self.sqlite else postgresql.insert(table)

    def allocate(self, connection: sa.Connection, table: sa.Table, count: int) -> Sequence[int]:
        """`count` fresh ids of a table, so that rows and their events can be written in bulk."""
        if self.sqlite:
            first = connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one() + 1
            return range(first, first + count)
        ids = connection.execute(
            sa.select(sa.func.nextval(f"{table.name}_id_seq")).select_from(sa.func.generate_series(1, count))
        )
        return list(ids.scalars())

    def lock(self) -> None:
        """Become the one process that syncs with this SQLite store; raise UserError if another one is.

        On PostgreSQL several processes may share a store; leases keep them apart."""
        if self.path is None or self._lock_file is not None:
            return
        path = self.path.with_name(f"{self.path.name}.lock")
        try:
            file = path.open("a+", encoding="ascii")  # closed by close()
        except OSError as error:
            problem = errors.Problem(
                f"the lock cannot be opened: {error.strerror}",
                str(path),
                "run syncd as the user that the store belongs to",
            )
            raise errors.UserError([problem]) from None
        if not _flocked(file):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise errors.UserError(
                [
                    errors.Problem(
                        f"another syncd (process {holder}) is using this store",
                        where=str(self.path),
                        fix="stop it first, or give this one a store of its own",
                    )
                ]
            )
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        self._lock_file = file

    def holder(self) -> str:
        """The process that syncs with this SQLite store, "" if none does; "" on PostgreSQL, where leases tell."""
        if self.path is None:
            return ""
        try:
            file = self.path.with_name(f"{self.path.name}.lock").open(encoding="ascii")
        except FileNotFoundError:
            return ""
        except OSError:
            return "unknown"
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "unknown"
        return ""

    def close(self) -> None:
        """Close all connections and give the OS lock back."""
        self.engine.dispose()
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None


def _flocked(file: IO[str]) -> bool:
    """Lock a file for this process alone. Not given up at once: `holder` locks it for a moment."""
    for left in reversed(range(LOCK_TRIES)):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return True
    return False


_OURS_OR_EMPTY = f"SELECT count(*) = 0 OR sum(name = '{tables.intent.name}') FROM sqlite_master"  # noqa: S608


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, never by the driver
    cursor = connection.cursor()
    if cursor.execute(_OURS_OR_EMPTY).fetchone() == (1,):  # the mode stays in the file: not in somebody else's
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get("syncd_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


_SPACE = "free space; nothing was lost: the daemon goes on by itself, any other command is to be run again"
_RESTORE = "restore a copy of it (`syncd db backup` makes them)"
_SIGNS = (  # words of the drivers' messages, what they mean, what to do
    ("disk is full", "the disk under the state store is full", _SPACE),
    ("no space left", "the disk under the state store is full", _SPACE),
    ("readonly database", "the state store cannot be written", "check the owner and mode of the file and its folder"),
    ("unable to open", "the state store cannot be opened", "check that its folder exists and may be written"),
    ("disk i/o error", "the disk under the state store fails or is full", "check the disk and the system's log"),
    ("database is locked", "another program keeps the state store locked", "end that program"),
    ("file is not a database", "this file is no state store", f"correct `store`, or {_RESTORE}"),
    ("disk image is malformed", "the state store is damaged", _RESTORE),
    ("failed to resolve", "the state store's server cannot be reached", "correct the host's name in `store`"),
    ("timeout expired", "the state store's server does not answer", "start it, or correct the address in `store`"),
    ("connection failed", "the state store's server cannot be reached", "start it, or correct the address or login"),
    ("connection to server", "the state store's server cannot be reached", "start it, or correct the address or login"),
    ("server closed the connection", "the state store's server went away", "see its log; syncd tries again"),
    ("terminating connection", "the state store's server went away", "see its log; syncd tries again"),
)
