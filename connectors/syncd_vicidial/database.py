"""VICIdial's own database, read only: short statements that hold up nobody, each with a limit of time.

Its tables are MyISAM: a SELECT locks the whole table against the dialer's changes until its last row is on the way,
whatever the isolation level. So each statement takes few rows off an index, they are read at once, the server ends what
takes too long, and nothing stays open between two statements. (`SQL_BUFFER_RESULT` would free the table earlier, but
MariaDB 10.11 then reads the whole stretch in spite of the LIMIT.)
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Sequence
from typing import Any

import pymysql
from pymysql.constants import CR, ER

from syncd.sdk import errors, fence
from syncd_vicidial import grants
from syncd_vicidial.options import DatabaseOptions

_SLACK_SECONDS = 5.0  # the server's limit ends a statement before the client's
_IDLE_SECONDS = 30.0  # after that it is worth asking whether the connection is still there
_OLD_SECONDS = 900.0  # after that the user's grants are looked at again, with a new connection
_LATE = (1969, 3024)  # MariaDB's and MySQL's own limit
_LOGIN = (
    ER.ACCESS_DENIED_ERROR, ER.HOST_IS_BLOCKED, ER.HOST_NOT_PRIVILEGED, 1251, 1698, 1820, 1862, 4151,
)  # fmt: skip
_DENIED = (
    ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR,
    ER.SPECIFIC_ACCESS_DENIED_ERROR,
)  # fmt: skip
_SCHEMA = (ER.BAD_DB_ERROR, ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR)
_ENCODERS: dict[Any, Any] = {**pymysql.converters.encoders}

Row = tuple[str | None, ...]


class Database:
    """One connection, opened when it is first needed; by one thread at a time. Values come as text, NULL as None."""

    def __init__(self, options: DatabaseOptions, needed: grants.Needed) -> None:
        self.name = options.name
        self._options = options
        self._needed = needed
        self._connection: pymysql.Connection[Any] | None = None
        self._account = f"{options.user}@%"
        self._opened_at = self._used_at = 0.0
        self._place = f"database {options.name} on {options.socket or options.host}"

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(pymysql.Error, OSError):
                connection.close()

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of one SELECT, whose LIMIT or index keeps them few.

        Raises AuthFailed (login, grants), RetryLater, UserError (a table or column is not there), LeaseLost."""
        connection = self._open()
        fence.check(self._options.statement_seconds + _SLACK_SECONDS)
        try:
            found = _run(connection, statement, values)
        except (pymysql.Error, OSError) as error:
            raise self._meaning(error) from None
        self._used_at = time.monotonic()
        return found

    def check(self) -> list[errors.Problem]:
        """What keeps this user from reading what is needed, or lets it do more; changes nothing."""
        try:
            self._open()
        except errors.AuthFailed as error:
            return [errors.Problem(str(error), "database", error.fix)]
        except errors.SyncdError as error:
            return [errors.Problem(str(error), "database")]
        found: list[errors.Problem] = []
        for table, columns in self._needed.items():
            try:
                self.rows(f"SELECT {', '.join(columns)} FROM {table} LIMIT 0")  # noqa: S608 – our own names
            except errors.UserError as error:
                found += error.problems
            except errors.AuthFailed as error:  # it says all that is needed
                return [*found, errors.Problem(str(error), "database", error.fix)]
            except errors.SyncdError as error:
                return [*found, errors.Problem(str(error), "database")]
        return found

    def _open(self) -> pymysql.Connection[Any]:
        now = time.monotonic()
        if self._connection is not None:
            if now - self._opened_at < _OLD_SECONDS and (now - self._used_at < _IDLE_SECONDS or self._is_there()):
                return self._connection
            self.close()
        options = self._options
        fence.check(options.connect_seconds + options.statement_seconds + _SLACK_SECONDS)
        try:
            connection = self._connect()
        except ValueError:  # the key that encrypts the password of MySQL's newer logins where there is no TLS
            raise errors.AuthFailed(
                f"{self._place}: the server's key cannot be used", fix="say `tls: true`, or use mysql_native_password"
            ) from None
        except (pymysql.Error, OSError) as error:
            raise self._meaning(error) from None
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._opened_at, self._used_at = connection, now, time.monotonic()
        return connection

    def _connect(self) -> pymysql.Connection[Any]:
        options = self._options
        seconds = options.statement_seconds + _SLACK_SECONDS
        where: dict[str, Any] = {"host": options.host, "port": options.port}
        if options.socket is not None:
            where = {"unix_socket": options.socket}
        where |= {"ssl": self._trust()} if options.is_encrypted else {"ssl_disabled": True}
        return pymysql.connect(
            **where,
            user=options.user,
            password=options.password.get_secret_value(),
            charset="utf8mb4",
            autocommit=True,
            conv=_ENCODERS,  # without decoders all values are text, 0000-00-00 as well
            connect_timeout=max(1, round(options.connect_seconds)),
            read_timeout=seconds,
            write_timeout=seconds,
            program_name="syncd",
        )

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._options.ca_file)
        except OSError as error:
            problem = errors.Problem(
                "the file with certificates cannot be read", "database.ca_file", type(error).__name__
            )
            raise errors.UserError([problem]) from None

    def _prepare(self, connection: pymysql.Connection[Any]) -> None:
        """Make the session one that only reads, with limits; refuse a user that could do more."""
        seconds = self._options.statement_seconds
        try:
            [(version,)] = _run(connection, "SELECT VERSION()")
            limit = f"max_statement_time = {seconds:g}"
            if "MariaDB" not in (version or ""):
                limit = f"max_execution_time = {int(seconds * 1000)}"
            _run(connection, f"SET SESSION {limit}, lock_wait_timeout = {max(1, int(seconds))}, sql_mode = ''")
            # READ COMMITTED takes no gap locks where a site has turned its tables into InnoDB.
            _run(connection, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY")
            [(account,)] = _run(connection, "SELECT CURRENT_USER()")
            self._account = account or self._account
            held = _run(connection, "SHOW GRANTS")
            connection.select_db(self.name)  # now that it is known who would have to be let in
        except (pymysql.Error, OSError) as error:
            raise self._meaning(error) from None
        more = grants.too_much(str(line) for (line,) in held)
        if more:
            raise errors.AuthFailed(
                f"{self._place}: user {self._options.user} may do more than read: {'; '.join(more)}",
                fix=f"make a user for syncd that may read and nothing else: {self._grants()}",
            )

    def _is_there(self) -> bool:
        try:
            if self._connection is not None:
                self._connection.ping(reconnect=False)
        except (pymysql.Error, OSError):
            return False
        return True

    def _grants(self) -> str:
        return grants.statements(self._needed, self.name, self._account)

    def _meaning(self, error: pymysql.Error | OSError) -> errors.SyncdError:
        """The error by what it means; the driver's own text may hold values and is left out."""
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        what = f"{self._place}: {type(error).__name__}" + (f" {code}" if code else "")
        if code in _DENIED:
            what = f"{self._place}: user {self._options.user} may not read all that is needed"
            return errors.AuthFailed(what, fix=self._grants())
        if code in _SCHEMA:
            fix = "name VICIdial's own database; syncd reads tables of the 2.14 series"
            return errors.UserError([errors.Problem(f"{what}: it lacks a table or column", "database", fix)])
        if code in _LATE:
            return errors.RetryLater(f"{self._place}: a statement took longer than statement_seconds")
        self.close()
        if code in _LOGIN:
            fix = "check user and password, and that the server lets this machine in"
            return errors.AuthFailed(f"{what}: the login is refused", fix=fix)
        if code == CR.CR_SSL_CONNECTION_ERROR:
            fix = "switch on TLS in the server, or say `tls: false` if the network is your own"
            return errors.AuthFailed(f"{what}: no encrypted connection", fix=fix)
        if isinstance(getattr(error, "original_exception", error), ssl.SSLError):
            fix = "name the file of the authority that signed it in `ca_file`, and the host as in the certificate"
            return errors.AuthFailed(f"{what}: the server's certificate is refused", fix=fix)
        return errors.RetryLater(what)


def _run(connection: pymysql.Connection[Any], statement: str, values: Sequence[object] = ()) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement, tuple(values))
        return list(cursor.fetchall())
