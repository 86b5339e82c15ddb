"""Reading leads: pages, ties, rows without a stamp, deletions, views."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from syncd.sdk import errors, fence
from syncd.sdk.records import Cursor
from syncd_sql import stamps
from tests.sql.conftest import NOW, Crm, at, ids, pages, pulled


def test_rows_come_oldest_first_with_the_fields_asked_for(crm: Crm) -> None:
    crm.run("CREATE TABLE leads (id int PRIMARY KEY, modified {wall}, name varchar(40), other varchar(40))")
    crm.many(
        "INSERT INTO leads VALUES (:id, :at, :name, 'x')",
        [
            {"id": 10, "at": crm.stamp(at(-5)), "name": "Zoë 🎧"},
            {"id": 9, "at": crm.stamp(at(-10)), "name": None},
        ],
    )
    found = pulled(crm.connector(), fields=["name"])
    assert [(one.id, one.fields, one.modified) for one in found] == [
        ("9", {"name": None}, at(-10)),
        ("10", {"name": "Zoë 🎧"}, at(-5)),
    ]


def test_an_empty_table_has_no_pages(crm: Crm) -> None:
    crm.leads([])
    assert pages(crm.connector()) == []


def test_rows_with_equal_stamps_over_page_borders_are_each_read_once(crm: Crm) -> None:
    crm.leads((one, at(-(one % 3))) for one in range(1, 50))
    connector = crm.connector(page_size=4)
    found = pulled(connector)
    assert Counter(ids(found)) == Counter(str(one) for one in range(1, 50))
    assert [one.modified for one in found] == sorted(one.modified for one in found if one.modified)


def test_fifteen_thousand_rows_with_one_stamp_are_each_read_once(crm: Crm) -> None:
    crm.leads((one, at(-60)) for one in range(15_000))
    found = ids(pulled(crm.connector(page_size=2000)))
    assert len(found) == 15_000
    assert set(found) == {str(one) for one in range(15_000)}


def test_a_page_that_ends_exactly_at_the_last_tie_loses_nothing(crm: Crm) -> None:
    crm.leads([(1, at(-9)), (2, at(-9)), (3, at(-8)), (4, at(-8))])
    assert [ids(page.records) for page in pages(crm.connector(page_size=2))] == [["1", "2"], ["3", "4"]]


def test_both_edges_belong_to_a_pull(crm: Crm) -> None:
    crm.leads([(1, at(-10.000001)), (2, at(-10)), (3, NOW), (4, at(0.000001))])
    assert ids(pulled(crm.connector(), Cursor(at(-10)))) == ["2", "3"]


def test_a_cursor_without_an_id_includes_all_rows_of_its_time(crm: Crm) -> None:
    crm.leads([(1, at(-10)), (2, at(-10))])
    assert ids(pulled(crm.connector(), Cursor(at(-10)))) == ["1", "2"]


def test_after_a_row_come_those_that_were_not_read_yet(crm: Crm) -> None:
    crm.leads([(one, None) for one in range(1, 6)] + [(one, at(-(one % 3))) for one in range(6, 40)])
    connector = crm.connector(page_size=4)
    everything = pages(connector)
    for number, page in enumerate(everything, 1):
        rest = [one for later in everything[number:] for one in ids(later.records)]
        assert ids(pulled(connector, page.cursor)) == rest


@pytest.mark.parametrize(
    "meanwhile", ["DELETE FROM leads WHERE id = 3", "UPDATE leads SET modified = :later WHERE id = 3"]
)
def test_where_that_row_is_gone_its_time_is_read_again(crm: Crm, meanwhile: str) -> None:
    crm.leads([(1, at(-11)), *((one, at(-10)) for one in range(2, 6))])
    connector = crm.connector()
    crm.run(meanwhile, **({"later": crm.stamp(at(-9))} if ":later" in meanwhile else {}))
    assert set(ids(pulled(connector, Cursor(at(-10), "3")))) - {"3"} == {"2", "4", "5"}
    assert ids(pulled(connector, Cursor(at(-10), "no number"))) == ids(pulled(connector, Cursor(at(-10))))


def test_reading_on_from_any_page_reaches_every_row(crm: Crm) -> None:
    chance = random.Random(7)
    crm.leads((one, at(-chance.randrange(12))) for one in range(60))
    connector = crm.connector(page_size=7)
    everything = pages(connector)
    read: set[str] = set()
    for page in everything:
        read |= set(ids(page.records))
        assert read | set(ids(pulled(connector, page.cursor))) == {str(one) for one in range(60)}


def test_microseconds_survive_the_cursor(crm: Crm) -> None:
    moment = NOW - timedelta(microseconds=123_457)
    crm.leads([(1, moment)])
    (page,) = pages(crm.connector())
    assert page.cursor == Cursor(moment, "1")
    assert page.records[0].modified == moment


def test_rows_without_a_stamp_come_in_every_run_before_the_others(crm: Crm) -> None:
    crm.leads([(one, None) for one in range(1, 6)] + [(9, at(-9))])
    connector = crm.connector(page_size=2)
    first = pages(connector)
    assert ids([record for page in first for record in page.records]) == ["1", "2", "3", "4", "5", "9"]
    assert [page.cursor.at for page in first] == [stamps.ORIGIN] * 3 + [at(-9)]
    assert first[0].records[0].modified is None
    again = pages(connector, Cursor(at(-5)))
    assert [ids(page.records) for page in again] == [["1", "2"], ["3", "4"], ["5"]]
    assert {page.cursor.at for page in again} == {at(-5)}


def test_stamps_before_all_time_count_as_none(crm: Crm) -> None:
    crm.leads([(1, at(-9))])
    never = {"sqlite": "", "postgresql": "-infinity", "mysql": "0000-00-00"}[crm.kind]
    crm.run("INSERT INTO leads VALUES (2, :never), (3, '0001-01-01 00:00:00')", never=never)
    connector = crm.connector()
    assert sorted(ids(pulled(connector, fields=["modified"]))) == ["1", "2", "3"]
    assert sorted(ids(pulled(connector, Cursor(at(-1))))) == ["2", "3"]


def test_rows_changed_in_the_future_wait_for_their_time(crm: Crm) -> None:
    crm.leads([(1, at(-9)), (2, at(3600))])
    connector = crm.connector()
    assert ids(pulled(connector)) == ["1"]
    assert ids(pulled(connector, Cursor(NOW), at(3600))) == ["2"]


def test_a_flag_marks_deleted_rows(crm: Crm) -> None:
    crm.run("CREATE TABLE leads (id int PRIMARY KEY, modified {wall}, gone {bool}, gone_at {wall})")
    crm.many(
        "INSERT INTO leads VALUES (:id, :at, :gone, :gone_at)",
        [
            {"id": one, "at": crm.stamp(at(-9)), "gone": gone, "gone_at": crm.stamp(gone_at)}
            for one, gone, gone_at in [(1, None, None), (2, False, NOW), (3, True, None)]
        ],
    )
    by_flag = crm.connector(leads={"deleted": "gone"})
    assert by_flag.streams["leads"].deletes == "flag"
    assert [one.deleted for one in pulled(by_flag)] == [False, False, True]
    assert [one.deleted for one in by_flag.get("leads", ["3"], ["gone"])] == [True]
    by_time = crm.connector(leads={"deleted": "gone_at"})
    assert [one.deleted for one in pulled(by_time)] == [False, True, False]
    assert crm.connector().streams["leads"].deletes == "none"
    vanishing = crm.connector(leads={"deletes": "vanish"})
    assert vanishing.streams["leads"].deletes == "vanish"
    assert ids(vanishing.get("leads", ["1", "77"])) == ["1"]


def test_a_view_is_read_like_a_table(crm: Crm) -> None:
    crm.leads([(1, at(-9)), (2, at(-8))])
    crm.run("CREATE VIEW people AS SELECT id AS no, modified AS changed FROM leads WHERE id > 1")
    connector = crm.connector(leads={"table": "people", "id": "no", "modified": "changed"})
    assert ids(pulled(connector)) == ["2"]


def test_a_table_of_another_schema_is_read(server: Crm) -> None:
    server.leads([(1, at(-9))])
    schema = "public" if server.kind == "postgresql" else str(server.engine.url.database)
    assert ids(pulled(server.connector(leads={"table": f"{schema}.leads"}))) == ["1"]


def test_names_that_need_quoting_are_quoted(crm: Crm) -> None:
    mark = "`" if crm.kind == "mysql" else '"'
    table, key, stamp = (f"{mark}{name}{mark}" for name in ("Order Leads", "Id %", "select"))
    crm.run(f"CREATE TABLE {table} ({key} int PRIMARY KEY, {stamp} {{wall}})")
    crm.run(f"INSERT INTO {table} VALUES (1, :at)", at=crm.stamp(at(-9)))  # noqa: S608 - a test's own name
    leads = {"table": "Order Leads", "id": "Id %", "modified": "select"}
    connector = crm.connector(leads=leads)
    assert pulled(connector, fields=["Id %"])[0].fields == {"Id %": "1"}
    assert ids(connector.get("leads", ["1"])) == ["1"]


@pytest.mark.parametrize("id_type", ["text", "uuid", "binary"])
def test_ids_of_any_type_page_in_the_databases_own_order(crm: Crm, id_type: str) -> None:
    chance = random.Random(3)
    known = {UUID(int=chance.getrandbits(128)) for _ in range(40)}
    declared = {
        "text": "varchar(40)",
        "uuid": {"sqlite": "TEXT", "postgresql": "uuid", "mysql": "char(36)"}[crm.kind],
        "binary": {"sqlite": "BLOB", "postgresql": "bytea", "mysql": "binary(16)"}[crm.kind],
    }[id_type]
    spelled = {str(one) for one in known} if id_type != "text" else {f"{'aÄbB'[one % 4]}-{one}" for one in range(40)}
    natives: set[object] = {one.bytes for one in known} if id_type == "binary" else set(spelled)
    expected = {one.hex for one in known} if id_type == "binary" else spelled
    crm.leads(((one, at(-9)) for one in natives), declared)
    connector = crm.connector(page_size=3)
    assert Counter(ids(pulled(connector))) == Counter(expected)
    some = sorted(expected)[:7]
    assert sorted(ids(connector.get("leads", [*some, "not-there"]))) == some


def test_text_ids_page_in_a_language_order(postgres: Crm) -> None:
    names = [f"{letter}{one}" for letter in "aAbBäÄ-_ " for one in range(5)]
    postgres.leads(((name, at(-9)) for name in names), 'varchar(9) COLLATE "en-x-icu"')
    assert Counter(ids(pulled(postgres.connector(page_size=4)))) == Counter(names)


def test_ids_that_a_collation_holds_for_equal_are_not_taken_for_each_other(mariadb: Crm) -> None:
    mariadb.leads([("abc", at(-9))], "varchar(9)")
    assert mariadb.connector().get("leads", ["ABC"]) == []


def test_get_asks_for_many_ids_in_slices(crm: Crm) -> None:
    crm.leads((one, at(-9)) for one in range(1200))
    wanted = [str(one) for one in range(0, 2400, 2)]
    assert len(crm.connector().get("leads", wanted)) == 600
    assert crm.connector().get("leads", ["1x", ""]) == []


def test_an_unknown_field_or_table_says_which_name_is_near(crm: Crm) -> None:
    crm.leads([(1, NOW)])
    with pytest.raises(errors.UserError, match=r"modifed.*did you mean modified"):
        pulled(crm.connector(), fields=["modifed"])
    with pytest.raises(errors.UserError, match=r"leeds.*did you mean leads"):
        pulled(crm.connector(leads={"table": "leeds"}))


def test_a_column_that_was_added_later_is_found(crm: Crm) -> None:
    crm.leads([(1, NOW)])
    connector = crm.connector()
    assert pulled(connector)
    crm.run("ALTER TABLE leads ADD COLUMN name varchar(9)")
    assert pulled(connector, fields=["name"])[0].fields == {"name": None}


def test_the_fence_stands_before_each_statement(crm: Crm) -> None:
    crm.leads((one, at(-9)) for one in range(9))
    connector = crm.connector(page_size=3)
    asked: list[float] = []

    def check(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) > limit:
            raise errors.LeaseLost("gone")

    limit = 100
    with fence.held(check):
        assert len(pulled(connector)) == 9
    assert len(asked) > 6
    assert set(asked) == {35.0}
    asked.clear()
    limit = 3
    with fence.held(check), pytest.raises(errors.LeaseLost):
        pulled(connector)


def test_nothing_is_held_open_between_pages(postgres: Crm) -> None:
    postgres.leads((one, at(-9)) for one in range(9))
    for _ in postgres.connector(page_size=3).pull("leads", None, NOW, []):
        open_ones = "SELECT state FROM pg_stat_activity WHERE application_name = 'syncd' AND state <> 'idle'"
        assert postgres.rows(open_ones) == []


def test_the_clock_is_the_databases_own(crm: Crm) -> None:
    moment = crm.connector().clock()
    assert moment.utcoffset() == timedelta(0)
    assert abs(moment - datetime.now(moment.tzinfo)) < timedelta(seconds=30)


def test_a_reading_session_cannot_change_anything(crm: Crm) -> None:
    crm.leads([(1, at(-9))])
    connector = crm.connector()
    with pytest.raises(errors.AuthFailed), connector._database.reading() as connection:
        connection.exec_driver_sql("DELETE FROM leads")
    assert crm.rows("SELECT id FROM leads") == [(1,)]
