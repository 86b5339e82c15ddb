"""Keyed hashes of field values: what was agreed is remembered without storing personal data twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

SIZE = 9  # bytes; 72 bits keep an accidental equal pair of values of one field out of reach, in 12 base64 characters


class Digest:
    """Hashes under one store's secret (at least 16 bytes)."""

    __slots__ = ("_row", "_value")

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise ValueError("the secret of a store has at least 16 bytes")
        # copies of a hash that has taken in the secret cost less than taking it in each time
        self._value = hashlib.blake2b(digest_size=SIZE, key=secret[:64])
        self._row = hashlib.blake2b(digest_size=16, key=secret[:64])

    def value(self, text: str | None) -> str:
        """The hash of one value; NULL and blank are the same value."""
        found = self._value.copy()
        found.update((text or "").encode("utf-8", "surrogatepass"))
        return found.hexdigest()

    def row(self, values: Iterable[str | None], version: str) -> str:
        """The hash of a raw row under a mapping's version; here NULL and blank differ."""
        data = "\x1f".join("\x00" if value is None else value for value in values) + "\x1e" + version
        found = self._row.copy()
        found.update(data.encode("utf-8", "surrogatepass"))
        return found.hexdigest()
