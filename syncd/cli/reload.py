"""`syncd reload`: the daemon reads its configuration again, and says what came of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import cyclopts

from syncd.cli import output
from syncd.cli import session as sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.store.database import Database

POLL_SECONDS = 0.1
_KEEPS = "the daemon goes on with the configuration that it has"


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, reload)


def reload(*, wait_seconds: float = 60.0, session: sessions.Given) -> int:
    """Let the daemon read its configuration again and run what it says: only clients that changed begin anew, one that
    is gone ends after its batch, the others are not touched.

    If anything in the files is wrong, all of it is printed, exit code 2, and the daemon goes on as it was. So does exit
    code 1, if it has not answered in time: it still will. SIGHUP to the daemon does the same without an answer.

    Example: syncd config check && syncd reload

    Parameters
    ----------
    wait_seconds
        How long to wait for its answer.
    """
    from syncd.sdk import errors
    from syncd.store import reloads

    try:
        settings = session.settings()
    except errors.UserError as error:
        raise errors.UserError(error.problems, hint=_KEEPS) from None
    with session.store(settings) as db:
        if not reloads.answers(db, 0):
            fix = "`syncd run` begins with the configuration as it is; a changed `store` needs a restart"
            raise errors.UserError([errors.Problem("no daemon runs with this store", db.place, fix)])
        found = _answers(db, reloads.ask(db), wait_seconds)
    session.out.result([{"daemon": name, **(answer or {"answer": None})} for name, answer in found.items()])
    problems: list[errors.Problem] = []
    for name, answer in found.items():
        if answer is None:
            session.out.line(f"{name}: no answer yet; it will follow")
        elif "problems" in answer:
            session.out.line(f"{name}: refused")
            problems += [errors.Problem(**one) for one in answer["problems"]]
        else:
            session.out.line(f"{name}: {_words(answer)}")
    if problems:
        output.problems(problems, _KEEPS)
        return 2
    return 1 if None in found.values() or not found else 0


def _answers(db: Database, number: int, wait_seconds: float) -> dict[str, Mapping[str, Any] | None]:
    """Daemon → what it answered, None where it has not in this time."""
    from syncd.store import reloads

    deadline = time.monotonic() + wait_seconds
    while None in (found := reloads.answers(db, number)).values() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return found


def _words(answer: Mapping[str, Any]) -> str:
    said = [f"{name} {what}" for what in ("added", "changed", "removed") for name in answer[what]]
    said.append(f"{answer['unchanged']} unchanged")
    text = f"reloaded {answer['file']}: {', '.join(said)}"
    if answer["ending"]:
        text += f"; still ending a batch: {', '.join(answer['ending'])}"
    if answer["restart"]:
        text += f"; changed, but only from a restart on: {', '.join(answer['restart'])}"
    return text
