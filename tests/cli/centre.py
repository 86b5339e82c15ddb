"""A call centre that has worked for years before syncd: its dialer is full of leads that somebody else has made."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from syncd.store.database import Database
from tests.cli import shop as shops

KEY_IS = "CRM-{legacy}"


def opened(shop: shops.Shop, store_url: str, **leads: Any) -> None:
    """Give the shop's people a surname and an old id, and this store. `leads`: of the pipeline, beside the mapping."""
    settings = shop.settings()
    settings["store"] = store_url
    pipeline = settings["clients"]["acme"]["pipelines"]["leads"]
    pipeline["fields"] |= {"last_name": "last_name"}
    pipeline.update(leads)
    shop.write(settings)
    for column in ("last_name", "legacy"):
        shop.crm(f"ALTER TABLE people ADD {column} TEXT")
    assert shop.syncd("db", "upgrade").code == 0


def person(shop: shops.Shop, number: int, phone: str, first: str, last: str, *, legacy: str = "", out: int = 0) -> None:
    """Somebody in the CRM."""
    shop.crm(
        "INSERT INTO people (id, first_name, last_name, phone, legacy, do_not_call, modified) "
        "VALUES (?, ?, ?, ?, ?, ?, strftime('%Y-%m-%d %H:%M:%f', 'now'))",
        number, first, last, phone, legacy, out,
    )  # fmt: skip


def lead(shop: shops.Shop, phone: str, first: str, last: str, key: str = "", **columns: str) -> int:
    """A lead that another program has made; returns its id."""
    given = {
        "phone_number": phone, "phone_code": "1", "list_id": "102", "status": "NA", "first_name": first,
        "last_name": last, "vendor_lead_code": key, "source_id": "web", "called_since_last_reset": "Y", **columns,
    }  # fmt: skip
    with shop.sim.world.lock:
        return shop.sim.world.insert_lead(given).lead_id


def leads(shop: shops.Shop) -> dict[int, Any]:
    """All leads."""
    with shop.sim.world.lock:
        return dict(shop.sim.world.leads)


def links(store_url: str) -> dict[str, str]:
    """CRM record → lead."""
    with closing(Database(store_url)) as db, db.read() as connection:
        rows = connection.execute(sa.text("SELECT crm_id, dialer_id FROM link WHERE crm_stream = 'leads'"))
        return {row.crm_id: row.dialer_id for row in rows}


def decided(review: Path, decisions: Mapping[str, str]) -> Path:
    """The review file as an operator stores it: CRM record → decision."""
    rows = list(csv.DictReader(review.read_text("utf-8").splitlines()))
    filled = review.with_name("filled.csv")
    with filled.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        out.writerows(row | {"decision": decisions.get(row["crm_id"], "")} for row in rows)
    return filled


def planted(shop: shops.Shop) -> set[int]:
    """The leads that carry syncd's marker."""
    return {lead_id for lead_id, one in leads(shop).items() if one.source_id.startswith("syncd:")}


def leases_expire(store_url: str) -> None:
    """The time passes for which a process that was killed keeps others from its streams."""
    with closing(Database(store_url)) as db, db.write("test") as connection:
        connection.execute(sa.text("UPDATE lease SET expires_at = 0"))
