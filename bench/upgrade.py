"""`python -m bench.upgrade`: how long an old store of many links takes to be copied and brought up to date."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from alembic import command

from syncd.store import tables, upgrade
from syncd.store.database import Database

FIRST = "0001"
_CHUNK = 20_000
_BASE = json.dumps({name: ["0123456789abcdef"] * 2 for name in ("phone_number", "first_name", "last_name", "email")})
_AT = datetime(2026, 1, 1, tzinfo=UTC)


def fill(db: Database, links: int) -> None:
    """A store of the first revision: each link with its base, its decision, its phone, and a settled intent."""
    with db.write("old") as connection:
        command.upgrade(upgrade._config(connection), FIRST)
        connection.execute(sa.insert(tables.client).values(client="acme", identity="x"))
    micros = int(_AT.timestamp() * 1_000_000)
    for start in range(0, links, _CHUNK):
        numbers = range(start, min(links, start + _CHUNK))
        with db.engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO link (id, client, crm_stream, crm_id, dialer_stream, dialer_id, key, base, created_at)"
                    " VALUES (:n, 'acme', 'leads', :id, 'leads', :id, :id, :base, :at)"
                ),
                [{"n": n + 1, "id": str(n), "base": _BASE, "at": micros} for n in numbers],
            )
            connection.execute(
                sa.text(
                    "INSERT INTO intent (id, client, pipeline, target, subject, record_id, state, kind, key, lane,"
                    " version_at, due_at, created_at, updated_at)"
                    " VALUES (:n, 'acme', 'leads', 'dialer.leads', :id, :id, 'settled', 'create', :id, 1,"
                    " :at, :at, :at, :at)"
                ),
                [{"n": n + 1, "id": str(n), "at": micros} for n in numbers],
            )
            connection.execute(
                sa.text(
                    "INSERT INTO decision (client, pipeline, record_id, digest, verdict, at)"
                    " VALUES ('acme', 'leads', :id, '0123456789abcdef', 'intent', :at)"
                ),
                [{"id": str(n), "at": micros} for n in numbers],
            )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.upgrade", description=__doc__)
    parser.add_argument("--links", type=int, default=1_000_000, metavar="N")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as folder:
        path = Path(folder) / "store.db"
        db = Database(f"sqlite:///{path}")
        fill(db, given.links)
        size = path.stat().st_size
        began, cpu = time.monotonic(), time.process_time()
        old, new, copy = upgrade.upgrade(db, now=datetime.now(UTC))
        seconds, cpu_seconds = time.monotonic() - began, time.process_time() - cpu
        with db.read() as connection:
            kept = connection.execute(sa.select(sa.func.count()).select_from(tables.link)).scalar_one()
        db.close()
        if kept != given.links or copy is None:
            print(f"{kept} of {given.links} links are left", file=sys.stderr)
            return 1
    found = {"links": kept, "mb": round(size / 2**20, 1), "from": old, "to": new}
    print(json.dumps(found | {"seconds": round(seconds, 2), "cpu_seconds": round(cpu_seconds, 2)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
