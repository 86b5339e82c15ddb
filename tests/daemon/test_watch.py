"""Alerts and metrics of a running daemon, heard by a mail server and a web server on this machine."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from prometheus_client.parser import text_string_to_metric_families

from syncd.config import models
from syncd.daemon import alerts, picture
from syncd.sdk import protocol
from syncd.sdk.memory import InMemory
from syncd.store import status, streams
from tests.cli import shop as shops

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


class Mails:
    """A mail server's handler: keeps what comes."""

    def __init__(self) -> None:
        self.bodies: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        message = message_from_bytes(envelope.content, policy=policy.default)
        body = message.get_body(("plain", "html"))
        assert body is not None
        self.bodies.append(f"{message['subject']}\n{body.get_content()}")
        return "250 taken"


@dataclass
class Hooks:
    """A web server that takes JSON; `down` while it is not there."""

    server: ThreadingHTTPServer
    bodies: list[str] = field(default_factory=list)
    down: bool = False

    @property
    def port(self) -> int:
        return self.server.server_port


@contextmanager
def mail_server() -> Iterator[tuple[Mails, int]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mails = Mails()
    controller = Controller(mails, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield mails, port
    finally:
        controller.stop()


@contextmanager
def web_server() -> Iterator[Hooks]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server's name
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not hooks.down:
                hooks.bodies.append(f"{body['title']}\n{body['message']}")
            self.send_response(503 if hooks.down else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    hooks = Hooks(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    thread = threading.Thread(target=hooks.server.serve_forever)
    thread.start()
    try:
        yield hooks
    finally:
        hooks.server.shutdown()
        hooks.server.server_close()
        thread.join()


def scraped(port: int) -> dict[tuple[str, ...], float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_needs_a_person_is_told_once_and_once_more_when_it_is_over(shop: shops.Shop) -> None:
    with mail_server() as (mails, mail_port), web_server() as hooks:
        settings = shop.settings()
        settings["metrics"] = {"listen": "127.0.0.1:0"}
        settings["alerts"] = {
            "every": "0.3s",
            "to": [
                f"mailto://127.0.0.1:{mail_port}?from=syncd@example.com&to=ops@example.com&mode=insecure",
                f"json://token:very-secret@127.0.0.1:{hooks.port}/hook",
            ],
        }
        shop.write(settings)
        shop.people(2)
        shop.crm("UPDATE people SET phone = 'no number' WHERE id = 2")
        with shop.daemon() as daemon:
            daemon.wait_for(lambda: mails.bodies and hooks.bodies)
            (port,) = (line["port"] for line in daemon.lines("metrics"))
            daemon.wait_for(lambda: ("syncd_changes_total", "acme", "leads", "create") in scraped(port))
            seen = scraped(port)
            assert seen["syncd_changes_total", "acme", "leads", "create"] == 1
            assert seen["syncd_held", "acme", "leads", "phone"] == 1
            assert seen["syncd_links", "acme", "yes"] == 1
            assert seen["syncd_dnc_waiting_seconds", "acme"] == 0
            assert 0 <= seen["syncd_lag_seconds", "acme", "crm.leads"] < 60
            assert daemon.stop() == 0
        for told in (mails.bodies, hooks.bodies):
            assert len(told) == 1, told
            assert "acme leads: 1 held, which need a person: `syncd held list acme`" in told[0]
        assert [one["alert"] for one in shop.syncd("alerts", "--json").json()] == ["acme leads held"]
        hooks.down = True
        shop.crm("UPDATE people SET phone = '7275550002' WHERE id = 2")
        with shop.daemon() as daemon:
            daemon.wait_for(lambda: len(mails.bodies) == 2)
            assert "over: acme leads: 1 held" in mails.bodies[1]
            daemon.wait_for(lambda: daemon.lines("an alert could not be delivered"))
            assert daemon.stop() == 0
        hooks.down = False
        with shop.daemon() as daemon:
            daemon.wait_for(lambda: len(hooks.bodies) == 2)
            assert daemon.stop() == 0
        assert "over: acme leads: 1 held" in hooks.bodies[1], "a restart forgets nobody who has not heard of it"
        assert len(mails.bodies) == 2, "nor does it tell anybody twice"
        assert "very-secret" not in daemon.log.read_text("utf-8")
        assert "nothing is wrong" in shop.syncd("alerts").out
        ran = shop.syncd("alerts", "--test")
        assert (ran.code, len(mails.bodies), len(hooks.bodies)) == (0, 3, 3)
        assert "very-secret" not in ran.out


def test_an_address_that_is_none_is_refused_with_its_place_and_without_itself(shop: shops.Shop) -> None:
    settings = shop.settings()
    settings["alerts"] = {"to": ["jsons://good.example.com", "nonsense://hidden-token"]}
    shop.write(settings)
    for command in (("config", "check", "--offline"), ("run",), ("alerts", "--test")):
        ran = shop.syncd(*command)
        assert ran.code == 2, command
        assert "alerts.to[1]: not an address" in ran.err
        assert "hidden-token" not in ran.err


@pytest.mark.parametrize("listen", ["0.0.0.0:9464", "10.0.0.1:9464", "127.0.0.1", "127.0.0.1:http"])
def test_metrics_are_for_this_machine_alone(shop: shops.Shop, listen: str) -> None:
    settings = shop.settings()
    settings["metrics"] = {"listen": listen}
    shop.write(settings)
    ran = shop.syncd("config", "check", "--offline")
    assert ran.code == 2
    assert "metrics.listen: not a port of this machine alone" in ran.err


def one(**state: Any) -> picture.One:
    """A client with one stream and one pipeline."""
    stream = {name: state.pop(name) for name in ("last_ok_at", "last_error") if name in state}
    pipe = {name: state.pop(name) for name in ("paused", "why", "auth_failures") if name in state}
    held = state.pop("held", {})
    told = status.Client(
        "acme",
        [status.Stream("crm.leads", streams.StreamState(**{"last_ok_at": NOW, **stream}))],
        [status.Pipeline("leads", streams.PipelineState(**pipe), held=held)],
    )
    return picture.One(told, {"crm.leads": 30.0}, frozenset(), **state)


@pytest.mark.parametrize(
    ("seen", "keys"),
    [
        (one(), []),
        (one(held={"phone": 1}), ["acme leads held"]),
        (one(paused="operator"), []),
        (one(paused="guard", why="too much"), ["acme leads paused guard"]),
        (one(paused="auth", why="refused", last_ok_at=NOW - timedelta(days=1)), ["acme leads paused auth"]),
        (one(last_ok_at=NOW - timedelta(minutes=14)), []),
        (one(last_ok_at=NOW - timedelta(minutes=16)), ["acme crm.leads lag"]),
        (one(last_ok_at=None), ["acme crm.leads lag"]),
        (one(undelivered_since=NOW - timedelta(seconds=50)), []),
        (one(undelivered_since=NOW - timedelta(seconds=70)), ["acme dnc"]),
        (one(news_at={"crm.leads": NOW - timedelta(days=2)}), []),
        (one(news_at={"crm.leads": NOW - timedelta(days=4)}), ["acme crm.leads silence"]),
        (one(drift=0, drift_at=NOW), []),
        (one(drift=3, drift_at=NOW), ["acme drift"]),
        (one(budgets={"crm": protocol.Budget(899, 1000)}), []),
        (one(budgets={"crm": protocol.Budget(900, 1000)}), ["acme crm quota"]),
    ],
)
def test_what_is_wrong(seen: picture.One, keys: list[str]) -> None:
    limits = models.Alerts()
    found = alerts.conditions(picture.Picture(NOW, [seen]), lambda _: limits, NOW - timedelta(hours=1))
    assert list(found) == keys


class Deaf:
    """A channel that takes nothing until it is told to."""

    id, name = "deaf", "deaf"

    def __init__(self) -> None:
        self.tries, self.hears = 0, False
        self.heard: list[str] = []

    def send(self, title: str, body: str) -> bool:
        self.tries += 1
        if self.hears:
            self.heard.append(body)
        return self.hears


def test_a_channel_that_fails_is_tried_again_with_growing_pauses_and_misses_nothing() -> None:
    deaf = Deaf()
    told = alerts.Alerts([deaf], InMemory())
    for seconds in range(0, 3600, 10):
        told.look({"a": "it began"}, NOW + timedelta(seconds=seconds))
    assert 4 < deaf.tries < 12
    deaf.hears = True
    told.look({"a": "it began", "b": "this, too"}, NOW + timedelta(hours=2))
    assert deaf.heard == ["it began\nthis, too"]
    told.look({"b": "this, too"}, NOW + timedelta(hours=3))
    assert deaf.heard[1:] == ["over: it began (since 2026-11-25T12:00 UTC)"]
    told.look({"a": "it began", "b": "this, too"}, NOW + timedelta(hours=4))
    assert deaf.heard[2:] == ["it began"], "what comes back is told again"
