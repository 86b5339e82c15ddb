"""Download: one file from a link to a path, streamed, whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError

_CHUNK = 64 * 1024
_TRIES = 4  # of one file, as long as each brings more of it
_OF_PAGES = ("text/html", "application/json", "application/xhtml")  # old servers call unknown audio text/plain


class NotFetched(Exception):
    """A file was not fetched; says why, without the link."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was written: bytes and SHA-256 (hex)."""

    size: int
    sha256: str


class Downloads:
    """Downloads over kept-alive connections, one at a time, in constant memory."""

    def __init__(self, *, connect_seconds: float = 10.0, read_seconds: float = 60.0) -> None:
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=connect_seconds, read=read_seconds),
            retries=urllib3.Retry(total=3, connect=0, read=0, status=0, other=0, redirect=3),
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()

    def fetch(self, url: str, path: Path) -> Fetched:
        """Write the file behind the link to `path` (mode 0600, by way of a hidden file beside it that is never taken
        for the whole). A connection that breaks is taken up where it broke, if the server knows the file again.

        Raises NotFetched, and OSError where it cannot be written; then nothing is left."""
        part = path.with_name(f".{path.name}.part")
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            with os.fdopen(os.open(part, flags, 0o600), "wb") as file:
                fetched = _Transfer(self._pool, url, file).run()
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            sync_folder(path.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return fetched


class _Transfer:
    """One file on its way."""

    def __init__(self, pool: urllib3.PoolManager, url: str, file: BinaryIO) -> None:
        self._pool, self._url, self._file = pool, url, file
        self._size, self._sum = 0, hashlib.sha256()
        self._mark = ""  # of the file that the bytes so far are from

    def run(self) -> Fetched:
        for left in reversed(range(_TRIES)):
            before = self._size
            try:
                with self._asked() as answer:
                    self._take(answer)
                break
            except (HTTPError, OSError) as error:
                if isinstance(error, OSError) and not isinstance(error, (ConnectionError, TimeoutError)):
                    raise  # it cannot be written
                if left and self._size > before:
                    continue
                cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
                raise NotFetched(f"the connection broke ({type(cause).__name__})") from None
        if not self._size:
            raise NotFetched("the file is empty")
        return Fetched(self._size, self._sum.hexdigest())

    @contextmanager
    def _asked(self) -> Iterator[urllib3.BaseHTTPResponse]:
        if not self._mark:
            self._begin()
        headers = {"user-agent": "syncd", "accept-encoding": "identity"}
        if self._size:
            headers |= {"range": f"bytes={self._size}-", "if-range": self._mark}
        answer = self._pool.request("GET", self._url, headers=headers, preload_content=False)
        try:
            yield answer
        except BaseException:
            answer.close()
            raise
        answer.release_conn()

    def _begin(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._size, self._sum = 0, hashlib.sha256()

    def _take(self, answer: urllib3.BaseHTTPResponse) -> None:
        if answer.status == HTTPStatus.OK:
            self._begin()
        elif answer.status != HTTPStatus.PARTIAL_CONTENT or not self._size:
            raise NotFetched(_refused(answer.status))
        elif not answer.headers.get("content-range", "").startswith(f"bytes {self._size}-"):
            raise NotFetched("the server sends another part of the file than was asked for")
        if answer.headers.get("content-type", "").lower().startswith(_OF_PAGES):
            raise NotFetched("a web page came instead of audio")
        chunked = "chunked" in answer.headers.get("transfer-encoding", "").lower()
        if "content-length" not in answer.headers and not chunked:
            raise NotFetched("the server does not say how long the file is, so that nobody could tell a part from it")
        etag = answer.headers.get("etag", "")
        self._mark = "" if etag.startswith("W/") else etag
        for chunk in answer.stream(_CHUNK, decode_content=False):
            if not self._size and chunk.lstrip()[:1] == b"<":
                raise NotFetched("a web page came instead of audio")
            self._file.write(chunk)
            self._sum.update(chunk)
            self._size += len(chunk)


def _refused(status: int) -> str:
    if status == HTTPStatus.NOT_FOUND:
        return "the file is not there (HTTP 404)"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"the server asks for a login (HTTP {status})"
    return f"the server answers with HTTP {status}"


def sync_folder(folder: Path) -> None:
    """Make durable which files a folder has."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
