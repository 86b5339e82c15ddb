"""Calls whose recording is still to be found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
oldest = "0003"


def upgrade() -> None:
    op.create_table(
        "awaited",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("noted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client", "pipeline", "record_id", name=op.f("pk_awaited")),
    )
    op.create_index(
        op.f("ix_awaited_client_pipeline_due_at"), "awaited", ["client", "pipeline", "due_at"], unique=False
    )


def downgrade() -> None:
    op.drop_table("awaited")
