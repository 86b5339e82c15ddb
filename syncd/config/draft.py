"""A new client, from answers: what to ask, and what follows from the answers. `draft_text` makes the file of them.

Answers are texts by key: `start`, `phone`, `first_name`, `last_name`, `opt_out`, `time_zone`, `phone_region`,
`fields.TARGET` (a source field of leads), `values.TARGET` (a value of leads), `pipelines` (names, with commas),
`PIPELINE.fields.TARGET` (a source field; in place of what the CRM's connector suggests), `PIPELINE.instead.FIELD` (a
suggested field under another name; blank: left out), `agents.USER`, `crm.OPTION` and `dialer.OPTION` (with points for
inner options). A secret is never an answer: where one belongs the text gets `${credential:…}`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from syncd.config import compile as compiler
from syncd.config import example, scalars, schema, suggested, yaml_nodes
from syncd.sdk import errors, protocol

ROLES: tuple[protocol.Role, ...] = ("crm", "dialer")
_LOGIN = re.compile(r"://[^/\s]*:[^/@\s]*@")
_CREDENTIAL = re.compile(r"\$\{credential:[^}]*\}")
_OWN = ("start", "phone", "first_name", "last_name", "opt_out", "time_zone", "phone_region", "pipelines")


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that must be known; without `needed` a blank leaves it out. `choices`: the only answers there are.
    `default`: what a blank means on a terminal."""

    key: str
    what: str
    needed: bool = True
    choices: tuple[str, ...] = ()
    default: str = ""


GENERAL = (
    Question("start", "From when on changes count: all (everything that is there), now, or a date"),
    Question("phone", "The CRM's field with the phone number to dial"),
    Question("first_name", "The CRM's field with the first name", needed=False),
    Question("last_name", "The CRM's field with the last name", needed=False),
    Question("opt_out", "The CRM's field that is true for people who must not be called, if it has one", needed=False),
)


def offered(crm: str) -> list[str]:
    """The pipelines that this CRM's connector suggests, leads first."""
    shown = example.shown(dict(schema.connectors("crm"))[crm]).pipelines
    return ["leads", *(kind for kind in compiler.SIDES if kind != "leads" and kind in shown)]


def chosen(crm: str, answers: Mapping[str, str]) -> list[str]:
    """The pipelines that the file is to have: those that were named, else all that are offered."""
    named = answers.get("pipelines", "").replace(",", " ").split()
    return [kind for kind in compiler.SIDES if kind in named] if named else offered(crm)


def suggestion(crm: str, kind: str, answers: Mapping[str, str]) -> suggested.Suggestion | None:
    """What the CRM's connector suggests for a pipeline; None where it is not wanted, or there is nothing."""
    text = example.shown(dict(schema.connectors("crm"))[crm]).pipelines.get(kind)
    return suggested.Suggestion(text) if text and not own_fields(kind, answers) else None


def own_fields(kind: str, answers: Mapping[str, str]) -> dict[str, str]:
    """The mapping that was given in place of the suggested one: target → source field."""
    start = f"{kind}.fields."
    return {key.removeprefix(start): value for key, value in answers.items() if key.startswith(start)}


def mark(crm: str, answers: Mapping[str, str]) -> str:
    """The field of the CRM by which the other pipelines mark people as do-not-call, in what its connector suggests, so
    that `leads` can look at it; "" where none of them does."""
    shown = example.shown(dict(schema.connectors("crm"))[crm]).pipelines.get("leads", "")
    for name in map(str, yaml_nodes.read(shown, "").at(("opt_out",)) or ()):
        for kind in chosen(crm, answers)[1:]:
            hint = suggestion(crm, kind, answers)
            if hint is not None and name in hint.fields and answers.get(f"{kind}.instead.{name}") != "":
                return renamed(kind, answers).get(name, name)
    return ""


def agents(answers: Mapping[str, str]) -> dict[str, str]:
    """Who is who: user of the dialer → owner in the CRM."""
    return {key.partition(".")[2]: value for key, value in answers.items() if key.startswith("agents.")}


def left_out(crm: str, answers: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Pipeline → suggested fields that are only commented in the file, each with the reason."""
    found: dict[str, dict[str, str]] = {}
    for kind in chosen(crm, answers)[1:]:
        hint = suggestion(crm, kind, answers)
        for field in hint.fields.values() if hint else ():
            if answers.get(f"{kind}.instead.{field.name}") == "":
                found.setdefault(kind, {})[field.name] = "the CRM has no such field"
            elif field.agents and not agents(answers):
                found.setdefault(kind, {})[field.name] = "needs `agents` above"
    return found


def renamed(kind: str, answers: Mapping[str, str]) -> dict[str, str]:
    """Suggested field → the name that the CRM has it under."""
    start = f"{kind}.instead."
    return {key.removeprefix(start): value for key, value in answers.items() if key.startswith(start) and value}


def questions(role: protocol.Role, connector: type[protocol.Connector], kinds: Collection[str]) -> list[Question]:
    """What this connector must be told for these pipelines; secrets are left out."""
    needs = example.shown(connector).needs
    paths = dict(_leaves(connector.Options))
    for stream in streams(role, kinds):
        if inner := _group(connector, stream):
            paths |= {(stream, *path): info for path, info in _leaves(inner)}
        for option in needs.get(stream, ()):
            path = option.split(".")
            info, _ = _option(connector.Options, path)
            paths |= {tuple(path): info} if info is not None else {}
    return [
        Question(f"{role}.{'.'.join(path)}", info.description or path[-1], choices=_choices(info.annotation))
        for path, info in paths.items()
        if not _is_secret(info)
    ]


def values(dialer: str, answers: Mapping[str, str]) -> list[Question]:
    """What every lead needs beside what its mapping reads."""
    asked = example.shown(dict(schema.connectors("dialer"))[dialer]).values
    return [Question(f"values.{name}", what) for name, what in asked.items() if f"fields.{name}" not in answers]


def streams(role: protocol.Role, kinds: Collection[str]) -> list[str]:
    """The streams of this system that the pipelines read or write."""
    sides = [side for kind, pair in compiler.SIDES.items() if kind in kinds for side in pair]
    return list(dict.fromkeys(side.stream for side in sides if side.role == role))


def credentials(client: str, types: Mapping[protocol.Role, str], answers: Mapping[str, str]) -> dict[str, str]:
    """Key of each secret that has to be → the name of its credential."""
    found = {}
    for role in ROLES:
        connector = dict(schema.connectors(role))[types[role]]
        secrets = [path for path, info in _leaves(connector.Options) if _is_secret(info)]
        if not _suffices(connector, role, answers):
            secrets += [path for path, value in _shown(connector) if _CREDENTIAL.fullmatch(value)]
        for path in dict.fromkeys(secrets):
            key = f"{role}.{'.'.join(path)}"
            if key not in answers:
                found[key] = f"{client}_{'_'.join((role, *path))}"
    return found


def known(client: str, types: Mapping[protocol.Role, str], answers: Mapping[str, str]) -> dict[str, str]:
    """The answers, with what follows from them: credentials, and the CRM's options that its pipelines need."""
    found = {**answers}
    found |= {key: f"${{credential:{name}}}" for key, name in credentials(client, types, answers).items()}
    connector = dict(schema.connectors("crm"))[types["crm"]]
    for stream in streams("crm", chosen(types["crm"], answers)):
        for path, value in _shown(connector) if _group(connector, stream) else ():
            if path[0] == stream and not _CREDENTIAL.search(value):
                found.setdefault(f"crm.{'.'.join(path)}", value)
    return found


def wrong(types: Mapping[protocol.Role, str], answers: Mapping[str, str]) -> list[errors.Problem]:
    """Answers to what nobody asked, and secrets in them."""
    found = []
    named = answers.get("pipelines", "").replace(",", " ").split()
    for kind in named:
        if kind not in compiler.SIDES:
            fix = scalars.choices(kind, list(compiler.SIDES))
            found.append(errors.Problem(f"there is no pipeline {kind}", "--pipelines", fix))
    if named and "leads" not in named:
        what = "leads is missing: all others are about the leads that it makes"
        found.append(errors.Problem(what, "--pipelines", "name it, too"))
    for key, value in answers.items():
        first, _, rest = key.partition(".")
        if first in types and rest:
            found += _wrong_option(types, key, value)
        elif first in compiler.SIDES and rest:
            found += _wrong_field(types["crm"], first, key)
        elif key not in _OWN and not (first in ("fields", "values", "agents") and rest):
            able = [
                *_OWN,
                "fields.TARGET",
                "values.TARGET",
                "PIPELINE.fields.TARGET",
                "agents.USER",
                "crm.OPTION",
                "dialer.OPTION",
            ]
            found.append(errors.Problem("nobody asked for this", key, scalars.choices(key, able)))
    return found


def _wrong_option(types: Mapping[protocol.Role, str], key: str, value: str) -> Iterator[errors.Problem]:
    role, *path = key.split(".")
    options = dict(schema.connectors(role))[types[role]].Options  # type: ignore[index, arg-type]  # in `types`
    info, names = _option(options, path)
    if info is None:
        yield errors.Problem("no such option", key, scalars.choices(path[-1], names))
    elif _is_secret(info) and "${" not in value and ("://" not in value or _LOGIN.search(value)):
        fix = "leave it out, and a credential is named for it; or write ${env:NAME}, ${file:/path}"
        yield errors.Problem("a secret does not belong on a command line", key, fix)


def _wrong_field(crm: str, kind: str, key: str) -> Iterator[errors.Problem]:
    what, _, name = key.partition(".")[2].partition(".")
    if kind == "leads" or what not in ("fields", "instead") or not name:
        able = ["fields.TARGET"] if kind == "leads" else [f"{kind}.fields.TARGET", f"{kind}.instead.FIELD"]
        yield errors.Problem("nobody asked for this", key, scalars.choices(key, able))
        return
    hint = suggestion(crm, kind, {})
    names = list(hint.fields) if hint else []
    if what == "instead" and name not in names:
        yield errors.Problem(f"{kind} has no such field in what {crm} suggests", key, scalars.choices(name, names))


def _leaves(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """The required options, inner ones of required groups included."""
    for name, info in model.model_fields.items():
        if info.is_required():
            here = (*path, info.alias or name)
            inner = model_in(info.annotation)
            if inner is None:
                yield here, info
            else:
                yield from _leaves(inner, here)


def _option(model: type[BaseModel], path: list[str]) -> tuple[FieldInfo | None, list[str]]:
    """The option at that path, and the names there are where the path ends."""
    names = [info.alias or name for name, info in model.model_fields.items()]
    info = next((info for name, info in model.model_fields.items() if path[0] in (name, info.alias)), None)
    if info is None or len(path) == 1:
        return info, names
    inner = model_in(info.annotation)
    return _option(inner, path[1:]) if inner is not None else (info, names)


def _group(connector: type[protocol.Connector], stream: str) -> type[BaseModel] | None:
    """The options of one stream, where the connector takes them as a group that may be left out."""
    info = next((one for name, one in connector.Options.model_fields.items() if stream in (name, one.alias)), None)
    return model_in(info.annotation) if info is not None and not info.is_required() else None


def _shown(connector: type[protocol.Connector]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The options that the connector shows, by path."""

    def leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from leaves(inner, (*path, name))
        elif isinstance(value, str):
            yield path, value

    if hasattr(connector, "EXAMPLE"):
        yield from leaves(yaml_nodes.read(example.shown(connector).options, "").value or {}, ())


def _suffices(connector: type[protocol.Connector], role: str, answers: Mapping[str, str]) -> bool:
    """Whether the answers, with a text for each secret that is always needed, make whole options."""
    given = {f"{role}.{'.'.join(path)}": "-" for path, info in _leaves(connector.Options) if _is_secret(info)}
    try:
        connector.Options.model_validate(nested(role, {**given, **answers}))
    except ValidationError:
        return False
    return True


def nested(role: str, answers: Mapping[str, str]) -> dict[str, Any]:
    """A system's options as a mapping."""
    given: dict[str, Any] = {}
    for key, value in answers.items():
        first, *path = key.split(".")
        if first == role and path:
            here = given
            for step in path[:-1]:
                here = here.setdefault(step, {})
            here[path[-1]] = value
    return given


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model among an option's types."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def _is_secret(info: FieldInfo) -> bool:
    return SecretStr in (info.annotation, *get_args(info.annotation))


def _choices(annotation: Any) -> tuple[str, ...]:
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()
