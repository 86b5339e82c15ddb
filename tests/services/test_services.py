"""The database fixtures themselves."""

import signal

import pytest
from sqlalchemy import create_engine, text

from tests.services import missing, postgresql, process


def scalar(url: str, statement: str) -> object:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            return connection.execute(text(statement)).scalar()
    finally:
        engine.dispose()


def execute(url: str, statement: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


def test_a_store_url_answers_on_every_engine(store_url: str) -> None:
    assert scalar(store_url, "SELECT 1") == 1


@pytest.mark.parametrize("attempt", [1, 2])
def test_each_test_has_its_own_postgresql_database(postgres_dsn: str, attempt: int) -> None:
    assert postgres_dsn.startswith("postgresql+psycopg://")
    assert scalar(postgres_dsn, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    execute(postgres_dsn, f"CREATE TABLE attempt_{attempt} (id integer)")


@pytest.mark.parametrize("attempt", [1, 2])
def test_each_test_has_its_own_mariadb_database(mariadb_dsn: str, attempt: int) -> None:
    assert mariadb_dsn.startswith("mysql+pymysql://")
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = database()"
    assert scalar(mariadb_dsn, tables) == 0
    execute(mariadb_dsn, f"CREATE TABLE attempt_{attempt} (id integer)")


def test_mariadb_keeps_emoji(mariadb_dsn: str) -> None:
    execute(mariadb_dsn, "CREATE TABLE people (name varchar(40))")
    execute(mariadb_dsn, "INSERT INTO people VALUES ('Zoë 🎧')")
    assert scalar(mariadb_dsn, "SELECT name FROM people") == "Zoë 🎧"


def test_a_database_is_dropped_even_while_somebody_is_connected(postgres_server: postgresql.Server) -> None:
    with postgres_server.database() as url:
        engine = create_engine(url)
        connection = engine.connect()
        connection.execute(text("SELECT 1"))
    connection.invalidate()
    connection.close()
    engine.dispose()


def test_postgresql_from_the_wheel_serves_where_none_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(postgresql.DSN_VARIABLE, raising=False)
    monkeypatch.setattr(postgresql, "binaries", lambda: None)
    with postgresql.running() as server, server.database() as url:
        assert scalar(url, "SELECT 1") == 1


def test_a_server_that_does_not_start_tells_its_log() -> None:
    command = ["sh", "-c", "echo no room on this disk; exit 1"]
    with (
        process.private_folder() as folder,
        pytest.raises(RuntimeError, match="no room on this disk"),
        process.server(command, folder=folder, ready=lambda: False, stop=signal.SIGTERM),
    ):
        pytest.fail("a server that ended is not ready")


def test_a_missing_service_skips_on_a_developers_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("SYNCD_CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no such database"):
        missing.missing("no such database")


@pytest.mark.parametrize("variable", ["CI", "SYNCD_CI"])
def test_a_missing_service_fails_where_it_is_promised(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "true")
    with pytest.raises(pytest.fail.Exception, match="no such database"):
        missing.missing("no such database")
