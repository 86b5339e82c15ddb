"""The statements that change many intents or links at once, made once (see `bulk`). `b_` is what a row brings along."""

from __future__ import annotations

import sqlalchemy as sa

from syncd.store import tables

_intent = tables.intent
_link = tables.link


def _change(*names: str, **values: object) -> sa.Update:
    """An update of intents by id, with the time; `names` are columns that each row brings along."""
    given: dict[str, object] = {name: sa.bindparam(f"b_{name}") for name in names}
    return (
        sa.update(_intent)
        .where(_intent.c.id == sa.bindparam("b_id"))
        .values({**given, **values, "updated_at": sa.bindparam("b_now")})
    )


END = _change("result", state="settled", body=None)
RESTAGE = _change(
    "record_id", "kind", "key", "marker", "body", "call", "base", "lane", "version_at", "waits_for", "reason",
    "hint",
)  # fmt: skip
SEND = _change(
    "kind",
    "far_id",
    state="sending",
    sent_at=sa.bindparam("b_now"),
    sent_by=sa.bindparam("b_run"),
    attempts=_intent.c.attempts + 1,
)
STILL_SENDING = _change(sent_at=sa.bindparam("b_now"))
SETTLE = _change("state", "result", "reason", "hint", "due_at", "look_at", "body")
MERGE_BASE = sa.update(_link).where(_link.c.id == sa.bindparam("b_id")).values(base=sa.bindparam("b_base"))
