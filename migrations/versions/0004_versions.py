"""With which version of its mapping a pipeline has read everything, and what a backfill makes of that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
oldest = "0003"


def upgrade() -> None:
    for table in ("pipeline", "backfill"):
        op.add_column(table, sa.Column("version", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    for table in ("pipeline", "backfill"):
        op.drop_column(table, "version")
