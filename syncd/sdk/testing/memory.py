"""A connector whose far system is memory: for tests and for trying things out.

The far system is a `World`, which outlives any connector on it, has its own clock, can take effect late, and can store
values its own way, as real servers do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from syncd.sdk import errors, fence, protocol, records

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
PAGE = 3  # small, so that tests see page borders

CRM = {
    "leads": records.StreamSpec(
        writable=True, batch_size=4, overlaps=((0.0, 600.0),), deletes="flag", find_lag_seconds=60.0
    ),
    "calls": records.StreamSpec(readable=False, writable=True, batch_size=4, upserts=True, key_field="call_key"),
}
DIALER = {
    "leads": records.StreamSpec(
        readable=False,
        writable=True,
        batch_size=4,
        find_lag_seconds=60.0,
        phone=("phone_code", "phone_number"),
        near=("phone_number",),
        key_field="vendor_lead_code",
        marker_field="source_id",
        worked_field="called_count",
        keeps_out=True,
        flags_field="flags",
    ),
    "calls": records.StreamSpec(
        overlaps=((0.0, 3600.0),),
        parent=("lead_id", "vendor_lead_code"),
        occurred_field="call_date",
        length_field="length_in_sec",
        flags_field="flags",
    ),
}


@dataclass
class World:
    """One far system: records by stream and id, its own time, and effects that are still on their way."""

    streams: Mapping[str, records.StreamSpec]
    now: datetime = START
    rows: dict[str, dict[str, records.Record]] = field(default_factory=dict)
    late: list[tuple[datetime, Callable[[], None]]] = field(default_factory=list)
    store_as: Callable[[str], str] = lambda value: value  # how this system stores a text
    writes: int = 0
    next_id: int = 1000
    lock: threading.RLock = field(default_factory=threading.RLock)

    def table(self, stream: str) -> dict[str, records.Record]:
        """The records of one stream by id."""
        return self.rows.setdefault(stream, {})

    def put(self, stream: str, record_id: str, deleted: bool = False, /, **fields: str | None) -> records.Record:
        """Create or change a record as somebody working on the far system would."""
        with self.lock:
            old = self.table(stream).get(record_id)
            merged = {**(old.fields if old else {}), **fields}
            record = records.Record(record_id, merged, self.now, deleted)
            self.table(stream)[record_id] = record
            return record

    def advance(self, seconds: float) -> None:
        """Let time pass; what was on its way takes effect when its time has come."""
        with self.lock:
            until = self.now + timedelta(seconds=seconds)
            while due := sorted((one for one in self.late if one[0] <= until), key=lambda one: one[0]):
                self.late.remove(due[0])
                self.now = max(self.now, due[0][0])
                due[0][1]()
            self.now = until

    def apply(self, stream: str, change: records.Change) -> records.Outcome:
        """Carry out one change as the far system does."""
        with self.lock:
            self.writes += 1
            spec, table = self.streams[stream], self.table(stream)
            fields = {name: None if value is None else self.store_as(value) for name, value in change.fields.items()}
            if change.kind == "create":
                return self._create(spec, table, change, fields)
            if change.kind == "remove" and change.fields:
                for phone in (change.fields["phones"] or "").split():
                    self.table("kept_out")[phone] = records.Record(phone, {}, self.now)
                if change.id is None:
                    return records.Outcome()
                fields = {}
            record = table.get(change.id or "")
            if record is None or record.deleted:
                return records.Outcome(error=errors.Missing("no such record"))
            if change.kind == "remove":
                fields = {"removed": change.reason}
            table[record.id] = replace(record, fields={**record.fields, **fields}, modified=self.now)
            return records.Outcome(record.id)

    def _create(
        self,
        spec: records.StreamSpec,
        table: dict[str, records.Record],
        change: records.Change,
        fields: dict[str, str | None],
    ) -> records.Outcome:
        if spec.key_field:
            fields[spec.key_field] = change.key.value
        if spec.marker_field and change.key.marker:
            fields[spec.marker_field] = change.key.marker
        if spec.upserts and spec.key_field:
            for record in table.values():
                if record.fields.get(spec.key_field) == change.key.value:
                    table[record.id] = replace(record, fields={**record.fields, **fields}, modified=self.now)
                    return records.Outcome(record.id)
        self.next_id += 1
        table[str(self.next_id)] = records.Record(str(self.next_id), fields, self.now)
        return records.Outcome(str(self.next_id))


class NoOptions(BaseModel):
    """Nothing to configure."""

    model_config = ConfigDict(extra="forbid")


class MemoryConnector:
    """The protocol on a World."""

    Options: ClassVar[type[BaseModel]] = NoOptions
    role: ClassVar[protocol.Role] = "crm"

    def __init__(self, options: BaseModel | None = None, *, client: str = "test", world: World | None = None) -> None:
        self.client = client
        self.world = world or World(CRM)

    @property
    def streams(self) -> Mapping[str, records.StreamSpec]:
        """The world's streams."""
        return self.world.streams

    def clock(self) -> datetime:
        """The world's time."""
        return self.world.now

    def check(self) -> list[errors.Problem]:
        """Memory has no problems."""
        return []

    def pull(
        self, stream: str, since: records.Cursor | None, until: datetime, fields: Sequence[str]
    ) -> Iterator[records.Page]:
        """Records by (modified, id), in small pages."""
        position = since
        while True:
            fence.check(1.0)
            with self.world.lock:
                ordered = sorted(
                    (
                        (records.Cursor(record.modified or START, record.id), record)
                        for record in self.world.table(stream).values()
                        if (record.modified or START) <= until
                    ),
                    key=lambda pair: pair[0],
                )
            first = position is since
            page = [
                pair for pair in ordered if position is None or (pair[0] >= position if first else pair[0] > position)
            ][:PAGE]
            if not page:
                return
            position = page[-1][0]
            yield records.Page([record for _, record in page], position)

    def get(self, stream: str, ids: Sequence[str], fields: Sequence[str] = ()) -> list[records.Record]:
        """The records that exist."""
        fence.check(1.0)
        table = self.world.table(stream)
        return [table[record_id] for record_id in ids if record_id in table]

    def find(self, stream: str, key: records.SyncKey, near: records.Fields) -> list[records.Record]:
        """By key and marker, through the near fields as an indexed far system would."""
        fence.check(1.0)
        spec = self.world.streams[stream]
        return [
            record
            for record in self.world.table(stream).values()
            if record.fields.get(spec.key_field or "") == key.value
            and (None in (key.marker, spec.marker_field) or record.fields.get(spec.marker_field or "") == key.marker)
            and all(record.fields.get(name) == self.world.store_as(value or "") for name, value in near.items())
        ]

    def write(self, stream: str, changes: Sequence[records.Change]) -> Sequence[records.Outcome]:
        """One change after the other."""
        outcomes = []
        for change in changes:
            try:
                fence.check(1.0)
                outcomes.append(self.world.apply(stream, change))
            except errors.SyncdError as error:
                outcomes.append(records.Outcome(error=error))
        return outcomes

    def canonical(self, stream: str, fields: records.Fields) -> dict[str, str | None]:
        """As the world stores it."""
        return {name: None if value is None else self.world.store_as(value) for name, value in fields.items()}

    def close(self) -> None:
        """Nothing to close."""


class MemoryDialer(MemoryConnector):
    """The same in the dialer's role."""

    role: ClassVar[protocol.Role] = "dialer"

    def __init__(self, options: BaseModel | None = None, *, client: str = "test", world: World | None = None) -> None:
        super().__init__(options, client=client, world=world or World(DIALER))

    @property
    def recordings_by(self) -> Sequence[str]:
        """Recordings are kept by the call's id."""
        return ()

    @property
    def recordings_words(self) -> Mapping[str, str]:
        """Memory has no words of its own."""
        return {"status": "status"}

    def check_recordings(self) -> list[errors.Problem]:
        """Memory has no problems."""
        return []

    def recordings(self, calls: Sequence[records.Record]) -> list[list[records.Record] | errors.SyncdError]:
        """The rows of "recordings" whose `call` is the call, by their id."""
        fence.check(1.0)
        with self.world.lock:
            kept = sorted(self.world.table("recordings").values(), key=lambda one: one.id)
            return [[one for one in kept if one.fields.get("call") == call.id] for call in calls]
