"""`syncd dnc`: looks at a dialer's do-not-call lists, and changes them by hand; numbers come from standard input."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import cyclopts

from syncd.cli import session as sessions
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.core import phone
    from syncd.sdk import protocol

_ON_STDIN = "standard input, one number a line; a number is personal data and never stands in a command"


def mount(app: cyclopts.App) -> None:
    """Add the commands."""
    group = cyclopts.App(name="dnc", help="Do-not-call lists of a dialer: look, add, and take off by hand.")
    for command in (check, add, remove):
        sessions.add(group, command)
    app.command(group)


def check(client: str, /, *, session: sessions.Given) -> int:
    """Say for each number on standard input which do-not-call lists keep it from being dialled.

    Exit code 1 if any of them is listed.

    Example: syncd dnc check acme < numbers.txt

    Parameters
    ----------
    client
        The client.
    """
    found = _each(session, client, lambda dnc, number: dnc.dnc_listed(number.national, number.code))
    for line, lists in found:
        session.out.line(f"line {line}: {'on ' + ', '.join(lists) if lists else 'not listed'}")
    session.out.result([{"line": line, "lists": lists} for line, lists in found])
    return 1 if any(lists for _, lists in found) else 0


def add(
    client: str,
    /,
    *,
    list_: Annotated[tuple[str, ...], cyclopts.Parameter(name="--list")] = (),
    session: sessions.Given,
) -> int:
    """Put each number on standard input on do-not-call lists.

    Example: echo 7275550100 | syncd dnc add acme

    Parameters
    ----------
    client
        The client.
    list_
        `system` or a campaign; may be repeated. Else the lists that opt-outs go to.
    """

    def put(dnc: protocol.KeepsDnc, number: phone.Phone) -> list[str]:
        lists = list(list_ or dnc.dnc_lists())
        dnc.dnc_add(number.national, lists)
        return lists

    found = _each(session, client, put)
    session.out.line(f"{len(found)} number{' is' if len(found) == 1 else 's are'} on the lists now")
    session.out.result([{"line": line, "lists": lists} for line, lists in found])
    return 0


def remove(
    client: str,
    /,
    *,
    why: str,
    list_: Annotated[tuple[str, ...], cyclopts.Parameter(name="--list")] = (),
    session: sessions.Given,
) -> int:
    """Take each number on standard input off do-not-call lists; who, when and why is recorded in the state store.

    syncd never does this by itself. Area-code entries are VICIdial's administrators'.

    Example: echo 7275550100 | syncd dnc remove acme --why "asked for it in writing, case 123"

    Parameters
    ----------
    client
        The client.
    why
        The reason, for the record. Write no number into it.
    list_
        `system` or a campaign; may be repeated. Else the lists that opt-outs go to.
    """
    if not why.strip():
        raise errors.UserError([errors.Problem("--why is empty", fix="say why the number may be dialled again")])
    settings = session.settings()
    from syncd.store import by_hand

    with session.store(settings) as db:

        def take(dnc: protocol.KeepsDnc, number: phone.Phone) -> list[str]:
            lists = list(list_ or dnc.dnc_lists())
            digest = db.hashes().value(number.code + number.national)
            with by_hand.noted(db, client, digest, what="dnc-removed", who=getpass.getuser(), why=why.strip()) as note:
                note.done = dnc.dnc_remove(number.national, lists)
            return list(note.done)

        found = _each(session, client, take)
    for line, lists in found:
        session.out.line(f"line {line}: {'taken off ' + ', '.join(lists) if lists else 'was not listed'}")
    session.out.result([{"line": line, "lists": lists} for line, lists in found])
    return 0


def _each(
    session: sessions.Session,
    client: str,
    work: Callable[[protocol.KeepsDnc, phone.Phone], list[str]],
) -> list[tuple[int, list[str]]]:
    """`work` on each number of standard input: (line, what it returned). All are read before anything is done."""
    settings = session.settings()
    from syncd.core import phone
    from syncd.daemon import setup
    from syncd.sdk import protocol

    if sys.stdin.isatty():
        sys.stderr.write("Numbers, one a line; end with Ctrl-D:\n")
    region = settings.clients[setup.named(client, list(settings.clients), "client")].phone_region
    numbers: list[tuple[int, phone.Phone]] = []
    problems: list[errors.Problem] = []
    for line, text in enumerate(sys.stdin.read().splitlines(), 1):
        if not text.strip():
            continue
        try:
            numbers.append((line, phone.parse(text.strip(), region)))
        except phone.NotDialable as error:
            problems.append(errors.Problem(str(error), f"standard input, line {line}", "correct it; nothing was done"))
    if problems:
        raise errors.UserError(problems)
    if not numbers:
        raise errors.UserError([errors.Problem("no number was given", fix=_ON_STDIN)])
    with setup.clients(settings, [client]) as clients:
        dialer = clients[0].dialer
        if not isinstance(dialer, protocol.KeepsDnc):
            raise errors.UserError(f"the dialer of {client} has no do-not-call lists that syncd can change")
        done = []
        for line, number in numbers:
            try:
                done.append((line, work(dialer, number)))
            except errors.UserError:
                raise
            except errors.SyncdError as error:
                fix = error.fix if isinstance(error, errors.AuthFailed) else "look, then repeat it from this line on"
                before = f"; the {len(done)} before it are done" if done else ""
                raise errors.UserError([errors.Problem(f"{error}{before}", f"line {line}", fix)]) from None
    return done
