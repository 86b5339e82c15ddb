"""`syncd altered`: which leads hold other values than the CRM, since the dialer keeps some its own way."""

from __future__ import annotations

from collections import Counter

import cyclopts

from syncd.cli import session as sessions


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, altered)


def altered(client: str, /, *, session: sessions.Given) -> int:
    """List the leads of which the dialer keeps something else than it was sent: letters dropped, texts cut, a value
    that a custom field does not take. Records and names of fields, never values; asks neither system.

    Each is also told once when it comes about: an event of its intent, and `altered` on the intent's log line.

    Example: syncd altered acme

    Parameters
    ----------
    client
        The client.
    """
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.store import altered as store_altered

    with session.store(settings) as db, setup.clients(settings, [client]) as clients:
        mapped = {name for pipe in clients[0].pipelines if pipe.kind == "leads" for name in pipe.fields.targets}
        found = list(store_altered.leads(db, client, mapped))
    session.out.table(("record", "lead", "fields"), [(one.record, one.lead, ", ".join(one.fields)) for one in found])
    counts = Counter(name for one in found for name in one.fields)
    told = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    session.out.line(f"{len(found)} leads hold something else than the CRM{': ' if told else ''}{told}")
    session.out.result(found)
    return 0
