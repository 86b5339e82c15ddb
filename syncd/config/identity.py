"""Which two systems a client stands for: a store that was filled from other ones is refused by this."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from syncd.config import models

_PLACES = frozenset({"host", "database", "schema", "table", "account", "portal"})


@runtime_checkable
class NamesItself(Protocol):
    """Options that know which of them say *which* system it is."""

    def identity(self) -> str:
        """A text without secrets that differs exactly where another system, table or list of people is meant."""


def of(client: models.Client) -> str:
    """The identity of a client's CRM and dialer: the same after a new password, another user or other tuning."""
    parts = [[system.type, _options(system.options)] for system in (client.crm, client.dialer)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _options(options: BaseModel) -> Any:
    if isinstance(options, NamesItself):
        return options.identity()
    return sorted(_places(options.model_dump(exclude_none=True), ""))


def _places(options: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """What says where a system is: addresses, and options of such a name; logins and queries are cut out."""
    for name, value in options.items():
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(text, Mapping):
            yield from _places(text, f"{prefix}{name}.")
        elif isinstance(text, str) and "://" in text:
            parts = urlsplit(text)
            scheme = parts.scheme.partition("+")[0]
            host = parts.netloc.rpartition("@")[2].lower()
            yield prefix + name, f"{scheme}://{host}{parts.path.rstrip('/')}"
        elif isinstance(text, str) and name in _PLACES and not isinstance(value, SecretStr):
            yield prefix + name, text
