"""`syncd stats`: how calls are going just now, once or again and again."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts

from syncd.cli import output
from syncd.cli import session as sessions
from syncd.sdk import errors

if TYPE_CHECKING:
    from rich.live import Live

    from syncd.engine.parts import Client
    from syncd.sdk import protocol
    from syncd.store.database import Database

FINE, UNREACHABLE = 0, 1
WATCH_SECONDS = 30.0
_COLUMNS = (
    "group", "leg", "waiting", "available", "logged in", "in calls", "paused", "abandoned", "answered in",
    "calls today",
)  # fmt: skip


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, stats)


def stats(
    client: str,
    seconds: Annotated[float | None, cyclopts.Parameter(validator=cyclopts.validators.Number(gte=1, lte=86400))] = None,
    /,
    *,
    watch: bool = False,
    session: sessions.Given,
) -> int:
    """Show how a client's calls are going just now: who waits, who is there to answer, what came of today's calls.

    An empty cell is a figure that the dialer does not tell. Exit codes: 0 fine, with --watch also when you end it with
    Ctrl-C; 1 the dialer could not be reached; 2 you must act: a login or permission is refused.

    Example: syncd stats acme --watch 10

    Parameters
    ----------
    client
        The client.
    seconds
        With --watch: the time between two looks, 30 unless you say so.
    watch
        Look again and again.
    """
    if seconds is not None and not watch:
        raise errors.UserError([errors.Problem("the time between two looks goes with --watch", fix="add --watch")])
    settings = session.settings()
    from syncd.daemon import logs, setup
    from syncd.engine import statistics

    logs.configure(shape="console", level="warning")
    with setup.clients(settings, [client]) as clients, session.store(settings) as db:
        statistics.telling(clients[0])
        looks = _Looks(db, clients[0])
        if not watch:
            return _once(looks, session.out)
        try:
            with _screen(session.out) as screen:
                while True:
                    _show(looks, looks.take(), session.out, screen)
                    time.sleep(WATCH_SECONDS if seconds is None else seconds)
        except KeyboardInterrupt:
            return FINE


class _Looks:
    """Looks at one client's far side, and remembers when it told something."""

    def __init__(self, db: Database, client: Client) -> None:
        self._db, self._client = db, client
        self.name = client.name
        self.told_at: datetime | None = None

    def take(self) -> Sequence[protocol.Statistics] | errors.SyncdError:
        """What it tells, or why it tells nothing now. Raises UserError where that needs a person."""
        from syncd.engine import statistics

        try:
            found = statistics.read(self._db, self._client)
        except errors.UserError:
            raise
        except errors.AuthFailed as error:
            raise errors.UserError([errors.Problem(str(error), f"clients.{self.name}", error.fix)]) from None
        except errors.SyncdError as error:
            return error
        self.told_at = datetime.now(UTC)
        return found


def _once(looks: _Looks, out: output.Output) -> int:
    found = looks.take()
    _show(looks, found, out, None)
    return UNREACHABLE if isinstance(found, errors.SyncdError) else FINE


def _show(
    looks: _Looks, found: Sequence[protocol.Statistics] | errors.SyncdError, out: output.Output, screen: Live | None
) -> None:
    """Print a look; of a far side that tells nothing no numbers, but how old those are that it told."""
    now = datetime.now(UTC)
    clock = now.astimezone().strftime("%H:%M:%S")
    if isinstance(found, errors.SyncdError):
        age = (now - looks.told_at).total_seconds() if looks.told_at else None
        last = f"the last reading is {output.span(age)} old" if age is not None else "there is no reading yet"
        text = f"{clock}  {looks.name}: no statistics, {last}: {found}"
        if screen is not None:
            from rich.text import Text

            screen.update(Text(text), refresh=True)
        elif not out.as_json:
            print(text, flush=True)
        seconds = round(age, 1) if age is not None else None
        told: dict[str, Any] = {"at": looks.told_at, "age_seconds": seconds, "groups": None, "problem": str(found)}
    else:
        title, rows = f"{clock}  {looks.name}", [_row(one) for one in found]
        if screen is not None:
            from rich.console import Group
            from rich.text import Text

            screen.update(Group(Text(title), output.drawn(_COLUMNS, rows)), refresh=True)
        else:
            out.line(title)
            out.table(_COLUMNS, rows)
            sys.stdout.flush()
        told = {"at": looks.told_at, "age_seconds": 0.0, "groups": found, "problem": ""}
    out.result({"client": looks.name, **told})


def _row(one: protocol.Statistics) -> list[str]:
    percent = "" if one.abandon_percent is None else f"{one.abandon_percent:.1f}%"
    speed = "" if one.answer_seconds is None else f"{one.answer_seconds:.0f}s"
    live = (one.calls_waiting, one.agents_available, one.agents_logged_in, one.agents_in_calls, one.agents_paused)
    return [one.group, one.leg, *map(_number, live), percent, speed, _number(one.calls_today)]


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


@contextmanager
def _screen(out: output.Output) -> Iterator[Live | None]:
    """A part of the terminal that is drawn anew; None where lines are printed instead."""
    if out.as_json or not sys.stdout.isatty():
        yield None
        return
    from rich.live import Live

    with Live(auto_refresh=False) as live:
        yield live
