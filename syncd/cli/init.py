"""`syncd init`: a new client's file, by questions on a terminal or by flags alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import cyclopts

from syncd.cli import session as sessions
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.config import draft
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
    set: list[str] | None = None,  # noqa: A002  # the option's name
    output: Path | None = None,
    yes: bool = False,
    session: sessions.Given,
) -> int:
    """Write the file of a new client: clients/CLIENT.yaml beside the main file, which is made too if there is none.

    On a terminal it asks for what is missing; else all of it comes from options. It never asks for a secret and never
    overwrites. The new pipeline is in shadow mode: it does everything except writing to the dialer.

    Example: syncd init acme --crm sql --dialer vicidial --set start=now --set phone=mobile

    Parameters
    ----------
    client
        The client's name: a-z, 0-9, _ and -.
    crm
        The CRM's connector.
    dialer
        The dialer's connector.
    set
        An answer, as key=value; may be given several times. Keys: start, phone, first_name, last_name, time_zone,
        phone_region, fields.TARGET=SOURCE, crm.OPTION, dialer.OPTION.
    output
        Write this file instead.
    yes
        Do not ask whether the file is right.
    """
    from syncd.config import draft, load

    talk = _Talk(asking=sys.stdin.isatty() and sys.stdout.isatty() and not session.out.as_json)
    name = talk.need(draft.Question("CLIENT", "The client's name (a-z, 0-9, _ and -)"), client)
    types: dict[protocol.Role, str] = {"crm": talk.kind("crm", crm), "dialer": talk.kind("dialer", dialer)}
    talk.stop_if_wrong()
    path = output or session.config.parent / load.FOLDER / f"{name}.yaml"
    _refuse_what_is_there(name, path, session.config)
    answers = _answers(set or [])
    if found := draft.wrong(types, answers):
        raise errors.UserError(found)
    _ask(talk, name, types, answers, path)
    text = draft.text(name, types, answers)
    if found := list(load.draft(text, path.with_name(f"{name}.yaml"))):
        raise errors.UserError(found, hint="nothing was written")
    if talk.asking and not yes:
        print(text)
        if not talk.sure(f"Write {path}?"):
            session.out.line("nothing was written")
            return 0
    made = _write(path, text, session.config, own=output is None)
    _tell(session, name, made, draft.credentials(name, types, answers))
    return 0


class _Talk:
    """Asks where there is somebody to ask, else notes what was not said."""

    def __init__(self, *, asking: bool) -> None:
        self.asking = asking
        self.missing: list[errors.Problem] = []

    def need(self, question: draft.Question, said: str | None, offered: Collection[str] = ()) -> str:
        """What was said, else the answer; "" where there is none."""
        if said is not None:
            return said
        if not self.asking:
            if question.needed:
                spelt = question.key if question.key in ("CLIENT", "--crm", "--dialer") else f"--set {question.key}=…"
                self.missing.append(errors.Problem("is missing", spelt, question.what))
            return ""
        from rich.prompt import Prompt

        if offered:
            print(f"There are: {', '.join(offered)}")
        while True:
            given = Prompt.ask(question.what, choices=list(question.choices) or None, default="", show_default=False)
            if offered and given and given not in offered:
                from syncd.config import scalars

                print(f"There is no {given}: {scalars.choices(given, list(offered))}")
            elif given or not question.needed:
                return given

    def kind(self, role: protocol.Role, said: str | None) -> str:
        """A connector's type; the only one there is goes without saying."""
        from syncd.config import draft, scalars, schema

        names = [name for name, _ in schema.connectors(role)]
        if said is None and len(names) == 1:
            return names[0]
        question = draft.Question(f"--{role}", f"The {role}'s connector: {', '.join(names)}", choices=tuple(names))
        found = self.need(question, said)
        if found and found not in names:
            self.missing.append(errors.Problem(f"no {role} of that type", f"--{role}", scalars.choices(found, names)))
        return found

    def sure(self, what: str) -> bool:
        from rich.prompt import Confirm

        return Confirm.ask(what, default=True)

    def stop_if_wrong(self) -> None:
        """Raise UserError with everything that was not said."""
        if self.missing:
            raise errors.UserError(self.missing)


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
    if path.exists() or path.is_symlink():
        raise errors.UserError([errors.Problem("the file is there already", str(path), "edit it, or remove it first")])
    with suppress(OSError, UnicodeDecodeError):
        document = yaml_nodes.read(main.read_text("utf-8"), str(main))
        if document.at(("clients", name)) is not None:
            place = document.place(("clients", name), at="key")
            where = f"{main}:{place.line}:{place.column}"
            raise errors.UserError([errors.Problem(f"the client {name} is there already", where)])


def _ask(talk: _Talk, name: str, types: dict[protocol.Role, str], answers: dict[str, str], path: Path) -> None:
    """Fill in the answers; the fields that the CRM has are offered where it can be reached."""
    from syncd.config import draft, schema

    for role in draft.ROLES:
        connector = dict(schema.connectors(role))[types[role]]
        for question in draft.questions(role, connector):
            answers[question.key] = talk.need(question, answers.get(question.key))
    offered = _fields(draft.text(name, types, answers), path.with_name(f"{name}.yaml")) if talk.asking else ()
    for question in draft.GENERAL:
        if given := talk.need(question, answers.get(question.key), () if question.key == "start" else offered):
            answers[question.key] = given
    talk.stop_if_wrong()


def _fields(text: str, path: Path) -> Collection[str]:
    """The CRM's fields, if it can be asked already."""
    from syncd.config import load
    from syncd.sdk import protocol

    connector = load.connector(text, path, "crm")
    if connector is None:
        return ()
    with closing(connector), suppress(errors.SyncdError):
        if isinstance(connector, protocol.ListsFields):
            return list(connector.fields("leads"))
    return ()


def _write(path: Path, text: str, main: Path, *, own: bool) -> list[Path]:
    """Write the client's file, and a main file if there is none; neither is overwritten."""
    made = []
    if own:
        _folder(path.parent)
        if not main.exists():
            from syncd.config import example, models

            lines = [
                "# syncd. Each client has a file in clients/.",
                *example.keys(models.Settings, leave_out=("clients",)),
            ]
            made.append(_new(main, "\n".join(lines) + "\n"))
    return [_new(path, text), *made]


def _folder(path: Path) -> None:
    if path.exists():
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


def _tell(session: sessions.Session, name: str, made: list[Path], secrets: dict[str, str]) -> None:
    out = session.out
    for path in made:
        out.line(f"written: {path}")
    for key, credential in secrets.items():
        file = session.config.parent / "credentials" / credential
        out.line(f"secret for {key}: write it into {file}; in the unit: LoadCredential={credential}:{file}")
    steps = [f"syncd config check --config {session.config}", "syncd db upgrade", f"syncd plan {name}"]
    out.line("Next:")
    for step in steps:
        out.line(f"  {step}")
    out.result({"written": [str(path) for path in made], "credentials": list(secrets.values()), "next": steps})
