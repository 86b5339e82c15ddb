"""What the customer says about the database: address, the leads table, the calls table, limits."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

Deletes = Literal["flag", "vanish", "none"]
Unit = Literal["seconds", "milliseconds", "microseconds"]

DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}


def engine_url(text: str) -> URL:
    """Given the customer's URL, return it with the driver that syncd ships; raise ValueError, which never quotes it."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("not a database URL; write it like postgresql://user:password@host:5432/database") from None
    database, _, driver = url.drivername.partition("+")
    shipped = DRIVERS.get(database)
    if shipped is None or driver not in ("", shipped.partition("+")[2]):
        raise ValueError(f"no driver for {url.drivername!r}; use sqlite, postgresql or mysql (also for MariaDB)")
    if database == "sqlite" and (not url.database or url.database == ":memory:" or url.query):
        raise ValueError("SQLite needs the path of a file and nothing else: sqlite:////var/lib/crm/crm.db")
    if database != "sqlite" and not url.database:
        raise ValueError("the URL names no database; add it after the host: …/database")
    return url.set(drivername=shipped)


def _checked_url(url: SecretStr) -> SecretStr:
    engine_url(url.get_secret_value())
    return url


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r}; use a name like Europe/Berlin") from None
    return name


Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class _Part(BaseModel):
    # A refused value could be a part of the URL, and that holds a password.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class LeadsOptions(_Part):
    """The table or view whose rows are leads."""

    table: Name = Field(description="Table or view to read, as table or schema.table.")
    id: Name = Field(description="Column that names a row for ever; unique and never NULL.")
    modified: Name = Field(
        description="Column with the time of a row's last change: a date and time, a number since 1970 "
        "(see modified_unit), or text like 2026-11-20 10:00:00 or 2026-11-20T10:00:00.5Z. Index it with the id."
    )
    modified_unit: Unit | None = Field(
        default=None,
        description="What a number in `modified` counts since 1970. Integer and decimal columns: seconds by default. "
        "Say it as well for a SQLite column that is declared otherwise but holds numbers.",
    )
    deleted: Name | None = Field(
        default=None, description="Column that marks a row as deleted: true, 1, or a time stamp that is not NULL."
    )
    deletes: Deletes | None = Field(
        default=None,
        description="How a deletion shows: flag (the column `deleted`), vanish (the row is gone), none. "
        "Default: flag with `deleted`, else none.",
    )
    write_table: Name | None = Field(
        default=None,
        description="Table for write-back where `table` is a view; it has the same id column. Default: `table`.",
    )

    @model_validator(mode="after")
    def _flag_has_a_column(self) -> LeadsOptions:
        if self.deletes == "flag" and self.deleted is None:
            raise ValueError("deletes: flag needs `deleted`, the column with the flag")
        return self

    @property
    def deletes_by(self) -> Deletes:
        """How deletions show, the default worked out."""
        return self.deletes or ("flag" if self.deleted else "none")

    @property
    def target(self) -> str:
        """The table that write-back changes."""
        return self.write_table or self.table


class CallsOptions(_Part):
    """The table that gets a row for each call."""

    table: Name = Field(description="Table to write, as table or schema.table.")
    key: Name = Field(description="Text column, 20 characters or more, for the call's key; should be unique.")


class TasksOptions(_Part):
    """The table that gets a row for each callback."""

    table: Name = Field(description="Table to write, as table or schema.table.")
    key: Name = Field(description="Text column, 20 characters or more, for the callback's key; should be unique.")


class SqlOptions(_Part):
    """A table or view in SQLite, PostgreSQL, MySQL or MariaDB as a CRM."""

    url: Annotated[SecretStr, AfterValidator(_checked_url)] = Field(
        description="SQLAlchemy URL: sqlite:////path/crm.db, postgresql://user:password@host/database or "
        "mysql://user:password@host/database (also for MariaDB)."
    )
    leads: LeadsOptions = Field(description="The table or view whose rows are leads.")
    calls: CallsOptions | None = Field(default=None, description="The table that gets a row for each call.")
    tasks: TasksOptions | None = Field(default=None, description="The table that gets a row for each callback.")
    time_zone: Annotated[str, AfterValidator(_checked_zone)] = Field(
        default="UTC", description="Zone of date-and-time columns and text stamps that carry no zone themselves."
    )
    overlap_seconds: float = Field(
        default=600.0, ge=0, description="How far each run reads back, for changes that were committed late."
    )
    page_size: int = Field(default=500, ge=1, le=10_000, description="Rows read at a time.")
    statement_seconds: float = Field(
        default=30.0, ge=1, le=3600, description="Time-out of one SQL statement; locks are waited for half as long."
    )

    @cached_property
    def engine_url(self) -> URL:
        """The URL with its driver; it holds the password."""
        return engine_url(self.url.get_secret_value())

    @cached_property
    def zone(self) -> ZoneInfo:
        """`time_zone` as a zone."""
        return ZoneInfo(self.time_zone)
