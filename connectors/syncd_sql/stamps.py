"""The column with the time of the last change: its own representation, moments, and bounds between the two.

Rows are compared and sorted by the database in the column's own representation. A codec promises: for each row x,
`lower(moment(x)) <= x <= upper(moment(x))` in the database's order, and both grow with the moment. So reading on from
`lower(at)` loses no row, whatever clock changes or mixed spellings do to the order; it may only repeat some.

Accepted are: date-and-time columns with a zone or without (in the configured zone), dates, numbers since 1970, and
text as `YYYY-MM-DD`, `YYYY-MM-DD HH:MM`, `… HH:MM:SS`, `… HH:MM:SS.fraction`, with a blank or a T between date and
time and nothing, `Z` or `+00:00` behind. Text with another offset does not sort by time and is not understood.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from syncd.sdk import errors
from syncd_sql.options import Unit
from syncd_sql.tables import Column

# Stamps before this (MySQL's 0000-00-00, .NET's 0001-01-01, -infinity) mean "never", like NULL.
ORIGIN = datetime(1000, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PER_SECOND: dict[Unit, int] = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
# No zone moves its clock by more than this at once, bar the date line.
SHIFT = timedelta(hours=3)


class Stamps(Protocol):
    """One representation. Rows whose stamp is NULL, below `origin` or above `beyond` (where that is not None) have
    no moment."""

    origin: object
    beyond: object | None

    def moment(self, raw: object) -> datetime | None:
        """Given a value of the driver, return its moment (UTC); None if it has none."""

    def lower(self, at: datetime) -> object:
        """A bound at or below every value whose moment is `at` or later."""

    def upper(self, at: datetime) -> object:
        """A bound at or above every value whose moment is `at` or earlier."""


@runtime_checkable
class Spelled(Protocol):
    """Extra: text, which spells some times so that they sort after all others of their day; all that is a time looks
    like `pattern`, as LIKE takes it."""

    pattern: str

    def day(self, at: datetime) -> tuple[str, str]:
        """The first of the day's spellings, which is the day alone, and the first of those that sort last."""

    def narrowed(self, at: datetime, first: object) -> object:
        """A bound to use for `lower(at)` where `first` is the day's first row before those that sort last; None: there
        is none. A row that says no more than the day may have been written at any time of it."""


def of(column: Column, *, table: str, backend: str, zone: ZoneInfo, unit: Unit | None) -> Stamps:
    """Given the column, return its representation; raise UserError if it can hold none."""
    numeric = column.kind in ("integer", "decimal", "float")
    if numeric or (unit is not None and backend == "sqlite"):
        return Numbers(unit or "seconds", backend)
    if unit is None:
        if backend == "sqlite" or column.kind == "text":
            return _Text(zone)
        if column.kind in ("instant", "wall", "stamp"):
            return _Walls(zone if column.kind == "wall" else UTC, UTC if column.kind == "instant" else None)
        if column.kind == "date":
            return _Dates(zone)
    raise errors.UserError(
        [
            errors.Problem(
                f"{column.declared} cannot hold the time of a row's last change" + (f" in {unit}" if unit else ""),
                where=f"{table}.{column.name}",
                fix="name a date-and-time, number or text column in `modified`; `modified_unit` is for numbers",
            )
        ]
    )


def parse(text: str, zone: tzinfo) -> datetime | None:
    """Given text in one of the accepted forms (see the module's first lines), return its moment; else None."""
    if len(text) < 10 or text[4] != "-" or text[7] != "-" or (len(text) > 10 and text[10] not in " T"):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is not None:
        return moment.replace(tzinfo=UTC) if not moment.utcoffset() else None
    return moment.replace(tzinfo=zone).astimezone(UTC)


def earliest_wall(at: datetime, zone: tzinfo) -> datetime:
    """The earliest time that a wall clock in `zone` shows at `at` or later; around a clock change that is earlier than
    what it shows at `at`."""
    if zone is UTC:
        return at.replace(tzinfo=None)
    now, around = _offsets(at, zone)
    return at.astimezone(zone).replace(tzinfo=None) - max(timedelta(0), now - min(around))


def latest_wall(at: datetime, zone: tzinfo) -> datetime:
    """The latest time that a wall clock in `zone` has shown by `at`."""
    if zone is UTC:
        return at.replace(tzinfo=None)
    now, around = _offsets(at, zone)
    return at.astimezone(zone).replace(tzinfo=None) + max(timedelta(0), max(around) - now)


def _offsets(at: datetime, zone: tzinfo) -> tuple[timedelta, list[timedelta]]:
    found = [(at + by).astimezone(zone).utcoffset() or timedelta(0) for by in (timedelta(0), -SHIFT, SHIFT)]
    return found[0], found[1:]


class _Walls:
    """Date-and-time columns; `aware` is the zone that the driver's values carry, None if they are naive."""

    beyond: object | None = None

    def __init__(self, zone: tzinfo, aware: tzinfo | None) -> None:
        self._zone = zone
        self._aware = aware
        self.origin: object = ORIGIN.replace(tzinfo=aware)

    def moment(self, raw: object) -> datetime | None:
        if not isinstance(raw, datetime):
            return None
        if raw.tzinfo is None:
            raw = raw.replace(tzinfo=self._zone)
        return raw if raw.tzinfo is UTC else raw.astimezone(UTC)

    def lower(self, at: datetime) -> object:
        return earliest_wall(at, self._zone).replace(tzinfo=self._aware)

    def upper(self, at: datetime) -> object:
        return latest_wall(at, self._zone).replace(tzinfo=self._aware)


class _Dates:
    """Columns with a date only: midnight in the zone."""

    beyond: object | None = None

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self.origin: object = ORIGIN.date()

    def moment(self, raw: object) -> datetime | None:
        if not isinstance(raw, date):
            return None
        return datetime(raw.year, raw.month, raw.day, tzinfo=self._zone).astimezone(UTC)

    def lower(self, at: datetime) -> object:
        return earliest_wall(at, self._zone).date()

    def upper(self, at: datetime) -> object:
        return latest_wall(at, self._zone).date()


class Numbers:
    """Numbers since 1970. In SQLite any text sorts above any number."""

    def __init__(self, unit: Unit, backend: str) -> None:
        self._per_second = PER_SECOND[unit]
        self.origin: object = 1
        self.beyond: object | None = "" if backend == "sqlite" else None

    def moment(self, raw: object) -> datetime | None:
        try:
            if isinstance(raw, int):
                return EPOCH + timedelta(microseconds=raw * 1_000_000 // self._per_second)
            if not isinstance(raw, (float, Decimal)):
                return None
            return EPOCH + timedelta(microseconds=int(Decimal(str(raw)) * 1_000_000 / self._per_second))
        except (OverflowError, ArithmeticError):
            return None

    def lower(self, at: datetime) -> object:
        return max(1, self._floor(at))

    def upper(self, at: datetime) -> object:
        return self._floor(at) + 1

    def _floor(self, at: datetime) -> int:
        return (at - EPOCH) // timedelta(microseconds=1) * self._per_second // 1_000_000


class _Text:
    """Text. A time may be spelled longer or shorter, in the zone or in UTC, so the bounds take the first and the last
    spelling in sorting order."""

    origin: object = "1000-01-01"
    beyond: object | None = "9999-12-31T99"
    pattern = "____-__-__%"

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def moment(self, raw: object) -> datetime | None:
        return parse(raw, self._zone) if isinstance(raw, str) else None

    def lower(self, at: datetime) -> object:
        wall = min(earliest_wall(at, self._zone), earliest_wall(at, UTC))
        spelled = wall.isoformat(" ", "seconds")
        return spelled.removesuffix(":00").removesuffix(":00").removesuffix(" 00")

    def day(self, at: datetime) -> tuple[str, str]:
        day = str(self.lower(at))[:10]
        return day, f"{day}T"

    def narrowed(self, at: datetime, first: object) -> object:
        spelled, (day, sorted_last) = str(self.lower(at)), self.day(at)
        if first is None:
            return max(spelled.replace(" ", "T"), sorted_last)
        return day if first == day else spelled

    def upper(self, at: datetime) -> object:
        wall = max(latest_wall(at, self._zone), latest_wall(at, UTC))
        return wall.isoformat("T", "seconds") + "~"
