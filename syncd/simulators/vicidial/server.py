"""The simulator as a server: connections, workers, and what a fault does to a request."""

import contextlib
import dataclasses
import ipaddress
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import agent, control, export, faults, nonagent, wire
from .wire import Connection, HttpAnswer, HttpRequest
from .world import World, load_state

PROFILES = ("stock", "guide")
_HTML_PAGE = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body>Proxy Error</body></html>\n"
_UNAVAILABLE = b"<html><head><title>503 Service Unavailable</title></head><body>Service Unavailable</body></html>\n"


def refuse_unless_loopback(host: str) -> None:
    """Raise ValueError unless a host is this machine's loopback address: the simulator has known passwords."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"--listen {host}: the simulator listens on a loopback address only, e.g. 127.0.0.1:0")


@dataclasses.dataclass(frozen=True, slots=True)
class _Call:
    """What the faults and counters need to know of an API request."""

    request: HttpRequest
    pairs: list[tuple[str, str]]
    function: str
    is_write: bool


class Simulator:
    """A running simulated VICIdial. A context manager; `close()` ends it.

    `url`: where it listens. `world`: its data (hold `world.lock`, or use `/_sim/`, while requests run).
    """

    def __init__(
        self,
        state: Mapping[str, Any] | Path | None = None,
        *,
        profile: str = "stock",
        fault_spec: str = "",
        seed: int = 0,
        service_ms: float = 0,
        workers: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        if profile not in PROFILES:
            raise ValueError(f"profile {profile!r}: one of {', '.join(PROFILES)} is expected")
        refuse_unless_loopback(host)
        self.guide = profile == "guide"
        self.world = World(load_state(state))
        self.faults = faults.Plan(fault_spec, seed)
        self.applied = threading.Condition(self.world.lock)
        self.hold_after_writes = 0
        self.released = threading.Event()
        self.stopping = threading.Event()
        self.functions: Counter[str] = Counter()
        self.in_flight = 0
        self.highest_in_flight = 0
        self.passwords_in_get = 0
        self.late_pending = 0
        self._service_seconds = service_ms / 1000
        self._workers = threading.BoundedSemaphore(workers) if workers else contextlib.nullcontext()
        self._meter = threading.Lock()
        self._connections: set[Connection] = set()
        self._listening = threading.Event()
        self._address = (host, port)
        self._listener = self._listen()
        self._listening.set()
        self.port: int = self._listener.getsockname()[1]
        self._address = (host, self.port)
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, name="vicidial-simulator", daemon=True)
        self._acceptor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and end every connection; requests that were to be applied late are dropped."""
        with self._meter:
            self.stopping.set()
            _shut(self._listener)
        self.released.set()
        self._listening.set()
        with self.applied:
            self.applied.notify_all()
        self._acceptor.join()
        self._listener.close()
        for connection in list(self._connections):
            connection.shut()

    # connections

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(self._address)
            listener.listen(1024)
        except OSError:
            listener.close()
            raise
        return listener

    def _accept(self) -> None:
        while not self.stopping.is_set():
            self._listening.wait()
            try:
                sock, _ = self._listener.accept()
            except OSError:
                continue  # refusing connections for a while, or stopping
            connection = Connection(sock)
            self._connections.add(connection)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def refuse_for(self, seconds: float) -> None:
        """Refuse new connections and end idle ones; listen again after some seconds."""
        self._listening.clear()
        _shut(self._listener)  # it stays bound, so that nobody else gets the port, and connections are refused
        for connection in list(self._connections):
            connection.closing = True
            if not connection.busy:
                connection.shut()
        self._later(seconds, self._listen_again)

    def _listen_again(self) -> None:
        with self._meter:
            if self.stopping.is_set():
                return
            bound, self._listener = self._listener, self._listen()
        bound.close()
        self._listening.set()

    def _later(self, seconds: float, action: Any) -> None:
        def wait() -> None:
            if not self.stopping.wait(seconds):
                action()

        threading.Thread(target=wait, daemon=True).start()

    def _converse(self, connection: Connection) -> None:
        try:
            while (request := connection.read()) is not None:
                keep_alive = self._serve(connection, request)
                connection.busy = False
                if not keep_alive or connection.closing:
                    break
        except wire.BadRequest as error:
            with contextlib.suppress(OSError):
                connection.sock.sendall(HttpAnswer(400, f"{error}\n".encode()).to_bytes(keep_alive=False))
        except OSError:
            pass  # the client has gone: nobody is left to tell
        finally:
            self._connections.discard(connection)
            connection.sock.close()

    # requests

    def _serve(self, connection: Connection, request: HttpRequest) -> bool:
        if request.path.startswith(control.PREFIX):
            answer = control.answer(self, request)
            connection.sock.sendall(answer.to_bytes(keep_alive=request.keep_alive))
            return request.keep_alive
        call = self._describe(request)
        with self._meter:
            self.functions[call.function] += 1
            self.in_flight += 1
            self.highest_in_flight = max(self.highest_in_flight, self.in_flight)
            self.passwords_in_get += "pass=" in request.query
        try:
            return self._serve_api(connection, call)
        finally:
            with self._meter:
                self.in_flight -= 1

    def _describe(self, request: HttpRequest) -> _Call:
        pairs = request.pairs()
        if request.path != nonagent.PATH:
            return _Call(request, pairs, request.path, is_write=False)
        parameters = dict(pairs)
        name = parameters.get("function", "")
        function = nonagent.table(guide=self.guide).get(name)
        # update_lead … no_update=Y only looks a lead up.
        is_write = function is not None and function.changes and parameters.get("no_update") != "Y"
        return _Call(request, pairs, name, is_write=is_write)

    def _serve_api(self, connection: Connection, call: _Call) -> bool:
        rule = self.faults.draw(is_write=call.is_write)
        if rule is None:
            return self._send(connection, call, self._apply(call))
        match rule.kind:
            case "reset_before":
                connection.reset()
            case "reset_after":
                self._apply(call)
                connection.reset()
            case "timeout_before":
                connection.wait_for_close()
            case "timeout_after":
                self._apply(call)
                connection.wait_for_close()
            case "late":
                self._apply_late(call, rule.seconds)
                connection.reset()
            case "truncated":
                whole = self._apply(call).to_bytes(keep_alive=True)
                head, _, body = whole.partition(b"\r\n\r\n")
                connection.sock.sendall(head + b"\r\n\r\n" + body[: len(body) // 2])
            case "slow":
                self.stopping.wait(rule.seconds)
                return self._send(connection, call, self._apply(call))
            case "refuse":
                answer = self._apply(call)
                self.refuse_for(rule.seconds)
                connection.closing = True
                self._send(connection, call, answer)
            case kind:
                return self._send(connection, call, self._faulty_answer(kind, call))
        return False

    def _faulty_answer(self, kind: str, call: _Call) -> HttpAnswer:
        match kind:
            case "error_after":
                return dataclasses.replace(self._apply(call), status=500)
            case "error_503":
                return HttpAnswer(503, _UNAVAILABLE)
            case "login_incorrect" | "locked":
                return self._login_refused(kind, call)
            case "html":
                return HttpAnswer(200, _HTML_PAGE)
            case "html_after":
                self._apply(call)
                return HttpAnswer(200, _HTML_PAGE)
            case "empty":
                self._apply(call)
                return HttpAnswer(200, b"")
            case _:
                return HttpAnswer(500, b"")

    @staticmethod
    def _login_refused(kind: str, call: _Call) -> HttpAnswer:
        parameters = dict(call.pairs)
        user, password = parameters.get("user", ""), parameters.get("pass", "")
        if call.request.path == export.PATH:
            user, password = call.request.basic_login()
            prefix, status = "", 401 if kind == "login_incorrect" else 200
        else:
            prefix, status = "ERROR: ", 200
        if kind == "locked":
            body = f"{prefix}Too many login attempts, try again in 15 minutes: |{user}|LOCK|\n"
        else:
            body = f"{prefix}Login incorrect, please try again: |{user}|{password}|BAD|\n"
        return HttpAnswer(status, body.encode())

    def _apply(self, call: _Call) -> HttpAnswer:
        with self._workers:
            if self._service_seconds:
                time.sleep(self._service_seconds)
            with self.world.lock:
                before = self.world.api_adds
                answer = self._route(call)
                added = self.world.api_adds > before
                must_hold = added and 0 < self.hold_after_writes <= self.world.api_adds
                if added:
                    self.applied.notify_all()
        if must_hold:
            self.released.wait()
        return answer

    def _route(self, call: _Call) -> HttpAnswer:
        match call.request.path:
            case nonagent.PATH:
                status, body = nonagent.answer(self.world, call.pairs, guide=self.guide)
                return HttpAnswer(status, body.encode())
            case export.PATH:
                return export.answer(self.world, call.pairs, call.request.basic_login())
            case agent.PATH:
                status, body = agent.answer(self.world, call.pairs, guide=self.guide)
                return HttpAnswer(status, body.encode())
            case _:
                return HttpAnswer(
                    404, b"<html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n"
                )

    def _apply_late(self, call: _Call, seconds: float) -> None:
        with self.applied:
            self.late_pending += 1

        def apply() -> None:
            try:
                self._apply(call)
            finally:
                with self.applied:
                    self.late_pending -= 1
                    self.applied.notify_all()

        self._later(seconds, apply)

    def _send(self, connection: Connection, call: _Call, answer: HttpAnswer) -> bool:
        keep_alive = call.request.keep_alive and not connection.closing
        connection.sock.sendall(answer.to_bytes(keep_alive=keep_alive))
        return keep_alive

    # for tests and the control door

    def wait_for_adds(self, writes: int, timeout_seconds: float) -> int:
        """Wait until the API has inserted so many leads, at most so long; return how many it has inserted."""
        with self.applied:
            self.applied.wait_for(lambda: self.world.api_adds >= writes or self.stopping.is_set(), timeout_seconds)
            return self.world.api_adds

    def wait_for_late(self, timeout_seconds: float) -> bool:
        """Wait until no request remains to be applied late; return whether that was reached."""
        with self.applied:
            return self.applied.wait_for(lambda: self.late_pending == 0, timeout_seconds)

    def hold(self, after_writes: int) -> None:
        """Once the API has inserted so many leads, withhold the answer of that request and later inserts; 0: never."""
        self.released.clear()
        self.hold_after_writes = after_writes

    def release(self) -> None:
        """Send the answers that are withheld, and withhold no more."""
        self.hold_after_writes = 0
        self.released.set()


def _shut(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may not be listening
        listener.shutdown(socket.SHUT_RDWR)


def serve(
    state: Mapping[str, Any] | Path | None = None,
    profile: str = "stock",
    faults: str = "",
    seed: int = 0,
    *,
    service_ms: float = 0,
    workers: int = 0,
    port: int = 0,
) -> Simulator:
    """Start a simulator on 127.0.0.1 and return it: `with serve() as sim: … sim.url`.

    `state`: as in `default_state.json`, a file of one, or None for the built-in one. `profile`: stock | guide.
    `faults`: see `faults.parse`. `service_ms`, `workers`: each API request takes that long in one of so many workers.
    Raise ValueError for a wrong argument, OSError if the port is taken.
    """
    return Simulator(
        state, profile=profile, fault_spec=faults, seed=seed, service_ms=service_ms, workers=workers, port=port
    )
