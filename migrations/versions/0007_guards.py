"""When a pipeline's guard last let something pass: what went out before is not counted any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
oldest = "0003"


def upgrade() -> None:
    op.add_column("pipeline", sa.Column("guard_passed_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("pipeline", "guard_passed_at")
