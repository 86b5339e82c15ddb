"""Between a column's values and syncd's text, both ways, by the column's kind.

Booleans are BOOLEAN columns, and MySQL's tinyint(1) and bit(1), which is how MySQL stores them: 0 is "false", 1 is
"true", any other number stays one. Instants are columns with a zone, and those without in the configured zone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa

from syncd.sdk import errors, records
from syncd_sql import stamps
from syncd_sql.tables import Column

Read: TypeAlias = Callable[[Any], str | None]

_TRUE = frozenset({"true", "1", "t", "yes", "y", "on"})
_FALSE = frozenset({"false", "0", "f", "no", "n", "off"})
_NOT_DELETED = _FALSE | {"", "null", "none", "0000-00-00", "0000-00-00 00:00:00"}


def reader(column: Column, zone: tzinfo) -> Read:
    """Given a column, return what turns the driver's values into syncd's text."""
    if column.kind == "boolean":
        return _boolean
    if column.kind in ("wall", "stamp"):
        kept: tzinfo = zone if column.kind == "wall" else UTC
        return lambda value: _moment(value, kept)
    # PostgreSQL fills its fixed-width text with blanks that nobody wrote.
    return _unpadded if column.declared.startswith("character(") else plain


def identity(column: Column) -> Read:
    """Like `reader`, for ids: bytes become hexadecimal digits, so that no two ids look the same."""
    if column.kind == "binary":
        return lambda value: bytes(value).hex() if isinstance(value, (bytes, bytearray, memoryview)) else plain(value)
    return _unpadded if column.declared.startswith("character(") else plain


def native_id(column: Column, text: str) -> object:
    """Given an id as text, return it as the column holds it; raise ValueError if no row can have that id."""
    if column.kind == "integer":
        return int(text)
    if column.kind == "uuid":
        return str(UUID(text))
    if column.kind == "binary":
        return bytes.fromhex(text)
    if column.kind in ("decimal", "float"):
        try:
            return Decimal(text)
        except InvalidOperation:
            raise ValueError("not a number") from None
    return text


def is_set(value: object) -> bool:
    """Whether a deletion flag is set: true, a number that is not 0, a time stamp, or text other than a word for no."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return any(bytes(value)) and bytes(value).decode("utf-8", "replace").strip().lower() not in _NOT_DELETED
    if isinstance(value, str):
        return value.strip().lower() not in _NOT_DELETED
    return value is not None and value not in (0, False)


def plain(value: Any) -> str | None:
    """Given a value whose type says all, return syncd's text."""
    # Nearly all values are of these two types.
    if type(value) is str or type(value) is int:
        return str(value)
    if isinstance(value, (datetime, bool)) or value is None:
        return records.text(value)
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, timedelta):  # MySQL's TIME
        minutes, seconds = divmod(abs(value) // timedelta(seconds=1), 60)
        return f"{'-' if value < timedelta(0) else ''}{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return records.text(bytes(value) if isinstance(value, (bytearray, memoryview)) else value)


def _unpadded(value: Any) -> str | None:
    return value.rstrip(" ") if isinstance(value, str) else plain(value)


def _boolean(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = int.from_bytes(value, "big")
    return {0: "false", 1: "true"}[value] if value in (0, 1) else plain(value)


def _moment(value: Any, zone: tzinfo) -> str | None:
    if isinstance(value, datetime):
        return records.text(value if value.tzinfo else value.replace(tzinfo=zone))
    if isinstance(value, str):
        moment = stamps.parse(value, zone)
        return value if moment is None else records.text(moment)
    return plain(value)


def writer(column: Column, *, backend: str, zone: tzinfo) -> Callable[[str], object]:
    """Given a column, return what turns syncd's text into what the driver takes: a value or a SQL expression. It
    raises ValueError, with a reason that holds no value, where the column cannot take the text."""
    kind = column.kind
    if kind == "boolean":
        return lambda text: _to_boolean(text, column)
    if kind == "integer":
        return _to_integer
    if kind == "decimal":
        return lambda text: _to_decimal(text, column.scale, backend)
    if kind == "float":
        return lambda text: float(_number(text))
    if kind == "date":
        return lambda text: _to_date(text, zone, backend)
    if kind in ("instant", "wall", "stamp"):
        return lambda text: _to_moment(text, column, zone, backend)
    if kind == "uuid":
        return _to_uuid
    if kind == "binary":
        return lambda text: _fitting(text, column).encode()
    return lambda text: _fitting(text, column)


def canonical(column: Column, text: str, zone: tzinfo) -> str | None:
    """Given text that is written to the column, return what is read back afterwards; raise ValueError as `writer`."""
    if column.kind in ("instant", "wall", "stamp"):
        return records.text(_cut(_instant(text, zone), column))
    return reader(column, zone)(writer(column, backend="", zone=zone)(text))


def rejected(table: str, column: str, reason: str, fix: str = "change the value or the mapping") -> errors.Rejected:
    """The error of a row whose `column` cannot take what it was given."""
    return errors.Rejected([errors.Problem(reason, where=f"{table}.{column}", fix=fix)])


def _to_boolean(text: str, column: Column) -> object:
    word = text.strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    if column.declared.lower().startswith("tinyint"):
        return _to_integer(text)
    raise ValueError("not true or false")


def _to_integer(text: str) -> object:
    word = text.strip().lower()
    if word in ("true", "false"):
        return int(word == "true")
    number = _number(text)
    if number != number.to_integral_value():
        raise ValueError("not a whole number")
    return int(number)


def _to_decimal(text: str, scale: int | None, backend: str) -> object:
    number = _number(text)
    if scale is not None:
        try:
            number = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
        except InvalidOperation:
            raise ValueError("too many digits") from None
    # SQLite's driver has no decimals; its NUMERIC columns turn such text into a number.
    return format(number, "f") if backend == "sqlite" else number


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not number.is_finite():
        raise ValueError("not a number")
    return number


def _to_date(text: str, zone: tzinfo, backend: str) -> object:
    try:
        day = date.fromisoformat(text) if len(text) == 10 else records.instant(text).astimezone(zone).date()
    except ValueError:
        raise ValueError("not a date like 2026-11-20") from None
    return day.isoformat() if backend == "sqlite" else day


def _to_moment(text: str, column: Column, zone: tzinfo, backend: str) -> object:
    moment = _cut(_instant(text, zone), column)
    if column.kind == "instant" and backend != "sqlite":
        return moment
    if column.kind == "stamp":
        # The session's zone is the server's; only a number means the same moment in each.
        micros = (moment - stamps.EPOCH) // timedelta(microseconds=1)
        return sa.func.from_unixtime(Decimal(micros).scaleb(-6))
    wall = moment.astimezone(zone).replace(tzinfo=None)
    return wall.isoformat(" ") if backend == "sqlite" else wall


def _instant(text: str, zone: tzinfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not a time like 2026-11-20T15:00:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _cut(moment: datetime, column: Column) -> datetime:
    """Without the digits that the column lacks: databases would round them up into the future."""
    kept = 10 ** (6 - (6 if column.scale is None else min(column.scale, 6)))
    return moment.replace(microsecond=moment.microsecond // kept * kept)


def _to_uuid(text: str) -> object:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError("not a UUID") from None


def _fitting(text: str, column: Column) -> str:
    if column.length is not None and len(text) > column.length:
        raise ValueError(f"{len(text)} characters; the column holds {column.length}")
    return text
