"""What the tests of the VICIdial connector share: recordings, a server that gives them, and a connector on it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import urllib3

from syncd.sdk import records
from syncd_vicidial import VicidialConnector
from syncd_vicidial.options import Options

DATA = Path(__file__).parents[1] / "data"
LEAD = "310123"  # stands for every id that a recording leaves open
MARKER = "syncd:acme:leads"
VERSION = "VERSION: 2.14-194|BUILD: 241004-1518|DATE: 2026-11-20 10:00:00|EPOCH: 1795168800|TZ: -5.00|TZNOW: -5.00|\n"
Case = dict[str, Any]
Reply = tuple[int, str]


def cases(*files: str) -> list[Case]:
    """The recorded cases of these files."""
    return [case for name in files for case in json.loads((DATA / f"{name}.json").read_text())]


def parametrized(found: list[Case]) -> pytest.MarkDecorator:
    """Run a test for each case, under the case's name."""
    return pytest.mark.parametrize("case", found, ids=[case["name"] for case in found])


def recorded(case: Case) -> str:
    """A case's answer with its blanks filled in."""
    known = {"now": "2026-11-20 10:00:00", "epoch": "1795168800"}
    return re.sub(r"\$\{(\w+)\}", lambda found: known.get(found[1], LEAD), case["response"])


def key(value: str = "K1") -> records.SyncKey:
    """A key of the client acme."""
    return records.SyncKey(value, MARKER)


def create(phone: str, list_id: str = "101", value: str = "K1", **fields: str | None) -> records.Change:
    """A change that creates a lead."""
    return records.Change("create", key(value), fields={"phone_number": phone, "list_id": list_id, **fields})


@contextmanager
def connected(url: str, **options: object) -> Iterator[VicidialConnector]:
    """A connector to the server at `url`, closed at the end."""
    given = {"url": url, "user": "6666", "password": "1234", "time_zone": "Etc/GMT+5", "read_seconds": 5.0, **options}
    connector = VicidialConnector(Options.model_validate(given), client="acme")
    try:
        yield connector
    finally:
        connector.close()


@contextmanager
def answering(reply: Callable[[Mapping[str, str]], Reply]) -> Iterator[str]:
    """A web server that answers each POST with what `reply` makes of its form; yields its address."""

    def as_bytes(form: Mapping[str, str]) -> tuple[int, bytes]:
        status, text = reply(form)
        return status, text.encode()

    with _answering(as_bytes) as url:
        yield url


@contextmanager
def answering_bytes(reply: Callable[[Mapping[str, str]], bytes]) -> Iterator[str]:
    """The same with bytes, for what is no UTF-8."""
    with _answering(lambda form: (200, reply(form))) as url:
        yield url


@contextmanager
def _answering(reply: Callable[[Mapping[str, str]], tuple[int, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body are two packets, and the client waits for both

        def do_POST(self) -> None:
            form = dict(
                parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode(), keep_blank_values=True)
            )
            status, body = reply(form)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def door(url: str, command: str, **arguments: object) -> dict[str, Any]:
    """A command of the simulator's control door and its answer."""
    with urllib3.PoolManager(retries=False, timeout=10) as pool:
        answer = pool.request("POST", f"{url}/_sim/{command}", json=arguments)
        told = answer.json()
    assert isinstance(told, dict)
    assert answer.status == 200, told
    return told


def leads(url: str) -> list[dict[str, Any]]:
    """All leads that the simulator holds."""
    found = door(url, "world", include=["leads"])["leads"]
    assert isinstance(found, list)
    return found
