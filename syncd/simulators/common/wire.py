"""Just enough HTTP/1.1 over a socket: read a request, write an answer in one send."""

import base64
import binascii
import contextlib
import dataclasses
import http
import socket
import struct
import threading
from collections.abc import Mapping
from urllib.parse import unquote_plus

_MAX_HEADER_BYTES = 64 * 1024
_MAX_BODY_BYTES = 16 * 1024 * 1024
_REASONS = {status.value: status.phrase for status in http.HTTPStatus}
HTML = "text/html; charset=utf-8"
JSON = "application/json"


def _parameters(encoded: str, errors: str) -> list[tuple[str, str]]:
    """Like urllib.parse.parse_qsl, at half its cost: most values need no decoding."""
    found = []
    for part in encoded.split("&"):
        if part:
            name, _, value = part.partition("=")
            if "%" in part or "+" in part:
                name, value = unquote_plus(name, errors=errors), unquote_plus(value, errors=errors)
            found.append((name, value))
    return found


class BadRequest(Exception):
    """What arrived is no HTTP request that this server reads."""


@dataclasses.dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as received; header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool

    def posted(self, errors: str = "replace") -> list[tuple[str, str]]:
        """Parameters of the body. `errors`: what becomes of bytes that are not UTF-8."""
        return _parameters(self.body.decode("utf-8", errors), errors)

    def pairs(self, errors: str = "replace") -> list[tuple[str, str]]:
        """Parameters in PHP's precedence: those of the body first, those of the address last (the last one counts)."""
        return self.posted(errors) + _parameters(self.query, errors)

    def basic_login(self) -> tuple[str, str]:
        """User and password of HTTP Basic; empty texts if there are none."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return "", ""
        try:
            user, _, password = base64.b64decode(encoded).decode("utf-8", "replace").partition(":")
        except binascii.Error:
            return "", ""
        return user, password


@dataclasses.dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer; `headers` beside content type and length."""

    status: int
    body: bytes
    content_type: str = HTML
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def to_bytes(self, *, keep_alive: bool) -> bytes:
        """The answer as it is sent."""
        lines = [
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, '')}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
        ]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if not keep_alive:
            lines.append("Connection: close")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


class Connection:
    """A client's connection. `busy` while a request is being answered; `turn`: hold it to look at that and to close."""

    __slots__ = ("_buffer", "busy", "closing", "sock", "turn")

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.busy = False
        self.closing = False
        self.turn = threading.Lock()
        self._buffer = b""

    def read(self) -> HttpRequest | None:
        """The next request, or None once the client has closed; raise BadRequest or OSError."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _MAX_HEADER_BYTES:
                raise BadRequest("headers are too long")
            if not self._receive():
                return None
        self.busy = True
        head = self._buffer[:end].decode("latin-1").split("\r\n")
        try:
            method, target, version = head[0].split(" ")
        except ValueError:
            raise BadRequest("no request line") from None
        headers: dict[str, str] = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = self._length(headers)
        if headers.get("expect", "").lower() == "100-continue":
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        start = end + 4
        while len(self._buffer) < start + length:
            if not self._receive():
                return None
        body, self._buffer = self._buffer[start : start + length], self._buffer[start + length :]
        path, _, query = target.partition("?")
        keep_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        return HttpRequest(method, path, query, headers, body, keep_alive)

    def _receive(self) -> bool:
        chunk = self.sock.recv(65536)
        self._buffer += chunk
        return bool(chunk)

    @staticmethod
    def _length(headers: Mapping[str, str]) -> int:
        if "transfer-encoding" in headers:
            raise BadRequest("chunked bodies are not read here; send Content-Length")
        given = headers.get("content-length", "0")
        if not given.isdecimal() or int(given) > _MAX_BODY_BYTES:
            raise BadRequest("bad Content-Length")
        return int(given)

    def answer(self, answer: HttpAnswer, *, keep_alive: bool) -> bool:
        """Send an answer; return whether the connection stays open, which the answer tells the client. Once it has the
        answer the connection is idle: whoever closes it then does so before the client can ask again."""
        with self.turn:
            keep_alive = keep_alive and not self.closing
            self.sock.sendall(answer.to_bytes(keep_alive=keep_alive))
            self.busy = not keep_alive
        return keep_alive

    def close_when_idle(self) -> None:
        """Close it now, or once the request that is being answered has its answer."""
        with self.turn:
            self.closing = True
            if not self.busy:
                self.shut()

    def reset(self) -> None:
        """Close with RST instead of FIN, as a crashed server's kernel answers."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait_for_close(self) -> None:
        """Wait until the client gives up."""
        with contextlib.suppress(OSError):  # a reset is giving up too
            while self.sock.recv(65536):
                pass

    def shut(self) -> None:
        """Wake whoever reads this connection; it will find it closed."""
        with contextlib.suppress(OSError):  # the client may have been faster
            self.sock.shutdown(socket.SHUT_RDWR)
