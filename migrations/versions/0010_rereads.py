"""Backfills that a changed mapping asked for.

A syncd that does not know them takes those of people for ones by id without ids: it ends them and dials nobody.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
oldest = "0003"


def upgrade() -> None:
    op.add_column("backfill", sa.Column("reread", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("backfill", "reread")
