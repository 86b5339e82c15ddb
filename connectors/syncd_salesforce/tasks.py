"""Calls and callbacks are both Tasks: the keys that tell them apart, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.sdk.protocol import Listing
from syncd.sdk.records import Record
from syncd_salesforce.objects import Objects, quoted, reader, select
from syncd_salesforce.options import SalesforceOptions
from syncd_salesforce.reading import IDS_AT_ONCE, Reader, Rows

PREFIX = "callback:"
"""Begins the key of a callback's Task. No key of a call can: a key has no colon (`syncd.sdk.records.SyncKey`)."""


def planted(stream: str, key: str) -> str:
    """Given the key of a call or callback, return what stands in its Task."""
    return key if stream == "calls" else PREFIX + key


class Tasks:
    """Reads the Tasks of one stream, "calls" or "tasks"; never those of the other."""

    def __init__(self, reader: Reader, objects: Objects, options: SalesforceOptions) -> None:
        self._reader, self._objects, self._options = reader, objects, options

    def find(self, stream: str, key: str) -> list[Record]:
        """The Tasks with that key, each with its key."""
        field = self._options.key_field(stream)
        return self._read(stream, f"{field} = {quoted(planted(stream, key))}", [field])

    def get(self, stream: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Those of these ids that are there."""
        found: list[Record] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            among = ", ".join(map(quoted, ids[start : start + IDS_AT_ONCE]))
            found += self._read(stream, f"Id IN ({among})", fields)
        return found

    def listed(self, stream: str, fields: Sequence[str], after: str, limit: int) -> Listing:
        """Up to `limit` Tasks that have a key, in the order of their ids, behind the id `after`."""
        field = self._options.key_field(stream)
        condition = f"{field} != null" + (f" AND Id > {quoted(after)}" if after else "")
        rows, keys = self._rows(condition, [*fields, field], f"ORDER BY Id LIMIT {limit}")
        found = [_record(row, fields, field) for row in rows if not _of_other(stream, row, keys)]
        return Listing(found, str(rows[-1]["Id"]) if len(rows) == limit else None)

    def _read(self, stream: str, condition: str, fields: Sequence[str]) -> list[Record]:
        rows, keys = self._rows(condition, fields)
        own = self._options.key_field(stream)
        return [_record(row, fields, own) for row in rows if not _of_other(stream, row, keys)]

    def _rows(self, condition: str, fields: Sequence[str], after: str = "") -> tuple[Rows, set[str]]:
        """Rows with these columns and all keys, and the names of the keys."""
        known = self._objects.fields("Task")
        keys = {name for name in map(self._options.key_field, ("calls", "tasks")) if name in known}
        columns = dict.fromkeys(["Id", *fields, *sorted(keys)])
        return self._reader.query(select(columns, "Task", condition, after)), keys


def _of_other(stream: str, row: Mapping[str, Any], keys: set[str]) -> bool:
    """Whether the Task carries a key of the other stream. One whose key somebody has taken away is told by its id."""
    held = [str(row[name]) for name in keys if row[name]]
    return any(value.startswith(PREFIX) is (stream == "calls") for value in held)


def _record(row: Mapping[str, Any], fields: Sequence[str], key_field: str) -> Record:
    values = {name: reader(name)(row) for name in fields}
    if key_field in values:
        values[key_field] = (values[key_field] or "").removeprefix(PREFIX) or None
    return Record(row["Id"], values)
