"""Adoptions of leads that were in the dialer before syncd, and what is decided of their records.

An older syncd does not know that nothing is to be created while an adoption goes on, nor for whom an operator wants no
lead: docs/adopt.md says so.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
oldest = "0003"


def upgrade() -> None:
    op.create_table(
        "adoption",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("position_at", sa.BigInteger(), nullable=True),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("read_to_end", sa.Integer(), server_default="0", nullable=False),
        sa.Column("options", sa.Text(), server_default="{}", nullable=False),
        sa.Column("counts", sa.Text(), server_default="{}", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'done', 'cancelled')", name=op.f("ck_adoption_state")),
        sa.PrimaryKeyConstraint("client", name=op.f("pk_adoption")),
    )
    op.create_table(
        "adoption_record",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("crm_id", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("leads", sa.Text(), server_default="[]", nullable=False),
        sa.Column("lead_id", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("decision", sa.Text(), server_default="", nullable=False),
        sa.Column("todo", sa.Integer(), server_default="0", nullable=False),
        sa.Column("was", sa.Text(), server_default="{}", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "decision IN ('', 'adopt', 'adopted', 'create', 'skip')", name=op.f("ck_adoption_record_decision")
        ),
        sa.PrimaryKeyConstraint("client", "crm_id", name=op.f("pk_adoption_record")),
    )
    op.create_index(
        op.f("ix_adoption_record_client_decision_crm_id"),
        "adoption_record",
        ["client", "decision", "crm_id"],
        unique=False,
    )
    op.create_index(op.f("ix_adoption_record_client_phone"), "adoption_record", ["client", "phone"], unique=False)
    op.create_index(op.f("ix_adoption_record_client_lead_id"), "adoption_record", ["client", "lead_id"], unique=False)


def downgrade() -> None:
    op.drop_table("adoption_record")
    op.drop_table("adoption")
