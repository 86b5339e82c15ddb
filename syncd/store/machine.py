"""Which machine an SQLite store belongs to. A copy on another machine, with the original still at work, would make each
new record a lead twice; so a store that has moved is used only once somebody says that it has.

A store has moved if both the machine (/etc/machine-id) and the file (its inode) are others than at its last use: a
container that is made anew keeps the file of its volume, and a copy put back on the same machine keeps the machine.
"""

from __future__ import annotations

import socket
from pathlib import Path

import sqlalchemy as sa

from syncd.sdk import errors
from syncd.store import tables
from syncd.store.database import Database

MACHINE_ID = Path("/etc/machine-id")
_NAME = "machine"
_meta = tables.meta


def check(db: Database, *, machine_id: Path = MACHINE_ID) -> None:
    """Note where the store is used, or raise UserError where it was used on another machine. Nothing is known of a
    machine without an id, and nothing has to be of a PostgreSQL store."""
    here = _here(db, machine_id)
    if here is None:
        return
    with db.read() as connection:
        text = connection.execute(sa.select(_meta.c.value).where(_meta.c.name == _NAME)).scalar()
    if text == here:
        return
    if text is not None:
        machine, inode, host = text.split(" ", 2)
        now_machine, now_inode, _ = here.split(" ", 2)
        if machine != now_machine and inode != now_inode:
            problem = errors.Problem(
                f"this state store was last used on another machine ({host}): two that sync from copies of one store "
                "make each new lead twice",
                db.place,
                "if syncd has moved here for good, stop it there and run `syncd db moved`; else give this one a store "
                "of its own",
            )
            raise errors.UserError([problem])
    _note(db, here)


def moved(db: Database, *, machine_id: Path = MACHINE_ID) -> None:
    """An operator says that the store has moved to this machine for good."""
    here = _here(db, machine_id)
    if here is not None:
        _note(db, here)


def _here(db: Database, machine_id: Path) -> str | None:
    if db.path is None:
        return None
    try:
        machine = machine_id.read_text("ascii").strip()
        inode = db.path.stat().st_ino
    except (OSError, UnicodeDecodeError):
        return None
    return f"{db.hashes().value(machine)} {inode} {socket.gethostname()}" if machine else None


def _note(db: Database, here: str) -> None:
    with db.write("machine") as connection:
        connection.execute(sa.delete(_meta).where(_meta.c.name == _NAME))
        connection.execute(sa.insert(_meta).values(name=_NAME, value=here))
