"""`syncd adopt`: link leads that are in the dialer already, so that a running call centre can switch syncd on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts

from syncd.cli import output
from syncd.cli import session as sessions
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.engine import parts
    from syncd.engine.adopt_look import Options
    from syncd.engine.run import Engine
    from syncd.store.database import Database

TRIES = 5  # of a far system that does not answer
BUSY_SECONDS = 300.0  # so long another run may have the stream
POLL_SECONDS = 0.5
LINE_SECONDS = 5.0
OWNER = ":adopt"
_COUNTS = (
    ("read", "CRM records read"),
    ("key", "by key"),
    ("review.name", "by phone and name"),
    ("linked", "with a lead already"),
    ("decided", "decided before"),
    ("new", "without any lead"),
)


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, adopt)


def adopt(
    client: str,
    /,
    *,
    names: bool = False,
    key_is: str = "",
    no_key_search: bool = False,
    rate: Annotated[float | None, cyclopts.Parameter(validator=cyclopts.validators.Number(gt=0, lte=1000))] = None,
    dry_run: bool = False,
    review: Path | None = None,
    show: bool = False,
    apply: Path | None = None,
    last: bool = False,
    was: Path | None = None,
    cancel: bool = False,
    session: sessions.Given,
) -> int:
    """Link leads that exist in the dialer already with their CRM records, before syncd creates any.

    Reads the CRM in full. A lead that carries the record's key, or its id as --key-is spells it, is adopted at once;
    one with the same phone and name is proposed, and adopted with --names. All else is yours to decide: --review
    writes it down, --apply carries out what you filled in. An adopted lead gets syncd's key; its list, status and calls
    stay. No lead is created for the client until the adoption is done. It goes on where it was interrupted. Exit code
    1: something is undecided; 2: you must act.

    Example: syncd adopt acme --dry-run && syncd adopt acme --names --review review.csv

    Parameters
    ----------
    client
        The client.
    names
        Adopt where phone and name are the same and nothing speaks against it.
    key_is
        The CRM's field with the id that the leads' key field holds, or a text with such fields: CRM-{id}.
    no_key_search
        Do not look for keys of leads that have another phone.
    rate
        How many requests a second may begin, to both sides together.
    dry_run
        Count what would be done; write nothing.
    review
        Write what is undecided to this file (CSV); it must not be there yet.
    show
        With --review: names, too.
    apply
        Carry out the decisions of this file; nothing of it is done if any line is wrong.
    last
        Read nothing again; with --review: write what is still undecided.
    was
        With --last: write what stood in the leads where their keys are now.
    cancel
        End an adoption that is not done: leads are created again.
    """
    _agree({"--dry-run": dry_run, "--apply": apply is not None, "--last": last, "--cancel": cancel}, review, was)
    from syncd.cli import adopt_review

    decided = adopt_review.read(apply) if apply is not None else []
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.engine import adopt as engine_adopt
    from syncd.engine.adopt_look import Options
    from syncd.store import adoption, machine, streams

    options = Options(names, key_is, not no_key_search, rate)
    with session.store(settings) as db, setup.clients(settings, [client], db=db) as clients:
        one = clients[0]
        leads = engine_adopt.leads_of(one)
        streams.bound(db, one.name, one.identity)
        if dry_run:
            return _counted(db, one, options, session.out)
        if last or cancel or apply is not None:
            _there(db, client)
        failed = ""
        if cancel:
            adoption.cancel(db, client, datetime.now(UTC))
        elif not last:
            db.lock()
            machine.check(db)
            if apply is not None:
                new = adopt_review.checked(apply, db, client, decided)
                session.out.line(f"{new} decisions of {apply} are stored")
            failed = _work(db, one, options, session.out, apply_only=apply is not None)
        written = None
        if review is not None and not failed:
            written = adopt_review.write(review, db, one, leads, show=show)
            session.out.line(f"{written} records are to be decided in {review}")
        if was is not None:
            session.out.line(f"what {adopt_review.write_was(was, db, client)} fields held is in {was}")
        return _said(db, client, session.out, failed, written=written)


def _agree(modes: Mapping[str, bool], review: Path | None, was: Path | None) -> None:
    """Raise UserError for options that do not go together, and for a review file that is there already."""
    given = [name for name, said in modes.items() if said]
    if len(given) > 1:
        raise errors.UserError([errors.Problem(f"{' and '.join(given)} exclude each other", fix="give one of them")])
    if review is not None and given and given[0] in ("--dry-run", "--cancel"):
        raise errors.UserError([errors.Problem(f"{given[0]} writes no review", fix="leave --review out")])
    if was is not None and given != ["--last"]:
        raise errors.UserError([errors.Problem("--was goes with --last", fix="add --last")])
    if review is not None and review.exists():
        fix = "name another file: somebody's decisions may be in it"
        raise errors.UserError([errors.Problem("is there already", str(review), fix)])


def _engine(db: Database) -> Engine:
    from syncd.daemon import signals
    from syncd.engine.run import Engine

    stop = signals.Signals()
    stop.install()
    engine = Engine(db, stopping=stop)
    engine.owner += OWNER
    return engine


def _counted(db: Database, client: parts.Client, options: Options, out: output.Output) -> int:
    from syncd.engine import adopt as engine_adopt

    counts = engine_adopt.dry_run(_engine(db), client, options)
    out.line(_line(counts))
    out.result({"dry_run": True, "counts": dict(counts)})
    return 0


def _there(db: Database, client: str) -> None:
    from syncd.store import adoption

    if adoption.one(db, client) is None:
        raise errors.UserError(
            [errors.Problem(f"{client} has no adoption yet", fix=f"begin with `syncd adopt {client}`")]
        )


def _work(db: Database, client: parts.Client, options: Options, out: output.Output, *, apply_only: bool) -> str:
    """Do the work; return why it stopped before the end, "" if it did not."""
    from syncd.cli import alone
    from syncd.core import policy
    from syncd.daemon import logs, setup
    from syncd.engine import adopt as engine_adopt

    logs.configure(shape="console", level="error")
    engine = _engine(db)
    setup.register(engine, [client])
    stop = engine.stopping
    engine.stopping = _Progress(db, client.name, out).watching(stop)
    tries, why, began = 0, "", time.monotonic()
    while not stop():
        report = engine_adopt.run(engine, client, options, by=alone.who(), apply_only=apply_only)
        why = report.error
        if report.result == "ok":
            return ""
        if report.result == "busy" and time.monotonic() - began < BUSY_SECONDS:
            time.sleep(POLL_SECONDS)  # a run of the daemon, or the lease of a process that was killed
            continue
        tries += 1
        if report.result != "failed" or tries == TRIES:
            break
        time.sleep(policy.backoff_seconds(tries, first=1.0))
    return why or "stopped"


class _Progress:
    """A line now and then."""

    def __init__(self, db: Database, client: str, out: output.Output) -> None:
        self._db, self._client, self._out = db, client, out
        self._said_at = time.monotonic()

    def watching(self, stop: Any) -> Any:
        """`stop`, and now and then a line."""

        def asked() -> bool:
            from syncd.store import adoption

            if time.monotonic() - self._said_at >= LINE_SECONDS:
                self._said_at = time.monotonic()
                row = adoption.one(self._db, self._client)
                if row is not None:
                    self._out.line(_line(row.counts))
            return bool(stop())

        return asked


def _line(counts: Any) -> str:
    said = [f"{counts[name]} {words}" for name, words in _COUNTS if counts.get(name)]
    said += [
        f"{number} to review ({name.removeprefix('review.')})"
        for name, number in counts.items()
        if name.startswith("review.") and name != "review.name"
    ]
    said += [
        f"{number} left out ({name.removeprefix('skip.')})"
        for name, number in counts.items()
        if name.startswith("skip.")
    ]
    return ", ".join(said) or "nothing read yet"


def shown(db: Database, client: str) -> dict[str, Any] | None:
    """A client's adoption with stable keys; None if there never was one."""
    from syncd.store import adoption

    row = adoption.one(db, client)
    if row is None:
        return None
    tally = adoption.tally(db, client)
    return {
        "state": row.state,
        "position": row.position,
        "counts": dict(row.counts),
        "undecided": tally.get("", {}),
        "waiting": sum(tally.get("adopt", {}).values()),
        "adopted": tally.get("adopted", {}),
        "create": sum(tally.get("create", {}).values()),
        "skip": sum(tally.get("skip", {}).values()),
        "error": row.error,
        "created_by": row.created_by,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
    }


def lines(client: str, one: dict[str, Any]) -> list[str]:
    """An adoption in words."""
    found = [f"adoption of leads is {one['state']}: {_line(one['counts'])}"]
    if one["undecided"]:
        number = sum(one["undecided"].values())
        found.append(
            f"{number} undecided ({output.reasons(one['undecided'])}): `syncd adopt {client} --last --review FILE`"
        )
    if one["state"] == "open":
        found.append(f"no lead is created before it is done: `syncd adopt {client}` goes on with it")
        if one["error"]:
            found.append(one["error"])
    return found


def _said(db: Database, client: str, out: output.Output, failed: str, *, written: int | None) -> int:
    one = shown(db, client)
    if one is None:
        raise AssertionError("an adoption is stored by now")
    for line in lines(client, one):
        out.line(line)
    if failed:
        fix = f"`syncd adopt {client}` goes on where it was"
        output.problems([errors.Problem(failed, f"adoption of {client}", fix)])
    out.result(one | {"written": written})
    if failed:
        return 2
    return 1 if one["undecided"] or one["waiting"] else 0
