"""What the guard counts: changes that are staged, and those that went out within the last hour.

A create or update without a link yet counts as a create. Opt-outs and do-not-call requests are not counted, see
`core.guard`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from syncd.core import digest, guard, model
from syncd.store import delivery, known, tables
from syncd.store.lease import Run

_intent = tables.intent
_link = tables.link
_run = tables.run
WINDOW = timedelta(hours=1)
SLICE = 500
EXAMPLES = 3


def totals(run: Run, pipe: model.Pipeline, hashes: digest.Digest) -> guard.Totals:
    """What this pipeline has staged."""
    staged = (
        _intent.c.client == run.client,
        _intent.c.pipeline == pipe.name,
        _intent.c.state == "staged",
        sa.not_(delivery.exempt()),
    )
    linked = sa.exists().where(
        _link.c.client == _intent.c.client, _link.c.crm_stream == "leads", _link.c.crm_id == _intent.c.subject
    )
    taken_out = sa.or_(_intent.c.kind != "remove", _intent.c.reason == "twin", linked)
    with run.db.read() as connection:
        rows = connection.execute(
            sa.select(_intent.c.kind, sa.func.count()).where(*staged, taken_out).group_by(_intent.c.kind)
        )
        kinds = {row[0]: row[1] for row in rows}
        links = connection.execute(
            sa.select(sa.func.count())
            .select_from(_link)
            .where(_link.c.client == run.client, _link.c.crm_stream == "leads", _link.c.removed == "")
        ).scalar_one()
        examples = {
            kind: tuple(
                connection.execute(
                    sa.select(_intent.c.subject)
                    .where(*staged, taken_out, _intent.c.kind == kind)
                    .order_by(_intent.c.id)
                    .limit(EXAMPLES)
                ).scalars()
            )
            for kind in ("update", "remove")
            if kinds.get(kind)
        }
    found = guard.Totals(
        kinds.get("create", 0), kinds.get("update", 0), kinds.get("remove", 0), links, examples=examples
    )
    if not guard.looks_into(pipe.guard, found.updates):
        return found
    phones, blanked = 0, Counter[str]()
    such: dict[str, tuple[str, ...]] = {}
    for row in _staged_updates(run, pipe, staged):
        link = known.joined_link(row)
        phone, blank = guard.effects(pipe, json.loads(row.body or "{}"), link.base if link else None, hashes)
        phones += phone
        blanked.update(blank)
        for what in (*blank, *(("phone",) if phone else ())):
            if len(such.get(what, ())) < EXAMPLES:
                such[what] = (*such.get(what, ()), row.subject)
    return replace(found, phones=phones, blanked=blanked, examples={**such, **examples})


def _staged_updates(
    run: Run, pipe: model.Pipeline, staged: tuple[sa.ColumnElement[bool], ...]
) -> Iterator[sa.Row[Any]]:
    """The staged updates with their links, a slice at a time: there may be as many as the CRM has records."""
    crm_stream, dialer_stream, column = delivery.link_side(pipe)
    link = sa.and_(
        _link.c.client == _intent.c.client,
        _link.c.crm_stream == crm_stream,
        _link.c.dialer_stream == dialer_stream,
        _link.c[column] == _intent.c.subject,
    )
    statement = (
        sa.select(_intent.c.id, _intent.c.subject, _intent.c.body, *known.LINK_COLUMNS)
        .select_from(_intent.outerjoin(_link, link))
        .where(*staged, _intent.c.kind == "update", _intent.c.id > sa.bindparam("after"))
        .order_by(_intent.c.id)
        .limit(SLICE)
    )
    after = 0
    while True:
        with run.db.read() as connection:
            rows = connection.execute(statement, {"after": after}).all()
        yield from rows
        if len(rows) < SLICE:
            return
        after = rows[-1].id


def done_before(run: Run, pipe: model.Pipeline, *, now: datetime, passed_at: datetime | None) -> tuple[int, int]:
    """(updates, removals) that this pipeline sent within the last hour and since its guard last let something pass. A
    run that was killed counts nothing."""
    since = max(now - WINDOW, passed_at) if passed_at is not None else now - WINDOW
    with run.db.read() as connection:
        rows = connection.execute(
            sa.select(_run.c.counts).where(
                _run.c.client == run.client,
                _run.c.stream == run.stream,
                _run.c.started_at > since,
                _run.c.started_at <= now,
                _run.c.id != run.id,
            )
        ).scalars()
        sent: Counter[str] = Counter()
        for text in rows:
            counts = json.loads(text)
            for kind in ("update", "remove"):
                sent[kind] += counts.get(f"{pipe.name}.sent.{kind}", 0) - counts.get(f"{pipe.name}.lawful.{kind}", 0)
    return sent["update"], sent["remove"]
