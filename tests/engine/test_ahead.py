"""While a full batch is on its way, the one before it is settled and the next one is claimed; nothing else changes."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import pytest
import sqlalchemy as sa
import structlog

from syncd.engine import parts, run
from syncd.sdk import errors, records
from syncd.sdk.testing import faulty, memory
from syncd.store import streams, tables
from syncd.store.database import Moment
from tests.engine import site as sites
from tests.engine import story

BATCH = 4
PEOPLE = 3 * BATCH + 1
NIGHTLY = os.environ.get("SYNCD_NIGHTLY") == "1"
COMMITS: dict[str, Moment] = {"commit_before": "before", "commit_after": "after"}
KINDS = ("crash_before", "crash_after", "raises_after", "lost_after", "late", "freeze_after", *COMMITS)
Write = Callable[[Sequence[records.Change]], "Sequence[records.Outcome] | None"]


class Watched(memory.MemoryDialer):
    """A dialer that a test looks at, or disturbs, at each write; `during` returns None to let it happen."""

    during: Write = staticmethod(lambda changes: None)

    def __init__(self, world: memory.World) -> None:
        super().__init__(world=world)
        self.threads: set[int] = set()

    def write(self, stream: str, changes: Sequence[records.Change]) -> Sequence[records.Outcome]:
        self.threads.add(threading.get_ident())
        return self.during(changes) or super().write(stream, changes)

    def canonical(self, stream: str, fields: records.Fields) -> dict[str, str | None]:
        self.threads.add(threading.get_ident())
        return super().canonical(stream, fields)


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    made.upgrade()
    for number in range(PEOPLE):
        made.person(str(number), first_name=f"N{number}", phone=f"727 555 {1000 + number}")
    made.advance(10)
    yield made
    made.close()


def states(site: sites.Site) -> Counter[str]:
    with site.db.read() as connection:
        rows = connection.execute(sa.select(tables.intent.c.state, sa.func.count()).group_by(tables.intent.c.state))
        return Counter({str(row[0]): int(row[1]) for row in rows})


def wait_for(site: sites.Site, **wanted: int) -> Counter[str]:
    """What the store holds once it holds what is wanted, or after ten seconds."""
    deadline = time.monotonic() + 10
    while (found := states(site)) != Counter(wanted) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def start(
    site: sites.Site, during: Write, *, stopping: Callable[[], bool] = lambda: False
) -> tuple[run.Engine, parts.Client]:
    crm, dialer = memory.MemoryConnector(world=site.crm), Watched(world=site.dialer)
    dialer.during = during
    client = parts.Client(sites.CLIENT, crm, dialer, site.pipelines, "identity")
    engine = run.Engine(site.db, clock=site.now, lease_seconds=600.0, stopping=stopping)
    engine.register(client)
    return engine, client


def run_leads(engine: run.Engine, client: parts.Client) -> parts.Report:
    return engine.run_stream(client, client.sources()[0])


def test_the_store_works_on_the_batches_before_and_after_the_one_that_is_on_its_way(site: sites.Site) -> None:
    seen: list[Counter[str]] = []

    def look(changes: Sequence[records.Change]) -> None:
        number = len(seen)
        on_its_way = len(changes)
        ahead = min(BATCH, PEOPLE - (number + 1) * BATCH) if on_its_way == BATCH else 0
        left = PEOPLE - number * BATCH - on_its_way - ahead
        wanted = {"settled": number * BATCH, "sending": on_its_way + ahead, "staged": left}
        seen.append(wait_for(site, **{state: count for state, count in wanted.items() if count}))

    report = run_leads(*start(site, look))
    assert (report.result, report.counts["leads.sent.create"]) == ("ok", PEOPLE)
    assert seen == [
        {"sending": 2 * BATCH, "staged": BATCH + 1},
        {"settled": BATCH, "sending": 2 * BATCH, "staged": 1},
        {"settled": 2 * BATCH, "sending": BATCH + 1},
        {"settled": 3 * BATCH, "sending": 1},
    ]
    assert states(site) == {"settled": PEOPLE}


def test_a_connector_is_used_by_one_thread_alone(site: sites.Site) -> None:
    """What it foretells of a value, it may have to ask its server for."""
    engine, client = start(site, lambda changes: None)
    assert run_leads(engine, client).result == "ok"
    assert isinstance(client.dialer, Watched)
    assert client.dialer.threads == {threading.get_ident()}


def test_what_was_claimed_ahead_is_not_sent_after_a_refused_login(site: sites.Site) -> None:
    def refuse(changes: Sequence[records.Change]) -> Sequence[records.Outcome]:
        assert wait_for(site, sending=2 * BATCH, staged=BATCH + 1)["sending"] == 2 * BATCH
        unsent = records.Outcome(error=errors.RetryLater("not sent", after_seconds=0.0))
        return [records.Outcome(error=errors.AuthFailed("refused")), *[unsent] * (len(changes) - 1)]

    assert run_leads(*start(site, refuse)).result == "paused"
    assert site.dialer.writes == 0
    assert states(site) == {"staged": PEOPLE}
    streams.resume(site.db, sites.CLIENT, ["leads"], now=site.now())
    site.advance(3600)
    assert run_leads(*start(site, lambda changes: None)).result == "ok"
    assert site.dialer.writes == PEOPLE


def test_a_run_that_is_told_to_stop_or_pause_gives_back_what_it_claimed_ahead(site: sites.Site) -> None:
    told: list[str] = []

    def stop(_: Sequence[records.Change]) -> None:
        wait_for(site, sending=2 * BATCH, staged=BATCH + 1)
        told.append("stop")

    report = run_leads(*start(site, stop, stopping=lambda: bool(told)))
    assert report.result == "stopped"
    assert states(site) == {"settled": BATCH, "staged": PEOPLE - BATCH}

    def pause(_: Sequence[records.Change]) -> None:
        wait_for(site, settled=BATCH, sending=2 * BATCH, staged=1)
        streams.pause(site.db, sites.CLIENT, ["leads"], by="operator", why="a test")

    run_leads(*start(site, pause))
    assert states(site)["sending"] == 0
    streams.resume(site.db, sites.CLIENT, ["leads"], now=site.now())
    site.advance(3600)
    assert run_leads(*start(site, lambda changes: None)).result == "ok"
    assert site.dialer.writes == PEOPLE, "nobody is created twice"


def test_whoever_may_not_be_dialled_any_more_is_not_sent_though_claimed_ahead(site: sites.Site) -> None:
    def erase(_: Sequence[records.Change]) -> None:
        if wait_for(site, sending=2 * BATCH, staged=BATCH + 1)["sending"] == 2 * BATCH:
            with site.db.write("test") as connection:
                in_flight = sa.select(tables.intent.c.subject).where(tables.intent.c.state == "sending")
                erased.append(connection.execute(in_flight.order_by(tables.intent.c.id)).scalars().all()[BATCH])
                row = {"client": sites.CLIENT, "crm_id": erased[0], "why": "tombstone", "at": site.now()}
                connection.execute(sa.insert(tables.suppressed).values(row))

    erased: list[str] = []
    assert run_leads(*start(site, lambda changes: erase(changes) if not erased else None)).result == "ok"
    assert len(erased) == 1
    assert site.leads_of(erased[0]) == []
    assert site.dialer.writes == PEOPLE - 1
    assert states(site) == {"settled": PEOPLE}


def test_a_store_that_fails_beside_a_batch_leaves_all_that_was_sent_to_recovery(site: sites.Site) -> None:
    claims = []

    def fail(label: str, moment: Moment) -> None:
        claims.append(label == "claim" and moment == "before")
        if sum(claims) == 3:
            site.on_commit = lambda label, moment: None
            raise errors.UserError("the disk is full")

    site.on_commit = fail
    with pytest.raises(errors.UserError, match="disk"):
        run_leads(*start(site, lambda changes: None))
    assert site.dialer.writes == 2 * BATCH
    assert states(site) == {"settled": BATCH, "sending": BATCH, "staged": BATCH + 1}
    site.expire_leases()
    for _ in range(2):
        site.advance(70)
        assert run_leads(*start(site, lambda changes: None)).result == "ok"
    assert site.dialer.writes == PEOPLE
    assert states(site) == {"settled": PEOPLE}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_day_of_batches_of_one_ends_as_a_calm_one_wherever_it_is_disturbed(store_url: str, kind: str) -> None:
    """Each batch is full, so that there is always one ahead. On SQLite at some places, with SYNCD_NIGHTLY=1 at all."""
    if not NIGHTLY and not store_url.startswith("sqlite"):
        pytest.skip("on PostgreSQL with SYNCD_NIGHTLY=1")
    site = sites.Site(store_url, batch_size=1)
    site.upgrade()
    with structlog.testing.capture_logs():
        calm = story.Disturbance()
        undisturbed = story.Story(site, calm).tell()
        for disturbance in disturbances(kind, calm):
            site.forget()
            assert story.Story(site, disturbance).tell() == undisturbed, disturbance
    site.close()


def disturbances(kind: str, calm: story.Disturbance) -> Iterator[story.Disturbance]:
    places, step = (calm.commits, 24) if kind in COMMITS else (calm.faults.writes, 12)
    for at in range(1, places + 1, 1 if NIGHTLY else step):
        if kind in COMMITS:
            yield story.Disturbance(commit=(at, COMMITS[kind]))
        else:
            yield story.Disturbance(faults=faulty.Faults(cast("faulty.Kind", kind), at))
