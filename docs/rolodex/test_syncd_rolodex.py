"""The contract on the connector: a Rolodex of the tests' own, with bad days to order."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from syncd.sdk import protocol, records
from syncd.sdk.testing.contract import ConnectorContract
from syncd.sdk.testing.contract_far import FarSide, Stream, Trouble
from syncd_rolodex import FIELDS, RolodexConnector, RolodexOptions

TOKEN = "token-of-the-tests"
STATUSES = {"429_after": 429, "500_before": 500, **{str(one): one for one in (401, 403, 404, 409, 422, 429, 503)}}


class Rolodex(ThreadingHTTPServer):
    """The server: `tables` is what it holds, `trouble` what goes wrong, and for reads or writes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.tables: dict[str, dict[str, dict[str, Any]]] = {"people": {}, "calls": {}}
        self.ahead = timedelta()
        self.trouble: tuple[str, str] | None = None
        self.late: list[Callable[[], object]] = []
        self.asked = 0

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def put(self, table: str, record_id: str, at: datetime | None = None, **fields: Any) -> None:
        old = self.tables[table].get(record_id, {"id": record_id, "deleted": False})
        self.tables[table][record_id] = {**old, **fields, "modified": records.text(at or self.now())}


class Handler(BaseHTTPRequestHandler):
    """One request: the trouble that was ordered, if it is for such requests, else what it asks for."""

    protocol_version = "HTTP/1.1"
    server: Rolodex

    def answer(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        self.server.asked += 1
        writes = self.command in ("PUT", "PATCH")
        kind, of = self.server.trouble or ("", "")
        kind = kind if of == ("write" if writes else "read") else ""
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            kind = "401"
        if kind in STATUSES:
            return self.send(STATUSES[kind], {})
        if kind == "late":
            self.server.late.append(lambda: self.carry_out(body))
        if kind in ("late", "reset_before"):
            self.close_connection = True
            return None
        status, told = (200, {}) if kind == "timeout_before" else self.carry_out(body)
        if kind.startswith("timeout"):
            time.sleep(0.5)  # longer than the connector waits
        if kind in ("timeout_before", "timeout_after", "reset_after"):
            self.close_connection = True
            return None
        return self.send(500 if kind == "500_after" else status, told, kind)

    do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815  # names that http.server asks for

    def carry_out(self, body: Any) -> tuple[int, Any]:
        url = urlsplit(self.path)
        _, table, *rest = url.path.split("/")
        if table == "time":
            return 200, {"now": records.text(self.server.now())}
        rows = self.server.tables[table]
        if self.command == "POST":
            return 200, {"records": [rows[one] for one in body["ids"] if one in rows]}
        if self.command == "GET":
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            since, until = (records.instant(asked[name]) for name in ("since", "until"))
            ordered = sorted((records.instant(row["modified"]), row["id"]) for row in rows.values())
            begin = (since, asked.get("after", ""))
            found = [rows[one] for at, one in ordered if (at, one) > begin and at <= until]
            return 200, {"records": found[: int(asked["limit"])]}
        record_id = unquote(rest[0])
        if self.command == "PATCH" and (record_id not in rows or rows[record_id]["deleted"]):
            return 404, {}
        if any(isinstance(value, str) and len(value) > 40 for value in body.values()):
            return 422, {}
        self.server.put(table, record_id, **body)
        return 200, rows[record_id]

    def send(self, status: int, told: Any, kind: str = "") -> None:
        content = b"" if kind == "empty" else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if self.server.trouble and self.server.trouble[0] == "429_after":
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if kind == "cut" else content)
        self.close_connection = kind == "cut"

    def log_message(self, format: str, *values: object) -> None:
        """Nothing: the tests say what went wrong."""


class Far:
    """A Rolodex as the suite's far side."""

    streams: Mapping[str, Stream] = {
        "leads": Stream(
            frozenset({"enter", "change", "delete", "get", "update"}),
            text="name",
            clear="phone",
            typed={"do_not_call": "true"},
            refused={"last_result": "x" * 41},
        ),
        "calls": Stream(frozenset({"create", "update", "get"}), text="result", refused={"result": "x" * 41}),
    }
    without: Mapping[str, str] = {
        "busy": "Rolodex has no locks",
        "quota": "Rolodex has no budget",
        "refused": "the server is not stopped in between",
    }
    secrets: Sequence[str] = (TOKEN,)

    def __init__(self, server: Rolodex) -> None:
        self.server = server

    def connector(self) -> protocol.Connector:
        url = f"http://127.0.0.1:{self.server.server_port}"
        options = {"url": url, "token": TOKEN, "page_size": 3, "read_seconds": 0.2}
        return RolodexConnector(RolodexOptions.model_validate(options), client="acme")

    def sample(self, stream: str, number: int) -> dict[str, str | None]:
        if stream == "calls":
            return {"person": "1", "result": f"talk {number}", "began_at": "2026-11-20T15:00:00Z"}
        return {"name": f"Ann {number}", "phone": f"7275550{number:03}"}

    def enter(self, stream: str, rows: Sequence[records.Fields], *, at: datetime | None = None) -> list[str]:
        ids = [f"{len(self.server.tables['people']) + number:06}" for number, _ in enumerate(rows)]
        for record_id, row in zip(ids, rows, strict=True):
            self.server.put("people", record_id, at, **row)
        return ids

    def change(self, stream: str, record_id: str, text: str) -> None:
        self.server.put("people", record_id, name=text)

    def delete(self, stream: str, record_id: str) -> None:
        self.server.put("people", record_id, deleted=True)

    def holds(self, stream: str) -> Mapping[str, records.Fields]:
        rows = self.server.tables["people" if stream == "leads" else "calls"].values()
        return {row["id"]: {"key": row["id"], **{name: row.get(name) for name in FIELDS[stream]}} for row in rows}

    def pass_time(self, seconds: float) -> None:
        self.server.ahead += timedelta(seconds=seconds)
        while self.server.late:
            self.server.late.pop(0)()

    def requests(self) -> int:
        return self.server.asked

    @contextmanager
    def trouble(self, kind: Trouble, stream: str, *, of: Literal["read", "write"]) -> Iterator[None]:
        self.server.trouble = (kind, of)
        yield
        self.server.trouble = None


class TestRolodex(ConnectorContract):
    """The suite."""

    @pytest.fixture
    def far(self) -> Iterator[FarSide]:
        with Rolodex() as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            yield Far(server)
            server.shutdown()
