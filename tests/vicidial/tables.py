"""VICIdial's own database for the tests: a MariaDB with the columns that syncd reads, filled from a simulator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pymysql
import sqlalchemy as sa

from syncd.simulators.vicidial import rows
from syncd.simulators.vicidial.world import World
from syncd_vicidial import VicidialConnector
from tests.vicidial import site

# MyISAM, as VICIdial makes them; names and types of the columns as in trunk 3884.
_LOG = """
    lead_id INT UNSIGNED NOT NULL, list_id BIGINT UNSIGNED, campaign_id VARCHAR(20), call_date DATETIME,
    start_epoch INT UNSIGNED, length_in_sec INT, status VARCHAR(6), phone_number VARCHAR(18), user VARCHAR(20),
    term_reason VARCHAR(16), called_count SMALLINT UNSIGNED, INDEX (call_date)) ENGINE=MyISAM
"""
_FLAGS = (
    "human_answered", "sale", "dnc", "customer_contact", "not_interested", "unworkable", "scheduled_callback",
    "completed", "answering_machine",
)  # fmt: skip
_YES_NO = ", ".join(f"{name} ENUM('Y','N') DEFAULT 'N'" for name in _FLAGS)
_OUT = f"(uniqueid VARCHAR(20) NOT NULL PRIMARY KEY, {_LOG}"
_IN = f"(closecallid INT UNSIGNED NOT NULL PRIMARY KEY, uniqueid VARCHAR(20) NOT NULL DEFAULT '', {_LOG}"
_LEADS = (
    "lead_id INT UNSIGNED NOT NULL PRIMARY KEY, vendor_lead_code VARCHAR(20), source_id VARCHAR(50), "
    "status VARCHAR(6), list_id BIGINT UNSIGNED, phone_code VARCHAR(10), phone_number VARCHAR(18), "
    "first_name VARCHAR(30)"
)
_OF_LEADS = (
    "lead_id", "vendor_lead_code", "source_id", "status", "list_id", "phone_code", "phone_number", "first_name",
)  # fmt: skip
_TABLES = (
    f"CREATE TABLE vicidial_log {_OUT}",
    f"CREATE TABLE vicidial_log_archive {_OUT}",
    f"CREATE TABLE vicidial_closer_log {_IN}",
    f"CREATE TABLE vicidial_closer_log_archive {_IN}",
    f"CREATE TABLE vicidial_list ({_LEADS}) ENGINE=MyISAM",
    f"CREATE TABLE vicidial_statuses (status VARCHAR(6) NOT NULL PRIMARY KEY, {_YES_NO}) ENGINE=MyISAM",
    f"CREATE TABLE vicidial_campaign_statuses (status VARCHAR(6), campaign_id VARCHAR(20), {_YES_NO}) ENGINE=MyISAM",
)
LOGS = ("vicidial_log", "vicidial_closer_log")
ARCHIVES = ("vicidial_log_archive", "vicidial_closer_log_archive")
READ = (*LOGS, *ARCHIVES, "vicidial_list", "vicidial_statuses", "vicidial_campaign_statuses")


@dataclass
class Tables:
    """One database, entered by its owner, and the user that syncd has there."""

    name: str
    socket: str
    user: str

    @property
    def options(self) -> dict[str, Any]:
        """`database:` of the connector."""
        return {"socket": self.socket, "name": self.name, "user": self.user, "password": f"pw-{self.user}"}

    def connection(self) -> pymysql.Connection[Any]:
        """Another session of the owner."""
        where: dict[str, Any] = {"unix_socket": self.socket, "ssl_disabled": True}
        return pymysql.connect(user="root", database=self.name, autocommit=True, **where)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements; return the rows of the last one."""
        with self.connection() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def insert(self, table: str, *given: Mapping[str, object]) -> None:
        """Insert rows of the same columns."""
        with self.connection() as connection:
            _insert(connection, table, given)

    def grant(self, *tables: str) -> None:
        """Let syncd's user read these tables."""
        for table in tables:
            self.run(f"GRANT SELECT ON {self.name}.{table} TO '{self.user}'@'localhost'")

    def statuses(self, flags: Mapping[str, str], campaign: str = "") -> None:
        """Define statuses by their flags, system-wide or in a campaign."""
        for status, said in flags.items():
            row = {"status": status, **{name: "NY"[name in said.split()] for name in _FLAGS}}
            if campaign:
                self.insert("vicidial_campaign_statuses", {"campaign_id": campaign, **row})
            else:
                self.insert("vicidial_statuses", row)

    def hold(self, world: World, epochs: Mapping[tuple[str, str], int] | None = None) -> None:
        """Hold what the world of a simulator holds. `epochs`: (uniqueid, call_date) → start_epoch, else NULL."""
        leads = [{name: getattr(one, name) for name in _OF_LEADS} for one in world.leads.values()]
        with self.connection() as connection:
            for table in (*LOGS, *ARCHIVES, "vicidial_list"):
                connection.query(f"DELETE FROM {table}")  # noqa: S608 – our own names
            _insert(connection, "vicidial_list", leads)
            for calls, suffix in ((list(world.all_calls()), ""), (world.archived, "_archive")):
                for name, found in _by_table(calls, epochs or {}).items():
                    _insert(connection, name + suffix, found)


def _insert(connection: pymysql.Connection[Any], table: str, given: Sequence[Mapping[str, object]]) -> None:
    if given:
        names = ", ".join(given[0])
        marks = ", ".join(["%s"] * len(given[0]))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 – our own names
        with connection.cursor() as cursor:
            cursor.executemany(statement, [[*row.values()] for row in given])


def _by_table(calls: Iterable[rows.Call], epochs: Mapping[tuple[str, str], int]) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {name: [] for name in LOGS}
    for call in calls:
        row: dict[str, object] = {
            "uniqueid": call.uniqueid,
            "lead_id": call.lead_id,
            "list_id": call.list_id or None,
            "campaign_id": call.campaign_id,
            "call_date": call.call_date,
            "start_epoch": epochs.get((call.uniqueid, call.call_date)),
            "length_in_sec": call.length_in_sec,
            "status": call.status,
            "phone_number": call.phone_number,
            "user": call.user,
            "term_reason": call.term_reason,
            "called_count": call.called_count,
        }
        found[LOGS[bool(call.closecallid)]].append(
            row | ({"closecallid": call.closecallid} if call.closecallid else {})
        )
    return found


@contextmanager
def made(dsn: str) -> Iterator[Tables]:
    """VICIdial's tables in this database; its user is nobody yet."""
    url = sa.make_url(dsn)
    found = Tables(str(url.database), str(url.query["unix_socket"]), "nobody")
    found.run(*_TABLES)
    yield found


@contextmanager
def entered(tables: Tables, granted: tuple[str, ...] = READ) -> Iterator[Tables]:
    """These tables, emptied, with a user of its own that may read those named."""
    found = replace(tables, user=f"u{uuid4().hex[:12]}")
    found.run(*(f"DELETE FROM {table}" for table in READ))  # noqa: S608 – our own names
    found.run(f"CREATE USER '{found.user}'@'localhost' IDENTIFIED BY 'pw-{found.user}'")
    found.grant(*granted)
    try:
        yield found
    finally:
        found.run(f"DROP USER '{found.user}'@'localhost'")


@contextmanager
def connected(url: str, tables: Tables, **options: Any) -> Iterator[VicidialConnector]:
    """A connector that reads calls from the tables."""
    database = {**tables.options, **options.pop("database", {})}
    with site.connected(url, **{"call_source": "sql", "database": database, **options}) as connector:
        yield connector
