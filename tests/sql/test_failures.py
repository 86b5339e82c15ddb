"""What each failure of a database becomes: nothing lost, nothing said that is secret."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import ValidationError

from syncd.sdk import errors
from syncd.sdk.records import Change, Cursor
from syncd_sql import SqlConnector
from syncd_sql.options import SqlOptions
from tests.sql.conftest import NOW, Crm, at, create, error_of, ids, pulled, update

SECRET = "s3cret"


@contextmanager
def locked(crm: Crm, *statements: str) -> Iterator[sa.Connection]:
    """The owner holds locks on what the statements touch."""
    with crm.engine.connect() as owner:
        if crm.kind == "sqlite":
            owner.exec_driver_sql("BEGIN IMMEDIATE")
        for statement in statements:
            owner.exec_driver_sql(statement)
        yield owner
        owner.rollback()


def every_call(connector: SqlConnector) -> list[BaseException]:
    """The errors of each thing that a connector can be asked."""
    found: list[BaseException] = []
    for call in (
        connector.clock,
        lambda: pulled(connector),
        lambda: connector.get("leads", ["1"]),
        lambda: connector.fields("leads"),
        lambda: connector.canonical("leads", {"status": "x"}),
    ):
        with pytest.raises(errors.SyncdError) as caught:
            call()
        found.append(caught.value)
    found.append(error_of(connector.write("leads", [update("1", status="x")])))
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_refused_connection_is_tried_later_and_tells_no_password(scheme: str) -> None:
    url = f"{scheme}://crm:{SECRET}@127.0.0.1:{free_port()}/crm"
    leads = {"table": "leads", "id": "id", "modified": "modified"}
    connector = SqlConnector(SqlOptions.model_validate({"url": url, "leads": leads}), client="acme")
    found = every_call(connector)
    assert {type(one) for one in found} == {errors.RetryLater}
    (problem,) = connector.check()
    assert problem.fatal
    assert not [one for one in (*found, problem) if SECRET in str(one)]
    assert SECRET not in repr(connector._options)
    connector.close()


def mysql_login(public_key: bytes) -> tuple[errors.SyncdError, bytes]:
    """Log in to a MySQL 8 without TLS, which asks for a full caching_sha2_password exchange with this key; return the
    connector's error and what the server was sent as the password."""
    sent: list[bytes] = []

    def answer(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:

            def send(number: int, payload: bytes) -> None:
                client.sendall(len(payload).to_bytes(3, "little") + bytes([number]) + payload)

            capabilities = 0x0008A20F  # protocol 4.1, secure connection, plugin names; no TLS
            low, high = (capabilities & 0xFFFF).to_bytes(2, "little"), (capabilities >> 16).to_bytes(2, "little")
            greeting = b"\x0a8.0.40\0" + bytes(4) + b"saltsalt\0" + low + b"\x2d\x02\0" + high + b"\x15" + bytes(10)
            send(0, greeting + b"saltsaltsalt\0caching_sha2_password\0")
            client.recv(4096)
            send(2, b"\x01\x04")
            client.recv(4096)
            send(4, b"\x01" + public_key)
            sent.append(client.recv(4096)[4:])
            if sent[0]:
                send(6, b"\xff\x15\x04#28000Access denied")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=answer, args=(listener,))
        thread.start()
        url = f"mysql://crm:{SECRET}@127.0.0.1:{listener.getsockname()[1]}/crm"
        leads = {"table": "leads", "id": "id", "modified": "modified"}
        connector = SqlConnector(SqlOptions.model_validate({"url": url, "leads": leads}), client="acme")
        with pytest.raises(errors.SyncdError) as caught:
            connector.clock()
        connector.close()
        thread.join()
    return caught.value, sent[0]


def test_a_mysql_login_without_tls_sends_the_password_encrypted() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    error, sent = mysql_login(pem)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303  # MySQL's choice
    opened = bytes(one ^ salt for one, salt in zip(key.decrypt(sent, oaep), cycle(b"salt"), strict=False))
    assert opened == SECRET.encode() + b"\0"
    assert isinstance(error, errors.AuthFailed)
    assert SECRET not in str(error)


def test_a_mysql_login_with_an_unreadable_key_asks_for_tls() -> None:
    error, sent = mysql_login(b"-----BEGIN PUBLIC KEY-----")
    assert sent == b""
    assert isinstance(error, errors.AuthFailed)
    assert "switch on TLS" in error.fix


def test_a_refused_login_pauses_and_tells_no_password(server: Crm) -> None:
    server.leads([(1, at(-9))])
    url = sa.make_url(server.url).set(username="nobody-known", password=SECRET)
    connector = server.connector(url=url.render_as_string(hide_password=False))
    found = every_call(connector)
    assert {type(one) for one in found} == {errors.AuthFailed}
    many = connector.write("leads", [update("1", status="x")] * 3)
    assert [type(one.error) for one in many] == [errors.AuthFailed] * 3
    (problem,) = connector.check()
    assert "login is refused" in str(problem)
    assert "check the user, the password" in problem.fix
    assert not [one for one in (*found, problem) if SECRET in str(one)]


def test_a_refused_read_names_the_grant(server: Crm) -> None:
    server.leads([(1, at(-9))])
    server.run("ALTER TABLE leads ADD COLUMN phone varchar(20)")
    connector = server.connector(url=server.user("SELECT (id, modified) ON leads"))
    assert ids(pulled(connector)) == ["1"]
    with pytest.raises(errors.SyncdError) as caught:
        pulled(connector, fields=["phone"])
    # MySQL hides a column that one may not read.
    if server.kind == "postgresql":
        assert isinstance(caught.value, errors.AuthFailed)
        assert f"GRANT SELECT (phone) ON leads TO {server.users[0]}" in caught.value.fix
    else:
        assert "no column 'phone', or no grant on it" in str(caught.value)


def test_a_refused_write_names_the_grant_the_table_and_the_column(server: Crm) -> None:
    server.run("CREATE TABLE leads (id int PRIMARY KEY, modified {wall}, status varchar(8), tries int)")
    server.run(
        "CREATE TABLE calls (call_key {key} PRIMARY KEY, status varchar(8))", "INSERT INTO leads (id) VALUES (1)"
    )
    url = server.user("SELECT, UPDATE (status) ON leads", "SELECT, UPDATE ON calls")
    connector = server.connector(url=url, calls=True)
    outcomes = connector.write("leads", [update("1", tries="1", status="A"), update("1", status="B")])
    assert outcomes[1].error is None
    denied = outcomes[0].error
    assert isinstance(denied, errors.AuthFailed)
    assert "leads" in str(denied)
    assert denied.fix == f"GRANT UPDATE (tries) ON leads TO {server.users[0]}"
    refused = error_of(connector.write("calls", [create("a", status="A")]))
    assert isinstance(refused, errors.AuthFailed)
    assert refused.fix == f"GRANT INSERT (call_key, status) ON calls TO {server.users[0]}"


def test_a_locked_row_is_tried_later(crm: Crm) -> None:
    crm.run("CREATE TABLE leads (id int PRIMARY KEY, modified {wall}, status varchar(8))")
    crm.run("INSERT INTO leads (id) VALUES (1), (2)")
    connector = crm.connector(statement_seconds=2)
    with locked(crm, "UPDATE leads SET status = 'OURS' WHERE id = 1"):
        assert isinstance(error_of(connector.write("leads", [update("1", status="x")])), errors.RetryLater)
        assert ids(pulled(connector)) == ["1", "2"]
    assert connector.write("leads", [update("1", status="x")])[0].error is None


def test_a_locked_database_is_read_later(sqlite: Crm) -> None:
    sqlite.leads([(1, at(-9))])
    connector = sqlite.connector(statement_seconds=1)
    with sqlite.engine.connect() as owner:
        owner.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(errors.RetryLater, match="SQLITE_BUSY"):
            pulled(connector)
        owner.exec_driver_sql("ROLLBACK")
    assert ids(pulled(connector)) == ["1"]


def test_a_slow_write_is_ambiguous_and_a_slow_read_is_tried_later(crm: Crm) -> None:
    """A statement that the time-out ends: the database is kept busy by a trigger, or by a view."""
    slow = {
        "postgresql": "SELECT id, modified FROM leads, pg_sleep(9)",
        "mysql": "SELECT id, modified FROM leads WHERE sleep(9) = 0",
        "sqlite": "SELECT id, modified FROM leads WHERE (WITH RECURSIVE n(i) AS "
        "(SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n) > 0",
    }[crm.kind]
    crm.leads([(1, at(-9))])
    crm.run(f"CREATE VIEW slow AS {slow}", "CREATE TABLE calls (call_key {key} PRIMARY KEY, status varchar(8))")
    connector = crm.connector(leads={"table": "slow"}, statement_seconds=1)
    with pytest.raises(errors.RetryLater, match="statement_seconds"):
        pulled(connector)
    if crm.kind == "sqlite":
        return
    if crm.kind == "postgresql":
        crm.run(
            "CREATE FUNCTION wait() RETURNS trigger AS 'BEGIN PERFORM pg_sleep(9); RETURN NEW; END' LANGUAGE plpgsql"
        )
        crm.run("CREATE TRIGGER t BEFORE UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION wait()")
    else:
        crm.run("CREATE TRIGGER t BEFORE UPDATE ON leads FOR EACH ROW SET @waited = sleep(9)")
    connector = crm.connector(statement_seconds=1)
    moved = update("1", modified="2026-11-20T15:00:00Z")
    assert isinstance(error_of(connector.write("leads", [moved])), errors.Ambiguous)


def test_a_connection_lost_under_a_write_is_ambiguous_and_what_follows_is_not_sent(server: Crm) -> None:
    server.run("CREATE TABLE leads (id int PRIMARY KEY, modified {wall}, status varchar(8))")
    server.run("INSERT INTO leads (id) VALUES (1), (2)")
    if server.kind == "postgresql":
        server.run(
            "CREATE FUNCTION die() RETURNS trigger AS "
            "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NEW; END' "
            "LANGUAGE plpgsql",
            "CREATE TRIGGER t BEFORE UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION die()",
        )
    else:
        server.run(
            "CREATE PROCEDURE die() BEGIN KILL CONNECTION_ID(); END",
            "CREATE TRIGGER t BEFORE UPDATE ON leads FOR EACH ROW CALL die()",
        )
    connector = server.connector()
    outcomes = connector.write("leads", [update("1", status="x"), update("2", status="x")])
    assert [type(one.error) for one in outcomes] == [errors.Ambiguous, errors.RetryLater]
    server.run("DROP TRIGGER t" + (" ON leads" if server.kind == "postgresql" else ""))
    assert [one.error for one in connector.write("leads", [update("2", status="x")])] == [None]


def test_a_connection_that_went_stale_between_calls_is_replaced(server: Crm) -> None:
    server.run(
        "CREATE TABLE leads (id int PRIMARY KEY, modified {wall}, status varchar(8))",
        "INSERT INTO leads (id) VALUES (1)",
    )
    connector = server.connector()
    assert connector.write("leads", [update("1", status="x")])[0].error is None
    if server.kind == "postgresql":
        server.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'syncd'")
    else:
        others = "SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND db = database()"
        for (other,) in server.rows(others):
            server.run(f"KILL {other}")
    assert connector.write("leads", [update("1", status="y")])[0].error is None
    assert ids(pulled(connector)) == ["1"]


def test_a_table_that_went_away_is_the_operators(crm: Crm) -> None:
    crm.leads([(1, at(-9))])
    connector = crm.connector()
    assert pulled(connector)
    crm.run("DROP TABLE leads")
    with pytest.raises(errors.UserError, match="leads: the table or a column is gone"):
        pulled(connector, Cursor(NOW))
    assert isinstance(error_of(connector.write("leads", [update("1", modified=None)])), errors.Rejected)


def test_a_missing_sqlite_file_is_a_problem_and_stays_missing(tmp_path: Path) -> None:
    path = tmp_path / "crm.sqlite"
    leads = {"table": "leads", "id": "id", "modified": "modified"}
    connector = SqlConnector(SqlOptions.model_validate({"url": f"sqlite:///{path}", "leads": leads}), client="acme")
    (problem,) = connector.check()
    assert (problem.fatal, problem.what) == (True, f"{path}: no such file")
    with pytest.raises(errors.RetryLater, match="SQLITE_CANTOPEN"):
        pulled(connector)
    assert isinstance(error_of(connector.write("leads", [update("1")])), errors.RetryLater)
    assert not path.exists()


def test_a_file_that_is_no_database_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "crm.sqlite"
    path.write_text("id;name\n" * 100)
    leads = {"table": "leads", "id": "id", "modified": "modified"}
    connector = SqlConnector(SqlOptions.model_validate({"url": f"sqlite:///{path}", "leads": leads}), client="acme")
    (problem,) = connector.check()
    assert "SQLITE_NOTADB" in str(problem)
    assert problem.fatal


def test_the_customers_journal_mode_stays(sqlite: Crm) -> None:
    sqlite.leads([(1, at(-9))])
    pulled(sqlite.connector())
    assert sqlite.rows("PRAGMA journal_mode") == [("delete",)]
    with sqlite3.connect(str(sqlite.engine.url.database)) as owner:
        owner.execute("PRAGMA journal_mode = WAL")
    owner.close()
    sqlite.engine.dispose()
    connector = sqlite.connector()
    pulled(connector)
    connector.write("leads", [update("1", modified=None)])
    assert sqlite.rows("PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"url": "oracle://crm:s3cret@host/crm"}, "no driver for 'oracle'"),
        ({"url": "postgresql+psycopg2://crm:s3cret@host/crm"}, "no driver for"),
        ({"url": "s3cret"}, "not a database URL"),
        ({"url": "mysql://crm:s3cret@host"}, "names no database"),
        ({"url": "sqlite://"}, "needs the path of a file"),
        ({"time_zone": "Berlin"}, "unknown time zone 'Berlin'"),
        ({"leads": {"table": "leads", "id": "id", "modified": "m", "deletes": "flag"}}, "needs `deleted`"),
        ({"leads": {"table": "leads", "id": "id", "modified": "m", "s3cret": 1}}, "Extra inputs"),
        ({"page_size": 0}, "greater than or equal to 1"),
    ],
)
def test_bad_options_say_what_is_wrong_and_no_secret(changed: dict[str, Any], message: str) -> None:
    good = {"url": "postgresql://crm@host/crm", "leads": {"table": "leads", "id": "id", "modified": "modified"}}
    with pytest.raises(ValidationError, match=message) as caught:
        SqlOptions.model_validate({**good, **changed})
    assert "input_value" not in str(caught.value)
    assert SECRET not in str(caught.value).replace(f"leads.{SECRET}", "")


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgres://h/d", "postgresql+psycopg"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg"),
        ("mariadb://h/d", "mysql+pymysql"),
        ("mysql+pymysql://h/d", "mysql+pymysql"),
        ("sqlite:////tmp/crm.db", "sqlite+pysqlite"),
    ],
)
def test_the_driver_is_chosen_by_the_database(url: str, driver: str) -> None:
    leads = {"table": "leads", "id": "id", "modified": "modified"}
    assert SqlOptions.model_validate({"url": url, "leads": leads}).engine_url.drivername == driver


def test_the_connector_is_found_by_name() -> None:
    from syncd.sdk import protocol, registry

    assert registry.load("sql") is SqlConnector
    leads = {"table": "leads", "id": "id", "modified": "modified"}
    options = SqlOptions.model_validate({"url": "postgresql://crm@host/crm", "leads": leads})
    connector: protocol.Connector = SqlConnector(options, client="acme")
    assert isinstance(connector, protocol.Canonicalises)
    assert isinstance(connector, protocol.ListsFields)
    assert connector.streams["leads"].find_lag_seconds == 35.0
    assert connector.write("leads", list[Change]()) == []
    connector.close()
    connector.close()
