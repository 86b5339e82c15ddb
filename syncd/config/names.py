"""Whether the fields that pipelines name exist on the far sides, each with its place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from syncd.config import compile as compiler
from syncd.config import fields, models, scalars, yaml_nodes
from syncd.core import model
from syncd.sdk import errors, records

Known = Mapping[model.Side, Mapping[str, records.FieldInfo]]
"""Stream → its fields as `protocol.ListsFields` tells them; a stream that is not here is not checked."""

_Named: TypeAlias = tuple[yaml_nodes.Path, str, Literal["auto", "key"]]
_ADDED = {"crm_id": records.FieldInfo(writable=False)}  # to the dialer's calls, by the engine


def check(settings: models.Settings, client: str, known: Known) -> list[errors.Problem]:
    """Every name of a field in the client's pipelines that the far side does not have, or does not let be written, in
    the order of the file."""
    document = settings._document
    found = sorted(_wrong(settings, client, known), key=lambda one: document.place(one[0], at=one[1]))
    return [settings.problem(path, what, fix, at=at) for path, at, what, fix in found]


def _wrong(
    settings: models.Settings, client: str, known: Known
) -> Iterator[tuple[yaml_nodes.Path, Literal["auto", "key"], str, str]]:
    pipelines = settings.clients[client].pipelines
    for kind, (source, target) in compiler.SIDES.items():
        pipeline: models.Pipeline | None = getattr(pipelines, kind)
        if pipeline is None:
            continue
        path: yaml_nodes.Path = ("clients", client, "pipelines", kind)
        if source in known:
            names = {**known[source], **(_ADDED if source.role == "dialer" else {})}
            for place, name, at in (*_tested(path, pipeline), *_copied(settings._document, path, pipeline)):
                if name not in names:
                    yield place, at, f"{source} has no field {name!r}", scalars.choices(name, list(names))
        for name in pipeline.fields if target in known else ():
            info = known[target].get(name)
            if info is None or not info.writable:
                what = f"{target} has no field {name!r}" if info is None else f"{target}: {name} cannot be written"
                able = [one for one, about in known[target].items() if about.writable]
                yield (*path, "fields", name), "key", what, scalars.choices(name, able)


def _tested(path: yaml_nodes.Path, pipeline: models.Pipeline) -> Iterator[_Named]:
    """Source fields that conditions look at."""
    conditions: list[tuple[yaml_nodes.Path, fields.Tests | None]] = [((*path, "where"), pipeline.where)]
    if isinstance(pipeline, models.Leads):
        conditions.append(((*path, "opt_out"), pipeline.opt_out))
    for target, spec in pipeline.fields.items():
        for number, rule in enumerate(spec.rules):
            conditions.append(((*path, "fields", target, "rules", number, "when"), rule.when))
    for here, tests in conditions:
        for name in tests or ():
            yield (*here, name), name, "key"


def _copied(document: yaml_nodes.Document, path: yaml_nodes.Path, pipeline: models.Pipeline) -> Iterator[_Named]:
    """Source fields that are copied, each in the form in which the file has it."""
    for target, spec in pipeline.fields.items():
        here = (*path, "fields", target)
        for number, name in enumerate(spec.from_):
            forms: tuple[yaml_nodes.Path, ...] = ((*here, "from", number), (*here, "from"), here)
            yield next((form for form in forms if form in document.values), here), name, "auto"
