"""Which parts of a configuration differ from one reading to the next, told without keeping what they say."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.config import models

_KEY = os.urandom(32)  # of this process: what is kept is no help in guessing a password


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Of each client by its name, and of each key beside the clients."""

    clients: Mapping[str, bytes]
    others: Mapping[str, bytes]


def of(settings: models.Settings) -> Fingerprints:
    """Given settings that `load` returned, return fingerprints that are equal, within this process, where the same was
    written, secrets as they were read included."""
    document = settings._document
    return Fingerprints(
        {name: _print(document.at(("clients", name))) for name in settings.clients},
        {name: _print(document.at((name,))) for name in models.Settings.model_fields if name != "clients"},
    )


def _print(value: Any) -> bytes:
    return hashlib.blake2b(json.dumps(value).encode(), key=_KEY).digest()
