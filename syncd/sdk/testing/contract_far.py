"""What the contract suite needs of a far system: `FarSide`, which a connector's author writes over a simulator or a
database, and the words for what it can and cannot do.

Every ability counts as there unless `without` excuses it with a reason; what is excused is skipped with that reason.
So a far side that says nothing is asked everything, and none passes by being silent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, get_args, runtime_checkable

from syncd.sdk import protocol, records

Trouble = Literal[
    "401",  # the login is refused
    "403",  # a permission is
    "404",  # an update's record is not there, by the answer to the request
    "409",  # a conflict
    "422",  # the record is refused (also 400)
    "429",  # too many requests, without a word of when
    "429_after",  # the same with Retry-After: RETRY_AFTER_SECONDS
    "quota",  # the day's budget is used up
    "busy",  # a lock: surely not applied
    "503",  # unavailable, not applied, but nobody can know
    "500_before",  # an error before it was applied
    "500_after",  # an error after it was applied
    "reset_before",
    "reset_after",
    "timeout_before",
    "timeout_after",
    "refused",  # no connection
    "late",  # no answer, and it is applied some time later, within the find lag
    "cut",  # applied, but only a part of the answer arrives
    "empty",  # applied, but the answer says nothing
]
TROUBLES: tuple[Trouble, ...] = get_args(Trouble)
# Those after which the far side has the write.
APPLIED: frozenset[Trouble] = frozenset({"500_after", "reset_after", "timeout_after", "late", "cut", "empty"})
RETRY_AFTER_SECONDS = 7

Action = Literal["enter", "change", "delete", "get", "create", "update", "remove"]
WRITTEN: tuple[Action, ...] = ("create", "update")
# What may be excused beside troubles, and beside troubles of one action ("422 update"), and what it means to have it.
ABILITIES: Mapping[str, str] = {
    "stamp": "enter() gives records any time of last change",
    "pass_time": "pass_time() moves the far clock",
    "requests": "requests() counts what reaches the far side",
    "unicode": "free text keeps every character",
    "read trouble": "trouble() can hit reads as well as writes",
    "secrets": "the connector is given a secret",
    "recordings": "where the connector finds recordings of calls: the far side is a RecordsCalls, too",
}


@dataclass(frozen=True, slots=True)
class Stream:
    """What the suite may do with one stream.

    `does`: what the far side (enter, change, delete: behind the connector's back) and the connector (get, create,
    update, remove) can do. `text`: a field of free text of 40 characters or more (20, if the stream is only read).
    `clear`: a field that can be emptied.
    `typed`: fields and values that must be read as they were written ("true", "2.5", an instant). `refused`: fields
    with values that the far side never takes. `page_size`: records of one page as the far side is set up; small.
    `page_seconds`: where a page is a stretch of time instead, how long it is; the suite then enters records so far
    apart. `lag_seconds`: how much later than its time of change a record can be read.
    """

    does: frozenset[Action]
    text: str
    clear: str | None = None
    typed: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] | None = None
    page_size: int = 3
    page_seconds: float = 1.0
    lag_seconds: float = 0.0


class FarSide(Protocol):
    """A far system under the test's control; a fresh, empty one for each test."""

    @property
    def streams(self) -> Mapping[str, Stream]:
        """Each stream of the connector."""

    @property
    def without(self) -> Mapping[str, str]:
        """Ability or trouble that this far side lacks → why, for the report."""

    @property
    def secrets(self) -> Sequence[str]:
        """The password or token that its connectors are given; must not stand in any error."""

    def connector(self) -> protocol.Connector:
        """Another connector to this far side, for the client `acme`; closed by the suite."""

    def sample(self, stream: str, number: int) -> dict[str, str | None]:
        """The fields, as a connector has them, of a good record; each number gives another. For streams that are
        created, all that a create takes, the spec's `near` fields among it, and no key."""

    def enter(self, stream: str, rows: Sequence[records.Fields], *, at: datetime | None = None) -> list[str]:
        """Somebody enters these records; return their ids. `at` is their time of last change, None: now."""

    def change(self, stream: str, record_id: str, text: str) -> None:
        """Somebody changes the text field of a record, now."""

    def delete(self, stream: str, record_id: str) -> None:
        """Somebody deletes a record, now."""

    def holds(self, stream: str) -> Mapping[str, records.Fields]:
        """All records that are there by id, read not through the connector: the text field and, where the stream has
        them, the key and marker fields; others as you like."""

    def pass_time(self, seconds: float) -> None:
        """Let far time pass; what is on its way takes effect."""

    def requests(self) -> int:
        """How many requests or statements of connectors have reached the far side."""

    def trouble(self, kind: Trouble, stream: str, *, of: Literal["read", "write"]) -> AbstractContextManager[None]:
        """While it is open, such requests of the stream meet this trouble."""


@runtime_checkable
class RecordsCalls(Protocol):
    """What a far side must do besides where its connector `FindsRecordings`; `enter` on the stream "calls" makes calls
    that somebody took."""

    def record(self, call_id: str, *, begins: float, linked: bool = True) -> str:
        """A call that was entered has one more recording, which begins so many seconds after the call; return its link
        as the connector tells it, or "" where it has none yet: not `linked`."""
