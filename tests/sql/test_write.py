"""Write-back to leads, and calls by their key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from syncd.sdk import errors, fence
from syncd.sdk.records import Change, SyncKey
from tests.sql.conftest import NOW, Crm, at, create, error_of, update

LEADS = (
    "CREATE TABLE leads (id int PRIMARY KEY, modified {wall}, status varchar(8), tries int NOT NULL DEFAULT 0, "
    "amount decimal(8,2), share {double}, called_at {wall}, called_on date, optout {bool}, at_zone {aware}, "
    "CHECK (tries < 100))"
)


def make_leads(crm: Crm) -> None:
    crm.run(LEADS)
    crm.many(
        "INSERT INTO leads (id, modified) VALUES (:id, :at)", [{"id": n, "at": crm.stamp(at(-9))} for n in (1, 2, 3)]
    )


def make_calls(crm: Crm, *, unique: bool = True) -> None:
    crm.run(
        f"CREATE TABLE calls (call_key {{key}} NOT NULL {'PRIMARY KEY' if unique else ''}, status varchar(8), secs int)"
    )


def test_text_becomes_the_columns_own_type_and_reads_back_alike(crm: Crm) -> None:
    make_leads(crm)
    connector = crm.connector()
    sent: dict[str, str | None] = {
        "status": "Zoë 🎧",
        "tries": "5",
        "amount": "2.505",
        "share": "0.25",
        "called_at": "2026-11-20T15:00:00.5Z",
        "called_on": "2026-11-20",
        "optout": "true",
        "at_zone": "2026-07-20T15:00:00.25Z",
    }
    (outcome,) = connector.write("leads", [update("1", **sent)])
    assert (outcome.id, outcome.error) == ("1", None)
    (record,) = connector.get("leads", ["1"], list(sent))
    assert record.fields == {
        **sent,
        "amount": "2.51",
        "called_at": "2026-11-20T15:00:00.500000Z",
        # SQLite has no type for it: text stays as it was sent.
        "at_zone": sent["at_zone"] if crm.kind == "sqlite" else "2026-07-20T15:00:00.250000Z",
    }
    assert connector.canonical("leads", sent) == record.fields
    (row,) = crm.rows("SELECT tries, amount, called_at, called_on FROM leads WHERE id = 1")
    wall = datetime(2026, 11, 20, 15, 0, 0, 500000)  # noqa: DTZ001 - as the column has it
    native = (5, Decimal("2.51"), wall, date(2026, 11, 20))
    assert row == ((5, 2.51, "2026-11-20 15:00:00.500000", "2026-11-20") if crm.kind == "sqlite" else native)


def test_none_clears_a_field_and_other_rows_and_fields_stay(crm: Crm) -> None:
    make_leads(crm)
    connector = crm.connector()
    connector.write("leads", [update("1", status="OLD", amount="1"), update("2", status="OLD")])
    assert connector.write("leads", [update("1", status=None)])[0].error is None
    found = {one.id: one.fields for one in connector.get("leads", ["1", "2"], ["status", "amount"])}
    assert found == {"1": {"status": None, "amount": "1"}, "2": {"status": "OLD", "amount": None}}


def test_naive_columns_are_written_in_the_configured_zone(crm: Crm) -> None:
    make_leads(crm)
    connector = crm.connector(time_zone="Europe/Berlin")
    connector.write("leads", [update("1", called_at="2026-07-20T15:00:00Z", called_on="2026-07-20T23:00:00Z")])
    (row,) = crm.rows("SELECT called_at, called_on FROM leads WHERE id = 1")
    assert [str(value)[:19] for value in row] == ["2026-07-20 17:00:00", "2026-07-21"]
    assert connector.get("leads", ["1"], ["called_at"])[0].fields == {"called_at": "2026-07-20T15:00:00Z"}


def test_whole_second_columns_are_cut_and_never_rounded_into_the_future(server: Crm) -> None:
    server.run(
        "CREATE TABLE leads (id int PRIMARY KEY, modified timestamp(0) NULL)", "INSERT INTO leads (id) VALUES (1)"
    )
    connector = server.connector()
    sent = {"modified": "2026-11-20T15:00:00.900000Z"}
    connector.write("leads", [update("1", **sent)])
    expected = {"modified": "2026-11-20T15:00:00Z"}
    assert connector.get("leads", ["1"], ["modified"])[0].fields == expected
    assert connector.canonical("leads", sent) == expected


def test_a_gone_row_is_missing(crm: Crm) -> None:
    make_leads(crm)
    connector = crm.connector()
    for gone in (update("77", status="NEW"), update("no number", status="NEW"), update("77")):
        assert isinstance(error_of(connector.write("leads", [gone])), errors.Missing)
    assert connector.write("leads", [update("1")])[0].error is None


def test_an_update_to_the_same_values_is_applied(crm: Crm) -> None:
    make_leads(crm)
    connector = crm.connector()
    assert [connector.write("leads", [update("1", status="NEW")])[0].error for _ in range(2)] == [None, None]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"status": "much too long"}, r"leads\.status: 13 characters; the column holds 8"),
        ({"statsu": "NEW"}, r"no column 'statsu'.*did you mean status\?"),
        ({"tries": "many"}, r"leads\.tries: not a number"),
        ({"tries": "1.5"}, r"leads\.tries: not a whole number"),
        ({"tries": None}, r"leads\.tries: the column cannot be empty"),
        ({"tries": "100"}, r"leads.*(CheckViolation|4025|SQLITE_CONSTRAINT)"),
        ({"called_at": "soon"}, r"leads\.called_at: not a time"),
        ({"called_on": "soon"}, r"leads\.called_on: not a date"),
        ({"optout": "perhaps"}, r"leads\.optout: not (true or false|a number)"),
        ({"id": "9"}, r"leads\.id: .*cannot be written"),
        ({"status": "\ud800"}, r"leads"),
        ({"tries": "99999999999999999999999"}, r"leads"),
    ],
)
def test_a_bad_row_is_rejected_by_name_without_its_value_and_the_others_pass(
    crm: Crm, fields: dict[str, str | None], message: str
) -> None:
    if crm.kind == "sqlite" and fields.get("status") == "much too long":
        pytest.skip("SQLite does not enforce lengths")
    make_leads(crm)
    bad = update("2", **fields)
    outcomes = crm.connector().write("leads", [update("1", status="NEW"), bad, update("3", status="NEW")])
    assert [one.error is None for one in outcomes] == [True, False, True]
    error = outcomes[1].error
    assert isinstance(error, errors.Rejected)
    with pytest.raises(errors.Rejected, match=message):
        raise error
    assert not [value for value in fields.values() if value and len(value) > 4 and value in str(error)]
    assert crm.rows("SELECT id, status FROM leads ORDER BY id") == [(1, "NEW"), (2, None), (3, "NEW")]


def test_a_row_that_only_the_database_refuses_names_the_column_and_no_value(server: Crm) -> None:
    server.run(
        "CREATE TABLE leads (id int PRIMARY KEY, modified {wall}, small smallint)", "INSERT INTO leads (id) VALUES (1)"
    )
    error = error_of(server.connector().write("leads", [update("1", small="70001")]))
    assert isinstance(error, errors.Rejected)
    assert "70001" not in str(error)
    assert ("leads.small" if server.kind == "mysql" else "NumericValueOutOfRange 22003") in str(error)


def test_text_that_a_table_cannot_spell_is_rejected_even_by_a_lenient_server(mariadb: Crm) -> None:
    mariadb.run("SET GLOBAL sql_mode = ''")
    try:
        mariadb.run("CREATE TABLE leads (id int PRIMARY KEY, modified datetime, name varchar(9) CHARACTER SET latin1)")
        mariadb.run("INSERT INTO leads (id) VALUES (1)")
        connector = mariadb.connector()
        assert isinstance(error_of(connector.write("leads", [update("1", name="Zoë 🎧")])), errors.Rejected)
        assert connector.write("leads", [update("1", name="Zoë")])[0].error is None
    finally:
        mariadb.run("SET GLOBAL sql_mode = DEFAULT")


def test_leads_are_never_created_or_removed(crm: Crm) -> None:
    make_leads(crm)
    connector = crm.connector()
    for change in (create("1", status="NEW"), Change("remove", SyncKey("1"), "1", reason="deleted")):
        assert isinstance(error_of(connector.write("leads", [change])), errors.Rejected)
    assert connector.find("leads", SyncKey("1"), {}) == []
    assert len(crm.rows("SELECT id FROM leads")) == 3


def test_write_back_to_a_view_goes_to_the_table_behind_it(crm: Crm) -> None:
    make_leads(crm)
    crm.run("CREATE VIEW people AS SELECT l.id, l.modified, l.status FROM leads l JOIN leads m ON l.id = m.id")
    connector = crm.connector(leads={"table": "people", "write_table": "leads"})
    assert connector.write("leads", [update("1", status="NEW")])[0].error is None
    assert connector.get("leads", ["1"], ["status"])[0].fields == {"status": "NEW"}


def test_a_view_with_triggers_is_written_through_them(sqlite: Crm) -> None:
    make_leads(sqlite)
    sqlite.run(
        "CREATE VIEW people AS SELECT id, modified, status FROM leads",
        "CREATE TRIGGER t INSTEAD OF UPDATE ON people BEGIN "
        "UPDATE leads SET status = NEW.status WHERE id = NEW.id; END",
    )
    connector = sqlite.connector(leads={"table": "people"})
    assert connector.write("leads", [update("1", status="NEW")])[0].error is None
    assert sqlite.rows("SELECT status FROM leads WHERE id = 1") == [("NEW",)]
    assert isinstance(error_of(connector.write("leads", [update("9", status="NEW")])), errors.Missing)


def test_the_customers_triggers_and_defaults_see_their_own_time_zone(mariadb: Crm) -> None:
    mariadb.run("SET GLOBAL time_zone = '-07:00'")
    try:
        mariadb.run(
            "CREATE TABLE leads (id int PRIMARY KEY, status varchar(8), at timestamp NULL, "
            "modified datetime NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp())",
            "INSERT INTO leads VALUES (1, 'OLD', NULL, '2020-01-01')",
        )
        connector = mariadb.connector(time_zone="Etc/GMT+7")
        assert connector.write("leads", [update("1", status="NEW", at="2026-11-20T15:00:00Z")])[0].error is None
        (record,) = connector.get("leads", ["1"], ["modified", "at"])
        assert record.fields["at"] == "2026-11-20T15:00:00Z"
        assert record.modified is not None
        assert abs(record.modified - datetime.now(UTC)) < timedelta(minutes=1)
    finally:
        mariadb.run("SET GLOBAL time_zone = DEFAULT")


@pytest.mark.parametrize("unique", [True, False])
def test_calls_are_written_once_by_their_key(crm: Crm, unique: bool) -> None:
    make_calls(crm, unique=unique)
    crm.leads([])
    connector = crm.connector(calls=True)
    assert connector.streams["calls"].upserts
    first = [create("a", status="NA", secs="0"), create("b", status="SALE", secs="60")]
    for _ in range(2):
        assert [(one.id, one.error) for one in connector.write("calls", first)] == [("a", None), ("b", None)]
    changed = Change("update", SyncKey("a"), "a", {"status": "DNC"})
    assert [(one.id, one.error) for one in connector.write("calls", [changed, create("c")])] == [
        ("a", None),
        ("c", None),
    ]
    rows = [("a", "DNC", 0), ("b", "SALE", 60), ("c", None, None)]
    assert crm.rows("SELECT call_key, status, secs FROM calls ORDER BY call_key") == rows
    (found,) = connector.find("calls", SyncKey("a"), {})
    assert (found.id, found.fields) == ("a", {"call_key": "a", "status": "DNC", "secs": "0"})
    assert connector.find("calls", SyncKey("A"), {}) == []
    assert [one.fields for one in connector.get("calls", ["b"], ["secs"])] == [{"secs": "60"}]


@pytest.mark.parametrize("unique", [True, False])
def test_a_bad_call_is_rejected_and_the_others_pass(crm: Crm, unique: bool) -> None:
    make_calls(crm, unique=unique)
    crm.run("CREATE UNIQUE INDEX one_per_status ON calls (status)")
    crm.leads([])
    connector = crm.connector(calls=True)
    outcomes = connector.write(
        "calls", [create("a", status="NA"), create("b", status="NA"), create("c", secs="x"), create("d", status="SALE")]
    )
    assert [type(one.error) for one in outcomes] == [type(None), errors.Rejected, errors.Rejected, type(None)]
    assert crm.rows("SELECT call_key, status FROM calls ORDER BY call_key") == [("a", "NA"), ("d", "SALE")]


@pytest.mark.parametrize("unique", [True, False])
def test_many_writers_of_one_call_leave_one_row(crm: Crm, unique: bool) -> None:
    make_calls(crm, unique=unique)
    crm.leads([])

    def write(number: int) -> list[BaseException | None]:
        connector = crm.connector(calls=True)
        return [one.error for one in connector.write("calls", [create(f"k{n}", secs=str(number)) for n in range(10)])]

    with ThreadPoolExecutor(4) as pool:
        assert [error for found in pool.map(write, range(4)) for error in found] == [None] * 40
    assert sorted(crm.rows("SELECT call_key FROM calls")) == [(f"k{n}",) for n in range(10)]


def test_a_key_that_does_not_fit_its_column_is_rejected(server: Crm) -> None:
    server.run("CREATE TABLE calls (call_key varchar(4) PRIMARY KEY)")
    server.leads([])
    error = error_of(server.connector(calls=True).write("calls", [create("12345")]))
    assert isinstance(error, errors.Rejected)
    assert "20 characters or more" in str(error)


def test_without_a_calls_table_there_is_no_calls_stream(crm: Crm) -> None:
    crm.leads([])
    connector = crm.connector()
    assert set(connector.streams) == {"leads"}
    assert isinstance(error_of(connector.write("calls", [create("a")])), errors.Rejected)


def test_a_batch_that_the_fence_stops_is_left_as_it_is(crm: Crm) -> None:
    make_leads(crm)
    connector = crm.connector()
    connector.write("leads", [update("1")])
    left = 1

    def pause(_: float) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise errors.RetryLater("paused")

    with fence.held(pause):
        outcomes = connector.write("leads", [update("1", status="NEW"), update("2", status="NEW")])
    assert [type(one.error) for one in outcomes] == [type(None), errors.RetryLater]
    assert crm.rows("SELECT id FROM leads WHERE status = 'NEW'") == [(1,)]


def test_a_lost_lease_leaves_no_lock_and_no_half_call(crm: Crm) -> None:
    make_calls(crm, unique=False)
    crm.leads([])
    connector = crm.connector(calls=True)
    connector.write("calls", [create("z")])
    for allowed in range(1, 6):
        left = allowed

        def lose(_: float) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise errors.LeaseLost("gone")

        try:
            with fence.held(lose):
                connector.write("calls", [create("a", secs="1")])
        except errors.LeaseLost:
            assert crm.rows("SELECT call_key FROM calls") == [("z",)]
            assert (
                crm.connector(calls=True, statement_seconds=2).write("calls", [create("z", secs="1")])[0].error is None
            )
    assert connector.write("calls", [create("a")])[0].error is None


def test_fields_tell_types_and_limits(server: Crm) -> None:
    make_leads(server)
    found = server.connector().fields("leads")
    assert {name: found[name].type for name in ("id", "status", "amount", "called_at", "optout")} == {
        "id": "integer",
        "status": "text 8",
        "amount": "decimal",
        "called_at": "instant",
        "optout": "boolean",
    }


def test_an_instant_with_another_offset_is_the_same_instant(crm: Crm) -> None:
    make_leads(crm)
    connector = crm.connector()
    moment = NOW.astimezone(timezone(timedelta(hours=5))).isoformat()
    connector.write("leads", [update("1", called_at=moment)])
    assert connector.get("leads", ["1"], ["called_at"])[0].fields == {"called_at": "2026-11-20T15:00:00Z"}
