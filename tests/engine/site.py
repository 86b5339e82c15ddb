"""A small call centre for tests: a CRM and a dialer in memory, a store, the four pipelines, people and agents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from syncd.core import condition, mapping, model
from syncd.engine import parts, run
from syncd.sdk import records
from syncd.sdk.testing import faulty, memory
from syncd.store import tables, upgrade
from syncd.store.database import Database, Moment, OnCommit

CLIENT = "acme"
PHONE_FIELDS = ("phone_code", "phone_number")


def lossy(value: str) -> str:
    """How this dialer stores text: `+` becomes a space, and no more than 24 characters."""
    return value.replace("+", " ")[:24]


def leads_pipeline(**more: object) -> model.Pipeline:
    """People of the CRM to leads."""
    rules = (
        mapping.Rule("phone_number", ("mobile", "phone"), transforms=("phone",)),
        mapping.Rule("first_name", ("first_name",)),
        mapping.Rule("email", ("email",)),
        mapping.Rule("list_id", default="101"),
    )
    return model.Pipeline(
        client=CLIENT,
        name="leads",
        kind="leads",
        source=model.Side("crm", "leads"),
        target=model.Side("dialer", "leads"),
        fields=mapping.FieldMapping(rules, phone_fields=PHONE_FIELDS),
        start="all",
        opt_out=condition.Condition((condition.Test("do_not_call", "true"),)),
        guard=model.GuardLimits(max_removes=None),
        **more,  # type: ignore[arg-type]  # fields of Pipeline
    )


def calls_pipeline() -> model.Pipeline:
    """Calls to activities."""
    rules = (
        mapping.Rule("person", ("crm_id",)),
        mapping.Rule("status", ("status",)),
        mapping.Rule("seconds", ("length_in_sec",)),
    )
    return model.Pipeline(
        client=CLIENT,
        name="calls",
        kind="calls",
        source=model.Side("dialer", "calls"),
        target=model.Side("crm", "calls"),
        fields=mapping.FieldMapping(rules),
        start="all",
    )


def dispositions_pipeline(*, only_status: bool = False, **more: object) -> model.Pipeline:
    """The newest call's status to the person."""
    rules = (mapping.Rule("lead_status", ("status",)), mapping.Rule("last_call", ("call_date",)))[
        : 1 if only_status else 2
    ]
    return model.Pipeline(
        client=CLIENT,
        name="dispositions",
        kind="dispositions",
        source=model.Side("dialer", "calls"),
        target=model.Side("crm", "leads"),
        fields=mapping.FieldMapping(rules),
        start="all",
        opt_out=condition.Condition((condition.Test("do_not_call", "true"),)),
        protect=frozenset({"sale", "dnc"}),
        **more,  # type: ignore[arg-type]  # fields of Pipeline
    )


def edits_pipeline(default: model.EditPolicy = "hold", **more: object) -> model.Pipeline:
    """Names, e-mails and notes of leads to their CRM records; `leads` does not fill the notes."""
    rules = (
        mapping.Rule("first_name", ("first_name",)),
        mapping.Rule("email", ("email",)),
        mapping.Rule("notes", ("comments",)),
    )
    return model.Pipeline(
        client=CLIENT,
        name="edits",
        kind="edits",
        source=model.Side("dialer", "calls"),
        target=model.Side("crm", "leads"),
        fields=mapping.FieldMapping(rules),
        start="all",
        edit_policy=dict.fromkeys(("first_name", "email", "notes"), default),
        **more,  # type: ignore[arg-type]  # fields of Pipeline
    )


@dataclass
class Site:
    """Both far systems, and as many lives of the program on one store as a test wants."""

    url: str
    crm: memory.World = field(default_factory=lambda: memory.World(memory.CRM))
    dialer: memory.World = field(default_factory=lambda: memory.World(memory.DIALER, store_as=lossy))
    pipelines: tuple[model.Pipeline, ...] = field(
        default_factory=lambda: (leads_pipeline(), calls_pipeline(), dispositions_pipeline(), edits_pipeline())
    )
    batch_size: int | None = None  # of all streams; None: as memory has it
    calls: int = 0
    on_commit: OnCommit = lambda label, moment: None
    _db: Database | None = None

    def __post_init__(self) -> None:
        if self.batch_size is not None:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self.crm = memory.World(self._sized(memory.CRM))
        self.dialer = memory.World(self._sized(memory.DIALER), store_as=lossy)

    def _sized(self, streams: Mapping[str, records.StreamSpec]) -> Mapping[str, records.StreamSpec]:
        if self.batch_size is None:
            return streams
        return {name: replace(spec, batch_size=self.batch_size) for name, spec in streams.items()}

    def now(self) -> datetime:
        return self.crm.now

    def advance(self, seconds: float) -> None:
        """Time passes on both sides and for syncd."""
        self.crm.advance(seconds)
        self.dialer.advance(seconds)

    @property
    def db(self) -> Database:
        """One connection pool for all lives: opening one anew compiles every statement anew."""
        if self._db is None:
            self._db = Database(self.url, on_commit=self._committing)
        return self._db

    def _committing(self, label: str, moment: Moment) -> None:
        self.on_commit(label, moment)

    def upgrade(self) -> None:
        """Make the store."""
        upgrade.upgrade(self.db, now=self.now())
        self.close()

    def close(self) -> None:
        """Close the store's connections."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def forget(self) -> None:
        """Begin anew: an empty store and two empty far systems."""
        with self.db.engine.begin() as connection:
            for table in reversed(tables.metadata.sorted_tables):
                if table is not tables.meta:
                    connection.execute(sa.delete(table))
        self._begin_anew()
        self.calls = 0

    def start(
        self, *, faults: faulty.Faults | None = None, lease_seconds: float = 600.0
    ) -> tuple[run.Engine, parts.Client]:
        """One life of the program; nothing of an earlier life but the store goes into it."""
        shared = faults or faulty.Faults()
        crm = faulty.FaultyConnector(memory.MemoryConnector(world=self.crm), shared)
        dialer = faulty.FaultyDialer(memory.MemoryDialer(world=self.dialer), shared)
        client = parts.Client(CLIENT, crm, dialer, self.pipelines, "identity")
        engine = run.Engine(self.db, clock=self.now, lease_seconds=lease_seconds)
        engine.register(client)
        return engine, client

    def expire_leases(self) -> None:
        """What waiting does: the leases of a program that has died run out."""
        with self.db.engine.begin() as connection:
            connection.execute(sa.update(tables.lease).values(expires_at=memory.START))

    def person(self, crm_id: str, **fields: str | None) -> None:
        """Somebody is entered or changed in the CRM."""
        self.crm.put("leads", crm_id, False, **fields)

    def call(
        self, crm_id: str, status: str, *, flags: str = "", seconds: str = "30", lead: records.Record | None = None
    ) -> str:
        """An agent calls the lead of a CRM record; returns the call's id."""
        lead = lead or self.leads_of(crm_id)[0]
        self.calls += 1
        # by the hour that the story tells of, however long recovery took
        hour = memory.START + (self.now() - memory.START) // timedelta(hours=1) * timedelta(hours=1)
        uniqueid = f"{int(hour.timestamp())}.{self.calls}"
        call_date = records.text(hour + timedelta(seconds=self.calls)) or ""
        call_id = f"out|{uniqueid}|CAMP|{call_date}"
        self.dialer.put(
            "calls",
            call_id,
            lead_id=lead.id,
            vendor_lead_code=lead.fields.get("vendor_lead_code"),
            status=status,
            flags=flags,
            length_in_sec=seconds,
            call_date=call_date,
        )
        count = int(lead.fields.get("called_count") or "0") + 1
        self.dialer.put("leads", lead.id, called_count=str(count), status=status)
        return call_id

    def leads_of(self, crm_id: str) -> list[records.Record]:
        """The dialable leads of a CRM record."""
        key = records.SyncKey.of(CLIENT, "leads", crm_id).value
        return [
            lead
            for lead in self.dialer.table("leads").values()
            if lead.fields.get("vendor_lead_code") == key and not lead.fields.get("removed")
        ]

    def picture(self) -> dict[str, object]:
        """What both far systems hold, without far ids and times: to compare runs."""
        people = {one.id: one.fields for one in self.crm.table("leads").values()}
        leads = Counter(
            tuple(
                sorted(
                    (name, value)
                    for name, value in one.fields.items()
                    if name not in ("called_count", "status") and value
                )
            )
            for one in self.dialer.table("leads").values()
            if one.fields.get("removed") != "twin"
        )
        activities = Counter(
            tuple(sorted((name, value) for name, value in one.fields.items() if value))
            for one in self.crm.table("calls").values()
        )
        return {"people": people, "leads": leads, "activities": activities}
