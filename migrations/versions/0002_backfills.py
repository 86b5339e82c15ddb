"""Backfills: what was asked for, how far it is, and the records that must be remembered one by one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
oldest = "0001"


def upgrade() -> None:
    op.create_table(
        "backfill",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=True),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("by_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("position_at", sa.BigInteger(), nullable=True),
        sa.Column("position_id", sa.Text(), server_default="", nullable=False),
        sa.Column("read_to_end", sa.Integer(), server_default="0", nullable=False),
        sa.Column("counts", sa.Text(), server_default="{}", nullable=False),
        sa.Column("guard_updates", sa.Integer(), server_default="0", nullable=False),
        sa.Column("guard_removes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("turn_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'paused', 'done', 'cancelled', 'failed')", name=op.f("ck_backfill_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfill")),
    )
    op.create_index(op.f("ix_backfill_client_stream_state"), "backfill", ["client", "stream", "state"], unique=False)
    op.create_table(
        "backfill_record",
        sa.Column("backfill_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("state IN ('asked', 'unknown', 'seen')", name=op.f("ck_backfill_record_state")),
        sa.ForeignKeyConstraint(
            ["backfill_id"],
            ["backfill.id"],
            name=op.f("fk_backfill_record_backfill_id_backfill"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("backfill_id", "record_id", name=op.f("pk_backfill_record")),
    )
    op.create_index(
        op.f("ix_backfill_record_backfill_id_state_line"),
        "backfill_record",
        ["backfill_id", "state", "line"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("backfill_record")
    op.drop_table("backfill")
