"""Reads records: pages by (SystemModstamp, Id) over REST or Bulk API 2.0, and records by id.

The upper bound is fixed when the run starts, the recycle bin is read too (merge losers are there), and a dead cursor
restarts after the last position. With `where`, the ids that meet it are read first and everything that changed second:
what changed and is not among them has left. This order cannot mistake a record that changes in between, for such a
record is past the upper bound. Who goes on after a record (`since` with an id) wants little before the next stop: it is
not worth a bulk job or the ids of all that follows, so each page's records are asked for `where` by id, after they
were read; one that changes in between is past the upper bound, too, and the next run reads what became of it.
"""

from __future__ import annotations

import csv
import io
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from syncd.sdk import errors
from syncd.sdk.records import Cursor, Page, Record
from syncd_salesforce import answers
from syncd_salesforce.api import Api
from syncd_salesforce.objects import Objects, literal, moment, quoted, reader, select
from syncd_salesforce.options import SalesforceOptions

IDS_AT_ONCE = 200
BULK_PAGE = 10_000  # rows of one request
PAGE = 2_000  # rows of one page, as REST has it: memory is not to grow with what a request brings
_LEAD = ("IsConverted", "ConvertedContactId")
Rows = list[dict[str, Any]]


class Reader:
    """Reads one org."""

    def __init__(self, api: Api, objects: Objects, options: SalesforceOptions) -> None:
        self._api, self._objects, self._options = api, objects, options

    def pull(self, since: Cursor | None, until: datetime, fields: Sequence[str]) -> Iterator[Page]:
        """Changed records in order of (SystemModstamp, Id). Raises as `Api.read`."""
        options = self._options
        known = self._objects.fields(options.object, tuple(fields))
        if "SystemModstamp" not in known:
            what = f"{options.object} has no SystemModstamp, so its changes cannot be read"
            raise errors.UserError([errors.Problem(what, "object")])
        columns = self._columns(known, fields)
        going_on = since is not None and since.id != ""
        meeting: set[str] | None = None
        if options.where and since is not None and not going_on:
            pages = self._rows(["Id", "SystemModstamp"], since, until, options.where)
            meeting = {str(row["Id"]) for page in pages for row in page}
        where = options.where if since is None else None
        for rows in self._rows(columns, since, until, where):
            if rows:
                last = rows[-1]
                make = _maker(fields, self._meeting([row["Id"] for row in rows]) if going_on else meeting)
                yield Page([make(row) for row in rows], Cursor(moment(last["SystemModstamp"]), last["Id"]))

    def get(self, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """The records of these ids; of a converted lead, the contact's fields under the lead's id, marked as left."""
        options = self._options
        known = self._objects.fields(options.object, tuple(fields))
        found: list[Record] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            part = [one for one in ids[start : start + IDS_AT_ONCE] if _is_id(one)]
            if not part:
                continue
            make = _maker(fields, self._meeting(part))
            rows = self.query(select(self._columns(known, fields), options.object, _among(part)), everything=True)
            contacts = self.contacts(
                {row["Id"]: row["ConvertedContactId"] for row in rows if row.get("IsConverted")}, fields
            )
            for row in rows:
                record = make(row)
                if row.get("IsConverted") and not row["IsDeleted"]:
                    record = Record(
                        record.id, contacts.get(record.id, {}), record.modified, record.id not in contacts, True
                    )
                found.append(record)
        return found

    def _meeting(self, ids: Sequence[str]) -> set[str] | None:
        """Those of these ids that meet `where` now; None without one."""
        if not self._options.where:
            return None
        found: set[str] = set()
        for start in range(0, len(ids), IDS_AT_ONCE):
            condition = f"{_among(ids[start : start + IDS_AT_ONCE])} AND ({self._options.where})"
            found.update(row["Id"] for row in self.query(select(["Id"], self._options.object, condition)))
        return found

    def contacts(self, converted: Mapping[str, str | None], fields: Sequence[str]) -> dict[str, dict[str, str | None]]:
        """Lead id → the contact's values under the lead's field names, for contacts that exist."""
        ids = sorted({one for one in converted.values() if one})
        if not ids:
            return {}
        known = self._objects.fields("Contact")
        names = {name: self._options.contact_fields.get(name, name) for name in fields}
        names = {ours: theirs for ours, theirs in names.items() if theirs in known}
        columns = dict.fromkeys(["Id", *names.values()])
        rows = self.query(select(columns, "Contact", _among(ids)))
        values = {row["Id"]: {ours: reader(theirs)(row) for ours, theirs in names.items()} for row in rows}
        return {lead: values[contact] for lead, contact in converted.items() if contact in values}

    def query(self, soql: str, *, everything: bool = False) -> Rows:
        """All rows of a query that is not large."""
        told = self._api.read("queryAll" if everything else "query", {"q": soql})
        rows: Rows = told["records"]
        while not told["done"]:
            told = self._api.read(_more(told))
            rows += told["records"]
        return rows

    def _columns(self, known: Mapping[str, Any], fields: Sequence[str]) -> list[str]:
        fixed = ["Id", "SystemModstamp", "IsDeleted", *_LEAD]
        return list(dict.fromkeys([one for one in fixed if one in known] + list(fields)))

    def _rows(self, columns: Sequence[str], since: Cursor | None, until: datetime, where: str | None) -> Iterator[Rows]:
        """Pages of rows; begins again after the last row where a cursor died."""
        position, bulk = since, since is None or not since.id
        while True:
            begun = position
            try:
                for rows in self._once(columns, position, until, where, bulk=bulk):
                    yield rows
                    if rows:
                        position = Cursor(moment(rows[-1]["SystemModstamp"]), rows[-1]["Id"])
                return
            except answers.CursorDied:
                if position == begun:
                    raise  # it died before the first page: no progress

    def _once(
        self, columns: Sequence[str], since: Cursor | None, until: datetime, where: str | None, *, bulk: bool
    ) -> Iterator[Rows]:
        condition = _window(since, until) + (f" AND ({where})" if where else "")
        soql = select(columns, self._options.object, condition, "ORDER BY SystemModstamp, Id")
        told = self._api.read("queryAll", {"q": soql})
        if bulk and told["totalSize"] > self._options.bulk_above:
            yield from self._bulk(soql)
            return
        yield told["records"]
        while not told["done"]:
            told = self._api.read(_more(told))
            yield told["records"]

    def _bulk(self, soql: str) -> Iterator[Rows]:
        job = self._api.read("jobs/query", method="POST", body={"operation": "queryAll", "query": soql})["id"]
        deadline, wait = time.monotonic() + self._options.bulk_seconds, 0.1
        while True:
            state = self._api.read(f"jobs/query/{job}")["state"]
            if state == "JobComplete":
                break
            if state in ("Failed", "Aborted") or time.monotonic() > deadline:
                raise errors.RetryLater(f"the bulk query is {state}")
            time.sleep(wait)
            wait = min(wait * 2, 10.0)
        locator = ""
        while locator != "null":
            given = {"maxRecords": str(BULK_PAGE), **({"locator": locator} if locator else {})}
            text, headers = self._api.text(f"jobs/query/{job}/results", given)
            locator = headers.get("Sforce-Locator", "null")
            rows = csv.DictReader(io.StringIO(text))
            while page := [_nested(row) for row in itertools.islice(rows, PAGE)]:
                yield page
        self._api.read(f"jobs/query/{job}", method="DELETE")


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    for name in [one for one in row if "." in one]:
        *links, last = name.split(".")
        inner = row
        for link in links:
            inner = inner.setdefault(link, {})
        inner[last] = row[name]
    return row


def _window(since: Cursor | None, until: datetime) -> str:
    """From a position on, up to the fixed bound. A cursor without an id includes its own moment."""
    upper = f"SystemModstamp <= {literal(until)}"
    if since is None:
        return upper
    at = literal(since.at)
    if not since.id:
        return f"SystemModstamp >= {at} AND {upper}"
    return f"((SystemModstamp = {at} AND Id > {quoted(since.id)}) OR SystemModstamp > {at}) AND {upper}"


def _among(ids: Sequence[str]) -> str:
    return f"Id IN ({', '.join(map(quoted, ids))})"


def _more(told: Mapping[str, Any]) -> str:
    return str(told["nextRecordsUrl"]).split("/", 4)[4]


def _is_id(text: str) -> bool:
    return len(text) in (15, 18) and text.isalnum() and text.isascii()


def _maker(fields: Sequence[str], meeting: set[str] | None) -> Callable[[Mapping[str, Any]], Record]:
    """How a row becomes a record."""
    readers = [(name, reader(name)) for name in fields]
    true = (True, "true")

    def make(row: Mapping[str, Any]) -> Record:
        gone = row["IsDeleted"] in true or row.get("IsConverted") in true
        left = not gone and meeting is not None and row["Id"] not in meeting
        values = {} if left else {name: read(row) for name, read in readers}
        return Record(row["Id"], values, moment(row["SystemModstamp"]), gone, left)

    return make
