"""`syncd why`: the whole story of a record on both sides, and why it is not being dialled now."""

from __future__ import annotations

import sys
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import cyclopts

from syncd.cli import output
from syncd.cli import session as sessions
from syncd.sdk import errors

FOUND, UNKNOWN = 0, 1
STANDARD_INPUT = "-"


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, why)


def why(
    client: str,
    subject: Annotated[str, cyclopts.Parameter(allow_leading_hyphen=True)],
    /,
    *,
    as_: Annotated[Literal["crm", "lead", "call", "phone"] | None, cyclopts.Parameter(name="--as")] = None,
    show: bool = False,
    offline: bool = False,
    session: sessions.Given,
) -> int:
    """Tell the whole story of a record: read, mapped, skipped or held and why, screened, created, updated, called,
    written back; how both sides hold it now; and why it is not being dialled.

    Changes nothing. Other users of this machine can read arguments: give `-` for a phone number, and the number on
    standard input. Exit code 1 if nobody knows anything about it.

    Example: syncd why acme 00Q5e00000A1b2CEAR

    Parameters
    ----------
    client
        The client.
    subject
        An id of the CRM, of a lead or of a call, or a phone number; `-` reads them from standard input, one a line.
    as_
        What it is meant as; else whatever the store knows by it: a CRM id before a call before a lead before a phone.
    show
        Show phone numbers and values of fields, too: personal data.
    offline
        Ask neither the CRM nor the dialer.
    """
    no_option(subject, "why")
    settings = session.settings()
    from syncd.cli import why_telling
    from syncd.daemon import setup
    from syncd.engine import subjects
    from syncd.engine import why as whys
    from syncd.engine.run import Engine
    from syncd.store import streams

    setup.named(client, settings.clients, "client")
    zone_name = settings.clients[client].time_zone
    zone = ZoneInfo(zone_name) if zone_name else None
    texts = read() if subject == STANDARD_INPUT else [subject]
    with session.store(settings) as db, setup.clients(settings, [client], db=db) as clients:
        streams.bound(db, client, clients[0].identity)
        finder = subjects.Finder(db, clients[0], offline=offline)
        looker = whys.Looker(Engine(db), clients[0], offline=offline)
        told = []
        for line, text in enumerate(texts, 1):
            meant = finder.find(text, as_)
            if subject != STANDARD_INPUT and meant.kind == "phone":
                warn(client, "why")
            one = why_telling.Telling(
                client, line if subject == STANDARD_INPUT else None, meant, looker, zone, show=show
            )
            one.say(session.out)
            told.append(one.result())
    session.out.result({"client": client, "asked": told})
    return FOUND if all(one["found"] for one in told) else UNKNOWN


def no_option(subject: str, command: str) -> None:
    """Raise UserError for a subject that is an option which does not exist."""
    if subject.startswith("--"):
        fix = f"`syncd {command} --help` shows what there is"
        raise errors.UserError([errors.Problem(f"Unknown option: {subject}", fix=fix)])


def read() -> list[str]:
    """What stands on standard input, a text a line. Raises UserError where there is nothing."""
    if sys.stdin.isatty():
        sys.stderr.write("Ids or numbers, one a line; end with Ctrl-D:\n")
    texts = [line.strip() for line in sys.stdin.read().splitlines() if line.strip()]
    if not texts:
        raise errors.UserError([errors.Problem("nothing was given", fix="standard input: an id or a number a line")])
    return texts


def warn(client: str, command: str) -> None:
    """A number stood among the arguments."""
    output.problems(
        [
            errors.Problem(
                "other users of this machine can read a number among the arguments",
                fix=f"`syncd {command} {client} -` reads it from standard input",
                fatal=False,
            )
        ]
    )
