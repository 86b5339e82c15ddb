"""Secrets in the configuration: `${env:NAME}`, `${file:/path}`, `${credential:name}` in any text; `$${` means `${`.

A secret's text is never shown: problems name the variable or file, and the document remembers which texts hold one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from syncd.config import yaml_nodes

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_MOST_BYTES = 65536


class _Absent(Exception):
    """What is missing and how to mend it, never with a value."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


def expand(document: yaml_nodes.Document, *, folder: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Put the secrets into the document's texts. Relative files are looked for in `folder`; what cannot be read is
    noted as a problem and its path as unknown."""
    sources: dict[str, Callable[[str], str]] = {
        "env": lambda name: _variable(name, environ),
        "file": lambda name: _file(folder / name),
        "credential": lambda name: _credential(name, environ),
    }
    document.value = _walk(document, document.value, (), sources)


def references(text: str) -> list[tuple[str, str]]:
    """What a text asks for: ("env", "file" or "credential", name). What is written wrongly is left to `expand`."""
    found = (match[1].partition(":") for match in _REFERENCE.finditer(text) if match[2])
    return [(kind, name.strip()) for kind, _, name in found if kind in ("env", "file", "credential")]


def _walk(
    document: yaml_nodes.Document, value: Any, path: yaml_nodes.Path, sources: Mapping[str, Callable[[str], str]]
) -> Any:
    if isinstance(value, dict):
        return {key: _walk(document, item, (*path, key), sources) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(document, item, (*path, index), sources) for index, item in enumerate(value)]
    if isinstance(value, str) and "${" in value:
        return _text(document, value, path, sources)
    return value


def _text(
    document: yaml_nodes.Document, text: str, path: yaml_nodes.Path, sources: Mapping[str, Callable[[str], str]]
) -> str:
    found: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        try:
            secret = _secret(match, sources)
        except _Absent as absent:
            document.add(path, absent.what, absent.fix)
            document.unknown.add(path)
            return ""
        found.append(secret)
        return secret

    result = _REFERENCE.sub(replaced, text)
    if found:
        document.secrets[path] = tuple(found)
    return result


def _secret(match: re.Match[str], sources: Mapping[str, Callable[[str], str]]) -> str:
    if not match[2]:
        raise _Absent("`${` without its `}`", "close it, or write `$${` for a plain `${`")
    kind, colon, name = match[1].partition(":")
    if not colon or kind not in sources or not name.strip():
        raise _Absent(
            "a `${…}` that is none of ${env:NAME}, ${file:/path}, ${credential:name}", "or write `$${` for a plain `${`"
        )
    return sources[kind](name.strip())


def _variable(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "")
    if not value:
        state = "is empty" if name in environ else "is not set"
        raise _Absent(f"the environment variable {name} {state}", f"set {name} where syncd is started")
    return value


def _credential(name: str, environ: Mapping[str, str]) -> str:
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    fix = f"add LoadCredential={name}:/path to the systemd unit; by hand, set CREDENTIALS_DIRECTORY to its folder"
    if "/" in name or name in (".", ".."):
        raise _Absent("a credential's name holds no /", "use ${file:/path} for a file")
    if not folder:
        raise _Absent(f"the credential {name} is not there: $CREDENTIALS_DIRECTORY is not set", fix)
    path = Path(folder) / name
    with suppress(OSError):  # where it cannot be seen, reading it says why
        if not path.exists():
            raise _Absent(f"the credential {name} is not in $CREDENTIALS_DIRECTORY", fix)
    return _file(path)


def _file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        text = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise _Absent(f"the file {path} is not UTF-8 text", "store the secret as plain text") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a path"
        raise _Absent(f"the file {path} cannot be read: {why}", "create it, readable for syncd's user only") from None
    if len(data) > _MOST_BYTES:
        raise _Absent(f"the file {path} is too large for a secret", f"at most {_MOST_BYTES} bytes")
    if not text:
        raise _Absent(f"the file {path} is empty", "write the secret into it")
    return text
