"""From files to settings, with all that is wrong said at once and in its place.

The main file may hold the clients, or a folder `clients` beside it a file for each; or some here, some there.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, SecretStr, ValidationError

from syncd.config import compile as compiler
from syncd.config import explain, fields, models, scalars, secrets, yaml_nodes
from syncd.sdk import errors, protocol, registry

_ROLES = ("crm", "dialer")
_NO_SYSTEM = models.System.model_construct(type="", options=fields.Model())
_NO_CLIENT = models.Client.model_construct(
    crm=_NO_SYSTEM, dialer=_NO_SYSTEM, pipelines=models.Pipelines.model_construct()
)
_LOGIN = re.compile(r"://[^/@\s:]*:[^/@\s]+@")
FOLDER = "clients"
_START = "start from config.example.yaml"
_OPEN = "chmod 600 the file, or write ${env:NAME}, ${file:/path} or ${credential:name} instead"


def load(path: Path) -> models.Settings:
    """Given the main file's path, return the settings of it and of `clients/*.yaml` beside it; raise UserError with
    every problem of every file as `file:line:col path.to.key: what – fix`. Nothing is connected to."""
    listed = yaml_nodes.Document(str(path.parent / FOLDER))
    parts = _client_files(path.parent / FOLDER, listed)
    document = yaml_nodes.read(text(path), str(path), may_be_empty=bool(parts))
    if document.value is not None:
        secrets.expand(document, folder=path.parent)
    document.found.update(listed.found)
    settings = _settings(document, parts)
    if files := {str(file) for file in (path, *(path for path, _ in parts.values())) if _is_open(file)}:
        _warn_of_passwords(document, settings, files)
    if document.problems(fatal=True):
        raise errors.UserError(document.problems())
    return settings


def _client_files(folder: Path, listed: yaml_nodes.Document) -> dict[str, tuple[Path, yaml_nodes.Document]]:
    """Each client that has a file of its own, with what the file holds; what is wrong with the folder is noted."""
    try:
        paths = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    except FileNotFoundError:
        return {}
    except OSError as error:
        listed.note(errors.Problem(f"the folder cannot be read: {error.strerror}", str(folder)))
        return {}
    found = {}
    for path in paths:
        if path.suffix == ".yml":
            listed.note(errors.Problem("is not read", str(path), f"call it {path.stem}.yaml", fatal=False))
        if path.suffix == ".yaml":
            found[path.stem] = (path, _client_file(path))
    return found


def _client_file(path: Path) -> yaml_nodes.Document:
    base: yaml_nodes.Path = ("clients", path.stem)
    try:
        document = yaml_nodes.read(text(path), str(path), base=base)
    except errors.UserError as error:
        document = yaml_nodes.Document(str(path), homes={base: str(path)})
        for problem in error.problems:
            document.note(problem)
    if not models.CLIENT_NAME.fullmatch(path.stem):
        fix = "call it after the client with a-z, 0-9, _ and -, at most 32 characters"
        document.add((), "the file's name cannot be a client's name", fix)
    if document.value is not None:
        secrets.expand(document, folder=path.parent)
    return document


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:  # gone in the meantime, or told already
        return False


def text(path: Path) -> str:
    """A file of the configuration. Raises UserError, with what is wrong and where."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        problem = errors.Problem("there is no such file", str(path), _START)
    except OSError as error:
        problem = errors.Problem(f"the file cannot be read: {error.strerror}", str(path))
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        place = f"{path}:{line}:{column}"
        problem = errors.Problem("the file is not UTF-8 text", place, "save it as UTF-8")
    raise errors.UserError([problem])


def _settings(document: yaml_nodes.Document, parts: Mapping[str, tuple[Path, yaml_nodes.Document]]) -> models.Settings:
    """The settings as far as they can be made; they are good only if the document has no fatal problem."""
    value = dict(document.value or {})
    clients = value.get("clients")
    inside = set(clients) if isinstance(clients, dict) else set()
    if isinstance(clients, dict):
        clients = {name: _client(document, name, raw) for name, raw in clients.items()}
    elif clients is None and parts:
        clients = {}
    if isinstance(clients, dict):
        value["clients"] = clients
    for name, (_, part) in parts.items():
        raw = part.at(("clients", name))
        client = _NO_CLIENT if raw is None else _client(part, name, raw)
        if name in inside:
            place = document.place(("clients", name), at="key")
            what = f"the client is also in {document.file}:{place.line}:{place.column}"
            part.add(("clients", name), what, "keep one of them")
            document.found.update(part.found)
            continue
        document.take(part)
        if isinstance(clients, dict) and models.CLIENT_NAME.fullmatch(name):
            clients[name] = client
            document.hold(("clients", name), raw)
    try:
        settings = models.Settings.model_validate(value)
    except ValidationError as error:
        if document.value is not None:
            explain.note(document, error, models.Settings)
        settings = models.Settings.model_construct(clients={})
    settings._document = document
    return settings


def _client(document: yaml_nodes.Document, name: str, raw: Any) -> models.Client:
    path: yaml_nodes.Path = ("clients", name)
    value: Any = raw
    whole = False
    systems: dict[str, models.System | None] = {}
    if isinstance(raw, dict):
        systems = {
            role: _system(document, (*path, role), raw[role]) for role in _ROLES if isinstance(raw.get(role), dict)
        }
        whole = len(systems) == len(_ROLES) and None not in systems.values()
        value = {**raw, **{role: system or _NO_SYSTEM for role, system in systems.items()}}
    try:
        client = models.Client.model_validate(value)
        good = True
    except ValidationError as error:
        explain.note(document, error, models.Client, path)
        client, good = _partly(value, error), False
    if whole and client.pipelines.model_fields_set:
        if plan := compiler.client(document, name, client):
            plan.crm.close()
            plan.dialer.close()
    else:
        compiler.systems(document, name, {role: system for role, system in systems.items() if system is not None})
    return client if good else _NO_CLIENT


def _partly(value: Any, error: ValidationError) -> models.Client:
    """What of a client is good in itself, without the pipelines that are not, so that it can be looked at as well."""
    wrong = {detail["loc"][:2] for detail in error.errors(include_url=False)}
    if any(not loc or loc[0] in ("crm", "dialer", "agents") or loc == ("pipelines",) for loc in wrong):
        return _NO_CLIENT
    pipelines = {kind: one for kind, one in value["pipelines"].items() if ("pipelines", kind) not in wrong}
    if "calls" not in pipelines:
        pipelines.pop("recordings", None)  # it would be missing them
    rest = {key: one for key, one in value.items() if (key,) not in wrong}
    try:
        return models.Client.model_validate({**rest, "pipelines": pipelines})
    except ValidationError:  # nothing is left
        return _NO_CLIENT


def _system(document: yaml_nodes.Document, path: yaml_nodes.Path, raw: Mapping[str, Any]) -> models.System | None:
    """One system with its connector's own options."""
    kind = raw.get("type")
    if not isinstance(kind, str) or not kind:
        fix = f"write one of: {', '.join(registry.names())}"
        document.add((*path, "type"), "the connector's type is missing", fix)
        return None
    try:
        known = registry.load(kind).Options
    except errors.UserError as error:
        for problem in error.problems:
            document.add((*path, "type"), problem.what, scalars.choices(kind, list(registry.names())))
        return None
    try:
        options = known.model_validate({key: value for key, value in raw.items() if key != "type"})
    except ValidationError as error:
        explain.note(document, error, known, path, beside=("type",))
        return None
    return models.System(type=kind, options=options)


def _warn_of_passwords(document: yaml_nodes.Document, settings: models.Settings, files: Collection[str]) -> None:
    """Passwords that stand literally in these files, which everybody on the machine can read."""
    secret = [path for path in _passwords(settings, ()) if "://" not in str(document.at(path))]
    logins = [path for path in document.values if _LOGIN.search(str(document.at(path)))]
    for path in (*secret, *logins):
        if document.home(path)[0] not in files:
            continue
        if isinstance(document.at(path), str) and path not in document.secrets and path not in document.unknown:
            document.add(path, "a password in a file that everybody may read", _OPEN, fatal=False)


def _passwords(value: Any, path: yaml_nodes.Path) -> Iterator[yaml_nodes.Path]:
    """Where, in the file, the secret texts of a model stand."""
    if isinstance(value, SecretStr):
        yield path
    elif isinstance(value, models.System):
        yield from _passwords(value.options, path)
    elif isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            yield from _passwords(getattr(value, name, None), (*path, info.alias or name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _passwords(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _passwords(item, (*path, index))


def draft(text: str, path: Path) -> tuple[errors.Problem, ...]:
    """What is wrong with the text of a client's file that is not written yet. Credentials need not be there."""
    document = _drafted(text, path)
    raw = document.at(("clients", path.stem))
    if raw is not None:
        _client(document, path.stem, raw)
    return tuple(one for one in document.problems(fatal=True) if not one.fix.startswith("add LoadCredential="))


def connector(text: str, path: Path, role: protocol.Role) -> protocol.Connector | None:
    """The connector of a client's file that is not written yet; None where something is missing for it."""
    document, place = _drafted(text, path), path.stem
    system = _system(document, ("clients", place, role), document.at(("clients", place, role)) or {})
    whole = not any(path[:3] == ("clients", place, role) for path in document.unknown)  # the other one's are no matter
    if system is None or not whole:
        return None
    make = cast("Callable[..., protocol.Connector]", registry.load(system.type))
    return make(system.options, client=path.stem)


def _drafted(text: str, path: Path) -> yaml_nodes.Document:
    document = yaml_nodes.read(text, str(path), base=("clients", path.stem))
    if document.value is not None:
        secrets.expand(document, folder=path.parent)
    return document
