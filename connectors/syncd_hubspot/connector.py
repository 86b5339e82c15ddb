"""HubSpot as a CRM: people out; their changes, calls and callbacks back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel

from syncd.sdk import errors, protocol, records
from syncd_hubspot import example, schema
from syncd_hubspot import options as settings
from syncd_hubspot.api import Api, NotThere, Refused
from syncd_hubspot.checking import Checker
from syncd_hubspot.reading import Reader
from syncd_hubspot.writing import Writer


class HubspotConnector:
    """One portal; see `protocol.Connector`. Streams: "leads" (the configured object), "calls" and "tasks" (written)."""

    Options: ClassVar[type[BaseModel]] = settings.Options
    role: ClassVar[protocol.Role] = "crm"
    EXAMPLE: ClassVar[protocol.Example] = example.EXAMPLE

    def __init__(self, options: settings.Options, *, client: str) -> None:
        self.client = client
        self._options = options
        self._api = Api(options)
        self._schema = schema.Schema(self._api)
        self._reader = Reader(self._api, self._schema, options)
        self._writer = Writer(self._api, self._schema, options)
        self._checker = Checker(self._api, self._schema, options)

    @property
    def streams(self) -> Mapping[str, records.StreamSpec]:
        """Archived records come flagged, from a list of their own, at a slower pace."""
        lag = self._options.find_lag_seconds
        found = {
            "leads": records.StreamSpec(
                writable=True,
                batch_size=100,
                overlaps=((0.0, self._options.overlap_seconds),),
                deletes="flag",
                find_lag_seconds=lag,
            )
        }
        for kind, key in self._options.key_properties.items():
            found[kind] = records.StreamSpec(
                readable=False,
                writable=True,
                batch_size=100,
                find_lag_seconds=lag,
                upserts=True,
                key_field=key,
            )
        return found

    def clock(self) -> datetime:
        """The portal's time, in whole seconds. Raises AuthFailed, RetryLater."""
        return self._api.account().now

    def check(self) -> list[errors.Problem]:
        """See `protocol.Connector.check`."""
        return self._checker.run()

    def budget(self) -> protocol.Budget | None:
        """See `protocol.TellsBudget`."""
        return self._api.budget()

    def missing(self) -> list[protocol.Step]:
        """See `protocol.SetsUp`."""
        return self._checker.missing()

    def set_up(self, step: protocol.Step) -> None:
        """See `protocol.SetsUp`."""
        self._checker.set_up(step)

    def fields(self, stream: str) -> Mapping[str, records.FieldInfo]:
        """The properties of the stream's object."""
        return {**self._schema.fields(self._kind(stream)), **schema.PSEUDO.get(stream, {})}

    def check_values(self, stream: str, values: Mapping[str, Collection[str]]) -> list[errors.Problem]:
        """Whether the fixed owners and dispositions of a mapping are there."""
        kind = self._kind(stream)
        found: list[errors.Problem] = []
        for name in sorted(values.keys() & {"hubspot_owner_id", "hs_call_disposition"}):
            for value in values[name]:
                try:
                    self._schema.stored(kind, name, value)
                except errors.Rejected:
                    found.append(errors.Problem(f"the portal has no {value!r}", name, "name one that it has"))
        return found

    def pull(
        self, stream: str, since: records.Cursor | None, until: datetime, fields: Sequence[str]
    ) -> Iterator[records.Page]:
        """The people changed since; all by list where `since` is None."""
        if stream != "leads":
            raise errors.ContractViolation(f"stream {stream!r} of HubSpot cannot be pulled")
        return self._pull(since, until, fields)

    def _pull(self, since: records.Cursor | None, until: datetime, fields: Sequence[str]) -> Iterator[records.Page]:
        try:
            yield from self._reader.pull(since, until, fields)
        except (Refused, NotThere):
            # a paging cursor that died, or an object that went away: the next run starts from the checkpoint
            raise errors.RetryLater("HubSpot refuses to read on; if it stays so see `syncd config check`") from None

    def get(self, stream: str, ids: Sequence[str], fields: Sequence[str] = ()) -> list[records.Record]:
        """The records of these ids that exist."""
        if stream == "leads":
            return self._reader.get(ids, fields)
        return self._reader.activities(stream, ids, self._names(stream, fields), None)

    def find(self, stream: str, key: records.SyncKey, near: records.Fields) -> list[records.Record]:
        """The call or task of that key; people are never created, so none carries a key."""
        name = self._options.key_properties.get(stream)
        return [] if name is None else self._reader.activities(stream, [key.value], self._names(stream, ()), name)

    def unlistable(self, stream: str, fields: Sequence[str]) -> str:
        """See `protocol.Lists`: calls and tasks are listed, in HubSpot's own order."""
        return "" if self.streams[stream].key_field else f"{stream} of HubSpot are not listed"

    def listed(self, stream: str, fields: Sequence[str], after: str, limit: int) -> protocol.Listing:
        """Calls or tasks that have a key, a page of the list; HubSpot decides how long it is."""
        del limit
        key = self.streams[stream].key_field
        if key is None:
            raise errors.ContractViolation(f"stream {stream!r} of HubSpot cannot be listed")
        try:
            return self._reader.listed(stream, self._names(stream, fields), key, after)
        except (Refused, NotThere):
            raise errors.RetryLater(f"HubSpot refuses to list {stream}; see `syncd config check`") from None

    def _kind(self, stream: str) -> str:
        return self._options.object if stream == "leads" else stream

    def _names(self, stream: str, fields: Sequence[str]) -> list[str]:
        known = self._schema.properties(stream)
        return [name for name in fields if name in known] or list(known)

    def write(self, stream: str, changes: Sequence[records.Change]) -> Sequence[records.Outcome]:
        """Apply the changes; one outcome per change, in order."""
        return self._writer.leads(changes) if stream == "leads" else self._writer.activities(stream, changes)

    def canonical(self, stream: str, fields: records.Fields) -> dict[str, str | None]:
        """What will be read back of these fields. An owner or disposition that is not there stays as it is: the write
        says what is wrong with it."""
        kind = self._kind(stream)
        found: dict[str, str | None] = {}
        for name, value in fields.items():
            try:
                found[name] = self._schema.stored(kind, name, value)
            except errors.Rejected:
                found[name] = value
        return found

    def close(self) -> None:
        """Release connections."""
        self._api.close()
