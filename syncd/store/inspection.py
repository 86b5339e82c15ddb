"""Whether a store is sound: its schema against the models, and the database's own check of itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from syncd.sdk.errors import Problem
from syncd.store import tables, upgrade
from syncd.store.database import Database

_RESTORE = "restore a copy of the store (`syncd db backup` makes them)"


def inspect(db: Database) -> list[Problem]:
    """What is wrong with the store; nothing is changed. What a newer syncd has added is not."""
    problems = []
    newer = upgrade.serves(db, upgrade.current(db))
    with db.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        problems += [
            Problem(f"the schema differs from the models: {_words(difference)}", "store", "run `syncd db upgrade`")
            for difference in compare_metadata(context, tables.metadata)
            if not (newer and str(difference[0]).startswith("remove_"))
        ]
        if db.sqlite:
            problems += [
                Problem(f"SQLite finds the file damaged: {row[0]}", "store", _RESTORE)
                for row in connection.execute(sa.text("PRAGMA integrity_check(20)"))
                if row[0] != "ok"
            ]
            problems += [
                Problem(f"a row of {row[0]} points to a row of {row[2]} that is not there", "store", _RESTORE)
                for row in connection.execute(sa.text("PRAGMA foreign_key_check")).fetchmany(20)
            ]
    return problems


def _words(difference: object) -> str:
    """alembic's tuple, or list of tuples, in words."""
    if isinstance(difference, list):
        return "; ".join(_words(one) for one in difference)
    if isinstance(difference, tuple):
        return " ".join(str(getattr(part, "name", None) or part) for part in difference if part is not None)
    return str(difference)
