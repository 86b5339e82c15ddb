"""HTTP for connectors: pooled connections, time-outs, the fence, and errors by what they mean.

A thin layer over urllib3: it adds the fence before each request, never retries by itself (only the engine knows
whether a request may be repeated), and turns transport errors into the classes of `sdk.errors`. Text of requests and
answers never gets into an exception.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
)

from syncd.sdk import errors, fence

_T = TypeVar("_T")
_R = TypeVar("_R")

_NOT_SENT = (NewConnectionError, ConnectTimeoutError, NameResolutionError)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whole: status, headers (lower-case names) and body bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def text(self) -> str:
        """The body as UTF-8; bytes that are not become U+FFFD."""
        return self.body.decode("utf-8", "replace")


class HttpClient:
    """Requests to one server.

    `connect_seconds` and `read_seconds` bound one request; `connections` is how many may be open at once. A request
    waits for a free connection at most `read_seconds`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connections: int = 4,
        connect_seconds: float = 5.0,
        read_seconds: float = 30.0,
        ca_file: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            what = "not an http(s) address"
            raise errors.UserError([errors.Problem(what, "url", "write it like https://crm.example.com")])
        if parts.username or parts.password:
            raise errors.UserError("an address must not hold a user or password; use the options for them")
        self.host = parts.hostname
        self.origin = f"{parts.scheme}://{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        self._prefix = parts.path.rstrip("/")
        self.timeout_seconds = connect_seconds + read_seconds
        pool: type[urllib3.HTTPConnectionPool] = urllib3.HTTPConnectionPool
        extra: dict[str, object] = {}
        if parts.scheme == "https":
            pool = urllib3.HTTPSConnectionPool
            extra = {"ca_certs": ca_file} if ca_file else {}
        self._pool = pool(
            parts.hostname,
            parts.port,
            maxsize=connections,
            block=True,
            timeout=urllib3.Timeout(connect=connect_seconds, read=read_seconds),
            retries=False,
            headers=dict(headers or {}),
            **extra,  # type: ignore[arg-type]  # only HTTPSConnectionPool takes ca_certs
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and read the whole answer.

        Raises RetryLater where nothing can have been applied (refused, name unknown, TLS, no free connection),
        Ambiguous where it may have been (reset, time-out while reading, broken answer), LeaseLost from the fence.
        """
        fence.check(self.timeout_seconds)
        try:
            answer = self._pool.request(
                method,
                self._prefix + path,
                body=body,
                headers={**self._pool.headers, **(headers or {})},
                redirect=False,
                pool_timeout=self.timeout_seconds,
            )
        except HTTPError as error:
            cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
            what = f"{self.host}: {type(cause).__name__}"
            if isinstance(cause, (*_NOT_SENT, SSLError, urllib3.exceptions.EmptyPoolError)):
                raise errors.RetryLater(what) from None
            raise errors.Ambiguous(what) from None
        lowered = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, lowered, answer.data)

    def close(self) -> None:
        """Close all idle connections."""
        self._pool.close()


def in_flight(work: Callable[[_T], _R], items: Iterable[_T], *, workers: int) -> list[_R]:
    """Run `work` over the items with up to `workers` at once and return the results in order.

    Each thread runs in a copy of this context, so the fence goes with it. A thread ends with the first exception of its
    items; once all threads have ended, one of the exceptions is raised."""
    todo = list(items)
    if workers <= 1 or len(todo) <= 1:
        return [work(item) for item in todo]
    results: dict[int, _R] = {}
    places = iter(range(len(todo)))  # taking from a range's iterator is one atomic step

    def take_turns() -> None:
        for place in places:
            results[place] = work(todo[place])

    # a thread takes item after item: handing each one over alone costs as much as half a request
    with ThreadPoolExecutor(max_workers=min(workers, len(todo))) as pool:
        futures = [pool.submit(contextvars.copy_context().run, take_turns) for _ in range(min(workers, len(todo)))]
    for future in futures:
        future.result()
    return [results[place] for place in range(len(todo))]
