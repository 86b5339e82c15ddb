"""Reads people: all by list, changes by search in frozen windows, archived and merged ones as deleted.

A window is a span of whole milliseconds. Inside it records come in the order of their ids, each page asking for ids
above the last, so ties and more than 10,000 rows lose nothing; the cursor's time stays at the window's start until its
last page, its id says which window it is and how far that is read. A window with more than 10,000 rows is split as long
as it has two milliseconds, so that a crash repeats little. Search's index lags, so it only names records: their values
are read by id.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from syncd.sdk import errors, protocol, records
from syncd_hubspot.api import Api, NotThere, Refused
from syncd_hubspot.options import Options
from syncd_hubspot.schema import Schema

MOST_IN_WINDOW = 10_000
SEARCH_PAGE = 200
BATCH = 100
MERGED = "hs_merged_object_ids"
_WINDOW = re.compile(r"window (\d+) (\d+) (\d+|end)")
_LIST = re.compile(r"list (\d+|end)")
_FIRST_LOAD_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def chunks(items: Sequence[str], size: int = BATCH) -> Iterator[Sequence[str]]:
    """The items in pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


class Reader:
    """Reads one object type."""

    def __init__(self, api: Api, schema: Schema, options: Options) -> None:
        self._api = api
        self._schema = schema
        self._options = options
        self._kind = options.object
        self._archived_at: float | None = None

    def modified_name(self) -> str:
        """The property that holds the time of the last change: contacts have one of their own."""
        return "lastmodifieddate" if self._kind in ("contacts", "0-1") else "hs_lastmodifieddate"

    def _names(self, fields: Sequence[str]) -> list[str]:
        known = self._schema.properties(self._kind)
        wanted = [*fields] or [*known]
        own = [self.modified_name(), *([MERGED] if MERGED in known else [])]
        return list(dict.fromkeys([*wanted, *own]))

    def pull(self, since: records.Cursor | None, until: datetime, fields: Sequence[str]) -> Iterator[records.Page]:
        """See `protocol.Connector.pull`."""
        names = self._names(fields)
        first = since is None or since.at < _FIRST_LOAD_BEFORE
        floor = _EPOCH if since is None else since.at
        place = "" if since is None else since.id
        if first:
            yield from self._listed(names, floor, until, _LIST.fullmatch(place))
            return
        now = time.monotonic()
        window = _WINDOW.fullmatch(place)
        if window is None and (self._archived_at is None or now - self._archived_at >= self._options.archived_seconds):
            for number, (page, _) in enumerate(self._list(archived="true")):
                gone = [records.Record(one["id"], {}, None, deleted=True) for one in page]
                yield records.Page(gone, records.Cursor(floor, f"archived {number}"))
            self._archived_at = now
        yield from self._searched(names, floor, until, window)

    def _list(self, after: str = "", **query: str) -> Iterator[tuple[list[dict[str, Any]], str]]:
        return self._list_of(self._kind, after, **query)

    def _list_of(self, kind: str, after: str, **query: str) -> Iterator[tuple[list[dict[str, Any]], str]]:
        """Pages of objects, from `after` on, each with what the next is asked for by, "" after the last."""
        while True:
            asked = {**query, "after": after} if after else query
            answer = self._api.get(self._api.objects(kind), limit=str(BATCH), **asked)
            following = str(((answer.get("paging") or {}).get("next") or {}).get("after") or "")
            yield answer["results"], following
            if not following:
                return
            if after == following:
                raise errors.ContractViolation("HubSpot's list gives the same cursor twice")
            after = following

    def _listed(
        self, names: Sequence[str], floor: datetime, until: datetime, last: re.Match[str] | None
    ) -> Iterator[records.Page]:
        after = last[1] if last else ""
        while after != "end":
            try:
                for page, following in self._list(after, properties=",".join(names)):
                    found = [record for one in page for record in self._records(one)]
                    after = following or "end"
                    yield records.Page(found, records.Cursor(floor, f"list {after}"))
            except Refused:
                if last is None or after != last[1]:
                    raise
                after, last = "", None  # the place where an earlier pull stopped is not known any more
        yield records.Page([], records.Cursor(until))

    def _searched(
        self, names: Sequence[str], since: datetime, until: datetime, last: re.Match[str] | None
    ) -> Iterator[records.Page]:
        windows, highest = [(_ms(since), _ms(until))], 0
        if last and (ended := int(last[2])) <= _ms(until):
            windows = [(ended + 1, _ms(until))] if ended < _ms(until) else []
            if last[3] != "end":
                windows.append((int(last[1]), ended))
                highest = int(last[3])
        while windows:
            first, end = windows.pop()
            answer = self._search(first, end, highest)
            if answer["total"] > MOST_IN_WINDOW and end > first and not highest:
                middle = (first + end) // 2
                windows += [(middle + 1, end), (first, middle)]
                continue
            start = max(since, _moment(first))
            while True:
                ids = [one["id"] for one in answer["results"]]
                if ids and max(map(int, ids)) <= highest:
                    raise errors.ContractViolation("HubSpot's search does not advance by hs_object_id")
                highest = max([highest, *map(int, ids)])
                found = self._fresh(ids, names)
                if len(ids) < SEARCH_PAGE:
                    at = until if not windows else min(until, max(since, _moment(end)))
                    yield records.Page(found, records.Cursor(at, f"window {first} {end} end"))
                    break
                yield records.Page(found, records.Cursor(start, f"window {first} {end} {highest}"))
                answer = self._search(first, end, highest)
            highest = 0

    def _search(self, first: int, last: int, after_id: int) -> Any:
        name = self.modified_name()
        filters = [
            {"propertyName": "hs_object_id", "operator": "GT", "value": str(after_id)},
            {"propertyName": name, "operator": "GTE", "value": str(first)},
            {"propertyName": name, "operator": "LTE", "value": str(last)},
        ]
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": ["hs_object_id"],
            "limit": SEARCH_PAGE,
        }
        return self._api.ask(self._api.objects(self._kind, "/search"), body, search=True)

    def _fresh(self, ids: Sequence[str], names: Sequence[str]) -> list[records.Record]:
        """The records of these ids as they are now; those that are gone, or merged into another, as deleted."""
        found: dict[str, records.Record] = {}
        for part in chunks(ids):
            for one in self.batch_read(self._kind, part, names):
                for record in self._records(one):
                    found[record.id] = record
        gone = [records.Record(asked, {}, deleted=True) for asked in ids if asked not in found]
        return [*found.values(), *gone]

    def batch_read(
        self,
        kind: str,
        ids: Sequence[str],
        names: Sequence[str],
        id_property: str | None = None,
        *,
        urgent: bool = False,
    ) -> list[dict[str, Any]]:
        """The objects of at most 100 ids that exist. `urgent`: it may use the reserve. Raises AuthFailed, RetryLater,
        QuotaExhausted."""
        body: dict[str, Any] = {"inputs": [{"id": one} for one in ids], "properties": list(names)}
        if id_property is not None:
            body["idProperty"] = id_property
        try:
            found: list[dict[str, Any]] = self._api.ask(self._api.objects(kind, "/batch/read"), body, urgent=urgent)[
                "results"
            ]
        except NotThere:
            return []
        except Refused:
            raise errors.RetryLater(f"HubSpot refuses to read {kind} by id; see `syncd config check`") from None
        return found

    def get(self, ids: Sequence[str], fields: Sequence[str]) -> list[records.Record]:
        """The records of these ids; an id that was merged into another's leads to nothing. It may use the reserve:
        what is urgent is looked at before it is written."""
        numbers = [one for one in dict.fromkeys(ids) if one.isdecimal()]
        found = {record.id: record for part in chunks(numbers) for record in self._read_some(part, fields, urgent=True)}
        return [found[one] for one in numbers if one in found]

    def _read_some(self, ids: Sequence[str], fields: Sequence[str], *, urgent: bool = False) -> list[records.Record]:
        found = self.batch_read(self._kind, ids, self._names(fields), urgent=urgent)
        return [self._record(self._kind, one, self.modified_name()) for one in found]

    def _records(self, one: Mapping[str, Any]) -> list[records.Record]:
        """An object, and those that were merged into it as deleted."""
        record = self._record(self._kind, one, self.modified_name())
        merged = (record.fields.get(MERGED) or "").split(";")
        losers = [records.Record(old, {}, record.modified, deleted=True) for old in merged if old and old != record.id]
        return [record, *losers]

    def _record(self, kind: str, one: Mapping[str, Any], modified_name: str) -> records.Record:
        fields = self._schema.read(kind, one["properties"])
        stamp = fields.get(modified_name)
        modified = records.instant(stamp) if stamp else None
        return records.Record(str(one["id"]), fields, modified, deleted=bool(one.get("archived")))

    def activities(
        self, kind: str, values: Sequence[str], names: Sequence[str], key_property: str | None
    ) -> list[records.Record]:
        """Calls or tasks by id, or by the value of their unique property."""
        found = [one for part in chunks(list(values)) for one in self.batch_read(kind, part, names, key_property)]
        return [self._record(kind, one, "hs_lastmodifieddate") for one in found]

    def listed(self, kind: str, names: Sequence[str], key_property: str, after: str) -> protocol.Listing:
        """One page of the list of calls or tasks: those that have a key."""
        wanted = list(dict.fromkeys([*names, key_property]))
        page, following = next(self._list_of(kind, after, properties=",".join(wanted)))
        found = [self._record(kind, one, "hs_lastmodifieddate") for one in page]
        return protocol.Listing([one for one in found if one.fields.get(key_property)], following or None)
