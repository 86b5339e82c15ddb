"""`syncd agent`: tells the screens of people who work in a dialer what to do."""

from __future__ import annotations

import getpass
import inspect
import itertools
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import cyclopts

from syncd.cli import output
from syncd.cli import session as sessions
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.sdk import protocol

FINE, NOT_DONE, OPERATOR = 0, 1, 2
_STANDARD_INPUT = "-"
_PRIVATE = {"personal": "personal data", "secret": "a secret"}
_HELP = "--help-of-the-action"  # what `arranged` makes of --help, so that cyclopts leaves it to the action


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, agent)


def arranged(arguments: Sequence[str]) -> list[str]:
    """A command line on which, for `agent CLIENT …`, the options that go everywhere come first and `--help` is the
    action's: an action's own options are known only once its client is."""
    everywhere: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--config":
            everywhere += [word, *itertools.islice(words, 1)]
        elif word == "--json" or word.startswith("--config="):
            everywhere.append(word)
        else:
            rest.append(word)
    if rest[:1] != ["agent"]:
        return list(arguments)
    if len(rest) > 1 and not rest[1].startswith("-"):
        rest = [_HELP if word in ("--help", "-h") else word for word in rest]
    return [*everywhere, *rest]


def agent(
    client: str,
    /,
    *action: Annotated[str, cyclopts.Parameter(allow_leading_hyphen=True)],
    session: sessions.Given,
) -> int:
    """Tell an agent's screen what to do: pause, hang up, dial, transfer, …; without an ACTION, list the actions.

    ACTION is followed by the agent's user and by options; `syncd agent CLIENT ACTION --help` lists them. Numbers,
    names and secrets are never arguments, which other users of this machine can read: give `-` for them, and each on a
    line of standard input, in the order of the options.

    Exit codes: 0 done; 1 surely not done, it may pass later; 2 you must act: correct what is said, or look before you
    repeat what may have been done. Nothing is sent twice.

    Example: syncd agent acme external_pause 1001 --value PAUSE

    Parameters
    ----------
    client
        The client.
    action
        The action, the agent's user, and the action's options.
    """
    settings = session.settings()
    from syncd.daemon import logs, redact, setup
    from syncd.engine import agents

    logs.configure(shape="console", level="warning")
    with setup.clients(settings, [client]) as clients:
        _, connector = agents.commanding(clients[0])
        actions = {one.name: one for one in connector.agent_actions()}
        if not action:
            return _list(session.out, client, list(actions.values()))

        def carry_out(name: str, user: str, values: Mapping[str, str]) -> int:
            def work() -> Mapping[str, str]:
                whole = _read(actions[name], values, action)
                with session.store(settings) as db:
                    return agents.command(db, clients[0], name, user, whole)

            about = {"client": client, "action": name, "user": user}
            return _reported(session.out, about, [one.name for one in actions[name].parameters], work)

        words = ["--help" if word == _HELP else word for word in action]
        if not words[0].startswith("-"):
            setup.named(words[0], actions, f"action of {client}")
        try:
            code = _parser(client, list(actions.values()), carry_out)(
                words, exit_on_error=False, print_error=False, result_action="return_value"
            )
        except cyclopts.CycloptsError as error:
            what = redact.text(" ".join(str(error).split()))  # it repeats arguments, and one may be a number after all
            fix = f"`syncd agent {client} {words[0]} --help` says what it takes"
            raise errors.UserError([errors.Problem(what, fix=fix)]) from None
    return code if isinstance(code, int) else FINE


def _list(out: output.Output, client: str, actions: Sequence[protocol.Action]) -> int:
    out.table(("action", "what it does"), [(one.name, one.help) for one in actions])
    out.line()
    out.line(f"`syncd agent {client} ACTION --help` says what an action takes")
    shown = ("name", "help", "type", "choices", "required", "private")  # a connector's parameters may have more
    out.result(
        [
            {
                "name": one.name,
                "help": one.help,
                "parameters": [{name: getattr(taken, name) for name in shown} for taken in one.parameters],
            }
            for one in actions
        ]
    )
    return FINE


def _parser(
    client: str, actions: Sequence[protocol.Action], carry_out: Callable[[str, str, Mapping[str, str]], int]
) -> cyclopts.App:
    """A command line made of the actions that a connector lists."""
    app = cyclopts.App(
        name=f"syncd agent {client}",
        help="What an agent's screen can be told. --config and --json go everywhere.",
        version_flags=(),
        help_format="plaintext",
        default_parameter=cyclopts.Parameter(negative=()),
    )
    for one in actions:
        app.command(_function(one, carry_out), name=one.name, help=sessions.flowing(_help(client, one)))
    return app


def _help(client: str, action: protocol.Action) -> str:
    required = " ".join(
        f"{_option(one.name)} {_STANDARD_INPUT if one.private else (one.choices or ('…',))[0]}"
        for one in action.parameters
        if one.required
    )
    return f"{action.help}.\n\nExample: syncd agent {client} {action.name} 1001 {required}".rstrip()


def _function(action: protocol.Action, carry_out: Callable[[str, str, Mapping[str, str]], int]) -> Callable[..., int]:
    """A function whose signature is what an action takes: cyclopts reads it as it reads any command's."""

    def function(user: str, /, **values: str | None) -> int:
        return carry_out(action.name, user, {name: value for name, value in values.items() if value is not None})

    user = Annotated[str, cyclopts.Parameter(help="The agent's user")]
    signature = [inspect.Parameter("user", inspect.Parameter.POSITIONAL_ONLY, annotation=user)]
    for one in action.parameters:
        kind: Any = Literal[one.choices] if one.choices else str
        told = f"{one.help} ({one.type})" if not one.choices else one.help
        if one.private:
            told += f"; {_PRIVATE[one.private]}: give {_STANDARD_INPUT} and a line of standard input"
        if not one.required:
            kind |= None
        option = cyclopts.Parameter(help=told, allow_leading_hyphen=True, show_default=False)
        default = inspect.Parameter.empty if one.required else None
        signature.append(
            inspect.Parameter(
                one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
            )
        )
    function.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]  # what inspect.signature looks at
    function.__annotations__ = {one.name: one.annotation for one in signature}
    return function


def _read(action: protocol.Action, values: Mapping[str, str], words: Sequence[str]) -> dict[str, str]:
    """The values, those of standard input put in; raise UserError for what may not be an argument."""
    known = {one.name: one for one in action.parameters}
    shown = [name for name, value in values.items() if known[name].private and value != _STANDARD_INPUT]
    if shown:
        fix = "other users of this machine can read arguments: give `-`, and the value on a line of standard input"
        raise errors.UserError(
            [
                errors.Problem(f"{_PRIVATE[known[name].private]}, never an argument", _option(name), fix)
                for name in shown
            ]
        )
    spelled = [word.partition("=")[0].replace("_", "-") for word in words]
    wanted = [name for name, value in values.items() if value == _STANDARD_INPUT]
    lines = {name: _line(known[name]) for name in sorted(wanted, key=lambda name: spelled.index(_option(name)))}
    return {**values, **lines}


def _line(parameter: protocol.Parameter) -> str:
    """The next line of standard input; a person at a terminal is asked, and does not see a secret."""
    if sys.stdin.isatty():
        if parameter.private == "secret":
            return getpass.getpass(f"{parameter.name}: ", stream=sys.stderr)
        sys.stderr.write(f"{parameter.name}: ")
        sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise errors.UserError([errors.Problem("standard input has no line for it", _option(parameter.name))])
    return line.rstrip("\r\n")


def _reported(
    out: output.Output, about: Mapping[str, str], options: Collection[str], work: Callable[[], Mapping[str, str]]
) -> int:
    """Print what comes of an action, or what is wrong and whether it was done; return the exit code."""
    try:
        told = {**about, **work()}
    except errors.SyncdError as error:
        code, done = _verdict(error)
        found = [_with_option(problem, options) for problem in _problems(error)]
        output.problems(found)
        out.result({**about, "done": done, "problems": found})
        return code
    for name, value in told.items():
        if value:
            out.line(f"{name:<16} {value}")
    out.result({**told, "done": "yes"})
    return FINE


def _verdict(error: errors.SyncdError) -> tuple[int, str]:
    """Exit code, and whether the action was done."""
    match error:
        case errors.Ambiguous():
            return OPERATOR, "unknown"
        case errors.NotNow() | errors.Screened() | errors.Missing() | errors.RetryLater() | errors.QuotaExhausted():
            return NOT_DONE, "no"
        case _:
            return OPERATOR, "no"


def _problems(error: errors.SyncdError) -> list[errors.Problem]:
    match error:
        case errors.UserError() | errors.Rejected():
            return list(error.problems)
        case errors.AuthFailed():
            return [errors.Problem(str(error), fix=error.fix)]
        case errors.RetryLater():
            return [errors.Problem(str(error), fix="nothing was done; try again later")]
        case _:
            return [errors.Problem(str(error))]


def _with_option(problem: errors.Problem, options: Collection[str]) -> errors.Problem:
    """The problem with its place spelled as on the command line, where it is an option."""
    return replace(problem, where=_option(problem.where)) if problem.where in options else problem


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
