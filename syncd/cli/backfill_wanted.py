"""What `syncd backfill` is asked for: times as people write them, ids from a file."""

from __future__ import annotations

import re
import sys
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.config import models
    from syncd.engine import parts
    from syncd.store import backfill as stored

_BACK = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|w)")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


def wanted(
    settings: models.Settings,
    client: parts.Client,
    pipeline: str,
    since: str | None,
    until: str | None,
    ids: str | None,
) -> stored.Wanted:
    """What is to be stored. Raises UserError."""
    from syncd.store import backfill as stored

    pipe = next(one for one in client.pipelines if one.name == pipeline)
    if since is None and ids is None:
        raise errors.UserError([errors.Problem("--since is missing", fix="say from when on, for example --since 7d")])
    named = _ids(ids) if ids is not None else None
    source = client.connector(pipe.source.role)
    if not source.streams[pipe.source.stream].readable:
        problem = errors.Problem(f"{pipeline} has no past to read: it looks at every lead in turn", fix="leave it be")
        raise errors.UserError([problem])
    if named is not None and source.streams[pipe.source.stream].parent is not None:
        problem = errors.Problem(f"{pipe.source} cannot be read by id", "--ids", "use --since and --until")
        raise errors.UserError([problem])
    try:
        now = source.clock()
    except (errors.AuthFailed, errors.RetryLater, errors.QuotaExhausted, errors.Ambiguous) as error:
        raise errors.UserError(
            [errors.Problem(str(error), f"{client.name} {pipe.source}", "try again later")]
        ) from None
    name = settings.clients[client.name].time_zone
    zone = ZoneInfo(name) if name else ZoneInfo("UTC")
    begin = instant(since, "--since", zone, now) if since is not None else None
    end = min(now, instant(until, "--until", zone, now, end_of_day=True)) if until is not None else now
    if begin is not None and begin > end:
        raise errors.UserError([errors.Problem("--since is after --until, or not yet", fix="give an earlier one")])
    version = pipe.version if until is None and named is None else ""
    return stored.Wanted(client.name, pipeline, str(pipe.source), begin, end, named, version)


def instant(text: str, option: str, zone: ZoneInfo, now: datetime, *, end_of_day: bool = False) -> datetime:
    """A date, an instant or a duration back as an instant in UTC; a date is its first moment in `zone`, or its last.
    Raises UserError."""
    text = text.strip()
    try:
        if back := _BACK.fullmatch(text):
            return now - timedelta(seconds=float(back[1]) * _UNITS[back[2]])
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = date.fromisoformat(text) + timedelta(days=int(end_of_day))
            first = datetime.combine(day, wall_time(), zone).astimezone(UTC)
            return first - timedelta(microseconds=int(end_of_day))
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        fix = "write a date (2026-11-20), an instant (2026-11-20T15:00:00-05:00) or how far back (7d, 12h)"
        raise errors.UserError([errors.Problem("not a time", option, fix)]) from None


def _ids(place: str) -> dict[str, int]:
    try:
        text = sys.stdin.read() if place == "-" else Path(place).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise errors.UserError([errors.Problem(f"the ids cannot be read: {why}", place)]) from None
    found: dict[str, int] = {}
    # read_text has made line feeds of CRLF; splitlines would also end lines at characters that no editor counts
    for line, one in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if "\0" in one:
            raise errors.UserError([errors.Problem(f"line {line} has a NUL character in it", place, "remove it")])
        if one.strip():
            found.setdefault(one.strip(), line)
    if not found:
        raise errors.UserError([errors.Problem("there are no ids", place, "one id a line")])
    return found
