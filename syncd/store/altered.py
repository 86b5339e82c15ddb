"""Which leads hold other values than their CRM records, as the bases of their links remember it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from syncd.store import tables
from syncd.store.database import Database

_link = tables.link
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Altered:
    """One lead: names of the fields of which the dialer keeps something else than it was sent; never their values."""

    record: str
    lead: str
    fields: tuple[str, ...]


def leads(db: Database, client: str, fields: Collection[str]) -> Iterator[Altered]:
    """The client's leads that hold one of these fields otherwise, in the order in which they were linked. Leads that
    are out of dialling are left out."""
    after = 0
    while True:
        with db.read() as connection:
            rows = connection.execute(
                sa.select(_link.c.id, _link.c.crm_id, _link.c.dialer_id, _link.c.base)
                .where(
                    _link.c.client == client,
                    _link.c.crm_stream == "leads",
                    _link.c.removed == "",
                    _link.c.id > after,
                )
                .order_by(_link.c.id)
                .limit(_AT_ONCE)
            ).all()
        for row in rows:
            pairs: dict[str, list[str]] = json.loads(row.base)
            names = tuple(sorted(name for name in pairs.keys() & set(fields) if pairs[name][0] != pairs[name][1]))
            if names:
                yield Altered(row.crm_id, row.dialer_id, names)
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].id
