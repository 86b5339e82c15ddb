"""What connectors remember of the far systems: what a server can do, which logins it refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
oldest = "0003"


def upgrade() -> None:
    op.create_table(
        "memo",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_memo")),
    )


def downgrade() -> None:
    op.drop_table("memo")
