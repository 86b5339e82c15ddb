"""HubSpot as a CRM: people out, their changes and their calls back."""

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
    """One portal; see `protocol.Connector`. Streams: "leads" (the configured object), "calls" (written)."""

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
        if self._options.calls is not None:
            found["calls"] = records.StreamSpec(
                readable=False,
                writable=True,
                batch_size=100,
                find_lag_seconds=lag,
                upserts=True,
                key_field=self._options.calls.key_property,
            )
        return found

    def clock(self) -> datetime:
        """The portal's time, in whole seconds. Raises AuthFailed, RetryLater."""
        return self._api.account().now

    def check(self) -> list[errors.Problem]:
        """See `protocol.Connector.check`."""
        return self._checker.run()

    def missing(self) -> list[protocol.Step]:
        """See `protocol.SetsUp`."""
        return self._checker.missing()

    def set_up(self, step: protocol.Step) -> None:
        """See `protocol.SetsUp`."""
        self._checker.set_up(step)

    def fields(self, stream: str) -> Mapping[str, records.FieldInfo]:
        """The properties of the stream's object."""
        if stream == "calls":
            return {**self._schema.fields("calls"), **schema.PSEUDO}
        return self._schema.fields(self._options.object)

    def check_values(self, stream: str, values: Mapping[str, Collection[str]]) -> list[errors.Problem]:
        """Whether the fixed owners and dispositions of a mapping are there."""
        kind = "calls" if stream == "calls" else self._options.object
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
        if stream == "calls":
            return self._reader.calls(ids, self._call_names(fields), None)
        return self._reader.get(ids, fields)

    def find(self, stream: str, key: records.SyncKey, near: records.Fields) -> list[records.Record]:
        """The call of that key; people are never created, so none carries a key."""
        if stream != "calls" or self._options.calls is None:
            return []
        return self._reader.calls([key.value], self._call_names(()), self._options.calls.key_property)

    def _call_names(self, fields: Sequence[str]) -> list[str]:
        known = self._schema.properties("calls")
        return [name for name in fields if name in known] or list(known)

    def write(self, stream: str, changes: Sequence[records.Change]) -> Sequence[records.Outcome]:
        """Apply the changes; one outcome per change, in order."""
        return self._writer.calls(changes) if stream == "calls" else self._writer.leads(changes)

    def canonical(self, stream: str, fields: records.Fields) -> dict[str, str | None]:
        """What will be read back of these fields. An owner or disposition that is not there stays as it is: the write
        says what is wrong with it."""
        kind = "calls" if stream == "calls" else self._options.object
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
