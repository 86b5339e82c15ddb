"""The command `syncd`: its commands, its exit codes, and how it says what is wrong."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import cyclopts

import syncd
from syncd.cli import (
    adopt,
    agent,
    alerts,
    altered,
    audit,
    backfill,
    config,
    db,
    demo,
    dnc,
    doctor,
    erase,
    export_person,
    fields,
    held,
    init,
    output,
    pause,
    plan,
    recordings,
    reload,
    run,
    session,
    setup,
    simulate,
    stats,
    status,
    unit,
    why,
)
from syncd.sdk import errors

FINE, HELD_OR_FAILED, OPERATOR, INTERNAL = 0, 1, 2, 3

_HELP = """Keeps CRMs and VICIdial in step: leads out, calls and dispositions back.

Exit codes: 0 fine; 1 something was newly held or failed in this run; 2 you must act (what is wrong is said on
standard error); 3 a bug in syncd; 4 the daemon was ended before its runs were.

Example: syncd config check && syncd db upgrade && syncd plan acme && syncd run
"""

app = cyclopts.App(
    name="syncd",
    help=session.flowing(_HELP),
    version=syncd.__version__,
    help_format="plaintext",
    default_parameter=cyclopts.Parameter(negative=()),
)
for _group in (
    run,
    reload,
    plan,
    status,
    stats,
    alerts,
    why,
    held,
    pause,
    backfill,
    audit,
    adopt,
    agent,
    db,
    config,
    doctor,
    setup,
    fields,
    altered,
    dnc,
    erase,
    export_person,
    recordings,
    init,
    unit,
    simulate,
    demo,
):
    _group.mount(app)
app.meta.group_parameters = cyclopts.Group("Everywhere", sort_key=0)


@app.meta.default
def _launch(
    *tokens: Annotated[str, cyclopts.Parameter(show=False, allow_leading_hyphen=True)],
    config: Annotated[Path, cyclopts.Parameter(env_var="SYNCD_CONFIG", help="The configuration file")] = session.CONFIG,
    json: Annotated[
        bool, cyclopts.Parameter(show_default=False, help="Print one JSON object or array on the last line")
    ] = False,
) -> object:
    command, bound, ignored = app.parse_args(tokens, exit_on_error=False, print_error=False)
    if "session" in ignored:
        bound.arguments["session"] = session.Session(config, output.Output(as_json=json))
    return command(*bound.args, **bound.kwargs)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = agent.arranged(sys.argv[1:] if argv is None else argv)
    os.umask(0o077)  # the store and its copies hold personal data
    if arguments[:1] == ["simulate"] and len(arguments) > 1 and arguments[1] in simulate.SIMULATORS:
        return simulate.run(arguments[1], arguments[2:])
    as_json = "--json" in arguments
    try:
        code = app.meta(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        return code if isinstance(code, int) else FINE
    except cyclopts.CycloptsError as error:
        return _refused([_misused(error)], as_json=as_json)
    except errors.UserError as error:
        return _refused(error.problems, error.hint, as_json=as_json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads; nor shall the exit's flush fail
        return FINE
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  # the last resort: said in full, without values of variables
        return _broken(error, as_json=as_json)


def _misused(error: cyclopts.CycloptsError) -> errors.Problem:
    what = " ".join(str(error).split())
    if isinstance(error, cyclopts.UnknownOptionError) and "Did you mean" not in what:
        # cyclopts does not look among the options that go everywhere
        near = difflib.get_close_matches(error.token.value, ("--config", "--json", "--help", "--version"), n=1)
        what += f" Did you mean {near[0]}?" if near else ""
    return errors.Problem(what, fix="`syncd --help` shows what there is")


def _refused(found: Sequence[errors.Problem], hint: str = "", *, as_json: bool) -> int:
    output.problems(found, hint)
    output.Output(as_json=as_json).result({"problems": found})
    return OPERATOR


def _broken(error: Exception, *, as_json: bool) -> int:
    import traceback

    from syncd.daemon import redact

    print(redact.text("".join(traceback.format_exception(error))), file=sys.stderr, end="")
    what = f"internal error: {type(error).__name__}"
    print(f"error: {what} – please report it with the lines above", file=sys.stderr)
    output.Output(as_json=as_json).result({"problems": [errors.Problem(what)]})
    return INTERNAL
