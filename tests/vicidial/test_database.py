"""VICIdial's own database is read by a user that can do nothing else, and nobody waits for a read."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from syncd.sdk import errors, records
from syncd.simulators import vicidial
from syncd_vicidial import VicidialConnector, grants
from tests.vicidial import tables as vicidial_tables
from tests.vicidial.tables import Tables

UNTIL = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
SINCE = records.Cursor(UNTIL - timedelta(hours=6))


@contextmanager
def opened(tables: Tables, **database: Any) -> Iterator[VicidialConnector]:
    with vicidial.serve() as sim:
        tables.hold(sim.world)
        with vicidial_tables.connected(sim.url, tables, database=database) as dialer:
            yield dialer


def read(dialer: VicidialConnector) -> list[str]:
    return [
        str(record.fields["uniqueid"]) for page in dialer.pull("calls", SINCE, UNTIL, ()) for record in page.records
    ]


def about_the_database(dialer: VicidialConnector) -> list[errors.Problem]:
    return [problem for problem in dialer.check() if problem.where.startswith("database")]


def test_the_grants_that_check_asks_for_are_enough_and_no_more(vicidial_database: Tables) -> None:
    with vicidial_tables.entered(vicidial_database, ()) as bare, opened(bare) as dialer:
        [problem] = about_the_database(dialer)
        with pytest.raises(errors.AuthFailed) as refused:
            read(dialer)
        assert refused.value.fix == problem.fix
        bare.run(*problem.fix.split("; "))
        assert about_the_database(dialer) == []
        assert len(read(dialer)) == 6
        held = " ".join(row[0] for row in bare.run(f"SHOW GRANTS FOR '{bare.user}'@'localhost'"))
        assert held.count("GRANT SELECT") == 7
        assert re.search(r"SELECT \(`(lead_id|vendor_lead_code)`, `\w+`\) ON \S+`vicidial_list`", held)
        with pytest.raises(errors.AuthFailed):  # names and addresses stay unread
            dialer._database.rows("SELECT first_name FROM vicidial_list")  # type: ignore[union-attr]


def test_a_table_that_is_left_out_is_found(vicidial_database: Tables) -> None:
    granted = tuple(name for name in vicidial_tables.READ if name != "vicidial_closer_log_archive")
    with vicidial_tables.entered(vicidial_database, granted) as tables, opened(tables) as dialer:
        [problem] = about_the_database(dialer)
        assert "vicidial_closer_log_archive TO" in problem.fix
    with vicidial_tables.entered(vicidial_database, granted) as tables, vicidial.serve() as sim:
        tables.hold(sim.world)
        with vicidial_tables.connected(sim.url, tables, archive_after_days=None) as dialer:
            assert about_the_database(dialer) == []
            assert len(read(dialer)) == 6


@pytest.mark.parametrize(
    ("grant", "said"),
    [
        ("GRANT INSERT ON {name}.* TO {user}", "INSERT ON"),
        ("GRANT SELECT, UPDATE (status) ON {name}.vicidial_log TO {user}", "UPDATE ON"),
        ("GRANT SELECT ON {name}.vicidial_list TO {user} WITH GRANT OPTION", "GRANT OPTION ON"),
        ("GRANT FILE ON *.* TO {user}", "FILE ON"),
        ("GRANT ALL ON {name}.* TO {user}", "ALL PRIVILEGES ON"),
        ("GRANT writers_{name} TO {user}", "the role"),
    ],
)
def test_a_user_that_could_write_is_refused(tables: Tables, grant: str, said: str) -> None:
    account = f"'{tables.user}'@'localhost'"
    tables.run(f"CREATE OR REPLACE ROLE writers_{tables.name}")
    tables.run(grant.format(name=tables.name, user=account))
    with opened(tables) as dialer:
        [problem] = about_the_database(dialer)
        with pytest.raises(errors.AuthFailed) as refused:
            read(dialer)
    tables.run(f"DROP ROLE writers_{tables.name}")
    assert said in problem.what
    assert "GRANT SELECT ON" in problem.fix
    for text in (str(problem), str(refused.value)):
        assert "PASSWORD" not in text
        assert "*" not in text.replace("*.*", "").replace(".*", "")  # where SHOW GRANTS has the password's hash


def test_grants_that_are_not_understood_count_as_too_much() -> None:
    harmless = [
        "GRANT USAGE ON *.* TO `u`@`h` IDENTIFIED BY PASSWORD '*ABC'",
        "GRANT SELECT, SHOW VIEW ON `a ON b`.`t, UPDATE` TO `u`@`h`",
        "GRANT SELECT (`x), UPDATE (y`) ON `a`.`t` TO `u`@`h`",
        "SET DEFAULT ROLE `r` FOR `u`@`h`",
    ]
    assert grants.too_much(harmless) == []
    assert grants.too_much(["GRANT PROXY ON ``@`%` TO `u`@`h`"]) == ["PROXY ON ``@`%`"]
    assert grants.too_much(["GRANT SELECT (`x ON y`), UPDATE (`z`) ON `a`.`t` TO `u`@`h`"]) == ["UPDATE ON `a`.`t`"]
    assert grants.too_much(["GRANT `r`@`%` TO `u`@`h`"]) == ["the role `r`@`%`"]
    assert grants.too_much(["ALLOW ALL"]) == ["a grant that is not understood"]


def test_a_session_could_not_write_even_if_it_tried(tables: Tables) -> None:
    with opened(tables) as dialer:
        read(dialer)
        database = dialer._database
        assert database is not None
        [(isolation, read_only, limit)] = database.rows("SELECT @@tx_isolation, @@tx_read_only, @@max_statement_time")
    assert (isolation, read_only) == ("READ-COMMITTED", "1")
    assert float(limit or 0) == 10.0


def test_a_statement_that_waits_is_ended_by_the_server_and_tried_again_later(tables: Tables) -> None:
    with opened(tables, statement_seconds=0.3) as dialer:
        with tables.connection() as writer, writer.cursor() as cursor:
            cursor.execute("LOCK TABLES vicidial_log WRITE")
            began = time.monotonic()
            with pytest.raises(errors.RetryLater, match="statement_seconds"):
                read(dialer)
            assert time.monotonic() - began < 3
            cursor.execute("UNLOCK TABLES")
        assert len(read(dialer)) == 6


def test_between_two_pages_the_dialer_can_write(tables: Tables) -> None:
    rows = [
        {"uniqueid": f"{1795200000 + number}.{number}", "lead_id": 5001, "campaign_id": "TESTCAMP", "status": "NI",
         "call_date": f"2026-11-20 13:{number // 60:02}:{number % 60:02}"}
        for number in range(60)
    ]  # fmt: skip
    with opened(tables, rows_per_read=10) as dialer:
        tables.insert("vicidial_log", *rows)
        pages = dialer.pull("calls", SINCE, UNTIL, ())
        page = next(pages)
        while len(page.records) < 5:
            page = next(pages)
        began = time.monotonic()
        tables.run(
            "SET SESSION lock_wait_timeout = 1, max_statement_time = 1",
            "LOCK TABLES vicidial_log WRITE, vicidial_list WRITE",
            "UPDATE vicidial_log SET status = 'SALE'",
            "UNLOCK TABLES",
        )
        assert time.monotonic() - began < 1
        assert {record.fields["status"] for page in pages for record in page.records} == {"SALE"}


def test_a_connection_that_the_server_has_ended_is_opened_again(tables: Tables) -> None:
    with opened(tables) as dialer:
        before = read(dialer)
        tables.run(f"KILL CONNECTION USER '{tables.user}'@'localhost'")
        with pytest.raises(errors.RetryLater):
            read(dialer)
        assert read(dialer) == before


@pytest.mark.parametrize(
    ("database", "kind", "said"),
    [
        ({"password": "Canary-4711"}, errors.AuthFailed, "login is refused"),
        ({"name": "nosuchdb"}, errors.AuthFailed, "nosuchdb"),
        ({"socket": None, "host": "127.0.0.1", "port": 1}, errors.RetryLater, "OperationalError 2003"),
        ({"tls": True}, errors.AuthFailed, "no encrypted connection"),
    ],
)
def test_what_keeps_it_from_connecting_is_said_without_the_password(
    tables: Tables, database: dict[str, object], kind: type[errors.SyncdError], said: str
) -> None:
    with opened(tables, **database) as dialer, structlog.testing.capture_logs() as logs:
        [problem] = about_the_database(dialer)
        with pytest.raises(kind, match=said) as refused:
            read(dialer)
    assert said in problem.what
    assert "4711" not in f"{problem} {refused.value} {logs}"


def test_another_database_is_told_apart(tables: Tables) -> None:
    tables.run(f"GRANT SELECT ON {tables.name}.* TO '{tables.user}'@'localhost'")
    tables.run("RENAME TABLE vicidial_closer_log TO elsewhere")
    try:
        with vicidial.serve() as sim, vicidial_tables.connected(sim.url, tables) as dialer:
            [problem] = about_the_database(dialer)
            assert "lacks a table or column" in problem.what
            with pytest.raises(errors.UserError):
                read(dialer)
    finally:
        tables.run("RENAME TABLE elsewhere TO vicidial_closer_log")
