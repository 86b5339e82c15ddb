"""The connector itself: the streams of a SQL database, and what each call of the protocol comes down to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import ClassVar

from pydantic import BaseModel

from syncd.sdk import errors, protocol
from syncd.sdk.records import Change, Cursor, FieldInfo, Fields, Outcome, Page, Record, StreamSpec, SyncKey
from syncd_sql import catalog, checking, example, reading, stamps, tables, values, writing
from syncd_sql.database import Database
from syncd_sql.options import CallsOptions, SqlOptions, TasksOptions

BATCH_SIZE = 200


class SqlConnector:
    """A SQL database as a CRM: `leads` are rows that are read and updated, `calls` and `tasks` are written.

    It never creates, changes or drops a table, and inserts into none but the tables of calls and tasks.
    """

    Options: ClassVar[type[BaseModel]] = SqlOptions
    role: ClassVar[protocol.Role] = "crm"
    EXAMPLE: ClassVar[protocol.Example] = example.EXAMPLE

    def __init__(self, options: SqlOptions, *, client: str) -> None:
        self.client = client
        self._options = options
        self._database = Database(options.engine_url, statement_seconds=options.statement_seconds)
        self._tables: dict[str, tables.Table] = {}
        self._unique: dict[str, bool] = {}  # stream → whether its key is

    @cached_property
    def streams(self) -> Mapping[str, StreamSpec]:
        """`leads`, and `calls` and `tasks` where a table of them is configured.

        A statement whose client gave up may still be applied until the server's own time-out; that is the find lag.
        Calls and tasks are upserts on every table: where no index keeps the key unique, writers take turns by a
        lock."""
        lag = self._database.timeout_seconds
        found = {
            "leads": StreamSpec(
                readable=True,
                writable=True,
                batch_size=BATCH_SIZE,
                overlaps=((0.0, self._options.overlap_seconds),),
                deletes=self._options.leads.deletes_by,
                find_lag_seconds=lag,
            )
        }
        for stream, options in (("calls", self._options.calls), ("tasks", self._options.tasks)):
            if options is not None:
                found[stream] = StreamSpec(
                    readable=False,
                    writable=True,
                    batch_size=BATCH_SIZE,
                    find_lag_seconds=lag,
                    upserts=True,
                    key_field=options.key,
                )
        return found

    def clock(self) -> datetime:
        """The database's own time; for SQLite that of this process. Raises AuthFailed, RetryLater."""
        return self._database.clock()

    def check(self) -> list[errors.Problem]:
        """What would keep this connector from working, and what would make it slow or blind; changes nothing."""
        return checking.check(self._database, self._options)

    def pull(self, stream: str, since: Cursor | None, until: datetime, fields: Sequence[str]) -> Iterator[Page]:
        """See `reading.Pages.read`. Raises AuthFailed, RetryLater; UserError for a table or column that is missing."""
        if stream != "leads":
            raise errors.UserError(f"the stream {stream} of a SQL database cannot be read")
        table, shape, codec = self._leads(fields)
        size, zone = self._options.page_size, self._options.zone
        yield from reading.Pages(self._database, table, shape, codec, size, zone).read(since, until)

    def get(self, stream: str, ids: Sequence[str], fields: Sequence[str] = ()) -> list[Record]:
        """The records of these ids that exist; a lead also tells when it was changed and whether it is deleted.
        Raises AuthFailed, RetryLater, UserError."""
        if not ids:
            return []
        if stream == "leads":
            table, shape, _ = self._leads(fields)
        else:
            written = self._written(stream)
            table = self._table(written.table, [written.key, *fields])
            shape = reading.shape_of(table, written.key, fields, self._options.zone)
        return reading.by_ids(self._database, table, shape, ids)

    def find(self, stream: str, key: SyncKey, near: Fields) -> list[Record]:
        """The calls or tasks with that key, with all fields that may be read. Leads are never created here, so none
        carries a key. Raises AuthFailed, RetryLater, UserError."""
        del near  # the key itself is the way in
        if stream == "leads":
            return []
        written = self._written(stream)
        table = self._table(written.table, [written.key])
        names = [column.name for column in table.columns.values() if "SELECT" in column.privileges]
        shape = reading.shape_of(table, written.key, names, self._options.zone)
        return reading.by_ids(self._database, table, shape, [key.value])

    def unlistable(self, stream: str, fields: Sequence[str]) -> str:
        """See `protocol.Lists`: all streams can be gone through, leads by their id, others by their key."""
        return ""

    def listed(self, stream: str, fields: Sequence[str], after: str, limit: int) -> protocol.Listing:
        """Rows in the order of their ids or keys. Raises AuthFailed, RetryLater, UserError."""
        if stream == "leads":
            table, shape, _ = self._leads(fields)
        else:
            written = self._written(stream)
            table = self._table(written.table, [written.key, *fields])
            shape = reading.shape_of(table, written.key, fields, self._options.zone)
        found = reading.behind(self._database, table, shape, after, limit)
        return protocol.Listing(found, found[-1].id if len(found) == limit else None)

    def write(self, stream: str, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Update leads, or write calls by their key; each change stands alone. Raises LeaseLost."""
        if not changes:
            return []
        names = {name for change in changes for name in change.fields}
        try:
            target = self._target(stream, sorted(names))
            if stream == "leads":
                return writing.leads(target, changes)
            return writing.calls(target, changes, unique=self._key_is_unique(stream, target.table))
        except (errors.AuthFailed, errors.RetryLater) as error:  # nothing has been sent
            return [Outcome(error=error)] * len(changes)
        except errors.UserError as error:
            return [Outcome(error=errors.Rejected(error.problems))] * len(changes)

    def canonical(self, stream: str, fields: Fields) -> dict[str, str | None]:
        """The fields as the database will hold them: rounded, cut to whole seconds, spelled its way. What it will
        refuse stays as it is. Raises AuthFailed, RetryLater, UserError."""
        table = self._target(stream, list(fields)).table
        found = dict(fields)
        for name, text in fields.items():
            if text is not None and name in table.columns:
                try:
                    found[name] = values.canonical(table.columns[name], text, self._options.zone)
                except ValueError:
                    continue  # the write says what is wrong with it
        return found

    def fields(self, stream: str) -> Mapping[str, FieldInfo]:
        """The columns of the stream's table with their types. Raises AuthFailed, RetryLater, UserError."""
        leads = self._options.leads
        if stream != "leads":
            return {
                column.name: FieldInfo(column.word)
                for column in self._table(self._written(stream).table).columns.values()
            }
        writable = self._table(leads.target).columns
        return {
            column.name: FieldInfo(column.word, writable=column.name in writable)
            for column in self._table(leads.table).columns.values()
        }

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def _leads(self, fields: Sequence[str]) -> tuple[tables.Table, reading.Shape, stamps.Stamps]:
        """The leads table, its rows with these fields, and its stamps."""
        options = self._options.leads
        table = self._table(options.table, [options.id, options.modified, *fields])
        codec = checking.codec(self._database, table, self._options)
        return table, reading.leads_shape(table, options, fields, codec, self._options.zone), codec

    def _written(self, stream: str) -> CallsOptions | TasksOptions:
        """The table of a stream that is only written."""
        options = self._options.calls if stream == "calls" else self._options.tasks if stream == "tasks" else None
        if options is None:
            what = f"no table of {stream} is configured"
            raise errors.UserError([errors.Problem(what, fix=f"add `{stream}: {{table, key}}`")])
        return options

    def _target(self, stream: str, names: Sequence[str]) -> writing.Target:
        if stream == "leads":
            table, identity = self._options.leads.target, self._options.leads.id
        else:
            written = self._written(stream)
            table, identity = written.table, written.key
        return writing.Target(self._database, self._table(table, [identity, *names]), identity, self._options.zone)

    def _table(self, name: str, needed: Sequence[str] = ()) -> tables.Table:
        """The table as the catalogue has it; asked again when it lacks a needed column, which may be a new one."""
        found = self._tables.get(name)
        if found is None or any(column not in found.columns for column in needed):
            with self._database.reading(name) as connection:
                found = self._tables[name] = catalog.table(connection, name)
        return found

    def _key_is_unique(self, stream: str, table: tables.Table) -> bool:
        if stream not in self._unique:
            with self._database.reading(table.name) as connection:
                indexes = catalog.indexes(connection, table.name)
            self._unique[stream] = checking.is_unique(indexes, self._written(stream).key)
        return self._unique[stream]
