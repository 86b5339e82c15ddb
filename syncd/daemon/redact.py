"""Keeps secrets and personal data out of what is logged."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any

MASK = "***"

_SECRET_KEY = re.compile(
    r"passw|^pass$|^pwd$|secret|token|api_?key|authori[sz]ation|cookie|credential|^dsn$|phone|mobile|e_?mail",
    re.IGNORECASE,
)
# ids and times: long digits in them are no phone numbers
_PLAIN_KEYS = frozenset(
    {"timestamp", "level", "logger", "intent", "subject", "far_id", "client", "stream", "pipeline", "due", "run"}
)
_LOGIN = re.compile(r"(://)[^/@\s]*@")
_ASSIGNED = re.compile(
    r"\b(pass(?:word|wd)?|pwd|secret|token|api_?key|authorization)(\s*[=:]\s*)(?:(?:basic|bearer)\s+)?[^\s&,;'\"]+",
    re.IGNORECASE,
)
_SHORTEST_PHONE = 7
# times and network addresses are kept, whatever else has seven digits or more is taken for a phone number
_DIGITS = re.compile(
    r"(?P<keep>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\b\d{8}T\d{6}Z?\b"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b)"
    r"|(?<![\w.])\+?\(?\d(?:[ ()./-]{0,2}\d){6,}(?!\w)"
)


def text(value: str) -> str:
    """Free text without logins in addresses, passwords that stand behind their name, and phone numbers."""
    if "://" in value:
        value = _LOGIN.sub(rf"\1{MASK}@", value)
    if "=" in value or ":" in value:
        value = _ASSIGNED.sub(rf"\1\2{MASK}", value)
    if len(value) < _SHORTEST_PHONE:
        return value
    return _DIGITS.sub(lambda found: found["keep"] or MASK, value)


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _value(key: str, value: Any) -> Any:
    if _is_secret(key) and value is not None and not isinstance(value, bool):
        return MASK
    return _inside(value)


def _inside(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {name: _value(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_inside(item) for item in value]
    return value


def processor(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: masks values by their key, and what looks like a secret or a phone in all others."""
    for key, value in event.items():
        if key not in _PLAIN_KEYS and not isinstance(value, int | float):
            event[key] = _value(key, value)
        elif _is_secret(key):
            event[key] = MASK
    return event
