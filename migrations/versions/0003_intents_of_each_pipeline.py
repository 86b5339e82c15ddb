"""Several pipelines may write to one CRM record: each has a staged and a held intent of its own; what an intent settles
may be more than the fields that it sends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
oldest = "0003"


def upgrade() -> None:
    op.add_column("intent", sa.Column("base", sa.Text(), nullable=True))
    for state in ("staged", "held"):
        op.drop_index(f"uq_intent_{state}", table_name="intent")
        _unique(state, ["client", "target", "subject", "pipeline"])


def downgrade() -> None:
    for state in ("staged", "held"):
        op.drop_index(f"uq_intent_{state}", table_name="intent")
        _unique(state, ["client", "target", "subject"])
    op.drop_column("intent", "base")


def _unique(state: str, columns: list[str]) -> None:
    where = sa.text(f"state = '{state}'")
    op.create_index(f"uq_intent_{state}", "intent", columns, unique=True, sqlite_where=where, postgresql_where=where)
