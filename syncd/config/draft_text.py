"""The commented text of a new client's file, from the answers that `draft` describes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from syncd.config import draft, example, models, schema, yaml_nodes
from syncd.sdk import protocol

PHONE = "phone_number"  # VICIdial's
_SHADOW = (
    "    # `shadow` does everything except writing to the target; take this line out when the plan looks right",
    "    mode: shadow",
)


def text(client: str, types: Mapping[protocol.Role, str], answers: Mapping[str, str]) -> str:
    """The client's file."""
    known = draft.known(client, types, answers)
    lines = [
        f"# The client {client}. Secrets are not in this file, see README.md; all keys: docs/configuration.md.",
        "",
    ]
    for key in ("time_zone", "phone_region"):
        info = models.Client.model_fields[key]
        lines += [f"# {info.description}", f"{key}: {scalar(known[key])}" if key in known else f"#{key}:"]
    lines += [f"# {models.Client.model_fields['agents'].description}", _agents(draft.agents(known))]
    for role in draft.ROLES:
        lines += ["", *_system(role, types[role], known)]
    fields = {PHONE: known.get("phone", ""), **{key: known.get(key, "") for key in ("first_name", "last_name")}}
    fields |= {key.partition(".")[2]: value for key, value in known.items() if key.startswith("fields.")}
    lines += ["", "pipelines:", *_leads(known, fields)]
    kinds, out = draft.chosen(types["crm"], known), draft.left_out(types["crm"], known)
    for kind in kinds[1:]:
        lines += ["", f"  # {example.KINDS[kind]}", f"  {kind}:", "    start: now", *_SHADOW]
        lines += [f"    {line}" for line in _fields(types["crm"], kind, known, out.get(kind, {}))]
    more = example.shown(dict(schema.connectors("crm"))[types["crm"]]).pipelines
    if more:
        lines += ["", "  # What this CRM's connector suggests beside that:"]
    for kind, own in more.items():
        if kind == "leads" or kind not in kinds:
            lines += [f"  #{kind}:", *(f"  #  {line}" for line in ("start: now", *own.splitlines()))]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _leads(known: Mapping[str, str], fields: Mapping[str, str]) -> Iterator[str]:
    yield from ("  # People become leads.", "  leads:")
    yield from (f"    {line}" for line in example.said(models.Pipeline.model_fields["start"]))
    yield f"    start: {scalar(known.get('start', ''))}"
    yield from _SHADOW
    if opt_out := known.get("opt_out"):
        yield from (f"    {line}" for line in example.said(models.Leads.model_fields["opt_out"]))
        yield f"    opt_out: {{{_flow(opt_out)}: true}}"
    yield "    fields:  # lead field: where its value comes from"
    yield from (f"      {line}" for line in _pairs({target: source for target, source in fields.items() if source}))
    for key, value in known.items():
        if key.startswith("values."):
            yield f"      {scalar(key.partition('.')[2], name=True)}: {{value: {_flow(value)}}}"


def _pairs(fields: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{scalar(target, name=True)}: {scalar(source, name=True)}" for target, source in fields.items())


def _fields(crm: str, kind: str, known: Mapping[str, str], out: Mapping[str, str]) -> Iterator[str]:
    own = draft.own_fields(kind, known)
    hint = draft.suggestion(crm, kind, known)
    if hint is not None:
        renamed = {name: scalar(new, name=True) for name, new in draft.renamed(kind, known).items() if name not in out}
        yield from hint.lines(renamed, out)
    else:
        yield "fields:"
        yield from (f"  {line}" for line in _pairs(own))


def _agents(found: Mapping[str, str]) -> str:
    pairs = (f"{_flow(user)}: {_flow(owner)}" for user, owner in found.items())
    return f"agents: {{{', '.join(pairs)}}}" if found else "#agents:"


def _flow(value: str) -> str:
    """A name inside braces."""
    plain = re.fullmatch(r"[\w.@-]+", value) and scalar(value, name=True) == value
    return value if plain else json.dumps(value, ensure_ascii=False)


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
    given = draft.nested(role, known)
    return example.system(role, name, "\n".join(_written(options, given)))


def _written(model: type[BaseModel], given: Mapping[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        info = next((info for key, info in model.model_fields.items() if name in (key, info.alias)), None)
        if info is not None:
            yield from example.said(info)
        if isinstance(value, dict):
            yield f"{name}:"
            inner = draft.model_in(info.annotation) if info is not None else None
            yield from (f"  {line}" for line in _written(inner or BaseModel, value))
        else:
            yield f"{name}: {scalar(value)}"
