"""One telling of the demo from beginning to end: its folder, its children's ends, its exit code."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Literal

from syncd.cli import output
from syncd.cli.demo import accounts, children, crm_hubspot, crm_salesforce, crm_sql, live, screen, story
from syncd.cli.demo import crm as protocol
from syncd.sdk import errors

CrmName = Literal["sql", "hubspot", "salesforce"]
_LOG_LINES = 15


class _Ended(BaseException):
    """SIGTERM: the children must be ended before the demo is."""


def run(*, once: bool, profile: str, crm: CrmName, keep: Path | None, out: output.Output) -> int:
    """Tell the story in a folder of its own and return the exit code: 0 if every number is exactly right, else 1."""
    view = screen.Screen(json=out.as_json)
    signal.signal(signal.SIGTERM, _end)
    folder = _folder(keep)
    failed = True
    try:
        account = _told(folder, profile, crm, view, once=once)
        failed = not account.right
        out.result(account.as_object())
    except children.Failed as failure:
        view.failed(str(failure))
        _show(failure.log or folder / story.LOG, view)
        out.result({"ok": False, "why": str(failure)})
    except (KeyboardInterrupt, _Ended):
        view.say("Stopped before the end")
        failed = keep is not None  # nothing went wrong that a log could explain
        out.result({"ok": False, "why": "stopped before the end"})
        _clear(folder, keep=keep)
        return 130
    if failed:
        view.failed(f"the daemon's log and both sides are in {folder}")
    else:
        _clear(folder, keep=keep)
    return 1 if failed else 0


def _told(folder: Path, profile: str, name: CrmName, view: screen.Screen, *, once: bool) -> accounts.Account:
    with story.Story(folder, profile, _crm(name, folder), view) as telling:
        telling.tell()
        telling.settle()
        if once:
            account = telling.finish()
        else:
            view.table(telling.count())
            live.go_on(telling)
            account = telling.finish()
        view.table(account)
        return account


def _crm(name: CrmName, folder: Path) -> protocol.Crm:
    match name:
        case "sql":
            return crm_sql.Crm(folder / "crm.db")
        case "hubspot":
            return crm_hubspot.Crm(folder)
        case "salesforce":
            return crm_salesforce.Crm(folder)


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise _Ended


def _folder(keep: Path | None) -> Path:
    """A fresh folder; raise UserError if `keep` is in use."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="syncd-demo-"))
    folder = keep.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            problem = errors.Problem("the folder is not empty", str(folder), "name a new one")
            raise errors.UserError([problem])
    except OSError as error:
        problem = errors.Problem(f"the folder cannot be used: {error.strerror}", str(folder), "name another one")
        raise errors.UserError([problem]) from None
    return folder


def _clear(folder: Path, *, keep: Path | None) -> None:
    if keep is None:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _show(log: Path, view: screen.Screen) -> None:
    view.failed(f"the last lines of {log}:")
    for line in _last_lines(log):
        view.failed(f"  {line}")


def _last_lines(log: Path) -> Iterator[str]:
    if log.exists():
        yield from log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
