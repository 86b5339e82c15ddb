"""Are both systems still the ones that we know?

A dialer that was put back to yesterday's state lacks today's leads, and gives their ids again; a CRM whose sandbox was
refreshed, or that was exchanged under the same address, has none of the records that we know. Both are noticed before
anything is written. Looked at when the program begins, and before many new records become leads.
"""

from __future__ import annotations

import time

from syncd.core import model
from syncd.engine.parts import Context
from syncd.store import known

NEWEST = 20  # links that are looked at
ENOUGH = 10  # fewer of them may all be gone because somebody cleans up after a try
MANY = 10  # new records of one run that are worth a look at the CRM
AGAIN_SECONDS = 60.0  # how long a look at the CRM holds

Looked = dict[tuple[str, str], float]  # (client, stream) → monotonic time of the last look at the CRM


def check_dialer(ctx: Context, pipe: model.Pipeline) -> None:
    """Raise WrongKey if the youngest linked lead no longer carries its key, and Vanished where it and all the youngest
    ones are gone."""
    connector, spec = ctx.target(pipe)
    if spec.key_field is None:
        return
    newest = known.newest_links(ctx.db, ctx.client.name, pipe.source.stream, 1)
    if not newest:
        return
    link = newest[0]
    found = connector.get(pipe.target.stream, [link.dialer_id], [spec.key_field])
    if found:
        if found[0].fields.get(spec.key_field) != link.key:
            raise model.WrongKey(link)
        return
    links = _newest(ctx, pipe)
    if len(links) < ENOUGH:
        return
    there = connector.get(pipe.target.stream, [one.dialer_id for one in links], [spec.key_field])
    keys = {one.id: one.fields.get(spec.key_field) for one in there}
    if other := [one for one in links if keys.get(one.dialer_id, one.key) != one.key]:
        raise model.WrongKey(other[0])
    if not there:
        raise model.Vanished("dialer", "leads", len(links))


def check_crm(ctx: Context, pipe: model.Pipeline, looked: Looked, *, creates: int) -> None:
    """Raise Vanished where none of the records that were linked last is in the CRM any more. Looks once after the
    program has begun, and again where a run is about to make many leads."""
    place = (ctx.client.name, str(ctx.side))
    now, last = time.monotonic(), looked.get(place)
    if last is not None and (creates < MANY or now - last < AGAIN_SECONDS):
        return
    links = _newest(ctx, pipe)
    if len(links) >= ENOUGH:
        with ctx.asking(pipe.source.role):
            ids = [one.crm_id for one in links]
            if not ctx.source.get(pipe.source.stream, ids, ()):
                raise model.Vanished("crm", "records", len(links))
    looked[place] = now


def _newest(ctx: Context, pipe: model.Pipeline) -> list[model.Link]:
    """The youngest links, but for those that were there when an operator last said that all is well."""
    passed_at = ctx.state(pipe.name).guard_passed_at or model.EPOCH
    links = known.newest_links(ctx.db, ctx.client.name, pipe.source.stream, NEWEST)
    return [one for one in links if one.created_at > passed_at]
