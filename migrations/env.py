"""Runs migrations inside the connection that `syncd db upgrade` opened."""

from __future__ import annotations

from alembic import context

from syncd.store import tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=tables.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
