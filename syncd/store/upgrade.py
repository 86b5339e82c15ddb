"""The schema's revision: make it, move it, refuse a wrong one, and copy the store before anything risky.

Alembic is imported only where it works: every command checks the revision, and Alembic takes longer than that command.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from syncd.sdk import errors
from syncd.store import erasures, tables
from syncd.store.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0011"
"""The revision that this syncd needs: the newest of the migrations, which a test compares with it."""

NAMED = 5
"""So many of a foreign database's tables are named."""

OLDEST = "oldest"
"""The row of `meta` that says which revision's syncd may still use the store, and the name that each migration gives
it by. A migration that only adds what an older syncd need not know names an older revision; one that takes something
away names its own."""

_VERSION = sa.table("alembic_version", sa.column("version_num"))


def migrations_folder() -> Path:
    """Where the migrations are: inside the installed package, or beside it in a checkout."""
    package = Path(str(resources.files("syncd")))
    for folder in (package / "_migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise errors.UserError("the migrations are missing from this installation; install syncd again")


def _config(connection: sa.Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def revisions() -> list[str]:
    """All revisions of the migrations, the newest first."""
    from alembic.script import ScriptDirectory

    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]


def oldest() -> str:
    """The oldest revision whose syncd may use a store of `HEAD`: older ones do what a migration has made impossible."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return max(str(getattr(script.module, OLDEST)) for script in scripts)


def current(db: Database) -> str:
    """The store's revision; "" for an empty database."""
    with db.read() as connection:
        if not sa.inspect(connection).has_table(_VERSION.name):
            return ""
        return connection.execute(sa.select(_VERSION.c.version_num)).scalar() or ""


def missing(db: Database) -> bool:
    """Whether it is an SQLite file that is not there. Raises UserError where that cannot be seen."""
    try:
        return db.path is not None and not db.path.exists()
    except OSError as error:  # the folder is closed to this user
        what = f"the state store cannot be looked at: {error.strerror}"
        fix = "run syncd as its own user (README.md), or correct `store`"
        raise errors.UserError([errors.Problem(what, where=str(db.path), fix=fix)]) from None


def check(db: Database) -> None:
    """Raise UserError with the mending command unless the store has the revision that this syncd needs, or a newer one
    that it may use as well."""
    if missing(db):
        raise errors.UserError(
            [errors.Problem("there is no state store yet", where=str(db.path), fix="run `syncd db upgrade`")]
        )
    found = current(db)
    if found == HEAD or serves(db, found):
        return
    _refuse_unknown(db, found)
    what = "is empty" if not found else f"has revision {found}, this syncd needs {HEAD}"
    raise errors.UserError([errors.Problem(f"the state store {what}", where=db.place, fix="run `syncd db upgrade`")])


def serves(db: Database, found: str) -> bool:
    """Whether a newer syncd made the store of this revision, but left it so that this one can use it."""
    if found <= HEAD:
        return False
    with db.read() as connection:
        made_for = connection.execute(sa.select(tables.meta.c.value).where(tables.meta.c.name == OLDEST)).scalar()
    return made_for is not None and made_for <= HEAD


def _refuse_unknown(db: Database, found: str) -> None:
    """Raise UserError for a revision that none of the migrations makes."""
    if found and found not in revisions():
        problem = errors.Problem(
            f"the state store has revision {found}, which this syncd does not know: it is newer",
            where=db.place,
            fix="install the syncd that upgraded it, or restore the copy that `syncd db upgrade` made before",
        )
        raise errors.UserError([problem])


def _refuse_foreign(db: Database) -> None:
    """Raise UserError for a database that holds tables and is no store of syncd."""
    with db.read() as connection:
        names = set(sa.inspect(connection).get_table_names())
    if names <= {_VERSION.name} or {_VERSION.name, tables.meta.name, tables.intent.name} <= names:
        return
    shown = sorted(names - {_VERSION.name})
    more = f" and {len(shown) - NAMED} more" if len(shown) > NAMED else ""
    problem = errors.Problem(
        f"this database is not syncd's: it holds the tables {', '.join(shown[:NAMED])}{more}",
        where=db.place,
        fix="give syncd a database of its own: correct `store`",
    )
    raise errors.UserError([problem])


def upgrade(db: Database, *, now: datetime) -> tuple[str, str, Path | None]:
    """Bring the store to this syncd's revision: (old, new, the copy made before, SQLite only).

    A store that a newer syncd has left fit for this one stays as it is. Raises UserError for a store that another
    process syncs with, one of a newer syncd that is not fit, and a database that holds anything else."""
    from alembic import command

    if db.path is not None:
        _make_folder(db.path.parent)
    _refuse_foreign(db)
    db.lock()
    old = current(db)
    if serves(db, old):
        return old, old, None
    _refuse_unknown(db, old)
    saved = backup(db, now=now) if old and old != HEAD and db.path is not None else None
    with db.write("upgrade") as connection:
        command.upgrade(_config(connection), "head")
        connection.execute(
            db.insert(tables.meta).values(name="secret", value=secrets.token_hex(32)).on_conflict_do_nothing()
        )
        connection.execute(sa.delete(tables.meta).where(tables.meta.c.name == OLDEST))
        connection.execute(sa.insert(tables.meta).values(name=OLDEST, value=oldest()))
        erasures.raise_oldest(connection)
    return old, current(db), saved


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = errors.Problem(
            f"the folder of the state store cannot be made: {error.strerror}",
            str(folder),
            "make it, or correct `store`",
        )
        raise errors.UserError([problem]) from None


def backup(db: Database, *, now: datetime, to: Path | None = None) -> Path:
    """A consistent copy of an SQLite store while others use it; raise UserError for PostgreSQL and where it cannot be
    written, which leaves no file."""
    if db.path is None:
        raise errors.UserError("a PostgreSQL store is backed up with pg_dump")
    target = to or db.path.with_name(f"{db.path.name}.{now:%Y%m%dT%H%M%SZ}.bak")
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise errors.UserError(f"{target} exists already; choose another name") from None
    except OSError as error:
        raise _not_copied(target, error.strerror) from None
    try:
        with closing(sqlite3.connect(db.path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except BaseException as error:
        for left in (target, target.with_name(f"{target.name}-journal")):
            left.unlink(missing_ok=True)  # half a copy would be taken for one
        if isinstance(error, sqlite3.Error):
            raise _not_copied(target, str(error)) from None
        raise
    return target


def _not_copied(target: Path, why: str | None) -> errors.UserError:
    fix = "free space there, or give a place that can be written with `syncd db backup --to PATH`"
    return errors.UserError([errors.Problem(f"the store cannot be copied: {why}", str(target), fix)])
