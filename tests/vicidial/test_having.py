"""Leads by phone or key, whoever made them: through the API, and in VICIdial's own database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from syncd.sdk import errors, records
from syncd.simulators import vicidial
from syncd_vicidial import all_info
from tests.vicidial import site
from tests.vicidial import tables as vicidial_tables

COLUMNS = (
    "vendor_lead_code", "source_id", "phone_code", "phone_number", "first_name", "last_name", "status", "comments",
)  # fmt: skip
FIELDS = (*COLUMNS, "flags")
LEADS = (
    ("7275550001", "K1", "Ann", "NA", "one!Ntwo"),
    ("7275550001", "", "Bob", "DNC", ""),
    ("7275550002", "k1", "Cat", "SALE", ""),
    ("7275550003", "K1 ", "Dan", "NA", ""),
)
NOBODY = "http://127.0.0.1:9"  # the API is not asked
PHONES = ("7275550001", "7275550002", "7275550009")


@pytest.fixture
def sim() -> Iterator[vicidial.Simulator]:
    """A server with leads that somebody else has made."""
    with vicidial.serve() as server:
        with server.world.lock:
            for phone, key, first, status, comments in LEADS:
                server.world.insert_lead(
                    {
                        "phone_number": phone, "phone_code": "1", "list_id": "101", "vendor_lead_code": key,
                        "first_name": first, "last_name": "Lee", "status": status, "comments": comments,
                    }
                )  # fmt: skip
        yield server


@pytest.fixture
def tables(sim: vicidial.Simulator, vicidial_database: vicidial_tables.Tables) -> Iterator[vicidial_tables.Tables]:
    """The server's database with all columns that are asked for."""
    kept = ("vendor_lead_code", "first_name")
    added = [name for name in COLUMNS if name not in kept]
    change = "ALTER TABLE vicidial_list"
    vicidial_database.run(f"{change} {', '.join(f'ADD COLUMN IF NOT EXISTS {one} VARCHAR(255)' for one in added)}")
    with vicidial_tables.entered(vicidial_database) as found:
        with sim.world.lock:
            rows = [
                {"lead_id": one.lead_id, **{name: getattr(one, name) for name in COLUMNS}}
                for one in sim.world.leads.values()
            ]
        found.insert("vicidial_list", *rows)
        yield found


def asked(url: str, field: str, *values: str, **options: object) -> dict[str, list[records.Record]]:
    """What a connector with these options tells, leads in the order of their ids."""
    with site.connected(url, **options) as connector:
        found = connector.having("leads", field, values, FIELDS)
    return {value: sorted(leads, key=lambda lead: lead.id) for value, leads in found.items()}


def test_the_database_tells_what_the_api_tells(sim: vicidial.Simulator, tables: vicidial_tables.Tables) -> None:
    by_phone = asked(sim.url, "phone_number", *PHONES)
    assert {phone: [one.fields["first_name"] for one in found] for phone, found in by_phone.items()} == {
        "7275550001": ["Ann", "Bob"], "7275550002": ["Cat"],
    }  # fmt: skip
    ann, bob = by_phone["7275550001"]
    assert ann.fields["comments"] == "one\ntwo"
    assert "dnc" in (bob.fields["flags"] or "")
    by_key = asked(sim.url, "vendor_lead_code", "K1", "K2")
    assert [one.fields["first_name"] for one in by_key["K1"]] == ["Ann"], "neither k1 nor K1 with a blank"
    assert asked(NOBODY, "phone_number", *PHONES, database=tables.options) == by_phone
    assert asked(NOBODY, "vendor_lead_code", "K1", "K2", database=tables.options) == by_key


def test_a_key_is_planted_and_nothing_else_changes(sim: vicidial.Simulator) -> None:
    with site.connected(sim.url) as connector:
        found = connector.having("leads", "phone_number", [PHONES[0]], FIELDS)[PHONES[0]]
        [bob] = [one for one in found if one.fields["first_name"] == "Bob"]
        change = records.Change("update", site.key("K7"), bob.id, {}, plants=True)
        [outcome] = connector.write("leads", [change])
        assert (outcome.id, outcome.error) == (bob.id, None)
        [after] = connector.get("leads", [bob.id], FIELDS)
        assert after.fields == {**bob.fields, "vendor_lead_code": "K7", "source_id": site.MARKER}


def test_a_server_that_does_not_take_the_key_is_noticed_at_the_first_lead() -> None:
    def reply(form: Mapping[str, str]) -> site.Reply:
        if form["function"] == "update_lead":
            return 200, f"SUCCESS: update_lead LEAD HAS BEEN UPDATED - 6666|{form['lead_id']}|1|||\n"
        columns = dict.fromkeys(all_info.COLUMNS, "") | {"lead_id": form["lead_id"], "list_id": "101", "rank": "0"}
        columns |= {"called_count": "0", "entry_list_id": "0"}
        return 200, "|".join(all_info.COLUMNS) + "\n" + "|".join(columns.values()) + "\n"

    with site.answering(reply) as url, site.connected(url) as connector:
        [outcome] = connector.write("leads", [records.Change("update", site.key(), "7", {}, plants=True)])
    assert isinstance(outcome.error, errors.Rejected)
    assert "it has not taken the key" in str(outcome.error)


def test_without_the_grant_the_api_is_asked(
    sim: vicidial.Simulator, tables: vicidial_tables.Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    tables.run(f"REVOKE SELECT ON {tables.name}.vicidial_list FROM '{tables.user}'@'localhost'")  # noqa: S608
    assert asked(sim.url, "phone_number", *PHONES, database=tables.options) == asked(sim.url, "phone_number", *PHONES)
    assert "GRANT SELECT" in capsys.readouterr().out
