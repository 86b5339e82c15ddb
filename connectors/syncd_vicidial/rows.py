"""What a source of calls gives: rows of the call log, as text, in parts of a window."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from syncd_vicidial.windows import Window

UNIQUEID = re.compile(r"(?:.*-)?(\d{9,10})\.\d+")  # a Unix time, behind the system's name on some servers
SourceName = Literal["get_call_log", "call_report_export", "sql"]

Columns: TypeAlias = Mapping[str, str]
"""One call: column → text, "" for NULL. `leg` is "out" or "in"; `archived` is there where an archive table holds it;
`start_epoch` and `order_epoch` are Unix times of the call, and of one that was logged next to it."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row of which no call can be made; `why` is a few constant words."""

    why: str


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a window. `reaches`: the wall-clock time (naive) before which no row of the window comes later; None:
    the window's end."""

    rows: Iterable[Columns | Unreadable]
    reaches: datetime | None = None


class Source(Protocol):
    """One way to the call log."""

    name: SourceName

    def parts(self, window: Window, *, archived: bool) -> Iterator[Part]:
        """The rows of a window, with those of the archive tables if `archived`; rows of live tables come first, so that
        none is missed that is moved meanwhile. Raises AuthFailed, RetryLater, UserError, ContractViolation."""

    def check(self) -> None:
        """Use everything once that reading needs, without reading any. Raises as `parts`."""
