"""`syncd export-person`: all that is held of a person, into a file, for somebody who asks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts

from syncd.cli import erase, output
from syncd.cli import session as sessions
from syncd.cli import why as whys
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.engine import subjects

FOUND, UNKNOWN = 0, 1


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, export_person, "export-person")


def export_person(
    client: str,
    subject: erase.Subject,
    /,
    *,
    to: Annotated[Path, cyclopts.Parameter(help="A new file; only its owner can read it")],
    as_: erase.As = None,
    session: sessions.Given,
) -> int:
    """Write all that the state store, the CRM and the dialer hold of a person into a new JSON file.

    It holds personal data: names, numbers, links to recordings. Nothing of it is printed. What one of the systems does
    not tell is said in its `not_told`. Exit code 1 if nobody knows anything about the person.

    Example: syncd export-person acme 00Q5e00000A1b2CEAR --to person.json

    Parameters
    ----------
    client
        The client.
    subject
        An id of the CRM or of a lead, or a phone number; `-` reads one from standard input.
    as_
        What it is meant as; else whatever the store knows by it: a CRM id before a lead before a phone.
    """
    whys.no_option(subject, "export-person")
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.engine import subjects
    from syncd.engine.run import Engine
    from syncd.store import streams

    setup.named(client, settings.clients, "client")
    texts = whys.read() if subject == whys.STANDARD_INPUT else [subject]
    if len(texts) != 1:
        raise errors.UserError([errors.Problem("one person goes into one file", fix="give one id or number")])
    with session.store(settings) as db, setup.clients(settings, [client], db=db) as clients:
        streams.bound(db, client, clients[0].identity)
        meant = subjects.Finder(db, clients[0]).find(texts[0], as_, of=erase.KINDS)
        if subject != whys.STANDARD_INPUT and meant.kind == "phone":
            whys.warn(client, "export-person")
        found = _exported(Engine(db), clients[0], meant) if meant.is_known or meant.number else {}
    if not found:
        session.out.line("nobody knows anything by it; no file was written")
        for line in meant.looked:
            session.out.line(f"  {line}")
        session.out.result({"client": client, "file": None, "looked": meant.looked})
        return UNKNOWN
    _write(to, found)
    session.out.line(f"written to {to}, for its owner alone to read; it holds personal data")
    for line in found["not_told"]:
        session.out.line(f"  not told: {line}")
    session.out.result({"client": client, "file": str(to), "not_told": found["not_told"]})
    return FOUND


def _exported(engine: Any, client: Any, meant: subjects.Meant) -> dict[str, Any]:
    from syncd.engine import exporting

    try:
        return exporting.of(engine, client, meant)
    except errors.UserError:
        raise
    except errors.SyncdError as error:
        fix = error.fix if isinstance(error, errors.AuthFailed) and error.fix else "try again later"
        raise errors.UserError([errors.Problem(f"no file was written: {error}", client.name, fix)]) from None


def _write(to: Path, found: dict[str, Any]) -> None:
    """A new file that only its owner can read. Raises UserError where it cannot be made."""
    try:
        number = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        problem = errors.Problem("the file exists already", str(to), "name a new one; nothing is overwritten")
        raise errors.UserError([problem]) from None
    except OSError as error:
        raise errors.UserError([errors.Problem(f"the file cannot be made: {error.strerror}", str(to))]) from None
    with os.fdopen(number, "w", encoding="utf-8") as file:
        json.dump(output.plain(found), file, ensure_ascii=False, indent=2)
        file.write("\n")
