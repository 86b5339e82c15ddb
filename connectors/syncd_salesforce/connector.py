"""The connector itself: the streams of a Salesforce org, and what each call of the protocol comes down to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel

from syncd.sdk import errors, protocol
from syncd.sdk.records import Change, Cursor, FieldInfo, Fields, Outcome, Page, Record, StreamSpec, SyncKey
from syncd_salesforce import budget, checking, example, objects, tasks
from syncd_salesforce.api import Api
from syncd_salesforce.options import SalesforceOptions
from syncd_salesforce.reading import Reader
from syncd_salesforce.writing import ROWS, Writer


class SalesforceConnector:
    """A Salesforce org as a CRM: `leads` are records that are read and updated, `calls` and `tasks` (callbacks) are
    Tasks."""

    Options: ClassVar[type[BaseModel]] = SalesforceOptions
    role: ClassVar[protocol.Role] = "crm"
    EXAMPLE: ClassVar[protocol.Example] = example.EXAMPLE

    def __init__(self, options: SalesforceOptions, *, client: str) -> None:
        self.client = client
        self._options = options
        self._api = Api(options)
        self._objects = objects.Objects(self._api, options.time_zone)
        self._reader = Reader(self._api, self._objects, options)
        self._tasks = tasks.Tasks(self._reader, self._objects, options)
        self._writer = Writer(self._api, self._objects, self._reader, options)

    @property
    def streams(self) -> Mapping[str, StreamSpec]:
        """`leads`, `calls` and `tasks`; the latter two are upserts where an external id field is configured."""
        found = {
            "leads": StreamSpec(
                writable=True, batch_size=ROWS, overlaps=((0.0, self._options.overlap_seconds),), deletes="flag"
            )
        }
        for stream in ("calls", "tasks"):
            found[stream] = StreamSpec(
                readable=False,
                writable=True,
                batch_size=ROWS,
                upserts=self._options.external_id(stream) is not None,
                key_field=self._options.key_field(stream),
            )
        return found

    def clock(self) -> datetime:
        """The server's time. Raises RetryLater."""
        return self._api.clock()

    def budget(self) -> protocol.Budget | None:
        """See `protocol.TellsBudget`."""
        return self._api.budget.told()

    def check(self) -> list[errors.Problem]:
        """What would keep this connector from working; changes nothing."""
        return checking.run(self._api, self._objects, self._reader, self._options)

    def check_values(self, stream: str, values: Mapping[str, Collection[str]]) -> list[errors.Problem]:
        """Fixed values that Salesforce would refuse."""
        return checking.values(self._objects, self._writer, self._object(stream), values)

    def pull(self, stream: str, since: Cursor | None, until: datetime, fields: Sequence[str]) -> Iterator[Page]:
        """See `reading.Reader.pull`."""
        if stream != "leads":
            raise errors.UserError(f"the stream {stream} of Salesforce cannot be read")
        yield from self._reader.pull(since, until, fields)

    def get(self, stream: str, ids: Sequence[str], fields: Sequence[str] = ()) -> list[Record]:
        """See `reading.Reader.get`; Tasks by id. It may use the reserve: what is urgent is looked at before it is
        written."""
        with budget.urgent():
            if stream == "leads":
                return self._reader.get(ids, fields)
            return self._tasks.get(stream, ids, fields)

    def find(self, stream: str, key: SyncKey, near: Fields) -> list[Record]:
        """The Tasks with that key. Leads are never created here, so none carries a key."""
        del near  # the key itself is the way in
        return [] if stream == "leads" else self._tasks.find(stream, key.value)

    def unlistable(self, stream: str, fields: Sequence[str]) -> str:
        """See `protocol.Lists`: Tasks with a key are gone through by their ids."""
        return f"{stream} of Salesforce are not listed" if stream == "leads" else ""

    def listed(self, stream: str, fields: Sequence[str], after: str, limit: int) -> protocol.Listing:
        """Tasks of calls or callbacks that have a key, in the order of their ids."""
        return self._tasks.listed(stream, fields, after, limit)

    def write(self, stream: str, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Update leads, or write calls or tasks; one outcome per change, in order. Raises LeaseLost."""
        return self._writer.leads(changes) if stream == "leads" else self._writer.tasks(stream, changes)

    def canonical(self, stream: str, fields: Fields) -> dict[str, str | None]:
        """The fields as Salesforce will hold them; what it will refuse stays as it is."""
        known = self._objects.fields(self._object(stream))
        found = dict(fields)
        for name, text in fields.items():
            if name in known:
                try:
                    found[name] = self._writer.user(text) if name == "OwnerId" and text else known[name].stored(text)
                except ValueError:
                    continue  # the write says what is wrong with it
        return found

    def fields(self, stream: str) -> Mapping[str, FieldInfo]:
        """The object's fields. Raises AuthFailed, RetryLater, UserError."""
        return {name: field.info for name, field in self._objects.fields(self._object(stream)).items()}

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def _object(self, stream: str) -> str:
        return self._options.object if stream == "leads" else "Task"
