"""`syncd recordings`: an archive of recordings for quality assurance, and whether it is still whole."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import cyclopts

from syncd.cli import session as sessions
from syncd.sdk import errors


def mount(app: cyclopts.App) -> None:
    """Add the commands."""
    group = cyclopts.App(name="recordings", help="An archive of the dialer's recordings.")
    for command in (fetch, verify):
        sessions.add(group, command)
    app.command(group)


def fetch(
    client: str,
    /,
    *,
    to: Path,
    since: str = "24h",
    until: str | None = None,
    campaign: tuple[str, ...] = (),
    status: tuple[str, ...] = (),
    agent: tuple[str, ...] = (),
    min_seconds: Annotated[int | None, cyclopts.Parameter(validator=cyclopts.validators.Number(gte=0))] = None,
    max_seconds: Annotated[int | None, cyclopts.Parameter(validator=cyclopts.validators.Number(gte=0))] = None,
    layout: str = "{campaign}/{date}",
    session: sessions.Given,
) -> int:
    """Bring the recordings of calls into folders, with manifest.jsonl and SHA256SUMS. What is there already stays.

    Only reads from the dialer; files get mode 0600 and names without phone numbers. What fails is told file by file,
    the others go on, and the next time only what is missing is fetched. Exit code 1 if any failed.

    Example: syncd recordings fetch acme --to /srv/qa --since 7d --status SALE --min-seconds 30

    Parameters
    ----------
    client
        The client; its dialer is asked.
    to
        The archive's folder; it is made if it is not there.
    since
        From when on calls began: a date, an instant, or how far back (7d, 12h).
    until
        Until when, else now. A date means its whole day.
    campaign
        Only calls of this campaign; may be repeated.
    status
        Only calls with this status; may be repeated.
    agent
        Only calls of this agent; may be repeated.
    min_seconds
        Only calls that took at least so long.
    max_seconds
        Only calls that took at most so long.
    layout
        Folders, of {campaign}, {agent}, {status}, {year}, {month}, {date} and {hour}, in the client's time zone.
    """
    settings = session.settings()
    from syncd.cli import backfill_wanted
    from syncd.daemon import logs, setup
    from syncd.engine import archive

    logs.configure(shape="console", level="warning")
    with setup.clients(settings, [client]) as clients:
        name = settings.clients[client].time_zone
        zone = ZoneInfo(name) if name else ZoneInfo("UTC")
        try:
            now = clients[0].dialer.clock()
            wanted = archive.Wanted(
                to,
                backfill_wanted.instant(since, "--since", zone, now),
                min(now, backfill_wanted.instant(until, "--until", zone, now, end_of_day=True)) if until else now,
                zone,
                layout,
                {"campaign": campaign, "status": status, "agent": agent},
                min_seconds,
                max_seconds,
            )
            if wanted.since > wanted.until:
                raise errors.UserError(
                    [errors.Problem("--since is after --until, or not yet", fix="give an earlier one")]
                )
            done = archive.fetch(clients[0], wanted)
        except errors.UserError:
            raise
        except errors.SyncdError as error:
            fix = error.fix if isinstance(error, errors.AuthFailed) else "try again later"
            raise errors.UserError([errors.Problem(str(error), f"{client} dialer.calls", fix)]) from None
    for failure in done.failed:
        session.out.line(f"failed: {failure.file or failure.call}: {failure.why}")
    told = {name: done.counts[name] for name in ("fetched", "present", "no_link", "no_recording")}
    words = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in told.items())
    session.out.line(f"{done.calls} calls: {words}, {len(done.failed)} failed")
    session.out.result({"calls": done.calls, **told, "failed": [asdict(one) for one in done.failed]})
    return 1 if done.failed else 0


def verify(folder: Path, /, *, session: sessions.Given) -> int:
    """Check each file of an archive against its size and SHA-256. Needs no configuration.

    Exit code 1 if any is missing or has changed. `sha256sum -c SHA256SUMS` in the folder does the same.

    Example: syncd recordings verify /srv/qa

    Parameters
    ----------
    folder
        The archive's folder.
    """
    from syncd.engine import archive_books

    files, wrong = archive_books.verify(folder)
    for one in wrong:
        session.out.line(f"wrong: {one.file}: {one.what}")
    session.out.line(f"{files} files, {len(wrong)} wrong")
    session.out.result({"files": files, "wrong": [asdict(one) for one in wrong]})
    return 1 if wrong else 0
