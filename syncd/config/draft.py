"""A new client's file, from answers: what to ask, and the commented text that comes of it.

Answers are texts by key: `start`, `phone`, `first_name`, `last_name`, `time_zone`, `phone_region`, `fields.TARGET` (a
source field), `crm.OPTION` and `dialer.OPTION` (with points for inner options). A secret is never an answer: where one
belongs the text gets `${credential:…}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from syncd.config import example, models, scalars, schema, yaml_nodes
from syncd.sdk import errors, protocol

PHONE = "phone_number"  # VICIdial's
ROLES: tuple[protocol.Role, ...] = ("crm", "dialer")
_LOGIN = re.compile(r"://[^/\s]*:[^/@\s]*@")
_OWN = ("start", "phone", "first_name", "last_name", "time_zone", "phone_region")


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that must be known; without `needed` a blank leaves it out. `choices`: the only answers there are."""

    key: str
    what: str
    needed: bool = True
    choices: tuple[str, ...] = ()


GENERAL = (
    Question("start", "From when on changes count: all (everything that is there), now, or a date"),
    Question("phone", "The CRM's field with the phone number to dial"),
    Question("first_name", "The CRM's field with the first name", needed=False),
    Question("last_name", "The CRM's field with the last name", needed=False),
)


def questions(role: protocol.Role, connector: type[protocol.Connector]) -> list[Question]:
    """What this connector must be told; secrets are left out."""
    return [
        Question(f"{role}.{'.'.join(path)}", info.description or path[-1], choices=_choices(info.annotation))
        for path, info in _leaves(connector.Options)
        if not _is_secret(info)
    ]


def credentials(client: str, types: Mapping[protocol.Role, str], answers: Mapping[str, str]) -> dict[str, str]:
    """Key of each secret that has to be → the name of its credential."""
    found = {}
    for role in ROLES:
        connector = dict(schema.connectors(role))[types[role]]
        for path, info in _leaves(connector.Options):
            key = f"{role}.{'.'.join(path)}"
            if _is_secret(info) and key not in answers:
                found[key] = f"{client}_{'_'.join((role, *path))}"
    return found


def wrong(types: Mapping[protocol.Role, str], answers: Mapping[str, str]) -> list[errors.Problem]:
    """Answers to what nobody asked, and secrets in them."""
    found = []
    for key, value in answers.items():
        role, _, rest = key.partition(".")
        if role in types and rest:
            options = dict(schema.connectors(role))[types[role]].Options  # type: ignore[index, arg-type]  # in `types`
            info, names = _option(options, rest.split("."))
            if info is None:
                found.append(errors.Problem("no such option", key, scalars.choices(rest.split(".")[-1], names)))
            elif _is_secret(info) and "${" not in value and ("://" not in value or _LOGIN.search(value)):
                fix = "leave it out, and a credential is named for it; or write ${env:NAME}, ${file:/path}"
                found.append(errors.Problem("a secret does not belong on a command line", key, fix))
        elif key not in _OWN and not (role == "fields" and rest):
            known = [*_OWN, "fields.TARGET", "crm.OPTION", "dialer.OPTION"]
            found.append(errors.Problem("nobody asked for this", key, scalars.choices(key, known)))
    return found


def text(client: str, types: Mapping[protocol.Role, str], answers: Mapping[str, str]) -> str:
    """The client's file."""
    known = {
        **answers,
        **{key: f"${{credential:{name}}}" for key, name in credentials(client, types, answers).items()},
    }
    lines = [
        f"# The client {client}. Secrets are not in this file, see README.md; all keys: docs/configuration.md.",
        "",
    ]
    for key in ("time_zone", "phone_region"):
        info = models.Client.model_fields[key]
        lines += [f"# {info.description}", f"{key}: {scalar(known[key])}" if key in known else f"#{key}:"]
    for role in ROLES:
        lines += ["", *_system(role, types[role], known)]
    fields = {PHONE: known.get("phone", ""), **{key: known.get(key, "") for key in ("first_name", "last_name")}}
    fields |= {key.partition(".")[2]: value for key, value in known.items() if key.startswith("fields.")}
    lines += [
        "",
        "pipelines:",
        "  # People become leads.",
        "  leads:",
        *(f"    {line}" for line in example.said(models.Pipeline.model_fields["start"])),
        f"    start: {scalar(known.get('start', ''))}",
        "    # `shadow` does everything except writing to the dialer; take this line out when the plan looks right",
        "    mode: shadow",
        "    fields:  # lead field: where its value comes from",
        *(
            f"      {scalar(target, name=True)}: {scalar(source, name=True)}"
            for target, source in fields.items()
            if source
        ),
    ]
    suggested = example.shown(dict(schema.connectors("crm"))[types["crm"]]).pipelines
    if suggested:
        lines += ["  # More that this CRM can do, as an example:"]
    for kind, own in suggested.items():
        lines += [f"  #{kind}:", *(f"  #  {line}" for line in ("start: now", *own.splitlines()))]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def scalar(value: str, *, name: bool = False) -> str:
    """The value as YAML: as it is where that reads the same, else in quotes. Unless it is a name, a list, a mapping,
    true and false may be meant."""
    if value and "\n" not in value:
        document = yaml_nodes.read(f"k: {value}\n", "")
        if not document.found and isinstance(document.value, dict):
            read = document.value.get("k")
            if read == value or (not name and isinstance(read, bool | list | dict)):
                return value
    return json.dumps(value, ensure_ascii=False)


def _system(role: protocol.Role, name: str, known: Mapping[str, str]) -> list[str]:
    options = dict(schema.connectors(role))[name].Options
    given: dict[str, Any] = {}
    for key, value in known.items():
        steps = key.split(".")
        if steps[0] == role:
            here = given
            for step in steps[1:-1]:
                here = here.setdefault(step, {})
            here[steps[-1]] = value
    return example.system(role, name, "\n".join(_written(options, given)))


def _written(model: type[BaseModel], given: Mapping[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        info = next((info for key, info in model.model_fields.items() if name in (key, info.alias)), None)
        if info is not None:
            yield from example.said(info)
        if isinstance(value, dict):
            yield f"{name}:"
            inner = _model(info.annotation) if info is not None else None
            yield from (f"  {line}" for line in _written(inner or BaseModel, value))
        else:
            yield f"{name}: {scalar(value)}"


def _leaves(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """The required options, inner ones of required groups included."""
    for name, info in model.model_fields.items():
        if info.is_required():
            here = (*path, info.alias or name)
            inner = _model(info.annotation)
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
    inner = _model(info.annotation)
    return _option(inner, path[1:]) if inner is not None else (info, names)


def _model(annotation: Any) -> type[BaseModel] | None:
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def _is_secret(info: FieldInfo) -> bool:
    return SecretStr in (info.annotation, *get_args(info.annotation))


def _choices(annotation: Any) -> tuple[str, ...]:
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()
