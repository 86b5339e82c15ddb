"""How both systems hold one record now."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from syncd.sdk import records


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of `leads`: whether it holds for the record now, and the fields that say it does not."""

    name: Literal["opt_out", "consent", "where"]
    holds: bool
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Crm:
    """The record in the CRM now. `verdict`, `reason`, `hint`: what is planned of it as it is. `unchanged`: it is as it
    was when that was last done, so that no run does it again. `wanted`: the mapped fields, personal data; `differing`:
    those that are not as both sides last agreed. `trouble`: why it is not known."""

    state: Literal["there", "gone", "left", "unknown"]
    modified: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    verdict: str = ""
    reason: str = ""
    hint: str = ""
    unchanged: bool = False
    wanted: records.Fields = field(default_factory=dict, repr=False)
    phone: str = field(default="", repr=False)
    differing: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """A mapped field of which the lead holds something else than the CRM; the values are personal data."""

    name: str
    crm: str | None = field(repr=False)
    lead: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lead:
    """The lead in the dialer now. `strange`: it carries another record's key."""

    id: str
    state: Literal["there", "gone", "unknown"]
    strange: bool = False
    differing: tuple[Difference, ...] = ()
    trouble: str = ""
