"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
oldest = "0001"


def upgrade() -> None:
    op.create_table(
        "client",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("first_read_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("client", name=op.f("pk_client")),
    )
    op.create_table(
        "decision",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("verdict IN ('intent', 'none', 'skip', 'hold')", name=op.f("ck_decision_verdict")),
        sa.PrimaryKeyConstraint("client", "pipeline", "record_id", name=op.f("pk_decision")),
    )
    op.create_index(
        op.f("ix_decision_client_pipeline_verdict_reason"),
        "decision",
        ["client", "pipeline", "verdict", "reason"],
        unique=False,
    )
    op.create_table(
        "intent",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), server_default="", nullable=False),
        sa.Column("marker", sa.Text(), nullable=True),
        sa.Column("far_id", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("call", sa.Text(), nullable=True),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("version_at", sa.BigInteger(), nullable=False),
        sa.Column("waits_for", sa.Text(), server_default="", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("sent_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("look_at", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("hint", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('create', 'update', 'remove', 'review')", name=op.f("ck_intent_kind")),
        sa.CheckConstraint("state <> 'held' OR reason <> ''", name=op.f("ck_intent_held_has_reason")),
        sa.CheckConstraint(
            "state <> 'sending' OR (sent_at IS NOT NULL AND sent_by IS NOT NULL)",
            name=op.f("ck_intent_sending_is_sent"),
        ),
        sa.CheckConstraint("state <> 'settled' OR body IS NULL", name=op.f("ck_intent_settled_is_blank")),
        sa.CheckConstraint("state IN ('staged', 'sending', 'settled', 'held')", name=op.f("ck_intent_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intent")),
    )
    op.create_index(op.f("ix_intent_client_subject"), "intent", ["client", "subject"], unique=False)
    op.create_index(
        "ix_intent_look",
        "intent",
        ["client", "look_at"],
        unique=False,
        sqlite_where=sa.text("look_at IS NOT NULL"),
        postgresql_where=sa.text("look_at IS NOT NULL"),
    )
    op.create_index(
        "ix_intent_ready",
        "intent",
        ["client", "pipeline", "lane", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'staged'"),
        postgresql_where=sa.text("state = 'staged'"),
    )
    op.create_index(
        "ix_intent_subject_sending",
        "intent",
        ["client", "subject"],
        unique=False,
        sqlite_where=sa.text("state = 'sending'"),
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_index(
        "uq_intent_held",
        "intent",
        ["client", "target", "subject"],
        unique=True,
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index(
        "uq_intent_sending",
        "intent",
        ["client", "target", "subject"],
        unique=True,
        sqlite_where=sa.text("state = 'sending'"),
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_index(
        "uq_intent_staged",
        "intent",
        ["client", "target", "subject"],
        unique=True,
        sqlite_where=sa.text("state = 'staged'"),
        postgresql_where=sa.text("state = 'staged'"),
    )
    op.create_table(
        "lease",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client", "stream", name=op.f("pk_lease")),
    )
    op.create_table(
        "link",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("crm_stream", sa.Text(), nullable=False),
        sa.Column("crm_id", sa.Text(), nullable=False),
        sa.Column("dialer_stream", sa.Text(), nullable=False),
        sa.Column("dialer_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), server_default="{}", nullable=False),
        sa.Column("removed", sa.Text(), server_default="", nullable=False),
        sa.Column("called_at", sa.BigInteger(), nullable=True),
        sa.Column("call_id", sa.Text(), server_default="", nullable=False),
        sa.Column("flags", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
        sa.UniqueConstraint("client", "crm_stream", "crm_id", name=op.f("uq_link_client_crm_stream_crm_id")),
        sa.UniqueConstraint(
            "client", "dialer_stream", "dialer_id", name=op.f("uq_link_client_dialer_stream_dialer_id")
        ),
    )
    op.create_index(op.f("ix_link_client_key"), "link", ["client", "key"], unique=False)
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )
    op.create_table(
        "phone",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("crm_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("client", "digest", name=op.f("pk_phone")),
        sa.UniqueConstraint("client", "crm_id", name=op.f("uq_phone_client_crm_id")),
    )
    op.create_table(
        "pipeline",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("paused", sa.Text(), server_default="", nullable=False),
        sa.Column("paused_why", sa.Text(), server_default="", nullable=False),
        sa.Column("paused_until", sa.BigInteger(), nullable=True),
        sa.Column("auth_role", sa.Text(), server_default="", nullable=False),
        sa.Column("auth_failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("guard_pass", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "paused IN ('', 'operator', 'guard', 'auth', 'mismatch', 'contract')", name=op.f("ck_pipeline_paused")
        ),
        sa.PrimaryKeyConstraint("client", "pipeline", name=op.f("pk_pipeline")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.Column("counts", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index(op.f("ix_run_client_stream_started_at"), "run", ["client", "stream", "started_at"], unique=False)
    op.create_table(
        "stream",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("cursor_at", sa.BigInteger(), nullable=True),
        sa.Column("cursor_id", sa.Text(), server_default="", nullable=False),
        sa.Column("overlap_reads", sa.Text(), server_default="{}", nullable=False),
        sa.Column("vanish_at", sa.BigInteger(), nullable=True),
        sa.Column("vanish_after", sa.Text(), server_default="", nullable=False),
        sa.Column("next_due_at", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("last_run_at", sa.BigInteger(), nullable=True),
        sa.Column("last_ok_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("client", "stream", name=op.f("pk_stream")),
    )
    op.create_table(
        "suppressed",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("crm_id", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("why IN ('opt_out', 'deleted', 'tombstone')", name=op.f("ck_suppressed_why")),
        sa.PrimaryKeyConstraint("client", "crm_id", name=op.f("pk_suppressed")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("intent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["intent_id"], ["intent.id"], name=op.f("fk_event_intent_id_intent"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_intent_id"), "event", ["intent_id"], unique=False)


def downgrade() -> None:
    for table in (
        "event",
        "intent",
        "suppressed",
        "phone",
        "decision",
        "link",
        "run",
        "lease",
        "pipeline",
        "stream",
        "client",
        "meta",
    ):
        op.drop_table(table)
