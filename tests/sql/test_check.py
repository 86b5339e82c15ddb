"""What `check` tells before anything runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncd.sdk.errors import Problem
from tests.sql.conftest import Crm


def good(crm: Crm) -> None:
    crm.run(
        "CREATE TABLE leads (id int PRIMARY KEY, modified {wall} NOT NULL, gone {bool}, status varchar(8))",
        "CREATE INDEX by_time ON leads (modified, id)",
        "CREATE TABLE calls (call_key {key} NOT NULL PRIMARY KEY, status varchar(8))",
    )


def soon(crm: Crm, **ahead: float) -> object:
    return crm.stamp(datetime.now(UTC) + timedelta(**ahead))


def one(problems: list[Problem]) -> Problem:
    (problem,) = problems
    return problem


def test_a_good_database_has_no_problems(crm: Crm) -> None:
    good(crm)
    crm.run("INSERT INTO leads VALUES (1, :at, NULL, NULL)", at=soon(crm, seconds=-1))
    assert crm.connector(calls=True, leads={"deleted": "gone"}).check() == []


def test_missing_tables_and_columns_are_told_all_at_once_with_near_names(crm: Crm) -> None:
    good(crm)
    connector = crm.connector(leads={"id": "lead_id", "modified": "modfied"})
    assert [(one.fatal, one.where, one.fix) for one in connector.check()] == [
        (True, "leads.id", "the columns are: id, modified, gone, status"),
        (True, "leads.modified", "did you mean modified?"),
    ]
    problem = one(crm.connector(leads={"table": "lead"}).check())
    assert (problem.fatal, problem.fix) == (True, "did you mean leads?")
    problem = one(crm.connector(leads={"table": "elsewhere.leads"}).check())
    assert problem.fatal
    assert one(crm.connector(calls={"table": "calls", "key": "kall_key"}).check()).fix == "did you mean call_key?"


def test_a_missing_index_comes_with_the_statement_that_makes_it(crm: Crm) -> None:
    good(crm)
    crm.run("CREATE TABLE people (id int PRIMARY KEY, modified {wall})")
    connector = crm.connector(leads={"table": "people"})
    problem = one(connector.check())
    assert (problem.fatal, problem.where) == (False, "leads.modified")
    crm.run(problem.fix.partition("run: ")[2])
    assert connector.check() == []


def test_an_id_that_nothing_keeps_unique_is_a_warning(crm: Crm) -> None:
    crm.run("CREATE TABLE leads (id int, modified {wall})", "CREATE INDEX by_time ON leads (modified, id)")
    problem = one(crm.connector().check())
    assert (problem.fatal, problem.where) == (False, "leads.id")


def test_rows_without_a_time_and_rows_of_the_future_are_counted(crm: Crm) -> None:
    crm.run("CREATE TABLE leads (id int PRIMARY KEY, modified {wall})", "CREATE INDEX by_time ON leads (modified, id)")
    stamps = [None, None, None, soon(crm, hours=-1), soon(crm, minutes=5), soon(crm, days=400)]
    crm.many("INSERT INTO leads VALUES (:id, :at)", [{"id": n, "at": at} for n, at in enumerate(stamps)])
    without, later = crm.connector().check()
    assert (without.fatal, later.fatal) == (False, False)
    assert "3 rows have no time" in without.what
    assert "2 rows were changed in the future" in later.what


FORMS_THAT_DO_NOT_SORT = ["20/11/2026 10:00", "n/a", "2026-11-20T10:00:00+02:00", 1763650000]


@pytest.mark.parametrize("value", FORMS_THAT_DO_NOT_SORT)
def test_a_column_of_stamps_that_do_not_sort_is_a_problem(sqlite: Crm, value: object) -> None:
    sqlite.run("CREATE TABLE leads (id int PRIMARY KEY, modified TEXT)", "CREATE INDEX by_time ON leads (modified, id)")
    sqlite.run("INSERT INTO leads VALUES (1, :value), (2, :value)", value=value)
    problem = sqlite.connector().check()[0]
    assert problem.fatal
    assert "in a form that sorts by time" in problem.what


@pytest.mark.parametrize("value", FORMS_THAT_DO_NOT_SORT)
def test_a_few_stamps_that_do_not_sort_are_counted_with_what_becomes_of_their_rows(sqlite: Crm, value: object) -> None:
    sqlite.run("CREATE TABLE leads (id int PRIMARY KEY, modified TEXT)", "CREATE INDEX by_time ON leads (modified, id)")
    sqlite.run("INSERT INTO leads VALUES (1, '2026-01-20 10:00:00'), (2, :value)", value=value)
    problem = one([found for found in sqlite.connector().check() if "changed in the future" not in found.what])
    assert not problem.fatal
    assert problem.where == "leads.modified"
    becomes = "no time of their last change; each run reads them all" if value == "n/a" else "may be missed"
    assert "leads.modified: 1 rows have " in problem.what
    assert problem.what.endswith(becomes)


def test_a_call_key_that_is_not_unique_comes_with_the_index_that_makes_it_so(crm: Crm) -> None:
    good(crm)
    crm.run("DROP TABLE calls", "CREATE TABLE calls (call_key {key} NOT NULL, status varchar(8))")
    crm.run("CREATE UNIQUE INDEX by_both ON calls (call_key, status)")
    connector = crm.connector(calls=True)
    problem = one(connector.check())
    assert (problem.fatal, problem.where) == (False, "calls.key")
    crm.run(problem.fix.partition("run: ")[2])
    assert connector.check() == []


def test_a_call_key_that_is_too_short_is_a_problem(server: Crm) -> None:
    good(server)
    server.run("DROP TABLE calls", "CREATE TABLE calls (call_key varchar(12) PRIMARY KEY)")
    problem = one(server.connector(calls=True).check())
    assert (problem.fatal, problem.where) == (True, "calls.key")


def test_missing_grants_come_with_the_statements_that_give_them(server: Crm) -> None:
    good(server)
    connector = server.connector(url=server.user("SELECT ON leads", "SELECT ON calls"), calls=True)
    user = server.users[0]
    found = connector.check()
    assert [(one.fatal, one.where) for one in found] == [
        (False, "leads.table"),
        (True, "calls.table"),
        (True, "calls.table"),
    ]
    assert f"GRANT UPDATE ON leads TO {user}" in found[0].fix
    assert found[1].fix == f"GRANT INSERT (call_key) ON calls TO {user}"
    if server.kind == "postgresql":
        connector = server.connector(url=server.user("SELECT (id), UPDATE ON leads"), leads={"deleted": "gone"})
        problem = connector.check()[0]
        assert problem.fatal
        assert problem.fix == f"GRANT SELECT (modified, gone) ON leads TO {server.users[1]}"


def test_column_grants_are_enough(server: Crm) -> None:
    good(server)
    url = server.user(
        "SELECT (id, modified), UPDATE (status) ON leads",
        "SELECT (call_key), INSERT (call_key, status), UPDATE (status) ON calls",
    )
    assert [one.what for one in server.connector(url=url, calls=True).check() if one.fatal] == []


def test_a_view_is_checked_as_far_as_it_can_be(crm: Crm) -> None:
    good(crm)
    crm.run("CREATE VIEW people AS SELECT id, modified, status FROM leads")
    assert crm.connector(leads={"table": "people", "write_table": "leads"}).check() == []
    problem = one(crm.connector(leads={"table": "people", "write_table": "calls"}).check())
    assert problem.where == "leads.write_table"


def test_a_file_that_may_not_be_written_is_told(sqlite: Crm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    good(sqlite)
    # Root may write everything, so the question itself is answered otherwise.
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) == tmp_path)
    assert [(one.fatal, one.where) for one in sqlite.connector().check()] == [(False, "url")]
    assert [one.fatal for one in sqlite.connector(calls=True).check()] == [True]


def test_a_check_changes_nothing(crm: Crm) -> None:
    good(crm)
    crm.run("INSERT INTO leads VALUES (1, :at, NULL, NULL)", at=soon(crm, days=1))
    before = crm.rows("SELECT * FROM leads")
    crm.connector(calls=True).check()
    assert crm.rows("SELECT * FROM leads") == before
    assert crm.rows("SELECT * FROM calls") == []
