"""Connections to the customer's database: sessions that can only read and sessions that write, each with time-outs and
behind the fence.

Every statement is its own transaction, so nothing stays open between pages or changes.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pymysql
import sqlalchemy as sa
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader
from sqlalchemy.exc import DBAPIError

from syncd.sdk import errors, fence
from syncd_sql import failures

CONNECT_SECONDS = 10
SLACK_SECONDS = 5.0  # the server's time-out ends a statement before the client's
SQLITE_OPCODES = 10_000  # how often SQLite looks at the clock


class Database:
    """One customer database. Opens no connection before it needs one."""

    def __init__(self, url: sa.URL, *, statement_seconds: float) -> None:
        self.url = url
        self.kind = url.get_backend_name()
        self.statement_seconds = statement_seconds
        self.timeout_seconds = statement_seconds + SLACK_SECONDS
        self._readers = self._engine(read_only=True)
        self._writers = self._engine(read_only=False)

    @property
    def dialect(self) -> sa.Dialect:
        """How this database writes names."""
        return self._readers.dialect

    @property
    def path(self) -> Path | None:
        """The file of a SQLite database; None for a server."""
        return Path(self.url.database or "") if self.kind == "sqlite" else None

    @contextmanager
    def reading(self, table: str = "", denied: str = "") -> Iterator[sa.Connection]:
        """Yield a connection that cannot change anything. Errors of the driver become AuthFailed, RetryLater or
        UserError; `table` and `denied`, the GRANT it takes, are for their messages."""
        with self._connect(self._readers) as connection:
            try:
                yield connection
            except DBAPIError as error:
                raise failures.reading(error, table or self.kind, denied) from None

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Yield a connection that writes; raise AuthFailed or RetryLater if there is none to be had."""
        with self._connect(self._writers) as connection:
            yield connection

    @contextmanager
    def exclusive(self, connection: sa.Connection, name: str) -> Iterator[None]:
        """Make the statements of the block one transaction that overlaps with no other of that name, in this process or
        elsewhere; roll it back on any exception. Raises RetryLater where the name stays taken."""
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        if self.kind == "mysql":
            wait = max(1, int(self.statement_seconds / 2))
            if connection.execute(sa.select(sa.func.get_lock(f"syncd:{number}", wait))).scalar() != 1:
                raise errors.RetryLater("another session is writing the same row")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if self.kind == "sqlite" else "BEGIN")
            if self.kind == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))
            yield
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            self._around_the_fence(connection, "rollback")
            raise
        finally:
            if self.kind == "mysql":
                self._around_the_fence(connection, f"DO RELEASE_LOCK('syncd:{number}')")

    def _around_the_fence(self, connection: sa.Connection, what: str) -> None:
        """End what was begun, whoever holds the lease now; else close the connection, which ends it too."""
        driver: Any = connection.connection.dbapi_connection if not connection.invalidated else None
        if driver is None:
            return
        try:
            if what == "rollback":
                driver.rollback()
            else:
                driver.query(what)
        except (psycopg.Error, pymysql.Error, sqlite3.Error):
            connection.invalidate()

    def clock(self) -> datetime:
        """The database's own time (UTC); for SQLite that of this process."""
        if self.kind == "sqlite":
            return datetime.now(UTC)
        with self.reading() as connection:
            if self.kind == "mysql":
                now = connection.exec_driver_sql("SELECT UTC_TIMESTAMP(6)").scalar_one()
                return datetime.fromisoformat(str(now)).replace(tzinfo=UTC)
            moment = connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp()) * 1000000").scalar_one()
            return datetime.fromtimestamp(int(moment) // 1_000_000, UTC).replace(microsecond=int(moment) % 1_000_000)

    def close(self) -> None:
        """Close all connections."""
        self._readers.dispose()
        self._writers.dispose()

    @contextmanager
    def _connect(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        try:
            connection = engine.connect()
        except DBAPIError as error:
            raise failures.connecting(error, self.url) from None
        except ValueError:
            if self.kind != "mysql":
                raise
            # What is left for it: the key that encrypts the password of MySQL's newer logins where there is no TLS.
            fix = "switch on TLS in the MySQL server, or give the user mysql_native_password"
            raise errors.AuthFailed(f"mysql {self.url.host or ''}: the server's key cannot be used", fix=fix) from None
        with connection:
            yield connection

    def _engine(self, *, read_only: bool) -> sa.Engine:
        sqlite = self.kind == "sqlite"
        engine = sa.create_engine(
            self.url,
            # A SQLite file may be replaced at any time, and opening it costs next to nothing.
            poolclass=sa.NullPool if sqlite else sa.QueuePool,
            **({"creator": self._open_file} if sqlite else {"connect_args": self._connect_args()}),
            **({} if sqlite else {"pool_size": 1, "max_overflow": 0, "pool_recycle": 600, "pool_pre_ping": True}),
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            hide_parameters=True,
        )
        settings = self._settings(read_only=read_only)

        def connected(driver: Any, _record: object) -> None:
            if isinstance(driver, psycopg.Connection):
                _read_any_date(driver)
            cursor = driver.cursor()
            for statement in [*settings, *_statement_timeout(driver, self.statement_seconds)]:
                cursor.execute(statement)
            cursor.close()
            driver.commit()

        def about_to(connection: sa.Connection, *_: object) -> None:
            fence.check(self.timeout_seconds)
            if sqlite:
                self._sqlite_deadline(connection.connection.dbapi_connection)

        sa.event.listen(engine, "connect", connected)
        sa.event.listen(engine, "before_cursor_execute", about_to)
        return engine

    def _open_file(self) -> sqlite3.Connection:
        # mode=rw: a mistyped path must not leave an empty file behind.
        return sqlite3.connect(
            f"file:{quote(str(self.path))}?mode=rw",
            uri=True,
            timeout=self.statement_seconds / 2,
            check_same_thread=False,
        )

    def _sqlite_deadline(self, driver: Any) -> None:
        end = time.monotonic() + self.statement_seconds
        driver.set_progress_handler(lambda: time.monotonic() > end, SQLITE_OPCODES)

    def _connect_args(self) -> dict[str, object]:
        if self.kind == "mysql":
            seconds = self.timeout_seconds
            return {"connect_timeout": CONNECT_SECONDS, "read_timeout": seconds, "write_timeout": seconds}
        return {
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "syncd",
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": int(self.timeout_seconds * 1000),
            # A connection pooler may give each statement another session.
            "prepare_threshold": None,
        }

    def _settings(self, *, read_only: bool) -> Sequence[str]:
        lock_seconds = max(1, int(self.statement_seconds / 2))
        if self.kind == "sqlite":
            return ["PRAGMA query_only = ON"] if read_only else []
        if self.kind == "mysql":
            limits = f"SET SESSION innodb_lock_wait_timeout = {lock_seconds}, lock_wait_timeout = {lock_seconds}"
            if read_only:
                # TIMESTAMP columns are shown in the session's zone, and only UTC has no hour twice. A strict session
                # may not even compare with 0000-00-00.
                settings = "SET SESSION time_zone = '+00:00', sql_mode = ''"
                return [limits, settings, "SET SESSION TRANSACTION READ ONLY"]
            # The zone stays the customer's: defaults and triggers may write NOW(). Nothing is cut off silently.
            return [limits, "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')"]
        return [
            f"SET statement_timeout = {int(self.statement_seconds * 1000)}",
            f"SET lock_timeout = {lock_seconds * 1000}",
            f"SET default_transaction_read_only = {'on' if read_only else 'off'}",
        ]


def _statement_timeout(driver: Any, seconds: float) -> Sequence[str]:
    """MariaDB ends any statement in time, MySQL only queries; locks are bounded on both."""
    version = getattr(driver, "get_server_info", None)
    if version is None:
        return []
    if "MariaDB" in version():
        return [f"SET SESSION max_statement_time = {seconds:g}"]
    return [f"SET SESSION max_execution_time = {int(seconds * 1000)}"]


class _Date(DateLoader):
    def load(self, data: Any) -> Any:
        return _or_text(super().load, data)


class _Timestamp(TimestampLoader):
    def load(self, data: Any) -> Any:
        return _or_text(super().load, data)


class _Timestamptz(TimestamptzLoader):
    def load(self, data: Any) -> Any:
        return _or_text(super().load, data)


def _or_text(load: Any, data: Any) -> Any:
    try:
        return load(data)
    except psycopg.DataError:
        return bytes(data).decode()


def _read_any_date(connection: psycopg.Connection[Any]) -> None:
    """Let 'infinity' and years that Python lacks pass as text: one such value must not stop a whole page."""
    for name, loader in (("date", _Date), ("timestamp", _Timestamp), ("timestamptz", _Timestamptz)):
        connection.adapters.register_loader(name, loader)
