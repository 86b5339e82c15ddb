"""config.example.yaml, from the models and the connectors: `python -m syncd.config.example config.example.yaml`.

`# text` explains, `#key: value` is a key that may be uncommented. What a connector shows of itself is its `EXAMPLE`
(`protocol.ShowsExample`); a connector that is installed gets into the file by that alone.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from syncd.config import compile as compiler
from syncd.config import models, reference, schema
from syncd.sdk import protocol

_WIDTH = 116
_FIRST: Mapping[protocol.Role, str] = {"crm": "sql", "dialer": "vicidial"}  # shown as the client's own, others beside
_HEAD = """\
# syncd: a complete example. Copy it to /etc/syncd/syncd.yaml, change it, and run `syncd config check`; or let
# `syncd init` ask and write. Every key is described in docs/configuration.md.
#
# Lines that begin with # and a blank explain; #key: value is what holds unless you say otherwise.
# A client may stand in a file of its own, clients/acme.yaml beside this file; its keys then begin at the left margin.
#
# Secrets stay out of this file:  ${credential:name}    systemd's LoadCredential=name:/path (README.md: also by hand)
#                                 ${file:/path}         a file
#                                 ${env:NAME}           an environment variable
"""
_CLIENT = "# The client's name is part of each lead's marker, so do not rename it.\n"
_SHOWN: Mapping[str, str] = {  # values that show more than the default
    "store": "store: sqlite:////var/lib/syncd/syncd.db",
    "time_zone": "time_zone: America/New_York",
    "phone_region": "phone_region: US",
    "agents": "agents: {6666: ann@example.com, 7777: bo@example.com}",
    "start": "start: now",
    "every": "every: 15s",
    "shared_phone": "shared_phone: hold",
    "guard": "guard: {max_removes: 25, max_removes_share: 10%}",
}
KINDS = {
    "leads": "People become leads.",
    "calls": "Each call becomes one record in the CRM.",
    "dispositions": "The newest call changes the person's record. A sale or a do-not-call mark is never overwritten "
    "by less.",
    "dnc": "Leads that the dialer itself marked as do-not-call (a list loaded by an administrator) mark their person.",
    "callbacks": "What agents promise becomes a task.",
    "recordings": "Links to recordings go to the records of their calls. They appear minutes after a call, or never.",
    "edits": "What agents changed in a lead goes to the person's record when the call has ended.",
}


def render() -> str:
    """The whole file."""
    client = [
        *keys(models.Client, leave_out=("crm", "dialer", "pipelines")),
        "",
        "# The CRM.",
        *system("crm", _FIRST["crm"]),
        *_others("crm"),
        "",
        "# The dialer.",
        *system("dialer", _FIRST["dialer"]),
        *_others("dialer"),
        "",
        *pipelines(_FIRST["crm"]),
    ]
    lines = [
        *_HEAD.splitlines(),
        "",
        *keys(models.Settings, leave_out=("clients",)),
        "",
        "clients:",
        *_in(_CLIENT.splitlines()),
        "  acme:",
        *_in(client, 2),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def keys(model: type[BaseModel], *, leave_out: Collection[str] = (), shown: bool = True) -> Iterator[str]:
    """A model's keys, each below what it is for: with a telling value, else commented out with its default."""
    for name, info in model.model_fields.items():
        key = info.alias or name
        if key in leave_out:
            continue
        yield from said(info)
        yield _SHOWN[key] if shown and key in _SHOWN else f"#{key}: {_default(info)}".rstrip()


def system(role: protocol.Role, name: str, options: str | None = None) -> list[str]:
    """`crm:` or `dialer:` of a client: the connector's type, its own lines, and its other options commented out."""
    connector = dict(schema.connectors(role))[name]
    own = shown(connector).options if options is None else options
    rest = list(keys(connector.Options, leave_out=_named(own), shown=False))
    return [f"{role}:", f"  type: {name}", *_in(own.splitlines()), *_in(rest)]


def pipelines(crm: str) -> Iterator[str]:
    """All pipelines, with the mappings that suit this CRM; what they have in common is explained in the first."""
    suggested = shown(dict(schema.connectors("crm"))[crm]).pipelines
    common = set(models.Pipeline.model_fields) - {"start"}
    yield "pipelines:"
    for number, kind in enumerate(compiler.SIDES):
        model = reference.MODELS.get(kind, models.Calls)
        own = suggested.get(kind, "")
        yield ""
        yield from _in([f"# {KINDS[kind]}", f"{kind}:"])
        named = {*_named(own), *(common if number else ())}
        if number:
            yield "    start: now"
            yield from _in(keys(model, leave_out={*named, "start"}), 2)
        else:
            yield from _in(keys(model, leave_out={*named, "fields"}), 2)
        yield from _in(own.splitlines(), 2)


def shown(connector: type[protocol.Connector]) -> protocol.Example:
    """What the connector shows of itself; without an example its required options."""
    example: object = getattr(connector, "EXAMPLE", None)
    if isinstance(example, protocol.Example):
        return example
    needed = [
        f"{info.alias or name}: …  # {info.description or ''}"
        for name, info in connector.Options.model_fields.items()
        if info.is_required()
    ]
    return protocol.Example("\n".join(needed) + "\n")


def _others(role: protocol.Role) -> Iterator[str]:
    """The other installed connectors of this role, commented out, each with the mappings that suit it."""
    for name, connector in schema.connectors(role):
        if name == _FIRST[role]:
            continue
        lines = system(role, name)
        for kind, text in shown(connector).pipelines.items():
            lines += ([] if "pipelines:" in lines else ["pipelines:"]) + [f"  {kind}:", "    start: now"]
            lines += _in(text.splitlines(), 2)
        yield ""
        yield f"# Or, instead, {name}:"
        yield from (f"#{line}" for line in lines)


def _named(text: str) -> set[str]:
    """The keys at the left margin of YAML lines, commented out or not."""
    return set(re.findall(r"^#?(\w+):", text, re.MULTILINE))


def said(info: FieldInfo) -> list[str]:
    """What a key is for, as comments."""
    text = (info.description or "").rstrip(".")
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH - 16)]


def _default(info: FieldInfo) -> str:
    inner = info.annotation
    if isinstance(inner, type) and issubclass(inner, BaseModel) and not info.is_required():
        parts = [f"{one.alias or name}: {_default(one)}" for name, one in inner.model_fields.items()]
        return f"{{{', '.join(part for part in parts if not part.endswith(': '))}}}"
    if isinstance(info.default, tuple) and info.default:
        return f"[{', '.join(map(str, info.default))}]"
    text = reference.default(info)
    return "" if info.is_required() else text.strip("`")


def _in(lines: Collection[str] | Iterator[str], deep: int = 1) -> list[str]:
    return [("  " * deep + line) if line else "" for line in lines]


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:]):
        page.write_text(render(), "utf-8")
