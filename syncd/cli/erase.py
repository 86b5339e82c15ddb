"""`syncd erase`: removes a person from the dialer and the state store for good; `syncd erased`: what became of that."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import cyclopts

from syncd.cli import alone, output
from syncd.cli import session as sessions
from syncd.cli import why as whys
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.engine import erasing, parts, persons, subjects
    from syncd.engine.run import Engine
    from syncd.store import erasures
    from syncd.store.database import Database

DONE, UNFINISHED = 0, 1
_AT_REST_SECONDS = 60.0
_WAIT_SECONDS = 180.0
KINDS: tuple[Literal["crm", "lead", "phone"], ...] = ("crm", "lead", "phone")
As = Annotated[Literal["crm", "lead", "phone"] | None, cyclopts.Parameter(name="--as")]
Subject = Annotated[str, cyclopts.Parameter(allow_leading_hyphen=True)]


def mount(app: cyclopts.App) -> None:
    """Add the commands."""
    sessions.add(app, erase)
    group = cyclopts.App(name="erased", help="People who were erased: what is unfinished, and what is left by hand.")
    for command in (list_, finish, confirm, lift):
        sessions.add(group, command, command.__name__.rstrip("_"))
    app.command(group)


def erase(
    client: str,
    subject: Subject,
    /,
    *,
    as_: As = None,
    also_phone: bool = False,
    and_dnc: bool = False,
    no_dnc: bool = False,
    yes: bool = False,
    session: sessions.Given,
) -> int:
    """Erase a person: their leads with callbacks, hopper entries and custom values are deleted on the dialer, and
    everything in the state store. They do not come back with the next poll, nor as another CRM record with their phone.

    Shows what it is going to do, and asks. Interrupted, it goes on when it is run again; so does the daemon. At the end
    it prints what administrators have to delete by hand. Nothing is deleted in the CRM, and nobody is taken off a
    do-not-call list: being on one is what keeps the number from being dialled.

    Other users of this machine can read arguments: give `-` for a phone number, and the number on standard input. Exit
    code 1 if nobody knows anything about it, or the dialer's part is not done yet.

    Example: syncd erase acme 00Q5e00000A1b2CEAR

    Parameters
    ----------
    client
        The client.
    subject
        An id of the CRM or of a lead, or a phone number; `-` reads them from standard input, one a line.
    as_
        What it is meant as; else whatever the store knows by it: a CRM id before a lead before a phone.
    also_phone
        Delete leads that syncd has not made, too, if they have one of the person's phones.
    and_dnc
        Put the person's numbers on the do-not-call lists that opt-outs go to, before they are forgotten. Of somebody
        who opted out this is done anyway.
    no_dnc
        Do not, although the person opted out.
    yes
        Do not ask.
    """
    whys.no_option(subject, "erase")
    if and_dnc and no_dnc:
        raise errors.UserError([errors.Problem("--and-dnc and --no-dnc contradict each other", fix="say one of them")])
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.engine import erasing
    from syncd.store import streams

    setup.named(client, settings.clients, "client")
    texts = whys.read() if subject == whys.STANDARD_INPUT else [subject]
    dnc = True if and_dnc else False if no_dnc else None
    with session.store(settings) as db, setup.clients(settings, [client], db=db) as clients:
        streams.bound(db, client, clients[0].identity)
        erasing.eraser(clients[0])
        asked = _Asked(alone.engine(db, lambda: False), clients[0], as_, also_phone=also_phone, dnc=dnc)
        told = subject != whys.STANDARD_INPUT
        results = [_one(session, asked, text, ask=not yes, warn=told) for text in texts]
    session.out.result({"client": client, "erased": results})
    return DONE if all(one["state"] in ("by_hand", "done") for one in results) else UNFINISHED


class _Asked:
    """What an operator asks for, with what it takes."""

    def __init__(
        self, engine: Engine, client: parts.Client, as_: subjects.Kind | None, *, also_phone: bool, dnc: bool | None
    ) -> None:
        from syncd.engine import persons, subjects

        self.engine, self.client, self.as_ = engine, client, as_
        self.also_phone, self.dnc = also_phone, dnc
        self.finder = subjects.Finder(engine.db, client)
        self.persons = persons.Persons(engine, client)


def _one(session: sessions.Session, asked: _Asked, text: str, *, ask: bool, warn: bool) -> dict[str, Any]:
    from syncd.engine import erasing
    from syncd.store import erasures

    out, engine, client = session.out, asked.engine, asked.client
    before = erasures.of_tombstone(engine.db, client.name, asked.finder.digests(text))
    if before is not None and before.state == "open":
        out.line(f"{client.name}: erasure {before.id} of {_day(before)} was not finished; it goes on")
        return _to_the_end(session, asked, before.id)
    meant = asked.finder.find(text, asked.as_, of=KINDS)
    if warn and meant.kind == "phone":
        whys.warn(client.name, "erase")
    plan = _planned(asked, meant)
    if plan is None or (before is not None and not plan.leads and not plan.rows):
        if before is not None:
            out.line(f"{client.name}: erased already, on {_day(before)} by {before.created_by} (erasure {before.id})")
            return _shown(before)
        out.line(f"{client.name}: nobody knows anything by it")
        for line in meant.looked:
            out.line(f"  {line}")
        return {"state": "unknown", "looked": meant.looked}
    _say_plan(out, client.name, plan, forced=asked.dnc)
    for other in meant.also:
        out.line(f"  it is known as a {other} of somebody else, too: `--as {other}` would mean that")
    if ask:
        if not sys.stdin.isatty():
            problem = errors.Problem("nothing was done: nobody can be asked here", fix="say --yes if that is wanted")
            raise errors.UserError([problem])
        sys.stderr.write("Erase this person for good? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().casefold() not in ("y", "yes"):
            out.line("nothing was done")
            return {"state": "declined"}
    number = erasing.begin(engine, client, plan, by=alone.who(), wait_seconds=_AT_REST_SECONDS)
    return _to_the_end(session, asked, number)


def _planned(asked: _Asked, meant: subjects.Meant) -> erasing.Plan | None:
    """What is to be done; None where nobody knows anything by it. Raises UserError where one of the systems cannot be
    asked: then nothing is done."""
    from syncd.engine import erasing, subjects

    if not (meant.records or meant.leads or meant.number):
        return None
    if len(meant.records) >= subjects.MOST or len(meant.leads) >= subjects.MOST:
        problem = errors.Problem("too many have this phone for one person", fix="erase them by the ids of the CRM")
        raise errors.UserError([problem])
    try:
        person = asked.persons.look(meant)
        if not (person.crm or person.leads or person.strangers):
            return None
        plan = erasing.Plan(person, _lists(asked, person), asked.also_phone)
        plan.rows = erasing.counted(asked.engine, asked.client, person)
    except errors.UserError:
        raise
    except errors.SyncdError as error:
        fix = error.fix if isinstance(error, errors.AuthFailed) and error.fix else "try again later"
        raise errors.UserError([errors.Problem(f"nothing was done: {error}", asked.client.name, fix)]) from None
    return plan if person.crm or plan.leads else None


def _lists(asked: _Asked, person: persons.Person) -> Sequence[str]:
    """The do-not-call lists that get the numbers. Raises UserError where protection would be lost."""
    from syncd.sdk import protocol

    dialer = asked.client.dialer
    wanted = asked.dnc if asked.dnc is not None else person.opted_out
    if not wanted or not isinstance(dialer, protocol.KeepsDnc) or not person.phones:
        return ()
    if lists := dialer.dnc_lists():
        return list(lists)
    if all(dialer.dnc_listed(one.national, one.code) for one in person.phones):
        return ()
    what = "the dialer has no list that opt-outs go to (`opt_out_lists`), so nothing would keep the number out"
    fix = f"put it on one first (`syncd dnc add {asked.client.name} --list system`), then say --no-dnc; or name lists"
    raise errors.UserError([errors.Problem(what, asked.client.name, fix)])


def _say_plan(out: output.Output, client: str, plan: erasing.Plan, *, forced: bool | None) -> None:
    person = plan.person
    out.line(f"{client}: to be erased")
    for crm_id, record in person.crm.items():
        out.line(f"  CRM record {crm_id}" + ("" if record is not None else " (the CRM does not have it any more)"))
    out.line(f"  {len(plan.leads)} leads" + (f": {', '.join(plan.leads)}" if plan.leads else ""))
    out.line(f"  {len(person.phones)} phone numbers, {len(person.events)} calls and callbacks")
    out.line(f"  in the state store: {output.reasons(plan.rows) or 'nothing'}")
    if person.strangers and not plan.also_phone:
        which = ", ".join(person.strangers)
        out.line(f"  stays, unless you say --also-phone: leads with one of the phones that syncd has not made: {which}")
    if person.elsewhere:
        out.line(
            f"  stays: leads with one of the phones that syncd made for another client: {', '.join(person.elsewhere)}"
        )
    if person.others:
        out.line(f"  stays: other CRM records with one of the phones: {', '.join(person.others)}")
    if plan.lists:
        why = "" if forced else " (somebody opted out; --no-dnc leaves it out)"
        out.line(f"  the numbers go onto the do-not-call lists {', '.join(plan.lists)}{why}")
    elif person.opted_out and person.phones:
        out.line("  the person opted out, and the numbers go onto no do-not-call list")
    out.line("  nobody is taken off a do-not-call list; nothing is deleted in the CRM")


def _to_the_end(session: sessions.Session, asked: _Asked, number: int) -> dict[str, Any]:
    """Go on until it is done, fails, or waits for too long."""
    from syncd.engine import erasing

    out = session.out
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        one = erasing.go_on(asked.engine, asked.client, number)
        wait = (one.due_at - datetime.now(UTC)).total_seconds() if one.due_at is not None else 0.0
        if one.state != "open" or one.error or time.monotonic() + wait > deadline:
            break
        out.line(f"a request that was sent before may still make a lead: looking again in {max(wait, 0):.0f} s")
        time.sleep(max(wait, 0.05))
    _say(out, one)
    return _shown(one)


def list_(client: str | None = None, /, *, session: sessions.Given) -> int:
    """List erasures: when, by whom, how far they are, and what administrators still have to delete. They name nobody.

    Example: syncd erased list acme

    Parameters
    ----------
    client
        Only this client's.
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.store import erasures

    if client is not None:
        setup.named(client, settings.clients, "client")
    with session.store(settings) as db:
        found = erasures.listed(db, client or "")
    for one in found:
        _say(session.out, one)
    if not found:
        session.out.line("nobody was erased")
    session.out.result([_shown(one) for one in found])
    return DONE


def finish(client: str, /, *, session: sessions.Given) -> int:
    """Go on with erasures that were interrupted or failed. Exit code 1 if one is still unfinished.

    Example: syncd erased finish acme

    Parameters
    ----------
    client
        The client.
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.engine import erasing
    from syncd.store import streams

    setup.named(client, settings.clients, "client")
    with session.store(settings) as db, setup.clients(settings, [client], db=db) as clients:
        streams.bound(db, client, clients[0].identity)
        found = erasing.finish(alone.engine(db, lambda: False), clients[0], due_only=False)
    for one in found:
        _say(session.out, one)
    if not found:
        session.out.line("no erasure is unfinished")
    session.out.result([_shown(one) for one in found])
    return UNFINISHED if any(one.state == "open" for one in found) else DONE


def confirm(client: str, number: int, /, *, session: sessions.Given) -> int:
    """Say that what an erasure left to administrators is deleted: syncd forgets what that was.

    Example: syncd erased confirm acme 3

    Parameters
    ----------
    client
        The client.
    number
        The erasure, as `erased list` shows it.
    """
    settings = session.settings()
    from syncd.store import erasures

    with session.store(settings) as db:
        if not erasures.confirm(db, client, number):
            what = f"erasure {number} of {client} leaves nothing to be confirmed"
            problem = errors.Problem(what, fix=f"`syncd erased list {client}` shows what there is")
            raise errors.UserError([problem])
    session.out.line(f"erasure {number} is done")
    session.out.result({"client": client, "erasure": number, "state": "done"})
    return DONE


def lift(client: str, subject: Subject, /, *, why: str, session: sessions.Given) -> int:
    """Let somebody who was erased be dialled again, at their own wish, or let a phone be used by another person.

    Who, when and why is recorded. Records with the phone that are held as `erased` go on with `syncd held retry`.

    Example: syncd erased lift acme - --why "another person has the number now, case 12" < number.txt

    Parameters
    ----------
    client
        The client.
    subject
        The id of the CRM record, or the phone; `-` reads them from standard input, one a line.
    why
        The reason, for the record. Write no number and no name into it.
    """
    whys.no_option(subject, "erased lift")
    if not why.strip():
        raise errors.UserError([errors.Problem("--why is empty", fix="say why they may be dialled again")])
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.engine import subjects
    from syncd.store import by_hand, erasures

    setup.named(client, settings.clients, "client")
    texts = whys.read() if subject == whys.STANDARD_INPUT else [subject]
    lifted = []
    with session.store(settings) as db, setup.clients(settings, [client], db=db) as clients:
        finder = subjects.Finder(db, clients[0], offline=True)
        for line, text in enumerate(texts, 1):
            digests = finder.digests(text)
            one = erasures.of_tombstone(db, client, digests)
            if one is not None and one.state == "open":
                fix = f"`syncd erased finish {client}`"
                raise errors.UserError([errors.Problem(f"erasure {one.id} is not finished", f"line {line}", fix)])
            with db.write("erase-lift") as connection:
                number = erasures.lift(connection, client, digests)
                if number:
                    by_hand.asked(
                        db,
                        connection,
                        client,
                        min(digests),
                        what="erasure-lifted",
                        who=alone.who(),
                        why=why.strip(),
                        target="erase",
                    )
            lifted.append(number)
            session.out.line(f"line {line}: {'may come back' if number else 'nobody of that id or phone was erased'}")
    session.out.result([{"line": line, "lifted": number} for line, number in enumerate(lifted, 1)])
    return DONE if all(lifted) else UNFINISHED


def _day(one: erasures.Erasure) -> str:
    return one.created_at.date().isoformat()


def _say(out: output.Output, one: erasures.Erasure) -> None:
    said = {"open": "not finished", "by_hand": "done in syncd and on the dialer", "done": "done"}[one.state]
    out.line(f"{one.client}: erasure {one.id} of {_day(one)} by {one.created_by}: {said}")
    if one.state == "open":
        after = f": {one.error}" if one.error else ""
        out.line(f"  the dialer's part is not done{after}")
        out.line(f"  nothing is made for this person; the daemon goes on, or `syncd erased finish {one.client}`")
    for line in one.by_hand:
        out.line(f"  by hand: {line}")
    if one.by_hand:
        out.line(f"  then: `syncd erased confirm {one.client} {one.id}`")


def _shown(one: erasures.Erasure) -> dict[str, Any]:
    """An erasure with stable keys; nothing by which the person could be found."""
    return {
        "erasure": one.id,
        "client": one.client,
        "state": one.state,
        "by": one.created_by,
        "at": one.created_at,
        "ended_at": one.ended_at,
        "counts": dict(one.counts),
        "error": one.error,
        "next_try_at": one.due_at,
        "by_hand": list(one.by_hand),
    }


def unfinished(db: Database, client: str) -> dict[str, Any]:
    """What `syncd status` shows of a client's erasures."""
    from syncd.store import erasures

    found = erasures.listed(db, client, ("open", "by_hand"))
    return {
        "erasures_open": [{"erasure": one.id, "error": one.error} for one in found if one.state == "open"],
        "erasures_by_hand": [one.id for one in found if one.state == "by_hand"],
    }
