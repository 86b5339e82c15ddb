"""`syncd init`: a new client's file, by questions on a terminal or by flags alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import cyclopts

from syncd.cli import session as sessions
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.sdk import protocol

_FILE_MODE, _FOLDER_MODE = 0o640, 0o750


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, init)


def init(
    client: str | None = None,
    /,
    *,
    crm: str | None = None,
    dialer: str | None = None,
    pipelines: list[str] | None = None,
    set: list[str] | None = None,  # noqa: A002  # the option's name
    output: Path | None = None,
    yes: bool = False,
    session: sessions.Given,
) -> int:
    """Write the file of a new client: clients/CLIENT.yaml beside the main file, which is made too if there is none.

    On a terminal it asks for what is missing; else all of it comes from options. It never asks for a secret and never
    overwrites. If the CRM can be asked already, what it does not have of the suggested fields is left out. The new
    pipelines are in shadow mode: they do everything except writing to the far side.

    Example: syncd init acme --crm hubspot --pipelines leads,calls --set start=now --set phone=mobilephone

    Parameters
    ----------
    client
        The client's name: a-z, 0-9, _ and -.
    crm
        The CRM's connector.
    dialer
        The dialer's connector.
    pipelines
        Which pipelines, with commas or several times; default: all that the CRM's connector suggests.
    set
        An answer, as key=value; may be given several times. Keys: start, phone, first_name, last_name, opt_out,
        time_zone, phone_region, fields.TARGET (a source field), values.TARGET (values.list_id=101), agents.USER,
        crm.OPTION, dialer.OPTION, PIPELINE.fields.TARGET (in place of what is suggested), PIPELINE.instead.FIELD (a
        suggested field under another name, or blank).
    output
        Write this file instead.
    yes
        Do not ask whether the file is right.
    """
    from syncd.cli import init_talk
    from syncd.config import draft, draft_text, load, schema
    from syncd.sdk import protocol

    talk = init_talk.Talk(asking=sys.stdin.isatty() and sys.stdout.isatty() and not session.out.as_json)
    name = talk.need(draft.Question("CLIENT", "The client's name (a-z, 0-9, _ and -)"), client)
    types: dict[protocol.Role, str] = {"crm": talk.kind("crm", crm), "dialer": talk.kind("dialer", dialer)}
    talk.stop_if_wrong()
    path = output or session.config.parent / load.FOLDER / f"{name}.yaml"
    _refuse_what_is_there(name, path, session.config)
    answers = _answers(set or [])
    answers |= {"pipelines": ",".join(pipelines)} if pipelines else {}
    if found := draft.wrong(types, answers):
        raise errors.UserError(found)
    init_talk.ask(talk, name, types, answers, path.with_name(f"{name}.yaml"))
    text = draft_text.text(name, types, answers)
    if found := list(load.draft(text, path.with_name(f"{name}.yaml"))):
        raise errors.UserError(found, hint="nothing was written")
    if talk.asking and not yes:
        print(text)
        if not talk.sure(f"Write {path}?"):
            session.out.line("nothing was written")
            return 0
    made = _write(path, text, session.config, own=output is None)
    secrets = draft.credentials(name, types, answers)
    sets_up = issubclass(dict(schema.connectors("crm"))[types["crm"]], protocol.SetsUp)
    _tell(session, name, made, secrets, draft.left_out(types["crm"], answers), sets_up=sets_up)
    return 0


def _answers(given: Collection[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if wrong := [errors.Problem("is not key=value", f"--set {key}") for key, equals, _ in pairs if not equals]:
        raise errors.UserError(wrong)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _refuse_what_is_there(name: str, path: Path, main: Path) -> None:
    from syncd.config import models, yaml_nodes

    if not models.CLIENT_NAME.fullmatch(name):
        fix = "use a-z, 0-9, _ and -, at most 32 characters"
        raise errors.UserError([errors.Problem("not a client's name", "CLIENT", fix)])
    if _there(path):
        raise errors.UserError([errors.Problem("the file is there already", str(path), "edit it, or remove it first")])
    with suppress(OSError, UnicodeDecodeError):
        document = yaml_nodes.read(main.read_text("utf-8"), str(main))
        if document.at(("clients", name)) is not None:
            place = document.place(("clients", name), at="key")
            where = f"{main}:{place.line}:{place.column}"
            raise errors.UserError([errors.Problem(f"the client {name} is there already", where)])


def _there(path: Path) -> bool:
    try:
        return path.exists() or path.is_symlink()
    except OSError as error:  # the folder is closed to this user
        raise errors.UserError([errors.Problem(f"cannot be looked at: {error.strerror}", str(path))]) from None


def _write(path: Path, text: str, main: Path, *, own: bool) -> list[Path]:
    """Write the client's file, and a main file if there is none; neither is overwritten."""
    made = []
    if own:
        _folder(path.parent)
        if not _there(main):
            from syncd.config import example, models

            lines = [
                "# syncd. Each client has a file in clients/.",
                *example.keys(models.Settings, leave_out=("clients",)),
            ]
            made.append(_new(main, "\n".join(lines) + "\n"))
    return [_new(path, text), *made]


def _folder(path: Path) -> None:
    if _there(path):
        return
    try:
        path.mkdir()
        path.chmod(_FOLDER_MODE)
    except OSError as error:
        problem = errors.Problem(f"cannot be made: {error.strerror}", str(path), "make the folder around it first")
        raise errors.UserError([problem]) from None
    _group(path)


def _new(path: Path, text: str) -> Path:
    try:
        with path.open("x", encoding="utf-8") as file:
            os.fchmod(file.fileno(), _FILE_MODE)
            file.write(text)
    except OSError as error:
        raise errors.UserError([errors.Problem(f"cannot be written: {error.strerror}", str(path))]) from None
    _group(path)
    return path


def _group(path: Path) -> None:
    """What lies in /etc/syncd is read by syncd's group, as the folder is."""
    with suppress(OSError):
        os.chown(path, -1, path.parent.stat().st_gid)


def _tell(
    session: sessions.Session,
    name: str,
    made: list[Path],
    secrets: dict[str, str],
    left_out: dict[str, dict[str, str]],
    *,
    sets_up: bool,
) -> None:
    out = session.out
    for path in made:
        out.line(f"written: {path}")
    for kind, fields in left_out.items():
        for why in dict.fromkeys(fields.values()):
            names = ", ".join(name for name, one in fields.items() if one == why)
            out.line(f"only as a comment, {why}: {kind}: {names}")
    for key, credential in secrets.items():
        file = session.config.parent / "credentials" / credential
        out.line(f"secret for {key}: write it into {file}; in the unit: LoadCredential={credential}:{file}")
    steps = [f"syncd setup {name}"] if sets_up else []
    steps += [f"syncd config check --config {session.config}", "syncd db upgrade", f"syncd plan {name}"]
    out.line("Next:")
    for step in steps:
        out.line(f"  {step}")
    out.result(
        {
            "written": [str(path) for path in made],
            "left_out": {kind: list(fields) for kind, fields in left_out.items()},
            "credentials": list(secrets.values()),
            "next": steps,
        }
    )
