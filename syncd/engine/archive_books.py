"""The books of an archive of recordings: manifest.jsonl, a line for each file that is whole, and SHA256SUMS.

A file counts as whole once its line is in the manifest, which is written after the file is durable. A line that was
torn by a crash is dropped; its file is fetched again. SHA256SUMS is made from the manifest.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from syncd.engine.download import sync_folder
from syncd.sdk import errors

MANIFEST = "manifest.jsonl"
SUMS = "SHA256SUMS"
_LOCK = ".lock"
_LEFT = re.compile(r"\.(\d{8}-\d{6}_.+_.+|manifest\.jsonl|SHA256SUMS)\.part")  # of an archive, and of nobody else
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: of which client, call, lead and recording; its path below the archive; bytes; SHA-256 (hex)."""

    client: str
    call: str
    lead: str
    recording: str
    recorded_at: str
    file: str
    size: int
    sha256: str

    @property
    def key(self) -> Key:
        """What tells recordings apart: a rebuilt dialer numbers them anew, and two dialers number them alike."""
        return self.client, self.recording, self.recorded_at


class Books:
    """The entries by key, and the manifest that they stand in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / MANIFEST
        self.entries = {entry.key: entry for entry in read(folder)} if self._path.exists() else {}
        self._rewrite()

    def has(self, key: Key) -> bool:
        """Whether the file of this recording is there, as far as its size tells."""
        entry = self.entries.get(key)
        if entry is None:
            return False
        try:
            return (self.folder / entry.file).stat().st_size == entry.size
        except OSError:
            return False

    def add(self, entry: Entry) -> None:
        """Note a file that is durable. Raises OSError; then nothing is noted."""
        line = json.dumps(asdict(entry), ensure_ascii=False) + "\n"
        with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_APPEND), "ab") as manifest:
            end = manifest.seek(0, os.SEEK_END)
            try:
                manifest.write(line.encode())
                manifest.flush()
                os.fsync(manifest.fileno())
            except OSError:
                os.truncate(self._path, end)
                raise
        self.entries[entry.key] = entry

    def sum_up(self) -> None:
        """Write SHA256SUMS. Raises OSError; then the one before stands."""
        _replace(self.folder / SUMS, "".join(f"{one.sha256}  {one.file}\n" for one in self.entries.values()))

    def _rewrite(self) -> None:
        """Both files as the entries say: without torn lines and those of files that were fetched anew."""
        lines = (json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in self.entries.values())
        _replace(self._path, "".join(lines))
        self.sum_up()


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def opened(folder: Path) -> Iterator[Books]:
    """The books of an archive, for one process at a time; what an earlier one left half-done is removed. Raises
    UserError."""
    lock = -1
    try:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(folder / _LOCK, os.O_WRONLY | os.O_CREAT, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in folder.rglob(".*.part"):
                if _LEFT.fullmatch(left.name):
                    left.unlink()
            books = Books(folder)
        except BlockingIOError:
            problem = errors.Problem("another process is filling this archive", str(folder), "wait until it is done")
            raise errors.UserError([problem]) from None
        except OSError as error:
            problem = errors.Problem(f"the archive cannot be written: {error.strerror}", str(folder), "mend that")
            raise errors.UserError([problem]) from None
        yield books
    finally:
        if lock >= 0:
            os.close(lock)


def read(folder: Path) -> list[Entry]:
    """The whole lines of the manifest. Raises UserError where there is none, or one cannot be read."""
    path = folder / MANIFEST
    names = {one.name for one in fields(Entry)}
    found: list[Entry] = []
    try:
        *lines, _torn = path.read_text("utf-8").split("\n")
        for line in lines:
            told = json.loads(line)
            found.append(Entry(**{name: told[name] for name in names}))
    except OSError as error:
        raise errors.UserError([errors.Problem(f"no archive: {error.strerror}", str(path))]) from None
    except (ValueError, KeyError, TypeError):
        problem = errors.Problem(
            "this line is none of a manifest", f"{path}:{len(found) + 1}", "remove it, then fetch again"
        )
        raise errors.UserError([problem]) from None
    return found


@dataclass(frozen=True, slots=True)
class Wrong:
    """A file that is not as the manifest says."""

    file: str
    what: str


def verify(folder: Path) -> tuple[int, list[Wrong]]:
    """How many files the manifest names, and those that are not as it says. Raises UserError."""
    entries = {entry.file: entry for entry in read(folder)}
    found = [Wrong(file, what) for file, entry in entries.items() if (what := _wrong(folder / file, entry))]
    try:
        sums = (folder / SUMS).read_text("utf-8").splitlines()
    except OSError as error:
        return len(entries), [*found, Wrong(SUMS, f"cannot be read: {error.strerror}")]
    for line in sums:
        digest, _, file = line.partition("  ")
        if file not in entries or entries[file].sha256 != digest:
            found.append(Wrong(SUMS, f"says otherwise than {MANIFEST} of {file}"))
    return len(entries), found


def _wrong(path: Path, entry: Entry) -> str:
    try:
        if path.stat().st_size != entry.size:
            return f"has {path.stat().st_size} bytes instead of {entry.size}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if digest == entry.sha256 else "has another SHA-256"
