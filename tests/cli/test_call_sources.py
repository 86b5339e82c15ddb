"""Where calls are read, as the operator sees it: the same calls from each source, archives, refusals, statuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli import shop as shops
from tests.services import mariadb
from tests.vicidial import site
from tests.vicidial import tables as vicidial_tables
from tests.vicidial.tables import Tables


@pytest.fixture(scope="module")
def vicidial_database(mariadb_server: mariadb.Server) -> Iterator[Tables]:
    """A database with VICIdial's tables."""
    with mariadb_server.database() as dsn, vicidial_tables.made(dsn) as found:
        yield found


@pytest.fixture
def tables(vicidial_database: Tables) -> Iterator[Tables]:
    """VICIdial's own database, and syncd's user there."""
    with vicidial_tables.entered(vicidial_database) as found:
        yield found


def configure(shop: shops.Shop, *, start: str = "all", **dialer: object) -> None:
    """Configure calls, and these options of VICIdial."""
    settings = shop.settings()
    acme = settings["clients"]["acme"]
    acme["dialer"] |= {"time_zone": "Etc/GMT+5", **dialer}
    acme["pipelines"]["calls"]["start"] = start
    del acme["pipelines"]["dispositions"]
    shop.write(settings)


def wall(moment: datetime) -> str:
    return f"{moment - timedelta(hours=5):%Y-%m-%d %H:%M:%S}"


def called(shop: shops.Shop, lead_key: str, status: str, **more: object) -> dict[str, Any]:
    """An agent has called a lead."""
    [lead_id] = [lead["lead_id"] for lead in site.leads(shop.sim.url) if lead["vendor_lead_code"] == lead_key]
    return site.door(shop.sim.url, "call", lead_id=lead_id, user="1001", status=status, length_in_sec=30, **more)


def statuses(shop: shops.Shop) -> list[tuple[int, str]]:
    return [(int(person), str(status)) for person, status in shop.crm("SELECT person, status FROM calls ORDER BY 1, 2")]


def once(shop: shops.Shop) -> shops.Ran:
    return shop.syncd("run", "--once", "--json")


def test_the_source_can_be_changed_and_every_call_stays_the_one_it_was(shop: shops.Shop, tables: Tables) -> None:
    configure(shop)
    shop.people(2)
    assert once(shop).code == 0
    for status in ("SALE", "NI"):
        called(shop, "1", status)
    called(shop, "2", "DROP", in_group="SALESLINE")
    assert once(shop).code == 0
    assert statuses(shop) == [(1, "NI"), (1, "SALE"), (2, "DROP")]
    events = shop.query("SELECT count(*) FROM event")

    tables.hold(shop.sim.world)
    configure(shop, call_source="sql", database=tables.options)
    checked = shop.syncd("config", "check")
    assert checked.code == 0, checked.err
    assert once(shop).code == 0
    assert shop.query("SELECT count(*) FROM event") == events, "nothing was sent or corrected"
    called(shop, "2", "SALE")
    tables.hold(shop.sim.world)
    assert once(shop).code == 0
    assert statuses(shop) == [(1, "NI"), (1, "SALE"), (2, "DROP"), (2, "SALE")]


def test_a_backfill_finds_calls_that_have_been_moved_to_the_archive_tables(shop: shops.Shop, tables: Tables) -> None:
    configure(shop, start="now")
    shop.people(2)
    assert once(shop).code == 0
    now = datetime.now(UTC)
    for days in (6, 3):
        called(shop, "1", "SALE", call_date=wall(now - timedelta(days=days)))
    called(shop, "2", "NI", call_date=wall(now - timedelta(days=2)))
    site.door(shop.sim.url, "archive", before=wall(now - timedelta(days=2, hours=12)))
    ran = shop.syncd("backfill", "acme", "calls", "--since", "4d", "--json")
    assert ran.code == 0, ran.err
    assert statuses(shop) == [(1, "SALE"), (2, "NI")]
    tables.hold(shop.sim.world)
    configure(shop, start="now", call_source="sql", database=tables.options)
    ran = shop.syncd("backfill", "acme", "calls", "--since", "7d", "--json")
    assert ran.code == 0, ran.err
    assert statuses(shop) == [(1, "SALE"), (1, "SALE"), (2, "NI")]


def test_a_database_user_that_could_write_is_refused_by_check_and_by_a_run(shop: shops.Shop, tables: Tables) -> None:
    tables.run(f"GRANT INSERT ON {tables.name}.vicidial_list TO '{tables.user}'@'localhost'")
    configure(shop, call_source="sql", database=tables.options)
    checked = shop.syncd("config", "check")
    assert checked.code == 2
    [line] = [line for line in checked.err.splitlines() if "may do more than read" in line]
    assert f"INSERT ON `{tables.name}`.`vicidial_list`" in line
    assert "clients.acme.dialer.database" in line
    ran = once(shop)
    assert ran.code == 2
    assert "may do more than read" in ran.out
    assert f"pw-{tables.user}" not in checked.err + checked.out + ran.err + ran.out

    tables.run(f"REVOKE INSERT ON {tables.name}.vicidial_list FROM '{tables.user}'@'localhost'")
    assert shop.syncd("config", "check").code == 0


def test_a_status_that_nobody_has_explained_is_held_until_the_configuration_says_what_it_means(
    shop: shops.Shop, tables: Tables
) -> None:
    tables.statuses({"NI": "not_interested"})
    given: dict[str, Any] = {"call_source": "sql", "database": tables.options, "unknown_status": "hold"}
    configure(shop, **given)
    shop.people(1)
    assert once(shop).code == 0
    called(shop, "1", "HOT")
    tables.hold(shop.sim.world)
    assert "'HOT'" in shop.syncd("config", "check").err
    ran = once(shop)
    assert ran.code == 1
    assert ran.err.count("status_unknown") == 1
    [held] = shop.syncd("held", "list", "--json").json()
    assert held["reason"] == "unknown_status"
    configure(shop, **given, status_flags={"HOT": {"TESTCAMP": "sale"}})
    assert shop.syncd("held", "retry", "--all", "acme", "calls").code == 0
    assert once(shop).code == 0
    assert statuses(shop) == [(1, "HOT")]
