"""A simulator as a server: connections, workers, counters, and what a fault does to a request.

A simulator is a subclass that has the rules: how a request reads (`read`), what it does and answers (`respond`), its
own faults (`fault`) and its own commands of the control door (`commands`).
"""

import abc
import contextlib
import dataclasses
import ipaddress
import socket
import threading
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from . import control, faults, wire
from .wire import Connection, HttpAnswer, HttpRequest
from .workers import Workers

D = TypeVar("D")
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
class Asked(Generic[D]):
    """A request as its simulator reads it. `name` is what it is counted under, `detail` what the simulator needs."""

    request: HttpRequest
    name: str
    is_write: bool
    detail: D
    shows_password: bool = False


class Server(abc.ABC, Generic[D]):
    """A running simulator. A context manager; `close()` ends it.

    `url`: where it listens. `lock`: hold it to look at the data while requests run (or use `/_sim/`).
    `service_ms`, `workers`: each request takes that long in one of so many workers (0: no limit). Raise ValueError for
    a wrong argument, OSError if the port is taken.
    """

    def __init__(
        self,
        lock: threading.RLock,
        *,
        known_faults: faults.Known = faults.COMMON,
        fault_spec: str = "",
        seed: int = 0,
        service_ms: float = 0,
        workers: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        refuse_unless_loopback(host)
        self.lock = lock
        self.faults = faults.Plan(fault_spec, seed, known_faults)
        self.applied = threading.Condition(lock)
        self.hold_after_writes = 0
        self.released = threading.Event()
        self.stopping = threading.Event()
        self.functions: Counter[str] = Counter()
        self.in_flight = 0
        self.highest_in_flight = 0
        self.passwords_in_get = 0
        self.late_pending = 0
        self._workers = Workers(workers, service_ms / 1000)
        self._meter = threading.Lock()
        self._connections: set[Connection] = set()
        self._listening = threading.Event()
        self._address = (host, port)
        self._listener = self._listen()
        self._listening.set()
        self.port: int = self._listener.getsockname()[1]
        self._address = (host, self.port)
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, name="simulator", daemon=True)
        self._acceptor.start()

    # what a simulator adds

    @abc.abstractmethod
    def read(self, request: HttpRequest) -> Asked[D]:
        """What the faults, the counters and `respond` need to know of a request; nothing is applied."""

    @abc.abstractmethod
    def respond(self, asked: Asked[D]) -> HttpAnswer:
        """Apply a request and answer it; `lock` is held."""

    @abc.abstractmethod
    def adds(self) -> int:
        """How many records requests have created: what `hold` and `wait_for_adds` count."""

    def fault(self, kind: str, asked: Asked[D]) -> HttpAnswer:
        """The answer of a fault that only this simulator has; `lock` is not held."""
        raise NotImplementedError(kind)

    def commands(self) -> Mapping[str, control.Command]:
        """The commands of the control door."""
        return control.commands(self)

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
            connection.close_when_idle()
        self._later(seconds, self.listen_again)

    def listen_again(self) -> None:
        """End `refuse_for` now; no harm where it is over."""
        with self._meter:
            if self.stopping.is_set() or self._listening.is_set():
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
                if not self._serve(connection, request) or connection.closing:
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
            answer = control.answer(self.commands(), request)
            return connection.answer(answer, keep_alive=request.keep_alive)
        asked = self.read(request)
        with self._meter:
            self.functions[asked.name] += 1
            self.in_flight += 1
            self.highest_in_flight = max(self.highest_in_flight, self.in_flight)
            self.passwords_in_get += asked.shows_password
        try:
            return self._serve_api(connection, asked)
        finally:
            with self._meter:
                self.in_flight -= 1

    def _serve_api(self, connection: Connection, asked: Asked[D]) -> bool:
        rule = self.faults.draw(is_write=asked.is_write)
        if rule is None:
            return self._send(connection, asked, self._apply(asked))
        match rule.kind:
            case "reset_before":
                connection.reset()
            case "reset_after":
                self._apply(asked)
                connection.reset()
            case "timeout_before":
                connection.wait_for_close()
            case "timeout_after":
                self._apply(asked)
                connection.wait_for_close()
            case "late":
                self._apply_late(asked, rule.seconds)
                connection.reset()
            case "truncated":
                whole = self._apply(asked).to_bytes(keep_alive=True)
                head, _, body = whole.partition(b"\r\n\r\n")
                connection.sock.sendall(head + b"\r\n\r\n" + body[: len(body) // 2])
            case "slow":
                self.stopping.wait(rule.seconds)
                return self._send(connection, asked, self._apply(asked))
            case "refuse":
                answer = self._apply(asked)
                self.refuse_for(rule.seconds)
                connection.closing = True
                self._send(connection, asked, answer)
            case kind:
                return self._send(connection, asked, self._faulty_answer(kind, asked))
        return False

    def _faulty_answer(self, kind: str, asked: Asked[D]) -> HttpAnswer:
        match kind:
            case "error_after":
                return dataclasses.replace(self._apply(asked), status=500)
            case "error_503":
                return HttpAnswer(503, _UNAVAILABLE)
            case "html":
                return HttpAnswer(200, _HTML_PAGE)
            case "html_after":
                self._apply(asked)
                return HttpAnswer(200, _HTML_PAGE)
            case "empty":
                self._apply(asked)
                return HttpAnswer(200, b"")
            case "error_before":
                return HttpAnswer(500, b"")
            case _:
                return self.fault(kind, asked)

    def _apply(self, asked: Asked[D]) -> HttpAnswer:
        self._workers.serve()
        with self.lock:
            before = self.adds()
            answer = self.respond(asked)
            added = self.adds() > before
            must_hold = added and 0 < self.hold_after_writes <= self.adds()
            if added:
                self.applied.notify_all()
        if must_hold:
            self.released.wait()
        return answer

    def _apply_late(self, asked: Asked[D], seconds: float) -> None:
        with self.applied:
            self.late_pending += 1

        def apply() -> None:
            try:
                self._apply(asked)
            finally:
                with self.applied:
                    self.late_pending -= 1
                    self.applied.notify_all()

        self._later(seconds, apply)

    def _send(self, connection: Connection, asked: Asked[D], answer: HttpAnswer) -> bool:
        return connection.answer(answer, keep_alive=asked.request.keep_alive)

    # for tests and the control door

    def wait_for_adds(self, writes: int, timeout_seconds: float) -> int:
        """Wait until the API has inserted so many leads, at most so long; return how many it has inserted."""
        with self.applied:
            self.applied.wait_for(lambda: self.adds() >= writes or self.stopping.is_set(), timeout_seconds)
            return self.adds()

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
