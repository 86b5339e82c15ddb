"""Archive: recordings of a stretch of calls into folders, for quality assurance. Neither side is changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from syncd.core import plan, recording
from syncd.engine import archive_books, download
from syncd.engine.parts import Client
from syncd.sdk import errors, protocol, records

LAYOUT = "{campaign}/{date}"
WORDS = ("campaign", "agent", "status", "year", "month", "date", "hour")
LOOKUPS = 25
_WORD = re.compile(r"\{([^{}]*)\}")
_PLAIN = re.compile(r"[^A-Za-z0-9._-]")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which recordings are wanted, and where they go. Empty collections mean all. Texts compare without case; seconds
    are the call's; `zone` is that of dates and times in names."""

    folder: Path
    since: datetime
    until: datetime
    zone: tzinfo
    layout: str = LAYOUT
    only: Mapping[str, Collection[str]] = field(default_factory=dict)
    min_seconds: int | None = None
    max_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What was not fetched: of which call, into which file ("" where no recording was found out), and why."""

    call: str
    file: str
    why: str


@dataclass(slots=True)
class Archived:
    """What was done: `fetched` and `present` files, calls with no recording or `no_link` yet, and what failed."""

    calls: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    failed: list[Failure] = field(default_factory=list)


def fetch(client: Client, wanted: Wanted) -> Archived:
    """Bring what is missing in the archive. A file that fails is told, and the others go on.

    Raises UserError, and what the dialer raises where its calls cannot be read."""
    finder = client.dialer
    if not isinstance(finder, protocol.FindsRecordings):
        problem = errors.Problem("this dialer does not tell of recordings", f"{client.name} dialer")
        raise errors.UserError([problem])
    _check(wanted, finder.recordings_words)
    done = Archived()
    downloads = download.Downloads()
    try:
        with archive_books.opened(wanted.folder) as books:
            try:
                for some in _batches(_calls(client, finder, wanted), LOOKUPS):
                    _some(client, finder, wanted, some, books, downloads, done)
            finally:
                try:
                    books.sum_up()
                except OSError as error:
                    done.failed.append(Failure("", archive_books.SUMS, f"cannot be written: {error.strerror}"))
    finally:
        downloads.close()
    return done


def _some(
    client: Client,
    finder: protocol.FindsRecordings,
    wanted: Wanted,
    some: Sequence[records.Record],
    books: archive_books.Books,
    downloads: download.Downloads,
    done: Archived,
) -> None:
    """Fetch what is missing of these calls."""
    done.calls += len(some)
    for call, found in zip(some, finder.recordings(some), strict=True):
        if isinstance(found, errors.SyncdError):
            done.failed.append(Failure(call.id, "", f"its recording cannot be looked up: {found}"))
            continue
        if not found:
            done.counts["no_recording"] += 1
        for one in found:
            _one(client, finder.recordings_words, wanted, call, one, books, downloads, done)


def _one(
    client: Client,
    words: Mapping[str, str],
    wanted: Wanted,
    call: records.Record,
    one: records.Record,
    books: archive_books.Books,
    downloads: download.Downloads,
    done: Archived,
) -> None:
    url = one.fields.get("url") or ""
    if not url:
        done.counts["no_link"] += 1
        return
    recorded_at = one.fields.get("started_at") or ""
    if books.has((client.name, one.id, recorded_at)):
        done.counts["present"] += 1
        return
    spec = client.dialer.streams["calls"]
    start = records.instant(call.fields.get(spec.occurred_field or "") or "")
    file = path_of(words, wanted, call, one, start)
    path = wanted.folder / file
    try:
        if not recording.is_link(url):
            raise download.NotFetched("its link is no http(s) address; add a rule to the dialer's options")
        for folder in reversed(path.relative_to(wanted.folder).parents[:-1]):
            (wanted.folder / folder).mkdir(mode=0o700, exist_ok=True)
        got = downloads.fetch(url, path)
        lead = call.fields.get(spec.parent[0] if spec.parent else "") or ""
        books.add(archive_books.Entry(client.name, call.id, lead, one.id, recorded_at, str(file), got.size, got.sha256))
        done.counts["fetched"] += 1
    except download.NotFetched as error:
        done.failed.append(Failure(call.id, str(file), str(error)))
    except OSError as error:
        done.failed.append(Failure(call.id, str(file), f"cannot be written: {error.strerror}"))


def _calls(client: Client, finder: protocol.FindsRecordings, wanted: Wanted) -> Iterator[records.Record]:
    """The ended calls that are wanted."""
    dialer, spec, words = client.dialer, client.dialer.streams["calls"], finder.recordings_words
    only = {words[word]: {text.casefold() for text in texts} for word, texts in wanted.only.items() if texts}
    length = spec.length_field or ""
    names = {*words.values(), length, spec.occurred_field or "", spec.flags_field or "", *(spec.parent or ())} - {""}
    for page in dialer.pull(
        "calls", records.Cursor(wanted.since), wanted.until, sorted({*names, *finder.recordings_by})
    ):
        for call in page.records:
            start = records.instant(call.fields.get(spec.occurred_field or "") or "")
            seconds = int(call.fields.get(length) or 0)
            if (
                wanted.since <= start <= wanted.until
                and "live" not in plan.flags_of(call, spec)
                and all((call.fields.get(name) or "").casefold() in texts for name, texts in only.items())
                and (wanted.min_seconds is None or seconds >= wanted.min_seconds)
                and (wanted.max_seconds is None or seconds <= wanted.max_seconds)
            ):
                yield call


def _batches(calls: Iterable[records.Record], size: int) -> Iterator[Sequence[records.Record]]:
    some: list[records.Record] = []
    for call in calls:
        some.append(call)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def _check(wanted: Wanted, words: Mapping[str, str]) -> None:
    """Raise UserError for a layout or a filter that cannot be used."""
    problems = [
        errors.Problem(f"this dialer's calls have no {word}", f"--{word}", "leave it out")
        for word, texts in wanted.only.items()
        if texts and word not in words
    ]
    known = [word for word in WORDS if word in words or word not in ("campaign", "agent", "status")]
    for word in _WORD.findall(wanted.layout):
        if word not in known:
            shown = ", ".join(f"{{{one}}}" for one in known)
            problems.append(errors.Problem(f"there is no {{{word}}}", "--layout", f"use {shown}"))
    rest = _WORD.sub("x", wanted.layout)
    if any(_PLAIN.search(part) or part.startswith(".") for part in rest.split("/")):
        fix = "write words and folders, for example {campaign}/{date}; letters, digits, . _ and - may stand between"
        problems.append(errors.Problem("this is no layout of folders", "--layout", fix))
    if problems:
        raise errors.UserError(problems)


def path_of(
    words: Mapping[str, str], wanted: Wanted, call: records.Record, one: records.Record, start: datetime
) -> PurePosixPath:
    """Where a recording goes below the archive. The dialer's own names of files hold the number that was called, so
    that a file is named after the call's time, agent and id, and the recording's id."""
    local = start.astimezone(wanted.zone)
    told = {word: _plain(call.fields.get(name) or "") for word, name in words.items()}
    told |= {"year": f"{local:%Y}", "month": f"{local:%Y-%m}", "date": f"{local:%Y-%m-%d}", "hour": f"{local:%H}"}
    folders = _WORD.sub(lambda found: told[found[1]], wanted.layout).strip("/")
    agent = _plain(one.fields.get("user") or "") if one.fields.get("user") else told.get("agent", "none")
    suffix = PurePosixPath(urlsplit(one.fields.get("url") or "").path).suffix.lower()
    name = f"{local:%Y%m%d-%H%M%S}_{agent}_{told.get('unique', 'call')}_{_plain(one.id)}"
    return PurePosixPath(folders, name + (suffix if _SUFFIX.fullmatch(suffix) else ""))


def _plain(text: str) -> str:
    """A text as part of a path: nothing that leads elsewhere, hides a file or needs quoting."""
    return _PLAIN.sub("_", text).lstrip(".")[:60] or "none"
