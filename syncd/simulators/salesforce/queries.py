"""Queries: REST pages of 2,000 with cursors that can die, and Bulk API 2.0 jobs with CSV pages.

Source: REST API Developer Guide (Query), Bulk API 2.0 Developer Guide (query jobs).
"""

import csv
import io
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from syncd.simulators.common.wire import JSON, HttpAnswer

from . import soql
from .schema import Refused
from .world import World

PAGE = 2000
Rows = Sequence[Mapping[str, Any]]


class Queries:
    """Runs queries and keeps cursors and jobs."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cursors: dict[str, tuple[soql.Query, Rows]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.polls_to_wait = 1  # how often a job is asked for before it is done
        self._numbers = itertools.count(1)

    def look(self, row: Mapping[str, Any], path: str) -> Any:
        """The value of a column, through relationships."""
        first, _, rest = path.partition(".")
        if not rest:
            return row.get(first)
        reference = row.get(f"{first}Id")
        for rows in self.world.rows.values():
            if reference in rows:
                return self.look(rows[reference], rest)
        return None

    def run(self, text: str, *, everything: bool) -> tuple[soql.Query, Rows]:
        """Parse and run; `everything` is queryAll, which sees the recycle bin."""
        query = soql.parse(text, self.world.objects, self.look)
        rows = self.world.visible(query.object.name).values()
        kept = [row for row in rows if (everything or not row["IsDeleted"]) and query.test(row)]
        return query, soql.ordered(query, kept, self.look)

    def rest(self, text: str, version: str, *, everything: bool) -> Any:
        """The first page."""
        query, rows = self.run(text, everything=everything)
        if not query.columns:
            return {"totalSize": len(rows), "done": True, "records": []}
        locator = f"01g{next(self._numbers):012d}"
        self.cursors[locator] = (query, rows)
        return self._page(locator, 0, version)

    def more(self, locator: str, version: str) -> Any:
        """A later page."""
        name, _, start = locator.rpartition("-")
        if name not in self.cursors or not start.isdecimal():
            raise Refused("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(name, int(start), version)

    def _page(self, locator: str, start: int, version: str) -> Any:
        query, rows = self.cursors[locator]
        end = start + PAGE
        told: dict[str, Any] = {
            "totalSize": len(rows),
            "done": end >= len(rows),
            "records": [self._record(query, row, version) for row in rows[start:end]],
        }
        if not told["done"]:
            told["nextRecordsUrl"] = f"/services/data/{version}/query/{locator}-{end}"
        return told

    def _record(self, query: soql.Query, row: Mapping[str, Any], version: str) -> dict[str, Any]:
        name = query.object.name
        url = f"/services/data/{version}/sobjects/{name}/{row['Id']}"
        told: dict[str, Any] = {"attributes": {"type": name, "url": url}}
        for path in query.columns:
            *links, last = path.split(".")
            if not links:
                told[path] = row.get(path)
                continue
            if self.look(row, ".".join([*links, "Id"])) is None:
                told[links[0]] = None
            else:
                told.setdefault(links[0], {})[last] = self.look(row, path)
        return told

    def create_job(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """POST jobs/query."""
        operation = given.get("operation")
        if operation not in ("query", "queryAll"):
            raise Refused("INVALIDJOB", "operation must be query or queryAll")
        query, rows = self.run(str(given.get("query", "")), everything=operation == "queryAll")
        if not query.columns:
            raise Refused("INVALIDJOB", "aggregate queries are not supported")
        job = {"id": f"750{next(self._numbers):012d}AAA", "operation": operation, "object": query.object.name}
        self.jobs[job["id"]] = {**job, "state": "UploadComplete", "_query": query, "_rows": rows, "_polls": 0}
        return {**job, "state": "UploadComplete"}

    def job(self, job_id: str) -> dict[str, Any]:
        """GET jobs/query/ID."""
        job = self._job(job_id)
        job["_polls"] += 1
        if job["_polls"] > self.polls_to_wait and job["state"] != "Failed":
            job["state"] = "JobComplete"
        told = {key: value for key, value in job.items() if not key.startswith("_")}
        return {**told, "numberRecordsProcessed": len(job["_rows"])}

    def results(self, job_id: str, locator: str, most: str) -> HttpAnswer:
        """GET jobs/query/ID/results: CSV; empty text is null."""
        job = self._job(job_id)
        if job["state"] != "JobComplete":
            raise Refused("INVALIDJOBSTATE", "the job is not complete")
        start = int(locator) if locator.isdecimal() else 0
        rows, query = job["_rows"], job["_query"]
        end = start + (int(most) if most.isdecimal() else 50_000)
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(query.columns)
        for row in rows[start:end]:
            values = [self.look(row, path) for path in query.columns]
            writer.writerow(
                ["" if one is None else str(one).lower() if isinstance(one, bool) else one for one in values]
            )
        headers = {"Sforce-Locator": str(end) if end < len(rows) else "null"}
        return HttpAnswer(200, out.getvalue().encode(), "text/csv; charset=UTF-8", headers)

    def _job(self, job_id: str) -> dict[str, Any]:
        if job_id not in self.jobs:
            raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)
        return self.jobs[job_id]


def as_json(told: Any, status: int = 200) -> HttpAnswer:
    """An answer of JSON."""
    return HttpAnswer(status, json.dumps(told).encode(), JSON)
