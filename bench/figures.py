"""A figure: what was measured in each round, its median, and what is aimed at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

Unit = Literal["/s", "/CPU s", "ms", "×", "%", "MB", "per 100", "per 200", "per 1000"]
_DIGITS: dict[Unit, int] = {"/s": 0, "/CPU s": 0, "ms": 3, "×": 2, "%": 1, "MB": 1}


@dataclass(frozen=True, slots=True)
class Aim:
    """What the median should reach: `at` is the least, or with `most` the highest that is wanted."""

    at: float
    most: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `key` names it in the JSON object. No rounds: it was not measured, and `absent` says why."""

    key: str
    what: str
    unit: Unit
    rounds: Sequence[float]
    aim: Aim | None = None
    absent: str = ""

    @property
    def value(self) -> float | None:
        """The median of the rounds."""
        return median(self.rounds) if self.rounds else None

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached, to the digits that are shown; None where there is none, or no figure."""
        if self.aim is None or self.value is None:
            return None
        shown = round(self.value, self.digits)
        return shown <= self.aim.at if self.aim.most else shown >= self.aim.at

    @property
    def digits(self) -> int:
        """Digits after the point that mean something."""
        return _DIGITS.get(self.unit, 2)

    def text(self, value: float) -> str:
        """A value of this figure with its unit."""
        return f"{value:,.{self.digits}f}{'' if self.unit.startswith('/') else ' '}{self.unit}"

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {"what": self.what, "unit": self.unit}
        if self.value is None:
            return {**found, "value": None, "absent": self.absent}
        found |= {"value": round(self.value, 4), "rounds": [round(value, 4) for value in self.rounds]}
        if self.aim is not None:
            found |= {"aim": f"{'at most' if self.aim.most else 'at least'} {self.aim.at:g}", "met": self.met}
        return found


@dataclass(frozen=True, slots=True)
class Part:
    """Figures that belong together."""

    key: str
    title: str
    figures: Sequence[Figure]
    notes: Sequence[str] = ()


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Round by round."""
    return [one / other for one, other in zip(over, under, strict=True)]
