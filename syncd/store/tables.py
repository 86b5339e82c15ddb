"""The tables of the state store. What must never happen is a constraint or a partial unique index here.

Instants are whole microseconds since 1970 (UTC) in a BIGINT, so that both databases compare them alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

_encoder = json.JSONEncoder(ensure_ascii=False)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def encode(value: Mapping[str, object]) -> str:
    """JSON of a mapping, by an encoder that is made once (`json.dumps` makes one for each call)."""
    return _encoder.encode(dict(value))


class Instant(TypeDecorator[datetime]):
    """An aware datetime as whole microseconds since 1970."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only in a column of type INTEGER
_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

client = sa.Table(
    "client",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("identity", sa.Text, nullable=False),  # hash of which CRM and dialer it means
    sa.Column("first_read_at", Instant),  # NULL: creates are preceded by a find
)

stream = sa.Table(
    "stream",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),  # "crm.leads", "dialer.calls"
    sa.Column("cursor_at", Instant),
    sa.Column("cursor_id", sa.Text, nullable=False, server_default=""),
    sa.Column("overlap_reads", sa.Text, nullable=False, server_default="{}"),  # overlap → when last read (µs)
    sa.Column("vanish_at", Instant),  # when known ids were last asked for
    sa.Column("vanish_after", sa.Text, nullable=False, server_default=""),
    sa.Column("next_due_at", Instant),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_error", sa.Text, nullable=False, server_default=""),
    sa.Column("last_run_at", Instant),
    sa.Column("last_ok_at", Instant),
)

pipeline = sa.Table(
    "pipeline",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("pipeline", sa.Text, primary_key=True),
    sa.Column("started_at", Instant),  # changes from then on count; NULL: not begun
    sa.Column("paused", sa.Text, nullable=False, server_default=""),  # "", operator, guard, auth, mismatch, contract
    sa.Column("paused_why", sa.Text, nullable=False, server_default=""),
    sa.Column("paused_until", Instant),  # NULL: until somebody resumes it
    sa.Column("auth_role", sa.Text, nullable=False, server_default=""),  # who refused the login
    sa.Column("auth_failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("guard_pass", sa.Integer, nullable=False, server_default="0"),  # 1: the next run passes the guard
    sa.Column("version", sa.Text, nullable=False, server_default=""),  # of planning, when all was read; "": unknown
    sa.Column("guard_passed_at", Instant),  # when the guard last let something pass by an operator's word
    sa.CheckConstraint("paused IN ('', 'operator', 'guard', 'auth', 'mismatch', 'contract')", name="paused"),
)

lease = sa.Table(
    "lease",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("run_id", _Id, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),  # by the database's clock
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("result", sa.Text, nullable=False, server_default=""),
    sa.Column("counts", sa.Text, nullable=False, server_default="{}"),
    sa.Index(None, "client", "stream", "started_at"),
)

link = sa.Table(
    "link",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("crm_stream", sa.Text, nullable=False),
    sa.Column("crm_id", sa.Text, nullable=False),
    sa.Column("dialer_stream", sa.Text, nullable=False),
    sa.Column("dialer_id", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("base", sa.Text, nullable=False, server_default="{}"),
    sa.Column("removed", sa.Text, nullable=False, server_default=""),
    sa.Column("called_at", Instant),
    sa.Column("call_id", sa.Text, nullable=False, server_default=""),
    sa.Column("flags", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("client", "crm_stream", "crm_id"),
    sa.UniqueConstraint("client", "dialer_stream", "dialer_id"),
    sa.Index(None, "client", "key"),
)

decision = sa.Table(
    "decision",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("pipeline", sa.Text, primary_key=True),
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("at", Instant, nullable=False),
    sa.CheckConstraint("verdict IN ('intent', 'none', 'skip', 'hold')", name="verdict"),
    sa.Index(None, "client", "pipeline", "verdict", "reason"),
)

phone = sa.Table(
    "phone",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),  # one CRM record a phone
    sa.Column("crm_id", sa.Text, nullable=False),
    sa.UniqueConstraint("client", "crm_id"),
)

suppressed = sa.Table(
    "suppressed",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("crm_id", sa.Text, primary_key=True),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.CheckConstraint("why IN ('opt_out', 'deleted', 'tombstone')", name="why"),
)

intent = sa.Table(
    "intent",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("pipeline", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("record_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False, server_default=""),
    sa.Column("marker", sa.Text),
    sa.Column("far_id", sa.Text),
    sa.Column("body", sa.Text),  # JSON of the fields; NULL once settled
    sa.Column("call", sa.Text),  # JSON of Plan.call
    sa.Column("base", sa.Text),  # JSON of Plan.settles
    sa.Column("lane", sa.Integer, nullable=False),
    sa.Column("version_at", Instant, nullable=False),
    sa.Column("waits_for", sa.Text, nullable=False, server_default=""),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("sent_at", Instant),
    sa.Column("sent_by", _Id),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("look_at", Instant),  # when to look for a twin
    sa.Column("result", sa.Text, nullable=False, server_default=""),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("hint", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.CheckConstraint("state IN ('staged', 'sending', 'settled', 'held')", name="state"),
    sa.CheckConstraint("kind IN ('create', 'update', 'remove', 'review')", name="kind"),
    sa.CheckConstraint("state <> 'settled' OR body IS NULL", name="settled_is_blank"),
    sa.CheckConstraint("state <> 'sending' OR (sent_at IS NOT NULL AND sent_by IS NOT NULL)", name="sending_is_sent"),
    sa.CheckConstraint("state <> 'held' OR reason <> ''", name="held_has_reason"),
    sa.Index(
        "uq_intent_staged",
        "client",
        "target",
        "subject",
        "pipeline",
        unique=True,
        sqlite_where=sa.text("state = 'staged'"),
        postgresql_where=sa.text("state = 'staged'"),
    ),
    sa.Index(
        "uq_intent_sending",
        "client",
        "target",
        "subject",
        unique=True,
        sqlite_where=sa.text("state = 'sending'"),
        postgresql_where=sa.text("state = 'sending'"),
    ),
    sa.Index(
        "uq_intent_held",
        "client",
        "target",
        "subject",
        "pipeline",
        unique=True,
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    ),
    sa.Index(
        "ix_intent_ready",
        "client",
        "pipeline",
        "lane",
        "id",
        sqlite_where=sa.text("state = 'staged'"),
        postgresql_where=sa.text("state = 'staged'"),
    ),
    sa.Index(
        "ix_intent_subject_sending",
        "client",
        "subject",
        sqlite_where=sa.text("state = 'sending'"),
        postgresql_where=sa.text("state = 'sending'"),
    ),
    sa.Index(
        "ix_intent_look",
        "client",
        "look_at",
        sqlite_where=sa.text("look_at IS NOT NULL"),
        postgresql_where=sa.text("look_at IS NOT NULL"),
    ),
    sa.Index(None, "client", "subject"),
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("intent_id", _Id, nullable=False),
    sa.Column("run_id", _Id, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.ForeignKeyConstraint(["intent_id"], ["intent.id"], ondelete="CASCADE"),
    sa.Index(None, "intent_id"),
)

awaited = sa.Table(  # calls whose recording is still to be found
    "awaited",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("pipeline", sa.Text, primary_key=True),
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # JSON of the call's fields that are needed
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("ended_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("noted_at", Instant, nullable=False),
    sa.Index(None, "client", "pipeline", "due_at"),
)

backfill = sa.Table(
    "backfill",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("pipeline", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),  # what it reads: "crm.leads"
    sa.Column("since_at", Instant),  # NULL: all, of the ids that were given
    sa.Column("until_at", Instant, nullable=False),
    sa.Column("by_id", sa.Integer, nullable=False, server_default="0"),  # 1: only the records in backfill_record
    sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
    sa.Column("position_at", Instant),  # NULL: nothing has been read
    sa.Column("position_id", sa.Text, nullable=False, server_default=""),
    sa.Column("read_to_end", sa.Integer, nullable=False, server_default="0"),
    sa.Column("counts", sa.Text, nullable=False, server_default="{}"),
    sa.Column("guard_updates", sa.Integer, nullable=False, server_default="0"),  # planned since its guard last let pass
    sa.Column("guard_removes", sa.Integer, nullable=False, server_default="0"),
    sa.Column("version", sa.Text, nullable=False, server_default=""),  # of planning, where it reads all up to now
    sa.Column("reread", sa.Text, nullable=False, server_default=""),  # the version of the mapping that asked for it
    sa.Column("turn_at", Instant),  # when its last slice ended
    sa.Column("due_at", Instant),  # NULL: at once
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.CheckConstraint("state IN ('waiting', 'running', 'paused', 'done', 'cancelled', 'failed')", name="state"),
    sa.Index(None, "client", "stream", "state"),
)

backfill_record = sa.Table(
    "backfill_record",
    metadata,
    sa.Column("backfill_id", _Id, primary_key=True),
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),  # asked: still to be read; unknown: not there; seen: at the position
    sa.Column("line", sa.Integer, nullable=False, server_default="0"),  # of the file that the id came from
    sa.ForeignKeyConstraint(["backfill_id"], ["backfill.id"], ondelete="CASCADE"),
    sa.CheckConstraint("state IN ('asked', 'unknown', 'seen')", name="state"),
    sa.Index(None, "backfill_id", "state", "line"),
)

adoption = sa.Table(  # of leads that were in the dialer before syncd; one a client
    "adoption",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),  # open: nothing is created meanwhile
    sa.Column("position_at", Instant),  # of the CRM's stream; NULL: nothing has been read
    sa.Column("until_at", Instant, nullable=False),
    sa.Column("read_to_end", sa.Integer, nullable=False, server_default="0"),
    sa.Column("options", sa.Text, nullable=False, server_default="{}"),  # JSON of engine.adopting.Options
    sa.Column("counts", sa.Text, nullable=False, server_default="{}"),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.CheckConstraint("state IN ('open', 'done', 'cancelled')", name="state"),
)

adoption_record = sa.Table(  # CRM records of which a person must say, or has said, which lead is theirs
    "adoption_record",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("crm_id", sa.Text, primary_key=True),
    sa.Column("phone", sa.Text, nullable=False, server_default=""),  # digest
    sa.Column("leads", sa.Text, nullable=False, server_default="[]"),  # JSON of the leads that it may be
    sa.Column("lead_id", sa.Text, nullable=False, server_default=""),  # the one proposed, decided or adopted
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("decision", sa.Text, nullable=False, server_default=""),  # "": nobody has decided
    sa.Column("todo", sa.Integer, nullable=False, server_default="0"),  # 1: the decision is to be carried out
    sa.Column("was", sa.Text, nullable=False, server_default="{}"),  # JSON of what stood where key and marker are now
    sa.Column("at", Instant, nullable=False),
    sa.CheckConstraint("decision IN ('', 'adopt', 'adopted', 'create', 'skip')", name="decision"),
    sa.Index(None, "client", "decision", "crm_id"),
    sa.Index(None, "client", "phone"),
    sa.Index(None, "client", "lead_id"),
)

memo = sa.Table(
    "memo",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # the connector's to choose
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
)

erasure = sa.Table(  # a person who is, or was, erased
    "erasure",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),  # of what the operator named
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    sa.Column("work", sa.Text),  # JSON of what is still to be done on the dialer; NULL once it is
    sa.Column("by_hand", sa.Text, nullable=False, server_default="[]"),  # JSON of what administrators still have to do
    sa.Column("counts", sa.Text, nullable=False, server_default="{}"),
    sa.Column("due_at", Instant),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.CheckConstraint("state IN ('open', 'by_hand', 'done')", name="state"),
    sa.CheckConstraint("state = 'open' OR work IS NULL", name="ended_is_blank"),
    sa.CheckConstraint("state <> 'done' OR by_hand = '[]'", name="done_is_blank"),
    sa.Index(None, "client", "state"),
)

tombstone = sa.Table(  # who must not come back with the next poll
    "tombstone",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),  # under the store's secret: of a CRM record's id, or of a phone
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("erasure_id", _Id, nullable=False),
    sa.ForeignKeyConstraint(["erasure_id"], ["erasure.id"]),
    sa.CheckConstraint("kind IN ('record', 'phone')", name="kind"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("since_at", Instant),  # of the calls that are compared; NULL: none are
    sa.Column("until_at", Instant, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    sa.Column("phase", sa.Text, nullable=False, server_default=""),
    sa.Column("position", sa.Text, nullable=False, server_default=""),  # in the phase, JSON
    sa.Column("rate", sa.Float, nullable=False),  # requests a second
    sa.Column("counts", sa.Text, nullable=False, server_default="{}"),
    sa.Column("notes", sa.Text, nullable=False, server_default="[]"),  # what could not be seen
    sa.Column("drift", sa.Integer),  # findings, once it is done
    sa.Column("due_at", Instant),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.CheckConstraint("state IN ('open', 'done', 'cancelled')", name="state"),
    sa.Index(None, "client", "state"),
)

audit_row = sa.Table(  # what one side holds, until the audit is done: no values, only hashes
    "audit_row",
    metadata,
    sa.Column("audit_id", _Id, primary_key=True),
    sa.Column("side", sa.Text, primary_key=True),
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default=""),  # of a record: see core.audit; of an activity: when
    sa.Column("wanted", sa.Text, nullable=False, server_default=""),  # which fields a lead has, and their hash
    sa.Column("far_id", sa.Text, nullable=False, server_default=""),  # what was found for it; "-id": out of dialling
    sa.ForeignKeyConstraint(["audit_id"], ["audit.id"], ondelete="CASCADE"),
    sa.CheckConstraint("side IN ('record', 'activity')", name="side"),
    sa.Index(None, "audit_id", "side", "key"),
    sa.Index(None, "audit_id", "side", "far_id"),
)

audit_finding = sa.Table(
    "audit_finding",
    metadata,
    sa.Column("audit_id", _Id, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("far_ids", sa.Text, nullable=False, server_default="[]"),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("fields", sa.Text, nullable=False, server_default="[]"),  # their names
    sa.Column("mend", sa.Text, nullable=False, server_default=""),
    sa.Column("at", Instant),
    sa.ForeignKeyConstraint(["audit_id"], ["audit.id"], ondelete="CASCADE"),
    sa.CheckConstraint("state IN ('suspected', 'confirmed', 'mended')", name="state"),
)

audit_day = sa.Table(
    "audit_day",
    metadata,
    sa.Column("audit_id", _Id, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("calls", sa.Integer, nullable=False),  # that were read
    sa.Column("told", sa.Integer),  # that the dialer counts; NULL: it does not say
    sa.ForeignKeyConstraint(["audit_id"], ["audit.id"], ondelete="CASCADE"),
)
