"""Whether the fields that pipelines name exist on the far sides, each with its place in the file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from syncd.config import compile as compiler
from syncd.config import fields, models, scalars, yaml_nodes
from syncd.core import model, recording
from syncd.sdk import errors, records

Known = Mapping[model.Side, Mapping[str, records.FieldInfo]]
"""Stream → its fields as `protocol.ListsFields` tells them; a stream that is not here is not checked."""

_MOST_SHOWN = 40
_Named: TypeAlias = tuple[yaml_nodes.Path, str, Literal["auto", "key"]]
_ADDED = {"crm_id": records.FieldInfo(writable=False, label="id of the CRM record that was called; syncd adds it")}


def readable(side: model.Side, told: Mapping[str, records.FieldInfo]) -> dict[str, records.FieldInfo]:
    """The fields that a mapping may read: those that the far side told of, and what the engine adds."""
    return {**told, **(_ADDED if side in (model.Side("dialer", "calls"), model.Side("dialer", "callbacks")) else {})}


def check(settings: models.Settings, client: str, known: Known) -> list[errors.Problem]:
    """Every name of a field in the client's pipelines that the far side does not have, or does not let be written, and
    every fixed value that a field cannot hold, in the order of the file."""
    document = settings._document
    found = [
        (document.place(path, at=at), settings.problem(path, what, fix, at=at))
        for path, at, what, fix in _wrong(settings, client, known)
    ]
    found += _values(settings, client, known)
    return [problem for _, problem in sorted(found, key=lambda one: one[0])]


def _wrong(
    settings: models.Settings, client: str, known: Known
) -> Iterator[tuple[yaml_nodes.Path, Literal["auto", "key"], str, str]]:
    pipelines = settings.clients[client].pipelines
    for kind, (_, target) in compiler.SIDES.items():
        source = compiler.LOOKS_AT[kind]
        pipeline: models.Pipeline | None = getattr(pipelines, kind)
        if pipeline is None:
            continue
        path: yaml_nodes.Path = ("clients", client, "pipelines", kind)
        if source in known:
            names = readable(source, known[source])
            if kind == "recordings":
                names |= {name: records.FieldInfo(word, writable=False) for name, word in recording.FIELDS.items()}
            for place, name, at in (*_tested(path, pipeline), *_copied(settings._document, path, pipeline)):
                if name not in names:
                    yield place, at, f"{source} has no field {name!r}", scalars.choices(name, list(names))
            for place, what, fix in _flags(path, pipeline, names):
                yield place, "auto", what, fix
        for name in pipeline.fields if target in known else ():
            info = known[target].get(name)
            if info is None or not info.writable:
                what = f"{target} has no field {name!r}" if info is None else f"{target}: {name} cannot be written"
                able = [one for one, about in known[target].items() if about.writable]
                yield (*path, "fields", name), "key", what, scalars.choices(name, able)


def _values(settings: models.Settings, client: str, known: Known) -> Iterator[tuple[yaml_nodes.Place, errors.Problem]]:
    """The fixed values of mappings that the target's field cannot hold; another case alone is worth a warning."""
    document, pipelines = settings._document, settings.clients[client].pipelines
    for kind, (_, target) in compiler.SIDES.items():
        pipeline: models.Pipeline | None = getattr(pipelines, kind)
        for name, spec in pipeline.fields.items() if pipeline and target in known else ():
            info = known[target].get(name)
            able = info.values if info else ()
            folded = {value.casefold() for value in able}
            if not able:
                continue
            fixed = _fixed(("clients", client, "pipelines", kind, "fields", name), spec)
            for place, value in (*fixed, *_translated(client, settings.clients[client].agents, spec)):
                parts = [value.strip(), *value.strip().split(";")]  # several choices are written a;b
                if parts[0] in able or all(part in able for part in parts[1:]):
                    continue
                fatal = parts[0].casefold() not in folded
                what = (
                    f"{target}: {name} cannot hold this value" if fatal else "the far side writes this value otherwise"
                )
                shown = scalars.choices(value, list(able[:_MOST_SHOWN]) if fatal else list(able))
                yield document.place(place), settings.problem(place, what, shown, fatal=fatal)


def _fixed(path: yaml_nodes.Path, spec: fields.FieldSpec) -> Iterator[tuple[yaml_nodes.Path, str]]:
    """The values that stand in a mapping, with their places."""
    for key, value in (("value", spec.value), ("default", spec.default)):
        if value:
            yield (*path, key), value
    for key, value in spec.map.items():
        if value:
            yield (*path, "map", key), value
    for number, rule in enumerate(spec.rules):
        if rule.value:
            yield (*path, "rules", number, "value"), rule.value


def _translated(
    client: str, agents: Mapping[str, str], spec: fields.FieldSpec
) -> Iterator[tuple[yaml_nodes.Path, str]]:
    """The values that the client's agents are translated into; connectors find an owner by an e-mail themselves."""
    for user, owner in agents.items() if spec.agents else ():
        value = owner if spec.agents == "owner" else user
        if "@" not in value:
            yield ("clients", client, "agents", user), value


def _tested(path: yaml_nodes.Path, pipeline: models.Pipeline) -> Iterator[_Named]:
    """Source fields that conditions look at."""
    for here, tests in compiler.conditions(path, pipeline):
        for name in tests:
            if name != fields.FLAGS:
                yield (*here, name), name, "key"


def _flags(
    path: yaml_nodes.Path, pipeline: models.Pipeline, about: Mapping[str, records.FieldInfo]
) -> Iterator[tuple[yaml_nodes.Path, str, str]]:
    """Words that conditions look for among a call's flags and that are no flags: they would never hold."""
    fields_of_flags = {name: info.values for name, info in about.items() if info.type == "flags" and info.values}
    every = {*itertools.chain.from_iterable(fields_of_flags.values())}
    for here, tests in compiler.conditions(path, pipeline):
        for name, test in tests.items():
            known = every if name == fields.FLAGS else {*fields_of_flags.get(name, ())}
            place = here if name == fields.FLAGS else (*here, name)
            for word in {word for text in (*(test.is_ or ()), *(test.not_ or ())) for word in text.split()}:
                if known and word.casefold() not in known:
                    yield place, f"no flag {word!r}", scalars.choices(word, sorted(known))


def _copied(document: yaml_nodes.Document, path: yaml_nodes.Path, pipeline: models.Pipeline) -> Iterator[_Named]:
    """Source fields that are copied, each in the form in which the file has it."""
    for target, spec in pipeline.fields.items():
        here = (*path, "fields", target)
        for number, name in enumerate(spec.reads):
            form = "from" if spec.template is None else "template"
            forms: tuple[yaml_nodes.Path, ...] = ((*here, form, number), (*here, form), here)
            yield next((form for form in forms if form in document.values), here), name, "auto"
